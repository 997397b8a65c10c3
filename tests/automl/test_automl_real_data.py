"""On real data: no worse than LightGBM as it comes, and the graph answers as the model does."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.serve.models import load_model


def train(ask, rows, target, task, **given):
    request = ask(rows, target, task, **given)
    trained = registry.get("trainer", "automl").train(request)
    score, decision = load_model(request.folder, trained.schema).decide(request.holdout)
    unit = 1.0 if trained.schema.classes else float(np.std(trained.original))
    np.testing.assert_allclose(score, trained.original, atol=1e-5 * unit)
    return request, trained, score, decision


def plain_lightgbm(request, objective: str, target: np.ndarray) -> np.ndarray:
    """LightGBM as it comes, with its own handling of categories: answers on the held-out rows."""
    import lightgbm as lgb

    both = pl.concat([request.rows, request.holdout]).select(request.features)
    text = [name for name in request.features if both[name].dtype == pl.String]
    codes = both.with_columns(pl.col(text).rank("dense")).cast(pl.Float64).to_numpy()
    places = [request.features.index(name) for name in text]
    rows = lgb.Dataset(codes[: request.rows.height], target, categorical_feature=places, params={"verbosity": -1})
    booster = lgb.train({"objective": objective, "verbosity": -1, "num_threads": 1}, rows)
    return booster.predict(codes[request.rows.height :])


def area(truth: np.ndarray, score: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks, positives = rankdata(score), truth.sum()
    return float((ranks[truth].sum() - positives * (positives + 1) / 2) / (positives * (~truth).sum()))


def binary_area(request, score, classes) -> tuple[float, float]:
    target = (request.rows[request.target].cast(pl.String) == classes[1]).to_numpy()
    truth = (request.holdout[request.target].cast(pl.String) == classes[1]).to_numpy()
    return area(truth, score[:, 1]), area(truth, plain_lightgbm(request, "binary", target.astype(float)))


def test_tumours(ask, tumours) -> None:
    request, trained, score, _ = train(ask, tumours, "y", "binary", positive="malignant", settings={"max_trials": 8})
    own, plain = binary_area(request, score, trained.schema.classes)
    assert own >= plain - 0.003
    assert own > 0.98


def test_adult_income(ask, real) -> None:
    rows = real("adult/adult.parquet").drop("fnlwgt", "split").sample(12_000, seed=0)
    request, trained, score, _ = train(ask, rows, "income", "binary", positive=">50K", settings={"max_trials": 3})
    own, plain = binary_area(request, score, trained.schema.classes)
    assert own >= plain - 0.003
    assert own > 0.9


def test_german_credit(ask, real) -> None:
    rows = real("german_credit/german_credit.parquet").sample(fraction=1.0, shuffle=True, seed=0)
    request, trained, score, _ = train(ask, rows, "bad", "binary", settings={"max_trials": 6})
    own, plain = binary_area(request, score, trained.schema.classes)
    assert own >= plain - 0.01


def test_bike_sharing(ask, real) -> None:
    rows = real("bike_sharing/hour.parquet").drop("casual", "registered", "instant").sample(6000, seed=0)
    request, trained, score, decision = train(ask, rows, "cnt", "regression", settings={"max_trials": 3, "rounds": 300})
    truth = request.holdout["cnt"].to_numpy()
    plain = plain_lightgbm(request, "regression", request.rows["cnt"].to_numpy())
    assert decision is None
    assert np.mean((score - truth) ** 2) <= 1.02 * np.mean((plain - truth) ** 2)
    assert {each["learner"] for each in trained.parameters["members"]} == {"lightgbm"}


def test_steel_plates(ask, real) -> None:
    rows = real("steel_plates/steel_plates.parquet").sample(1400, shuffle=True, seed=0)
    faults = rows.columns[-7:]
    kind = pl.Series("fault", np.array(faults)[rows.select(faults).to_numpy().argmax(axis=1)])
    rows = rows.drop(faults).with_columns(kind)
    request, trained, score, decision = train(ask, rows, "fault", "multiclass", settings={"max_trials": 2})
    truth = request.holdout["fault"].to_numpy()
    place = {name: index for index, name in enumerate(trained.schema.classes)}
    own = -np.log(score[np.arange(len(truth)), [place[each] for each in truth]]).mean()
    assert own < 0.7
    assert (decision == truth).mean() > 0.74


def test_a_fairness_promise_is_weighed_on_real_groups(ask, real) -> None:
    from holdfast.core.grammar import parse

    rows = real("adult/adult.parquet").drop("fnlwgt", "split").sample(4000, seed=1)
    promises = tuple(
        parse(text).at("candidate")
        for text in ("roc_auc >= 0.85", "demographic_parity_difference(sex) <= 0.10", "recall >= 0.3 by sex")
    )
    trained = train(
        ask,
        rows,
        "income",
        "binary",
        positive=">50K",
        promises=promises,
        sensitive=("sex",),
        settings={"max_trials": 2},
    )[1]
    assert any("promise" in note for note in trained.notes)


@pytest.mark.parametrize("column", ["workclass", "age"])
def test_missing_cells_are_answered_as_the_original_does(ask, real, column) -> None:
    rows = real("adult/adult.parquet").drop("fnlwgt", "split").sample(2000, seed=2)
    holdout = rows[1500:].with_columns(pl.lit(None, dtype=rows[column].dtype).alias(column))
    train(ask, rows, "income", "binary", holdout=holdout, settings={"max_trials": 2})
