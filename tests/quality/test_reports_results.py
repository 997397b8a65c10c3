"""What a check found: the worst verdict, what changed, several files in one report, and what no report may say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import State
from holdfast.quality.reports import CHANGES, CheckResult, Report, combine

TIME = datetime(2026, 11, 24, tzinfo=UTC)


def report(*verdicts: str, data: str = "a.csv") -> Report:
    results = tuple(CheckResult(f"completeness(c{place}) >= 1", each) for place, each in enumerate(verdicts))
    return Report(results, data, "checks.yaml", 10, 3, TIME)


@pytest.mark.parametrize(
    ("verdicts", "state"),
    [
        (("held", "unproven", "broken"), "broken"),
        (("held", "unproven"), "unproven"),
        (("held", "held"), "held"),
        ((), "unproven"),
    ],
)
def test_the_state_is_the_worst_verdict_and_nothing_checked_is_unproven(verdicts: tuple[str, ...], state: str) -> None:
    assert report(*verdicts).state == state


def test_the_summary_counts_each_verdict() -> None:
    assert report("held", "broken", "held").summary == "2 held, 1 broken, 0 unproven"


def test_a_state_is_taken_as_a_verdict() -> None:
    assert CheckResult("unique(id) >= 1", State.BROKEN).verdict == "broken"


@pytest.mark.parametrize(
    "wrong", [{"verdict": "ok"}, {"verdict": ""}, {"rows": -1}, {"rows_failing": -2}, {"n": -1}], ids=str
)
def test_a_result_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        CheckResult(**{"check": "unique(id) >= 1", "verdict": "held", **wrong})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidValue, match="no zone"):
        replace(report("held"), time=datetime(2026, 1, 1))  # noqa: DTZ001 - the wrong time is meant


def test_the_worst_results_come_first_and_otherwise_the_contracts_order_is_kept() -> None:
    found = report("held", "broken", "unproven", "broken").worst_first()
    assert [each.check[13:15] for each in found] == ["c1", "c3", "c2", "c0"]


def test_changes_of_verdicts_are_told_worst_first() -> None:
    old = report("held", "broken", "broken", "held", "unproven")
    new = report("held", "held", "broken", "broken", "unproven")
    assert [(each.kind, each.before, each.after) for each in new.compared(old)] == [
        ("newly broken", "held", "broken"),
        ("still broken", "broken", "broken"),
        ("still unproven", "unproven", "unproven"),
        ("mended", "broken", "held"),
    ]


def test_a_check_that_only_one_report_has_is_told() -> None:
    assert [each.kind for each in report("held", "held").compared(report("held"))] == ["new check"]
    assert [each.kind for each in report("held").compared(report("held", "broken"))] == ["no longer checked"]


verdicts = st.lists(st.sampled_from(["held", "broken", "unproven"]), max_size=6)


@given(verdicts, verdicts)
def test_every_kind_of_change_is_named_and_a_report_beside_itself_has_nothing_new(
    before: list[str], after: list[str]
) -> None:
    old, new = report(*before), report(*after)
    assert {each.kind for each in new.compared(old)} <= set(CHANGES)
    assert {each.kind for each in new.compared(new)} <= {"still broken", "still unproven"}


def test_a_combined_report_says_which_file_a_result_is_of() -> None:
    both = combine([report("held", data="a.csv"), report("broken", data="b.csv")])
    assert [each.data for each in both.results] == ["a.csv", "b.csv"]
    assert both.state == "broken"
    assert both.rows == 20
    assert [each.data for each in both.tables] == ["a.csv", "b.csv"]


def test_combining_is_flat_and_one_report_stays_itself() -> None:
    one, two, three = (report("held", data=name) for name in "abc")
    assert combine([combine([one, two]), three]) == combine([one, two, three])
    assert combine([one]) == one


def test_nothing_cannot_be_combined() -> None:
    with pytest.raises(InvalidValue, match="no report"):
        combine([])


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("postgresql://me:hunter2@db/shop?table=orders", "postgresql://db/shop?table=orders"),
        (
            "s3://bucket/a.parquet?X-Amz-Signature=abc&versionId=3",
            "s3://bucket/a.parquet?X-Amz-Signature=...&versionId=3",
        ),
        ("mail@home/a.csv", "mail@home/a.csv"),
    ],
)
def test_a_login_or_a_token_never_reaches_a_report(given_name: str, shown: str) -> None:
    assert report("held", data=given_name).data == shown
    assert replace(report("held"), against=given_name).against == shown
