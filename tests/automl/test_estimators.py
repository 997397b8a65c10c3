"""The scikit-learn estimators: what scikit-learn asks of them, tables of any kind, weights, and errors."""

from __future__ import annotations

import copy
import datetime
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from holdfast.automl import AutoClassifier, AutoRegressor
from holdfast.automl._estimator_rows import arranged, table_of
from holdfast.core import registry
from holdfast.core.errors import MissingExtra, TrainingFailed
from holdfast.core.ports import Trained, TrainRequest

#: A search that is over at once: what it finds is not what is tested here.
FAST: dict[str, Any] = {"bag": False, "folds": 3, "repeats": 1, "rounds": 20}
QUICK: dict[str, Any] = {"max_trials": 1, "budget": 20.0, "threads": 1, "settings": FAST}
MOMENT = datetime.datetime(2020, 1, 1)  # noqa: DTZ001 - a column of moments without a zone
X4 = np.arange(40.0).reshape(10, 4)
Y4 = np.array([0, 1] * 5)

CHECKED = {**QUICK, "max_trials": 2}


@parametrize_with_checks([AutoClassifier(**CHECKED), AutoRegressor(**CHECKED)])
def test_scikit_learns_own_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.parametrize("estimator", [AutoClassifier(), AutoRegressor()], ids=["classifier", "regressor"])
@pytest.mark.parametrize(
    "check",
    [
        estimator_checks.check_fit_idempotent,
        estimator_checks.check_sample_weight_equivalence_on_dense_data,
        estimator_checks.check_methods_subset_invariance,
        estimator_checks.check_estimators_pickle,
    ],
    ids=lambda each: each.__name__,
)
def test_what_a_bag_and_an_ensemble_could_break_holds_as_they_come(estimator: Any, check: Any) -> None:
    check(type(estimator).__name__, estimator)


def people(n: int = 120) -> pl.DataFrame:
    """A table with a column of each kind, gaps in all of them, and the target `y`."""
    rng = np.random.default_rng(5)
    age = rng.normal(40, 12, n).round()
    town = rng.choice(["Aa", "Bb", "Cc"], n)
    start = datetime.date(2020, 1, 1)
    rows = pl.DataFrame(
        {
            "age": age,
            "children": rng.integers(0, 4, n),
            "town": town,
            "member": rng.random(n) > 0.5,
            "since": [start + datetime.timedelta(days=int(each)) for each in rng.integers(0, 900, n)],
            "y": np.where(age + 15 * (town == "Aa") + rng.normal(0, 5, n) > 44, "yes", "no"),
        }
    )
    gaps = {name: pl.Series(rng.random(n) < 0.1) for name in rows.columns if name != "y"}
    return rows.with_columns(pl.when(~gap).then(pl.col(name)).alias(name) for name, gap in gaps.items())


@pytest.fixture(scope="module")
def fitted() -> AutoClassifier:
    """A classifier fitted to the people, as a Polars table."""
    rows = people()
    return AutoClassifier(**QUICK).fit(rows.drop("y"), rows["y"])


def test_a_table_with_text_times_and_gaps_is_learnt_from(fitted: AutoClassifier) -> None:
    rows = people()
    assert fitted.score(rows.drop("y"), rows["y"]) > 0.75
    assert list(fitted.feature_names_in_) == ["age", "children", "town", "member", "since"]
    assert fitted.n_features_in_ == 5
    assert list(fitted.classes_) == ["no", "yes"]


@pytest.mark.parametrize("kind", ["object", "category", "string"])
def test_pandas_and_polars_give_the_same_model(fitted: AutoClassifier, kind: str) -> None:
    rows = people()
    frame = pd.DataFrame(rows.drop("y").to_dict(as_series=False))
    frame["town"] = frame["town"].astype(kind)
    frame["since"] = pd.to_datetime(frame["since"])
    made = AutoClassifier(**QUICK).fit(frame, pd.Series(rows["y"].to_list(), name="y"))
    assert np.array_equal(made.predict_proba(frame), fitted.predict_proba(rows.drop("y")))


