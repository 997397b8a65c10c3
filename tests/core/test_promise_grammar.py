"""The grammar: what is read, and what every error says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import HoldfastError, InvalidValue, PromiseSyntaxError, UnitMismatch
from holdfast.core.grammar import parse
from holdfast.core.promises import Promise
from holdfast.core.units import Quantity

NAMES = ["recall", "psi", "by", "on", "over", "with", "else", "é", '"a b"', '"\\ud800"', '"\ud800"']
NUMBERS = ["0.9", "-1", "90", "%", "ms", "1e999", "1e-400", "٣"]
MARKS = ["(", ")", "*", ",", "=", "<=", ">=", "==", '"', "\\", "\n", "\x0b", " "]
PIECES = st.sampled_from([*NAMES, *NUMBERS, *MARKS])


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("roc_auc >= 0.90", "roc_auc >= 0.9"),
        ("recall>=0.80 by race,sex", "recall >= 0.8 by race, sex"),
        (
            "demographic_parity_difference(sex) <= 0.10 with 95%",
            "demographic_parity_difference(sex) <= 0.1 with 95%",
        ),
        ("p99_latency <= 20 ms over 5 m else scale", "p99_latency <= 20 ms over 5 m else scale"),
        ("psi(*) <= 0.2 over 1 d else retrain", "psi(*) <= 0.2 over 1 d else retrain"),
        ("epsilon <= 3", "epsilon <= 3"),
        ("coverage >= 90 %", "coverage >= 0.9"),
        ("coverage >= 1e-13%", "coverage >= 1e-15"),
        ("coverage >= 0%", "coverage >= 0"),
        ("f(b=1,a=*) < -.5e+3", "f(a=*, b=1) < -500"),
        ('f("by", by) != 1 on "on"', 'f("by", "by") != 1 on "on"'),
        ("f <= 1 with 50.0%", "f <= 1 with 50%"),
        ("f <= 1\n  by sex", "f <= 1 by sex"),
    ],
)
def test_a_line_has_one_canonical_form(text: str, canonical: str) -> None:
    assert parse(text).text == canonical


@settings(deadline=None, max_examples=400)
@given(st.text(max_size=30) | st.lists(PIECES, max_size=14).map(" ".join) | st.lists(PIECES, max_size=8).map("".join))
def test_no_text_raises_anything_but_our_own_errors(text: str) -> None:
    try:
        found: Any = parse(text)
    except HoldfastError as error:
        found = error
    assert isinstance(found, (Promise, HoldfastError))
    assert str(found)


@pytest.mark.parametrize(
    ("text", "column", "message", "expected"),
    [
        ("", 1, "the end cannot stand here", "a name"),
        ("   ", 4, "the end cannot stand here", "a name"),
        ("recall", 7, "the end", "'(' or an operator (<= >= < > == !=)"),
        ("recall =< 1", 8, "'=<'", "'(' or an operator (<= >= < > == !=)"),
        ("recall >=", 10, "the end", "a number"),
        ("recall >= high", 11, "'high'", "a number"),
        ("recall >= 0.9 by", 17, "the end", "a name or a quoted name"),
        ("recall >= 0.9 else", 19, "the end", "a name or a quoted name"),
        ("recall >= 0.9 over 5", 21, "the end", "a unit"),
        ("recall >= 0.9 with 95", 22, "the end", "'%'"),
        ("recall >= 0.9 else fix by sex", 24, "'by'", "the end or ','"),
        ("psi(age", 8, "the end", "',' or '=' or ')'"),
        ("psi(a=) <= 1", 7, "')'", "a name or a number or '*' or a quoted name"),
        ("recall\n>= x", 11, "'x'", "a number"),
        ("f\u2003>= 1", 2, "'\\u2003>='", "'(' or an operator (<= >= < > == !=)"),
        ("f >= 1e999", 6, "1e999 is too large", "a finite number"),
        ("f(-1e999) >= 1", 3, "-1e999 is too large", "a finite number"),
        ("f(a=1, a=2) >= 1", 8, "argument 'a' stands twice", "each once"),
        ("f(a=1, 2) >= 1", 8, "without a name after 'a'", "a name and '='"),
        ('f >= 1 by "\t"', 11, "is no quoted name", "text with JSON's escapes"),
        ('f >= 1 by "\\q"', 11, "is no quoted name", "text with JSON's escapes"),
        ('f >= 1 by "\\ud800"', 11, "is no quoted name", "text with JSON's escapes"),
    ],
)
def test_a_syntax_error_says_the_column_and_what_could_stand_there(
    text: str, column: int, message: str, expected: str
) -> None:
    with pytest.raises(PromiseSyntaxError) as caught:
        parse(text, where="holdfast.yaml:7")
    assert str(caught.value.where).startswith(f"holdfast.yaml:7: column {column}")
    assert message in caught.value.message
    assert caught.value.expected is not None
    assert expected in caught.value.expected


def test_without_a_place_the_column_alone_is_said() -> None:
    with pytest.raises(PromiseSyntaxError) as caught:
        parse("recall >= high")
    assert caught.value.where == "column 11"


def test_a_unit_that_is_none_is_named_with_its_column_and_the_nearest() -> None:
    with pytest.raises(UnitMismatch) as caught:
        parse("size <= 5 Mb", where="holdfast.yaml:3")
    assert str(caught.value).startswith("holdfast.yaml:3: column 11 of the promise 'size <= 5 Mb': no unit 'Mb'")
    assert "did you mean 'MB'" in str(caught.value)


@pytest.mark.parametrize("text", ["f >= 1 with 100%", "f >= 1 over 5 MB", "f >= 1 by a, a", "f >= 1 over -1 d"])
def test_a_part_out_of_range_names_the_promise_it_stands_in(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        parse(text)
    assert caught.value.where == f"the promise {text!r}"


def test_a_bound_keeps_the_unit_it_was_written_in_but_for_percent() -> None:
    assert parse("f <= 20 ms").bound == Quantity(20, "ms")
    assert parse("f <= 20 %").bound == Quantity(0.2)
