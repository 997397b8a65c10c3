"""The search: who is raced, when it ends, and that the same request is searched in the same way."""

from __future__ import annotations

import importlib
import sys
import time
from collections import deque
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _portfolio
from holdfast.automl._bench import FeatureSet
from holdfast.automl._budget import Budget
from holdfast.automl._learners import Config
from holdfast.automl._portfolio import DEFAULTS
from holdfast.automl._runner import RACED, LocalRunner, Rival, run_trial
from holdfast.automl._search import WRITING_S, Search
from holdfast.automl._trial import Trial
from holdfast.core.errors import InvalidValue, TrainingFailed

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
BENCH = parts.bench()


class Scripted:
    """A runner that fits nothing: every trial takes so many seconds of a clock and has the loss that its name gives."""

    def __init__(self, clock: parts.Clock, *, seconds: float = 1.0, slots: int = 1, state: str = "done") -> None:
        self.clock, self.seconds, self.slots, self.state = clock, seconds, slots, state
        self.told: list[tuple[Config, float, Rival | None]] = []
        self.offered: dict[str, FeatureSet] = {}
        self._waiting: deque[Config] = deque()
        self.most = 0

    @property
    def busy(self) -> int:
        return len(self._waiting)

    def offer(self, name: str, features: FeatureSet) -> None:
        self.offered[name] = features

    def submit(self, config: Config, *, allowance_s: float, rival: Rival | None) -> None:
        self.told.append((config, allowance_s, rival))
        self._waiting.append(config)
        self.most = max(self.most, self.busy)

    def take(self) -> Trial:
        config = self._waiting.popleft()
        self.clock.now += self.seconds
        if self.state != "done":
            return Trial(config, self.state, seconds=self.seconds, reason="no reason")
        rng = np.random.default_rng(sum(map(ord, config.name)))
        margin = parts.margins(BENCH.problem, [0.5 + rng.random()])[0]
        return replace(parts.trial(BENCH.problem, margin), config=config, seconds=self.seconds)

    def close(self) -> None:
        self._waiting.clear()


@pytest.fixture
def clock(monkeypatch):
    made = parts.Clock()
    monkeypatch.setattr(time, "monotonic", made)
    return made


def scripted(clock, *, budget_s: float = 600.0, **given) -> Search:
    runner = Scripted(clock, **{name: given.pop(name) for name in ("seconds", "slots", "state") if name in given})
    given = {"learners": ("linear", "lightgbm"), "most": 12, "seed": 0, **given}
    return Search(BENCH, runner, Budget(budget_s), **given)


def test_defaults_come_first_and_are_never_raced(clock) -> None:
    search = scripted(clock)
    search.go()
    told = search.runner.told
    assert [config.name for config, _, _ in told[:2]] == ["linear default", "lightgbm default"]
    assert [rival for config, _, rival in told if config.name in DEFAULTS] == [None, None]
    assert all(rival is not None for config, _, rival in told if config.name not in DEFAULTS)


def test_others_race_against_the_best_so_far(clock) -> None:
    search = scripted(clock)
    found = search.go()
    for index, (_, _, rival) in enumerate(search.runner.told):
        if rival is not None:
            best = min(found[:index], key=lambda each: each.score)
            np.testing.assert_array_equal(rival.raw, best.raw)
            assert rival.baseline == search.baseline()


def test_what_is_hopeless_is_given_up_and_what_is_near_is_not() -> None:
    problem = BENCH.problem
    search = parts.search(BENCH)
    best = parts.run(BENCH, parts.LINEAR)
    rival = Rival(best.raw, search.baseline())
    given = {"budget": Budget(600.0), "allowance_s": 600.0}
    bad = Config("bad", "lightgbm", {"learning_rate": 1.0, "min_data_in_leaf": 1, "num_leaves": 60}, rounds=60)
    pruned = run_trial(BENCH, bad, rival=rival, **given)
    assert (pruned.state, len(pruned.steps)) == ("pruned", 1)
    near = replace(parts.LINEAR, name="near", params={"strength": 0.02, "mix": 0.0})
    assert run_trial(BENCH, near, rival=rival, **given).state == "done"
    assert run_trial(BENCH, bad, rival=None, **given).state == "done"
    assert not rival.beats(np.where(np.arange(problem.n) < RACED - 1, 9.0, np.nan), problem.weights)
    assert not rival.beats(best.raw, problem.weights)


