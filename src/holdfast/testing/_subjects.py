"""Subjects for the suite of measures: tiny ones, spoilt ones, and whether one was changed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.models import TASKS
from holdfast.core.subjects import Model, Scored, Traffic, Window
from holdfast.testing.data import tiny_rows, tiny_scored, tiny_traffic, tiny_window
from holdfast.testing.model import tiny_model


def subjects(kind: str, folder: Path) -> Iterator[Any]:
    """Tiny subjects of a kind; one for each task where tasks differ."""
    if kind == "rows":
        yield tiny_rows()
    elif kind == "traffic":
        yield tiny_traffic()
    elif kind == "model":
        for task in TASKS:
            place = folder / task
            place.mkdir()
            yield tiny_model(place, task=task)
    else:
        yield from (tiny_scored(task) if kind == "scores" else tiny_window(task) for task in TASKS)


def copy_of(subject: Any) -> Any:
    """Copy that later changes of the subject do not reach."""
    if is_dataclass(subject) and not isinstance(subject, type):
        kept = {each.name: copy_of(getattr(subject, each.name)) for each in fields(subject)}
        return replace(subject, **kept)
    if isinstance(subject, pl.DataFrame):
        return subject.clone()
    return subject if callable(subject) else copy.deepcopy(subject)


def same_subject(one: Any, other: Any) -> bool:
    """Whether two subjects hold the same."""
    if isinstance(one, pl.DataFrame):
        return bool(one.schema == other.schema and one.equals(other))
    if isinstance(one, np.ndarray):
        return bool(one.shape == other.shape and repr(one.tolist()) == repr(other.tolist()))
    if is_dataclass(one):
        return all(same_subject(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    return bool(one == other)


def spoilt(subject: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Bad input made from a good subject, by what is bad about it; `columns` are those that are measured."""
    columns = list(dict.fromkeys(columns))
    if isinstance(subject, pl.DataFrame):
        return _spoilt_rows(subject, columns)
    if isinstance(subject, Scored):
        return _spoilt_scores(subject, columns)
    if isinstance(subject, Window):
        return _spoilt_window(subject, columns)
    if isinstance(subject, Traffic):
        return {
            "an empty subject": replace(subject, latency_s=np.empty(0), failed=0, seconds=0.0),
            "one request": replace(subject, latency_s=subject.latency_s[:1], failed=0),
            "equal latencies": replace(subject, latency_s=np.full_like(subject.latency_s, 0.005)),
            "nothing but failures": replace(subject, latency_s=np.empty(0), failed=10),
        }
    return _spoilt_model(subject, columns) if isinstance(subject, Model) else {}


def _tables(rows: pl.DataFrame, columns: Sequence[str]) -> dict[str, pl.DataFrame]:
    chosen = [each for each in columns if each in rows.columns] or rows.columns
    floats = [each for each in chosen if rows.schema[each].is_float()]
    odd = {
        "NaN and infinity": rows.with_columns(
            pl.when(pl.int_range(pl.len()) % 3 == 0)
            .then(pl.lit(float("nan")))
            .when(pl.int_range(pl.len()) % 3 == 1)
            .then(pl.lit(float("inf")))
            .otherwise(pl.col(each))
            .alias(each)
            for each in floats
        ),
        "nothing but NaN": rows.with_columns(pl.lit(float("nan")).alias(each) for each in floats),
    }
    return {
        "one row": rows.head(1),
        "two rows": rows.head(2),
        "a constant column": rows.with_columns(pl.col(each).drop_nulls().first().alias(each) for each in chosen),
        "a column of missing values": rows.with_columns(
            pl.lit(None, dtype=rows.schema[each]).alias(each) for each in chosen
        ),
        **(odd if floats else {}),
    }


def _spoilt_rows(rows: pl.DataFrame, columns: Sequence[str]) -> dict[str, Any]:
    return {"an empty subject": rows.clear(), "a table without columns": pl.DataFrame(), **_tables(rows, columns)}


def _spoilt_scores(scored: Scored, columns: Sequence[str]) -> dict[str, Any]:
    made: dict[str, Any] = {"an empty subject": scored.take(np.zeros(scored.n, dtype=bool))}
    for name, index in (("one row", [0]), ("two rows", [0, 1])):
        made[name] = scored.take(np.array(index))
    made["one class, or one value, of truth"] = replace(scored, truth=np.full_like(scored.truth, scored.truth[0]))
    made["a constant score"] = replace(scored, score=np.broadcast_to(scored.score[:1], scored.score.shape).copy())
    spoilt_score = scored.score.copy()
    spoilt_score[0] = np.nan
    made["a score that is NaN"] = replace(scored, score=spoilt_score)
    for name, table in _tables(scored.rows, columns).items():
        if table.height == scored.n:
            made[name] = replace(scored, rows=table)
    return made


def _spoilt_window(window: Window, columns: Sequence[str]) -> dict[str, Any]:
    none = np.zeros(window.current.height, dtype=bool)
    made = {
        "an empty subject": _only(window, none),
        "one row": _only(window, np.arange(window.current.height) < 1),
        "two rows": _only(window, np.arange(window.current.height) < 2),
    }
    for name, table in _tables(window.current, columns).items():
        if table.height == window.current.height:
            made[f"{name} in the window"] = replace(window, current=table)
    for name, table in _tables(window.reference, columns).items():
        if table.height == window.reference.height:
            made[f"{name} in the reference"] = replace(window, reference=table)
    return made


def _only(window: Window, chosen: np.ndarray) -> Window:
    return replace(
        window,
        current=window.current.filter(pl.Series(chosen)),
        current_score=None if window.current_score is None else window.current_score[chosen],
        current_decision=None if window.current_decision is None else window.current_decision[chosen],
    )


def _spoilt_model(model: Model, columns: Sequence[str]) -> dict[str, Any]:
    tables = {name: replace(model, sample=table) for name, table in _tables(model.sample, columns).items()}
    # A size needs no sample, so a model without one may still be measured.
    return {"a model without a sample": replace(model, sample=model.sample.clear()), **tables}
