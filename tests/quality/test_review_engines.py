"""One answer whatever the engine, the zone of a time, the width of a number, or the other table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.measures import RowCase
from holdfast.quality import compile_checks
from holdfast.quality.compiler import compile_cases
from holdfast.quality.engines import duckdb_table
from holdfast.quality.engines._regex import POSTGRES, RE2, translated

TIMES = pl.Series([datetime(2026, 3, 28, 20, tzinfo=UTC) + timedelta(hours=hour) for hour in range(12)])
NOW = datetime(2026, 3, 30, tzinfo=UTC)

Answer = tuple[float, int] | str


@pytest.fixture
def answers(tmp_path: Path) -> Callable[..., list[Answer]]:
    """Value and n, or the error, of a promise: in memory, streamed, and by DuckDB."""

    def ask(rows: pl.DataFrame, text: str, related: Any = None) -> list[Answer]:
        rows.write_parquet(tmp_path / "rows.parquet")
        tables = (rows, pl.scan_parquet(tmp_path / "rows.parquet"), duckdb_table(tmp_path / "rows.parquet", threads=1))
        plan = compile_checks([parse(text)])
        found = [next(iter(plan.results(each, now=NOW, related=related).values())) for each in tables]
        return [(each.value, each.n) if isinstance(each, Value) else str(each) for each in found]

    return ask


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('in_range(at, "2026-03-29") >= 1', 8 / 12),
        ('in_range(at, high="2026-03-29T01:00:00+02:00") >= 1', 4 / 12),
        ('in_range(at, "2026-03-28T21:00:00", "2026-03-29T02:00:00Z") >= 1', 6 / 12),
        ('regular(at, "1 h") >= 1', 1.0),
        ("freshness(at) <= 1 d", 17 * 3600.0),
        ("monotone(at, strictly=true) >= 1", 1.0),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_time_is_a_moment_whatever_zone_it_is_told_in(
    answers: Callable[..., list[Answer]], text: str, value: float, zone: str, unit: Any
) -> None:
    rows = pl.DataFrame({"at": TIMES.dt.convert_time_zone(zone).dt.cast_time_unit(unit)})
    found = answers(rows, text)
    assert found[0] == found[1] == found[2]
    assert found[0][0] == pytest.approx(value)


def test_a_slice_of_a_narrow_float_is_the_same_in_every_engine(tmp_path: Path) -> None:
    rows = pl.DataFrame({"f": pl.Series([0.1, 2.7, 0.1, None], dtype=pl.Float32), "x": [1, 2, 3, 4]})
    rows.write_parquet(tmp_path / "rows.parquet")
    cases = [RowCase("row_count", slice=(("f", word),)) for word in ("0.1", "2.7", "(missing)")]
    for table in (rows, duckdb_table(tmp_path / "rows.parquet", threads=1)):
        assert [each.value for each in compile_cases(cases).results(table) if isinstance(each, Value)] == [2, 1, 1]


@pytest.mark.parametrize("pattern", [r"\<a", r"a\>", "[a&&b]", "[a~~b]"])
def test_what_rust_reads_as_ends_of_words_or_sets_of_sets_is_refused(pattern: str) -> None:
    with pytest.raises(NotMeasurable, match="may mean something else"):
        translated(pattern, RE2)


@pytest.mark.parametrize(
    ("pattern", "value"), [("[a-z &]+", 2 / 4), ("[~a]+", 1 / 4), ("(?s:.*)b(?s:.)?", 3 / 4), ("(?s:.*)", 4 / 4)]
)
def test_sets_with_a_sign_in_them_and_any_text_are_told_to_every_engine(
    answers: Callable[..., list[Answer]], pattern: str, value: float
) -> None:
    rows = pl.DataFrame({"s": ["a & b", "~a", "b\n", "b"]})
    assert answers(rows, f'matches(s, "{pattern}") >= 1') == [(value, 4)] * 3
    assert translated("[&]", POSTGRES) == r"[\u0026]"


OTHER = pl.LazyFrame({"day": [date(1970, 1, 2)], "yes": [True], "word": ["secret"], "number": [1.0]})


@pytest.mark.parametrize("column", ["day", "yes"])
def test_a_number_refers_to_no_day_and_to_no_answer(answers: Callable[..., list[Answer]], column: str) -> None:
    rows = pl.DataFrame({"i": [1, 2]})
    found = answers(rows, f'references(i, "o", {column}) >= 1', lambda _: OTHER)
    assert all("Expected a column of numbers" in str(each) for each in found)


def test_a_day_refers_to_no_time_whatever_the_engine(answers: Callable[..., list[Answer]]) -> None:
    rows = pl.DataFrame({"day": [date(2026, 1, 1)], "at": pl.Series([date(2026, 1, 1)]).cast(pl.Datetime)})
    assert all(
        "Expected a column of the type of 'at'" in str(each) for each in answers(rows, "references(day, at) >= 1")
    )


def test_no_value_of_another_table_is_told_by_an_error(answers: Callable[..., list[Answer]]) -> None:
    rows = pl.DataFrame({"d": pl.Series([1, 2]).cast(pl.Decimal(10, 2))})
    assert answers(rows, 'references(d, "o", word) >= 1', lambda _: OTHER) == [(0.0, 2)] * 3
    assert answers(rows, 'references(d, "o", number) >= 1', lambda _: OTHER) == [(0.5, 2)] * 3