def test_a_configuration_that_cannot_be_fitted_is_a_trial_that_failed() -> None:
    given = {"budget": Budget(600.0), "allowance_s": 600.0, "rival": None}
    wrong = run_trial(BENCH, Config("wrong", "lightgbm", {"num_leaves": 1}), **given)
    assert (wrong.state, wrong.score) == ("failed", None)
    assert "num_leaves" in wrong.reason
    # An error of our own as well, not only of a library.
    ours = run_trial(BENCH, replace(parts.FIXED, weighting="fair:no such column"), **given)
    assert ours.state == "failed"
    assert "no such column" in ours.reason
    assert ours.seconds >= 0.0


@settings(max_examples=15, deadline=None)
@given(most=st.integers(1, 30), slots=st.integers(1, 3))
def test_no_more_trials_are_made_than_the_most(most, slots) -> None:
    search = scripted(parts.Clock(), most=most, slots=slots)
    found = search.go()
    assert len(found) <= most
    assert len(found) == len(search.runner.told)
    assert len({each.config.name for each in found}) == len(found)
    assert search.runner.most <= slots


@settings(max_examples=25, deadline=None)
@given(
    budget_s=st.floats(2.0, 200.0),
    seconds=st.floats(0.05, 20.0),
    slots=st.integers(1, 3),
    refits=st.booleans(),
    whole=st.sampled_from([120, 1200]),
)
def test_the_budget_is_kept_on_a_clock(budget_s, seconds, slots, refits, whole) -> None:
    clock = parts.Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", clock)
        search = scripted(
            clock, budget_s=budget_s, seconds=seconds, slots=slots, refits=refits, whole_rows=whole, most=80
        )
        search.go()
        # One trial that takes longer than those before it cannot be foreseen; a trial of each slot is under way.
        assert search.budget.spent_s <= budget_s + seconds * slots
        assert search.budget.left_s >= WRITING_S - seconds * slots
        for _, allowance_s, _ in search.runner.told:
            assert 0.0 <= allowance_s <= budget_s


def test_a_trial_may_take_a_share_of_what_is_left_and_the_defaults_all_of_it(clock) -> None:
    search = scripted(clock, budget_s=100.0, most=6)
    search.go()
    (_, first, _), (_, second, _), (_, third, _) = search.runner.told[:3]
    assert first == pytest.approx(100.0 - WRITING_S, abs=1.0)
    assert second < first
    assert third < 0.6 * second


def test_time_is_left_for_the_refits_of_the_best(clock) -> None:
    search = scripted(clock, budget_s=50.0, seconds=3.0, most=80, whole_rows=120)
    assert search.reserve() == WRITING_S
    search.go()
    assert search.reserve() >= WRITING_S + 4 * 3.0 / len(BENCH.problem.folds)
    assert search.budget.left_s >= search.reserve() - 3.0
    bags = scripted(clock, refits=False)
    bags.go()
    assert bags.reserve() < search.reserve()


def test_the_same_search_makes_the_same_trials() -> None:
    runs = [parts.search(parts.bench(), most=7, seed=3).go() for _ in range(2)]
    assert [each.config for each in runs[0]] == [each.config for each in runs[1]]
    for one, other in zip(*runs, strict=True):
        assert (one.state, one.score, one.rounds, one.steps) == (other.state, other.score, other.rounds, other.steps)


def test_another_seed_looks_elsewhere(clock) -> None:
    runs = [scripted(clock, most=80, learners=("linear",), seed=seed).go() for seed in (0, 1)]
    around = [[each.config.params for each in run if each.config.name.startswith("search")] for run in runs]
    assert len(around[0]) >= 4
    assert around[0] != around[1]


