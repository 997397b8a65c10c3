"""The bench: what a fit may see, and what a trial says of it."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.automl._bench import Bench, FeatureSet
from holdfast.automl._budget import Deadline
from holdfast.automl._features import Recipe
from holdfast.automl._learners import Config

pytest.register_assert_rewrite("learner_laws")
sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
laws = importlib.import_module("learner_laws")

MEAN = Recipe("target_mean", ("text",))
RATIO = Recipe("arithmetic", ("a", "b"), {"of": ["ratio"]})
SETS = {
    "plain": FeatureSet(),
    "mean": FeatureSet((MEAN,)),
    "both": FeatureSet((RATIO, MEAN)),
    "few": FeatureSet((), ("b",)),
}


def at(features: str, config: Config) -> Config:
    return replace(config, features=features)


def with_sets(bench: Bench) -> Bench:
    bench.sets.update(SETS)
    return bench


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(
    ("features", "config"),
    [("plain", parts.FIXED), ("plain", parts.LINEAR), ("mean", parts.FIXED), ("both", parts.FIXED)],
    ids=lambda each: getattr(each, "name", each),
)
def test_targets_of_held_out_rows_never_reach_what_answers_them(task, features, config) -> None:
    first = with_sets(parts.bench(task=task))
    fold = first.problem.folds[0]
    target = first.problem.target.copy()
    target[fold.held] = target[fold.held][::-1] if task != "regression" else -3.0 * target[fold.held]
    second = with_sets(Bench(replace(first.problem, target=target), first.setup))
    assert (target != first.problem.target).any()
    found = []
    for bench in (first, second):
        train, held = bench.sheets(at(features, config), 0)
        encoding = bench.whole(at(features, config))[0]
        fitted = bench.fit(at(features, config), train, encoding, deadline=parts.far())
        found.append((train.matrix, held.matrix, fitted.margin(held.matrix)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_of_held_out_rows_are_made_from_the_training_rows_alone() -> None:
    bench = with_sets(parts.bench(task="regression"))
    config = at("mean", parts.FIXED)
    encoding = bench.whole(config)[0]
    place = len(encoding.numbers)
    for index, fold in enumerate(bench.problem.folds):
        train, held = bench.sheets(config, index)
        # One value for each level; the training rows' own values come from other rows than themselves.
        text = bench.problem.tensors["text"].ravel()
        for level in ("red", "green", "blue"):
            assert len(np.unique(held.matrix[text[fold.held] == level, place])) == 1
            assert len(np.unique(train.matrix[text[fold.train] == level, place])) > 1


def test_every_row_is_held_out_once_by_a_fit_that_did_not_see_it() -> None:
    bench = parts.bench()
    trial = parts.run(bench, parts.LINEAR)
    seen = np.concatenate([fold.held for fold in bench.problem.folds])
    assert sorted(seen) == list(range(bench.problem.n))
    for fold, fitted in zip(bench.problem.folds, trial.fitted, strict=True):
        matrix = bench.whole(parts.LINEAR)[1].matrix[fold.held]
        np.testing.assert_allclose(trial.margin[fold.held], fitted.margin(matrix), rtol=1e-12)


def test_a_trial_s_score_is_the_mean_loss_of_its_rows_after_its_own_line() -> None:
    bench = parts.bench()
    trial = parts.run(bench, Config("loud", "lightgbm", {"num_leaves": 31, "min_data_in_leaf": 1}, rounds=60))
    assert not trial.calibration.none
    rows = bench.problem.losses(trial.calibration.line(trial.margin), np.arange(bench.problem.n))
    np.testing.assert_allclose(trial.rows, rows)
    np.testing.assert_allclose(trial.raw, bench.problem.losses(trial.margin, np.arange(bench.problem.n)))
    assert trial.score == pytest.approx(np.average(rows, weights=bench.problem.weights))
    assert trial.rows.mean() < trial.raw.mean()
    quiet = parts.run(replace(bench, calibrate=False), trial.config)
    assert quiet.calibration.none
    np.testing.assert_array_equal(quiet.rows, quiet.raw)


def test_repeats_are_averaged_row_by_row() -> None:
    bench = parts.bench(settings={"repeats": 3})
    trial = parts.run(bench, parts.FIXED)
    assert len(trial.fitted) == len(trial.steps) == 9
    margins = np.zeros((bench.problem.n, 3))
    for index, (fold, fitted) in enumerate(zip(bench.problem.folds, trial.fitted, strict=True)):
        margins[fold.held, index // 3] = fitted.margin(bench.whole(parts.FIXED)[1].matrix[fold.held])[:, 0]
    np.testing.assert_allclose(trial.margin[:, 0], margins.mean(axis=1))
    rows = [bench.problem.losses(margins[:, [each]], np.arange(bench.problem.n)) for each in range(3)]
    np.testing.assert_allclose(trial.raw, np.mean(rows, axis=0))


def test_a_fixed_configuration_has_its_rounds_and_no_curve() -> None:
    trial = parts.run(parts.bench(), parts.FIXED)
    assert (trial.state, trial.rounds, trial.curve) == ("done", 5, ())
    assert {fitted.rounds for fitted in trial.fitted} == {5}


def test_an_early_stopped_configuration_is_cut_back_to_one_number_of_rounds() -> None:
    bench = parts.bench()
    trial = parts.run(bench, parts.EARLY)
    curves = [fitted.curve for fitted in trial.fitted]
    longest = max(map(len, curves))
    mean = np.mean([np.pad(each, (0, longest - len(each)), mode="edge") for each in curves], axis=0)
    assert trial.rounds == 1 + int(np.argmin(mean)) < longest
    for fold, fitted in zip(bench.problem.folds, trial.fitted, strict=True):
        matrix = bench.whole(parts.EARLY)[1].matrix[fold.held]
        cut = fitted.margin(matrix, rounds=min(trial.rounds, fitted.rounds))
        np.testing.assert_allclose(trial.margin[fold.held], cut, rtol=1e-12)
    part = bench.refit(parts.EARLY, rounds=trial.rounds, deadline=parts.far())
    assert (part.rounds, part.fitted.rounds) == (trial.rounds, trial.rounds)


@pytest.mark.parametrize(
    "config",
    [
        parts.FIXED,
        pytest.param(parts.EARLY, marks=pytest.mark.xfail(strict=True, reason="a watched fit knows no most rounds")),
    ],
    ids=lambda each: each.name,
)
def test_no_fit_makes_more_rounds_than_the_most(config) -> None:
    bench = parts.bench(rounds=3)
    trial = parts.run(bench, config)
    assert trial.rounds <= 3
    assert {fitted.rounds for fitted in trial.fitted} == {3}
    assert bench.refit(config, rounds=trial.rounds, deadline=parts.far()).rounds <= 3
    assert bench.refit(config, rounds=None, deadline=parts.far()).rounds <= 3


def test_balanced_weights_make_the_classes_alike_and_held_out_rows_keep_their_own() -> None:
    rows = parts.table(200)
    given = np.random.default_rng(1).uniform(0.5, 2.0, size=200)
    bench = parts.bench(
        rows.with_columns(y=pl.when(pl.col("a") > 1.0).then(pl.lit("yes")).otherwise(pl.lit("no"))), weights=given
    )
    config = replace(parts.FIXED, weighting="balanced")
    train, held = bench.sheets(config, 0)
    sheet = bench.whole(config)[1]
    sums = np.bincount(sheet.target, weights=sheet.weights)
    assert sums[0] == pytest.approx(sums[1])
    assert sheet.weights.mean() == pytest.approx(1.0)
    fold = bench.problem.folds[0]
    np.testing.assert_array_equal(held.weights, bench.problem.weights[fold.held])
    np.testing.assert_array_equal(train.weights, sheet.weights[fold.train])
    inside = bench.problem.target == 1
    ratio = sheet.weights[inside] / bench.problem.weights[inside]
    np.testing.assert_allclose(ratio, ratio[0])
    plain, weighed = parts.run(bench, parts.FIXED), parts.run(bench, config)
    assert weighed.margin.mean() > plain.margin.mean()
    assert parts.run(bench, parts.FIXED).margin.tobytes() == plain.margin.tobytes()


def test_reweighed_rows_make_group_and_class_independent() -> None:
    rows = parts.table(200).with_columns(
        side=pl.when(pl.col("y") == "yes").then(pl.lit("left")).otherwise(pl.col("side"))
    )
    bench = parts.bench(rows)
    sheet = bench.whole(replace(parts.FIXED, weighting="fair:side"))[1]
    left = (rows["side"] == "left").to_numpy()
    table = np.array([[sheet.weights[(left == g) & (sheet.target == c)].sum() for c in (0, 1)] for g in (False, True)])
    expected = table.sum(axis=1, keepdims=True) @ table.sum(axis=0, keepdims=True) / table.sum()
    np.testing.assert_allclose(table[1], expected[1], rtol=0.3)
    assert table.sum() == pytest.approx(200.0)


def test_what_cannot_be_weighed_by_is_told() -> None:
    with pytest.raises(Exception, match="no column 'sied'"):
        parts.run(parts.bench(), replace(parts.FIXED, weighting="fair:sied"))


def test_columns_that_are_left_out_are_not_looked_at() -> None:
    bench = with_sets(parts.bench())
    for config in (parts.LINEAR, parts.FIXED):
        encoding, sheet = bench.whole(at("few", config))
        assert not any(name == "b" or str(name).startswith("b ") for name in encoding.names)
        other = with_sets(parts.bench(parts.table().with_columns(b=pl.lit(7.0))))
        np.testing.assert_array_equal(other.whole(at("few", config))[1].matrix, sheet.matrix)


def test_made_features_stand_beside_the_columns_in_both_encodings() -> None:
    bench = with_sets(parts.bench())
    for config in (parts.LINEAR, parts.FIXED):
        encoding, sheet = bench.whole(at("both", config))
        assert sheet.width == encoding.width == len(encoding.names) > bench.whole(config)[1].width
        assert len(bench.blocks("both")) == 2
        assert bench.blocks("both")[1] is bench.blocks("mean")[0]


def test_a_trial_whose_time_is_over_is_cut_and_one_that_is_hopeless_is_pruned() -> None:
    bench = parts.bench()
    clock = parts.Clock()
    cut = parts.run(bench, parts.FIXED, deadline=Deadline(clock, clock.now - 1.0))
    assert (cut.state, cut.score, cut.margin, len(cut.steps)) == ("cut", None, None, 1)
    told: list[int] = []

    def hopeless(rows: np.ndarray) -> bool:
        told.append(int(np.isfinite(rows).sum()))
        return len(told) == 2

    pruned = bench.run(parts.FIXED, deadline=parts.far(), hopeless=hopeless)
    assert (pruned.state, pruned.score, pruned.margin, len(pruned.steps)) == ("pruned", None, None, 2)
    assert told == [40, 80]


def test_a_fold_has_a_share_of_the_time_so_that_all_folds_get_some() -> None:
    bench = parts.bench()
    config = Config("long", "lightgbm", {"num_leaves": 4}, rounds=2000)
    trial = parts.run(bench, config, deadline=Deadline(laws.Ticks(), 400.0))
    assert trial.state == "done"
    rounds = [fitted.rounds for fitted in trial.fitted]
    assert max(rounds) < 400
    assert min(rounds) > max(rounds) / 3
    assert trial.rounds == min(rounds)


def test_rows_that_no_fold_holds_out_have_no_margin_and_no_loss() -> None:
    rows = parts.table(160, task="regression").with_columns(when=pl.int_range(160))
    bench = parts.bench(rows, task="regression", settings={"time": "when"})
    trial = parts.run(bench, parts.FIXED)
    first = min(fold.held.min() for fold in bench.problem.folds)
    assert first > 0
    assert np.isnan(trial.margin[:first]).all()
    assert np.isfinite(trial.margin[first:]).all()
    assert np.isfinite(trial.score)


def test_trials_do_not_depend_on_those_before_them() -> None:
    bench = with_sets(parts.bench())
    configs = [parts.LINEAR, parts.EARLY, at("both", parts.FIXED), replace(parts.FIXED, weighting="balanced")]
    forward = [parts.run(bench, config) for config in configs]
    other = with_sets(parts.bench())
    backward = [parts.run(other, config) for config in configs[::-1]][::-1]
    for one, two in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one.margin, two.margin)
        assert (one.score, one.rounds, one.size_bytes) == (two.score, two.rounds, two.size_bytes)


def test_a_share_of_the_rows_is_drawn_by_the_seed() -> None:
    bench = parts.bench()
    matrix = bench.whole(parts.FIXED)[1].matrix
    some = [bench.refit(parts.FIXED, rounds=5, deadline=parts.far(), share=0.5) for _ in range(2)]
    whole = bench.refit(parts.FIXED, rounds=5, deadline=parts.far())
    np.testing.assert_array_equal(some[0].fitted.margin(matrix), some[1].fitted.margin(matrix))
    assert np.abs(some[0].fitted.margin(matrix) - whole.fitted.margin(matrix)).max() > 0.0
