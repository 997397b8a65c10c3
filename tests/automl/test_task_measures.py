"""Measures and real data of quantiles, counts, rankings and survival, through the registry and the promises."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl._objectives import event_flags, learnt, objective_of
from holdfast.automl._sheet import Sheet
from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, DataError, InvalidValue, NotMeasurable
from holdfast.core.grammar import parse
from holdfast.core.subjects import Scored
from holdfast.testing import check_measure

NAMES = ("pinball_loss", "quantile_coverage", "poisson_deviance", "concordance_index")


def measured(name, subject, *args, **options):
    return registry.get("measure", name).measure(subject, args, options, rng=np.random.default_rng(0))


def scored(task="survival", n=200, **columns) -> Scored:
    rng = np.random.default_rng(0)
    score = rng.gamma(3.0, 2.0, n)
    truth = rng.poisson(score) + 1.0
    rows = pl.DataFrame({"came": rng.random(n) < 0.6, "sex": rng.choice(["f", "m"], n)}).with_columns(**columns)
    return Scored(task, truth, score, rows)


@pytest.mark.parametrize("name", NAMES)
def test_each_measure_keeps_the_rules_of_the_port(name):
    check_measure(name, subject=scored(), args={"pinball_loss": (0.9,), "concordance_index": ("came",)}.get(name, ()))


@pytest.mark.parametrize("name", NAMES)
def test_a_task_that_classifies_has_none_of_them(name):
    one = Scored("binary", np.array(["a", "b"], dtype=object), np.full((2, 2), 0.5), pl.DataFrame(), None, ("a", "b"))
    with pytest.raises(NotMeasurable, match="binary task"):
        measured(name, one, *(("came",) if name == "concordance_index" else ()))


@pytest.mark.parametrize(
    "text",
    ["pinball_loss(0.9) <= 30", "quantile_coverage >= 0.88 with 95%", "concordance_index(came) >= 0.6 by sex"],
)
def test_a_promise_can_be_made_of_each(text):
    promise = parse(text)
    spec = registry.get("measure", promise.measure)
    assert spec.measure(scored(), promise.args, dict(promise.options), rng=None).low is not None


def test_the_level_of_a_pinball_loss_is_its_argument():
    one = scored()
    assert measured("pinball_loss", one, 0.5).value == pytest.approx(np.abs(one.truth - one.score).mean() / 2)
    assert measured("pinball_loss", one).value == measured("pinball_loss", one, level=0.5).value
    with pytest.raises(InvalidValue, match="quantile 90"):
        measured("pinball_loss", one, 90.0)


@pytest.mark.parametrize(
    ("column", "error", "word"),
    [
        (pl.lit(2), DataError, "does not say whether the event came"),
        (pl.lit(None, dtype=pl.Boolean), DataError, "does not say"),
        (pl.lit(value=False), NotMeasurable, "no two rows"),
    ],
)
def test_events_that_say_nothing_are_not_measured(column, error, word):
    with pytest.raises(error, match=word):
        measured("concordance_index", scored(came=column), "came")


def test_an_event_column_must_be_there():
    with pytest.raises(ColumnNotFound, match="did you mean 'came'"):
        measured("concordance_index", scored(), "cam")


def boosted(objective, sheet, rounds, **params):
    """Margins of a booster that knows nothing but the objective's gradients."""
    import lightgbm as lgb

    start = objective.start(sheet)[0]

    def gradients(raw, _):
        first, second = objective.gradients(raw[:, None] + start, sheet)
        return first[:, 0], np.maximum(second[:, 0], 1e-6)

    options = {"verbosity": -1, "num_threads": 1, "deterministic": True, "num_leaves": 7, "learning_rate": 0.1}
    data = lgb.Dataset(sheet.matrix, np.zeros(sheet.n))
    model = lgb.train({**options, **params, "objective": gradients}, data, rounds)
    return lambda matrix: model.predict(matrix, num_threads=1) + start


def encoded(table: pl.DataFrame, columns) -> np.ndarray:
    made = table.select(
        pl.col(each).cast(pl.Float64) if table[each].dtype.is_numeric() else pl.col(each).rank("dense").cast(pl.Float64)
        for each in columns
    )
    return made.to_numpy()


