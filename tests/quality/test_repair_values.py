"""Rules that write one column in one way: blanks, words for "no value", numbers, dates, codes, spellings, spans."""

from __future__ import annotations

import polars as pl
import pytest

from holdfast.quality.repair import plan_repairs
from holdfast.quality.repair._moments import read_moment, write_clock
from holdfast.quality.repair._near import edits, mistyping
from holdfast.quality.repair._units import is_unit_like, unit_of
from holdfast.quality.repair.numbers import read_number, shortest, without_noise


def repairs(values: list[str | None], bar: float = 0.7) -> dict[str | None, str | None]:
    plan = plan_repairs(pl.DataFrame({"x": pl.Series(values, dtype=pl.String)}))
    return {change.before: change.after for change in plan.changes if change.confidence >= bar}


NUMBERS = [str(number) for number in range(20, 90)]
DAYS = [f"2011-{month:02d}-{day:02d}" for month in range(1, 13) for day in (3, 14, 25)]


def test_outer_blanks_and_invisible_characters_go() -> None:
    assert repairs([*["red", "blue"] * 20, " red", "blue\u00a0", "re\u200bd"]) == {
        " red": "red",
        "blue\u00a0": "blue",
        "re\u200bd": "red",
    }


def test_text_read_in_a_wrong_encoding_is_read_again() -> None:
    assert repairs([*["café", "bar"] * 20, "cafÃ©"]) == {"cafÃ©": "café"}


def test_two_blanks_inside_a_value_stay_where_nothing_says_otherwise() -> None:
    assert repairs(["one  two", *["red", "blue"] * 20]) == {}


@pytest.mark.parametrize("word", ["N/A", "NULL", "-", "?", "nan", "unknown", "#N/A"])
def test_a_word_for_no_value_among_numbers_becomes_an_empty_cell(word: str) -> None:
    assert repairs([*NUMBERS, word]) == {word: None}


def test_none_and_unknown_stay_categories_of_a_column_of_words() -> None:
    assert repairs(["None", "unknown", "Norm"] * 30) == {}


def test_the_one_and_only_missing_mark_of_a_column_of_words_is_held_back() -> None:
    assert repairs([*["private", "state"] * 30, *["?"] * 6]) == {}


def test_mixed_units_become_the_bare_shortest_number() -> None:
    values = ["12.0 oz", "12.0 oz.", "16.0 ounce", "8.4 OZ."] * 12
    assert repairs(values) == {"12.0 oz": "12", "12.0 oz.": "12", "16.0 ounce": "16", "8.4 OZ.": "8.4"}


def test_one_unit_throughout_is_left_alone() -> None:
    assert repairs([f"{number} patients" for number in NUMBERS]) == {}


def test_a_percent_sign_on_some_numbers_of_the_same_size_goes() -> None:
    values = [f"0.0{number}" for number in NUMBERS]
    assert repairs([*values, "0.055%"]) == {"0.055%": "0.055"}


def test_kilograms_among_pounds_are_calculated_not_cut_off() -> None:
    values = [f"{number} lb" for number in range(120, 180)]
    assert repairs([*values, "60 kg"]) == {"60 kg": "132.28 lb"}


def test_ranges_and_comparisons_are_no_units() -> None:
    assert repairs(["<=50K", ">50K", "[50-60)", "[60-70)"] * 20) == {}


def test_thousands_commas_and_floats_of_whole_numbers_go() -> None:
    values = [str(number) for number in range(1000, 9000, 97)]
    assert repairs([*values, "2,125", "3100.0"]) == {"2,125": "2125", "3100.0": "3100"}


def test_a_decimal_comma_among_points_becomes_a_point() -> None:
    assert repairs([f"{number}.5" for number in NUMBERS] + ["12,5"]) == {"12,5": "12.5"}


def test_leading_zeros_are_given_back_only_where_codes_begin_with_zero() -> None:
    zips = [f"{number:05d}" for number in range(1001, 99000, 1201)]
    assert repairs([*zips, "1907"]) == {"1907": "01907"}
    assert repairs([str(number) for number in range(10000, 99000, 1201)] + ["1907"]) == {}


