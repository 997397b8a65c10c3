"""The suite of measures: what is well made passes, and every broken rule is named."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, DataError, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.ports import MeasureSpec, RowCheck
from holdfast.testing import (
    ConformanceError,
    _measure,
    check_measure,
    tiny_scored,
)


def _spec(compute: Callable[..., Any], **changes: Any) -> MeasureSpec:
    given: dict[str, Any] = {
        "name": "tried",
        "compute": compute,
        "unit": "share",
        "range": (0.0, 1.0),
        "better": "higher",
        "stages": ("data",),
        "subject": "rows",
        "source": "a paper",
    }
    return MeasureSpec(**{**given, **changes})


def _counted(rows: pl.DataFrame, column: str) -> int:
    if column not in rows.columns:
        raise ColumnNotFound(f"no column {column!r}")
    if not rows.height:
        raise NotMeasurable("no rows")
    return rows.height


def good(rows: pl.DataFrame, column: str, *, confidence: float = 0.95) -> Value:
    """Share of the cells that are there."""
    n = _counted(rows, column)
    share = rows[column].is_not_null().mean()
    return Value(share, low=share * (1 - confidence), high=share + (1 - share) * confidence, n=n)


def silent_on_nothing(rows: pl.DataFrame) -> Value:
    """Answer even where there are no rows."""
    return Value(1.0, n=max(1, rows.height))


def out_of_range(rows: pl.DataFrame, column: str) -> Value:
    """Count, said to be a share."""
    return Value(float(_counted(rows, column)))


def moody(rows: pl.DataFrame, column: str, *, rng: np.random.Generator, seen: list[int] = []) -> Value:  # noqa: B006 - the memory is the fault
    """Answer otherwise each time."""
    seen.append(_counted(rows, column))
    return Value(1.0 / len(seen))


def meddling(rows: pl.DataFrame, column: str) -> Value:
    """Add a column to what it was given."""
    n = _counted(rows, column)
    rows.insert_column(0, pl.Series(f"extra {rows.width}", [0] * n))
    return Value(1.0, n=n)


def stranger(rows: pl.DataFrame, column: str) -> Value:
    """Raise an error that is not Holdfast's for one row."""
    return Value(1.0 / (_counted(rows, column) - 1))


def muttering(rows: pl.DataFrame, column: str) -> Value:
    """Warn about constant columns."""
    n = _counted(rows, column)
    if rows[column].n_unique() < 2:
        warnings.warn("constant", RuntimeWarning, stacklevel=1)
    return Value(1.0, n=n)


def blind(rows: pl.DataFrame, column: str) -> Value:
    """Answer for columns that are not there."""
    if not rows.height:
        raise NotMeasurable("no rows")
    return Value(0.5 if column not in rows.columns else 1.0)


def narrow(rows: pl.DataFrame, column: str, *, confidence: float = 0.95) -> Value:
    """Give the narrower interval for the greater confidence."""
    _counted(rows, column)
    return Value(0.5, low=0.5 * confidence, high=0.5, n=1)


def impatient(rows: pl.DataFrame, column: str, *, anytime: bool = False) -> Value:
    """Say it can be looked at again, and refuse."""
    _counted(rows, column)
    if anytime:
        raise NotMeasurable("not twice")
    return Value(1.0)


def talkative(rows: pl.DataFrame, column: str) -> Value:
    """Keep an object in the notes."""
    return Value(1.0, n=_counted(rows, column), notes={"rows": rows})


def number(rows: pl.DataFrame, column: str) -> float:
    """Give a bare number."""
    return float(_counted(rows, column))


def never(rows: pl.DataFrame) -> Value:
    """Refuse everything."""
    raise NotMeasurable("never")


def undocumented(rows: pl.DataFrame) -> Value:
    return Value(1.0)


def test_a_good_measure_conforms() -> None:
    check_measure(_spec(good, arguments=(1, 1)))
    check_measure(_spec(good, arguments=(1, 1)), subject=pl.DataFrame({"x": [1, None]}), args=("x",), options={})


@pytest.mark.parametrize(
    ("compute", "sentence"),
    [
        (silent_on_nothing, "on an empty subject was taken without a word"),
        (out_of_range, "outside its declared range"),
        (moody, "with the same seed"),
        (meddling, "changed what it was given"),
        (stranger, "on one row raised ZeroDivisionError"),
        (muttering, "raised RuntimeWarning: constant"),
        (blind, "of a column that is not there gave"),
        (narrow, "99 % interval"),
        (impatient, "says it can be anytime-valid and refuses"),
        (talkative, "is no plain data"),
        (number, "gave a float, not a Value"),
        (never, "could be measured on no tiny subject"),
        (undocumented, "has no docstring"),
    ],
)
def test_a_measure_that_breaks_a_rule_is_named_with_the_rule(compute: Callable[..., Any], sentence: str) -> None:
    least = 1 if "column" in compute.__annotations__ else 0
    with pytest.raises(ConformanceError, match=sentence):
        check_measure(_spec(compute, arguments=(least, least)))


