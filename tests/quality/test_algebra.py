from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.quality import algebra as a
from holdfast.quality._walks import needs_order, within
from holdfast.quality.engines._duckdb import DuckDialect
from holdfast.quality.engines._frames import FrameTable, unused
from holdfast.quality.engines._polars import _CALLS, Renderer
from holdfast.quality.engines._postgres import PostgresDialect
from holdfast.quality.engines._regex import POSTGRES, RE2, translated
from holdfast.quality.engines._sql import Sql, name_of, text_of
from holdfast.quality.engines._table import Question

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")

CONNECTION = duckdb.connect(config={"threads": 1})
CONNECTION.execute("SET TimeZone='UTC'")
X, Y = a.Column("x"), a.Column("y", nan=True)


def test_public_names_are_listed() -> None:
    nodes = {name for name, each in vars(a).items() if isinstance(each, type) and issubclass(each, a.Node)}
    assert nodes.issubset(a.__all__)
    assert sorted(set(a.__all__)) == sorted(a.__all__)


def test_nodes_are_equal_by_what_they_hold() -> None:
    assert a.Compare("<", X, a.Literal(1)) == a.Compare("<", a.Column("x"), a.Literal(1))
    assert hash(a.Filter(a.Source(), a.IsMissing(X))) == hash(a.Filter(a.Source(), a.IsMissing(X)))
    assert a.Column("x", nan=True) != X


def test_a_chosen_part_reaches_every_look_at_the_table() -> None:
    chosen = a.Compare("==", X, a.Literal("a"))
    there = a.Filter(a.Source(), chosen)
    groups = a.Group(a.Source(), (("x", X),), (("n", a.Rows()),))
    assert within(a.Source(), chosen) == there
    assert within(groups, chosen).over == there
    assert within(a.Absent(X, a.Source(), Y), chosen).among == there
    assert within(groups, None) is groups
    assert within(X, chosen) is X


def test_what_needs_an_order_is_known() -> None:
    assert needs_order(a.CountIf(a.Compare("<", X, a.Previous(X))))
    assert needs_order(a.Repeats((X,)))
    assert not needs_order(a.Distinct((X, Y)))


def test_every_function_has_a_form_in_every_engine() -> None:
    assert set(_CALLS) == set(a.FUNCTIONS)
    for dialect in (DuckDialect(), PostgresDialect()):
        sql = Sql(dialect, "t")
        assert all('"x"' in sql.row(a.Call(each, (X,))) for each in a.FUNCTIONS)


@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), min_size=1))
def test_no_text_ends_its_own_quotes(text: str) -> None:
    assert text_of(text)[1:-1].replace("''", "").count("'") == 0
    assert name_of(text)[1:-1].replace('""', "").count('"') == 0


@settings(max_examples=40)
@given(st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=20))
def test_a_text_literal_is_read_back_as_it_was(text: str) -> None:
    assert CONNECTION.execute(f"SELECT {text_of(text)}").fetchone() == (text,)


def test_a_name_or_text_with_a_nul_is_refused() -> None:
    with pytest.raises(InvalidValue, match="NUL"):
        name_of("a\0b")
    with pytest.raises(NotMeasurable, match="NUL"):
        text_of("a\0b")
    with pytest.raises(InvalidValue):
        name_of("")


@pytest.mark.parametrize(
    "value",
    [
        *(True, 0, -(2**62), 2**63, 0.1, 1e-300, float("inf"), float("-inf"), "it's \\ \n", date(2026, 1, 31)),
        datetime(2026, 1, 31, 12, 30, 1, 5),  # noqa: DTZ001  # without a zone, too
        datetime(2026, 1, 31, tzinfo=UTC),
        datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_every_kind_of_constant_is_itself_in_sql(value: Any) -> None:
    assert CONNECTION.execute(f"SELECT {Sql(DuckDialect(), 't').literal(value)}").fetchone() == (value,)


def test_a_name_that_no_column_has_is_found() -> None:
    assert unused("row", {"ROW": 1, "row_": 1}) == "row__"


def test_a_figure_that_cannot_be_computed_does_not_hide_the_others() -> None:
    table = FrameTable(pl.DataFrame({"x": ["a", "b"]}))
    bad = Question({"n": a.Statistic("mean", a.Call("year", (X,)))})
    good = Question({"n": a.Rows()})
    found = table.figures([bad, good])
    assert isinstance(found[0], NotMeasurable)
    assert found[1] == {"n": 2}
    assert table.figures([]) == []


def test_a_renderer_alone_has_no_other_relations() -> None:
    with pytest.raises(TypeError, match="another one"):
        Renderer().row(a.Absent(X, a.Source(), X))


PATTERNS = st.recursive(
    st.sampled_from(["a", "b", "1", ".", r"\d", r"\s", r"\D", r"\S", "[a-c]", "[^a]", r"[\d\s]", "[a-]", r"\.", r"\n"])
    | st.sampled_from(
        ["é", "[[:alpha:]]", "[[:digit:]x]", r"[\]\-]", "^", "$", "(?:)", r"[.*+]", " ", "-", "'", r"\\"]
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "*?"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
    ),
    max_leaves=6,
)
TEXTS = [
    "",
    "a",
    "b",
    "ab",
    "abc",
    "1",
    "٣",
    "é",
    " ",
    "\n",
    "a\n",
    "\u00a0",
    "-",
    ".",
    "]",
    "'",
    "\\",
    "x1",
    "a b",
    "*",
    "A",
]


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(PATTERNS)
def test_a_translated_pattern_matches_what_it_matches_in_polars(pattern: str) -> None:
    whole = f"^(?:{pattern})$"
    here = pl.Series(TEXTS).str.contains(whole).to_list()
    listed = ", ".join(text_of(each) for each in TEXTS)
    regex = text_of(translated(whole, RE2))
    query = f"SELECT list_transform([{listed}], lambda x: regexp_matches(x, {regex}))"
    assert CONNECTION.execute(query).fetchone() == (here,)


@pytest.mark.parametrize(
    "pattern", [r"\w", r"\b", "(?i)a", "[a&&b]", "(?P<x>a)", r"[\W]", r"\x41", "[[:word:]]", "(?x)a "]
)
def test_what_an_engine_may_read_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(NotMeasurable, match="may mean something else in PostgreSQL"):
        translated(pattern, POSTGRES)


def test_patterns_are_anchored_at_the_ends_of_the_text() -> None:
    assert translated("^a$", RE2) == r"\Aa\z"
    assert translated("^a$", POSTGRES) == r"\Aa\Z"
    assert translated(r"(?i)\p{L}", RE2) == r"(?i)\p{L}"
