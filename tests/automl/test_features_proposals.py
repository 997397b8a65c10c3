"""What is proposed for a table, and which of it is kept."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from holdfast.automl._features import accept, makers, proposals
from holdfast.automl._features.base import Table
from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors


def table_of(rows: pl.DataFrame, target: np.ndarray) -> Table:
    kinds = {name: "string" if kind == pl.String else "float32" for name, kind in rows.schema.items()}
    schema = ModelSchema("regression", "y", tuple(Column(*each) for each in kinds.items()))
    return Table(
        schema, to_tensors(rows, schema), target.reshape(rows.height, -1).astype(np.float64), np.ones(rows.height)
    )


@pytest.fixture(scope="module")
def shop() -> Table:
    """1,500 rows: a ratio of two numbers and a pair of texts matter; a date, many levels, sentences, a key."""
    rng = np.random.default_rng(5)
    n = 1500
    weight, size = rng.uniform(1, 5, (2, n))
    kind, town = rng.choice(["a", "b", "c"], (2, n))
    words = np.array(["good", "bad", "very", "late", "new", "parcel", "never", "came", "thanks"])
    rows = pl.DataFrame(
        {
            "weight": weight,
            "size": size,
            "kind": kind,
            "town": town,
            "street": rng.integers(0, 60, n).astype(str),
            "sold": rng.integers(18_000, 19_000, n).astype(float),
            "note": [" ".join(rng.choice(words, 6)) for _ in range(n)],
            "key": np.arange(n).astype(str),
            "same": np.ones(n),
        }
    )
    target = 3 * (weight / size) + 4 * ((kind == "a") ^ (town == "b")) + 0.2 * rng.normal(size=n)
    return table_of(rows, target)


def propose(table: Table, **given) -> dict[str, proposals.Proposal]:
    return {each.name: each for each in proposals.propose(table, rng=np.random.default_rng(0), **given)}


def test_what_reads_like_a_date_a_text_or_a_pair_is_proposed_and_a_key_is_not(shop) -> None:
    found = propose(shop, dates=("sold",))
    assert {"parts of sold", "statistics of note", "words of note", "levels of street", "size and weight"} <= set(found)
    assert {"kind with town"} <= set(found)
    used = {column for each in found.values() for recipe in each.recipes for column in recipe.columns}
    assert used.isdisjoint({"key", "same"})


def test_the_cheapest_come_first_and_names_are_unique(shop) -> None:
    found = proposals.propose(shop, dates=("sold",), rng=np.random.default_rng(0))
    assert [each.cost for each in found] == sorted(each.cost for each in found)
    assert len({each.name for each in found}) == len(found) <= proposals.MOST
    assert all(each.why for each in found)


def test_every_proposal_can_be_made(shop) -> None:
    for each in propose(shop, dates=("sold",)).values():
        for recipe in each.recipes:
            made = makers.values([makers.fit(recipe, shop, rng=np.random.default_rng(0))], shop)
            assert made.shape[0] == shop.n
            assert np.isfinite(made).any()


def test_the_same_table_has_the_same_proposals(shop) -> None:
    assert propose(shop, rows=500) == propose(shop, rows=500)


def test_named_texts_are_taken_and_others_are_not_looked_for(shop) -> None:
    assert "words of note" not in propose(shop, texts=())
    assert "words of street" in propose(shop, texts=("street",))


def test_word_vectors_are_proposed_where_there_are_some(shop) -> None:
    assert "meaning of note" not in propose(shop)
    assert propose(shop, vectors="some.txt")["meaning of note"].recipes[0].params["vectors"] == "some.txt"


def test_pairs_and_groups_are_bounded() -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(400, 12))
    rows = pl.DataFrame(numbers, schema=[f"x{each}" for each in range(12)]).with_columns(
        pl.Series(f"t{each}", rng.choice(["a", "b", "c"], 400)) for each in range(6)
    )
    found = propose(table_of(rows, numbers.prod(axis=1)))
    kinds = [recipe.kind for each in found.values() for recipe in each.recipes]
    assert kinds.count("group") <= proposals.GROUPS
    assert len(found) <= proposals.GROUPS + proposals.CROSSES


def test_one_column_and_few_rows_have_little_to_propose() -> None:
    assert propose(table_of(pl.DataFrame({"x": [1.0, 2.0, 3.0]}), np.arange(3.0))) == {}
    assert (
        propose(
            table_of(
                pl.DataFrame({"x": [None, None], "t": [None, ""]}, schema={"x": pl.Float32, "t": pl.String}),
                np.arange(2.0),
            )
        )
        == {}
    )


def test_columns_that_are_not_there_or_of_another_type_are_refused(shop) -> None:
    with pytest.raises(ColumnNotFound, match="did you mean 'sold'"):
        propose(shop, dates=("sol",))
    with pytest.raises(InvalidValue, match="'note' is string"):
        propose(shop, dates=("note",))
    with pytest.raises(InvalidValue, match="'size' is float32"):
        propose(shop, texts=("size",))
    with pytest.raises(InvalidValue, match="rows 0"):
        propose(shop, rows=0)


# -- acceptance -----------------------------------------------------------------------------------------------------


def losses(*, gain: float, n: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base = rng.exponential(size=n)
    return base - gain + rng.normal(scale=0.5, size=n), base


def test_one_proposal_is_held_to_one_standard_error() -> None:
    base = np.ones(4)
    weights = np.ones(4)
    better = accept.judge({"a": base - [0.2, 0.0, 0.1, 0.1]}, base, weights)["a"]
    assert (better.gain, better.kept) == (pytest.approx(0.1), True)
    assert better.error == pytest.approx(np.sqrt(np.sum([0.01, 0.01]) / 16))
    unsure = accept.judge({"a": base - [0.9, -0.5, 0.0, 0.0]}, base, weights)["a"]
    assert unsure.gain > 0.0
    assert not unsure.kept


def test_of_what_is_kept_of_many_a_small_share_is_idle() -> None:
    rng = np.random.default_rng(0)
    base, weights = rng.exponential(size=500), np.ones(500)
    kept: dict[bool, int] = {True: 0, False: 0}
    lucky = 0
    for _ in range(40):
        noise = rng.normal(scale=0.5, size=(25, 500))
        gains = {f"{each}": base - noise[each] - (0.1 if each < 5 else 0.0) for each in range(25)}
        for name, verdict in accept.judge(gains, base, weights).items():
            kept[int(name) < 5] += verdict.kept
            lucky += int(name) >= 5 and verdict.gain > verdict.error
    assert kept[True] >= 0.95 * 200
    assert kept[False] <= 0.2 * (kept[True] + kept[False])
    # One standard error alone would have let in more than twice as many.
    assert lucky > 2 * kept[False]


def test_those_that_were_tried_in_vain_count() -> None:
    made, base = losses(gain=0.025)
    weights = np.ones(1000)
    assert accept.judge({"a": made}, base, weights)["a"].kept
    assert not accept.judge({"a": made}, base, weights, tried=200)["a"].kept


def test_rows_that_were_not_scored_are_left_out() -> None:
    base = np.array([1.0, 1.0, 1.0, np.nan])
    made = np.array([0.5, 0.6, np.nan, 0.0])
    assert accept.judge({"a": made}, base, np.ones(4))["a"].gain == pytest.approx(0.45)


def test_no_difference_is_no_gain_and_no_proposal_no_verdict() -> None:
    base = np.ones(5)
    found = accept.judge({"a": base}, base, np.ones(5))["a"]
    assert (found.gain, found.error, found.kept) == (0.0, 0.0, False)
    assert accept.judge({}, base, np.ones(5)) == {}


def test_kept_ones_are_joined_cheapest_first_then_surest() -> None:
    verdicts = {
        "dear": accept.Verdict(0.3, 0.1, 0.001, kept=True),
        "unsure": accept.Verdict(0.2, 0.1, 0.02, kept=True),
        "sure": accept.Verdict(0.2, 0.1, 0.01, kept=True),
        "idle": accept.Verdict(0.0, 0.1, 0.5, kept=False),
    }
    assert accept.order({"dear": 9.0, "unsure": 1.0, "sure": 1.0, "idle": 0.1}, verdicts) == ("sure", "unsure", "dear")


def test_a_step_pays_is_worse_or_neither() -> None:
    made, base = losses(gain=0.2)
    weights = np.ones(1000)
    assert accept.pays(made, base, weights)
    assert accept.worse(base, made, weights)
    assert not accept.worse(made, base, weights)
    assert not accept.pays(base, base, weights)
    assert not accept.worse(base, base, weights)


def test_losses_of_other_rows_are_refused() -> None:
    with pytest.raises(InvalidValue, match="three of one length"):
        accept.judge({"a": np.ones(3)}, np.ones(4), np.ones(4))
    with pytest.raises(InvalidValue, match="no row with both"):
        accept.judge({"a": np.full(4, np.nan)}, np.ones(4), np.ones(4))
