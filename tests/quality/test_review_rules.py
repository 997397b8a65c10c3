"""Row rules against an oracle: Kleene's logic in plain Python, row by row."""

from __future__ import annotations

import itertools
import math
import operator
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.quality import compile_checks
from holdfast.quality.engines import duckdb_table

NUMBERS = (None, math.nan, -1.0, 0.0, 2.0)
WHOLE = (None, 0, 1, 3)
WORDS = (None, "", "a", "B")
ANSWERS = (None, True, False)
ROWS = pl.DataFrame(
    list(itertools.product(NUMBERS, WHOLE, WORDS, ANSWERS)),
    schema={"f": pl.Float64, "i": pl.Int64, "s": pl.String, "b": pl.Boolean},
    orient="row",
)

COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

Rule = tuple[str, Any]  # the text, and what it is of a row: a value, or None where it is unknown


def known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def lifted(of: Any, *inner: Any) -> Any:
    return lambda row: None if None in (found := [each(row) for each in inner]) else known(of(*found))


def quotient(left: float, right: float) -> float | None:
    return None if right == 0 else left / right


def both(left: bool | None, right: bool | None) -> bool | None:
    return False if False in (left, right) else None if None in (left, right) else True


def negated(part: bool | None) -> bool | None:
    return None if part is None else not part


ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": quotient}

numbers = st.recursive(
    st.sampled_from(
        [
            ("f", lambda row: known(row["f"])),
            ("i", lambda row: row["i"]),
            ("length(s)", lifted(len, lambda row: row["s"])),
            ("1", lambda _: 1),
            ("0.5", lambda _: 0.5),
        ]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(sorted(ARITHMETIC)), inner).map(
            lambda made: (f"({made[0][0]} {made[1]} {made[2][0]})", lifted(ARITHMETIC[made[1]], made[0][1], made[2][1]))
        ),
        inner.map(lambda made: (f"-{made[0]}", lifted(operator.neg, made[1]))),
        inner.map(lambda made: (f"abs({made[0]})", lifted(abs, made[1]))),
    ),
    max_leaves=3,
)
words = st.sampled_from(
    [
        ("s", lambda row: row["s"]),
        ("lower(s)", lifted(str.lower, lambda row: row["s"])),
        ("'a'", lambda _: "a"),
    ]
)


def compared(made: tuple[Rule, str, Rule]) -> Rule:
    left, sign, right = made
    return f"{left[0]} {sign} {right[0]}", lifted(COMPARE[sign], left[1], right[1])


def absent(made: Rule) -> Rule:
    return f"{made[0]} is missing", lambda row: made[1](row) is None


signs = st.sampled_from(sorted(COMPARE))
plain = st.one_of(
    st.tuples(numbers, signs, numbers).map(compared),
    st.tuples(words, signs, words).map(compared),
    st.sampled_from(
        [
            ("b", lambda row: row["b"]),
            ("s in ('a', '')", lifted(lambda word: word in ("a", ""), lambda row: row["s"])),
            ("i not in (0, 3)", lifted(lambda number: number not in (0, 3), lambda row: row["i"])),
            ("f in (2, 0)", lifted(lambda number: number in (2, 0), lambda row: known(row["f"]))),
            ("true", lambda _: True),
            ("false", lambda _: False),
        ]
    ),
    st.one_of(numbers, words).map(absent),
)
rules = st.recursive(
    plain,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(
            lambda made: (f"({made[0][0]} and {made[1][0]})", lambda row: both(made[0][1](row), made[1][1](row)))
        ),
        st.tuples(inner, inner).map(
            lambda made: (
                f"({made[0][0]} or {made[1][0]})",
                lambda row: negated(both(negated(made[0][1](row)), negated(made[1][1](row)))),
            )
        ),
        st.tuples(inner, inner).map(
            lambda made: (
                f"({made[0][0]} -> {made[1][0]})",
                lambda row: negated(both(made[0][1](row), negated(made[1][1](row)))),
            )
        ),
        inner.map(lambda made: (f"not ({made[0]})", lambda row: negated(made[1](row)))),
        inner.map(lambda made: (f"({made[0]}) is missing", lambda row: made[1](row) is None)),
    ),
    max_leaves=4,
).filter(lambda made: re.search(r"\b[fisb]\b", made[0]) is not None)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path: Path = tmp_path_factory.mktemp("rules") / "rows.parquet"
    ROWS.write_parquet(path)
    return duckdb_table(path, threads=1)


def figures(found: Any) -> tuple[float, int] | str:
    return (found.value, found.n) if isinstance(found, Value) else str(found)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(rules)
def test_a_rule_is_what_kleenes_logic_makes_of_it(table: Any, rule: Rule) -> None:
    text, oracle = rule
    answers = [oracle(row) for row in ROWS.iter_rows(named=True)]
    looked = len(answers) - answers.count(None)
    plan = compile_checks([parse(f'holds("{text}") >= 0')])
    here, there = (next(iter(plan.results(each).values())) for each in (ROWS, table))
    assert figures(here) == figures(there), text
    assert looked == 0 or figures(here) == (1 - answers.count(False) / looked, looked), text
