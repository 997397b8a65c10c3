"""Rules that look at rows together: typing errors, dependencies, misplaced values, sources, units, duplicates."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.quality.repair import Change, plan_repairs

CITIES = ["Birmingham", "Montgomery", "Huntsville", "Tuscaloosa", "Anchorage", "Fairbanks"]


def frame(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(name, cells, dtype=pl.String) for name, cells in columns.items()})


def sure(cells: pl.DataFrame, bar: float = 0.7) -> list[tuple[int, str, str | None]]:
    return [
        (change.row, change.column, change.after) for change in plan_repairs(cells).changes if change.confidence >= bar
    ]


def places(rows: int = 240) -> dict[str, list[str | None]]:
    zips = [f"{35000 + 7 * (row % 24)}" for row in range(rows)]
    return {
        "zip": list(zips),
        "city": [CITIES[row % 24 % 6] for row in range(rows)],
        "n": [str(row % 7) for row in range(rows)],
    }


def test_a_rare_value_a_letter_away_from_a_usual_one_is_mended() -> None:
    table = {"city": [*CITIES * 30, "Birmingxam", "Mongtomery", "Huntsvill"]}
    assert sure(frame(**table)) == [
        (180, "city", "Birmingham"),
        (181, "city", "Montgomery"),
        (182, "city", "Huntsville"),
    ]


def test_one_letter_masked_throughout_is_one_mistake() -> None:
    table = {"type": [*["acute care hospitals", "critical access"] * 40, "xcute cxre hospitxls"]}
    assert sure(frame(**table)) == [(80, "type", "acute care hospitals")]


def test_a_digit_for_a_digit_is_another_code() -> None:
    assert sure(frame(code=[*["scip-inf-1", "scip-inf-2"] * 40, "scip-inf-3"])) == []


def test_a_whole_word_for_a_word_is_another_category() -> None:
    assert sure(frame(status=[*["Married-civ-spouse", "Never-married"] * 60, "Married-AF-spouse"])) == []


def test_a_cell_that_breaks_a_dependency_becomes_what_its_group_holds() -> None:
    table = places()
    table["city"][30] = "Anchorage"
    found = [change for change in plan_repairs(frame(**table)).changes if change.column == "city"]
    assert [(change.row, change.before, change.after, change.rule) for change in found] == [
        (30, "Anchorage", "Birmingham", "dependency")
    ]


def test_a_dependency_that_nothing_else_speaks_for_is_not_quite_sure() -> None:
    table = places()
    table["city"][30] = "Anchorage"
    assert max(change.confidence for change in plan_repairs(frame(**table)).changes) <= 0.75


def test_an_empty_cell_is_filled_where_a_dependency_determines_it() -> None:
    table = places()
    table["city"][31] = None
    assert (31, "city", "Montgomery") in sure(frame(**table))


def test_cells_that_nothing_determines_stay_empty() -> None:
    table = places()
    table["n"][31] = None
    assert sure(frame(**table)) == []


def test_rows_that_differ_together_have_a_reason() -> None:
    table = places(480)
    other = range(0, 480, 24)
    table["state"] = ["AK" if row in other else "AL" for row in range(480)]
    table["city"] = ["Sitka" if row in other else city for row, city in enumerate(table["city"])]
    assert sure(frame(**table)) == []


def test_a_value_glued_to_its_neighbours_is_parted() -> None:
    states = ["OR", "MA", "CO", "CA"]
    table = {
        "city": [["Portland", "Boston", "Denver", "Oakland"][row % 4] for row in range(80)],
        "state": [states[row % 4] for row in range(80)],
    }
    for row in (4, 9, 14, 19):
        table["city"][row] = f"{table['city'][row]} {table['state'][row]}"
        table["state"][row] = None
    assert (4, "city", "Portland") in sure(frame(**table))
    assert (19, "state", "CA") in sure(frame(**table))


def test_values_that_changed_places_change_back() -> None:
    table = {"sex": ["male", "female"] * 60, "work": ["private", "state", "self"] * 40}
    table["sex"][7], table["work"][7] = "state", "female"
    assert sure(frame(**table)) == [(7, "sex", "female"), (7, "work", "state")]


def test_numbers_in_another_unit_are_put_right() -> None:
    rng = np.random.default_rng(1)
    heights = [f"{value:.1f}" for value in rng.normal(170, 8, 200)]
    wrong = [f"{float(heights[row]) / 2.54:.2f}" for row in range(10)]
    found = plan_repairs(frame(height=[*wrong, *heights[10:]])).changes
    assert [change.after for change in found] == heights[:10]
    assert {change.rule for change in found} == {"unit"}


def test_a_slipped_point_met_several_times_is_put_right() -> None:
    rng = np.random.default_rng(2)
    ages = [str(int(value)) for value in rng.integers(20, 70, 200)]
    wrong = [f"{age}0" for age in ages[:6]]
    assert [after for _, _, after in sure(frame(age=[*wrong, *ages[6:]]))] == ages[:6]


def test_one_lone_large_number_is_not_changed() -> None:
    rng = np.random.default_rng(3)
    ages = [str(int(value)) for value in rng.integers(20, 70, 200)]
    assert sure(frame(age=[*ages, "390"])) == []


def test_a_tail_that_thins_out_is_left_alone() -> None:
    rng = np.random.default_rng(4)
    assert sure(frame(amount=[f"{value:.2f}" for value in rng.lognormal(3, 1.5, 800)])) == []


def told_by_sources() -> tuple[dict[str, list[str | None]], list[str]]:
    """Forty things told by eight sources: three that copy one another are wrong about every second thing."""
    rng = np.random.default_rng(5)
    sources = ["alpha", "beta", "gamma", "delta", "epsilon", "copyone", "copytwo", "copythree"]
    truth = [f"{int(value)}" for value in rng.integers(1000, 9999, 40)]
    more = [f"{int(value)}" for value in rng.integers(1000, 9999, 40)]
    rows: dict[str, list[str | None]] = {"thing": [], "source": [], "a": [], "b": []}
    for thing in range(40):
        for place, source in enumerate(sources):
            wrong = place >= 5 and thing % 2 == 0
            slip = rng.random() < 0.1
            rows["thing"].append(f"thing {thing}")
            rows["source"].append(source)
            rows["a"].append(
                str(int(truth[thing]) + 1) if wrong else str(rng.integers(1000, 9999)) if slip else truth[thing]
            )
            rows["b"].append(None if place == 3 else str(int(more[thing]) + 2) if wrong else more[thing])
    return rows, truth


def test_sources_that_copy_do_not_outvote_independent_ones() -> None:
    rows, truth = told_by_sources()
    plan = plan_repairs(frame(**rows))
    wrong = {(change.row, change.column): change.after for change in plan.changes if change.confidence >= 0.7}
    repaired = [wrong.get((row, "a"), cell) for row, cell in enumerate(rows["a"])]
    right = [truth[row // 8] for row in range(320)]
    assert np.mean([mine == theirs for mine, theirs in zip(repaired, right, strict=True)]) > 0.95
    assert any("are sources that tell" in note for note in plan.notes)


def test_what_a_source_leaves_out_is_filled_in() -> None:
    rows, _ = told_by_sources()
    filled = [
        change for change in plan_repairs(frame(**rows)).changes if change.column == "b" and change.before is None
    ]
    assert len(filled) >= 38
    assert {change.rule for change in filled} == {"sources"}


def test_a_table_of_things_by_year_is_no_table_of_sources() -> None:
    rng = np.random.default_rng(6)
    size = [int(value) for value in rng.integers(1000, 9999, 40)]
    rows = {
        "country": [f"country {row // 10}" for row in range(400)],
        "year": [str(2000 + row % 10) for row in range(400)],
        "people": [str(size[row // 10] + row % 10 // 4) for row in range(400)],
        "homes": [str(2 * size[row // 10] + row % 10 // 5) for row in range(400)],
    }
    assert [change for change in sure(frame(**rows)) if change[1] in ("people", "homes")] == []


def test_rows_that_are_one_thing_are_told_and_kept() -> None:
    rng = np.random.default_rng(7)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    names = ["".join(rng.choice(letters, 14)) for _ in range(100)]
    streets = ["".join(rng.choice(letters, 14)) for _ in range(100)]
    plan = plan_repairs(
        frame(
            name=[*names, names[3]], street=[*streets, streets[3][:-1] + "q"], town=["here", "there"] * 50 + ["there"]
        )
    )
    assert [group.rows for group in plan.duplicates] == [(3, 100)]


def test_every_change_says_what_why_and_how_sure() -> None:
    change = plan_repairs(frame(city=[*CITIES * 30, "Birmingxam"])).changes[0]
    assert change == Change(
        180,
        "city",
        "Birmingxam",
        "Birmingham",
        "typing-error",
        change.confidence,
        "a typing error away from 'Birmingham' (30 cells)",
    )
    assert 0.7 <= change.confidence <= 1


def test_a_grade_with_a_slipped_point_is_the_grade() -> None:
    grades = ["1.0", "2.0", "3.0", "4.0"] * 40
    grades[5], grades[70], grades[111] = "2000", "3000", "4000"
    assert sure(frame(grade=grades)) == [(5, "grade", "2.0"), (70, "grade", "3.0"), (111, "grade", "4.0")]
