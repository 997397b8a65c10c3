"""Leaks are found where they are, with what is right, and nowhere else."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl._features.base import Table
from holdfast.automl._leaks import OF_COLUMNS, Finding, duplicate_groups, find, to_drop
from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors


def table_of(rows: pl.DataFrame, target: str, task: str = "binary", positive: str | None = None) -> Table:
    features = rows.drop(target)
    kinds = {name: "string" if kind == pl.String else "float32" for name, kind in features.schema.items()}
    columns = tuple(Column(*each) for each in kinds.items())
    if task == "regression":
        schema, answers = ModelSchema(task, target, columns), rows[target].cast(pl.Float64).to_numpy()[:, None]
    else:
        text = rows[target].cast(pl.String).to_numpy()
        classes = sorted(set(text), key=lambda each: (each == positive, each))
        schema = ModelSchema(task, target, columns, classes=tuple(classes))
        answers = (text[:, None] == np.array(classes[1:])).astype(np.float64)
    return Table(schema, to_tensors(features, schema), answers, np.ones(rows.height))


def kinds(table: Table, **given) -> dict[str, str]:
    return {each.column: each.kind for each in find(table, rng=np.random.default_rng(0), **given)}


@pytest.fixture
def plain() -> pl.DataFrame:
    """800 rows without a leak: two numbers and a text that matter a little, and noise."""
    rng = np.random.default_rng(0)
    a, b, noise = rng.normal(size=(3, 800))
    text = rng.choice(["x", "y", "z"], 800)
    number = a + b + (text == "x") + rng.normal(size=800)
    return pl.DataFrame({"a": a, "b": b, "noise": noise, "text": text, "number": number, "y": number > 0.5})


def binary(rows: pl.DataFrame) -> Table:
    return table_of(rows.drop("number"), "y")


def regression(rows: pl.DataFrame) -> Table:
    return table_of(rows.drop("y"), "number", "regression")


def test_where_there_is_no_leak_none_is_found(plain) -> None:
    assert kinds(binary(plain)) == {}
    assert kinds(regression(plain)) == {}


def test_an_exact_copy_of_a_class_is_dropped(plain) -> None:
    rows = plain.with_columns(answer=pl.when("y").then(pl.lit("paid")).otherwise(pl.lit("late")))
    (found,) = find(binary(rows), rng=np.random.default_rng(0))
    assert (found.column, found.kind, found.action) == ("answer", "copy", "drop")
    assert to_drop([found]) == ("answer",)


def test_an_exact_copy_of_a_number_is_dropped_in_any_unit(plain) -> None:
    rows = plain.with_columns(fahrenheit=pl.col("number") * 1.8 + 32.0)
    (found,) = find(regression(rows), rng=np.random.default_rng(0))
    assert (found.column, found.kind, found.action) == ("fahrenheit", "copy", "drop")


def test_a_column_that_decides_the_class_is_told_and_left(plain) -> None:
    step = np.random.default_rng(1).integers(0, 3, 800)
    rows = plain.with_columns(stage=pl.when("y").then(step + 3.0).otherwise(step))
    assert kinds(binary(rows)) == {"stage": "determines"}
    assert to_drop(find(binary(rows), rng=np.random.default_rng(0))) == ()


def test_parts_of_the_target_are_told(plain) -> None:
    part = np.random.default_rng(1).normal(size=800)
    rows = plain.with_columns(first=part, rest=pl.col("number") - part)
    assert kinds(regression(rows)) == {"first": "parts", "rest": "parts"}


def test_a_column_that_alone_is_nearly_perfect_is_told(plain) -> None:
    rows = plain.with_columns(after=pl.col("number") + 0.1 * pl.Series(np.random.default_rng(1).normal(size=800)))
    assert kinds(regression(rows)) == {"after": "near_perfect"}
    assert kinds(binary(rows)) == {"after": "near_perfect"}


def test_two_good_columns_are_no_leak(plain) -> None:
    rng = np.random.default_rng(1)
    twins = plain.with_columns(
        one=pl.col("number") + pl.Series(0.3 * rng.normal(size=800)),
        two=pl.col("number") + pl.Series(0.3 * rng.normal(size=800)),
    )
    # Two sensors of the same thing: far from all others together, yet neither from the other.
    assert "far_ahead" not in kinds(binary(twins)).values()


def test_a_flag_of_some_rows_of_a_rare_class_is_told() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(2000) < 0.05
    rows = pl.DataFrame({"a": rng.normal(size=2000), "mode": (y & (rng.random(2000) < 0.5)).astype(float), "y": y})
    (found,) = find(table_of(rows, "y"), rng=np.random.default_rng(0))
    assert (found.column, found.kind, found.action) == ("mode", "flag", "warn")


def test_gaps_that_predict_are_told(plain) -> None:
    reason = pl.when(pl.col("y") | pl.Series(np.random.default_rng(1).random(800) < 0.1)).then(pl.col("noise"))
    assert kinds(binary(plain.with_columns(reason=reason))) == {"reason": "missing"}


def test_columns_that_name_rows_are_told(plain) -> None:
    shuffled = np.random.default_rng(1).permutation(800)
    rows = plain.with_columns(
        case_id=pl.Series(shuffled).cast(pl.Float64),
        code=pl.Series([f"K{each}" for each in shuffled]),
        row=np.arange(800.0),
    )
    assert kinds(binary(rows)) == {"case_id": "id", "code": "id", "row": "id"}
    assert to_drop(find(binary(rows), rng=np.random.default_rng(0)), leaks="drop") == ("case_id", "code", "row")


def test_whole_numbers_that_happen_to_differ_are_no_key(plain) -> None:
    rows = plain.with_columns(income=pl.Series(np.random.default_rng(1).permutation(90_000)[:800]).cast(pl.Float64))
    assert kinds(binary(rows)) == {}


def test_rows_sorted_by_where_they_are_from_are_told(plain) -> None:
    drift = np.linspace(-2, 2, 800) + np.random.default_rng(1).normal(size=800) > 0
    rows = plain.with_columns(y=pl.Series(drift), place=np.arange(800.0))
    found = {each.column: each for each in find(binary(rows), rng=np.random.default_rng(0))}
    assert found[""].kind == "row_order"
    assert "the order of the rows predicts the target" in found["place"].sentence


def test_rows_sorted_by_the_target_itself_are_not_told(plain) -> None:
    assert kinds(binary(plain.sort("y"))) == {}


def test_copied_rows_are_told_and_can_be_kept_together(plain) -> None:
    rows = pl.concat([plain, plain.head(100)])
    assert kinds(binary(rows)) == {"": "duplicates"}
    groups = duplicate_groups(binary(rows))
    np.testing.assert_array_equal(groups[:100], groups[800:])
    assert len(np.unique(groups)) == 800


def test_rows_that_are_alike_by_chance_are_no_copies() -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"a": rng.integers(0, 3, 900), "t": rng.choice(["u", "v"], 900), "y": rng.integers(0, 2, 900)})
    assert kinds(table_of(rows, "y")) == {}


def test_groups_of_rows_are_told_unless_they_are_kept_whole_already(plain) -> None:
    rng = np.random.default_rng(1)
    alike = rng.normal(size=80).repeat(10)
    rows = plain.with_columns(number=alike + 0.01 * plain["noise"], machine=pl.Series(np.arange(80.0).repeat(10)))
    patients = plain.with_columns(patient_id=pl.Series(rng.integers(0, 300, 800)).cast(pl.String))
    assert kinds(regression(rows)) == {"machine": "group"}
    assert kinds(binary(patients)) == {"patient_id": "group"}
    assert kinds(binary(patients), groups=("patient_id",)) == {}


def test_times_are_told(plain) -> None:
    rows = plain.with_columns(
        when=pl.Series(np.random.default_rng(1).permutation(800)).cast(pl.Float64) + 18_000.0,
        date=pl.Series(np.arange(800) // 3).cast(pl.Float64),
        written=pl.Series([f"2024-03-{1 + each % 28:02d} 10:{each % 60:02d}" for each in range(800)]),
    )
    assert kinds(binary(rows), dates=("when",)) == {"when": "time", "date": "time", "written": "time"}


def test_a_finding_says_what_it_saw_and_what_is_right(plain) -> None:
    (found,) = find(binary(plain.with_columns(answer=pl.col("y").cast(pl.Float64))), rng=np.random.default_rng(0))
    assert found.plain() == {
        "column": "answer",
        "kind": "copy",
        "score": 1.0,
        "why": "every value of answer stands for one class",
        "right": "leave it out: it is the target itself",
        "action": "drop",
    }


def test_odd_columns_do_no_harm(plain) -> None:
    rows = plain.with_columns(
        nothing=pl.lit(None, dtype=pl.Float64),
        empty=pl.lit(""),
        same=pl.lit(1.0),
        wild=pl.Series(np.where(np.arange(800) % 7 == 0, np.inf, np.arange(800) % 5 * 1e37)),
    )
    assert kinds(binary(rows)) == {}
    assert kinds(regression(rows)) == {}


def test_a_handful_of_rows_says_nothing(plain) -> None:
    assert kinds(binary(plain.head(20))) == {}


def test_the_setting_decides_what_is_dropped(plain) -> None:
    found = [Finding("a", kind, 1.0, "", "") for kind in OF_COLUMNS] + [Finding("t", "time", 1.0, "", "")]
    found.append(Finding("c", "copy", 1.0, "", "", "drop"))
    assert to_drop(found) == ("c",)
    assert to_drop(found, leaks="drop") == (*["a"] * len(OF_COLUMNS), "c")
    assert to_drop(found, leaks="keep") == ()
    with pytest.raises(InvalidValue, match="did you mean 'drop'"):
        to_drop(found, leaks="drp")


def test_a_date_that_is_not_there_is_refused(plain) -> None:
    with pytest.raises(ColumnNotFound, match="no column 'wen'"):
        find(binary(plain), dates=("wen",), rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("path", "target", "without", "wanted"),
    [
        ("german_credit/german_credit.parquet", "bad", [], {}),
        ("adult/adult.parquet", "income", [], {}),
        ("pima/pima.parquet", "diabetes", [], {}),
        ("bank_marketing/bank_full.parquet", "y", [], {"duration": "far_ahead", "": "row_order"}),
        ("credit_default/credit_default.parquet", "default_next_month", [], {"id": "id"}),
        ("heart_disease/heart_disease.parquet", "disease", ["num"], {"": "row_order"}),
        ("heart_disease/heart_disease.parquet", "disease", [], {"num": "determines", "": "row_order"}),
    ],
)
def test_on_real_data_the_known_leaks_are_found_and_no_others(real, path, target, without, wanted) -> None:
    assert kinds(table_of(real(path).drop(without), target)) == wanted


def test_the_modes_of_a_failure_are_told(real) -> None:
    found = kinds(table_of(real("ai4i2020/ai4i2020.parquet"), "machine_failure"))
    assert {name for name, kind in found.items() if kind == "flag"} == {"twf", "hdf", "pwf", "osf"}


def test_the_two_parts_of_a_count_are_told(real) -> None:
    rows = real("bike_sharing/hour.parquet").drop("dteday")
    found = kinds(table_of(rows, "cnt", "regression"))
    assert found == {"casual": "parts", "registered": "parts", "instant": "id"}
