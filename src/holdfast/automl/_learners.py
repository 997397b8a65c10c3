"""Learners: what a configuration is, and how it is fitted to a matrix within a deadline."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

#: Greatest number of boosting rounds of any configuration.
MOST_ROUNDS = 2000


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration: which learner, and with what.

    `rounds` is the number of boosting rounds of a fixed length; None lets the folds say when to stop.
    """

    name: str
    learner: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rounds: int | None = None

    @property
    def encoding(self) -> str:
        """Kind of encoding that the learner wants."""
        return "tree" if self.learner == "lightgbm" else "linear"

    def plain(self) -> dict[str, Any]:
        """Plain data that `from_plain` reads."""
        return {"name": self.name, "learner": self.learner, "params": dict(self.params), "rounds": self.rounds}


class Fitted(Protocol):
    """A fitted learner."""

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Margin (n, outputs) float64 for an encoded matrix."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A LightGBM booster (`Any`: the library has no types)."""

    booster: Any
    outputs: int

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None, start: int = 0) -> np.ndarray:
        """Raw score of `rounds` rounds from round `start` on, all of them when None."""
        raw = self.booster.predict(matrix, raw_score=True, start_iteration=start, num_iteration=rounds, num_threads=1)
        return np.asarray(raw, dtype=np.float64).reshape(len(matrix), self.outputs)

    def moved(self, margin: np.ndarray, matrix: np.ndarray, *, before: int, after: int) -> np.ndarray:
        """Margin of `after` rounds from that of `before` rounds: only the rounds between are walked."""
        if before == after:
            return margin
        between = self.margin(matrix, rounds=abs(after - before), start=min(before, after))
        return np.asarray(margin + between if after > before else margin - between)

    @property
    def rounds(self) -> int:
        """Number of rounds made."""
        return int(self.booster.num_trees()) // self.outputs


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A linear model: coefficients (outputs, d) and intercept (outputs,), float64."""

    coefficients: np.ndarray
    intercept: np.ndarray

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Coefficients times matrix, plus the intercept."""
        del rounds
        return np.asarray(matrix.astype(np.float64) @ self.coefficients.T + self.intercept)


def lightgbm_params(
    config: Config, *, task: str, outputs: int, seed: int, threads: int, monotone: list[int] | None
) -> dict[str, Any]:
    """Parameters for LightGBM: those of the configuration, and what must be so for exact, repeatable export."""
    objective = {"binary": "binary", "multiclass": "multiclass"}.get(task, "regression")
    params: dict[str, Any] = {
        **config.params,
        "objective": objective,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": threads,
        "verbosity": -1,
        **dataset_params(),
    }
    if task == "multiclass":
        params["num_class"] = outputs
    if monotone is not None:
        params["monotone_constraints"] = monotone
        params["monotone_constraints_method"] = "intermediate"
    return params


