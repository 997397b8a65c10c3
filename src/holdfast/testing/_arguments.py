"""Arguments for a measure that came without: found by the names of its parameters."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterator
from typing import Any

import polars as pl

from holdfast.core.ports import MeasureSpec
from holdfast.core.subjects import Model, Scored, Window

#: What a parameter of this name is given; every other one is given a column.
KNOWN: dict[str, tuple[Any, ...]] = {
    "low": (0.0,),
    "least": (0.0,),
    "minimum": (0.0,),
    "high": (1000.0,),
    "most": (1000.0,),
    "maximum": (1000.0,),
    "pattern": (".*", ".+"),
    "values": (1.0, "f"),
    "value": (1.0, "f"),
    "step": (1.0, "1 h"),
    "kind": ("number", "text", "category"),
    "type": ("number", "text", "category"),
    "dtype": ("number", "text", "category"),
    "k": (5.0, 10.0),
    "top": (3.0, 5.0),
    "bins": (10.0,),
    "quantile": (0.9,),
    "q": (0.9,),
    "alpha": (0.1,),
    "level": (0.9,),
    "threshold": (0.5,),
    "share": (0.5,),
    "fraction": (0.5,),
    "beta": (2.0,),
    "seconds": (1.0,),
}
#: Combinations tried before a measure is said to be not measurable.
TRIES = 200


def columns_of(subject: Any) -> list[str]:
    """Columns that a measure of this subject may be asked about."""
    if isinstance(subject, pl.DataFrame):
        return subject.columns
    if isinstance(subject, Scored):
        return subject.rows.columns
    if isinstance(subject, Window):
        return subject.current.columns
    return list(subject.schema.names) if isinstance(subject, Model) else []


def arguments_of(spec: MeasureSpec, subject: Any) -> Iterator[tuple[Any, ...]]:
    """Arguments to try, the fewest first: as few as the measure needs, then one for each parameter that it has."""
    least, most = spec.arguments
    parameters = [
        each
        for each in list(inspect.signature(spec.compute).parameters.values())[1:]
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.VAR_POSITIONAL)
    ]
    estimated = [tuple(spec.estimates)] if spec.estimates else []
    counts = sorted({max(least, len(estimated)), max(least, len(parameters) if most is None else most)})
    tried = (_combinations(parameters[:count], estimated, columns_of(subject)) for count in counts)
    yield from itertools.islice(itertools.chain.from_iterable(tried), TRIES)


def _combinations(
    parameters: list[inspect.Parameter], estimated: list[tuple[str, ...]], columns: list[str]
) -> Iterator[tuple[Any, ...]]:
    # The first argument of an estimator is the measure that it estimates.
    choices = [*estimated, *(_choices(each, columns) for each in parameters[len(estimated) :])]
    return itertools.product(*choices)


def _choices(parameter: inspect.Parameter, columns: list[str]) -> tuple[Any, ...]:
    known = KNOWN.get(parameter.name)
    if known is not None:
        return known
    return (1.0, 0.5) if str(parameter.annotation) in ("float", "int") else tuple(columns)