def test_unseen_levels_and_rows_of_gaps_are_answered(fitted: AutoClassifier) -> None:
    rows = people().drop("y").head(2)
    odd = rows.with_columns(town=pl.lit("Zz"))
    empty = rows.select(pl.lit(None).cast(kind).alias(name) for name, kind in rows.schema.items())
    for each in (odd, empty, rows.with_columns(pl.lit(None).alias("age"))):
        assert np.isfinite(fitted.predict_proba(each)).all()
    assert np.isfinite(fitted.predict_proba(empty.to_pandas())).all()


def test_the_answers_are_those_of_the_saved_graph(fitted: AutoClassifier, tmp_path: Path) -> None:
    import onnxruntime

    file = fitted.save(tmp_path / "new" / "folder")
    assert file.name == "model.onnx"
    graph = onnxruntime.InferenceSession(str(file))
    rows = people().drop("y", "since", "member", "children")
    inputs = {
        "age": rows["age"].cast(pl.Float32).fill_null(float("nan")).to_numpy().reshape(-1, 1),
        "town": rows["town"].fill_null("").to_numpy().astype(object).reshape(-1, 1),
        **{name: np.full((rows.height, 1), np.nan, np.float32) for name in ("children", "member", "since")},
    }
    label, probabilities = graph.run(["label", "probabilities"], inputs)
    table = rows.with_columns(pl.lit(None, pl.Int64).alias(each) for each in ("children", "member", "since"))
    table = table.select(fitted.feature_names_in_.tolist())
    assert np.array_equal(fitted.predict_proba(table), probabilities)
    assert np.array_equal(fitted.predict(table), label)
    assert probabilities.dtype == np.float32


def test_a_copy_answers_the_same_and_carries_no_session(fitted: AutoClassifier) -> None:
    rows = people().drop("y")
    made = copy.deepcopy(fitted)
    assert made.__getstate__()["_session"] is None
    assert np.array_equal(made.predict_proba(rows), fitted.predict_proba(rows))


def test_report_and_leaderboard_are_plain_data(fitted: AutoClassifier) -> None:
    assert json.loads(json.dumps(fitted.report_))["trials"]
    assert fitted.leaderboard_[0]["rank"] == 1
    assert len(fitted.leaderboard_) >= len(fitted.report_["trials"])


def test_importances_are_those_of_the_report_in_the_order_of_the_features(fitted: AutoClassifier) -> None:
    made = copy.copy(fitted)
    made.report_ = {"columns": [{"name": "town", "importance": 0.2}, {"name": "age", "importance": None}]}
    assert made.feature_importances_.tolist() == [0.0, 0.0, 0.2, 0.0, 0.0]
    made.report_ = {}
    with pytest.raises(AttributeError, match="no importances"):
        made.feature_importances_  # noqa: B018 - it is the asking that raises


def test_columns_in_another_order_or_missing_are_refused(fitted: AutoClassifier) -> None:
    rows = people().drop("y")
    with pytest.raises(ValueError, match="same order"):
        fitted.predict(rows.select(reversed(rows.columns)))
    with pytest.raises(ValueError, match="now missing"):
        fitted.predict(rows.drop("age"))


def test_text_where_numbers_were_is_refused_with_column_row_and_cell(fitted: AutoClassifier) -> None:
    rows = people().drop("y").with_columns(age=pl.lit("old"))
    with pytest.raises(ValueError, match=r"column 'age', row 0: 'old' is no number.*HF200"):
        fitted.predict(rows)


@pytest.mark.parametrize(
    "labels",
    [[2, 10, 33], [-1.0, 0.0, 2.0], [False, True], ["b", "a", "é ü"], [0, 1], [10, 9]],
    ids=["whole numbers", "numbers", "truth values", "texts", "codes", "not in order of their text"],
)
def test_classes_keep_their_type_and_the_order_of_scikit_learn(labels: list[Any]) -> None:
    X = np.repeat(np.arange(len(labels), dtype=float), 15)[:, None] + np.linspace(0, 0.3, 15 * len(labels))[:, None]
    y = np.repeat(np.array(labels), 15)
    made = AutoClassifier(**QUICK).fit(X, y)
    assert made.classes_.tolist() == sorted(labels)
    assert made.classes_.dtype == y.dtype
    assert made.score(X, y) > 0.9
    assert np.array_equal(made.classes_[made.predict_proba(X).argmax(axis=1)], made.predict(X))


