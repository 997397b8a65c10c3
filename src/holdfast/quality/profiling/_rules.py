"""Rules between columns of numbers or dates: one never above another, sums, correlation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from holdfast.core.units import number_text
from holdfast.quality.profiling import _bounds
from holdfast.quality.profiling._drafts import Candidate, Column, Draft, promise, share

#: Columns that are looked at together, and rules of each sort that are proposed, at most.
COLUMNS, PROPOSED = 60, 20

#: Least strength of a correlation that is told.
STRONG = 0.5

#: Rows that a rule must stand on, and rows that would break it by chance.
ENOUGH, SURPRISING = 50, 20.0


def rules(sample: pl.DataFrame, columns: Sequence[Column]) -> tuple[list[Candidate], str | None]:
    """Rules among the columns of a sample of the rows, and a note on what was left out."""
    able = [each for each in columns if _able(each)]
    note = (
        f"{len(able) - COLUMNS} columns were not looked at for rules between columns" if len(able) > COLUMNS else None
    )
    able = able[:COLUMNS]
    values = {each.name: _values(sample[each.name]) for each in able}
    amounts = [each for each in able if each.kind == "number"]
    made = [
        *list(_orders(able, values))[:PROPOSED],
        *list(_sums(amounts, values))[:PROPOSED],
        *list(_correlations(amounts, values))[:PROPOSED],
    ]
    return made, note


def _able(column: Column) -> bool:
    if column.kind not in ("number", "time") or column.n < ENOUGH or column.distinct < 3 or column.scarce:
        return False
    # Names that a rule can quote.
    return column.name.isprintable() and "`" not in column.name and "\\" not in column.name


def _values(series: pl.Series) -> np.ndarray:
    """Shape (m,) float64: numbers, or microseconds; NaN where missing or infinite."""
    if series.dtype.is_temporal():
        series = series.cast(pl.Datetime("us")).cast(pl.Int64)
    found = series.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
    found[~np.isfinite(found)] = np.nan
    return found


def _quoted(name: str) -> str:
    return f"`{name}`"


def _holds(rule: str, columns: Sequence[str], *, n: int, support: str) -> Candidate:
    return share("rule", "holds", [], [rule], failing=0, n=n, support=support, about=columns)


def _orders(able: Sequence[Column], values: dict[str, np.ndarray]) -> Iterator[Candidate]:
    """Pairs of which one is never above the other, though their ranges overlap."""
    found: list[tuple[float, str, str, int]] = []
    for a in able:
        for b in able:
            if a.name == b.name or a.kind != b.kind:
                continue
            judged = _never_above(values[a.name], values[b.name])
            if judged is not None:
                found.append((judged[0], a.name, b.name, judged[1]))
    for expected, one, two, n in sorted(found, key=lambda each: (-each[0], each[1], each[2])):
        support = f"in all {n} rows; by chance about {expected:.0f} would break it"
        yield _holds(f"{_quoted(one)} <= {_quoted(two)}", (one, two), n=n, support=support)


def _never_above(a: np.ndarray, b: np.ndarray) -> tuple[float, int] | None:
    """Rows that would break a <= b by chance, and rows that keep it; None where it is broken or says nothing."""
    look = slice(0, 200)
    if (a[look] > b[look]).any():
        return None
    both = np.isfinite(a) & np.isfinite(b)
    n = int(both.sum())
    if n < ENOUGH or (a[both] > b[both]).any():
        return None
    # The chance that one value of a lies above one of b, were they drawn apart.
    ordered = np.sort(b[both])
    expected = float(np.searchsorted(ordered, a[both], side="left").mean())
    if expected < SURPRISING or np.array_equal(a[both], b[both]):
        return None
    # A few values in common are no order: they must come near each other in a good part of the rows.
    return (expected, n) if expected / n >= 0.05 else None


def _sums(amounts: Sequence[Column], values: dict[str, np.ndarray]) -> Iterator[Candidate]:
    """Triples of which the first two add up to the third in every row."""
    names = [each.name for each in amounts]
    if len(names) < 3:
        return
    look = _complete_rows(names, values)
    if look is None:
        return
    for i, a in enumerate(names):
        for j in range(i + 1, len(names)):
            near = np.abs(look - (look[:, [i]] + look[:, [j]])) <= 1e-9 * (1 + np.abs(look)) + _slack(look)
            for k in np.flatnonzero(near.all(axis=0)):
                if k not in (i, j):
                    made = _sum(a, names[j], names[int(k)], values)
                    if made is not None:
                        yield made


def _complete_rows(names: Sequence[str], values: dict[str, np.ndarray]) -> np.ndarray | None:
    """Shape (at most 60, columns): rows that are nowhere missing, spread over the sample."""
    table = np.column_stack([values[name] for name in names])
    full = table[np.isfinite(table).all(axis=1)]
    if len(full) < 20:
        return None
    spread: np.ndarray = full[np.linspace(0, len(full) - 1, min(60, len(full))).astype(int)]
    return spread


def _slack(look: np.ndarray) -> float:
    # Amounts rounded to cents add up to a cent.
    return 0.0 if (look == np.floor(look)).all() else 1e-9


def _sum(a: str, b: str, c: str, values: dict[str, np.ndarray]) -> Candidate | None:
    one, two, total = values[a], values[b], values[c]
    both = np.isfinite(one) & np.isfinite(two) & np.isfinite(total)
    n = int(both.sum())
    one, two, total = one[both], two[both], total[both]
    if n < ENOUGH:
        return None
    error = float(np.abs(one + two - total).max())
    size = float(np.abs(total).max())
    if error > 1e-9 * size or min(float((one != 0).mean()), float((two != 0).mean())) < 0.05:
        return None
    whole = bool((one == np.floor(one)).all() and (two == np.floor(two)).all() and (total == np.floor(total)).all())
    left = f"{_quoted(a)} + {_quoted(b)}"
    if whole:
        rule = f"{left} == {_quoted(c)}"
    else:
        slack = number_text(float(f"{max(size, 1e-300) * 1e-8:.0e}"))
        rule = f"{left} - {_quoted(c)} >= -{slack} and {left} - {_quoted(c)} <= {slack}"
    return _holds(rule, (a, b, c), n=n, support=f"in all {n} rows")


def _correlations(amounts: Sequence[Column], values: dict[str, np.ndarray]) -> Iterator[Candidate]:
    """Pairs that go together, strongest first."""
    found: list[tuple[float, str, str]] = []
    usable = [each.name for each in amounts if not each.identifies]
    for i, a in enumerate(usable):
        for b in usable[i + 1 :]:
            r = _pearson(values[a], values[b])
            if abs(r) >= STRONG:
                found.append((-abs(r), a, b))
    for _, a, b in sorted(found):
        yield _correlation(a, b, values)


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < ENOUGH:
        return 0.0
    x, y = a[both] - a[both].mean(), b[both] - b[both].mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size > 0 and np.isfinite(size) else 0.0


def _correlation(a: str, b: str, values: dict[str, np.ndarray]) -> Candidate:
    both = np.isfinite(values[a]) & np.isfinite(values[b])
    one, two = values[a][both], values[b][both]
    product = (one - one.mean()) * (two - two.mean())
    between, _ = _bounds.moving(product)

    def make(alpha: float) -> list[Draft]:
        r, end = _bounds.correlation_floor(one, two, alpha)
        doubt = "it moves along the rows" if between > 0 else None
        if abs(end) < 0.1:
            return []
        bound = float(f"{np.floor(abs(end) * 20) / 20:.2f}")
        support = f"correlation {r:.2f} in {len(one)} rows"
        op, sign = (">=", 1) if r > 0 else ("<=", -1)
        claim = promise("correlation", [a, b], op, sign * bound)
        return [Draft(claim, "correlation", (a, b), support, len(one), doubt)]

    return Candidate(1, make)
