"""Settings of the trainer: what each may be, and what comes where it is not given."""

from __future__ import annotations

import importlib
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.automl import _settings
from holdfast.automl._settings import Settings
from holdfast.core.errors import InvalidValue, MissingExtra

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
ROWS = parts.table(20)

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=1)), max_size=2),
    st.dictionaries(st.text(max_size=1), st.integers(), max_size=1),
)
NAMES = (
    *("learners", "threads", "max_trials", "members", "most_bytes", "rounds", "threshold", "calibrate", "search"),
    *("features", "distil", "bag", "vectors", "leaks", "executor", "workers"),
)


def of(**settings) -> Settings:
    return Settings.of(replace(parts.request(ROWS, Path("nowhere")), settings=settings))


def test_what_is_not_given_has_a_default(monkeypatch) -> None:
    monkeypatch.setattr(_settings, "usable", lambda name: name != "catboost")
    made = of()
    assert "catboost" not in made.learners
    assert {"linear", "lightgbm", "xgboost"} <= set(made.learners)
    assert (made.members, made.executor, made.workers, made.threads) == (4, "local", 1, 1)
    assert (made.rounds, made.threshold, made.bag, made.vectors) == (None, None, None, None)


@given(name=st.sampled_from(NAMES), value=ODD)
def test_any_value_is_taken_or_refused_in_words(name, value) -> None:
    told: list[tuple[str | None, str | None]] = []
    try:
        told.append((f"settings.{name}", str(of(**{name: value}))))
    except InvalidValue as error:
        told.append((error.where, error.expected))
    ((where, right),) = told
    assert where == f"settings.{name}"
    assert right


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"learners": []}, "learners"),
        ({"learners": ["lightgbn"]}, "lightgbn"),
        ({"learners": [["linear"]]}, "learner"),
        ({"learners": "linear"}, "learners 'linear'"),
        ({"members": 0}, "members 0"),
        ({"members": True}, "members True"),
        ({"most_bytes": math.nan}, "most_bytes nan"),
        ({"threshold": 1.0}, "threshold 1.0"),
        ({"calibrate": "yes"}, "calibrate 'yes'"),
        ({"leaks": "drip"}, "leaks 'drip'"),
        ({"executor": "proceses"}, "executor 'proceses'"),
        ({"executor": "local", "workers": 2}, "2 workers of the executor 'local'"),
    ],
)
def test_a_value_out_of_range_is_told(settings, match) -> None:
    with pytest.raises(InvalidValue, match=match):
        of(**settings)


def test_workers_are_processes_unless_something_else_is_said() -> None:
    assert of(workers=2).executor == "processes"
    assert of(workers=2, executor="ray").executor == "ray"
    assert of(executor="processes").workers == 1


def test_learners_are_taken_once_each_in_their_order() -> None:
    assert of(learners=["lightgbm", "linear", "lightgbm"]).learners == ("lightgbm", "linear")


def test_a_learner_that_is_named_but_not_installed_says_what_to_type(monkeypatch) -> None:
    monkeypatch.setattr(_settings, "usable", lambda name: name != "xgboost")
    with pytest.raises(MissingExtra, match="learner 'xgboost'") as error:
        of(learners=["linear", "xgboost"])
    assert "pip install 'holdfast[automl]'" in str(error.value)


@pytest.mark.parametrize("leaks", ["warn", "drop", "keep"])
def test_leaks_may_be_told_dropped_or_kept(leaks) -> None:
    assert of(leaks=leaks).leaks == leaks
