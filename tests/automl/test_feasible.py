"""What no model can keep, and how near the trials came."""

from __future__ import annotations

from itertools import product

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _feasible
from holdfast.automl._ceiling import Decisions, classes_best, counts_of, equal_rows, numbers_best, ranking_best
from holdfast.automl._feasible import impossible, nearest, out_of_reach
from holdfast.automl._least import constant_graph, least_size
from holdfast.automl._promises import Found
from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, HoldfastError, InvalidValue
from holdfast.core.evidence import Value
from holdfast.core.grammar import parse
from holdfast.core.models import Column, ModelSchema
from holdfast.core.subjects import Scored
from holdfast.stats.tensors import to_tensors

CLASSES = ("no", "yes")
BINARY = ModelSchema("binary", "y", (Column("a", "float32"), Column("t", "string")), CLASSES, "yes")
NUMBER = ModelSchema("regression", "y", (Column("a", "float32"),))
DECIDED = ("accuracy", "balanced_accuracy", "recall", "precision", "specificity", "f1")


def promised(*texts: str):
    return [parse(text).at("candidate") for text in texts]


def table(a, y) -> pl.DataFrame:
    return pl.DataFrame({"a": np.asarray(a, dtype=float), "t": ["x"] * len(a), "y": y})


def measured(name: str, scored: Scored) -> Value | None:
    try:
        return registry.get("measure", name).measure(scored, (), {}, rng=np.random.default_rng(0))
    except HoldfastError:
        return None


def answered(truth, positive, *, threshold: float = 0.5) -> Scored:
    positive = np.asarray(positive, dtype=float)
    decision = np.where(positive >= threshold, "yes", "no").astype(object)
    score = np.column_stack([1.0 - positive, positive])
    return Scored("binary", np.asarray(truth, dtype=object), score, pl.DataFrame(), decision, CLASSES, "yes")


#: Three values of the one feature, whose rows do not agree: 1 of 4, 2 of 3 and 3 of 3 are "yes".
ROWS = table([0] * 4 + [1] * 3 + [2] * 3, ["yes", "no", "no", "no", "yes", "yes", "no", "yes", "yes", "yes"])


# --- bounds that exclude each other


@pytest.mark.parametrize(
    "texts",
    [
        ("roc_auc >= 0.9", "roc_auc <= 0.8"),
        ("roc_auc > 0.8", "roc_auc <= 0.8"),
        ("accuracy == 0.8", "accuracy != 0.8"),
        ("recall >= 0.9 by t", "recall < 0.9 by t"),
        ("accuracy > 1",),
        ("model_size < 0 B",),
    ],
)
def test_bounds_that_no_number_keeps_are_impossible(texts) -> None:
    found = impossible(promised(*texts[:2]) if "size" not in texts[0] else [parse(texts[0])], BINARY)
    assert len(found) == 1
    assert set(found[0].claims) == set(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ("roc_auc >= 0.8", "roc_auc <= 0.8"),
        ("recall >= 0.9", "recall <= 0.8 by t"),
        ("roc_auc >= 0.9", "accuracy <= 0.8"),
        ("demographic_parity_difference(t) <= 0",),
        ("accuracy >= 1",),
    ],
)
def test_what_some_number_keeps_is_not(texts) -> None:
    assert impossible(promised(*texts), BINARY) == []