@pytest.mark.parametrize(
    ("path", "time", "event", "least"),
    [("gbsg2", "time", "cens", 0.62), ("lung", "time", "status", 0.54), ("rossi", "week", "arrest", 0.55)],
)
def test_survival_is_learnt_from_watched_times(real, path, time, event, least):
    table = real(f"survival/{path}.parquet")
    matrix = encoded(table, [each for each in table.columns if each not in (time, event)])
    truth, came = table[time].cast(float).to_numpy(), event_flags(table[event])
    fold = np.random.default_rng(0).permutation(table.height) % 4
    margin = np.empty(table.height)
    for each in range(4):
        train = fold != each
        weights = np.ones(train.sum())
        given = {"classes": (), "weights": weights, "settings": {}}
        objective = objective_of("survival", target=truth[train], event=came[train], **given)
        sheet = Sheet(matrix[train], learnt(objective, truth[train]), weights, event=came[train])
        margin[~train] = boosted(objective, sheet, 40, min_data_in_leaf=15)(matrix[~train])
    predicted = objective.answers(margin[:, None])
    found = measured("concordance_index", Scored("survival", truth, predicted, table), event)
    assert found.value > least
    assert found.low > 0.5
    assert predicted.min() > 0.0


def test_a_quantile_of_real_counts_covers_what_it_promises(real):
    table = real("bike_sharing/hour.parquet")
    columns = ["yr", "mnth", "hr", "weekday", "workingday", "weathersit", "temp", "hum"]
    matrix, truth = encoded(table, columns), table["cnt"].cast(float).to_numpy()
    part = np.random.default_rng(0).permutation(table.height) % 3
    given = {"classes": (), "weights": np.ones((part == 0).sum()), "settings": {"quantile": 0.9}}
    objective = objective_of("quantile", target=truth[part == 0], **given)
    learn, watch, held = (
        Sheet(matrix[part == each], learnt(objective, truth[part == each]), np.ones((part == each).sum()))
        for each in range(3)
    )
    answer = boosted(objective, learn, 40, num_leaves=31, learning_rate=0.5)
    line = objective.covering(answer(watch.matrix)[:, None], watch)
    predicted = objective.answers(line.line(answer(held.matrix)[:, None]))
    found = measured("quantile_coverage", Scored("quantile", truth[part == 2], predicted, table.filter(part == 2)))
    assert found.low - 0.01 <= 0.9 <= found.high + 0.01
    constant = objective.answers(objective.line.line(np.tile(objective.start(learn), (held.n, 1))))
    losses = [
        measured("pinball_loss", Scored("quantile", truth[part == 2], each, pl.DataFrame()), 0.9).value
        for each in (predicted, constant)
    ]
    assert losses[0] < 0.5 * losses[1]


def test_rare_counts_are_learnt_without_a_leap():
    # One row in seventy has thousands of times the rate of the others: plain Newton steps end beyond any count.
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(6000, 3))
    rate = np.where(matrix[:, 0] > 2.2, 5.0, 0.002)
    target = rng.poisson(rate).astype(float)
    objective = objective_of("count", classes=(), target=target, weights=np.ones(6000), settings={})
    sheet, held = Sheet(matrix[:4000], target[:4000], np.ones(4000)), Sheet(matrix[4000:], target[4000:], np.ones(2000))
    margin = boosted(objective, sheet, 60)(held.matrix)[:, None]
    best = objective.losses(np.log(rate[4000:])[:, None], held).mean()
    constant = objective.losses(np.tile(objective.start(sheet), (2000, 1)), held).mean()
    assert objective.losses(margin, held).mean() < best + 0.2 * (constant - best)
    found = measured("poisson_deviance", Scored("count", held.target, objective.answers(margin), pl.DataFrame()))
    assert found.value == pytest.approx(objective.losses(margin, held).mean())


def test_a_ranking_is_learnt_from_graded_queries():
    # Like LETOR: graded relevance, features of the row and of its query, queries of different sizes.
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(150), rng.integers(4, 30, 150))
    matrix = rng.normal(size=(len(group), 6))
    matrix[:, 5] = rng.normal(size=150)[group]
    use = matrix[:, 0] + matrix[:, 1] * (matrix[:, 2] > 0) + 2 * matrix[:, 5] + 0.5 * rng.normal(size=len(group))
    grade = np.searchsorted(np.quantile(use, [0.6, 0.8, 0.92]), use).astype(float)
    train = group < 100
    objective = objective_of("ranking", classes=(), target=grade, weights=np.ones(len(group)), settings={})
    sheet = Sheet(matrix[train], grade[train], np.ones(train.sum()), group=group[train])
    margin = boosted(objective, sheet, 60)(matrix[~train])
    ranked, guessed = (
        measured("ndcg", Scored("ranking", grade[~train], each, pl.DataFrame(), group=group[~train]), k=10.0)
        for each in (margin, rng.normal(size=len(margin)))
    )
    assert ranked.low > guessed.high
