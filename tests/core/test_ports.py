"""MeasureSpec: what a promise may say of a measure, and what reaches its function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from holdfast.core.errors import InvalidValue, NotMeasurable, UnitMismatch
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.ports import MeasureSpec, Refusal, Source


def _echo(
    subject: Any, column: str = "x", *, confidence: float, rng: Any, anytime: bool = False, k: float = 1.0
) -> Value:
    return Value(k, notes={"column": column, "confidence": confidence, "rng": rng, "anytime": anytime})


def _bare(subject: Any) -> Value:
    return Value(float(subject))


ECHO = MeasureSpec(
    name="echo",
    compute=_echo,
    unit="share",
    range=(0.0, 1.0),
    better="higher",
    stages=("candidate", "live"),
    subject="scores",
    source="a paper",
    arguments=(0, 1),
)
BARE = replace(ECHO, name="bare", compute=_bare, arguments=(0, 0))
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "the echo"}, "no name of a measure"),
        ({"unit": "percent"}, "'percent'"),
        ({"subject": "row"}, "did you mean 'rows'"),
        ({"better": "bigger"}, "higher, lower or target"),
        ({"stages": ()}, "stages"),
        ({"stages": ("candidate", "alive")}, "stages"),
        ({"source": ""}, "names no source"),
    ],
)
def test_a_measure_that_is_not_well_declared_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(ECHO, **changes)


@pytest.mark.parametrize(
    ("spec", "text", "kind", "message"),
    [
        (ECHO, "echo >= 20 ms", UnitMismatch, r"bound of dimension time, echo is a number.*such as 0.9"),
        (replace(ECHO, unit="seconds"), "echo <= 0.5", UnitMismatch, "such as 20 ms"),
        (replace(ECHO, unit="bytes"), "echo <= 0.5", UnitMismatch, "such as 5 MB"),
        (replace(ECHO, unit="USD"), "echo <= 0.5", UnitMismatch, "such as 0.02 USD"),
        (replace(ECHO, unit="rows"), "echo <= 0.5", UnitMismatch, "such as 1000 rows"),
        (ECHO, "echo >= 1.5", InvalidValue, "a number from 0 to 1"),
        (ECHO, "echo >= -0.5", InvalidValue, "a number from 0 to 1"),
        (replace(ECHO, range=(0.0, None)), "echo >= -1", InvalidValue, "a number from 0 to any"),
        (replace(ECHO, range=(None, 0.0)), "echo >= 1", InvalidValue, "a number from any to 0"),
        (replace(ECHO, stages=("data",)), "echo >= 0.5", InvalidValue, "cannot be judged at stage candidate"),
        (ECHO, "echo(a, b) >= 0.5", InvalidValue, r"with 2 arguments.*0 to 1 \(a column"),
        (BARE, "bare(a) >= 0.5", InvalidValue, r"with 1 arguments.*Expected 0 \("),
        (replace(ECHO, arguments=(1, None)), "echo >= 0.5", InvalidValue, r"with 0 arguments.*1 or more"),
    ],
)
def test_a_promise_that_the_measure_cannot_keep_is_refused(
    spec: MeasureSpec, text: str, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        spec.check(parse(text).at("candidate"), where="holdfast.yaml:9")
    assert str(caught.value).startswith("holdfast.yaml:9: ")


@pytest.mark.parametrize("text", ["echo >= 0", "echo(*) >= 100%", "echo(age) <= 0.5"])
def test_a_promise_within_range_is_taken_with_or_without_a_stage(text: str) -> None:
    ECHO.check(parse(text))
    ECHO.check(parse(text).at("live"))
    replace(ECHO, range=(None, None), arguments=(0, None)).check(parse(text))


def test_what_a_measure_takes_reaches_it() -> None:
    value = ECHO.measure(None, ("age",), {"k": 2.0}, confidence=0.9, rng=RNG, anytime=True)
    assert value.value == 2.0
    assert value.notes == {"column": "age", "confidence": 0.9, "rng": RNG, "anytime": True}


def test_what_a_measure_does_not_take_does_not_reach_it() -> None:
    assert BARE.measure(3, rng=RNG, anytime=True).value == 3.0


def test_a_measure_knows_whether_its_interval_may_be_looked_at_again() -> None:
    assert ECHO.anytime
    assert not BARE.anytime


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        ((), {"kk": 1.0}, r"echo has no option 'kk'.*did you mean 'k'"),
        ((), {"confidence": 0.9}, r"echo has no option 'confidence'.*one of 'column', 'k'"),
        ((), {"subject": 1.0}, "echo cannot take these arguments: multiple values"),
        (("age",), {"column": "sex"}, "multiple values for argument 'column'"),
        (("age", "sex"), {}, "too many positional"),
    ],
)
def test_an_argument_that_the_measure_does_not_have_is_refused(
    args: tuple[str, ...], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidValue, match=message):
        ECHO.measure(None, args, options, rng=RNG)


def test_an_error_of_the_measure_itself_is_left_as_it_is() -> None:
    def refuse(subject: Any) -> Value:
        raise NotMeasurable("no rows")

    with pytest.raises(NotMeasurable, match="no rows"):
        replace(BARE, compute=refuse).measure(None, rng=RNG)


def test_a_value_is_shown_in_the_measures_unit() -> None:
    assert replace(ECHO, unit="seconds").show(0.02) == "20 ms"


def test_a_port_is_met_by_its_members_alone() -> None:
    assert not isinstance(Refusal("no"), Source)