bounds = st.tuples(st.sampled_from(["<=", ">=", "<", ">", "==", "!="]), st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@settings(max_examples=60, deadline=None)
@given(one=bounds, other=bounds, numbers=st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_no_number_keeps_what_is_called_a_contradiction(one, other, numbers) -> None:
    both = promised(*(f"accuracy {op} {bound:g}" for op, bound in (one, other)))
    if impossible(both, BINARY):
        for number in [*numbers, one[1], other[1], 0.0, 1.0, (one[1] + other[1]) / 2]:
            assert not all(promise.within(number) for promise in both)


# --- size and time


def test_a_graph_smaller_than_its_inputs_and_outputs_is_impossible() -> None:
    size = least_size(BINARY)
    (found,) = impossible([parse(f"model_size <= {size.proven - 1} B")], BINARY)
    assert "inputs" in found.why
    assert parse(found.nearest).bound.base >= size.made
    assert impossible([parse(f"model_size <= {size.proven} B")], BINARY) == []
    assert len(constant_graph(BINARY)) > size.proven


def test_an_answer_much_quicker_than_that_of_a_graph_that_reads_nothing_is_impossible(monkeypatch) -> None:
    monkeypatch.setattr(_feasible, "least_latency", lambda schema, tensors: 20e-6)
    (found,) = impossible([parse("p95_row_latency <= 9 us")], BINARY, rows=ROWS)
    assert found.nearest == "p95_row_latency <= 20 us"
    assert impossible([parse("p95_row_latency <= 15 us"), parse("p99_latency >= 1 us")], BINARY, rows=ROWS) == []


def test_a_time_that_any_machine_takes_is_measured_to_be_impossible() -> None:
    (found,) = impossible([parse("p50_latency <= 0.001 us")], BINARY, rows=ROWS)
    assert found.claim == "p50_latency <= 0.001 us"
    assert impossible([parse("p50_latency <= 0.001 us")], BINARY) == []


# --- rows that are alike


@pytest.mark.parametrize(
    ("beyond", "within"),
    [
        ("accuracy >= 0.81", "accuracy >= 0.8"),
        ("roc_auc >= 0.855", "roc_auc >= 0.854"),
        ("log_loss <= 0.41", "log_loss <= 0.42"),
        ("brier <= 0.14", "brier <= 0.145"),
        ("balanced_accuracy > 0.7917", "balanced_accuracy >= 0.79"),
        ("f1 >= 0.84", "f1 >= 0.833"),
        ("average_precision >= 0.93", "average_precision >= 0.88"),
    ],
)
def test_quality_beyond_what_equal_rows_allow_is_impossible(beyond, within) -> None:
    (found,) = impossible(promised(beyond), BINARY, rows=ROWS)
    assert "rows with equal features differ in 'y' (n = 10)" in found.why
    assert parse(found.nearest).measure == parse(beyond).measure
    assert impossible(promised(within), BINARY, rows=ROWS) == []
    assert impossible(promised(found.nearest), BINARY, rows=ROWS) == []


def test_promises_that_can_be_kept_one_by_one_but_not_together_are_impossible() -> None:
    assert impossible(promised("recall >= 0.9"), BINARY, rows=ROWS) == []
    assert impossible(promised("precision >= 0.9"), BINARY, rows=ROWS) == []
    (found,) = impossible(promised("recall >= 0.9", "precision >= 0.9"), BINARY, rows=ROWS)
    assert found.claims == ("recall >= 0.9", "precision >= 0.9")
    assert "with recall >= 0.9, precision is at most" in found.why


def test_three_promises_of_which_any_two_can_be_kept_are_impossible_together() -> None:
    texts = ("recall >= 0.85", "specificity >= 0.6", "accuracy <= 0.7")
    (found,) = impossible(promised(*texts), BINARY, rows=ROWS)
    assert found.claims == texts


def test_a_slice_may_forbid_what_all_rows_allow() -> None:
    rows = ROWS.with_columns(pl.Series("g", ["m"] * 7 + ["f"] * 3))
    wide = pl.concat([rows] * 10)
    (found,) = impossible(promised("accuracy >= 0.75 by g"), BINARY, rows=wide)
    assert "at g=m" in found.why
    assert impossible(promised("accuracy >= 0.75"), BINARY, rows=wide) == []
    assert impossible(promised("accuracy >= 0.75 by g"), BINARY, rows=rows) == []


def test_quality_without_columns_is_impossible_beyond_the_constant() -> None:
    few = parse("feature_count <= 0")
    (found,) = impossible([*promised("roc_auc >= 0.6", "accuracy >= 0.6"), few], BINARY, rows=ROWS)
    assert found.claims == ("roc_auc >= 0.6", "feature_count <= 0")
    assert "no column may be read" in found.why
    assert impossible([*promised("roc_auc >= 0.6"), parse("feature_count <= 1")], BINARY, rows=ROWS) == []


@pytest.mark.parametrize(
    ("beyond", "within"),
    [("rmse <= 0.44", "rmse <= 0.45"), ("mae <= 0.39", "mae <= 0.4"), ("r2 >= 0.91", "r2 >= 0.9")],
)
def test_numbers_have_a_floor_too(beyond, within) -> None:
    rows = pl.DataFrame({"a": [0.0, 0.0, 1.0, 1.0, None], "y": [1.0, 2.0, 3.0, 4.0, 0.0]})
    found = impossible(promised(beyond), NUMBER, rows=rows)
    assert [each.claim for each in found] == [beyond]
    assert impossible(promised(within), NUMBER, rows=rows) == []


def test_rows_without_a_truth_and_other_promises_prove_nothing() -> None:
    unknown = ROWS.with_columns(pl.lit(None, dtype=pl.String).alias("y"))
    assert impossible(promised("accuracy >= 1"), BINARY, rows=unknown) == []
    assert impossible(promised("accuracy >= 1"), BINARY, rows=ROWS.clear()) == []
    assert impossible(promised("accuracy >= 1 on train"), BINARY, rows=ROWS) == []
    assert impossible(promised("mcc >= 1", "mape <= 0"), BINARY, rows=ROWS) == []
    one = ROWS.filter(pl.col("y") == "yes")
    assert impossible(promised("recall >= 1", "roc_auc >= 1"), BINARY, rows=one) == []


def test_rows_without_a_column_of_the_model_or_the_target_are_refused() -> None:
    with pytest.raises(ColumnNotFound):
        impossible(promised("accuracy >= 0.9"), BINARY, rows=ROWS.drop("a"))
    with pytest.raises(ColumnNotFound):
        impossible(promised("accuracy >= 0.9"), BINARY, rows=ROWS.drop("y"))


def test_missing_values_are_alike_and_text_counts() -> None:
    tensors = {
        "a": np.array([np.nan, np.nan, 1, 1], dtype=np.float32).reshape(-1, 1),
        "t": np.array(["x", "x", "x", "z"], dtype=object).reshape(-1, 1),
    }
    codes = equal_rows(tensors)
    assert codes[0] == codes[1]
    assert len(set(codes.tolist())) == 3
    assert len(equal_rows({})) == 0


@st.composite
def alike(draw) -> pl.DataFrame:
    """A few groups of equal rows with both classes somewhere."""
    groups = draw(st.integers(1, 4))
    a, y = [], []
    for group in range(groups):
        for name in CLASSES:
            count = draw(st.integers(0, 3))
            a += [group] * count
            y += [name] * count
    a += [0, groups - 1]
    y += ["no", "yes"]
    return table(a, y)


@settings(max_examples=60, deadline=None)
@given(
    rows=alike(),
    asked=st.lists(
        st.tuples(
            st.sampled_from(DECIDED), st.sampled_from([">=", "<=", ">", "=="]), st.sampled_from([0.3, 0.5, 0.7, 0.9, 1])
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_no_decisions_whatsoever_keep_what_is_called_impossible(rows, asked) -> None:
    promises = promised(*(f"{name} {op} {bound:g}" for name, op, bound in asked))
    said = impossible(promises, BINARY, rows=rows)
    codes = equal_rows(to_tensors(rows, BINARY))
    truth = rows["y"].to_numpy()
    for choice in product([0.0, 1.0], repeat=int(codes.max()) + 1) if said else ():
        scored = answered(truth, np.array(choice)[codes])
        values = {promise.claim: measured(promise.measure, scored) for promise in promises}
        kept = {
            promise.claim
            for promise in promises
            if (value := values[promise.claim]) is not None and promise.within(value.value)
        }
        assert not any(set(each.claims) <= kept for each in said)


@settings(max_examples=60, deadline=None)
@given(
    rows=alike(),
    name=st.sampled_from(["roc_auc", "log_loss", "brier", "average_precision", "accuracy"]),
    bound=st.sampled_from([0.05, 0.2, 0.4, 0.6, 0.8, 0.9]),
    seed=st.integers(0, 3),
)
def test_no_scores_keep_what_is_called_impossible(rows, name, bound, seed) -> None:
    better = registry.get("measure", name).better
    (promise,) = promised(f"{name} {'<=' if better == 'lower' else '>='} {bound:g}")
    said = impossible([promise], BINARY, rows=rows)
    codes = equal_rows(to_tensors(rows, BINARY))
    truth = rows["y"].to_numpy()
    shares = np.array([np.mean(truth[codes == code] == "yes") for code in range(int(codes.max()) + 1)])
    rng = np.random.default_rng(seed)
    for scores in (
        shares,
        *rng.random((20, len(shares))),
        *np.clip(shares + rng.normal(0, 0.1, (20, len(shares))), 0, 1),
    ):
        value = measured(name, answered(truth, scores[codes]))
        assert value is not None
        assert not (said and promise.within(value.value))


@settings(max_examples=40, deadline=None)
@given(rows=alike())
def test_ceilings_are_reached_by_the_shares_themselves(rows) -> None:
    codes = equal_rows(to_tensors(rows, BINARY))
    counts, names = counts_of(codes, rows["y"].to_numpy())
    assert names == list(CLASSES)
    shares = (counts[:, 1] / counts.sum(axis=1))[codes]
    scored = answered(rows["y"].to_numpy(), shares)
    best = classes_best(counts) | ranking_best(counts)
    for name in ("accuracy", "log_loss", "brier", "roc_auc"):
        assert best[name] == pytest.approx(measured(name, scored).value, abs=1e-9)
    assert best["average_precision"] >= measured("average_precision", scored).value - 1e-9
    assert Decisions.of(counts).extreme("accuracy", greatest=True) == pytest.approx(best["accuracy"])
    assert Decisions.of(counts).extreme("balanced_accuracy", greatest=True) == pytest.approx(best["balanced_accuracy"])


@given(
    pairs=st.lists(st.tuples(st.integers(0, 2), st.integers(-3, 3)), min_size=2, max_size=12),
    answers=st.lists(st.integers(-4, 4), min_size=3, max_size=3),
)
def test_no_numbers_are_better_than_the_floor(pairs, answers) -> None:
    codes, truth = np.array([code for code, _ in pairs]), np.array([float(value) for _, value in pairs])
    best = numbers_best(codes, truth)
    error = truth - np.array(answers, dtype=float)[codes]
    assert best["rmse"] <= np.sqrt(np.mean(error**2)) + 1e-12
    assert best["mae"] <= np.mean(np.abs(error)) + 1e-12


def test_real_rows_say_how_far_three_columns_can_go(real) -> None:
    rows = real("adult/adult.parquet").head(6000)
    columns = (Column("age", "float32"), Column("workclass", "string"), Column("sex", "string"))
    schema = ModelSchema("binary", "income", columns, ("<=50K", ">50K"), ">50K")
    found = {each.claim: each for each in impossible(promised("roc_auc >= 0.9", "accuracy >= 0.76"), schema, rows=rows)}
    assert set(found) == {"roc_auc >= 0.9"}
    assert 0.7 < parse(found["roc_auc >= 0.9"].nearest).bound.base < 0.9


# --- how near


def test_a_promise_that_no_trial_reaches_is_out_of_reach_and_marked_as_evidence() -> None:
    trials = {"a": Value(0.871, 0.84, 0.90), "b": Value(0.85, 0.82, 0.88)}
    found = out_of_reach(parse("roc_auc >= 0.95"), trials)
    assert found is not None
    assert (found.best, found.trials) == ("a", 2)
    assert 0.871 < found.limit < 0.95
    assert "not reached: best roc_auc 0.871 [0.84, 0.9] ('a') against >= 0.95" in found.text
    assert "no proof" in found.text


def test_the_more_trials_were_looked_at_the_farther_the_end() -> None:
    ends = [
        out_of_reach(parse("roc_auc >= 0.99"), {str(each): Value(0.8, 0.78, 0.82) for each in range(count)}).limit
        for count in (1, 10, 100)
    ]
    assert ends == sorted(set(ends))


@pytest.mark.parametrize(
    ("text", "trials"),
    [
        ("roc_auc >= 0.89", {"a": Value(0.871, 0.84, 0.90)}),
        ("roc_auc >= 0.85", {"a": Value(0.871, 0.84, 0.90)}),
        ("roc_auc == 0.85", {"a": Value(0.7, 0.69, 0.71)}),
        ("roc_auc >= 0.95", {}),
    ],
)
def test_within_an_interval_reached_or_untried_is_not_out_of_reach(text, trials) -> None:
    assert out_of_reach(parse(text), trials) is None


def test_lower_is_better_looks_at_the_lower_end() -> None:
    found = out_of_reach(parse("log_loss <= 0.2"), {"a": Value(0.4, 0.38, 0.42), "b": Value(0.5)})
    assert found.limit < 0.4
    assert "lower end" in found.text


def test_a_learning_curve_says_how_many_rows_it_would_take() -> None:
    trials = {"a": Value(0.80, 0.79, 0.81)}
    promise = parse("roc_auc >= 0.9")
    growing = out_of_reach(promise, trials, curve=[(500, 0.77), (1000, 0.78), (2000, 0.80)])
    assert "it would take 6.4e+04 rows at the very least" in growing.text
    flat = out_of_reach(promise, trials, curve=[(1000, 0.80), (2000, 0.80)])
    assert "more rows did not help" in flat.text
    slow = out_of_reach(promise, trials, curve=[(1000, 0.7999), (2000, 0.80)])
    assert "million" in slow.text


def test_a_confidence_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidValue):
        out_of_reach(parse("roc_auc >= 0.9"), {"a": Value(0.8, 0.7, 0.9)}, confidence=1.0)


def test_the_nearest_miss_is_told_in_words_and_as_data() -> None:
    auc, recall = parse("roc_auc >= 0.95"), parse("recall >= 0.9 by sex with 95%")
    rows, told = nearest(
        [
            Found(auc, Value(0.871, 0.84, 0.90), "share", distance=0.08),
            Found(recall, Value(0.6), "share", where="sex=f", distance=0.3),
            Found(parse("brier <= 0.2"), Value(0.1), "number"),
        ]
    )
    assert told == (
        "infeasible; the nearest miss is recall 0.6 at sex=f against >= 0.9 with 95%; "
        "roc_auc 0.871 [0.84, 0.9] against >= 0.95"
    )
    assert [(each["claim"], each["bound"]) for each in rows] == [(recall.claim, 0.9), (auc.claim, 0.95)]
    assert nearest([Found(auc, Value(0.97), "share")]) == ([], "")