def test_a_weight_of_two_is_a_row_that_is_there_twice() -> None:
    rng = np.random.default_rng(0)
    X, weights = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    y = X[:, 0] + rng.normal(0, 0.3, 60)
    one = AutoRegressor(**QUICK).fit(X, y, sample_weight=weights)
    two = AutoRegressor(**QUICK).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert np.array_equal(one.predict(X), two.predict(X))
    assert any("copies of rows" in each for each in two.report_["notes"])


def test_heavy_rows_move_the_answer() -> None:
    X = np.tile(np.arange(10.0), 8)[:, None]
    y = np.repeat([0.0, 1.0], 40)
    light = AutoRegressor(**QUICK).fit(X, y, sample_weight=np.where(y == 1.0, 1.0, 9.0)).predict(X)
    heavy = AutoRegressor(**QUICK).fit(X, y, sample_weight=np.where(y == 1.0, 9.0, 1.0)).predict(X)
    assert light.mean() < 0.3
    assert heavy.mean() > 0.7


def test_the_order_of_the_rows_changes_nothing() -> None:
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(y))
    one, two = (AutoClassifier(**QUICK).fit(X[each], y[each]) for each in (np.arange(len(y)), order))
    assert one.model_ == two.model_


def test_it_works_in_a_pipeline_and_in_a_grid_search() -> None:
    X, y = load_iris(return_X_y=True)
    line = make_pipeline(StandardScaler(), AutoClassifier(**QUICK))
    found = GridSearchCV(line, {"autoclassifier__max_trials": [1, 2]}, cv=2).fit(X, y)
    assert found.best_score_ > 0.9
    assert found.best_estimator_[-1].leaderboard_


def test_cross_validation_scores_it() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    assert cross_val_score(AutoRegressor(**QUICK), X, y, cv=2).mean() > 0.3


