from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import (
    ColumnNotFound,
    HoldfastError,
    InvalidValue,
    NotMeasurable,
    UnknownName,
    UnreadableData,
)
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.measures import RowCase
from holdfast.quality import compile_checks
from holdfast.quality._expressions import builders
from holdfast.quality.compiler import compile_cases

TEXTS = [
    "completeness(*) >= 0.9",
    "completeness(age) >= 0.9 with 99%",
    "unique(id) >= 1",
    "unique >= 1",
    "in_range(age, low=0, high=120) >= 1",
    "allowed(sex, M, F) >= 1",
    'matches(code, "[0-9]{5}") >= 1',
    "typed(code, number) >= 1",
    "no_infinities(*) >= 1",
    "row_count >= 5 rows",
    "columns_present(age, sexx) >= 1",
    "distinct_count(sex) <= 3",
    "varies(*) > 0",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_plan_finds_what_the_measure_finds(people: pl.DataFrame, text: str) -> None:
    promise = parse(text)
    spec = registry.get("measure", promise.measure)
    alone = spec.measure(
        people,
        promise.args,
        dict(promise.options),
        confidence=promise.confidence or 0.95,
        rng=np.random.default_rng(0),
    )
    together = compile_checks([parse(each) for each in TEXTS]).measure(people)
    assert together[promise.id] == alone


def test_all_checks_share_one_scan(people: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    scans = []
    collect = pl.LazyFrame.collect

    def counted(frame: pl.LazyFrame, *args: object, **options: object) -> object:
        scans.append(1)
        return collect(frame, *args, **options)

    clean = people.select("id", "same").unique(maintain_order=True).head(2)
    monkeypatch.setattr(pl.LazyFrame, "collect", counted)
    plan = compile_checks([parse("completeness(*) >= 1"), parse("unique(id) >= 1"), parse("in_range(id, 0, 9) >= 1")])
    assert all(value.value == 1.0 for value in plan.measure(clean).values())
    assert len(scans) == 1


def test_only_promises_that_are_broken_have_a_mask(people: pl.DataFrame) -> None:
    promises = [parse("unique(id) >= 1"), parse("completeness(id) >= 1"), parse("row_count >= 100 rows")]
    masks = compile_checks(promises).failing(people)
    assert list(masks) == [promises[0].id]
    assert np.flatnonzero(masks[promises[0].id]).tolist() == [2]


def test_a_star_stands_for_the_features_when_they_are_given(people: pl.DataFrame) -> None:
    promise = parse("completeness(*) >= 1")
    found = compile_checks([promise], columns=["id", "same"]).measure(people)
    assert found[promise.id].value == 1.0


def test_a_promise_that_cannot_be_measured_does_not_hide_the_others(people: pl.DataFrame) -> None:
    good, bad = parse("unique(id) >= 1"), parse("in_range(agee, 0) >= 1")
    plan = compile_checks([bad, good])
    found = plan.results(people)
    assert isinstance(found[good.id], Value)
    assert isinstance(found[bad.id], ColumnNotFound)
    with pytest.raises(ColumnNotFound, match="agee"):
        plan.measure(people)


def test_no_rows_are_unproven_for_every_promise(people: pl.DataFrame) -> None:
    found = compile_checks([parse(each) for each in TEXTS]).results(people.clear())
    assert all(isinstance(each, NotMeasurable) for each in found.values())


def test_no_promises_are_no_work(people: pl.DataFrame) -> None:
    assert compile_checks([]).measure(people) == {}
    assert compile_checks([]).failing(people) == {}


def test_what_is_no_check_of_rows_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no check of rows"):
        compile_checks([parse("p99_latency <= 20 ms")])
    with pytest.raises(UnknownName, match="completeness"):
        compile_checks([parse("completeness_(age) >= 1")])
    with pytest.raises(InvalidValue, match="slices"):
        compile_checks([parse("completeness(age) >= 1 by sex")])


def test_every_measure_of_values_can_point_at_rows() -> None:
    registry.load("measure")
    without = {name for name in builders if registry.find("row_check", name) is None}
    of_the_table = {"row_count", "columns_present", "distinct_count", "varies", "freshness", "regular"}
    of_distributions = {"mean", "standard_deviation", "quantile", "frequency", "correlation"}
    assert without == of_the_table | of_distributions


def test_a_check_of_another_room_takes_part_in_the_scan(people: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    from holdfast.quality import Check, check

    monkeypatch.setattr("holdfast.quality._expressions.builders", builders)
    check("even_test")(lambda _, column: Check("even_test", (pl.col(column) % 2).sum(), pl.len(), column=column))
    promise = parse("even_test(id) >= 1")
    try:
        assert compile_checks([promise]).measure(people)[promise.id].value == pytest.approx(3 / 6)
    finally:
        del builders["even_test"]


def test_the_contract_of_adult_is_measured_in_one_plan(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file)
    promises = [
        parse("completeness(*) >= 0.9"),
        parse("in_range(age, 17, 90) >= 1"),
        parse("allowed(sex, Male, Female) >= 1"),
        parse("unique >= 0.99"),
        parse('matches(income, "[<>]=?50K") >= 1'),
    ]
    found = compile_checks(promises).measure(rows)
    assert all(promise.within(found[promise.id].value) for promise in promises)


SLICES = [
    (),
    (("sex", "Male"),),
    (("sex", "Female"), ("race", "Black")),
    (("race", "Other"),),
    (("workclass", "(missing)"),),
]
CASES = [
    ("completeness", ("occupation",)),
    ("in_range", ("age", 18.0, 80.0)),
    ("unique", ("fnlwgt",)),
    ("allowed", ("education", "HS-grad", "Bachelors")),
    ("determines", ("education", "education_num")),
    ("references", ("education_num", "hours_per_week")),
    ("monotone", ("age",)),
    ("holds", ("capital_gain == 0 or capital_loss == 0",)),
    ("has_length", ("marital_status", 5.0, 20.0)),
    ("mean", ("hours_per_week",)),
    ("standard_deviation", ("hours_per_week",)),
    ("quantile", ("age", 0.9)),
    ("frequency", ("income", ">50K")),
    ("correlation", ("age", "hours_per_week")),
    ("varies", ("race",)),
    ("regular", ("age", 1.0)),
    ("distinct_count", ("occupation",)),
    ("row_count", ()),
]


def test_many_cases_at_once_are_what_each_measure_finds_alone_on_its_slice(adult_file: Path) -> None:
    rows = pl.read_parquet(adult_file)
    parts = {
        each: rows.filter(
            pl.all_horizontal(pl.lit(value=True), *(pl.col(a).fill_null("(missing)") == b for a, b in each))
        )
        for each in SLICES
    }
    cases = [RowCase(name, args, slice=each, confidence=0.9) for each in SLICES for name, args in CASES]
    found = compile_cases(cases).results(rows)
    assert [str(each) for each in found] == [str(_alone(case, parts[case.slice])) for case in cases]
    values = [(value, case) for value, case in zip(found, cases, strict=True) if isinstance(value, Value)]
    assert len(values) > 80
    assert all(value == _alone(case, parts[case.slice]) for value, case in values)


def _alone(case: RowCase, rows: pl.DataFrame) -> Value | HoldfastError:
    spec = registry.get("measure", case.measure)
    try:
        found: Value = spec.measure(rows, case.args, confidence=case.confidence, rng=np.random.default_rng(0))
    except HoldfastError as error:
        return error
    return found


def test_slices_are_chosen_by_the_words_that_name_them() -> None:
    rows = pl.DataFrame(
        {
            "i": [1, 2, None],
            "f": [1.0, 2.5, float("nan")],
            "b": [True, None, False],
            "d": [date(2026, 1, 1), None, date(2026, 1, 2)],
            "c": pl.Series(["x", None, "y"], dtype=pl.Categorical),
        }
    )
    chosen = [("i", "1"), ("f", "1"), ("f", "2.5"), ("f", "(missing)"), ("b", "true"), ("b", "(missing)"), ("i", "01")]
    chosen += [("d", "2026-01-02"), ("d", "(missing)"), ("c", "x"), ("c", "(missing)"), ("b", "yes"), ("i", "nothing")]
    counts = [RowCase("row_count", slice=(each,)) for each in chosen]
    found = compile_cases(counts).results(rows)
    assert [each.n if isinstance(each, Value) else 0 for each in found] == [1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0]


def test_a_case_that_cannot_be_measured_does_not_hide_the_others(people: pl.DataFrame) -> None:
    cases = [
        RowCase("completeness", ("agee",)),
        RowCase("completeness", ("age",), slice=(("sexx", "M"),)),
        RowCase("completeness", ("age",), slice=(("sex", "nobody"),)),
        RowCase("in_range", ("age",), options=(("lowest", 1.0),)),
        RowCase("in_range", ("age", 1.0, 2.0, 3.0)),
        RowCase("completeness", ("age",)),
    ]
    found = compile_cases(cases).results(people)
    assert [type(each).__name__ for each in found[:2]] == ["ColumnNotFound", "ColumnNotFound"]
    assert "without rows" in str(found[2])
    assert "no option 'lowest'" in str(found[3])
    assert "cannot take these arguments" in str(found[4])
    assert isinstance(found[5], Value)


def test_each_case_has_its_own_confidence(people: pl.DataFrame) -> None:
    sure, surer, always = compile_cases(
        [
            RowCase("completeness", ("age",), confidence=0.9),
            RowCase("completeness", ("age",), confidence=0.99),
            RowCase("completeness", ("age",), confidence=0.9, anytime=True),
        ]
    ).results(people)
    assert sure.low > surer.low
    assert sure.low > always.low


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(UnreadableData, match="list is no table"):
        compile_checks([parse("row_count >= 1 rows")]).results([1, 2, 3])


def test_a_lazy_frame_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nothing PAR1")
    with pytest.raises(UnreadableData, match="cannot be read"):
        compile_checks([parse("row_count >= 1 rows")]).results(pl.scan_parquet(tmp_path / "broken.parquet"))
