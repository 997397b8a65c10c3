"""Checks that any column has: completeness and type; and those of categories."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from holdfast.core.promises import Argument
from holdfast.quality.profiling import _bounds
from holdfast.quality.profiling._drafts import EXACT, Candidate, Column, Draft, counted, percent, promise, share, shown

#: Most categories that are written into one promise, and how often each is seen at least, on average.
CATEGORIES, EACH = 60, 8

#: Least share of a category whose share is promised.
OFTEN = 0.1

#: Longest category that is written into a promise.
LONGEST = 200

#: Most different whole numbers that are taken for codes rather than for amounts.
CODES = 12

#: Most of the mass that may lie on categories not seen yet (Good-Turing) where categories are promised.
UNSEEN = 0.02

#: Least share of a column's texts that read as a kind where that kind is promised.
READABLE = 0.95

#: Values whose type is looked at.
READ = 100_000

#: What texts look like that read as a kind; `typed` judges by the same forms.
READS = {
    "integer": r"^\s*[+-]?[0-9]+(?:\.0*)?\s*$",
    "number": r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$",
    "date": r"^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$",
    "boolean": r"^\s*(?i:true|false)\s*$",
}


def general(column: Column) -> Iterator[Candidate]:
    """Completeness and type of a column."""
    gone = ~column.there
    between = _bounds.moving(gone.astype(np.float64)) if 0 < column.missing < column.rows else (0.0, 0)
    support = f"{counted(column.missing, column.rows)} rows are missing"
    if between[0] > 0:
        support += "; the missing share moves along the rows"
    if column.n == 0:
        yield told_empty(column)
        return
    yield share(
        "completeness",
        "completeness",
        [column.name],
        failing=column.missing,
        n=column.rows,
        support=support,
        between=between,
    )
    yield from _types(column)


def told_empty(column: Column) -> Candidate:
    """Tell that a column holds nothing."""
    made = Draft(
        promise("completeness", [column.name], ">=", 1.0),
        "completeness",
        (column.name,),
        f"all {column.rows} rows are missing",
        column.rows,
        "every value is missing: nothing can be learned of it",
    )
    return Candidate(0, lambda _: [made])


def _types(column: Column) -> Iterator[Candidate]:
    if column.kind == "other":
        return
    if column.kind == "text":
        yield from _text_type(column)
        return
    kind = {"boolean": "boolean", "time": "date"}.get(column.kind, "integer" if column.whole else "number")
    support = f"all {column.n} values are {'whole numbers' if kind == 'integer' else f'of the type {kind}'}"
    yield share("type", "typed", [column.name], [kind], failing=0, n=column.n, support=support, doubt=column.scarce)


def _text_type(column: Column) -> Iterator[Candidate]:
    kind, reads, n = text_kind(column)
    if kind == "text":
        if not categorical(column):
            support = f"0 of {n} texts read as a number"
            yield share("type", "typed", [column.name], ["text"], failing=0, n=n, support=support, doubt=column.scarce)
        return
    failing = n - int(reads.sum())
    support = f"{counted(n - failing, n)} texts read as {kind}"
    middle = n // 2
    first, second = float(reads[:middle].mean()) if middle else 1.0, float(reads[middle:].mean())
    doubt = column.scarce
    if 1 - failing / n < READABLE:
        doubt = "the column mixes types"
    if abs(first - second) > 0.2:
        doubt = f"the type changes along the rows: {percent(first)} in the first half, {percent(second)} in the second"
    yield share("type", "typed", [column.name], [kind], failing=failing, n=n, support=support, doubt=doubt)


def text_kind(column: Column) -> tuple[str, np.ndarray, int]:
    """Kind that the texts of a column mostly read as, which of the texts do, and how many were looked at.

    ``text`` where fewer than one in twenty reads as anything else.
    """
    values = column.values.gather_every(max(1, column.n // READ)).alias("text")
    table = values.str.slice(0, 64).to_frame()
    found = table.select(pl.col("text").str.contains(pattern).alias(kind) for kind, pattern in READS.items())
    reads = {name: found[name].to_numpy() for name in found.columns}
    best = max(reads, key=lambda name: (float(reads[name].mean()), name == "integer"))
    level = float(reads[best].mean())
    # One that does not read as a number: a text column is what it is called.
    return (best if level > 0.05 else "text"), reads[best], values.len()


def stays_text(column: Column) -> bool:
    """Whether the texts must be read as text by what the contract says, lest a fresh file has them read as numbers."""
    if column.kind != "text" or column.n == 0:
        return False
    kind, reads, _ = text_kind(column)
    return kind in ("integer", "number") and float(reads.mean()) > 0.5


def categorical(column: Column) -> bool:
    """Whether the values are categories or codes, few enough and seen often enough to be listed."""
    if column.n == 0 or column.kind not in ("text", "number", "boolean"):
        return False
    most = min(CATEGORIES if column.kind == "text" else CODES, column.n // EACH)
    if column.distinct > max(1, most) or (column.kind == "number" and not _listable(column)):
        return False
    # Prose that stands often is prose still: nobody lists it.
    return column.kind != "text" or bool((column.values.str.len_bytes() <= 4 * LONGEST).all())


def settled(column: Column) -> bool:
    """Whether the categories are known: few of the rows to come will hold one that was not seen (Good-Turing)."""
    return int((column.values.value_counts()["count"] == 1).sum()) <= UNSEEN * column.n


def _listable(column: Column) -> bool:
    if not column.whole:
        return column.distinct == 1 and bool(column.values.cast(pl.Float64).is_finite().all())
    top = column.values.cast(pl.Float64).abs().max()
    return isinstance(top, float) and top < EXACT


def categories(column: Column) -> Iterator[Candidate]:
    """The categories that can be, and how often the commonest two are seen."""
    table = pl.DataFrame({"value": column.values, "half": column.half})
    counts = (
        table.group_by("value").agg(n=pl.len(), one=pl.col("half").sum()).sort("n", "value", descending=[True, False])
    )
    seen, one = counts["n"].to_numpy(), counts["one"].to_numpy().astype(np.int64)
    if column.kind != "boolean" or column.distinct == 1:
        yield from _listed(column, counts["value"].to_list(), seen, one)
    if column.distinct > 1:
        # Of two values, the share of one says that of the other.
        told = 2 if len(seen) > 2 else 1
        for value, hits in zip(counts["value"].to_list()[:told], seen.tolist()[:told], strict=True):
            if hits >= OFTEN * column.n and not (isinstance(value, str) and len(value) > LONGEST):
                yield _frequency(column, value, hits)


def _listed(column: Column, values: list[object], seen: np.ndarray, one: np.ndarray) -> Iterator[Candidate]:
    # What was seen once says how much was never seen (Good, 1953); the halves say how it went when half was seen.
    single = int((seen == 1).sum())
    surprises = max(int(seen[one == 0].sum()), int(seen[one == seen].sum()))
    failing = max(single, surprises / 2)
    doubt = column.scarce
    if failing / column.n > UNSEEN:
        doubt = f"values not seen yet are likely (about {percent(failing / column.n)} of fresh rows)"
    elif any(len(str(each)) > LONGEST for each in values):
        return
    support = f"{len(values)} values in {column.n} rows" if len(values) > 1 else f"constant in {column.n} rows"
    support += f", rarest {int(seen.min())} times" if len(values) > 1 else ""
    support += f"; {single} seen only once" if single else ""
    args = sorted((_argument(each) for each in values), key=lambda each: (isinstance(each, str), each))
    yield share("categories", "allowed", [column.name], args, failing=failing, n=column.n, support=support, doubt=doubt)


def _argument(value: object) -> Argument:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else float(str(value))


def _frequency(column: Column, value: object, hits: int) -> Candidate:
    is_it = (column.values == value).to_numpy().astype(np.float64)
    between, blocks = _bounds.moving(is_it)
    level = hits / column.n
    support = f"{counted(hits, column.n)} are {shown(value)}"

    def make(alpha: float) -> list[Draft]:
        low, high = _bounds.frequency_bounds(hits, column.n, alpha)
        if between > 0:
            wide = _bounds.block_margin(between, blocks, alpha)
            low, high = min(low, level - wide), max(high, level + wide)
        low, high = _bounds.outward(low, high)
        said = support + ("; the share moves along the rows" if between > 0 else "")
        # A bound that hardly says anything is none.
        ends = [(">=", low)] if low >= level / 4 else []
        ends += [("<=", high)] if 1 - high >= (1 - level) / 4 else []
        args = [column.name, _argument(value)]
        return [
            Draft(promise("frequency", args, op, end), "frequency", (column.name,), said, column.n, column.scarce)
            for op, end in ends
        ]

    return Candidate(0 if column.scarce else 2, make)


def codes(cells: pl.DataFrame) -> dict[str, str]:
    """Columns of digits that must be read as text, lest their leading zeros be lost, with the type ``text``.

    Parameters
    ----------
    cells
        Shape (n, columns), every column text, as the file has it.

    Returns
    -------
    dict
        ``{column: "text"}`` for the columns of which nine in ten texts are digits and one begins with a zero that
        more digits follow (``01234``), or which have more digits than a 64-bit number keeps.

    Examples
    --------
    >>> codes(pl.DataFrame({"zip": ["01234", "99501"], "age": ["39", "50"], "ratio": ["0.5", "0"]}))
    {'zip': 'text'}
    """
    found = {}
    for name in cells.columns:
        texts = cells[name].cast(pl.String).drop_nulls().str.strip_chars()
        digits = texts.str.contains(r"^[0-9]+$")
        if texts.len() and digits.sum() >= 0.9 * texts.len() and texts.str.contains(r"^(?:0[0-9]+|[0-9]{19,})$").any():
            found[name] = "text"
    return found
