"""The algebra as Polars expressions, and tables that Polars holds or scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import and_, or_
from typing import Any

import polars as pl
import polars.selectors as cs

from holdfast.quality import algebra as a

Lazy = Callable[[a.Relation], pl.LazyFrame]

#: What `trim` takes away.
BLANKS = " \t\n\r\x0b\x0c"

_OPERATORS: Mapping[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
}

_CALLS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "text": lambda value: value.cast(pl.String),
    "number": lambda value: value.cast(pl.Float64, strict=False),
    "integer": lambda value: value.cast(pl.Int64, strict=False),
    "finite": lambda value: pl.when(value.is_finite()).then(value),
    "length": lambda value: value.str.len_chars().cast(pl.Int64),
    "lower": lambda value: value.str.to_lowercase(),
    "upper": lambda value: value.str.to_uppercase(),
    "trim": lambda value: value.str.strip_chars(BLANKS),
    "abs": lambda value: value.abs(),
    "floor": lambda value: value.floor(),
    "micros": lambda value: value.cast(pl.Datetime("us")).to_physical(),
    "utc": lambda value: value.dt.convert_time_zone("UTC"),
    "year": lambda value: value.dt.year().cast(pl.Int64),
    "month": lambda value: value.dt.month().cast(pl.Int64),
    "day": lambda value: value.dt.day().cast(pl.Int64),
    "weekday": lambda value: value.dt.weekday().cast(pl.Int64),
    "hour": lambda value: value.dt.hour().cast(pl.Int64),
    "minute": lambda value: value.dt.minute().cast(pl.Int64),
}


def named(name: str) -> pl.Expr:
    """Column of that very name: Polars itself reads ``*`` and ``^...$`` as patterns of names."""
    pattern = name == "*" or (name.startswith("^") and name.endswith("$"))
    return cs.by_name(name).as_expr() if pattern else pl.col(name)


class Renderer:
    """Nodes as expressions; `lazy` gives the rows of another relation, where a condition asks for them."""

    def __init__(self, lazy: Lazy | None = None) -> None:
        self.lazy = lazy

    def row(self, node: Any) -> pl.Expr:
        """Term or condition, row by row."""
        return _ROWS[type(node)](self, node)

    def rows(self, nodes: tuple[Any, ...]) -> list[pl.Expr]:
        """Terms, row by row."""
        return [self.row(each) for each in nodes]

    def figure(self, node: Any) -> pl.Expr:
        """Aggregate of the rows that are looked at."""
        return _FIGURES[type(node)](self, node)


def _column(_: Renderer, node: a.Column) -> pl.Expr:
    return named(node.name).fill_nan(None) if node.nan else named(node.name)


def _arithmetic(renderer: Renderer, node: a.Arithmetic) -> pl.Expr:
    left, right = (renderer.row(each).cast(pl.Float64) for each in (node.left, node.right))
    found = left / pl.when(right != 0).then(right) if node.op == "/" else _OPERATORS[node.op](left, right)
    return found.fill_nan(None)


def _call(renderer: Renderer, node: a.Call) -> pl.Expr:
    return _CALLS[node.function](renderer.row(node.arguments[0]))


def _over(value: pl.Expr, keys: list[pl.Expr]) -> pl.Expr:
    return value.over(keys) if keys else value


def _previous(renderer: Renderer, node: a.Previous) -> pl.Expr:
    return _over(renderer.row(node.value).forward_fill().shift(1), renderer.rows(node.within))


def _commonest(renderer: Renderer, node: a.Commonest) -> pl.Expr:
    value, keys = renderer.row(node.value), renderer.rows(node.within)
    often = pl.when(value.is_not_null()).then(value.count().over([*keys, value]))
    return value.filter(often == often.max()).first().over(keys)


def _compare(renderer: Renderer, node: a.Compare) -> pl.Expr:
    return _OPERATORS[node.op](renderer.row(node.left), renderer.row(node.right))


def _among(renderer: Renderer, node: a.Among) -> pl.Expr:
    return renderer.row(node.value).is_in(list(node.values))


def _absent(renderer: Renderer, node: a.Absent) -> pl.Expr:
    if renderer.lazy is None:
        raise TypeError("a renderer without relations was asked for another one")
    known = renderer.lazy(node.among).select(renderer.row(node.other).alias("known").drop_nulls().unique()).collect()
    value = renderer.row(node.value)
    return value.is_not_null() & ~value.is_in(known["known"].implode())


def _in_slice(_: Renderer, node: a.InSlice) -> pl.Expr:
    value = named(node.column)
    if node.kind == "boolean":
        return _worded(value, node.word, {"true": True, "false": False}.get(node.word))
    if node.kind == "integer":
        number = int(node.word) if node.word.lstrip("-").isdecimal() else None
        return _worded(value, node.word, number if str(number) == node.word else None)
    if node.kind in ("float", "float32"):
        value = value.fill_nan(None)
        whole = (value == value.round()) & (value.abs() < 2**53)
        names = pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
        return names.fill_null("(missing)") == node.word
    text = value if node.kind == "text" else value.cast(pl.String)
    return text.fill_null("(missing)") == node.word


def _worded(value: pl.Expr, word: str, found: bool | int | None) -> pl.Expr:
    if word == "(missing)":
        return value.is_null()
    return pl.lit(value=False) if found is None else (value == found).fill_null(value=False)


def _missing_row(renderer: Renderer, node: a.IsMissing) -> pl.Expr:
    return renderer.row(node.value).is_null()


def _repeats(renderer: Renderer, node: a.Repeats) -> pl.Expr:
    return ~_key(renderer, node.keys).is_first_distinct()


def _key(renderer: Renderer, keys: tuple[a.Term, ...]) -> pl.Expr:
    if len(keys) == 1:
        return renderer.row(keys[0])
    return pl.struct(renderer.row(each).alias(f"k{place}") for place, each in enumerate(keys))


_ROWS: dict[type, Callable[[Renderer, Any], pl.Expr]] = {
    a.Column: _column,
    a.Literal: lambda _, node: pl.lit(node.value),
    a.Arithmetic: _arithmetic,
    a.Call: _call,
    a.Previous: _previous,
    a.Commonest: _commonest,
    a.Compare: _compare,
    a.Between: lambda renderer, node: renderer.row(node.value).is_between(pl.lit(node.low), pl.lit(node.high)),
    a.Among: _among,
    a.Matches: lambda renderer, node: renderer.row(node.value).str.contains(node.pattern),
    a.Every: lambda renderer, node: reduce(and_, renderer.rows(node.parts)),
    a.Some: lambda renderer, node: reduce(or_, renderer.rows(node.parts)),
    a.Negated: lambda renderer, node: ~renderer.row(node.part),
    a.Always: lambda _, node: pl.repeat(node.answer, pl.len(), dtype=pl.Boolean),
    a.IsMissing: _missing_row,
    a.IsNan: lambda _, node: named(node.value.name).is_nan(),
    a.IsInfinite: lambda _, node: named(node.value.name).is_infinite(),
    a.Repeats: _repeats,
    a.Absent: _absent,
    a.InSlice: _in_slice,
}


def _missing_count(_: Renderer, node: a.Missing) -> pl.Expr:
    column = named(node.column.name)
    # The nulls are counted without looking at the rows.
    return column.null_count() + column.is_nan().sum() if node.column.nan else column.null_count()


def _count_if(renderer: Renderer, node: a.CountIf) -> pl.Expr:
    if isinstance(node.condition, a.Always):
        return pl.len() if node.condition.answer else pl.lit(0)
    return renderer.row(node.condition).sum()


def _distinct(renderer: Renderer, node: a.Distinct) -> pl.Expr:
    key = _key(renderer, node.keys)
    if node.missing:
        return key.n_unique()
    # Missing counts as one more value in n_unique, which is quicker than dropping it first.
    return key.n_unique() - (key.null_count() > 0).cast(pl.UInt32)


_STATISTICS: Mapping[str, Callable[[pl.Expr], pl.Expr]] = {
    "sum": lambda value: value.sum(),
    "min": lambda value: value.min(),
    "max": lambda value: value.max(),
    "mean": lambda value: value.mean(),
    "deviation": lambda value: value.std(ddof=1),
}


def _difference(renderer: Renderer, node: a.Difference) -> pl.Expr:
    left, right = renderer.figure(node.left), renderer.figure(node.right)
    return left.cast(pl.Int64) - right.cast(pl.Int64)


def _steps(renderer: Renderer, node: a.Steps) -> pl.Expr:
    return (renderer.row(node.value).drop_nulls().sort().diff() == node.step).sum()


def _quantile(renderer: Renderer, node: a.Quantile) -> pl.Expr:
    return renderer.row(node.value).quantile(node.level, "equiprobable" if node.step else "linear")


_FIGURES: dict[type, Callable[[Renderer, Any], pl.Expr]] = {
    a.Constant: lambda _, node: pl.lit(node.number),
    a.Rows: lambda _, node: pl.len(),  # noqa: ARG005  # one signature for all
    a.Missing: _missing_count,
    a.CountIf: _count_if,
    a.Distinct: _distinct,
    a.Statistic: lambda renderer, node: _STATISTICS[node.name](renderer.row(node.value)),
    a.Quantile: _quantile,
    a.Correlation: lambda renderer, node: pl.corr(renderer.row(node.left), renderer.row(node.right)),
    a.Steps: _steps,
    a.Difference: _difference,
}
