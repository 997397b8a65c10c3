"""What is not sure: thin dependencies, cells that accuse each other, rival rules, numbers that only look wrong."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import InvalidValue
from holdfast.quality.repair import Change, RepairPlan, plan_repairs
from holdfast.quality.repair._dependencies import grouped
from holdfast.quality.repair._support import is_measured, told_rightly, wilson_lower
from holdfast.quality.repair._table import Column, encode

GRADES = ["none", "primary", "lower", "middle", "upper", "college", "bachelor", "master", "doctor"]
JOBS = ["farm", "craft", "clerk", "sales", "guard", "tech", "nurse", "manager", "professor"]


def frame(**columns: list[str | None]) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series(name, cells, dtype=pl.String) for name, cells in columns.items()})


def sure(plan: RepairPlan, bar: float = 0.7) -> list[Change]:
    return [change for change in plan.changes if change.confidence >= bar]


def people(rows: int, *, telling: bool) -> dict[str, list[str | None]]:
    """People with a grade, its code, and a job that goes with the grade (`telling`) or with nothing."""
    rng = np.random.default_rng(5)
    grade = rng.integers(len(GRADES), size=rows)
    job = np.clip(grade + rng.integers(-1, 2, size=rows), 0, 8) if telling else rng.integers(9, size=rows)
    town = rng.integers(7, size=rows)
    return {
        "grade": [GRADES[g] for g in grade],
        "code": [str(g + 1) for g in grade],
        "job": [JOBS[j] for j in job],
        "town": [f"town {t}" for t in town],
    }


def with_other_values(cells: list[str | None], rows: list[int], seed: int = 1) -> list[str | None]:
    rng = np.random.default_rng(seed)
    values = sorted({cell for cell in cells if cell})
    changed = list(cells)
    for row in rows:
        changed[row] = values[(values.index(str(cells[row])) + int(rng.integers(1, len(values)))) % len(values)]
    return changed


def twice_measured(rows: int) -> tuple[pl.DataFrame, list[int]]:
    """Things measured twice: two near-unique numbers and a third that only the same thing shares."""
    rng = np.random.default_rng(6)
    x = np.repeat(rng.integers(0, 1500, size=rows // 2), 2)
    level = np.repeat(rng.integers(0, 40, size=rows // 2), 2)
    y = np.repeat(np.round(rng.random(rows // 2), 4), 2)
    lost = list(range(0, rows, 60))
    z = [None if row in lost else f"{value:.4f}" for row, value in enumerate(y)]
    return frame(x=[str(v) for v in x], level=[str(v) for v in level], y=z), lost


def test_a_measured_number_is_not_filled_in_from_one_other_row() -> None:
    table, lost = twice_measured(600)
    assert [change for change in plan_repairs(table).changes if change.row in lost] == []


def test_the_support_of_a_dependency_is_a_lower_bound_that_falls_with_the_number_of_sets_tried() -> None:
    key = encode("key", pl.Series([f"k{row % 20}" for row in range(100)]))
    target = encode("target", pl.Series([f"t{row % 20 % 4}" for row in range(100)]))
    groups = grouped(key.codes, target)
    assert groups is not None
    one, many = told_rightly(groups, target, 1), told_rightly(groups, target, 1000)
    assert one.tolist()[:3] == [0.0, 0.0, 0.0]
    assert 0.8 < many[3] < one[3] < 1


def test_wilsons_bound_is_the_one_of_the_textbook() -> None:
    assert wilson_lower(0.5, 100, 1.96) == pytest.approx(0.4038, abs=1e-4)
    assert wilson_lower(1.0, 0, 1.96) == 0.0


@pytest.mark.parametrize(
    ("texts", "measured"),
    [([f"{n / 7:.3f}" for n in range(100)], True), (["1", "2", "3"] * 40, False), (["a", "b"] * 40, False)],
)
def test_measured_numbers_are_told_from_codes_and_words(texts: list[str], measured: bool) -> None:  # a parameter
    assert is_measured(encode("x", pl.Series(texts))) is measured


def test_two_cells_that_accuse_each_other_are_both_told() -> None:
    table = people(600, telling=False)
    rows = list(range(0, 600, 60))
    table["grade"] = with_other_values(table["grade"], rows)
    plan = plan_repairs(frame(**table))
    assert sure(plan) == []
    assert {(s.row, s.column) for s in plan.suspects} >= {(row, name) for row in rows for name in ("grade", "code")}
    assert all("'grade' and 'code' determine each other" in s.reason for s in plan.suspects)


@pytest.mark.parametrize("wrong", ["grade", "code"])
def test_the_rest_of_the_rows_tells_which_of_two_columns_is_wrong(wrong: str) -> None:
    table = people(1500, telling=True)
    rows = list(range(0, 1500, 30))
    right = dict(table)
    table[wrong] = with_other_values(table[wrong], rows)
    found = sure(plan_repairs(frame(**table)))
    good = [change for change in found if change.column == wrong and change.after == right[wrong][change.row]]
    assert {change.row for change in found} <= set(rows)
    assert len(good) >= max(0.9 * len(found), 0.8 * len(rows))


def test_rivals_are_settled_alike_in_any_order_of_the_rows() -> None:
    table = people(900, telling=True)
    table["grade"] = with_other_values(table["grade"], list(range(0, 900, 30)))
    cells = frame(**table).with_row_index("at")
    order = np.random.default_rng(2).permutation(900)
    mixed = cells[order.tolist()]
    one = {(c.row, c.column, c.after, c.confidence) for c in plan_repairs(cells.drop("at")).changes}
    two = {(int(order[c.row]), c.column, c.after, c.confidence) for c in plan_repairs(mixed.drop("at")).changes}
    assert one == two


def test_a_typing_error_that_a_dependency_contradicts_is_not_sure() -> None:
    table = people(900, telling=False)
    codes = {str(table["grade"][row]): table["code"][row] for row in range(900)}
    table["grade"][10], table["code"][10] = "bachelqor", codes["primary"]
    table["grade"][20], table["code"][20] = "collxege", codes["college"]
    plan = plan_repairs(frame(**table))
    assert [(change.row, change.after) for change in sure(plan)] == [(20, "college")]
    held = [change for change in plan.changes if change.row == 10 and change.column == "grade"]
    assert all("mostly hold" not in change.reason or change.after == "primary" for change in held)


def test_floating_point_noise_is_no_error() -> None:
    rng = np.random.default_rng(7)
    cells: list[str | None] = [f"{value:.3f}" for value in rng.normal(44, 5, 300)]
    cells[:20] = [f"{float(str(cell)) - 1e-15 * 7:.15f}" for cell in cells[:20]]
    cells[0] = "44.211999999999996"
    plan = plan_repairs(frame(load=cells))
    assert (plan.changes, plan.suspects) == ((), ())


def test_the_code_of_a_rare_grade_is_not_ten_times_too_small() -> None:
    rng = np.random.default_rng(8)
    codes = rng.choice(16, size=2000, p=[0.003, 0.004, *[0.993 / 14] * 14]) + 1
    plan = plan_repairs(frame(code=[str(code) for code in codes]))
    assert (plan.changes, plan.suspects) == ((), ())


def test_numbers_near_zero_are_far_in_logarithms_only() -> None:
    rng = np.random.default_rng(9)
    shares = np.append(np.round(rng.uniform(0.3, 0.9, 500), 2), [0.02, 0.02, 0.11])
    plan = plan_repairs(frame(share=[str(share) for share in shares]))
    assert (plan.changes, plan.suspects) == ((), ())


def test_a_heavy_tail_has_no_unit_errors_to_tell() -> None:
    rng = np.random.default_rng(10)
    plans = [plan_repairs(frame(visits=[str(int(v)) for v in 1 + rng.pareto(1.5, 800)])) for _ in range(5)]
    assert [plan.changes for plan in plans] == [()] * 5


def test_codes_above_the_others_are_no_slipped_points_of_a_few_of_them() -> None:
    cells: list[str | None] = [*["1", "2", "3", "4"] * 200, *["20"] * 6]
    assert plan_repairs(frame(code=cells)).changes == ()


@pytest.mark.parametrize(("factor", "share"), [(1000, 0.95), (100, 0.95), (10, 0.9)])
def test_units_that_hit_all_numbers_alike_are_still_put_right(factor: int, share: float) -> None:
    rng = np.random.default_rng(11)
    heights = [f"{value:.1f}" for value in rng.normal(172, 9, 900)]
    wrong = [f"{float(cell) * factor:g}" for cell in heights[:20]]
    found = sure(plan_repairs(frame(height=[*wrong, *heights[20:]])))
    right = sum(float(str(change.after)) == pytest.approx(float(heights[change.row])) for change in found)
    assert right == len(found) >= share * 20


def test_a_confidence_outside_its_range_is_refused() -> None:
    with pytest.raises(InvalidValue):
        Change(0, "x", "1", "2", "dependency", 1.2, "because")


def test_a_column_without_numbers_is_not_measured() -> None:
    assert not is_measured(Column("x", [], np.full(3, -1, dtype=np.int64), np.zeros(0, dtype=np.int64)))
