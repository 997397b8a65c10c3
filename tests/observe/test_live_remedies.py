from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from holdfast.core.contract import Contract, DataSpec, PolicySpec
from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.ports import Refusal, Remedy, RemedyContext
from holdfast.observe.remedies.recalibrate import Recalibrate
from holdfast.observe.remedies.retrain import Retrain
from holdfast.observe.remedies.rollback import Rollback

CHAMPION, EARLIER = "c" * 64, "e" * 64


def context(
    text: str = "accuracy >= 0.9",
    *,
    state: State = State.BROKEN,
    stage: str = "live",
    fresh: int = 80,
    champion: str | None = CHAMPION,
    previous: tuple[str, ...] = (EARLIER,),
    attempts: dict[str, int] | None = None,
    broken: tuple[str, ...] = (),
    task: str = "binary",
) -> RemedyContext:
    promise = parse(text).at(stage)
    evidence = Evidence(
        subject=CHAMPION,
        measure=promise.measure,
        stage=stage,
        time=datetime(2026, 1, 1, tzinfo=UTC),
        args=promise.args,
        value=0.5,
        n=300,
    )
    contract = Contract("m", task, "y", DataSpec("d.csv"), promises=(promise,), policy=PolicySpec(attempts=2))
    return RemedyContext(
        contract,
        Verdict(promise, state, deciding=evidence),
        others=tuple(Verdict(parse(each).at("live"), State.BROKEN) for each in broken),
        champion=champion,
        previous=previous,
        fresh_rows=fresh,
        rows=426,
        attempts=attempts or {},
        train_seconds=30.0,
    )


def proposed(remedy: Remedy, given: RemedyContext) -> Action:
    action = remedy.propose(given)
    assert isinstance(action, Action)
    return action


BRIER = context("brier <= 0.1")


@pytest.mark.parametrize(("remedy", "given"), [(Retrain(), context()), (Rollback(), context()), (Recalibrate(), BRIER)])
def test_a_proposal_is_pure_and_says_everything(remedy: Remedy, given: RemedyContext) -> None:
    action = proposed(remedy, given)
    assert action == proposed(remedy, given)
    assert action.subject == CHAMPION
    assert action.promise == given.verdict.promise.claim
    assert action.cause == given.verdict.deciding.id  # type: ignore[union-attr]
    assert action.precondition
    assert action.undo
    assert "is broken: 0.5" in action.reason
    assert isinstance(remedy, Remedy)


@pytest.mark.parametrize("remedy", [Retrain(), Rollback(), Recalibrate()])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"state": State.UNPROVEN}, "unproven, not broken"),
        ({"state": State.HELD}, "held, not broken"),
        ({"champion": None}, "no champion"),
        ({"attempts": {"retrain": 2, "rollback": 2, "recalibrate": 2}}, "tried 2 times"),
        ({"stage": "candidate"}, "stage candidate"),
    ],
)
def test_what_comes_into_no_question_is_refused(remedy: Remedy, options: dict[str, Any], said: str) -> None:
    answer = remedy.propose(context("brier <= 0.1", **options))
    assert isinstance(answer, Refusal)
    assert said in answer.reason


def test_retraining_waits_for_labels() -> None:
    answer = Retrain().propose(context(fresh=49))
    assert isinstance(answer, Refusal)
    assert answer.reason == "49 labelled rows since the champion was trained, 50 are needed"
    assert proposed(Retrain(), context(fresh=50)).cost.seconds == 30.0


def test_retraining_does_not_make_answers_faster() -> None:
    answer = Retrain().propose(context("p99_latency <= 20 ms"))
    assert isinstance(answer, Refusal)
    assert "how requests are answered" in answer.reason


def test_drift_is_mended_by_retraining() -> None:
    action = proposed(Retrain(), context("psi(age) <= 0.2"))
    assert "psi(age) <= 0.2 is broken: 0.5 for age (n = 300)" in action.reason


def test_rolling_back_costs_more_than_anything_else() -> None:
    last = proposed(Rollback(), context("brier <= 0.1"))
    assert last.params == {"to": EARLIER}
    assert last.cost.weight > proposed(Retrain(), context("brier <= 0.1")).cost.weight
    assert last.cost.weight > proposed(Recalibrate(), BRIER).cost.weight


def test_rolling_back_needs_somewhere_to_go() -> None:
    for previous in ((), (CHAMPION,)):
        answer = Rollback().propose(context(previous=previous))
        assert isinstance(answer, Refusal)
        assert "no earlier champion" in answer.reason
    assert proposed(Rollback(), context(previous=(CHAMPION, EARLIER, "a" * 64))).params["to"] == EARLIER


def test_recalibrating_is_cheaper_than_retraining() -> None:
    assert proposed(Recalibrate(), BRIER).cost.weight < proposed(Retrain(), context("brier <= 0.1")).cost.weight


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (context("roc_auc >= 0.9"), "the ranking stays"),
        (context("accuracy >= 0.9"), "no promise about calibration"),
        (context("brier <= 0.1", task="multiclass"), "two classes"),
        (context("brier <= 0.1", fresh=10), "50 are needed"),
    ],
)
def test_what_a_line_cannot_mend_is_refused(given: RemedyContext, said: str) -> None:
    answer = Recalibrate().propose(given)
    assert isinstance(answer, Refusal)
    assert said in answer.reason


def test_decisions_are_recalibrated_where_the_answers_have_drifted() -> None:
    assert proposed(Recalibrate(), context("recall >= 0.8", broken=("prediction_drift <= 0.1",)))
    assert proposed(Recalibrate(), context("accuracy >= 0.8", broken=("brier <= 0.1",)))


class Bench:
    """Workbench with labelled rows."""

    def __init__(self, rows: int) -> None:
        self.fresh = pl.DataFrame({"x": [1.0] * rows, "y": ["a"] * rows})
        self.given: dict[str, Any] = {}

    def labelled(self, *, since_champion: bool) -> pl.DataFrame:
        assert since_champion
        return self.fresh

    def retrain(self, **given: Any) -> Any:
        self.given = given
        return SimpleNamespace(id="n" * 64)

    def model_version(self, model: str) -> Any:
        self.given = {"asked": model}
        return SimpleNamespace(id=model)


def test_retraining_hands_the_fresh_rows_over() -> None:
    bench: Any = Bench(60)
    action = proposed(Retrain(), context())
    assert Retrain().carry_out(action, bench) == "n" * 64
    assert bench.given == {"reason": action.reason, "extra": bench.fresh}


def test_labels_that_went_away_since_the_plan_fail_the_remedy() -> None:
    bench: Any = Bench(3)
    with pytest.raises(RemedyFailed, match="3 labelled rows"):
        Retrain().carry_out(proposed(Retrain(), context()), bench)
    with pytest.raises(RemedyFailed, match="3 labelled rows"):
        Recalibrate().carry_out(proposed(Recalibrate(), BRIER), bench)


def test_rolling_back_gives_the_earlier_champion() -> None:
    bench: Any = Bench(0)
    assert Rollback().carry_out(proposed(Rollback(), context()), bench) == EARLIER
    assert bench.given == {"asked": EARLIER}
    with pytest.raises(RemedyFailed, match="no model"):
        Rollback().carry_out(Action("rollback", CHAMPION, "x"), bench)
