"""Look-ups by level, crosses, groups and arithmetic: the graph against the same arithmetic in NumPy."""

from __future__ import annotations

import math
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._features import levels, makers, target_mean
from holdfast.automl._features.base import Recipe, Table
from holdfast.automl._folds import Fold
from holdfast.core.errors import ColumnNotFound, InvalidValue
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors

NAN, INF = float("nan"), float("inf")


def table(target=None, *, schema: ModelSchema | None = None, **columns) -> Table:
    rows = pl.DataFrame(columns, strict=False)
    kinds = {name: "string" if kind == pl.String else "float32" for name, kind in rows.schema.items()}
    made = schema or ModelSchema("regression", "y", tuple(Column(*each) for each in kinds.items()))
    answers = np.zeros(rows.height) if target is None else np.asarray(target, dtype=np.float64)
    return Table(made, to_tensors(rows, made), answers.reshape(rows.height, -1), np.ones(rows.height))


def fit(recipe: Recipe, rows: Table) -> makers.Made:
    return makers.Made([makers.fit(recipe, rows, rng=np.random.default_rng(0))], rows.schema)


def values(recipe: Recipe, rows: Table, of: Table | None = None) -> np.ndarray:
    return fit(recipe, rows).values((of or rows).tensors)


def cities(n: int = 400) -> Table:
    rng = np.random.default_rng(3)
    city = rng.choice(["Ulm", "Bonn", "", "Köln"], n, p=[0.5, 0.3, 0.15, 0.05])
    floor = rng.integers(0, 3, n).astype(float)
    rent = np.where(city == "Ulm", 3.0, 1.0) * floor + rng.normal(size=n)
    return table(rent, city=city, floor=floor, rent=rent)


# -- codes ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "", "é"]), st.sampled_from([0.0, 1.0, -3.0, NAN])), min_size=1),
    st.lists(st.tuples(st.text(max_size=2), st.sampled_from([0.0, 1.0, 2.5, NAN, INF, 1e30])), min_size=1),
)
@settings(max_examples=15)
def test_codes_are_the_same_in_numpy_and_in_the_graph(seen, asked) -> None:
    first = table(t=[each[0] for each in seen], x=[each[1] for each in seen])
    other = table(t=[each[0] for each in asked], x=[each[1] for each in asked])
    for columns in (("t",), ("x",), ("t", "x")):
        made = levels.fit(first, columns)
        own = np.arange(made.size + 1, dtype=np.float32).reshape(-1, 1)
        block = levels.Lookup(Recipe("cross", columns), ("code",), made, levels.types_of(first), own)
        graph = makers.Made([block], first.schema)
        for rows in (first, other):
            np.testing.assert_array_equal(graph.values(rows.tensors)[:, 0], made.codes(rows.tensors))


def test_codes_go_by_falling_frequency_and_rare_levels_have_none() -> None:
    rows = table(t=["b", "c", "a", "c", "b", "d"])
    assert levels.fit(rows, ("t",), most=3).keys == (("b", "c", "a"),)
    assert levels.fit(rows, ("t",), least=2).keys == (("b", "c"),)
    assert levels.fit(rows, ("t",), least=9).codes(rows.tensors).tolist() == [0] * 6


def test_numbers_with_fractions_are_no_levels() -> None:
    with pytest.raises(InvalidValue, match="'x' holds numbers with fractions"):
        levels.fit(table(x=[0.5, 1.0]), ("x",))


# -- target means ---------------------------------------------------------------------------------------------------


def test_a_target_mean_is_drawn_toward_the_whole_by_so_many_rows() -> None:
    rows = table([1.0, 1.0, 0.0, 0.0], t=["a", "a", "b", "b"])
    found = values(Recipe("target_mean", ("t",), {"strength": 2.0}), rows, table(t=["a", "b", "new", None]))
    np.testing.assert_allclose(found.ravel(), [0.75, 0.25, 0.5, 0.5])


def test_rows_count_by_their_weight() -> None:
    rows = table([1.0, 0.0, 0.0, 0.0], t=["a", "a", "b", "b"])
    heavy = Table(rows.schema, rows.tensors, rows.target, np.array([3.0, 1.0, 1.0, 1.0]))
    found = values(Recipe("target_mean", ("t",), {"strength": 1.0}), heavy, table(t=["a"]))
    assert found.item() == pytest.approx((3.0 + 0.5) / 5.0)


def test_levels_that_differ_by_chance_only_are_drawn_to_one_mean() -> None:
    rng = np.random.default_rng(0)
    noise = table(rng.normal(size=2000), t=rng.integers(0, 100, 2000).astype(str))
    telling = table(rng.normal(size=2000) + 5 * (noise.tensors["t"].ravel() < "5"), t=noise.tensors["t"].ravel())
    assert values(Recipe("target_mean", ("t",)), noise).std() < 0.1
    assert values(Recipe("target_mean", ("t",)), telling).std() > 2.0


