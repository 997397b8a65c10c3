"""Telling: status, history and the trail of a verdict, from the store alone, however long the journal is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from holdfast.core.errors import UnknownName
from holdfast.core.events import Event
from holdfast.keeper.loop import attempts, contender, last_held
from holdfast.keeper.telling import _WORDS as WORDS
from holdfast.keeper.telling import TOLD, find, in_production, tell
from holdfast.project import Project
from holdfast.store import NewEvent

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_event_that_history_tells_has_words() -> None:
    assert set(TOLD) == set(WORDS)


def test_a_strange_event_is_told_by_its_name() -> None:
    assert tell(Event(1, "moon.landed", {}, NOW, "me")) == "moon.landed"


def test_everything_that_happened_is_told_in_a_sentence(
    trained: Project, tumours: pl.DataFrame, log: Callable[..., list[str]]
) -> None:
    odd = pl.when(pl.int_range(pl.len()) < 2).then(1400.0).otherwise("mean_radius").alias("mean_radius")
    tumours.head(300).with_columns(odd).write_parquet(trained.folder / "data/history.parquet")
    trained.apply()
    told = {each["type"]: each["text"] for each in reversed(trained.history(limit=1000)["events"])}
    assert told["rows.quarantined"].startswith("2 rows set aside")
    assert told["action.started"].startswith("quarantine started")
    assert told["deployment.changed"].startswith("local runs model")
    assert "passed the gates: 4 of 4 promises held" in told["gate.judged"]
    assert told["contract.accepted"].endswith(trained.actor)
    assert "having seen" in told["decision.made"]


@pytest.mark.parametrize(
    ("words", "claim"),
    [
        ("recall", "recall >= 0.7"),
        ("  recall   >=  0.7 ", "recall >= 0.7"),
        ("candidate: recall >= 0.7", "recall >= 0.7"),
        ("roc", "roc_auc >= 0.9 with 95%"),
    ],
)
def test_a_promise_is_found_by_the_words_a_person_has_for_it(trained: Project, words: str, claim: str) -> None:
    assert find(trained.keeping(), words).claim == claim


@pytest.mark.parametrize(
    ("words", "told"), [("", "9 promises fit"), ("speed", "no promise 'speed'"), ("accuracy <=", "no promise")]
)
def test_words_that_fit_no_promise_or_several_say_which_there_are(trained: Project, words: str, told: str) -> None:
    with pytest.raises(UnknownName, match=told):
        find(trained.keeping(), words)


def test_a_misspelt_measure_is_suggested(trained: Project) -> None:
    with pytest.raises(UnknownName, match="accuracy"):
        find(trained.keeping(), "acuracy")


def withdrawn(project: Project, *, role: str = "champion") -> None:
    champion = project.store.state.get("champion", "tumour")
    payload = {**champion, "role": role, "withdrawn": True, "share": 0.0 if role == "shadow" else 1.0}
    project.store.journal.append("deployment.changed", payload, model="tumour")


def test_what_was_withdrawn_is_no_longer_in_production(trained: Project) -> None:
    before = trained.clock()
    withdrawn(trained)
    assert in_production(trained.keeping(), before)["model"]
    assert trained.history()["production"] is None
    assert trained.champion is None
    assert "no longer runs" in trained.history(limit=1)["events"][0]["text"]


def test_a_shadow_is_not_what_is_in_production(trained: Project) -> None:
    withdrawn(trained, role="shadow")
    assert trained.history()["production"]["role"] == "champion"


def test_status_says_how_the_mirror_is(trained: Project) -> None:
    assert trained.status()["mirror"] is None
    path = trained.folder / "holdfast.yaml"
    path.write_text(path.read_text().replace("mlflow: none", "mlflow: http://127.0.0.1:9"))
    with Project(trained.folder) as other:
        other.store.journal.append("verdict.reached", {"promise_id": "p"}, model="tumour")
        assert other.status()["mirror"]["pending"] == 1


def test_the_status_of_a_project_without_anything_is_unproven(new_project: Callable[..., Project]) -> None:
    status = new_project().status()
    assert {each["verdict"] for each in status["promises"]} == {"unproven"}
    assert (status["champion"], status["dataset"], status["plan"]) == (None, None, None)


def queries(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of events that are read from the database from here on."""
    from holdfast.store import _query

    read: list[int] = []
    real = _query.event_of

    def counted(row: object) -> Event:
        read.append(1)
        return real(row)

    monkeypatch.setattr(_query, "event_of", counted)
    return read


def test_status_and_history_read_no_more_of_a_long_journal_than_of_a_short_one(
    trained: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = queries(trained, monkeypatch)
    trained.status(), trained.history(limit=20)
    short = len(read)
    for kind in ("action.finished", "gate.judged", "evidence.recorded", "step.finished", "verdict.reached"):
        trained.store.journal.append_all(noise(kind, number) for number in range(1000))
    read.clear()
    trained.status(), trained.history(limit=20)
    assert len(read) <= short + 20
    read.clear()
    assert len(attempts(trained.keeping())) == 200
    assert len(read) == 200


def noise(kind: str, number: int) -> NewEvent:
    action = {"remedy": "retrain", "promise": "x", "cause": "", "key": f"{number}"}
    payload = {
        "key": f"key-{number}",
        "action": action,
        "outcome": {"state": "not restored", "text": ""},
        "id": f"{number:064x}",
        "run": "run",
        "name": f"step-{number % 3}",
        "promise_id": f"p-{number}",
        "model": "m" * 64,
        "package": {"model": "m"},
        "dataset": "d",
        "passed": True,
        "verdicts": [],
        "state": "held",
        "claim": "x",
        "reason": "",
    }
    return NewEvent(kind, payload, model="tumour")


def test_a_failed_candidate_counts_under_its_contract_and_data_only(
    new_project: Callable[..., Project], small_contract: str, trained_template: object, tmp_path: object
) -> None:
    project = new_project(contract=small_contract)
    kept = project.keeping()
    kept.accept()
    assert contender(kept) is None
    dataset = kept.ingest().digest
    gate = {"model": "m" * 64, "dataset": dataset, "contract": kept.contract.id, "passed": False, "verdicts": []}
    kept.store.journal.append("gate.judged", gate, model="tumour")
    assert contender(kept) == "m" * 64
    assert [each.remedy for each in project.plan().plan.actions] == []
    path = project.folder / "holdfast.yaml"
    path.write_text(path.read_text().replace("recall >= 0.7", "recall >= 0.6"))
    assert contender(project.keeping()) is None
    assert [each.remedy for each in project.plan().plan.actions] == ["train"]
    kept.store.journal.append("gate.judged", {**gate, "dataset": "other"}, model="tumour")
    assert contender(kept) is None
    kept.store.journal.append("gate.judged", {**gate, "passed": True}, model="tumour")
    assert contender(kept) is None


def test_when_promises_last_held_is_read_from_their_verdicts(trained: Project) -> None:
    held = last_held(trained.keeping())
    assert len(held) == 7
    assert all(timedelta(0) <= trained.clock() - each for each in held.values())


def test_a_copied_project_tells_the_same(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> None:
    copy = tmp_path_factory.mktemp("copy") / "project"
    trained.close()
    shutil.copytree(trained.folder, copy, symlinks=True)
    with Project(copy) as other:
        assert other.status()["promises"] == trained.status()["promises"]
