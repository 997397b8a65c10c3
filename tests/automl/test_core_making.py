"""Making features: what pays is kept, what does not is dropped, and what was tried is told."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.automl import _making
from holdfast.automl._bench import FeatureSet
from holdfast.automl._features import Recipe
from holdfast.automl._features.proposals import Proposal
from holdfast.automl._making import MADE, Making
from holdfast.automl._portfolio import DEFAULTS, on, portfolio
from holdfast.automl._search import Search

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")

RATIO = Proposal("ratio", (Recipe("arithmetic", ("a", "b"), {"of": ["ratio"]}),), 1.0, "they may be parts of one")
IDLE = Proposal("idle", (Recipe("arithmetic", ("noise", "other"), {"of": ["sum"]}),), 1.0, "why not")
LEVELS = Proposal("levels", (Recipe("target_mean", ("shop",)),), 2.0, "many levels")
WIDE = Proposal("wide", (Recipe("frequency", ("shop",)),), 20.0, "wide")


def rows(n: int = 400, *, plain: float = 3.0) -> pl.DataFrame:
    """A target that hangs on a ratio, on one of many levels, and so much on a column as it is."""
    rng = np.random.default_rng(3)
    a, b = rng.uniform(1.0, 4.0, size=(2, n))
    shop = rng.integers(0, 80, size=n)
    noise, other, size = rng.normal(size=(3, n))
    effect = 0.7 * rng.normal(size=80)[shop]
    y = plain * size + np.abs(a / b - 1.0) + effect + 0.1 * rng.normal(size=n)
    numbers = {"a": a, "b": b, "noise": noise, "other": other, "size": size}
    return pl.DataFrame({**numbers, "shop": [f"s{each}" for each in shop], "y": y})


def begun(table: pl.DataFrame, **given) -> Search:
    """A search whose defaults are known."""
    bench = parts.bench(table, task="regression")
    search = parts.search(bench, most=40, **given)
    search.drain(iter(c for c in portfolio(n=table.height, learners=search.learners) if c.name in DEFAULTS))
    return search


def proposing(monkeypatch, *proposals: Proposal) -> None:
    monkeypatch.setattr(_making, "propose", lambda *_, **__: list(proposals))


def test_what_pays_is_kept_and_what_is_idle_is_not(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, IDLE, LEVELS)
    search, making = begun(rows()), Making()
    features = making(search)
    assert set(making.kept) == {"ratio", "levels"}
    assert features == MADE
    assert {repr(each) for each in search.bench.sets[MADE].recipes} == {repr(RATIO.recipes[0]), repr(LEVELS.recipes[0])}
    assert making.verdicts["ratio"].gain > 2.0 * making.verdicts["ratio"].error
    tried = {each.config.features for each in search.trials}
    assert tried == {"plain", "ratio", "idle", "levels", MADE}


@pytest.mark.xfail(strict=True, reason="Search._rival races a proposal against one that pays already")
def test_a_proposal_is_raced_against_the_columns_as_they_are_and_not_against_another(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, LEVELS)
    search = begun(rows(plain=0.0))
    best, told, submit = search.best(), [], search.runner.submit

    def noted(config, *, allowance_s, rival) -> None:
        told.append((config.features, rival.raw))
        submit(config, allowance_s=allowance_s, rival=rival)

    monkeypatch.setattr(search.runner, "submit", noted)
    Making()(search)
    assert [features for features, _ in told[:2]] == ["ratio", "levels"]
    for _, raw in told[:2]:
        np.testing.assert_array_equal(raw, best.raw)


def test_of_a_target_that_hangs_on_nothing_hardly_anything_is_kept(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, IDLE, LEVELS)
    kept = []
    for seed in range(8):
        table = rows(200).with_columns(y=pl.Series(np.random.default_rng(seed).normal(size=200)))
        search, making = begun(table, learners=("linear",)), Making()
        features = making(search)
        told = making.told(search)
        assert (features == "plain") == (not any(each["kept"] for each in told)) == (making.kept == ())
        kept += [each["kept"] for each in told]
    assert len(kept) > 20
    assert np.mean(kept) <= 0.25


def test_proposals_of_the_table_itself_are_tried_and_the_planted_one_found() -> None:
    table = rows().drop("noise", "other")
    search, making = begun(table), Making()
    features = making(search)
    assert features != "plain"
    kept = [recipe for name in making.kept for recipe in making.proposals[name].recipes]
    assert any("shop" in recipe.columns for recipe in kept)
    best = min(search.trials, key=lambda each: each.score or np.inf)
    assert best.config.features != "plain"


def test_one_that_is_kept_alone_is_gone_on_with_under_its_own_name(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, IDLE)
    search, making = begun(rows()), Making()
    assert making(search) == "ratio"
    assert search.bench.sets["ratio"] == FeatureSet(RATIO.recipes)


def test_what_is_kept_together_is_no_worse_than_the_best_alone(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, LEVELS)
    monkeypatch.setattr(_making, "worse", lambda *_: True)
    search, making = begun(rows()), Making()
    best = making(search)
    assert making.kept == (best,)
    assert making.verdicts[best].gain == max(each.gain for each in making.verdicts.values())


def test_what_was_tried_is_told_as_plain_data(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, IDLE, replace(LEVELS, name="level"))
    search, making = begun(rows()), Making()
    making(search)
    told = making.told(search)
    assert json.loads(json.dumps(told)) == told
    assert [each["proposal"] for each in told] == ["ratio", "idle", "level"]
    assert told[0]["names"] == ["a / b"]
    assert {each["proposal"]: each["kept"] for each in told} == {"ratio": True, "idle": False, "level": True}
    assert Recipe.from_plain(told[0]["recipe"]) == RATIO.recipes[0]
    assert told[0]["why"] == "they may be parts of one"


def test_columns_that_are_left_out_stay_out_of_what_is_made(monkeypatch) -> None:
    proposing(monkeypatch, RATIO)
    search, making = begun(rows()), Making(without=("noise",))
    making(search)
    assert search.bench.sets["ratio"].without == ("noise",)
    config = on(search.trials[0].config, "ratio")
    assert not any(str(name).startswith("noise") for name in search.bench.whole(config)[0].names)


def test_a_proposal_is_tried_on_the_better_default_and_a_wide_one_on_the_linear_one(monkeypatch) -> None:
    proposing(monkeypatch, RATIO, WIDE)
    search, making = begun(rows()), Making()
    losses = {each.config.learner: each.score for each in search.trials}
    making(search)
    learners = {each.config.features: each.config.learner for each in search.trials}
    assert learners["ratio"] == min(losses, key=losses.get)
    assert learners["wide"] == "linear"


def test_without_a_default_that_ended_nothing_is_tried(monkeypatch) -> None:
    proposing(monkeypatch, RATIO)
    search = parts.search(parts.bench(rows(60), task="regression"), learners=("extra_trees",))
    making = Making()
    assert making(search) == "plain"
    assert search.trials == []
    assert making.told(search) == []


def test_a_base_that_ran_out_of_splits_has_no_rounds_to_hold_against_a_proposal(monkeypatch) -> None:
    # So few rows that no leaf can be split without the made column's help: the base ends after one round.
    table = rows(60)
    proposing(monkeypatch, RATIO)
    search, making = begun(table, learners=("lightgbm",)), Making()
    (base,) = search.trials
    search.trials[0] = replace(base, rounds=1)
    making(search)
    assert "ratio" in making.verdicts


def test_a_recipe_that_cannot_be_fitted_fails_its_trial_and_not_the_search(monkeypatch) -> None:
    wrong = Proposal("wrong", (Recipe("arithmetic", ("a", "shop"), {}),), 1.0, "text is no number")
    proposing(monkeypatch, wrong, RATIO)
    search, making = begun(rows()), Making()
    assert making(search) == "ratio"
    assert [each.state for each in search.trials if each.config.features == "wrong"] == ["failed"]
    assert [each["proposal"] for each in making.told(search)] == ["ratio"]


@pytest.mark.parametrize("share", [0.0])
def test_where_there_is_no_time_nothing_is_tried(monkeypatch, share) -> None:
    proposing(monkeypatch, RATIO)
    search, making = begun(rows(60)), Making()
    monkeypatch.setattr(_making, "SHARE", share - 1e-9)
    assert making(search) == "plain"
    assert {each.config.features for each in search.trials} == {"plain"}
