"""Asking: answers, approvals and a person's rollback."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from holdfast.core.errors import LeaseLost, NotAllowed, NotFound, StoreUnavailable, UnknownName
from holdfast.keeper import alone as alone_module
from holdfast.keeper.alone import alone
from holdfast.keeper.asking import find_model
from holdfast.project import Project, open_project


def test_a_person_takes_a_model_back_and_again(trained: Project, twin: Callable[..., str]) -> None:
    first, other = trained.champion.model, twin(trained)
    promote(trained, other)
    back = trained.rollback(reason="it feels wrong")
    assert (back.state, trained.champion.model) == ("restored", first)
    assert trained.rollback(other[:12]).state == "restored"
    assert trained.rollback().state == "restored"
    assert trained.champion.model == first
    assert trained.history()["production"]["decision"]["decider"] == trained.actor
    assert trained.verify_journal() > 0


def test_a_rollback_that_failed_may_be_asked_for_again(
    trained: Project, twin: Callable[..., str], remedies: Callable[..., None], obedient: Callable[..., object]
) -> None:
    def fail(action: object, bench: object) -> str:
        raise NotFound("gone")

    promote(trained, twin(trained))
    remedies(obedient(fail, name="rollback"))
    assert [trained.rollback().state for _ in range(2)] == ["failed", "failed"]


def promote(project: Project, model: str) -> None:
    """Let another model out by hand."""
    kept = project.keeping()
    champion = kept.store.state.get("champion", "tumour")
    package = kept.package_of(model, "onnx")
    payload = {**champion, "model": model, "package": package, "decision": "promote:by-hand"}
    kept.store.journal.append("deployment.changed", payload, model="tumour")


def test_there_is_nothing_to_go_back_to_before_a_second_champion(trained: Project, twin: Callable[..., str]) -> None:
    with pytest.raises(NotFound, match="no earlier champion"):
        trained.rollback()
    promote(trained, twin(trained))
    with pytest.raises(NotFound, match="no earlier champion 'ffff'"):
        trained.rollback("ffff")


def test_under_four_eyes_the_author_may_not_roll_back_alone(trained: Project, twin: Callable[..., str]) -> None:
    promote(trained, twin(trained))
    path = trained.folder / "holdfast.yaml"
    path.write_text(path.read_text() + "policy:\n  approve: four-eyes\n  author: ann\n")
    with open_project(trained.folder, actor="ann") as ann, pytest.raises(NotAllowed, match="four eyes"):
        ann.rollback()
    denied = next(trained.store.journal.events(types=("access.denied",)))
    assert denied.payload["decider"] == "ann"
    with open_project(trained.folder, actor="bob") as bob:
        assert bob.rollback().state == "restored"


def test_an_approval_of_nothing_planned_says_what_would_be(trained: Project) -> None:
    with pytest.raises(UnknownName, match="0 planned actions begin with 'abc'"):
        trained.approve("abc")


def test_predicting_needs_a_champion(new_project: Callable[..., Project], tumours: pl.DataFrame) -> None:
    with pytest.raises(NotFound, match="no champion yet"):
        new_project().predict(tumours)


def test_a_model_is_found_by_the_words_a_person_has_for_it(trained: Project) -> None:
    kept, champion = trained.keeping(), trained.champion
    assert find_model(kept, "champion") == find_model(kept, "tumour") == champion.model
    assert find_model(kept, champion.model[:12]) == champion.model
    assert find_model(kept, champion.package[:12]) == champion.package
    with pytest.raises(NotFound, match="0 models begin with 'zzz'"):
        find_model(kept, "zzz")


def test_no_model_is_the_champion_before_the_first(new_project: Callable[..., Project]) -> None:
    with pytest.raises(NotFound, match="no champion yet"):
        find_model(new_project().keeping(), "champion")


def test_a_guard_notices_at_once_that_another_keeper_took_over(
    trained: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = trained.keeping()
    kept.still_mine()
    with alone(kept):
        kept.still_mine()
        taken = kept.store.leases
        monkeypatch.setattr(type(taken), "_renew", raising(LeaseLost("taken")))
        with pytest.raises(LeaseLost, match="another keeper took over"):
            kept.still_mine()
        monkeypatch.undo()
        with pytest.raises(LeaseLost):
            kept.still_mine()


def raising(error: Exception) -> Callable[..., float]:
    def fail(*_: object) -> float:
        raise error

    return fail


class Renewing:
    """A lease whose renewals go as the test says."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)

    def renew(self) -> None:
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer


class Rounds:
    """An event that is set after some waits."""

    def __init__(self, rounds: int) -> None:
        self.rounds = rounds
        self.told = False

    def wait(self, _seconds: float) -> bool:
        self.rounds -= 1
        return self.rounds < 0

    def set(self) -> None:
        self.told = True


def test_a_lease_is_renewed_until_it_is_lost() -> None:
    lost = Rounds(0)
    lease = Renewing(None, StoreUnavailable("away"), LeaseLost("taken"))
    alone_module._renew(lease, Rounds(9), lost)
    assert lost.told
    assert lease.answers == []


def test_a_lease_is_renewed_until_the_work_ends() -> None:
    lost = Rounds(0)
    alone_module._renew(Renewing(None, None), Rounds(2), lost)
    assert not lost.told
