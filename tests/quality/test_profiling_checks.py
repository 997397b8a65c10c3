"""Learned checks: what a table proposes, each kind on a table that has it and on one that has not."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import EmptyTable, InvalidValue
from holdfast.quality.profiling import Profile, codes, profile

N = 1000


def promises(found: Profile, *kinds: str) -> list[str]:
    return [each.promise.partition(" >=")[0] for each in found.proposed if each.kind in kinds]


def doubts(found: Profile, kind: str) -> list[str]:
    return [each.doubt or "" for each in found.doubtful if each.kind == kind]


def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_a_table_promises_its_columns_and_a_part_of_its_rows() -> None:
    found = profile(pl.DataFrame({"a": range(N), "b c": ["x"] * N}))
    assert found.findings[0].promise == 'columns_present(a, "b c") >= 1'
    assert found.findings[1].promise == "row_count >= 250 rows"


def test_completeness_leaves_room_for_as_many_missing_values_as_there_were() -> None:
    found = profile(pl.DataFrame({"a": [None, *range(9)] * 100, "b": range(N)}))
    bounds = {
        each.columns[0]: float(each.promise.split(">= ")[1]) for each in found.proposed if each.kind == "completeness"
    }
    assert 0.75 < bounds["a"] < 0.9 < bounds["b"] < 1


def test_types_are_those_that_every_value_has() -> None:
    table = pl.DataFrame(
        {
            "whole": range(N),
            "float": rng().normal(size=N),
            "day": [date(2024, 1, 1) + timedelta(days=each % 700) for each in range(N)],
            "yes": [True, False] * (N // 2),
            "name": [f"{chr(97 + each % 26)}x{each}" for each in range(N)],
            "digits": [str(each) for each in range(N)],
        }
    )
    assert promises(profile(table), "type") == [
        "typed(day, date)",
        "typed(digits, integer)",
        "typed(float, number)",
        "typed(name, text)",
        "typed(whole, integer)",
        "typed(yes, boolean)",
    ]


def test_a_range_reaches_beyond_the_extremes_by_the_tail_and_stops_at_a_hard_limit() -> None:
    table = pl.DataFrame(
        {"age": rng().integers(18, 66, N), "hour": np.arange(N) % 24, "tail": rng().exponential(size=N)}
    )
    assert "in_range(hour, 0, 23)" in promises(profile(table), "range")
    low, high = next(each for each in promises(profile(table), "range") if "tail" in each)[:-1].split(", ")[1:]
    assert float(low) == 0
    assert float(high) > float(table["tail"].max())  # type: ignore[arg-type]  # a column of numbers


def test_categories_are_listed_and_their_shares_bounded() -> None:
    found = profile(
        pl.DataFrame({"sex": rng().choice(["f", "m", ""], N, p=[0.5, 0.4, 0.1]), "x": rng().normal(size=N)})
    )
    assert promises(found, "categories") == ['allowed(sex, "", f, m)']
    assert [each.promise.partition(" ")[0] for each in found.proposed if each.kind == "frequency"] == [
        "frequency(sex,"
    ] * 4


def test_categories_of_which_many_were_seen_once_are_in_doubt() -> None:
    values = ["often"] * 400 + [f"once {each}" for each in range(30)]
    found = profile(pl.DataFrame({"word": values * 1}))
    assert promises(found, "categories") == []
    assert any("not seen yet" in each for each in doubts(found, "categories"))


def test_a_constant_column_is_promised_its_value_and_no_variation() -> None:
    found = profile(pl.DataFrame({"c": [7] * N, "x": rng().normal(size=N)}))
    assert promises(found, "categories") == ["allowed(c, 7)"]
    assert not any("varies" in each.promise for each in found.findings)


def test_a_column_that_identifies_is_a_key_and_has_no_mean() -> None:
    found = profile(pl.DataFrame({"id": rng().permutation(N), "x": rng().normal(size=N)}))
    assert promises(found, "key") == ["unique(id)"]
    assert not any("mean(id" in each.promise for each in found.findings)


def test_two_columns_together_can_be_a_key() -> None:
    found = profile(pl.DataFrame({"shop": np.repeat(np.arange(40), 25), "day": np.tile(np.arange(25), 40)}))
    assert promises(found, "key") == ["unique(day, shop)"]


def test_a_nearly_unique_column_is_asked_about() -> None:
    found = profile(pl.DataFrame({"id": [0, 0, *range(2, N)], "x": rng().normal(size=N)}))
    assert doubts(found, "key") == ["nearly a key: are the repeats errors?"]


def test_a_pattern_is_what_nearly_all_texts_share() -> None:
    draws = rng().integers(0, 10_000, N)
    table = pl.DataFrame({"plate": [f"{chr(65 + each % 26)}B-{each:04d}" for each in draws]})
    assert promises(profile(table), "pattern") == ['matches(plate, "[A-Z]{2}-[0-9]{4}")']


def test_prose_has_a_spelling_and_a_length_but_no_form() -> None:
    words = np.array(["cold", "warm", "rain", "sun", "wind and", "hail or", "a", "very"])
    table = pl.DataFrame({"text": [" ".join(rng().permutation(words)[: 2 + k % 6]) + f"{k}." for k in range(N)]})
    table = table.with_columns(text=pl.Series([f"T{each} {text}" for each, text in enumerate(table["text"])]))
    found = profile(table)
    assert promises(found, "length") != []
    assert promises(found, "pattern")[0].startswith('matches(text, "[A-Z]')


def test_a_dependency_is_found_and_one_by_accident_is_not() -> None:
    town, other = rng().integers(0, 40, (2, N))
    table = pl.DataFrame({"town": town, "state": town % 6, "other": other % 6})
    assert promises(profile(table), "dependency") == ["determines(town, state)"]


def test_sums_and_orders_of_columns_are_found() -> None:
    a, b = rng().integers(0, 50, (2, N))
    found = promises(profile(pl.DataFrame({"a": a, "b": b, "all of it": a + b})), "rule")
    assert 'holds("`a` + `b` == `all of it`")' in found
    assert 'holds("`a` <= `all of it`")' in found


def test_columns_that_go_together_keep_their_correlation() -> None:
    a, b, c = rng().normal(size=(3, N))
    table = pl.DataFrame({"a": a, "b": -a + b / 3, "c": c})
    assert [each.promise.partition(" <=")[0] for each in profile(table).proposed if each.kind == "correlation"] == [
        "correlation(a, b)"
    ]


def series(hours: int = 1500) -> pl.DataFrame:
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=each) for each in range(hours)]
    values = np.sin(np.arange(hours) * 2 * np.pi / 24) + rng().normal(size=hours) / 5
    return pl.DataFrame({"time": times, "load": values})


def test_a_series_is_in_order_and_its_step_and_season_are_told() -> None:
    found = profile(series())
    assert promises(found, "order") == ["monotone(time)"]
    assert next(each.promise for each in found.doubtful if each.kind == "step").startswith('regular(time, "1 h")')
    assert next(each.support for each in found.doubtful if each.kind == "season").startswith(
        "load along time: season of a day"
    )


def test_freshness_is_promised_only_where_the_table_is_known_to_be_alive() -> None:
    newest = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=1500)
    assert [each.promise for each in profile(series(), now=newest).proposed if each.kind == "freshness"] == [
        "freshness(time) <= 10 h"
    ]
    assert promises(profile(series()), "freshness") == []
    assert doubts(profile(series(), now=newest + timedelta(days=400)), "freshness") != []


def test_what_moves_along_the_rows_is_widened_or_told() -> None:
    drift = rng().normal(size=N) + np.arange(N) / 500
    found = profile(pl.DataFrame({"x": drift, "era": ["old"] * 500 + ["new"] * 500}))
    assert doubts(found, "categories") == ["learned on the earlier half of the rows, it fired on the later one"]
    assert any("moves along the rows" in each.support for each in found.findings if each.columns == ("x",))


def test_repeated_groups_are_noted() -> None:
    person = np.repeat(np.arange(250), 4)
    fields = {f"f{each}": rng().integers(0, 5, 250)[person] for each in range(4)}
    found = profile(pl.DataFrame({"person": person, **fields}).sample(fraction=1, shuffle=True, seed=1))
    assert any("'person' are alike" in each for each in found.notes)


def test_codes_with_leading_zeros_must_be_read_as_text() -> None:
    cells = pl.DataFrame({"zip": ["01234", "99501"], "age": ["39", "50"], "ratio": ["0.5", "0"], "no": [None, None]})
    assert codes(cells) == {"zip": "text"}
    assert profile(pl.DataFrame({"zip": [f"{each:05d}" for each in range(N)]})).types == {"zip": "text"}


@pytest.mark.parametrize("chance", [0.0, 1.0, -1.0, float("nan")])
def test_a_chance_of_alarms_that_is_none_is_refused(chance: float) -> None:
    with pytest.raises(InvalidValue):
        profile(pl.DataFrame({"a": [1]}), false_alarms=chance)


def test_no_rows_teach_nothing() -> None:
    with pytest.raises(EmptyTable):
        profile(pl.DataFrame({"a": []}))
