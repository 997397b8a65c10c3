"""What a training is asked, and the rows made ready for it: the task, the features, what is held out, the weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import ColumnNotFound, InvalidValue, UnusableTarget, one_of
from holdfast.core.locations import public
from holdfast.data import _held, _table
from holdfast.data._forecast import Series, series_of
from holdfast.data._table import Read, Roles
from holdfast.data._tasks import Task, task_of
from holdfast.data._verdicts import check_columns, columns_of, on_answers

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.core.promises import Promise

#: Rows of the training table that the parity of the export is measured on where none are held out.
_PARITY_ROWS = 500


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What a training is asked; see `holdfast.data.train`."""

    data: Any
    roles: Roles
    promises: tuple[Promise, ...] = ()
    task: str | None = None
    positive: str | None = None
    horizon: int | None = None
    quantile: float | None = None
    test: Any = None
    holdout: float | None = None
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    reading: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Ready:
    """Rows made ready.

    Parameters
    ----------
    read
        The table as it was read.
    learnt, held
        Rows to train on, and rows that no training looks at (none where no promise needs them).
    parity
        Rows that the export is compared with its original on: the held-out ones, or some of the others.
    tested
        Whether the held-out rows came from a table of their own.
    roles
        What the columns are for.
    task
        What is asked for.
    positive
        Class that a binary task is about.
    features
        Columns that the model may look at.
    weights
        Shape (n,) float64: weight of each training row; None for equal ones.
    sensitive
        Columns that groups are made of: those that were named, and those that promises name.
    settings
        Settings of the trainer.
    series
        What a forecast derives from the past; None for the other tasks.
    notes
        Sentences for a person.
    """

    read: Read
    learnt: pl.DataFrame
    held: pl.DataFrame
    parity: pl.DataFrame
    tested: bool
    roles: Roles
    task: Task
    positive: str | None
    features: tuple[str, ...]
    weights: np.ndarray | None
    sensitive: tuple[str, ...]
    settings: Mapping[str, Any]
    series: Series | None
    notes: tuple[str, ...]


def ready(asked: Asked) -> Ready:
    """Read the table and make it ready; see `holdfast.data.train` for what is refused."""
    roles = asked.roles
    read = _table.read_table(asked.data, asked.reading, but=_as_they_are(roles))
    columns = read.rows.columns
    roles = _resolved(roles, columns)
    _table.check_roles(roles, columns, where=read.where)
    check_columns(asked.promises, columns)
    rows = _table.with_target(read.rows, roles.target, classifies=None, where=read.where)
    task = task_of(
        rows[roles.target],
        asked=asked.task,
        event=roles.event,
        quantile=asked.quantile,
        horizon=asked.horizon,
        where=read.where,
    )
    _table.check_time(read.rows, roles.time, where=read.where)
    rows, series = _rows(asked, roles, task, read)
    positive, about = _positive(rows[roles.target], task, asked.positive, where=read.where)
    features, left_out = _features(rows, roles, task, series=series, where=read.where)
    learnt, held, why = _split(asked, roles, task, rows=rows, features=features, read=read, series=series)
    unknown = read.rows.height - rows.height
    notes = [
        *([] if task.why is None else [task.why]),
        *about,
        *read.notes,
        *left_out,
        *([f"{unknown} rows without a target are left out"] if unknown else []),
        *why,
    ]
    return Ready(
        read=read,
        learnt=learnt,
        held=held,
        parity=held if held.height else _some(learnt),
        tested=asked.test is not None,
        roles=roles,
        task=task,
        positive=positive,
        features=features,
        weights=_weights(learnt, roles, read),
        sensitive=_groups(asked.promises, roles, learnt.columns),
        settings=_settings(asked, roles, task),
        series=series,
        notes=tuple(notes),
    )


def _as_they_are(roles: Roles) -> tuple[str, ...]:
    return tuple(each for each in (roles.target, roles.weight, roles.event) if each is not None)


def _resolved(roles: Roles, columns: Sequence[str]) -> Roles:
    return replace(
        roles,
        features=_table.words(roles.features, columns),
        drop=_table.words(roles.drop, columns) or (),
        sensitive=_table.words(roles.sensitive, columns) or (),
    )


def _rows(asked: Asked, roles: Roles, task: Task, read: Read) -> tuple[pl.DataFrame, Series | None]:
    """Rows whose target is known; of a forecast with what is derived from the past, in the order of time."""
    import polars as pl

    if task.name != "forecasting":
        return _table.with_target(read.rows, roles.target, classifies=task.classifies, where=read.where), None
    rows = _table.with_numbers(read.rows, roles.target, where=read.where)
    order = [each for each in (roles.id, roles.time) if each is not None]
    rows = rows.sort(order, maintain_order=True)
    learnt = rows
    if _holds_out(asked):
        mask = _held.held_mask(rows, share=_held.share_of(rows.height, asked.holdout), seed=asked.seed, time=roles.time)
        learnt = rows.filter(pl.Series(~mask))
    series = series_of(rows, learnt, roles, asked.horizon)
    rows = series.derived(rows, alone=True)
    return _table.with_target(rows, roles.target, classifies=False, where=read.where), series


