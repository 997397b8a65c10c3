"""Label errors: planted flips are ranked first, and bad input is told."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, NotMeasurable, UnusableTarget
from holdfast.quality.anomalies._encoding import copies, encode, identical_rows, kind_of
from holdfast.quality.anomalies._labels_models import fold_numbers, pooled
from holdfast.quality.anomalies._labels_noise import (
    anchor_rates,
    confident_joint,
    flags_of,
    noise_weights,
    wrong_probability,
)
from holdfast.quality.anomalies.labels import label_errors


def average_precision(truth: Any, score: Any) -> float:
    hit = np.asarray(truth)[np.argsort(-score, kind="stable")]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def mirror(*parts: str) -> Path:
    folder = Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).parents[3] / "shared" / "data")
    path = folder.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {'/'.join(parts)} in HOLDFAST_MIRROR or ../shared/data")
    return path


def planted(n: int = 160, flips: int = 8, seed: int = 0) -> tuple[pl.DataFrame, Any]:
    """Two classes that two numbers and a category tell, with some labels flipped."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    wrong = np.zeros(n, dtype=bool)
    wrong[rng.choice(n, flips, replace=False)] = True
    names = np.array(["no", "yes"])
    table = {
        "size": rng.normal(2.0 * truth, 0.7),
        "weight": rng.normal(-1.5 * truth, 1.0),
        "colour": np.where(rng.random(n) < 0.8, np.array(["red", "blue"])[truth], "green"),
        "label": names[np.where(wrong, 1 - truth, truth)],
    }
    return pl.DataFrame(table), wrong


def test_flipped_labels_are_ranked_first() -> None:
    table, wrong = planted()
    found = label_errors(table, "label", folds=3)
    assert average_precision(wrong, found.score) > 0.9
    assert found.flag[wrong].mean() > 0.5
    assert (table["label"] != found.suggested).to_numpy()[wrong].mean() > 0.7
    assert 0.0 <= found.low <= found.share <= found.high <= 1.0
    assert found.share < 0.15


def test_the_same_seed_gives_the_same_scores() -> None:
    table, _ = planted(n=60, flips=3)
    first, second = label_errors(table, "label", seed=3, folds=2), label_errors(table, "label", seed=3, folds=2)
    assert first.score.tolist() == second.score.tolist()
    assert first.to_rows() == second.to_rows()


def test_the_rows_come_worst_first_with_their_position_in_the_file() -> None:
    table, _ = planted(n=60, flips=3)
    rows = label_errors(table, "label", folds=2).to_rows()
    assert sorted(each["row"] for each in rows) == list(range(60))
    assert [each["score"] for each in rows] == sorted((each["score"] for each in rows), reverse=True)
    assert [list(each) for each in rows[:1]] == [["row", "label", "suggested", "score", "flag"]]
    assert rows[0]["label"] == table["label"][rows[0]["row"]]


def test_german_credit_with_a_tenth_flipped_is_ranked_far_better_than_by_chance() -> None:
    table = pl.read_parquet(mirror("german_credit", "german_credit.parquet")).head(400)
    wrong = np.random.default_rng(0).random(400) < 0.1
    flipped = table.with_columns(
        pl.Series("bad", np.where(wrong, 1 - table["bad"].to_numpy(), table["bad"].to_numpy()))
    )
    found = label_errors(flipped, "bad", folds=2)
    assert average_precision(wrong, found.score) > 0.3
    assert {type(each["label"]) for each in found.to_rows(3)} == {int}


def test_rows_without_a_label_and_tiny_classes_have_no_score() -> None:
    table, _ = planted(n=80, flips=0)
    labels = table["label"].to_list()
    labels[3], labels[4], labels[5] = None, "rare", "rare"
    found = label_errors(table.with_columns(pl.Series("label", labels)), "label", folds=3)
    assert np.flatnonzero(np.isnan(found.score)).tolist() == [3, 4, 5]
    assert not found.flag[3:6].any()
    assert found.suggested[3] is None
    assert len(found.to_rows()) == 77
    assert found.classes == ("no", "yes")
    assert any("no label" in note for note in found.notes)
    assert any("1 classes have fewer than 3 rows" in note for note in found.notes)


def test_three_classes_get_the_right_suggestion() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(150) % 3
    given_labels = truth.copy()
    given_labels[[10, 20]] = (truth[[10, 20]] + 1) % 3
    table = pl.DataFrame({"a": rng.normal(3.0 * truth, 0.5), "b": rng.normal(-truth, 0.5), "y": given_labels})
    found = label_errors(table, "y", folds=3)
    assert set(found.ranking()[:2].tolist()) == {10, 20}
    assert [found.suggested[row] for row in (10, 20)] == truth[[10, 20]].tolist()
    assert found.noise.sum() == pytest.approx(150)
    assert np.isclose(found.probabilities.sum(axis=1), 1.0).all()


