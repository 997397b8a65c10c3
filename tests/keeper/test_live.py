"""Live: what the log says of the champion; what is old, small or not labelled proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import State
from holdfast.keeper import live
from holdfast.keeper.loop import current_verdicts
from holdfast.project import Project

Log = Callable[..., list[str]]


def on_traffic(seen: Any, measure: str) -> Any:
    return next(e for e in seen.verdicts if e.promise.measure == measure and e.promise.stage == "live")


def states(seen: Any, measure: str) -> State:
    return on_traffic(seen, measure).state


def reason(seen: Any, measure: str) -> str:
    return on_traffic(seen, measure).reason


def test_evidence_of_a_window_of_rows_is_stale_after_a_day(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, clock = clocked
    log(project, tumours.slice(300, 60))
    assert states(project.plan(), "accuracy") is State.HELD
    clock.forward(hours=23)
    assert states(project.plan(), "accuracy") is State.HELD
    clock.forward(hours=2)
    assert states(project.plan(), "accuracy") is State.UNPROVEN
    assert "stale: the last observation is of" in reason(project.plan(), "accuracy")
    assert {each["verdict"] for each in project.status()["promises"] if each["stage"] == "live"} == {"unproven"}


def test_evidence_of_a_window_of_time_is_stale_when_the_window_is_over(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, clock = clocked
    project.promise("p99_latency <= 1 s over 1 h")
    log(project, tumours.slice(300, 60))
    assert states(project.plan(), "p99_latency") is State.HELD
    clock.forward(minutes=61)
    assert states(project.plan(), "p99_latency") is State.UNPROVEN
    assert states(project.plan(), "accuracy") is State.HELD


def test_what_is_old_when_it_is_first_looked_at_proves_nothing(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, clock = clocked
    log(project, tumours.slice(300, 60))
    clock.forward(days=3)
    assert states(project.plan(), "accuracy") is State.UNPROVEN
    (known,) = [
        each.payload
        for each in project.store.journal.events(types=("verdict.reached",))
        if each.payload["promise"].startswith("accuracy")
    ]
    assert known["state"] == "unproven"


def test_no_remedy_is_planned_on_stale_evidence(clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log) -> None:
    project, clock = clocked
    rows = tumours.slice(300, 60)
    log(project, rows, answers=rows["diagnosis"].replace({"malignant": "benign", "benign": "malignant"}))
    assert [each.remedy for each in project.plan().plan.actions] == ["retrain"]
    clock.forward(days=2)
    assert project.plan().plan.actions == ()


def test_looks_are_counted_by_champion_and_begin_anew_with_another(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log, twin: Callable[..., str]
) -> None:
    project, clock = clocked
    first = project.champion.model
    other = twin(project)
    promise = next(each for each in project.contract.promises if each.measure == "wasserstein")
    for start in (300, 360):
        log(project, tumours.slice(start, 60))
        project.plan()
        clock.forward(minutes=1)
    known = project.store.state.get("verdict", f"tumour:{promise.id}")
    assert known["looks"] == [[first, 2]]
    assert project.why("wasserstein")["evidence_trail"][0]["confidence"] == pytest.approx(1 - 0.05 / 5 / 6)
    promote(project, other)
    clock.forward(minutes=1)
    log(project, tumours.slice(420, 60))
    project.plan()
    known = project.store.state.get("verdict", f"tumour:{promise.id}")
    assert known["looks"] == [[first, 2], [other, 1]]


def promote(project: Project, model: str) -> None:
    """Let another model out, as a room of continual learning would."""
    kept = project.keeping()
    kept.store.journal.append(
        "deployment.changed",
        {
            "name": "tumour",
            "model": model,
            "package": kept.package_of(model, "onnx"),
            "target": "local",
            "role": "champion",
            "share": 1.0,
            "since": project.clock().isoformat().replace("+00:00", "Z"),
            "decision": "promote:by-hand",
            "withdrawn": False,
        },
        model="tumour",
    )


def test_a_champion_that_nothing_cured_is_one_to_go_back_to(trained: Project, twin: Callable[..., str]) -> None:
    first, other = trained.champion.model, twin(trained)
    assert live.previous_champions(trained.keeping()) == ()
    promote(trained, other)
    assert live.previous_champions(trained.keeping()) == (first,)
    assert trained.rollback().state == "restored"
    assert trained.champion.model == first
    assert live.previous_champions(trained.keeping()) == ()


def test_fairness_is_judged_by_what_came_beside_the_requests(
    new_project: Callable[..., Project],
    trained: Project,
    tumours: pl.DataFrame,
    log: Log,
) -> None:
    contract = trained.folder / "holdfast.yaml"
    contract.write_text(contract.read_text().replace("min_labels: 40", "min_labels: 10"))
    trained.promise("accuracy >= 0.7 by clinic over 100 rows")
    rows = tumours.slice(300, 100)
    clinics = {"clinic": [1.0] * 40 + [True] * 35 + ["north"] * 20 + [None] * 5}
    log(trained, rows, beside=clinics)
    trained.plan()
    found = trained.why("accuracy >= 0.7 by clinic")
    assert {each["case"] for each in found["evidence_trail"]} == {"clinic=1", "clinic=true"}
    assert "too small to judge: clinic=(missing) (n=5), clinic=north (n=20)" in found["reason"]


def test_rows_without_what_comes_beside_them_are_a_slice_of_their_own(
    trained: Project, tumours: pl.DataFrame, log: Log
) -> None:
    trained.promise("accuracy >= 0.7 by clinic over 100 rows")
    log(trained, tumours.slice(300, 60))
    trained.plan()
    trail = trained.why("accuracy >= 0.7 by clinic")["evidence_trail"]
    assert [each["case"] for each in trail] == ["clinic=(missing)"]


def test_drift_by_a_column_that_the_reference_lacks_is_unproven(
    trained: Project, tumours: pl.DataFrame, log: Log
) -> None:
    trained.promise("psi(mean_radius) <= 0.5 by clinic over 100 rows")
    log(trained, tumours.slice(300, 60), beside={"clinic": ["north"] * 60})
    trained.plan()
    assert "no column 'clinic' to slice by" in trained.why("psi")["reason"]


def test_few_rows_prove_nothing_about_a_distribution(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    log(trained, tumours.slice(300, 29), labels=False)
    seen = trained.plan()
    assert states(seen, "wasserstein") is State.UNPROVEN
    assert "29 rows in the window" in reason(seen, "wasserstein")


def test_without_labels_what_cannot_be_estimated_is_unproven(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    trained.promise("mcc >= 0.2 over 100 rows")
    log(trained, tumours.slice(300, 60), labels=False)
    assert "no labels have come yet" in reason(trained.plan(), "mcc")


def test_rows_of_the_traffic_can_be_promised_about(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    trained.promise("completeness(mean_radius) >= 0.9 over 100 rows", stage="live")
    log(trained, tumours.slice(300, 60))
    assert states(trained.plan(), "completeness") is State.HELD


def test_what_traffic_has_none_of_is_said(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    log(trained, tumours.slice(300, 60))
    ((_, view),) = live.live_views(trained.keeping())
    with pytest.raises(NotMeasurable, match="live traffic has no model"):
        view.give("model")


def test_windows_of_several_lengths_are_several_views(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    trained.promise("accuracy >= 0.5 over 40 rows")
    trained.promise("accuracy >= 0.5 over 1 h")
    log(trained, tumours.slice(300, 60), at=trained.champion.since + timedelta(seconds=1))
    views = live.live_views(trained.keeping())
    assert [view.give("scores").n for _, view in views] == [60, 40, 60]
    assert [view.grows is not None for _, view in views] == [True, False, True]


def test_a_window_of_time_without_rows_is_no_view(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, clock = clocked
    project.promise("accuracy >= 0.5 over 1 h")
    log(project, tumours.slice(300, 60))
    clock.forward(hours=2)
    assert len(live.live_views(project.keeping())) == 1


def test_a_candidate_answers_the_traffic_again_without_labels_and_latency(
    trained: Project, tumours: pl.DataFrame, log: Log, twin: Callable[..., str]
) -> None:
    other, kept = twin(trained), trained.keeping()
    dataset = kept.dataset().digest
    assert live.replay_view(kept, other, dataset) is None
    log(trained, tumours.slice(300, 60))
    assert live.replay_view(kept, trained.champion.model, dataset) is None
    view = live.replay_view(kept, other, dataset)
    assert view.status == "simulated"
    assert view.give("window").current.height == 60
    with pytest.raises(NotMeasurable, match="no latency"):
        view.give("traffic")
    with pytest.raises(NotMeasurable, match="no labels that the model has not seen"):
        view.give("scores")


def test_a_day_without_traffic_is_not_replayed(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log, twin: Callable[..., str]
) -> None:
    project, clock = clocked
    other = twin(project)
    log(project, tumours.slice(300, 60))
    clock.forward(days=2)
    assert live.replay_view(project.keeping(), other, project.keeping().dataset().digest) is None


def test_before_the_first_champion_nothing_is_live(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    kept.ingest()
    assert live.live_views(kept) == []
    assert live.replay_view(kept, "m" * 64, "d" * 64) is None
    assert live.fresh_labels(kept) == 0
    assert live.labelled_rows(kept, since=None).height == 0


def test_before_the_first_request_nothing_is_logged(trained: Project) -> None:
    assert live.logged(trained.keeping()) is None
    assert live.fresh_labels(trained.keeping()) == 0
    assert live.labelled_rows(trained.keeping(), since=None).height == 0


def test_labelled_rows_are_named_by_their_request(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    rows = tumours.slice(300, 5)
    ids = log(trained, rows)
    log(trained, tumours.slice(305, 5), labels=False)
    found = live.labelled_rows(trained.keeping(), since=None)
    assert found["case"].to_list() == [f"{each}:0" for each in ids]
    assert found["diagnosis"].to_list() == rows["diagnosis"].to_list()
    assert live.fresh_labels(trained.keeping()) == 5


def test_rows_without_an_id_column_need_no_name(trained: Project, tumours: pl.DataFrame, log: Log) -> None:
    path = trained.folder / "holdfast.yaml"
    text = path.read_text().replace("  id: case\n", "  exclude: [case]\n")
    path.write_text(text)
    log(trained, tumours.slice(300, 5))
    assert "case" not in live.labelled_rows(trained.keeping(), since=None).columns


def test_without_a_champion_a_verdict_on_an_earlier_candidate_proves_nothing(
    new_project: Callable[..., Project],
) -> None:
    project = new_project()
    project.check()
    found = {each.promise.stage: each.reason for each in current_verdicts(project.keeping())}
    assert found["candidate"] == "no evidence yet"


def test_verdicts_on_the_champion_before_prove_nothing_of_the_new_one(
    trained: Project, twin: Callable[..., str]
) -> None:
    promote(trained, twin(trained))
    before = {each["reason"] for each in trained.status()["promises"] if each["stage"] in ("candidate", "package")}
    assert before == {"the champion is new since it was judged"}
    trained.plan()
    after = {each["verdict"] for each in trained.status()["promises"] if each["stage"] in ("candidate", "package")}
    assert after == {"held"}


def test_verdicts_on_a_candidate_before_prove_nothing_of_the_next(trained: Project) -> None:
    champion = trained.store.state.get("champion", "tumour")
    trained.store.journal.append("deployment.changed", {**champion, "withdrawn": True}, model="tumour")
    found = {each["reason"] for each in trained.status()["promises"] if each["stage"] in ("candidate", "package")}
    assert found == {"the contract, or the data, is new since it was judged"}


def test_a_verdict_that_nothing_decided_stays_as_it_is(trained: Project) -> None:
    promise = next(each for each in trained.contract.promises if each.measure == "recall")
    known = trained.store.state.get("verdict", f"tumour:{promise.id}")
    bare = {**known, "deciding": None, "evidence": None, "state": "unproven", "reason": "no evidence yet"}
    trained.store.journal.append("verdict.reached", bare, model="tumour")
    found = trained.why("recall")
    assert (found["verdict"], found["evidence_trail"], found["value"]) == ("unproven", [], None)


def test_verdicts_on_earlier_data_prove_nothing_of_new_ones(trained: Project, tumours: pl.DataFrame) -> None:
    kept = trained.keeping()
    kept.choose(kept.add_rows(kept.dataset(), tumours.slice(300, 20), newest=20, reason="more came"))
    found = {each["reason"] for each in trained.status()["promises"] if each["stage"] == "data"}
    assert found == {"the data are new since it was judged"}


def test_a_window_that_was_hardly_renewed_is_not_looked_at_again(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, _ = clocked
    log(project, tumours.slice(300, 60))
    first = on_traffic(project.plan(), "accuracy")
    log(project, tumours.slice(360, 2))
    assert on_traffic(project.plan(), "accuracy").evidence == first.evidence
    log(project, tumours.slice(362, 8))
    assert on_traffic(project.plan(), "accuracy").evidence != first.evidence


def test_quality_is_judged_by_the_rows_whose_labels_had_the_time_to_come(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, clock = clocked
    contract = project.folder / "holdfast.yaml"
    contract.write_text(contract.read_text().replace("  id: case\n", "  id: case\n  label_delay: 7 d\n"))
    log(project, tumours.slice(300, 60))
    clock.forward(days=8)
    log(project, tumours.slice(360, 100), labels=False)
    seen = project.plan()
    assert on_traffic(seen, "accuracy").deciding.status == "measured"
    assert on_traffic(seen, "accuracy").deciding.n == 60
    assert on_traffic(seen, "wasserstein").deciding.n == 100


def test_what_was_not_answered_is_not_in_the_log_so_its_share_is_unproven(
    clocked: tuple[Project, Any], tumours: pl.DataFrame, log: Log
) -> None:
    project, _ = clocked
    project.promise("error_rate <= 0.01 over 1 h")
    log(project, tumours.slice(300, 60))
    seen = project.plan()
    assert states(seen, "error_rate") is State.UNPROVEN
    assert "not logged" in reason(seen, "error_rate")