@pytest.mark.parametrize(
    ("failing", "sentence"),
    [
        (lambda rows, _column: np.zeros(rows.height), "expected bool of shape"),
        (lambda _rows, _column: np.zeros(3, dtype=bool), "expected bool of shape"),
    ],
)
def test_a_row_check_gives_a_mask(failing: Callable[..., Any], sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_measure.registry, "find", lambda _kind, name: RowCheck(name, failing))
    with pytest.raises(ConformanceError, match=sentence):
        check_measure(_spec(good, arguments=(1, 1)))


def accuracy_like(scored: Any) -> Value:
    """Share that is right."""
    if not scored.n:
        raise NotMeasurable("no rows")
    if scored.decision is None:
        raise NotMeasurable("no decisions")
    return Value(float((scored.decision == scored.truth).mean()), n=scored.n)


def test_a_measure_of_scores_is_tried_on_the_task_that_it_can_measure() -> None:
    check_measure(_spec(accuracy_like, subject="scores", stages=("candidate",)))
    check_measure(_spec(accuracy_like, subject="scores", stages=("candidate",)), subject=tiny_scored("multiclass"))


def _window_mean(window: Any, column: str) -> Value:
    """Mean of a column in the window."""
    if column not in window.current.columns:
        raise ColumnNotFound(f"no column {column!r}")
    values = window.current[column].drop_nulls().drop_nans()
    if not len(values) or not values.dtype.is_numeric() or not np.isfinite(values.mean()):
        raise NotMeasurable("no values")
    return Value(float(values.mean()), n=len(values))


def _estimated(window: Any, measure: str) -> Value:
    """Share of the decisions that will be right, said without looking."""
    if measure != "accuracy":
        raise NotMeasurable(f"no estimate of {measure}")
    if not window.current.height:
        raise NotMeasurable("no rows")
    return Value(0.5)


def _size(model: Any) -> Value:
    """Bytes of the file."""
    return Value(float(model.size_bytes))


def _asked(model: Any, column: str) -> Value:
    """Share of the sample that holds a value."""
    return good(model.sample, column)


def _slowest(traffic: Any, quantile: float) -> Value:
    """Quantile of the latencies."""
    if not len(traffic.latency_s):
        raise NotMeasurable("no requests")
    return Value(float(np.quantile(traffic.latency_s, quantile)), n=len(traffic.latency_s))


def _within(rows: pl.DataFrame, column: str, low: float, high: float, step: float) -> Value:
    """Share between two numbers."""
    n = _counted(rows, column)
    if not rows.schema[column].is_numeric():
        raise DataError("no numbers")
    return Value(float(rows[column].is_between(low, high * step).fill_null(value=False).mean()), n=n)


def _every(rows: pl.DataFrame, *columns: str) -> Value:
    """Share of the cells of all columns that are there."""
    return Value(min(good(rows, column).value for column in columns), n=rows.height)


@pytest.mark.parametrize(
    ("compute", "changes"),
    [
        (_window_mean, {"subject": "window", "arguments": (1, 1), "range": (None, None)}),
        (_estimated, {"subject": "window", "arguments": (1, 1), "estimates": ("accuracy",)}),
        (_size, {"subject": "model", "unit": "bytes", "range": (0.0, None), "better": "lower"}),
        (_asked, {"subject": "model", "arguments": (1, 1)}),
        (_slowest, {"subject": "traffic", "unit": "seconds", "arguments": (1, 1), "range": (0.0, None)}),
        (_within, {"arguments": (4, 4)}),
        (_every, {"arguments": (1, None)}),
    ],
)
def test_a_good_measure_of_every_subject_conforms(compute: Callable[..., Any], changes: dict[str, Any]) -> None:
    check_measure(_spec(compute, **changes))


def test_arguments_that_the_suite_cannot_guess_are_asked_for() -> None:
    def particular(rows: pl.DataFrame, secret: str) -> Value:
        """Answer to one word only."""
        if secret != "sesame":  # noqa: S105 - no password
            raise NotMeasurable("wrong word")
        return Value(1.0, n=_counted(rows, "age"))

    with pytest.raises(ConformanceError, match="hand over `subject` or `args`"):
        check_measure(_spec(particular, arguments=(1, 1)))
    check_measure(_spec(particular, arguments=(1, 1)), args=("sesame",))