def test_a_column_that_is_the_target_in_other_words_is_left_out_and_named() -> None:
    table, _ = planted(n=60, flips=3)
    twin = table.with_columns(code=pl.col("label").replace_strict({"no": 17, "yes": 4}))
    found = label_errors(twin, "label", folds=2)
    assert "code" not in found.used
    assert any("code is left out: it is label in other words" in note for note in found.notes)


def test_a_column_that_is_nearly_the_target_stays_because_it_shows_what_is_wrong() -> None:
    table, wrong = planted(n=100, flips=4)
    truth = np.where(wrong ^ (table["label"] == "yes").to_numpy(), "Y", "N")
    found = label_errors(table.with_columns(code=truth), "label", folds=2)
    assert set(found.ranking()[:4].tolist()) == set(np.flatnonzero(wrong).tolist())
    assert any("code agrees with label in 96.0%" in note for note in found.notes)


def test_keys_constants_and_nested_columns_are_left_out_and_named() -> None:
    table, _ = planted(n=60, flips=0)
    wider = table.with_columns(
        id=pl.int_range(60),
        key=pl.format("k{}", pl.int_range(60)),
        same=pl.lit(1),
        nothing=pl.lit(None, dtype=pl.Float64),
        many=pl.concat_list("size", "weight"),
    )
    found = label_errors(wider, "label", folds=2)
    assert found.used == ("size", "weight", "colour")
    assert [note.split()[0] for note in found.notes if "left out" in note] == ["id", "key", "same", "nothing", "many"]


def test_times_truth_infinities_and_missing_values_take_part() -> None:
    n = 60
    truth = np.arange(n) % 2
    table = pl.DataFrame(
        {
            "when": [date(2020, 1, 1) + timedelta(days=int(400 * each)) for each in truth],
            "open": [None if index % 7 == 0 else bool(each) for index, each in enumerate(truth)],
            "size": np.where(np.arange(n) % 11 == 0, np.inf, truth * 2.0 + np.arange(n) / n),
            "y": np.where(np.arange(n) == 9, 1 - truth, truth) == 1,
        }
    )
    found = label_errors(table, "y", folds=2)
    assert found.used == ("when", "open", "size")
    assert found.ranking()[0] == 9
    assert found.suggested[9] is True


def test_prose_is_read() -> None:
    words = ["win a prize now call", "are you home for dinner"]
    texts = [f"{words[index % 2]} number{index} please" for index in range(80)]
    labels = ["spam" if index % 2 == 0 else "ham" for index in range(80)]
    labels[12] = "ham"
    found = label_errors(pl.DataFrame({"text": texts, "y": labels}), "y", folds=2)
    assert found.ranking()[0] == 12


def test_equal_rows_are_in_one_fold() -> None:
    groups = np.repeat(np.arange(100), 2)
    codes = np.arange(200) % 2
    fold = fold_numbers(codes, groups, folds=5, rng=np.random.default_rng(0))
    assert (fold[::2] == fold[1::2]).all()
    assert np.bincount(fold).tolist() == [40] * 5


def test_a_group_larger_than_a_fold_is_dealt_row_by_row() -> None:
    fold = fold_numbers(np.arange(100) % 2, np.zeros(100, dtype=int), folds=5, rng=np.random.default_rng(0))
    assert np.bincount(fold).tolist() == [20] * 5


def test_noise_by_class_finds_the_labels_of_the_class_that_is_mislabelled_more_often() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 4000)
    sure = np.clip(truth + rng.normal(0.0, 0.35, 4000), 0.0, 1.0)
    wrong = (truth == 1) & (rng.random(4000) < 0.3)
    table = np.column_stack((1.0 - 0.7 * sure, 0.7 * sure))
    codes = np.where(wrong, 0, truth)
    joint = confident_joint(table, codes)
    rates = anchor_rates(table, codes)
    assert rates[1] > 0.1
    assert rates[0] < 0.05
    by_class = wrong_probability(table, codes, rates, joint)
    assert average_precision(wrong, by_class) > average_precision(wrong, 1.0 - table[np.arange(4000), codes])


def test_noise_by_class_is_an_option_of_the_whole() -> None:
    table, wrong = planted(n=100, flips=5)
    found = label_errors(table, "label", noise="by class", folds=2)
    assert average_precision(wrong, found.score) > 0.6
    assert ((found.score >= 0.0) & (found.score <= 1.0)).all()


def test_the_confident_joint_counts_planted_errors() -> None:
    codes = np.array([0] * 50 + [1] * 50)
    truth = np.array([0] * 45 + [1] * 55)
    table = np.where(truth[:, None] == np.arange(2), 0.9, 0.1)
    joint = confident_joint(table, codes)
    assert joint.round().tolist() == [[45.0, 5.0], [0.0, 50.0]]
    flag = flags_of(1.0 - table[np.arange(100), codes], table, codes, joint, share=0.05)
    assert np.flatnonzero(flag).tolist() == [45, 46, 47, 48, 49]


