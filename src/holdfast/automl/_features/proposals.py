"""Proposals: small groups of features that may pay, cheap ones first; whether they do is measured out of fold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._features import date, levels
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema

#: Mean number of words from which a text column reads like sentences.
SENTENCE = 3.0
#: Levels of a text column above which their codes alone say little.
MANY_LEVELS = 20
#: Most pairs that are crossed, and most that are grouped.
CROSSES, GROUPS = 8, 6
#: Most proposals in all.
MOST = 40
#: Cells of a text's matrix that memory is given to.
_CELLS = 40_000_000
#: Rows that the pairs are looked for in, trees and leaves of the search.
_ROWS, _TREES, _LEAVES = 5000, 30, 16
#: Whole numbers with at most so many levels are crossed as levels are.
_FEW = 50


@dataclass(frozen=True, slots=True)
class Proposal:
    """A small group of features that is kept or dropped as one.

    Parameters
    ----------
    name
        For a person; no two proposals of a table share it.
    recipes
        What is made.
    cost
        How much work it is to make and to learn from, about: 1 is a column of numbers for every row.
    why
        A sentence.
    """

    name: str
    recipes: tuple[Recipe, ...]
    cost: float
    why: str


def propose(
    table: Table,
    *,
    dates: Sequence[str] = (),
    texts: Sequence[str] | None = None,
    rows: int = _ROWS,
    vectors: str | None = None,
    rng: np.random.Generator,
) -> list[Proposal]:
    """Proposals for a table, the cheapest first, at most `MOST`.

    Parameters
    ----------
    table
        Training rows; the target is looked at to find pairs worth crossing.
    dates
        Columns of numbers that are days since 1970.
    texts
        Columns of sentences; None looks for them.
    rows
        Most rows that anything is looked for in: bounds the time.
    vectors
        Path of a local file of word vectors; None proposes no embeddings.
    rng
        Draws those rows.

    Raises
    ------
    ColumnNotFound
        If a column of `dates` or `texts` is not there.
    InvalidValue
        If a date is text, a text is numbers, or `rows` is below 1.
    """
    if rows < 1:
        raise InvalidValue(f"rows {rows}", where="proposals", expected="at least 1")
    _check(table.schema, dates, "float32")
    _check(table.schema, texts or (), "string")
    some = table if table.n <= rows else table.take(np.sort(rng.choice(table.n, rows, replace=False)))
    names = [each.name for each in table.schema.columns if each.dtype == "string"]
    sentences = [name for name in names if name in texts] if texts is not None else _sentences(some, names)
    made = [*_of_dates(some, dates)]
    for name in sentences:
        made += _of_text(name, n=table.n, vectors=vectors)
    made += _of_levels(some, [name for name in names if name not in sentences])
    made += _of_pairs(some, dates=dates, sentences=sentences)
    return sorted(made, key=lambda each: each.cost)[:MOST]


def _check(schema: ModelSchema, columns: Sequence[str], dtype: str) -> None:
    found = {each.name: each.dtype for each in schema.columns}
    for name in columns:
        if name not in found:
            raise ColumnNotFound(f"no column {name!r}", where="proposals", expected=one_of(found, name))
        if found[name] != dtype:
            raise InvalidValue(f"column {name!r} is {found[name]}", where="proposals", expected=dtype)


def _of_dates(table: Table, dates: Sequence[str]) -> Iterator[Proposal]:
    for name in dates:
        parts = date.useful_parts(table.tensors[name].ravel())
        if parts:
            recipe = Recipe("date", (name,), {"parts": list(parts)})
            yield Proposal(f"parts of {name}", (recipe,), 1.0, f"{name} is a date: {', '.join(parts)} differ")


def _sentences(table: Table, names: Sequence[str]) -> list[str]:
    return [name for name in names if _reads_like_sentences(table.tensors[name].ravel())]


def _reads_like_sentences(values: np.ndarray) -> bool:
    told = [value for value in values.tolist() if value]
    if len(told) < 10:
        return False
    length = float(np.mean([len(value.split()) for value in told]))
    return length > SENTENCE and len(set(told)) > max(MANY_LEVELS, 0.2 * len(told))


def _of_text(name: str, *, n: int, vectors: str | None) -> Iterator[Proposal]:
    terms = int(np.clip(_CELLS // max(1, n), 50, 2000))
    why = f"{name} reads like sentences"
    yield Proposal(f"statistics of {name}", (Recipe("statistics", (name,)),), 4.0, why)
    yield Proposal(f"words of {name}", (Recipe("text", (name,), {"terms": terms}),), 20.0, why)
    buckets = 2 ** int(np.log2(min(terms, 512)))
    characters = Recipe("hashed", (name,), {"unit": "character", "buckets": max(16, buckets)})
    yield Proposal(f"characters of {name}", (characters,), 30.0, why)
    if vectors is not None:
        recipe = Recipe("embedded", (name,), {"vectors": vectors})
        yield Proposal(f"meaning of {name}", (recipe,), 15.0, f"{why}, and word vectors were given")


def _of_levels(table: Table, names: Sequence[str]) -> Iterator[Proposal]:
    for name in names:
        found = len(set(table.tensors[name].ravel().tolist()))
        # Where most levels are of one row, there is nothing to count.
        if MANY_LEVELS < found <= table.n / 3:
            recipes = (Recipe("frequency", (name,)), Recipe("target_mean", (name,)))
            yield Proposal(f"levels of {name}", recipes, 3.0, f"{name} has {found} levels")


def _of_pairs(table: Table, *, dates: Sequence[str], sentences: Sequence[str]) -> Iterator[Proposal]:
    kinds = {}
    for each in table.schema.columns:
        if each.name not in sentences and each.name not in dates:
            kinds[each.name] = _kind(table.tensors[each.name])
    kinds = {name: kind for name, kind in kinds.items() if kind}
    crosses = groups = 0
    for a, b in _interacting(table, sorted(kinds)) if len(kinds) > 1 else ():
        one, other = sorted((a, b), key=lambda name: (kinds[name] == "number", name))
        mixed = kinds[one] != kinds[other]
        if mixed and groups < GROUPS:
            groups += 1
            recipe = Recipe("group", (one, other), {"statistics": ["mean", "std", "median"]})
            yield Proposal(f"{other} by {one}", (recipe,), 2.5, f"trees split {one} and {other} together")
        elif not mixed and crosses < CROSSES:
            crosses += 1
            yield _cross(one, other, kinds[one])


def _cross(a: str, b: str, kind: str) -> Proposal:
    why = f"trees split {a} and {b} together"
    if kind == "number":
        return Proposal(f"{a} and {b}", (Recipe("arithmetic", (a, b)),), 1.5, why)
    recipes = (Recipe("frequency", (a, b)), Recipe("target_mean", (a, b)))
    return Proposal(f"{a} with {b}", recipes, 3.5, why)


def _kind(tensor: np.ndarray) -> str:
    """``level``, ``number``, or nothing where a column is constant or names every row."""
    values = tensor.ravel()
    several = len(set(values.tolist())) if values.dtype == object else len(np.unique(values[~np.isnan(values)]))
    if several < 2:
        return ""
    if values.dtype == object:
        return "level" if several <= len(values) / 3 else ""
    return "level" if several <= _FEW and levels.is_whole(values) else "number"


def _interacting(table: Table, names: list[str]) -> list[tuple[str, str]]:
    """Pairs of columns that a few small trees split one below the other, the greatest gain first."""
    import lightgbm as lgb

    from holdfast.automl._learners.base import quiet

    matrix = np.column_stack([_numbers(table, name) for name in names])
    params = {
        "objective": "regression",
        "num_leaves": _LEAVES,
        "min_data_in_leaf": max(5, table.n // 200),
        "learning_rate": 0.2,
        "verbosity": -1,
        "num_threads": 1,
        "deterministic": True,
        "seed": 0,
    }
    gains: dict[tuple[str, str], float] = defaultdict(float)
    for index in _targets(table.target):
        rows = lgb.Dataset(matrix, table.target[:, index], weight=table.weights, params={"verbosity": -1})
        with quiet():
            booster = lgb.train(params, rows, num_boost_round=_TREES)
        for tree in booster.dump_model()["tree_info"]:
            _add_gains(tree["tree_structure"], names, gains)
    return sorted(gains, key=lambda pair: (-gains[pair], pair))


def _targets(target: np.ndarray) -> list[int]:
    """At most three columns of the target: those that vary most."""
    return [int(each) for each in np.argsort(-target.var(axis=0), kind="stable")[:3]]


def _numbers(table: Table, name: str) -> np.ndarray:
    values = table.tensors[name].ravel()
    if values.dtype != object:
        return values.astype(np.float64)
    return levels.fit(table, (name,), most=254).codes(table.tensors).astype(np.float64)


def _add_gains(node: dict[str, Any], names: list[str], gains: dict[tuple[str, str], float]) -> None:
    for side in ("left_child", "right_child"):
        child = node.get(side, {})
        if "split_feature" in child:
            pair = sorted({names[node["split_feature"]], names[child["split_feature"]]})
            if len(pair) == 2:
                gains[pair[0], pair[1]] += float(child["split_gain"])
            _add_gains(child, names, gains)
