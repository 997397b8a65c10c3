"""The effect of repairs on a model: harm is dropped, help is kept, what cannot be told is said to be unproven."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound
from holdfast.quality.cleaning import Effect, clean_file, effect_of_repairs
from holdfast.quality.cleaning._effect import family_of
from holdfast.quality.repair import Change, RepairPlan, Suspect

ROWS = 500


def world(*, seed: int, number: bool = False) -> tuple[pl.DataFrame, list[Change], list[Change]]:
    """Rows with wrong categories; the repairs that put them right; and repairs that scramble a telling number."""
    rng = np.random.default_rng(seed)
    kind = rng.choice(["x", "y", "z"], ROWS)
    size = rng.normal(size=ROWS).round(2)
    score = np.select([kind == "x", kind == "y"], [2.0, -2.0], 0.0) + size
    label = (
        score.round(2).astype(str) if number else np.where(score + rng.normal(scale=0.3, size=ROWS) > 0, "yes", "no")
    )
    rows = rng.permutation(ROWS)
    wrong = {int(row): str(rng.choice(["x", "y", "z"])) for row in rows[:160]}
    dirty = [wrong.get(row, str(value)) for row, value in enumerate(kind)]
    cells = pl.DataFrame({"kind": dirty, "size": size.astype(str), "label": label.tolist()})
    good = [
        Change(row, "kind", dirty[row], str(kind[row]), "good", 0.9, "-") for row in wrong if dirty[row] != kind[row]
    ]
    evil = [
        Change(int(row), "size", cells["size"][int(row)], str(round(10 + rng.normal(), 2)), "evil+other", 0.9, "-")
        for row in rows[160:320]
    ]
    return cells, good, evil


@pytest.fixture(scope="module")
def told() -> Effect:
    """Effect of the good and the evil repairs on classes."""
    cells, good, evil = world(seed=1)
    return effect_of_repairs(cells, [*good, *evil], target="label", seed=3, repeats=6)


def test_repairs_that_scramble_a_column_are_dropped(told: Effect) -> None:
    evil = next(each for each in told.families if each.family == "evil")
    assert told.dropped == ("evil",)
    assert evil.verdict == "worse"
    assert evil.low is not None
    assert evil.low > 0


def test_repairs_that_put_a_column_right_are_kept(told: Effect) -> None:
    good = next(each for each in told.families if each.family == "good")
    assert good.verdict == told.overall.verdict == "not worse"
    assert good.high is not None
    assert good.high < 0
    assert told.overall.cells == good.cells


def test_the_figures_say_how_much_they_rest_on(told: Effect) -> None:
    assert told.loss == "Brier score"
    assert (told.repeats, told.held_out) == (6, int(told.clean_rows * 0.3))
    assert told.clean_rows == ROWS - sum(each.cells for each in told.families)
    assert told.baseline is not None
    assert told.margin == pytest.approx(0.02 * told.baseline)


def test_a_number_is_a_target_as_well() -> None:
    cells, good, evil = world(seed=2, number=True)
    told = effect_of_repairs(cells, [*good, *evil], target="label", repeats=5)
    assert told.loss == "squared error / variance"
    assert told.dropped == ("evil",)
    assert told.overall.verdict == "not worse"


def test_the_same_seed_gives_the_same_figures() -> None:
    cells, good, _ = world(seed=4)
    first, again = (effect_of_repairs(cells, good, target="label", repeats=3, seed=5) for _ in range(2))
    assert first == again


def test_repairs_without_an_effect_are_not_worse() -> None:
    cells, _, _ = world(seed=5)
    nothing = [
        Change(row, "size", cells["size"][row], cells["size"][row] + "0", "zeros", 0.9, "-") for row in range(60)
    ]
    told = effect_of_repairs(cells, nothing, target="label", repeats=3)
    assert [(each.difference, each.verdict) for each in told.families] == [(0.0, "not worse")]


def test_a_format_of_a_whole_column_is_judged_with_it_against_without_it() -> None:
    cells, good, _ = world(seed=6)
    spelt = cells.with_columns(size=cells["size"] + " kg")
    plain = [Change(row, "size", spelt["size"][row], cells["size"][row], "unit", 0.9, "-") for row in range(ROWS)]
    told = effect_of_repairs(spelt, [*good, *plain], target="label", repeats=4)
    assert {each.family: each.verdict for each in told.families} == {"good": "not worse", "unit": "not worse"}
    assert told.overall.difference is not None
    assert told.overall.difference < -0.1


def test_a_format_that_loses_a_whole_column_is_dropped() -> None:
    cells, _, _ = world(seed=7)
    lost = [Change(row, "size", cells["size"][row], "0", "zero", 0.9, "-") for row in range(ROWS)]
    told = effect_of_repairs(cells, lost, target="label", repeats=5)
    assert told.dropped == ("zero",)


def test_repaired_labels_are_learnt_from() -> None:
    cells, _, _ = world(seed=8)
    flipped = [Change(row, "label", cells["label"][row], "maybe", "flip", 0.9, "-") for row in range(0, 300, 2)]
    told = effect_of_repairs(cells, [each for each in flipped if each.before != each.after], target="label", repeats=3)
    assert told.families[0].family == "flip"
    assert told.clean_rows == ROWS - 150


@pytest.mark.parametrize(
    ("cells", "wrong", "why"),
    [
        (pl.DataFrame({"a": ["1"] * 50, "y": ["p", "q"] * 25}), (), "only 49 rows are clean"),
        (pl.DataFrame({"a": ["1"] * 200, "y": ["p", "q"] * 100}), range(150), "only 50 rows are clean"),
        (pl.DataFrame({"a": ["1"] * 200, "y": ["p"] * 200}), (), "fewer than two classes"),
        (pl.DataFrame({"y": ["p", "q"] * 100}), (), "no other column"),
        (pl.DataFrame({"a": ["1"] * 200, "y": [None] * 200}, schema={"a": pl.String, "y": pl.String}), (), "only 0"),
        (pl.DataFrame({"a": ["1"] * 200, "y": [f"id{n}" for n in range(200)]}), (), "only 0 rows"),
    ],
)
def test_what_cannot_be_measured_is_unproven_and_dropped_by_nobody(cells: pl.DataFrame, wrong: range, why: str) -> None:
    change = Change(0, cells.columns[0], cells[0, 0], "other", "r", 0.9, "-")
    told = effect_of_repairs(cells, [change], target="y", wrong_rows=wrong)
    assert why in told.note
    assert (told.dropped, told.families[0].verdict, told.overall.verdict) == ((), "unproven", "unproven")


def test_a_target_that_is_not_there_is_told() -> None:
    with pytest.raises(ColumnNotFound, match="'label'"):
        effect_of_repairs(pl.DataFrame({"label": ["1"]}), [], target="labell")


def test_the_family_of_rules_that_agree_is_the_strongest() -> None:
    assert [family_of(each) for each in ("typo", "typo+fd", "a + b")] == ["typo", "typo", "a"]


def test_a_file_is_cleaned_of_harmful_repairs_and_its_target_stays(tmp_path: Path) -> None:
    cells, good, evil = world(seed=9)
    source, report = tmp_path / "a.csv", tmp_path / "r.json"
    cells.write_csv(source)
    label = Change(0, "label", cells["label"][0], "other", "label", 0.9, "-")
    plan = RepairPlan((*good, *evil, label), (Suspect(1, "kind", cells["kind"][1], "odd", 0.6, "-"),), (), ())
    done = clean_file(
        source, out=tmp_path / "f.csv", report=report, target="label", planner=lambda cells, seed: plan, seed=1
    )
    assert {each.rule for each in done.applied} == {"good"}
    reasons = {each.rule: each.reason for each in done.held_back}
    assert reasons["evil+other"] == "- (held back: a model trained on this rule's repairs is worse)"
    assert reasons["label"] == "- (held back: the target is left as it is)"
    assert json.loads(report.read_bytes())["effect"]["dropped"] == ["evil"]
    fixed = pl.read_csv(tmp_path / "f.csv", infer_schema=False)
    assert fixed["label"].equals(cells["label"])


def test_the_target_is_repaired_where_that_is_asked_for(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,y\n1,p\n2,q\n")
    plan = RepairPlan((Change(0, "y", "p", "q", "r", 0.9, "-"),), (), (), ())
    done = clean_file(source, out=None, target="y", repair_target=True, planner=lambda cells, seed: plan)
    assert len(done.applied) == 1
    assert done.effect is not None
    assert done.effect.overall.verdict == "unproven"


def test_a_file_without_the_target_is_told(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a,y\n1,p\n")
    with pytest.raises(ColumnNotFound, match="'y'"):
        clean_file(source, out=None, target="yy")
