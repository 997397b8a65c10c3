"""The loop on real data: observe, judge, plan, decide, act, verify."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable

import polars as pl
import pytest

from holdfast.core.errors import LeaseHeld, NotAllowed, NotFound, UnknownName
from holdfast.core.evidence import State
from holdfast.demo.traffic import label, running_version, send, served
from holdfast.demo.tumour import second_clinic
from holdfast.keeper.alone import alone
from holdfast.project import Project, open_project


def states(seen: object, stage: str) -> set[str]:
    return {each.state.value for each in seen.verdicts if each.promise.stage == stage}


def events(project: Project, kind: str) -> list[dict[str, object]]:
    return [each.payload for each in project.store.journal.events(types=(kind,))]


def ask(port: int, rows: pl.DataFrame, *, labelled: bool = True) -> int:
    sent = send(
        port, "tumour", rows.drop("case"), target="diagnosis", beside=(), batch=1, told=lambda share, text: None
    )
    return label(port, sent) if labelled else sent.rows


def test_the_first_model_is_trained_judged_and_let_out_by_a_recorded_decision(trained: Project) -> None:
    champion = trained.champion
    assert champion is not None
    deployment = events(trained, "deployment.changed")[-1]
    decision = trained.store.state.get("decision", str(deployment["decision"]))
    assert decision["decision"]["decider"] == "policy:auto"
    assert "candidate: roc_auc >= 0.9 with 95%: held" in decision["decision"]["seen"]
    assert trained.store.journal.verify() > 10


def test_status_says_every_promise_with_its_evidence(trained: Project) -> None:
    status = trained.status()
    by_stage = {each["promise"]: each for each in status["promises"]}
    assert len(by_stage) == 9
    judged = [each for each in status["promises"] if each["stage"] != "live"]
    assert {each["verdict"] for each in judged} == {"held"}
    assert all(trained.store.evidence.get(each["evidence"]).value == each["value"] for each in judged)
    assert {each["verdict"] for each in status["promises"] if each["stage"] == "live"} == {"unproven"}


def test_a_second_look_at_the_same_world_adds_nothing(trained: Project) -> None:
    trained.plan()
    before = trained.store.journal.head()
    assert trained.plan().plan.actions == ()
    assert trained.store.journal.head() == before


def test_rows_that_break_a_promise_are_set_aside_and_the_promise_is_held_again(
    new_project: Callable[..., Project], tumours: pl.DataFrame
) -> None:
    place = pl.int_range(pl.len())
    slips = tumours.head(300).with_columns(
        mean_radius=pl.when(place.is_in([3, 200])).then(pl.lit(1400.0)).otherwise(pl.col("mean_radius"))
    )
    project = new_project(rows=slips)
    checked = project.check()
    assert checked.state is State.BROKEN
    assert checked.failing == {"in_range(mean_radius, 5, 40) >= 1": 2}
    planned = project.plan().plan
    assert [each.remedy for each in planned.actions] == ["quarantine"]
    seen = project.apply()
    assert [each.action.remedy for each in seen.outcomes] == ["quarantine", "train"]
    assert states(seen, "data") == {"held"}
    aside = project.store.tables.read("quarantine:tumour")
    assert aside["mean_radius"].to_list() == [1400.0, 1400.0]
    assert project.keeping().dataset().rows == 298


def test_a_changed_world_breaks_a_promise_and_the_remedy_restores_it(trained: Project, tumours: pl.DataFrame) -> None:
    first = trained.champion
    with served(trained.folder) as port:
        ask(port, tumours.slice(300, 60))
        assert states(trained.apply(), "live") == {"held"}
        ask(port, second_clinic(tumours.slice(360, 110)))
        seen = trained.plan()
        assert "broken" in states(seen, "live")
        assert [each.remedy for each in seen.plan.actions] == ["retrain"]
        done = trained.apply()
        assert [each.state for each in done.outcomes] == ["restored"]
        second = trained.champion
        assert second.model != first.model
        wait_for(lambda: running_version(port, "tumour") == second.model)
        ask(port, second_clinic(tumours.slice(470)))
        assert states(trained.apply(), "live") == {"held"}
    assert trained.store.models.get(second.model).parent == first.model
    assert [each["remedy"] for each in trained.why("wasserstein")["actions"]] == ["retrain"]


def test_quality_is_estimated_until_labels_come_and_realised_then(trained: Project, tumours: pl.DataFrame) -> None:
    with served(trained.folder) as port:
        ask(port, tumours.slice(300, 60), labelled=False)
        trained.apply()
        assert trained.why("accuracy")["status"] == "estimated"
        ask(port, tumours.slice(360, 60))
        trained.apply()
        found = trained.why("accuracy")
    assert found["status"] == "measured"
    assert found["n"] == 60


def test_a_rollback_makes_the_earlier_champion_answer_again(trained: Project) -> None:
    with pytest.raises(NotFound, match="no earlier champion"):
        trained.rollback()


def test_a_person_is_awaited_where_the_policy_says_so(new_project: Callable[..., Project], small_contract: str) -> None:
    project = new_project(contract=small_contract + "policy:\n  approve: four-eyes\n  author: ann\n")
    seen = project.up(once=True)
    assert [each.remedy for each in seen.waiting] == ["train"]
    assert project.champion is None
    key = seen.waiting[0].key
    with pytest.raises(NotAllowed, match="four eyes"):
        project.approve(key[:12], decider="ann")
    assert events(project, "access.denied")[0]["decider"] == "ann"
    with pytest.raises(UnknownName):
        project.approve("ffff" * 16, decider="bob")
    project.approve(key[:12], decider="bob", reason="looked at the plan")
    assert [each.state for each in project.up(once=True).outcomes] == ["restored"]
    decision = project.history()["production"]["decision"]
    assert decision["decider"] == "bob"


def test_a_refused_action_is_not_carried_out(new_project: Callable[..., Project], small_contract: str) -> None:
    project = new_project(contract=small_contract + "policy:\n  approve: person\n")
    key = project.up(once=True).waiting[0].key
    project.approve(key, allowed=False, decider="bob")
    assert project.up(once=True).outcomes == []
    assert project.champion is None


def test_a_candidate_that_misses_a_promise_is_not_let_out(
    new_project: Callable[..., Project], small_contract: str
) -> None:
    project = new_project(contract=small_contract.replace("recall >= 0.7", "log_loss <= 0.0001"))
    seen = project.apply()
    assert seen.outcomes[0].state == "not restored"
    assert project.champion is None
    assert next(each for each in seen.verdicts if each.promise.measure == "log_loss").state is State.BROKEN


def test_two_keepers_do_not_act_at_once(trained: Project) -> None:
    with alone(trained.keeping()), open_project(trained.folder) as other, pytest.raises(LeaseHeld):
        other.up(once=True)


def test_history_says_what_was_in_production_at_a_time(trained: Project) -> None:
    now = trained.history()
    assert now["production"]["model"] == trained.champion.model
    before = trained.store.journal.get(1).time
    assert trained.history(at=before)["production"] is None


def test_a_new_promise_is_judged_at_the_next_look(trained: Project) -> None:
    trained.promise("f1 >= 0.5")
    trained.promise("row_count >= 100 rows")
    seen = trained.plan()
    rows = {each.promise.measure: each.state.value for each in seen.verdicts}
    assert rows["row_count"] == "held"
    assert rows["f1"] == "held"


def test_answers_over_http_are_those_of_the_champion(trained: Project, tumours: pl.DataFrame) -> None:
    rows = tumours.slice(300, 5).drop("case", "diagnosis")
    expected = trained.predict(rows)["p_malignant"].to_list()
    with served(trained.folder) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        body = json.dumps({"rows": rows.to_dicts()})
        connection.request("POST", "/predict/tumour", body=body, headers={"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
    given = [each["probabilities"]["malignant"] for each in answer["predictions"]]
    assert given == pytest.approx(expected, abs=1e-6)


def wait_for(condition: Callable[[], bool]) -> None:
    import time

    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