def test_a_class_without_rows_in_the_joint_does_no_harm() -> None:
    table = np.full((10, 3), 1 / 3)
    joint = confident_joint(table, np.array([0, 1] * 5))
    assert joint.sum() == 10
    assert (joint[2] == 0).all()


@given(st.integers(2, 4), st.integers(10, 60), st.integers(0, 10_000))
def test_weights_and_probabilities_of_being_wrong_stay_in_their_range(classes: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.dirichlet(np.ones(classes), n)
    codes = rng.integers(0, classes, n)
    weights = noise_weights(table, codes)
    wrong = wrong_probability(table, codes, anchor_rates(table, codes), confident_joint(table, codes))
    assert ((weights >= 0.0) & (weights <= 1.0)).all()
    assert ((wrong >= 0.0) & (wrong <= 1.0)).all()
    assert all(weights[codes == each].sum() > 0.0 for each in set(codes.tolist()))


def test_the_pool_leans_on_the_learner_that_knows() -> None:
    codes = np.arange(2000) % 2
    knows = np.where(codes[:, None] == np.arange(2), 0.9, 0.1)
    guesses = np.random.default_rng(0).dirichlet([1.0, 1.0], 2000)
    mixed = pooled({"knows": knows, "guesses": guesses}, codes, np.ones(2000))
    assert (mixed.argmax(axis=1) == codes).mean() > 0.95


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["a"] * 40, "1 of 1 classes"),
        ([None] * 40, "0 of 0 classes"),
        (["a"] * 38 + ["b"] * 2, "1 of 2 classes"),
        (list(range(40)), "40 different numbers"),
        ([float(each) for each in range(40)], "40 different numbers"),
        ([f"c{each}" for each in range(40)], "0 of 40 classes"),
        ([[each] for each in range(40)], "List"),
    ],
)
def test_a_target_that_holds_no_classes_is_refused(labels: list[Any], words: str) -> None:
    table = pl.DataFrame({"x": np.arange(40.0) % 13, "y": pl.Series(labels)})
    with pytest.raises(UnusableTarget, match=words):
        label_errors(table, "y")


def test_bad_arguments_are_refused() -> None:
    table, _ = planted(n=40, flips=0)
    with pytest.raises(ColumnNotFound, match="did you mean 'label'"):
        label_errors(table, "lable")
    with pytest.raises(ColumnNotFound, match="'seize'"):
        label_errors(table, "label", features=["seize"])
    with pytest.raises(InvalidValue, match="among the features"):
        label_errors(table, "label", features=["label"])
    with pytest.raises(InvalidValue, match="1 folds"):
        label_errors(table, "label", folds=1)
    with pytest.raises(InvalidValue, match="by class"):
        label_errors(table, "label", noise="by clas")
    with pytest.raises(EmptyTable):
        label_errors(table.clear(), "label")
    with pytest.raises(NotMeasurable, match="two different"):
        label_errors(table.select("label", same=pl.lit(1)), "label")
    with pytest.raises(NotMeasurable, match="there is none"):
        label_errors(table.select("label"), "label")


def test_only_the_features_asked_for_take_part() -> None:
    table, _ = planted(n=60, flips=2)
    assert label_errors(table, "label", features=["size", "size"], folds=2).used == ("size",)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 1, 2], "number"),
        ([True, False, None], "number"),
        (["a", "b", "a"], "category"),
        ([date(2020, 1, 1), date(2021, 1, 1)], "time"),
        ([1.0, float("inf")], "it has fewer than two different values"),
        (list(range(30)), "its values number the rows"),
        ([each * each for each in range(30)], "number"),
        ([f"k{each}" for each in range(30)], "its values name the rows"),
        ([f"{each} words are in here" for each in range(30)], "prose"),
        ([b"a", b"b"], "its values are lists, structs or bytes"),
    ],
)
def test_the_kind_of_a_column(values: list[Any], kind: str) -> None:
    assert kind_of(pl.Series(values)) == kind


def test_prose_without_common_words_counts_by_its_length() -> None:
    rows = pl.DataFrame({"t": [f"x{each} y{each} z{each}" for each in range(200)]})
    assert encode(rows, ["t"]).trees.shape == (200, 1)


def test_many_indicators_are_narrowed_to_the_most_frequent() -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({f"c{each}": rng.choice([f"l{k}" for k in range(40)], 600) for each in range(25)})
    assert encode(rows, rows.columns).linear.shape == (600, 800)


def test_times_with_a_zone_are_read() -> None:
    when = pl.Series("w", [0, 10**12, 2 * 10**12]).cast(pl.Datetime("us", "UTC"))
    encoded = encode(when.to_frame(), ["w"])
    assert encoded.used == ("w",)
    assert len(identical_rows(when.to_frame(), ("w",))) == 3


def test_a_column_of_one_class_is_no_copy() -> None:
    codes = np.array([0] * 90 + [1] * 10)
    rows = pl.DataFrame({"x": ["a"] * 95 + ["b"] * 5})
    assert copies(rows, ("x",), codes) == {}