def test_the_strength_is_the_variance_within_by_that_between() -> None:
    rng = np.random.default_rng(0)
    count, rows, between, within = 400, 20, 2.0, 3.0
    sample = rng.normal(scale=between, size=(count, 1)) + rng.normal(scale=within, size=(count, rows))
    found = target_mean.strength_of(np.full(count, float(rows)), sample.sum(axis=1), (sample**2).sum(axis=1))
    assert found == pytest.approx(within**2 / between**2, rel=0.2)
    assert target_mean.strength_of(np.ones(1), np.ones(1), np.ones(1)) == target_mean.MOST_STRENGTH


def test_several_classes_have_a_mean_each_and_say_which() -> None:
    schema = ModelSchema("multiclass", "y", (Column("t", "string"),), classes=("r", "g", "b"))
    rows = table([[1, 0], [1, 0], [0, 1], [0, 0]], schema=schema, t=["a", "a", "b", "b"])
    found = fit(Recipe("target_mean", ("t",), {"strength": 1e-9}), rows)
    assert found.names == ("target mean by t (g)", "target mean by t (b)")
    np.testing.assert_allclose(found.values(rows.tensors), [[1, 0], [1, 0], [0, 0.5], [0, 0.5]], atol=1e-6)


def test_cross_fitted_values_do_not_know_their_own_target() -> None:
    rng = np.random.default_rng(0)
    rows = table(rng.normal(size=300), t=(np.arange(300) // 2).astype(str))
    recipe = Recipe("target_mean", ("t",), {"strength": 0.1})
    leaking = np.corrcoef(values(recipe, rows).ravel(), rows.target.ravel())[0, 1]
    clean = makers.cross_fitted(recipe, rows, folds=5, rng=np.random.default_rng(0))
    assert leaking > 0.6
    assert abs(np.corrcoef(clean.ravel(), rows.target.ravel())[0, 1]) < 0.3


def test_changing_a_row_changes_nothing_of_its_own_cross_fitted_values() -> None:
    rows = cities(60)
    recipe = Recipe("target_mean", ("city",))
    before = makers.cross_fitted(recipe, rows, folds=4, rng=np.random.default_rng(1))
    rows.target[17] += 100.0
    after = makers.cross_fitted(recipe, rows, folds=4, rng=np.random.default_rng(1))
    assert before[17] == after[17]
    assert not np.array_equal(before, after)


def test_given_folds_are_kept_and_what_none_holds_out_is_nan() -> None:
    rows = table([1.0, 1.0, 0.0, 0.0], t=["a", "a", "a", "a"])
    folds = [Fold(np.array([0, 1]), np.array([2, 3]))]
    found = makers.cross_fitted(Recipe("target_mean", ("t",)), rows, folds=folds, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(found.ravel(), [NAN, NAN, 1.0, 1.0])


def test_what_does_not_look_at_the_target_is_the_same_cross_fitted() -> None:
    rows = cities()
    recipe = Recipe("frequency", ("city",))
    np.testing.assert_array_equal(
        makers.cross_fitted(recipe, rows, folds=3, rng=np.random.default_rng(0)), values(recipe, rows)
    )


# -- frequencies, crosses -------------------------------------------------------------------------------------------


def test_a_frequency_is_the_logarithm_of_the_rows_alike() -> None:
    found = values(
        Recipe("frequency", ("t",)), table(t=["a", "a", "a", None, None, "c"]), table(t=["a", None, "c", "d"])
    )
    np.testing.assert_allclose(found.ravel(), [math.log(4), math.log(3), 0.0, 0.0], rtol=1e-6)


def test_pairs_are_counted_as_pairs() -> None:
    rows = table(t=["a", "a", "b", "b"], x=[1, 1, 1, 2])
    found = values(Recipe("frequency", ("t", "x")), rows)
    np.testing.assert_allclose(found.ravel(), [math.log(3), math.log(3), 0.0, 0.0], rtol=1e-6)


def test_a_cross_has_one_code_for_each_pair_that_is_common() -> None:
    rows = table(t=["a", "a", "a", "b", "b", "c"], x=[1, 1, 1, 1, 1, NAN])
    found = values(Recipe("cross", ("t", "x")), rows, table(t=["a", "b", "c", "b", "z"], x=[1.0, 1.0, NAN, NAN, 1.0]))
    assert found.ravel().tolist() == [0.0, 1.0, 2.0, 2.0, 2.0]


# -- groups ---------------------------------------------------------------------------------------------------------


def test_group_statistics_are_those_of_the_level() -> None:
    rows = cities()
    found = fit(Recipe("group", ("city", "floor")), rows)
    city, floor = rows.tensors["city"].ravel(), rows.tensors["floor"].ravel()
    wanted = np.array([[f(floor[city == each]) for f in (np.mean, np.std, np.median)] for each in city])
    got = found.values(rows.tensors)
    np.testing.assert_allclose(got[:, :3], wanted, atol=1e-5)
    np.testing.assert_allclose(got[:, 3], floor - wanted[:, 0], atol=1e-5)
    assert found.names[0] == "mean of floor by city"
    assert found.names[-1] == "floor less its mean by city"


def test_an_unseen_or_rare_level_has_the_statistics_of_all_rows() -> None:
    rows = cities()
    recipe = Recipe("group", ("city", "floor"), {"statistics": ["median", "mean"], "difference": False, "least": 100})
    found = values(recipe, rows, table(city=["Rom", "Köln"], floor=[1.0, NAN]))
    floor = rows.tensors["floor"]
    np.testing.assert_allclose(found, [[floor.mean(), np.median(floor)]] * 2, rtol=1e-5)


def test_the_difference_of_what_is_missing_or_infinite_is_nan() -> None:
    recipe = Recipe("group", ("city", "floor"), {"statistics": ["mean"]})
    found = values(recipe, cities(), table(city=["Ulm", "Ulm"], floor=[NAN, INF]))
    assert np.isfinite(found[:, 0]).all()
    assert np.isnan(found[:, 1]).all()


def test_a_group_of_numbers_that_are_all_missing_is_nan() -> None:
    rows = table(t=["a"] * 6, x=pl.Series([None] * 6, dtype=pl.Float32))
    assert np.isnan(values(Recipe("group", ("t", "x")), rows)).all()


# -- arithmetic -----------------------------------------------------------------------------------------------------


def test_arithmetic_is_arithmetic_and_never_infinite() -> None:
    rows = table(a=[6.0, 1.0, NAN, INF, 1e30, 0.0], b=[3.0, 0.0, 1.0, 1.0, 1e30, 0.0])
    found = fit(Recipe("arithmetic", ("a", "b"), {"of": ["ratio", "difference", "product", "sum"]}), rows)
    assert found.names == ("a / b", "a - b", "a * b", "a + b")
    wanted = [
        [2.0, 3.0, 18.0, 9.0],
        [NAN, 1.0, 0.0, 1.0],
        [NAN] * 4,
        [NAN] * 4,
        [1.0, 0.0, NAN, NAN],
        [NAN, 0.0, 0.0, 0.0],
    ]
    np.testing.assert_array_equal(found.values(rows.tensors), np.float32(wanted))


# -- makers ---------------------------------------------------------------------------------------------------------


def test_several_blocks_stand_side_by_side_and_know_their_sources() -> None:
    rows = cities()
    recipes = [Recipe("frequency", ("city",)), Recipe("arithmetic", ("floor", "rent"), {"of": ["ratio"]})]
    blocks = [makers.fit(each, rows, rng=np.random.default_rng(0)) for each in recipes]
    together = makers.Made(blocks, rows.schema)
    assert together.sources == (("city",), ("floor", "rent"))
    np.testing.assert_array_equal(
        makers.values(blocks, rows), np.hstack([makers.values([each], rows) for each in blocks])
    )
    np.testing.assert_array_equal(together.values(rows.tensors), makers.values(blocks, rows))
    assert [Recipe.from_plain(each.recipe.plain()) for each in blocks] == recipes


def test_only_target_means_look_at_the_target() -> None:
    assert [kind for kind in makers.MAKERS if makers.supervised(Recipe(kind, ("x",)))] == ["target_mean"]


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (Recipe("target_meen", ("city",)), "did you mean 'target_mean'"),
        (Recipe("target_mean", ("city",), {"strength": -1}), "strength -1"),
        (Recipe("target_mean", ("city",), {"strength": "much"}), "strength 'much'"),
        (Recipe("target_mean", ("city", "floor", "rent")), "3 columns"),
        (Recipe("target_mean", ()), "0 columns"),
        (Recipe("frequency", ("rent",)), "numbers with fractions"),
        (Recipe("frequency", ("city",), {"most": True}), "most True"),
        (Recipe("cross", ("city",)), "1 column"),
        (Recipe("group", ("city", "city")), "'city' is string"),
        (Recipe("group", ("city", "floor"), {"statistics": ["mode"]}), "'mode'"),
        (Recipe("group", ("city", "floor"), {"difference": 1}), "difference 1"),
        (Recipe("arithmetic", ("floor", "city")), "'city' is string"),
        (Recipe("arithmetic", ("floor", "rent"), {"of": "ratio"}), "of 'ratio'"),
        (Recipe("arithmetic", ("floor", "rent"), {"with": 1}), "parameter 'with'"),
    ],
)
def test_recipes_that_cannot_be_are_refused(recipe, told) -> None:
    with pytest.raises(Exception, match=re.escape(told)) as caught:
        fit(recipe, cities())
    assert caught.value.code.startswith("HF")


def test_a_column_that_is_not_there_is_named_with_its_neighbour() -> None:
    with pytest.raises(ColumnNotFound, match=r"no column 'citi'.*did you mean 'city'"):
        fit(Recipe("frequency", ("citi",)), cities())


def test_no_block_and_too_few_folds_are_refused() -> None:
    rows = cities()
    with pytest.raises(InvalidValue, match="no block"):
        makers.values([], rows)
    for folds in (1, []):
        with pytest.raises(InvalidValue, match="fold"):
            makers.cross_fitted(Recipe("target_mean", ("city",)), rows, folds=folds, rng=np.random.default_rng(0))
