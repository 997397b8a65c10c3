from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.contract import Contract, DataSpec, PolicySpec, Roles
from holdfast.core.errors import ColumnNotFound, NotMeasurable, RemedyFailed
from holdfast.core.events import Action
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.ports import Refusal, Remedy, RemedyContext
from holdfast.responsible.remedies.reweigh import Reweigh, weights_of

PARITY = "demographic_parity_difference(sex) <= 0.1"
ODDS = "equalized_odds_difference(sex) <= 0.1"


def context(
    text: str = PARITY, *, state: State = State.BROKEN, tried: int = 0, task: str = "binary", measured: bool = True
) -> RemedyContext:
    promise, other = parse(text).at("candidate"), parse(ODDS).at("candidate")
    evidence = Evidence(
        subject="c" * 64,
        measure=promise.measure,
        stage="candidate",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        value=0.18,
        n=900,
    )
    contract = Contract(
        "m",
        task,
        "y",
        DataSpec("d.csv", roles=Roles(sensitive=("sex", "race"))),
        promises=(promise,),
        policy=PolicySpec(attempts=2),
    )
    verdict = Verdict(promise, state, deciding=evidence if measured else None)
    return RemedyContext(
        contract,
        verdict,
        others=(Verdict(other, State.HELD),),
        champion="c" * 64,
        attempts={"reweigh": tried},
        train_seconds=30.0,
    )


class Bench:
    """Workbench that remembers the weights."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.held = rows
        self.weights: np.ndarray | None = None

    def training_rows(self) -> pl.DataFrame:
        return self.held

    def retrain(self, *, reason: str, weights: np.ndarray) -> Any:
        self.weights = weights
        return SimpleNamespace(id="n" * 64, reason=reason)


def test_weighted_group_and_label_are_independent() -> None:
    rng = np.random.default_rng(1)
    sex = rng.choice(["f", "m"], 500)
    label = np.where(rng.random(500) < np.where(sex == "f", 0.2, 0.6), "yes", "no")
    rows = pl.DataFrame({"sex": sex, "y": label})
    weights = weights_of(rows, ["sex"], "y")
    weighted = rows.with_columns(w=weights)
    share = weighted.group_by("sex").agg((pl.col("w") * (pl.col("y") == "yes")).sum() / pl.col("w").sum())["w"]
    assert share.to_list() == pytest.approx([(label == "yes").mean()] * 2)
    assert weights.mean() == pytest.approx(1.0)
    assert (weights > 0).all()


def test_kamiran_and_calders_example_comes_out() -> None:
    # Their table 1: 10 applicants, P(m) P(+) / P(m, +) = 0.5 * 0.6 / 0.4, and so on.
    rows = pl.DataFrame({"sex": ["m"] * 5 + ["f"] * 5, "y": ["+", "+", "+", "+", "-", "-", "+", "-", "-", "+"]})
    weights = dict(zip(zip(rows["sex"], rows["y"], strict=True), weights_of(rows, ["sex"], "y"), strict=True))
    assert weights == pytest.approx({("m", "+"): 0.75, ("m", "-"): 2.0, ("f", "-"): 2 / 3, ("f", "+"): 1.5})


def test_it_is_proposed_for_a_broken_parity_with_its_price_and_its_danger() -> None:
    action = Reweigh().propose(context())
    assert isinstance(action, Action)
    assert action == Reweigh().propose(context())
    assert action.params == {"columns": ["sex"], "target": "y"}
    assert ODDS in action.reason
    assert action.cost.seconds == 30.0
    assert action.undo
    assert action.precondition


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (context(state=State.UNPROVEN), "unproven"),
        (context("roc_auc >= 0.9"), "do not mend roc_auc"),
        (context("demographic_parity_difference(age) <= 0.1"), "age is no sensitive column"),
        (context(tried=2), "tried 2 times"),
        (context(task="regression"), "need classes"),
        (context(measured=False), "nothing was measured"),
    ],
)
def test_what_weights_cannot_mend_is_refused_with_a_reason(given: RemedyContext, said: str) -> None:
    answer = Reweigh().propose(given)
    assert isinstance(answer, Refusal)
    assert said in answer.reason


def test_carrying_out_trains_with_the_weights() -> None:
    rows = pl.DataFrame({"sex": ["f", "f", "f", "m"], "y": ["no", "no", "yes", "yes"]})
    bench: Any = Bench(rows)
    action = Reweigh().propose(context())
    assert isinstance(action, Action)
    assert Reweigh().carry_out(action, bench) == "n" * 64
    assert bench.weights.tolist() == [0.75, 0.75, 1.5, 0.5]


@pytest.mark.parametrize(
    "rows",
    [
        pl.DataFrame({"sex": ["f", "f", "m", "m"], "y": ["no", "yes", "no", "yes"]}),
        pl.DataFrame({"sex": [], "y": []}, schema={"sex": pl.String, "y": pl.String}),
    ],
)
def test_rows_without_anything_to_weigh_fail_the_remedy(rows: pl.DataFrame) -> None:
    bench: Any = Bench(rows)
    action = Reweigh().propose(context())
    assert isinstance(action, Action)
    with pytest.raises(RemedyFailed):
        Reweigh().carry_out(action, bench)
    assert bench.weights is None


def test_bad_columns_are_said() -> None:
    rows = pl.DataFrame({"sex": ["f"], "y": ["no"]})
    with pytest.raises(ColumnNotFound, match="sexx"):
        weights_of(rows, ["sexx"], "y")
    with pytest.raises(NotMeasurable):
        weights_of(rows.clear(), ["sex"], "y")


def test_german_credit_is_balanced_by_sex(german: pl.DataFrame) -> None:
    weights = weights_of(german, ["sex"], "bad")
    weighted = german.select("sex", "bad").with_columns(w=weights)
    shares = weighted.group_by("sex").agg((pl.col("w") * pl.col("bad")).sum() / pl.col("w").sum())["w"]
    assert shares.to_list() == pytest.approx([0.3, 0.3])


def test_it_is_a_remedy() -> None:
    assert isinstance(Reweigh(), Remedy)