def dataset_params() -> dict[str, Any]:
    """Return what a LightGBM dataset is binned with; one for all configurations, so that it is binned once."""
    return {"max_bin": 255, "feature_pre_filter": False, "verbosity": -1, "zero_as_missing": False}


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A boosted fit, its loss on the held-out rows after each round, and the seconds it took."""

    model: Boosted
    losses: np.ndarray
    seconds: float


def boost(
    params: Mapping[str, Any],
    train: Any,
    *,
    outputs: int,
    rounds: int,
    deadline: float,
    held: Any | None = None,
    patience: int = 40,
) -> Curve:
    """Fit LightGBM round by round; stops at the deadline, inside a fit, and where `patience` rounds bring nothing.

    Parameters
    ----------
    params
        From `lightgbm_params`.
    train, held
        LightGBM datasets; without `held` there is no loss and no early end.
    outputs
        Width of the margin.
    rounds
        Most rounds.
    deadline
        `time.monotonic` to stop at; at least one round is always made.
    patience
        Rounds without a lower loss before it ends.
    """
    import lightgbm as lgb

    start = time.monotonic()
    with quiet():
        booster = lgb.Booster(params=dict(params), train_set=train)
        if held is not None:
            booster.add_valid(held, "held")
        losses: list[float] = []
        best = (np.inf, 0)
        for index in range(rounds):
            stalled = booster.update()
            if held is not None:
                losses.append(float(booster.eval_valid()[0][2]))
                best = min(best, (losses[-1], index))
            if stalled or time.monotonic() >= deadline or (held is not None and index - best[1] >= patience):
                break
    return Curve(Boosted(booster, outputs), np.array(losses), time.monotonic() - start)


def fit_linear(
    config: Config, matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, task: str, outputs: int, seed: int
) -> Linear:
    """Fit the linear learner of a configuration: ridge and elastic net for numbers, logistic for classes.

    `params`: ``strength`` (penalty relative to the number of rows; 1/(n C) in scikit-learn's terms) and ``mix`` (share
    of the absolute penalty, 0 for ridge).
    """
    wide = matrix.astype(np.float64)
    strength, mix = float(config.params.get("strength", 1e-3)), float(config.params.get("mix", 0.0))
    if task in ("binary", "multiclass"):
        return _logistic(wide, target, weights, strength=strength, mix=mix, outputs=outputs, seed=seed)
    if mix == 0.0:
        return _ridge(wide, target, weights, strength=strength)
    return _elastic_net(wide, target, weights, strength=strength, mix=mix, seed=seed)


def _ridge(matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, strength: float) -> Linear:
    # Hoerl & Kennard (1970), weighted, intercept unpenalised.
    share = weights / weights.sum()
    centre, level = share @ matrix, float(share @ target)
    moved = matrix - centre
    gram = (moved * share[:, None]).T @ moved
    gram[np.diag_indices_from(gram)] += strength
    coefficients = np.linalg.solve(gram, (moved * share[:, None]).T @ (target - level))
    return Linear(coefficients.reshape(1, -1), np.array([level - float(centre @ coefficients)]))


def _elastic_net(
    matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, strength: float, mix: float, seed: int
) -> Linear:
    from sklearn.linear_model import ElasticNet

    model = ElasticNet(alpha=strength, l1_ratio=mix, max_iter=500, random_state=seed)
    with quiet():
        model.fit(matrix, target, sample_weight=weights)
    return Linear(np.asarray(model.coef_, float).reshape(1, -1), np.array([float(model.intercept_)]))


def _logistic(
    matrix: np.ndarray, target: np.ndarray, weights: np.ndarray, *, strength: float, mix: float, outputs: int, seed: int
) -> Linear:
    from sklearn.linear_model import LogisticRegression

    present = np.unique(target)
    inverse = 1.0 / (strength * len(target))
    if mix > 0.0:
        model = LogisticRegression(C=inverse, l1_ratio=mix, solver="saga", max_iter=300, tol=1e-3, random_state=seed)
    else:
        # Newton's Hessian has (d outputs)^2 entries: quick while it is small, then limited memory is.
        newton = matrix.shape[1] * outputs <= 600
        solver = "newton-cholesky" if newton else "lbfgs"
        model = LogisticRegression(C=inverse, solver=solver, max_iter=50 if newton else 300, tol=1e-5)
    with quiet():
        model.fit(matrix, target, sample_weight=weights)
    coefficients, intercept = np.asarray(model.coef_, float), np.asarray(model.intercept_, float)
    if outputs == 1:
        return Linear(coefficients, intercept)
    if len(present) == 2:  # scikit-learn then gives the margin of the second class alone.
        coefficients, intercept = np.vstack([-coefficients, coefficients]) / 2, np.hstack([-intercept, intercept]) / 2
    whole, level = np.zeros((outputs, matrix.shape[1])), np.full(outputs, float(intercept.min()) - 10.0)
    whole[present], level[present] = coefficients, intercept
    return Linear(whole, level)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' warnings to themselves: a fit that did not converge is judged by its score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
