"""scikit-learn estimators over the trainer `automl`: the best deployable model, as one ONNX graph.

This module imports scikit-learn, and is itself imported when `holdfast.automl.AutoClassifier` or `AutoRegressor` is
asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from sklearn.base import ClassifierMixin, RegressorMixin  # noqa: TID253 - a class needs its base; imported on demand

from holdfast.automl._estimator_base import Auto
from holdfast.core.errors import InvalidValue, one_of
from holdfast.stats.tensors import as_text

if TYPE_CHECKING:
    from holdfast.core.promises import Promise

#: Tasks of a regressor.
TASKS = ("regression", "quantile", "count")


class AutoClassifier(ClassifierMixin, Auto):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that searches for the best deployable model that keeps its promises.

    What answers is one ONNX graph, preprocessing and ensemble included, and it computes in 32 bits (float32): so do
    `predict` and `predict_proba`, which are what will be served. Numbers beyond the precision of float32 are rounded.

    Parameters
    ----------
    budget
        Seconds to spend at most; a small table needs less.
    clock
        ``wall``, or ``cpu``: processor seconds, which a busy machine does not change.
    promises
        Lines such as ``"recall >= 0.8"`` or ``"model_size <= 1 MB"``; where no model keeps them all, `fit` warns and
        the nearest miss is taken.
    max_trials
        Configurations to try at most. None: as many as the budget allows, and one for each 20 rows up to 500 rows.
    time
        Column whose moments order the rows: what is later is never learnt from for what is earlier.
    monotone
        1 or -1 by column: the answer rises or falls with it.
    threads
        Threads to use; None for the cores that are free.
    settings
        Further settings of the trainer `automl`.
    random_state
        Seed of everything random. The same rows, in any order, give the same model, unless the budget ends the search.

    Attributes
    ----------
    classes_
        Shape (classes,): the classes, sorted.
    n_features_in_, feature_names_in_
        Number of features, and their names where `X` is a table with names.
    model_
        The graph: bytes of an ONNX file.
    report_
        How the model was found: plain data that `holdfast.automl.reports.render` makes a page of.
    leaderboard_
        What was tried, best first.
    feature_importances_
        By how much the loss grows without each feature.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = AutoClassifier(budget=5.0, max_trials=2).fit(X, y)
    >>> model.predict_proba(X).shape, bool(model.score(X, y) > 0.9)
    ((150, 3), True)
    """

    def _target(self, y: Any, rows: int) -> np.ndarray:
        from sklearn.utils.multiclass import check_classification_targets

        target = super()._target(y, rows)
        if target.dtype == object and any(each is None for each in target):
            raise ValueError("Input y contains None; a missing target cannot be learnt from")
        check_classification_targets(target)
        return target

    def _truth(self, target: np.ndarray) -> pl.Series:
        self.classes_, codes = np.unique(target, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"only one class is in y ({self.classes_[0]!r}); at least two classes are needed")
        texts = self._texts()
        if "" in texts or len(set(texts)) < len(texts):
            raise ValueError(f"the classes {texts} are no names; each needs one of its own that is not empty")
        return pl.Series(values=np.array(texts, dtype=object)[codes.ravel()], dtype=pl.String)

    def _task(self) -> tuple[str, str | None]:
        if len(self.classes_) > 2:
            return "multiclass", None
        return "binary", self._texts()[1]

    def _texts(self) -> list[str]:
        return [str(each) for each in as_text(pl.Series(values=self.classes_.tolist()))]

    def predict(self, X: Any) -> np.ndarray:
        """Class of each row, shape (n,): the likeliest, or for two classes what the model's threshold says.

        Raises
        ------
        ValueError
            If `X` is not as it was in `fit`.
        NotFittedError
            If the estimator is not fitted.
        """
        if len(getattr(self, "classes_", ())) > 2:
            return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
        labels = self._answers(X, "label")
        return np.asarray(self.classes_[(labels == self._texts()[1]).astype(int)])

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities, shape (n, classes) float32, in the order of `classes_`.

        Raises
        ------
        ValueError
            If `X` is not as it was in `fit`.
        NotFittedError
            If the estimator is not fitted.
        """
        found = self._answers(X, "probabilities")
        places = {name: place for place, name in enumerate(self._schema["classes"])}
        return np.ascontiguousarray(found[:, [places[each] for each in self._texts()]])


class AutoRegressor(RegressorMixin, Auto):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor that searches for the best deployable model that keeps its promises.

    What answers is one ONNX graph, preprocessing and ensemble included, and it computes in 32 bits (float32): so does
    `predict`, which is what will be served. Numbers beyond the precision of float32 are rounded.

    Parameters
    ----------
    budget, clock, promises, max_trials, time, monotone, threads, settings, random_state
        As for `AutoClassifier`.
    task
        ``regression`` (the mean), ``quantile`` (with ``settings={"quantile": 0.9}``), or ``count`` (a mean above 0).

    Attributes
    ----------
    n_features_in_, feature_names_in_, model_, report_, leaderboard_, feature_importances_
        As for `AutoClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> model = AutoRegressor(budget=5.0, max_trials=2).fit(X, y)
    >>> model.predict(X).shape, bool(model.score(X, y) > 0.4)
    ((442,), True)
    """

    def __init__(
        self,
        *,
        task: str = "regression",
        budget: float = 30.0,
        clock: str = "wall",
        promises: Sequence[str | Promise] | str = (),
        max_trials: int | None = None,
        time: str | None = None,
        monotone: Mapping[str, int] | None = None,
        threads: int | None = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = 0,
    ) -> None:
        self.task = task
        super().__init__(
            budget=budget,
            clock=clock,
            promises=promises,
            max_trials=max_trials,
            time=time,
            monotone=monotone,
            threads=threads,
            settings=settings,
            random_state=random_state,
        )

    def _target(self, y: Any, rows: int) -> np.ndarray:
        target = super()._target(y, rows)
        try:
            return np.asarray(target, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"y is no column of numbers: {error}") from error

    def _truth(self, target: np.ndarray) -> pl.Series:
        return pl.Series(values=np.ascontiguousarray(target))

    def _task(self) -> tuple[str, str | None]:
        if self.task not in TASKS:
            raise InvalidValue(f"task {self.task!r}", expected=one_of(TASKS, str(self.task)))
        return self.task, None

    def predict(self, X: Any) -> np.ndarray:
        """Answer for each row, shape (n,) float32.

        Raises
        ------
        ValueError
            If `X` is not as it was in `fit`.
        NotFittedError
            If the estimator is not fitted.
        """
        return self._answers(X, "prediction")