class Recorder:
    """A trainer that keeps what it was asked for, and fails."""

    name = "automl"
    request: TrainRequest

    def train(self, request: TrainRequest) -> Trained:
        self.request = request
        raise TrainingFailed("nothing is trained here")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What the estimators ask their trainer for."""
    recorder, real = Recorder(), registry.get

    def get(kind: str, name: str, **given: Any) -> Any:
        return recorder if kind == "trainer" else real(kind, name, **given)

    monkeypatch.setattr(registry, "get", get)
    return recorder


def test_the_trainer_is_asked_for_what_the_parameters_say(asked: Recorder) -> None:
    rows = people()
    model = AutoClassifier(
        budget=7,
        clock="cpu",
        promises=["recall >= 0.8 by member", "model_size <= 1 MB", "demographic_parity_difference(town) <= 0.2"],
        time="since",
        monotone={"age": 1},
        random_state=5,
    )
    with pytest.raises(ValueError, match="nothing is trained here"):
        model.fit(rows.drop("y"), rows["y"], groups=np.arange(120) % 7)
    request = asked.request
    assert (request.task, request.target, request.positive) == ("binary", "y", "yes")
    assert (request.budget_s, request.clock, request.seed) == (7.0, "cpu", 5)
    assert request.features == ("age", "children", "town", "member", "since")
    assert request.sensitive == ("town", "member")
    assert [each.stage for each in request.promises] == ["candidate", "package", "candidate"]
    assert request.settings == {"max_trials": 6, "time": "since", "group": "group", "monotone": {"age": 1}}
    assert sorted(request.rows.columns) == sorted([*request.features, "y", "group"])
    assert request.rows["group"].n_unique() == 7
    assert request.weights is None
    assert request.holdout.height == 0


def test_rows_of_no_weight_are_left_out_and_equal_weights_are_none(asked: Recorder) -> None:
    with pytest.raises(ValueError, match="nothing is trained"):
        AutoRegressor(task="count").fit(X4, np.arange(10), sample_weight=[0.0, 3.0] * 5)
    assert asked.request.task == "count"
    assert asked.request.rows.height == 5
    assert asked.request.weights is None
    with pytest.raises(ValueError, match="nothing is trained"):
        AutoRegressor().fit(X4, np.arange(10), sample_weight=np.arange(10))
    assert sorted(asked.request.weights) == list(range(1, 10))


@pytest.mark.parametrize("state", [None, np.random.RandomState(3)], ids=["none", "a generator"])
def test_any_random_state_of_scikit_learn_makes_a_seed(asked: Recorder, state: Any) -> None:
    with pytest.raises(ValueError, match="nothing is trained"):
        AutoRegressor(random_state=state).fit(X4, np.arange(10))
    assert 0 <= asked.request.seed < 2**31


def test_a_missing_extra_stays_what_it_is(asked: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(request: TrainRequest) -> Trained:
        raise MissingExtra.of("automl", what="the learner catboost")

    monkeypatch.setattr(asked, "train", train)
    with pytest.raises(MissingExtra, match="catboost"):
        AutoRegressor().fit(X4, np.arange(10))


@pytest.mark.parametrize(
    ("nearest", "said"),
    [
        (
            [{"claim": "recall >= 0.99", "text": "recall 0.91 against >= 0.99"}],
            "the nearest miss is: recall 0.91 against",
        ),
        ([], "no candidate keeps them all"),
    ],
)
def test_promises_that_cannot_be_kept_are_a_warning_with_the_nearest_miss(
    monkeypatch: pytest.MonkeyPatch, nearest: list[dict[str, Any]], said: str
) -> None:
    real = registry.get("trainer", "automl").train

    def train(request: TrainRequest) -> Trained:
        return replace(real(request), report={"feasible": False, "nearest": nearest})

    monkeypatch.setattr(registry.get("trainer", "automl"), "train", train)
    rows = people()
    with pytest.warns(UserWarning, match=said):
        model = AutoClassifier(promises=["recall >= 0.99"], **QUICK).fit(rows.drop("y"), rows["y"])
    # The threshold that comes nearest is the one that predicts.
    likely = rows.filter(pl.col("y") == "yes").drop("y")
    assert (model.predict(likely) == "yes").mean() > 0.9


def test_a_promise_that_is_kept_is_no_warning() -> None:
    rows = people()
    model = AutoClassifier(promises="accuracy >= 0.5", **QUICK).fit(rows.drop("y"), rows["y"])
    assert model.report_.get("feasible") is not False


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"promises": ["accuracy at least 0.9"]}, "HF104"),
        ({"promises": ["accuracyx >= 0.9"]}, "did you mean 'accuracy'"),
        ({"promises": ["accuracy >= 9"]}, "a number from 0 to 1"),
        ({"promises": ["accuracy >= 0.9 by town"]}, "no column 'town'"),
        ({"promises": ["wasserstein(x0) <= 1"]}, "not deployed"),
        ({"promises": [3]}, "HF104"),
        ({"budget": 0}, "seconds above 0"),
        ({"budget": "60 s"}, "seconds above 0"),
        ({"clock": "sand"}, "HF107"),
        ({"max_trials": 0}, "max_trials 0"),
        ({"max_trials": "many"}, "max_trials 'many'"),
        ({"time": "when"}, "no column 'when'"),
        ({"monotone": {"x9": 1}}, "'x9'"),
        ({"settings": {"roundz": 3}}, "did you mean 'rounds'"),
        ({"settings": "fast"}, "a mapping"),
        ({"random_state": "lucky"}, "cannot be used to seed"),
    ],
    ids=str,
)
def test_a_bad_parameter_is_a_value_error_that_says_what_would_be_right(given: dict[str, Any], said: str) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=said):
        AutoClassifier(**{**QUICK, **given}).fit(X[:100], y[:100])


@pytest.mark.parametrize(
    ("X", "y", "said"),
    [
        (X4, None, "requires y"),
        (X4, [1] * 10, "only one class"),
        (X4, [0, 1, None] * 3 + [1], "Input y contains None"),
        (X4, [0.0, np.nan] * 5, "Input y contains NaN"),
        (X4, ["a", ""] * 5, "not empty"),
        (X4, np.linspace(0, 1, 10), "continuous"),
        (X4, Y4[:9], "inconsistent numbers"),
        (X4, np.column_stack([Y4, Y4]), "1d array"),
        (X4[:1], Y4[:1], "1 sample"),
        (np.where(X4 == 3.0, np.inf, X4), Y4, "infinity"),
        (pl.DataFrame({"a": [1.0, np.inf] * 5}), Y4, "infinity in column 'a'"),
        (pl.DataFrame({"a": [[1]] * 10}), Y4, "type List"),
        (pl.DataFrame({"a": [1.0]}), Y4[:1], "1 sample"),
        (pl.DataFrame({"a": [1.0, 2.0]}).drop("a"), [], "0 feature"),
        (pd.DataFrame(X4, columns=list("abca")), Y4, "unique column names"),
        (pd.DataFrame(index=range(10)), Y4, "0 feature"),
        (X4[0], Y4[:4], "2D array"),
        ([["a", "b"]] * 10, Y4, "numeric"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_rows_that_cannot_be_learnt_from_are_refused(X: Any, y: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AutoClassifier(**QUICK).fit(X, y)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([0.0] * 10, "zero"),
        ([-1.0] + [1.0] * 9, "negative"),
        ([1.0] * 9, "one weight for each of the 10 rows"),
        ([np.nan] + [1.0] * 9, "NaN"),
        ([1.0] + [0.0] * 9, "only 1 row"),
        ([1.0, 0.0] * 5, "one class"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AutoClassifier(**QUICK).fit(X4, Y4, sample_weight=weights)


def test_groups_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one for each of the 10 rows"):
        AutoClassifier(**QUICK).fit(X4, Y4, groups=[1, 2])


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0.0, np.nan] * 5, "Input y contains NaN"),
        ([0.0, np.inf] * 5, "Input y contains infinity"),
        (["a", "b"] * 5, "no column of numbers"),
        ([3.0] * 10, "constant"),
    ],
)
def test_a_target_that_is_no_number_is_refused(y: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        AutoRegressor(**QUICK).fit(X4, y)


def test_a_regressor_of_an_unknown_task_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'quantile'"):
        AutoRegressor(task="quantil", **QUICK).fit(X4, np.arange(10.0))


def test_complex_numbers_in_a_table_are_refused() -> None:
    with pytest.raises(ValueError, match="Complex data not supported"):
        AutoClassifier(**QUICK).fit(pd.DataFrame({"a": X4[:, 0] + 1j}), Y4)


def test_a_cell_that_holds_a_mapping_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="a string or a number, got dict"):
        AutoClassifier(**QUICK).fit(pd.DataFrame({"a": [{"b": 1}] * 10}), Y4)


def test_an_estimator_that_is_not_fitted_says_so(tmp_path: Path) -> None:
    model = AutoClassifier()
    for ask in (model.predict, model.predict_proba):
        with pytest.raises(NotFittedError):
            ask(X4)
    with pytest.raises(NotFittedError):
        model.save(tmp_path)
    assert not hasattr(model, "feature_importances_")


def test_a_column_of_targets_is_taken_with_a_warning() -> None:
    with pytest.warns(DataConversionWarning):
        AutoClassifier(**QUICK).fit(np.tile(X4, (3, 1)), np.tile(Y4, 3)[:, None])


def test_parameters_are_given_back_and_survive_a_clone() -> None:
    model = AutoRegressor(task="count", budget=3.0, promises=("mae <= 3",), monotone={"x0": 1}, settings={"rounds": 5})
    assert clone(model).get_params() == model.get_params()
    assert model.set_params(budget=4.0).budget == 4.0


@pytest.mark.parametrize(("rows", "trials"), [(10, 2), (100, 5), (500, 25), (501, None)])
def test_a_small_table_is_searched_by_its_rows(rows: int, trials: int | None) -> None:
    assert AutoClassifier()._settings(rows, None).get("max_trials") == trials
    assert AutoClassifier(max_trials=7)._settings(rows, None)["max_trials"] == 7


def test_what_the_settings_say_goes_before_the_parameters() -> None:
    model = AutoClassifier(threads=2, max_trials=7, settings={"threads": 1})
    assert model._settings(10, "group") == {"max_trials": 7, "group": "group", "threads": 1}


def test_a_target_takes_the_name_of_its_column_unless_a_feature_has_it() -> None:
    rows = people().rename({"town": "target"})
    made = AutoClassifier(**QUICK).fit(rows.drop("y"), rows["y"].to_list())
    assert made._schema["target"] == "target_"
    assert AutoClassifier(**QUICK).fit(rows.drop("y"), rows["y"])._schema["target"] == "y"


def test_the_names_are_there_without_scikit_learn_being_imported() -> None:
    code = (
        "import sys, holdfast.automl as a; print(dir(a)); print([n for n in ('sklearn', 'numpy') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "AutoClassifier" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    import holdfast.automl

    with pytest.raises(AttributeError, match="AutoRanker"):
        holdfast.automl.AutoRanker  # noqa: B018 - it is the asking that raises


@pytest.mark.parametrize(
    ("cells", "dtype", "made"),
    [
        (pd.array([1, None], dtype="Int64"), pl.Float64, [1.0, None]),
        (pd.array([True, None], dtype="boolean"), pl.Boolean, [True, None]),
        (pd.Categorical([3, 4]), pl.String, ["3", "4"]),
        (pd.Categorical(["a", None]), pl.String, ["a", None]),
        (pd.to_datetime(["2020-01-01", None]), pl.Datetime("us"), [MOMENT, None]),
        (pd.to_datetime(["2020-01-01T01:00"]).tz_localize("CET"), pl.Datetime("us"), [MOMENT]),
        (pd.to_timedelta(["1 day"]), pl.Duration("us"), [datetime.timedelta(days=1)]),
        (pd.Series([1, 2.5, None], dtype=object), pl.Float64, [1.0, 2.5, None]),
        (pd.Series([True, None], dtype=object), pl.Boolean, [True, None]),
        (pd.Series([1, "a", pd.NA], dtype=object), pl.String, ["1", "a", None]),
        (pd.Series([datetime.date(2020, 1, 1), pd.NaT], dtype=object), pl.Date, [datetime.date(2020, 1, 1), None]),
        (pd.Series([None, None], dtype=object), pl.Float64, [None, None]),
        (pd.array([1, None], dtype="int64[pyarrow]"), pl.Float64, [1.0, None]),
        (pd.array(["a", None], dtype="string[pyarrow]"), pl.String, ["a", None]),
        (pd.array([MOMENT, None], dtype="timestamp[us][pyarrow]"), pl.Datetime("us"), [MOMENT, None]),
        (pd.array([True, None], dtype="bool[pyarrow]"), pl.Boolean, [True, None]),
    ],
    ids=lambda each: str(each.dtype) if hasattr(each, "dtype") else "",
)
def test_every_kind_of_pandas_column_has_its_kind_here(cells: Any, dtype: pl.DataType, made: list[Any]) -> None:
    column = table_of(pd.DataFrame({"a": cells}), ["a"])["a"]
    assert column.dtype == dtype
    assert (column.fill_nan(None) if dtype == pl.Float64 else column).to_list() == made


def test_categories_of_polars_become_text() -> None:
    made = table_of(pl.DataFrame({"a": pl.Series(["x", None], dtype=pl.Categorical)}), ["b"])
    assert made.to_dict(as_series=False) == {"b": ["x", None]}


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1), st.integers(1, 3)), min_size=2, max_size=12), st.randoms()
)
def test_rows_are_arranged_whatever_their_order_and_no_weight_is_lost(
    rows: list[tuple[int, int, int]], chance: Any
) -> None:
    table = pl.DataFrame(rows, schema=["x", "y", "w"], orient="row")
    mixed = table.sample(fraction=1.0, shuffle=True, seed=chance.randrange(1000))
    one, two = (arranged(each.drop("w"), each["w"].to_numpy() * 1.0, given=["x"]) for each in (table, mixed))
    assert one.rows.equals(two.rows)
    assert one.copies == two.copies
    assert _total(one) == pytest.approx(_total(one, even=1.0) if one.weights is None else table["w"].sum())
    if one.copies:
        assert one.rows["x"].n_unique() == one.rows.height


def _total(made: Any, even: float = 1.0) -> float:
    return float(made.rows.height * even if made.weights is None else made.weights.sum())


def test_copies_become_weights_only_where_rows_are_mostly_different_and_agree() -> None:
    rows = pl.DataFrame({"x": [1.0, 1.0, 2.0, 3.0], "y": ["a", "a", "b", "b"]})
    merged = arranged(rows, None, given=["x"])
    assert merged.copies == 1
    assert sorted(zip(merged.rows["x"], merged.weights, strict=True)) == [(1.0, 2.0), (2.0, 1.0), (3.0, 1.0)]
    two_targets = rows.with_columns(y=pl.Series(["a", "b", "b", "b"]))
    assert arranged(two_targets, None, given=["x"]).copies == 0
    few_levels = pl.concat([rows] * 10)
    assert arranged(few_levels, None, given=["x"]).copies == 0
    assert arranged(few_levels, None, given=["x"]).weights is None
