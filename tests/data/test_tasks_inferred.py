"""Tasks: what a target asks for, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import InvalidValue, UnusableTarget
from holdfast.core.models import TASKS
from holdfast.data._tasks import task_of


def task(values: list[Any], **given: Any) -> Any:
    return task_of(pl.Series("y", values), **{"asked": None, "where": "rows.csv", **given})


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (["no", "yes"] * 5, "binary"),
        ([0, 1] * 5, "binary"),
        ([True, False] * 5, "binary"),
        ([1.5, 2.5] * 5, "binary"),
        (["a", "b", "c"] * 5, "multiclass"),
        (list(range(10)) * 10, "multiclass"),
        ([float(each) for each in range(5)] * 10, "multiclass"),
        ([*([3] * 50), *([4] * 50), *([5] * 3)], "regression"),
        (list(range(30)) * 10, "regression"),
        ([0.5, 1.5, 2.5] * 20, "regression"),
    ],
)
def test_the_task_follows_from_the_target_and_is_said(values: list[Any], name: str) -> None:
    found = task(values)
    assert found.name == name
    assert found.why.startswith(f"task {name}: y has ")


@pytest.mark.parametrize("name", [each for each in TASKS if each != "survival"])
def test_a_task_that_is_named_is_taken(name: str) -> None:
    found = task([1, 2, 3] * 20, asked=name)
    assert (found.name, found.why) == (name, None)


def test_options_say_the_task() -> None:
    assert task([1.0, 2.0, 3.0], event="died").settings == {"event": "died"}
    assert task([1.0, 2.0, 3.0], event="died").name == "survival"
    assert task([1.0, 2.0, 3.0], horizon=7).name == "forecasting"
    assert task([1.0, 2.0, 3.0], quantile=0.9).settings == {"quantile": 0.9}
    assert task([1.0, 2.0, 3.0], asked="quantile").settings == {"quantile": 0.5}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"asked": "binry"}, "did you mean 'binary'"),
        ({"asked": "survival"}, "--event"),
        ({"asked": "binary", "event": "died"}, "--event"),
        ({"asked": "multiclass", "quantile": 0.5}, "--quantile"),
        ({"event": "died", "horizon": 3}, "one of them"),
        ({"quantile": 1.0}, "between 0 and 1"),
        ({"quantile": -3.0}, "between 0 and 1"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        task([1.0, 2.0, 3.0] * 5, **given)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([7] * 10, "only the value 7"),
        (["x"], "only the value 'x'"),
        ([f"word {each}" for each in range(50)], "50 values in 50 rows"),
        ([date(2024, 1, each) for each in range(1, 20)], "of type Date"),
        ([[1], [2], [3]], "of type List"),
    ],
)
def test_a_target_that_nothing_can_be_learnt_of_is_refused(values: list[Any], words: str) -> None:
    with pytest.raises(UnusableTarget) as caught:
        task(values)
    assert words in str(caught.value)