def _features(
    rows: pl.DataFrame, roles: Roles, task: Task, *, series: Series | None, where: str
) -> tuple[tuple[str, ...], list[str]]:
    """Features and sentences on them; the columns of a series are features of a forecast."""
    chosen, notes = _table.features_of(rows, roles, classifies=task.classifies, where=where)
    if series is None:
        return chosen, notes
    own = (*series.columns, *series.plan.names) if roles.features is None else series.plan.names
    known = [each for each in chosen if each not in own]
    notes.append(series.plan.sentence)
    if known:
        notes.append(f"to be known when a forecast is asked for: {', '.join(known)}")
    return tuple(dict.fromkeys((*known, *own))), notes


def _positive(target: pl.Series, task: Task, asked: str | None, *, where: str) -> tuple[str | None, list[str]]:
    """Positive class of a binary task, the last by name where none is named; and a sentence where it was chosen."""
    from holdfast.keeper.splits import class_names

    if task.name != "binary":
        if asked is not None:
            raise InvalidValue(
                f"positive class {asked!r} in a {task.name} task", where="--positive", expected="a binary task"
            )
        return None, []
    classes = sorted(set(class_names(target).to_list()))
    if len(classes) != 2:
        raise UnusableTarget(
            f"target {target.name!r} has {len(classes)} values", where=where, expected="two, or --task multiclass"
        )
    if asked is None:
        return classes[-1], [f"positive class: {classes[-1]!r} (--positive names another)"]
    if asked not in classes:
        raise UnusableTarget(
            f"positive class {asked!r} is not in {target.name!r}", where=where, expected=one_of(classes, asked)
        )
    return asked, []


def _split(
    asked: Asked,
    roles: Roles,
    task: Task,
    *,
    rows: pl.DataFrame,
    features: Sequence[str],
    read: Read,
    series: Series | None,
) -> tuple[pl.DataFrame, pl.DataFrame, list[str]]:
    """Rows to learn from, rows held out, and a sentence on these."""
    import polars as pl

    if asked.test is not None:
        test = _test(asked, roles, task, features=features, read=read, series=series)
        name = public(asked.test) if isinstance(asked.test, str) else "the test table"
        return rows, test, [f"{test.height} rows of {name} judge the promises"]
    if not _holds_out(asked):
        return rows, rows.clear(), []
    share = _held.share_of(rows.height, asked.holdout)
    mask = _held.held_mask(
        rows,
        share=share,
        seed=asked.seed,
        classes=roles.target if task.classifies else None,
        group=roles.group,
        time=roles.time,
    )
    chosen = pl.Series(mask)
    how = f"whole groups of {roles.group}" if roles.group else "by chance"
    how = f"the latest by {roles.time}" if roles.time else how
    note = f"{int(mask.sum())} of {rows.height} rows ({how}) are held out to judge the promises; no training sees them"
    return rows.filter(~chosen), rows.filter(chosen), [note]


def _holds_out(asked: Asked) -> bool:
    if asked.test is not None:
        return False
    return asked.holdout is not None or any(on_answers(each) for each in asked.promises)


def _test(
    asked: Asked, roles: Roles, task: Task, *, features: Sequence[str], read: Read, series: Series | None
) -> pl.DataFrame:
    from holdfast.data._predict import like_training

    where = asked.test if isinstance(asked.test, str) else "test rows"
    texts = [name for name, kind in read.sources.items() if kind == "String"]
    rows = like_training(asked.test, asked.reading, texts=texts, parses=read.parses)
    made = () if series is None else series.plan.names
    own = () if series is None else series.columns
    needed = (roles.target, *own, *features, *(each for each in (roles.group,) if each is not None))
    for name in needed:
        if name not in rows.columns and name not in made:
            raise ColumnNotFound(f"no column {name!r}", where=where, expected=one_of(rows.columns, name))
    if series is not None:
        rows = series.derived(_table.with_numbers(rows, roles.target, where=where).sort(list(reversed(own))))
    return _table.with_target(rows, roles.target, classifies=task.classifies, where=where)


def _some(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.gather_every(max(1, rows.height // _PARITY_ROWS)).head(_PARITY_ROWS)


def _weights(rows: pl.DataFrame, roles: Roles, read: Read) -> np.ndarray | None:
    from holdfast.keeper.splits import row_weights

    return None if roles.weight is None else row_weights(rows, roles.weight, where=read.where)


def _groups(promises: Sequence[Promise], roles: Roles, columns: Sequence[str]) -> tuple[str, ...]:
    named = [name for each in promises if each.stage == "candidate" for name in (*columns_of(each), *each.by)]
    own = (roles.target, roles.event)
    return tuple(dict.fromkeys(each for each in (*roles.sensitive, *named) if each in columns and each not in own))


def _settings(asked: Asked, roles: Roles, task: Task) -> dict[str, Any]:
    by_role = {name: getattr(roles, name) for name in ("group", "time") if getattr(roles, name) is not None}
    return {**by_role, **task.settings, **asked.settings}
