"""The sampler: what it proposes, and that it learns from whatever came of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._learners import Config
from holdfast.automl._portfolio import portfolio, space
from holdfast.automl._tpe import Sampler
from holdfast.automl._trial import Trial

LEARNERS = ("linear", "lightgbm", "extra_trees")


def sampler(**given) -> Sampler:
    return Sampler(given.pop("learners", LEARNERS), **{"features": "plain", "seed": 0, "frugal": False, **given})


def done(config: Config, score: float | None, *, state: str = "done", size_bytes: int = 1000) -> Trial:
    return Trial(config, state, score=score, size_bytes=size_bytes)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.booleans())
def test_every_proposal_is_inside_the_ranges_of_its_learner(seed, frugal) -> None:
    made = sampler(seed=seed, frugal=frugal, features="made")
    for index in range(7):
        config = made.propose(index)
        ranges = space(LEARNERS)[config.learner]
        assert set(config.params) == set(ranges)
        assert config.features == "made"
        for name, value in config.params.items():
            edges = ranges[name]
            assert value in edges if len(edges) == 2 else edges[0] <= value <= edges[1]
            assert len(edges) == 2 or isinstance(value, type(edges[0]))
        made.learn(done(config, float(index)))


@pytest.mark.parametrize("frugal", [False, True])
def test_the_same_trials_are_followed_by_the_same_proposals(frugal) -> None:
    runs = []
    for _ in range(2):
        made = sampler(frugal=frugal)
        for config in portfolio(n=200, learners=LEARNERS):
            made.learn(done(config, 0.5, size_bytes=len(config.name)))
        configs = [made.propose(index) for index in range(3)]
        made.learn(done(configs[1], 0.1))
        runs.append([*configs, made.propose(3)])
    assert runs[0] == runs[1]
    assert len({config.name for config in runs[0]}) == 4


@pytest.mark.parametrize("frugal", [False, True])
@pytest.mark.parametrize("state", ["pruned", "cut", "failed", "lost"])
def test_trials_that_did_not_end_are_learnt_from_and_searching_goes_on(state, frugal) -> None:
    made = sampler(frugal=frugal)
    for index in range(8):
        config = made.propose(index)
        made.learn(done(config, None, state=state) if index % 2 else done(config, 1.0 / (index + 1)))
    assert made.propose(9).learner in LEARNERS
    assert len(made.study.trials) == 9


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("frugal", [False, True])
def test_a_score_that_is_no_number_teaches_nothing(score, frugal) -> None:
    made = sampler(frugal=frugal)
    made.learn(done(portfolio(n=200, learners=("linear",))[0], score))
    made.learn(done(made.propose(0), score))
    assert made.propose(1).learner in LEARNERS


def test_it_looks_where_the_losses_were_low() -> None:
    made = sampler(learners=("linear",))
    strengths = []
    for index in range(25):
        config = made.propose(index)
        strengths.append(np.log10(config.params["strength"]))
        made.learn(done(config, float(abs(strengths[-1] + 2.0))))
    assert np.abs(np.array(strengths[-8:]) + 2.0).mean() < np.abs(np.array(strengths[:8]) + 2.0).mean()


def test_what_others_proposed_is_learnt_from_where_the_space_has_a_place_for_it() -> None:
    made = sampler(learners=("linear", "lightgbm"))
    for config in portfolio(n=200, learners=("linear", "lightgbm", "neighbours")):
        made.learn(done(config, 0.5))
    # Sparse linear models and other learners have no point in the space.
    assert len(made.study.trials) == 10