def test_a_phone_number_gets_the_shape_that_most_have() -> None:
    phones = [f"205-325-{number}" for number in range(1000, 1060)]
    assert repairs([*phones, "(205) 325-8100"]) == {"(205) 325-8100": "205-325-8100"}


def test_a_range_that_a_spreadsheet_made_a_date_is_a_range_again() -> None:
    pages = [f"{number}-{number + 7}" for number in range(40, 100)]
    assert repairs([*pages, "7-Jan"]) == {"7-Jan": "1-7"}


@pytest.mark.parametrize(
    ("other", "iso"),
    [
        ("2011/03/04", "2011-03-04"),
        ("4 Mar 2011", "2011-03-04"),
        ("March 4, 2011", "2011-03-04"),
        ("25.03.2011", "2011-03-25"),
    ],
)
def test_dates_are_written_as_most_are(other: str, iso: str) -> None:
    assert repairs([*DAYS, other]) == {other: iso}


def test_a_day_that_may_be_a_month_is_told_not_changed() -> None:
    plan = plan_repairs(pl.DataFrame({"day": [*DAYS, "03/04/2011"]}))
    assert plan.changes == ()
    assert [(suspect.value, suspect.rule) for suspect in plan.suspects] == [("03/04/2011", "date-format")]


def test_times_with_dates_and_remarks_become_plain_times() -> None:
    times = [f"{hour}:{minute:02d} p.m." for hour in range(1, 12) for minute in (5, 20, 50)]
    odd = ["12/2/11 5:11 p.m.", "6:55pDec 2", "3:20 p.m. (Estimated)", "18:45:00 "]
    assert repairs([*times, *odd[:3]]) == {odd[0]: "5:11 p.m.", odd[1]: "6:55 p.m.", odd[2]: "3:20 p.m."}


def test_spans_in_hours_become_minutes() -> None:
    assert repairs([*(f"{number} min" for number in range(70, 160)), "1 h 30 min"]) == {"1 h 30 min": "90 min"}


def test_the_rarer_spelling_becomes_the_usual_one() -> None:
    assert repairs([*["New York", "Boston"] * 20, "new york", "NEW-YORK"]) == {
        "new york": "New York",
        "NEW-YORK": "New York",
    }


def test_a_sign_between_digits_keeps_values_apart() -> None:
    assert repairs([*["a1.2", "b3"] * 30, "a12"]) == {}


def test_numbers_are_read_with_what_stands_around_them() -> None:
    assert read_number("-1,234.50 kg").plain == "-1234.50"
    assert read_number("no number") is None
    assert shortest("100") == "100"
    assert without_noise("0.055999999999999994") == "0.056"
    assert without_noise("0.123456789012345") == "0.123456789012345"


def test_units_know_their_spellings() -> None:
    assert unit_of("ounces")[1] == unit_of(" oz.")[1] == "oz"
    assert not is_unit_like("K")
    assert not is_unit_like("-60)")
    assert is_unit_like(" patients")


def test_distances_are_those_of_the_textbook() -> None:
    assert [edits("kitten", "sitting", 5), edits("ca", "ac", 2), edits("a", "abcdef", 2)] == [3, 1, 3]
    assert mistyping("scip-inf-1", "scip-inf-2") < 0.02
    assert mistyping("Married-AF-spouse", "Married-civ-spouse") == 0.0


@pytest.mark.parametrize("text", ["", "abc", "99:99", "12345", "1.2.3.4", "may", "25:61 p.m.", "32/13/2011"])
def test_what_is_no_moment_is_none(text: str) -> None:
    assert read_moment(text) is None


def test_noon_and_midnight_are_written_right() -> None:
    assert [write_clock((hour, 0, ""), "h:m a.m.") for hour in (0, 12, 23)] == [
        "12:00 a.m.",
        "12:00 p.m.",
        "11:00 p.m.",
    ]
