"""Names as MLflow takes them: every text gets one, and no two texts the same."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.evidence import Evidence
from holdfast.store._mirror_names import key_name, logged_name, metric_name, model_name, shortened
from holdfast.store._mlflow import quiet

TEXT = st.text(max_size=300)


@pytest.fixture(scope="module", autouse=True)
def mlflow() -> Any:
    with quiet():
        return pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")


def found(subject: str, **more: Any) -> Evidence:
    return Evidence(subject, "recall", "candidate", datetime(2026, 1, 1, tzinfo=UTC), value=0.9, **more)


@settings(deadline=None)
@given(TEXT)
def test_every_text_becomes_a_name_that_mlflow_takes(text: str) -> None:
    from mlflow.utils.validation import _validate_metric_name, _validate_model_name, _validate_tag_name

    _validate_metric_name(key_name(text))
    _validate_tag_name(key_name(text))
    _validate_model_name(model_name(text))
    assert logged_name(text)
    assert not set(logged_name(text)) & set("/:.%\"'")


@settings(deadline=None)
@given(TEXT, TEXT)
def test_two_texts_never_become_one_name(left: str, right: str) -> None:
    for name in (key_name, model_name, logged_name):
        assert (name(left) == name(right)) == (left == right)


@pytest.mark.parametrize(
    ("evidence", "name"),
    [
        ({"args": ("*",)}, "recall/all"),
        ({"args": (5.0, "age")}, "recall/5/age"),
        ({"options": (("k", 3.0),)}, "recall/k:3.0"),
        ({"slice": (("race", "Black"), ("sex", "Male"))}, "recall/race:Black/sex:Male"),
    ],
)
def test_a_metric_is_named_by_measure_arguments_and_slice(evidence: dict[str, Any], name: str) -> None:
    assert metric_name(found("s" * 64, **evidence)) == name


def test_a_slash_in_a_value_is_no_border() -> None:
    one, other = found("s", args=("a/b",)), found("s", args=("a", "b"))
    assert metric_name(one) != metric_name(other)


def test_long_values_are_cut() -> None:
    assert len(shortened("x" * 9000)) == 4000
    assert (shortened(0.1), shortened(None), shortened("short")) == ("0.1", "None", "short")
