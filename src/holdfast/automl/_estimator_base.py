"""What the scikit-learn estimators share: rows, target and weights to a request, and answers from its graph."""

from __future__ import annotations

import contextlib
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from sklearn.base import BaseEstimator  # noqa: TID253 - a class needs its base; only `estimators` imports this module

from holdfast.automl._estimator_rows import arranged, is_table, table_of
from holdfast.automl._session import session
from holdfast.automl.reports import leaderboard
from holdfast.automl.reports.summary import impossible, nearest
from holdfast.core import registry
from holdfast.core.errors import HoldfastError, InvalidValue, MissingExtra, one_of
from holdfast.core.models import Column, ModelSchema
from holdfast.core.ports import Trained, TrainRequest
from holdfast.core.promises import Promise
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    from typing import Self

#: Rows up to which the number of trials is bounded by the rows: the best of many is chosen by noise there.
FEW_ROWS = 500
#: Rows for each trial there.
ROWS_PER_TRIAL = 20
#: Rows that are answered at once.
BATCH = 65_536


class Auto(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """What both estimators share."""

    def __init__(
        self,
        *,
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
        self.budget = budget
        self.clock = clock
        self.promises = promises
        self.max_trials = max_trials
        self.time = time
        self.monotone = monotone
        self.threads = threads
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> Self:
        """Search, fit, and export.

        Parameters
        ----------
        X
            Shape (n, d): an array of numbers (NaN is missing), or a table of pandas or Polars with numbers, text,
            categories, truth values or times.
        y
            Shape (n,): the target.
        sample_weight
            Shape (n,), not negative: a weight of two stands for a row that is there twice, 0 for one that is not.
        groups
            Shape (n,): rows of one group are never learnt from and asked for at once.

        Returns
        -------
        Self
            The estimator itself.

        Raises
        ------
        ValueError
            If rows, target, weights, a promise or a setting cannot be used; says which and what would be right.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        rows = self._rows(X, reset=True)
        target = self._target(y, rows.height)
        weights = _weights(sample_weight, rows.height)
        kept = np.ones(rows.height, dtype=bool) if weights is None else weights > 0.0
        if kept.sum() < 2:
            raise ValueError(f"only {kept.sum()} row has a weight that is not zero; at least two are needed")
        truth = self._truth(target[kept])
        names = list(rows.columns)
        label, group = _free(names, _name_of(y) or "target"), _free(names, "group")
        table = rows.filter(pl.Series(kept)).with_columns(truth.alias(label))
        if groups is not None:
            table = table.with_columns(_groups(groups, rows.height).filter(pl.Series(kept)).alias(group))
        made = arranged(table, None if weights is None else weights[kept], given=names)
        with _told():
            trained = self._trained(made.rows, made.weights, names, label, group if groups is not None else None)
        return self._keep(trained, made.copies)

    def _rows(self, X: Any, *, reset: bool) -> pl.DataFrame:
        from sklearn.utils.validation import validate_data

        if not is_table(X):
            array = validate_data(
                self,
                X,
                reset=reset,
                dtype="numeric",
                ensure_all_finite="allow-nan",
                ensure_min_samples=2 if reset else 1,
            )
            return table_of(array, self._names())
        validate_data(self, X, reset=reset, skip_check_array=True)
        least = 2 if reset else 1
        for found, wanted, what in ((len(X), least, "sample"), (X.shape[1], 1, "feature")):
            if found < wanted:
                raise ValueError(
                    f"Found array with {found} {what}(s) (shape={tuple(X.shape)}) while a minimum of {wanted} is"
                    " required."
                )
        return table_of(X, self._names())

    def _names(self) -> list[str]:
        named = getattr(self, "feature_names_in_", None)
        if named is not None:
            return [str(each) for each in named]
        return [f"x{place}" for place in range(self.n_features_in_)]

    def _target(self, y: Any, rows: int) -> np.ndarray:
        from sklearn.utils.validation import check_array, column_or_1d

        array = check_array(y, ensure_2d=False, dtype=None, input_name="y")
        column = np.asarray(column_or_1d(array, warn=True))
        if len(column) != rows:
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[rows, len(column)]}: X and y"
            )
        return column

    def _truth(self, target: np.ndarray) -> pl.Series:
        raise NotImplementedError

    def _task(self) -> tuple[str, str | None]:
        raise NotImplementedError

    def _trained(
        self, rows: pl.DataFrame, weights: np.ndarray | None, names: list[str], label: str, group: str | None
    ) -> Trained:
        task, positive = self._task()
        promises = self._promises(names)
        asked = {column for each in promises for column in (*each.by, *each.args)}
        with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
            request = TrainRequest(
                rows=rows,
                dataset="0" * 64,
                task=task,
                target=label,
                features=tuple(names),
                holdout=rows.head(0),
                folder=Path(folder),
                positive=positive,
                sensitive=tuple(each for each in names if each in asked),
                promises=promises,
                settings=self._settings(rows.height, group),
                budget_s=_positive(self.budget),
                clock=self.clock,
                seed=_seed(self.random_state),
                weights=weights,
            )
            trained: Trained = registry.get("trainer", "automl").train(request)
            self.model_ = trained.files["model.onnx"].read_bytes()
        return trained

    def _settings(self, rows: int, group: str | None) -> dict[str, Any]:
        trials = self.max_trials
        if trials is None and rows <= FEW_ROWS:
            trials = max(2, rows // ROWS_PER_TRIAL)
        given = {
            "max_trials": trials,
            "time": self.time,
            "group": group,
            "monotone": self.monotone,
            "threads": self.threads,
        }
        if self.settings is not None and not isinstance(self.settings, Mapping):
            raise InvalidValue(f"settings {self.settings!r}", expected="a mapping")
        return {**{name: value for name, value in given.items() if value is not None}, **dict(self.settings or {})}

    def _promises(self, names: list[str]) -> tuple[Promise, ...]:
        from holdfast.core.grammar import parse

        given = (self.promises,) if isinstance(self.promises, (str, Promise)) else tuple(self.promises)
        found = []
        for each in given:
            promise = each if isinstance(each, Promise) else parse(str(each), where="promises")
            spec = registry.get("measure", promise.measure, where=f"the promise {promise.text!r}")
            stage = next((stage for stage in ("candidate", "package") if stage in spec.stages), None)
            if stage is None:
                raise InvalidValue(
                    f"{promise.measure} cannot be promised of a model that is not deployed",
                    where=f"the promise {promise.text!r}",
                    expected="a measure of the stage candidate or package",
                )
            spec.check(promise.at(stage), where=f"the promise {promise.text!r}")
            for column in promise.by:
                if column not in names:
                    raise InvalidValue(
                        f"no column {column!r}", where=f"the promise {promise.text!r}", expected=one_of(names, column)
                    )
            found.append(promise.at(stage))
        return tuple(found)

    def _keep(self, trained: Trained, copies: int) -> Self:
        notes = [*trained.notes]
        if copies:
            notes.append(f"{copies} copies of rows were taken as weights: no row stands on both sides of a fold")
        self.report_ = {"trials": [dict(each) for each in trained.trials], **dict(trained.report), "notes": notes}
        self.leaderboard_ = leaderboard(self.report_)
        self._schema: dict[str, Any] = {
            "task": trained.schema.task,
            "target": trained.schema.target,
            "columns": [(each.name, each.dtype) for each in trained.schema.columns],
            "classes": list(trained.schema.classes),
        }
        self._session: Any = session(self.model_)
        if self.report_.get("feasible") is False:
            near = "; ".join(nearest(self.report_))
            told = [
                *impossible(self.report_),
                f"the nearest miss is: {near}" if near else "no candidate keeps them all",
            ]
            warnings.warn(f"the promises are infeasible; {'; '.join(told)}", UserWarning, stacklevel=3)
        return self

    def _answers(self, X: Any, output: str) -> np.ndarray:
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        rows = self._rows(X, reset=False)
        columns = tuple(Column(name, dtype) for name, dtype in self._schema["columns"])
        schema = ModelSchema(
            self._schema["task"], self._schema["target"], columns, classes=tuple(self._schema["classes"])
        )
        with _told():
            tensors = to_tensors(rows, schema)
        if self._session is None:
            self._session = session(self.model_)
        inputs = [each.name for each in self._session.get_inputs()]
        parts = [
            self._session.run([output], {name: tensors[name][start : start + BATCH] for name in inputs})[0]
            for start in range(0, rows.height, BATCH)
        ]
        return np.concatenate(parts)

    @property
    def feature_importances_(self) -> np.ndarray:
        """How much each feature matters, shape (d,): by how much the loss grows without it; 0 where it is not known.

        Raises
        ------
        AttributeError
            If the estimator is not fitted, or nothing was measured.
        """
        if not getattr(self, "report_", {}).get("columns"):
            raise AttributeError(f"{type(self).__name__} has no importances: it is not fitted, or none were measured")
        found = {each.get("name"): each.get("importance") for each in self.report_["columns"]}
        return np.array([found.get(name) or 0.0 for name in self._names()], dtype=np.float64)

    def save(self, folder: str | Path) -> Path:
        """Write the model into a folder, as ``model.onnx``: one graph from columns to answers; return its path.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        file = Path(folder) / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.model_)
        return file

    def __getstate__(self) -> dict[str, Any]:
        # A session is of its process; the next one makes its own.
        state = dict(super().__getstate__())
        return {**state, "_session": None} if "_session" in state else state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the house as scikit-learn's users expect them; what to install stays what it is."""
    try:
        yield
    except MissingExtra:
        raise
    except HoldfastError as error:
        raise ValueError(str(error)) from error


def _weights(given: Any, rows: int) -> np.ndarray | None:
    from sklearn.utils.validation import check_array

    if given is None:
        return None
    weights = check_array(given, ensure_2d=False, dtype=np.float64, input_name="sample_weight")
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight has shape {weights.shape}; one weight for each of the {rows} rows is expected")
    if (weights < 0.0).any():
        raise ValueError("sample_weight has negative weights; weights are 0 or more")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number; all weights are zero")
    return np.asarray(weights)


def _groups(given: Any, rows: int) -> pl.Series:
    from sklearn.utils.validation import check_array, column_or_1d

    array = np.asarray(column_or_1d(check_array(given, ensure_2d=False, dtype=None, input_name="groups")))
    if len(array) != rows:
        raise ValueError(f"groups has {len(array)} values; one for each of the {rows} rows is expected")
    return pl.Series(values=[str(each) for each in array], dtype=pl.String)


def _name_of(y: Any) -> str | None:
    name = getattr(y, "name", None)
    return name if isinstance(name, str) and name else None


def _free(names: Sequence[str], name: str) -> str:
    while name in names:
        name = f"{name}_"
    return name


def _positive(budget: Any) -> float:
    if isinstance(budget, bool) or not isinstance(budget, (int, float)) or not 0.0 < budget < float("inf"):
        raise InvalidValue(f"budget {budget!r}", expected="seconds above 0")
    return float(budget)


def _seed(random_state: Any) -> int:
    from sklearn.utils import check_random_state

    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool) and random_state >= 0:
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))
