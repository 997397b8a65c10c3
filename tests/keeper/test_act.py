"""Acting: decided, idempotent by key, let out whole or not at all, whatever is killed when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import HoldfastError, LeaseLost, NotAllowed, RemedyFailed, StepFailed, StoreUnavailable
from holdfast.core.events import Action, Decision
from holdfast.core.evidence import State
from holdfast.keeper import act as acting
from holdfast.keeper.act import act, reconcile, subjects
from holdfast.keeper.loop import make_plan, tick
from holdfast.project import Project
from holdfast.store.journal import Journal


class Killed(BaseException):
    """A kill -9, as a test can tell it."""


def broken_champion(project: Project, log: Callable[..., list[str]], rows: pl.DataFrame) -> str:
    """Traffic that the champion answers wrongly; its id."""
    wrong = rows["diagnosis"].replace({"malignant": "benign", "benign": "malignant"})
    log(project, rows, answers=wrong)
    return project.champion.model


def decision(project: Project, planned: Action, **more: Any) -> Decision:
    made = Decision(planned.key, allowed=True, decider="ann", policy="person", seen=(), time=project.clock())
    return replace(made, **more)


def counts(project: Project, kind: str, field: str) -> Counter[str]:
    return Counter(str(each.payload[field]) for each in project.store.journal.events(types=(kind,)))


def check_whole(project: Project) -> None:
    started = counts(project, "action.started", "key")
    ended = counts(project, "action.finished", "key") + counts(project, "action.failed", "key")
    deployed = counts(project, "deployment.changed", "decision")
    assert set(started) == set(ended)
    assert {*started.values(), *ended.values(), *deployed.values()} == {1}
    assert project.verify_journal() > 0
    running = project.store.root / "places" / "local" / "routes.json"
    assert project.champion.model in running.read_text()


def killing(monkeypatch: pytest.MonkeyPatch, *, kind: str, written: bool) -> Callable[[], None]:
    """Kill at the first write of a kind after the first action was decided: before it, or once it is on the disk."""
    real_one, real_all = Journal.append, Journal.append_all
    decided: list[str] = []

    def write(kinds: list[str], call: Callable[[], Any]) -> Any:
        decided.extend(each for each in kinds if each == "decision.made")
        due = bool(decided) and kind in kinds
        made = call() if written or not due else None
        if due:
            raise Killed
        return made

    def one(self: Journal, type: str, *given: Any, **more: Any) -> Any:
        return write([type], lambda: real_one(self, type, *given, **more))

    def many(self: Journal, events: Any) -> Any:
        chosen = list(events)
        return write([each.type for each in chosen], lambda: real_all(self, chosen))

    monkeypatch.setattr(Journal, "append", one)
    monkeypatch.setattr(Journal, "append_all", many)

    def stop() -> None:
        monkeypatch.setattr(Journal, "append", real_one)
        monkeypatch.setattr(Journal, "append_all", real_all)

    return stop


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize(
    "kind", ["decision.made", "action.started", "evidence.recorded", "gate.judged", "action.finished"]
)
def test_killed_at_any_write_a_promotion_is_whole_after_the_next_look(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    twin: Callable[..., str],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    written: bool,
) -> None:
    other = twin(trained)
    remedies(obedient(lambda action, bench: other))
    first = broken_champion(trained, log, tumours.slice(300, 60))
    alive = killing(monkeypatch, kind=kind, written=written)
    with pytest.raises(Killed):
        trained.apply()
    alive()
    with Project(trained.folder) as again:
        again.apply()
        assert again.champion.model == other != first
        check_whole(again)


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("kind", ["action.started", "dataset.added", "rows.quarantined", "dataset.chosen"])
def test_killed_at_any_write_a_change_of_the_data_is_whole_after_the_next_look(
    trained: Project, tumours: pl.DataFrame, monkeypatch: pytest.MonkeyPatch, kind: str, written: bool
) -> None:
    odd = pl.when(pl.int_range(pl.len()) < 2).then(1400.0).otherwise("mean_radius").alias("mean_radius")
    tumours.head(300).with_columns(odd).write_parquet(trained.folder / "data/history.parquet")
    alive = killing(monkeypatch, kind=kind, written=written)
    with pytest.raises(Killed):
        trained.apply()
    alive()
    with Project(trained.folder) as again:
        seen = again.apply()
        assert {each.state for each in seen.verdicts if each.promise.stage == "data"} == {State.HELD}
        assert again.keeping().dataset().rows == 298
        assert again.store.tables.read("quarantine:tumour").height == 2
        check_whole(again)


def test_an_interrupted_action_that_is_no_longer_planned_is_ended_and_let_nothing_out(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
) -> None:
    def killed(action: Action, bench: object) -> str:
        raise Killed

    remedies(obedient(killed))
    first = broken_champion(trained, log, tumours.slice(300, 60))
    with pytest.raises(Killed):
        trained.apply()
    remedies()
    trained.apply()
    (ended,) = trained.store.journal.events(types=("action.failed",))
    assert ended.payload["outcome"]["text"] == "interrupted, and by now no longer planned"
    assert ended.payload["outcome"]["state"] == "interrupted"
    assert trained.champion.model == first


def test_the_second_action_of_a_plan_does_not_act_on_a_champion_that_the_first_replaced(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    twin: Callable[..., str],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
) -> None:
    trained.promise("balanced_accuracy >= 0.7 over 100 rows")
    other = twin(trained)
    one = obedient(lambda action, bench: other, measures=("accuracy",))
    two = obedient(lambda action, bench: other, name="too", measures=("balanced_accuracy",))
    remedies(one, two)
    broken_champion(trained, log, tumours.slice(300, 60))
    seen = tick(trained.keeping())
    assert [each.remedy for each in seen.plan.actions] == ["obey", "too"]
    assert [each.state for each in seen.outcomes] == ["restored", "stale"]
    assert two.seen == []
    assert not seen.outcomes[1].begun
    check_whole(trained)


def test_nothing_is_done_without_a_yes_to_this_very_action(trained: Project) -> None:
    action = Action("retrain", trained.champion.model, "")
    with pytest.raises(NotAllowed, match="no decision allows retrain"):
        act(trained.keeping(), action, decision(trained, action, allowed=False), [])
    with pytest.raises(NotAllowed):
        act(trained.keeping(), action, decision(trained, action, action="another"), [])


def test_an_action_is_done_once_under_its_key(
    trained: Project, remedies: Callable[..., None], obedient: Callable[..., Any]
) -> None:
    obey = obedient(lambda action, bench: None)
    remedies(obey)
    action = Action("obey", trained.champion.model, "")
    assert act(trained.keeping(), action, decision(trained, action), []).state == "restored"
    assert act(trained.keeping(), action, decision(trained, action), []).state == "already done"
    assert len(obey.seen) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [(RemedyFailed("too few rows"), "too few rows"), (StepFailed("a step failed"), "a step failed")],
)
def test_an_action_that_fails_is_journalled_with_its_reason(
    trained: Project,
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
    error: HoldfastError,
    words: str,
) -> None:
    def fail(action: Action, bench: object) -> str:
        raise error

    remedies(obedient(fail))
    action = Action("obey", trained.champion.model, "")
    outcome = act(trained.keeping(), action, decision(trained, action), [])
    assert outcome.state == "failed"
    assert words in outcome.text
    assert trained.store.state.get("action", action.key)["state"] == "failed"


def test_what_a_step_raised_is_told_and_not_that_a_step_did(
    trained: Project, remedies: Callable[..., None], obedient: Callable[..., Any]
) -> None:
    def fail(action: Action, bench: object) -> str:
        raise StepFailed("a step failed") from RemedyFailed("no rows of the other class")

    remedies(obedient(fail))
    action = Action("obey", trained.champion.model, "")
    assert "no rows of the other class" in act(trained.keeping(), action, decision(trained, action), []).text


@pytest.mark.parametrize("error", [StoreUnavailable("the database is away"), LeaseLost("taken")])
def test_a_keeper_that_loses_its_ground_leaves_the_action_started(
    trained: Project, remedies: Callable[..., None], obedient: Callable[..., Any], error: HoldfastError
) -> None:
    def fail(action: Action, bench: object) -> str:
        raise error

    remedies(obedient(fail))
    action = Action("obey", trained.champion.model, "")
    with pytest.raises(type(error)):
        act(trained.keeping(), action, decision(trained, action), [])
    assert trained.store.state.get("action", action.key)["state"] == "started"


def test_a_keeper_that_was_overtaken_lets_nothing_out(
    trained: Project, twin: Callable[..., str], remedies: Callable[..., None], obedient: Callable[..., Any]
) -> None:
    other, first = twin(trained), trained.champion.model
    remedies(obedient(lambda action, bench: other))

    def taken() -> None:
        raise LeaseLost("taken")

    kept = trained.keeping()
    kept.guard = taken
    action = Action("obey", first, "")
    with pytest.raises(LeaseLost):
        act(kept, action, decision(trained, action), [])
    assert trained.champion.model == first


def test_before_the_first_dataset_there_is_nothing_to_act_on(new_project: Callable[..., Project]) -> None:
    project = new_project()
    action = Action("train", "d" * 64, "")
    assert subjects(project.keeping()) == set()
    assert act(project.keeping(), action, decision(project, action), []).state == "stale"
    outcome = acting._carry_out
    with pytest.raises(HoldfastError, match="no dataset version yet"):
        outcome(project.keeping(), action, decision(project, action), [])


def test_a_target_that_cannot_be_told_is_told_at_the_next_look(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    twin: Callable[..., str],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
) -> None:
    other = twin(trained)
    place = trained.store.root / "places"
    moved = trained.store.root / "elsewhere"

    def full_disk(action: Action, bench: object) -> str:
        place.rename(moved)
        place.write_text("in the way")
        return other

    remedies(obedient(full_disk))
    broken_champion(trained, log, tumours.slice(300, 60))
    (outcome,) = tick(trained.keeping()).outcomes
    assert outcome.state == "restored"
    assert "not every target could be told yet" in outcome.text
    assert trained.champion.model == other
    with pytest.raises(StoreUnavailable, match="cannot write"):
        reconcile(trained.keeping())
    place.unlink()
    moved.rename(place)
    assert reconcile(trained.keeping()) == [f"local runs {other[:12]} as champion"]
    check_whole(trained)


def test_a_target_that_nothing_runs_on_is_left_alone(new_project: Callable[..., Project]) -> None:
    assert reconcile(new_project().keeping()) == []


def test_a_package_that_was_tampered_with_is_not_deployed(trained: Project) -> None:
    champion = trained.champion
    digest = trained.store.models.get_package(champion.package).files["model.onnx"]
    files = [path for path in trained.store.root.rglob("*") if path.is_file() and digest in str(path)]
    assert files
    for path in files:
        path.chmod(0o600)
        path.write_bytes(b"other")
    cache = trained.store.root / "cache"
    cache.rename(trained.store.root / "old-cache")
    with pytest.raises(HoldfastError):
        reconcile(trained.keeping())


def test_a_rollback_is_done_and_says_what_it_does_not_keep(
    trained: Project, twin: Callable[..., str], remedies: Callable[..., None], obedient: Callable[..., Any]
) -> None:
    other = twin(trained)
    trained.promise("log_loss <= 0.0001")
    remedies(obedient(lambda action, bench: other, name="rollback"))
    action = Action("rollback", trained.champion.model, "")
    outcome = act(trained.keeping(), action, decision(trained, action), [])
    assert outcome.state == "restored"
    assert "is champion again; 1 promises would not be held, first: log_loss" in outcome.text
    assert trained.champion.model == other


def test_a_remedy_that_breaks_another_promise_is_not_let_out(
    trained: Project, twin: Callable[..., str], remedies: Callable[..., None], obedient: Callable[..., Any]
) -> None:
    other, first = twin(trained), trained.champion.model
    trained.promise("log_loss <= 0.0001")
    remedies(obedient(lambda action, bench: other))
    action = Action("obey", first, "")
    outcome = act(trained.keeping(), action, decision(trained, action), [])
    assert (outcome.state, [each.promise.claim for each in outcome.failed]) == ("not restored", ["log_loss <= 0.0001"])
    assert trained.champion.model == first


def test_a_plan_is_journalled_once_and_its_end_too(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
) -> None:
    remedies(obedient(lambda action, bench: None))
    broken_champion(trained, log, tumours.slice(300, 60))
    seen = trained.plan()
    before = trained.store.journal.head()
    make_plan(trained.keeping(), seen.verdicts)
    assert trained.store.journal.head() == before
    remedies()
    trained.plan()
    assert trained.store.state.get("plan", "tumour")["plan"]["actions"] == []


def test_what_was_interrupted_is_done_once_it_is_planned_again_on_the_same_evidence(
    trained: Project,
    tumours: pl.DataFrame,
    log: Callable[..., list[str]],
    twin: Callable[..., str],
    remedies: Callable[..., None],
    obedient: Callable[..., Any],
) -> None:
    def killed(action: Action, bench: object) -> str:
        raise Killed

    other = twin(trained)
    remedies(obedient(killed))
    broken_champion(trained, log, tumours.slice(300, 60))
    with pytest.raises(Killed):
        trained.apply()
    remedies()
    trained.apply()
    remedies(obedient(lambda action, bench: other))
    assert [each.state for each in trained.apply().outcomes] == ["restored"]
    assert trained.champion.model == other
    check_whole(trained)
