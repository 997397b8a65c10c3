"""Subjects: one length everywhere, and taking rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import InvalidValue
from holdfast.core.subjects import Scored


def _binary(**changes: Any) -> Scored:
    parts: dict[str, Any] = {
        "task": "binary",
        "truth": np.array(["no", "yes", "yes"]),
        "score": np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]),
        "rows": pl.DataFrame({"sex": ["f", "m", "f"]}),
        "decision": np.array(["no", "yes", "no"]),
        "classes": ("no", "yes"),
        "positive": "yes",
        "group": np.array([1, 1, 2]),
    }
    return Scored(**{**parts, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"truth": np.array(["no"])}, r"lengths \[1, 3\]"),
        ({"rows": pl.DataFrame({"sex": ["f"]})}, r"lengths \[1, 3\]"),
        ({"decision": np.array(["no"] * 4)}, r"lengths \[3, 4\]"),
        ({"group": np.array([1])}, r"lengths \[1, 3\]"),
        ({"score": np.array([0.1, 0.8, 0.4])}, r"score of shape \(3,\)"),
        ({"score": np.ones((3, 3))}, r"score of shape \(3, 3\)"),
    ],
)
def test_answers_that_do_not_fit_the_truth_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        _binary(**changes)


@pytest.mark.parametrize("chosen", [np.array([True, False, True]), np.array([0, 2])])
def test_taking_rows_takes_them_everywhere(chosen: np.ndarray) -> None:
    taken = _binary().take(chosen)
    assert taken.n == 2
    assert list(taken.truth) == ["no", "yes"]
    assert taken.rows["sex"].to_list() == ["f", "f"]
    assert taken.decision is not None
    assert list(taken.decision) == ["no", "no"]
    assert taken.group is not None
    assert list(taken.group) == [1, 2]
    assert taken.score.shape == (2, 2)


def test_a_table_without_columns_has_no_rows_to_disagree() -> None:
    bare = Scored("regression", truth=np.arange(3.0), score=np.arange(3.0), rows=pl.DataFrame())
    taken = bare.take(np.array([True, False, False]))
    assert (taken.n, taken.rows.width, taken.decision, taken.group) == (1, 0, None, None)


def test_taking_nothing_leaves_nothing() -> None:
    assert _binary().take(np.zeros(3, dtype=bool)).n == 0
