"""Observing: every case measured or said why not, and intervals as wide as cases and looks ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.errors import LeaseLost, NotMeasurable, StoreUnavailable
from holdfast.core.evidence import Evidence, State, Value, Verdict
from holdfast.core.grammar import parse
from holdfast.core.ports import MeasureSpec
from holdfast.core.subjects import Scored, Window
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import Ground, Look, View, measure_all
from holdfast.keeper.observe import judge_all, looked, observe, record_verdicts
from holdfast.project import Project

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = pl.DataFrame({"x": np.arange(100.0), "sex": ["f"] * 60 + ["m"] * 30 + ["x"] * 10})
SCORED = Scored(
    task="binary",
    truth=np.array(["yes", "no"] * 50, dtype=object),
    score=np.tile([[0.2, 0.8], [0.9, 0.1]], (50, 1)),
    rows=ROWS,
    decision=np.array(["yes", "no"] * 50, dtype=object),
    classes=("no", "yes"),
    positive="yes",
)


def keeping(spec: MeasureSpec | None = None, *, min_labels: int = 10) -> Any:
    """As much of a keeping as measuring needs."""
    return SimpleNamespace(
        now=NOW,
        contract=SimpleNamespace(min_labels=min_labels),
        spec=lambda promise: spec or registry.get("measure", promise.measure),
        late=lambda promise: timedelta(0),
    )


def ground(spec: MeasureSpec | None = None) -> Ground:
    return Ground(NOW, 10, lambda promise: spec or registry.get("measure", promise.measure))


def view(given: Any = SCORED, **more: Any) -> View:
    def give(_kind: str) -> Any:
        return given

    return View(**{"stage": "candidate", "subject": "s", "inputs": ("i",), "columns": ("x",), "give": give, **more})


def measure(text: str, seen: View, *, stage: str = "candidate", spec: MeasureSpec | None = None) -> list[Evidence]:
    return measure_all([parse(text).at(stage)], seen, ground(spec))[0]


def fault(error: Exception) -> MeasureSpec:
    def compute(_subject: object) -> Value:
        raise error

    return MeasureSpec("faulty", compute, "number", (None, None), "lower", ("candidate",), "scores", "a test")


def failing(error: Exception) -> Callable[[str], Any]:
    def give(_kind: str) -> Any:
        raise error

    return give


def test_the_same_inputs_give_the_same_evidence() -> None:
    first, again = (measure("roc_auc >= 0.9", view())[0].id for _ in range(2))
    assert first == again


def test_slices_too_small_to_judge_are_named_in_evidence_and_reason() -> None:
    promise = parse("accuracy >= 0.9 by sex").at("candidate")
    (pieces,) = measure_all([promise], view(), ground())
    assert [each.slice for each in pieces] == [(("sex", "f"),), (("sex", "m"),)]
    assert pieces[0].notes["too small to judge"] == ["sex=x (n=10)"]
    verdict = judge_all(keeping(), [(promise, pieces)])[0]
    assert verdict.state is State.HELD
    assert "too small to judge: sex=x (n=10)" in verdict.reason


def test_where_every_slice_is_too_small_the_promise_is_unproven_and_says_why() -> None:
    few = SCORED.take(np.arange(20))
    (piece,) = measure("accuracy >= 0.9 by sex", view(few))
    assert piece.status == "failed"
    assert "no slice has 30 rows; too small to judge: sex=f (n=20)" in str(piece.reason)


def test_slices_of_no_rows_are_unproven() -> None:
    (piece,) = measure("completeness(x) >= 0.9 by sex", view(ROWS.clear()), stage="data")
    assert "no slice has 30 rows" in str(piece.reason)


def test_a_measure_that_is_not_of_rows_is_not_judged_as_if_it_were_sliced() -> None:
    (piece,) = measure("model_size <= 1 MB by sex", view(object()), stage="package")
    assert (piece.status, piece.value) == ("failed", None)
    assert "has no slices" in str(piece.reason)


def test_a_star_that_stands_for_no_column_is_unproven() -> None:
    (piece,) = measure("completeness(*) >= 0.9", view(ROWS, columns=()), stage="data")
    assert "no feature column" in str(piece.reason)


def test_rows_and_windows_are_sliced_too() -> None:
    rows = measure("completeness(x) >= 0.9 by sex", view(ROWS), stage="data")
    assert [each.n for each in rows] == [60, 30]
    window = Window(ROWS, ROWS, SCORED, SCORED.score, SCORED.decision)
    cases = measure("psi(x) <= 0.2 by sex", view(window, stage="live", labels=0), stage="live")
    assert [each.n for each in cases] == [60, 30]
    bare = measure("psi(x) <= 0.2 by sex", view(Window(ROWS, ROWS), stage="live", labels=0), stage="live")
    assert [each.value for each in bare] == [each.value for each in cases]


def test_a_slice_that_the_reference_does_not_know_is_unproven() -> None:
    window = Window(ROWS.drop("sex"), ROWS)
    cases = measure("psi(x) <= 0.2 by sex", view(window, stage="live"), stage="live")
    assert {each.status for each in cases} == {"failed"}
    assert "no column 'sex' to slice by" in str(cases[0].reason)


def test_what_a_measure_cannot_do_is_evidence_with_its_reason() -> None:
    (piece,) = measure("faulty <= 1", view(), spec=fault(NotMeasurable("too dark")))
    assert (piece.status, piece.value) == ("failed", None)
    assert "too dark" in str(piece.reason)


def test_whatever_a_measure_from_outside_raises_is_evidence_too() -> None:
    (piece,) = measure("faulty <= 1", view(), spec=fault(ZeroDivisionError("by zero")))
    assert piece.reason == "faulty raised ZeroDivisionError: by zero"


def test_a_subject_that_cannot_be_had_is_evidence_with_its_reason() -> None:
    (piece,) = measure("accuracy >= 0.9", view(give=failing(NotMeasurable("no rows"))))
    assert "no rows" in str(piece.reason)


@pytest.mark.parametrize("error", [StoreUnavailable("the database is away"), LeaseLost("taken")])
def test_a_store_that_went_away_is_no_failed_measurement(error: Exception) -> None:
    with pytest.raises(type(error)):
        measure("accuracy >= 0.9", view(give=failing(error)))
    with pytest.raises(type(error)):
        measure("faulty <= 1", view(), spec=fault(error))


def test_a_promise_on_other_rows_is_measured_on_them_and_says_so() -> None:
    seen = view(elsewhere=lambda kind, name: SCORED.take(np.arange(40)))
    (piece,) = measure("accuracy >= 0.9 on train", seen)
    assert piece.n == 40
    assert piece.notes["on"] == "train"


def test_a_promise_on_other_rows_is_unproven_where_there_are_none() -> None:
    (piece,) = measure("accuracy >= 0.9 on train", view(stage="live"), stage="live")
    assert "nothing is measured on train" in str(piece.reason)


def live(**more: Any) -> View:
    return view(**{"stage": "live", "labels": 100, **more})


def confidence(seen: View, text: str = "accuracy >= 0.9 over 1 d") -> float:
    return measure(text, seen, stage="live")[0].confidence


def test_looks_at_a_window_that_grows_spend_the_error_of_one_look() -> None:
    promise = parse("accuracy >= 0.9 over 1 d").at("live")
    first = live(grows="then")
    assert confidence(first) == pytest.approx(1 - 0.05 / 2)
    again = live(grows="then", looks=first.spent)
    assert confidence(again) == pytest.approx(1 - 0.05 / 2)
    assert again.spent[promise.id].number == 1
    afresh = live(grows="later", looks=again.spent)
    assert confidence(afresh) == pytest.approx(1 - 0.05 / 6)


def test_every_look_at_a_window_that_slides_spends_some_of_the_error() -> None:
    first = live()
    assert confidence(first) == pytest.approx(1 - 0.05 / 2)
    second = live(looks=first.spent)
    assert confidence(second) == pytest.approx(1 - 0.05 / 6)
    third = live(looks=second.spent)
    assert confidence(third) == pytest.approx(1 - 0.05 / 12)


def test_a_measure_without_an_anytime_valid_interval_spends_at_every_look() -> None:
    window = Window(ROWS, ROWS)
    first = live(give=lambda kind: window, grows="then")
    assert confidence(first, "psi(x) <= 0.2 over 1 d") == pytest.approx(1 - 0.05 / 2)
    second = live(give=lambda kind: window, grows="then", looks=first.spent)
    assert confidence(second, "psi(x) <= 0.2 over 1 d") == pytest.approx(1 - 0.05 / 6)


def test_other_cases_begin_another_sequence_of_looks() -> None:
    first = live(grows="then")
    assert confidence(first, "accuracy >= 0.9 by sex over 1 d") == pytest.approx(1 - 0.05 / 2 / 2)
    other = SCORED.take(np.arange(60))
    second = live(grows="then", looks=first.spent, give=lambda kind: other)
    assert confidence(second, "accuracy >= 0.9 by sex over 1 d") == pytest.approx(1 - 0.05 / 6)


def test_a_measurement_that_fails_spends_nothing() -> None:
    seen = live(give=failing(NotMeasurable("no labels")))
    measure("accuracy >= 0.9 over 1 d", seen, stage="live")
    assert seen.spent == {}


def test_too_few_labels_are_bridged_by_an_estimate() -> None:
    window = Window(ROWS, ROWS, SCORED, SCORED.score, SCORED.decision)
    (piece,) = measure("accuracy >= 0.9 over 1 d", live(labels=3, give=lambda kind: window), stage="live")
    assert piece.status == "estimated"


PROMISE = parse("accuracy >= 0.9 over 1 d").at("live")


def verdict(state: State = State.BROKEN, value: float = 0.5) -> Verdict:
    found = Evidence("s", "accuracy", "live", NOW, value=value, n=10)
    return Verdict(PROMISE, state, evidence=(found.id,), deciding=found)


def seen_as(subject: str, keeping: Keeping, look: Look) -> View:
    known = keeping.store.state.get("verdict", f"{keeping.name}:{PROMISE.id}")
    return live(subject=subject, looks={PROMISE.id: looked(known, subject)}, spent={PROMISE.id: look})


def test_a_champion_that_comes_back_goes_on_counting_its_looks(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    record_verdicts(kept, [verdict()], seen_as("first", kept, Look(7, "then")))
    assert looked(kept.store.state.get("verdict", f"{kept.name}:{PROMISE.id}"), "first") == Look(7, "then")
    record_verdicts(kept, [verdict()], seen_as("second", kept, Look(1)))
    known = kept.store.state.get("verdict", f"{kept.name}:{PROMISE.id}")
    assert looked(known, "second") == Look(1)
    assert looked(known, "first") == Look(7)
    assert looked(known, "third") == Look()


def test_a_verdict_without_a_look_keeps_the_count(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    record_verdicts(kept, [verdict()], seen_as("first", kept, Look(7)))
    record_verdicts(kept, [verdict(State.UNPROVEN, 0.6)], live(subject="first", looks={PROMISE.id: Look(7)}))
    assert looked(kept.store.state.get("verdict", f"{kept.name}:{PROMISE.id}"), "first") == Look(7)


def test_what_did_not_change_is_not_journalled_again(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    record_verdicts(kept, [verdict()], seen_as("first", kept, Look(1)))
    before = kept.store.journal.head()
    record_verdicts(kept, [verdict()], seen_as("first", kept, Look(2)))
    assert kept.store.journal.head() == before


def test_when_a_promise_last_held_is_remembered_while_it_is_broken(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    record_verdicts(kept, [verdict(State.HELD, 0.95)], seen_as("first", kept, Look(1)))
    held = kept.store.state.get("verdict", f"{kept.name}:{PROMISE.id}")["held"]
    record_verdicts(kept, [verdict()], seen_as("first", kept, Look(2)))
    assert kept.store.state.get("verdict", f"{kept.name}:{PROMISE.id}")["held"] == held


def test_evidence_is_recorded_signed_and_told_of(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    told: list[str] = []
    kept.progress = lambda share, text: told.append(text)
    promise = replace(parse("row_count >= 1 rows"), stage="data")
    ((_, (piece,)),) = observe(kept, [promise], view(ROWS, stage="data"))
    assert kept.store.evidence.get(piece.id).value == 100
    assert told == ["measuring row_count >= 1 rows"]