def test_no_search_around_the_best_where_none_is_asked_for(clock) -> None:
    found = scripted(clock, most=80, around=False).go()
    assert not [each for each in found if each.config.name.startswith("search")]
    assert len(found) > 5


def test_the_best_are_reweighed_where_a_promise_names_a_column(clock) -> None:
    search = scripted(clock, most=80, fair=("side",), around=False)
    found = search.go()
    plain = sorted((each for each in found if not each.config.weighting), key=lambda each: each.score)
    weighed = [each.config for each in found if each.config.weighting]
    assert {config.weighting for config in weighed} == {"fair:side"}
    assert [config.params for config in weighed] == [each.config.params for each in plain[:2]]
    assert all(rival is None for config, _, rival in search.runner.told if config.weighting)
    assert not [each for each in scripted(clock, most=80, around=False).go() if each.config.weighting]


def test_the_feature_set_that_is_made_is_gone_on_with(clock) -> None:
    asked: list[int] = []

    def make(search: Search) -> str:
        asked.append(len(search.trials))
        search.runner.offer("made", FeatureSet())
        return "made"

    found = scripted(clock, most=40, make=make).go()
    assert asked == [2]
    assert [each.config.features for each in found[:2]] == ["plain", "plain"]
    assert {each.config.features for each in found[2:]} == {"made"}
    assert {"linear default, made", "lightgbm default, made"} <= {each.config.name for each in found}


def test_progress_never_falls_and_names_what_is_tried(clock) -> None:
    told: list[tuple[float, str]] = []
    scripted(clock, budget_s=30.0, most=20, progress=lambda share, name: told.append((share, name))).go()
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert 0.0 <= shares[0] <= shares[-1] <= 0.95
    assert told[0][1] == "trial 1: linear default"


def test_every_trial_is_told_to_the_record_once(clock) -> None:
    kept: list[Trial] = []
    search = scripted(clock, keep=kept.append)
    assert search.go() == kept


@pytest.mark.parametrize("state", ["failed", "lost"])
def test_a_search_in_which_everything_failed_says_why(clock, state) -> None:
    with pytest.raises(TrainingFailed, match="no reason"):
        scripted(clock, state=state).go()


def test_a_search_in_which_everything_was_cut_ends_without_an_error(clock) -> None:
    found = scripted(clock, state="cut").go()
    assert {each.state for each in found} == {"cut"}


def test_what_a_learner_refuses_is_not_tried() -> None:
    counts = parts.bench(task="count")
    search = parts.search(counts, learners=("neighbours", "linear"), most=4)
    assert {each.config.learner for each in search.go()} == {"linear"}


def test_a_learner_that_cannot_promise_signs_is_not_tried_where_they_are_promised() -> None:
    asked = parts.bench(settings={"monotone": {"a": 1}})
    assert asked.refuses(Config("near", "neighbours", {})) is not None


def test_learners_without_a_range_are_not_searched_around(clock, monkeypatch) -> None:
    monkeypatch.delitem(_portfolio._SPACE, "linear")
    found = scripted(clock, learners=("linear",), most=80).go()
    assert len(found) > 2


def test_a_budget_that_is_spent_makes_no_trial(clock) -> None:
    search = scripted(clock, budget_s=0.5)
    assert search.go() == []
    assert search.best() is None


def test_trials_wait_in_this_process_until_they_are_taken() -> None:
    runner = LocalRunner(BENCH, Budget(600.0))
    runner.submit(parts.LINEAR, allowance_s=600.0, rival=None)
    runner.submit(parts.FIXED, allowance_s=600.0, rival=None)
    assert (runner.slots, runner.busy) == (1, 2)
    assert runner.take().config == parts.LINEAR
    runner.close()
    assert runner.busy == 0
    with pytest.raises(IndexError):
        runner.take()


def test_a_column_that_is_not_there_cannot_be_promised_signs_of() -> None:
    with pytest.raises(InvalidValue, match="is text"):
        parts.bench(settings={"monotone": {"text": 1}})
