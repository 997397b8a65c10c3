"""Tasks: what kind of answer a target asks for, where nobody says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidValue, UnusableTarget, one_of
from holdfast.core.models import CLASSIFICATION, TASKS

if TYPE_CHECKING:
    import polars as pl

#: Whole numbers with more levels than this, or with a level of fewer rows, are amounts and not classes.
MOST_LEVELS, LEVEL_ROWS = 20, 10

#: Text with so many classes for each row is free text, no class.
_FREE_TEXT = 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for.

    Parameters
    ----------
    name
        One of `holdfast.core.models.TASKS`.
    settings
        Settings of the trainer that belong to it.
    why
        A sentence for a person, where it was inferred.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    why: str | None = None

    @property
    def classifies(self) -> bool:
        """Whether its answers are classes."""
        return self.name in CLASSIFICATION


def task_of(
    target: pl.Series,
    *,
    asked: str | None,
    event: str | None = None,
    quantile: float | None = None,
    horizon: int | None = None,
    where: str,
) -> Task:
    """Task for a target.

    Parameters
    ----------
    target
        Shape (n,): its known values, at least one.
    asked
        What the user says; None to infer it.
    event
        Column that says whether what is waited for came: the task is then survival.
    quantile
        Level of the quantile to predict, in (0, 1).
    horizon
        Steps to forecast: the task is then forecasting.
    where
        Place to name in errors.

    Raises
    ------
    InvalidValue
        If there is no such task, or it does not go with the options.
    UnusableTarget
        If the target has one value only, or is no target of the task.
    """
    _check_varies(target, where)
    if asked is not None and asked not in TASKS:
        raise InvalidValue(f"task {asked!r}", where="--task", expected=one_of(TASKS, asked))
    implied = _implied(event, quantile, horizon)
    if implied is None:
        task = Task(asked) if asked is not None else _inferred(target, where)
    else:
        if asked is not None and asked != implied:
            raise InvalidValue(f"task {asked!r} with {_OPTION[implied]}", where="--task", expected=implied)
        task = Task(implied, why=None if asked is not None else f"task {implied}: {_OPTION[implied]} is given")
    return _with_settings(task, event, quantile)


_OPTION = {"survival": "--event", "forecasting": "--horizon", "quantile": "--quantile"}


def _implied(event: str | None, quantile: float | None, horizon: int | None) -> str | None:
    given = {"survival": event is not None, "forecasting": horizon is not None, "quantile": quantile is not None}
    found = [name for name, there in given.items() if there]
    if len(found) > 1:
        both = " and ".join(_OPTION[each] for each in found)
        raise InvalidValue(f"{both} together", expected="one of them: each is a task of its own")
    return found[0] if found else None


def _with_settings(task: Task, event: str | None, quantile: float | None) -> Task:
    if task.name == "quantile":
        level = 0.5 if quantile is None else quantile
        if not 0.0 < level < 1.0:
            raise InvalidValue(f"quantile {level:g}", where="--quantile", expected="a number between 0 and 1")
        return Task("quantile", {"quantile": level}, task.why)
    if task.name == "survival":
        if event is None:
            raise InvalidValue("a survival task without an event column", expected="--event COLUMN: 1 where it came")
        return Task("survival", {"event": event}, task.why)
    return task


def _check_varies(target: pl.Series, where: str) -> None:
    if target.n_unique() < 2:
        raise UnusableTarget(
            f"target {target.name!r} has only the value {target[0]!r}", where=where, expected="at least two values"
        )


def _inferred(target: pl.Series, where: str) -> Task:
    import polars as pl

    name, kind = target.name, target.dtype
    levels = target.n_unique()
    if kind.is_temporal() or kind.is_nested() or kind == pl.Binary:
        raise UnusableTarget(f"target {name!r} is of type {kind}", where=where, expected="numbers or classes")
    if levels == 2:
        values = " and ".join(repr(each) for each in sorted(target.unique().to_list(), key=str))
        return Task("binary", why=f"task binary: {name} has two values, {values}")
    if not kind.is_numeric():
        if levels > _FREE_TEXT * len(target):
            raise UnusableTarget(
                f"target {name!r} is text with {levels} values in {len(target)} rows",
                where=where,
                expected="a target of classes or numbers; --task multiclass if each is a class",
            )
        return Task("multiclass", why=f"task multiclass: {name} has {levels} classes")
    if _few_whole(target, levels):
        why = f"task multiclass: {name} has {levels} whole numbers (--task regression if they are amounts)"
        return Task("multiclass", why=why)
    return Task("regression", why=f"task regression: {name} has {levels} different numbers")


def _few_whole(target: pl.Series, levels: int) -> bool:
    if levels > MOST_LEVELS:
        return False
    numbers = target.cast(float)
    counts = numbers.value_counts()["count"].to_list()
    return bool((numbers == numbers.round()).all()) and min(counts) >= LEVEL_ROWS
