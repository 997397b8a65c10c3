"""Logistic regression on one number, and Platt scaling."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.stats._arrays import Floats, floats, same_length

_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Logistic:
    """Fit of ``P(hit) = 1 / (1 + exp(-(slope x + intercept)))``.

    Parameters
    ----------
    slope, intercept
        The fit.
    slope_error, intercept_error
        Standard errors, from the information matrix.
    n
        Rows.
    """

    slope: float
    intercept: float
    slope_error: float
    intercept_error: float
    n: int


@dataclass(frozen=True, slots=True)
class Platt:
    """Calibration map ``p = 1 / (1 + exp(-(scale margin + offset)))``."""

    scale: float
    offset: float

    def apply(self, margin: Any) -> Floats:
        """Probabilities of margins (logits or raw scores), shape (n,)."""
        return expit(self.scale * np.asarray(margin, dtype=np.float64) + self.offset)


def fit_logistic(x: Any, hit: Any, *, targets: Any = None) -> Logistic:
    """Fit a logistic regression on one number by Newton's method with step halving.

    Parameters
    ----------
    x
        Shape (n,): the number, not constant.
    hit
        Shape (n,): true where it happened.
    targets
        Shape (n,): what to fit instead of 0 and 1, in (0, 1); None for those.

    Returns
    -------
    Logistic
        The fit, with standard errors.

    Raises
    ------
    NotMeasurable
        If only one of the two happened, x is constant, or x separates them (the slope has then no end).
    InvalidValue
        If the lengths differ.

    References
    ----------
    D. R. Cox (1958), "The regression analysis of binary sequences", JRSSB 20.

    Examples
    --------
    >>> fitted = fit_logistic([0.0, 1.0, 2.0, 3.0, 4.0, 5.0], [0, 0, 1, 0, 1, 1])
    >>> round(fitted.slope, 3)
    1.214
    """
    values, happened = floats(x, what="x"), np.asarray(hit).astype(bool)
    same_length(values, happened, what="x and what happened")
    if happened.all() or not happened.any():
        raise NotMeasurable("only one of the two classes is there", expected="rows of both classes")
    centre, spread = float(values.mean()), float(values.std())
    if spread <= 1e-12 * max(1.0, abs(centre)):
        raise NotMeasurable("the scores are all the same", expected="scores that differ")
    wanted = happened.astype(np.float64) if targets is None else np.asarray(targets, dtype=np.float64)
    if targets is None and _separated(values, happened):
        raise NotMeasurable("the scores separate the classes, so the slope has no end", expected="scores that overlap")
    design = np.column_stack(((values - centre) / spread, np.ones(len(values))))
    weights, covariance = _newton(design, wanted)
    slope, slope_error = float(weights[0]) / spread, math.sqrt(covariance[0, 0]) / spread
    turn = np.asarray([-centre / spread, 1.0])
    return Logistic(slope, float(turn @ weights), slope_error, math.sqrt(float(turn @ covariance @ turn)), len(values))


def fit_platt(margin: Any, hit: Any) -> Platt:
    """Fit Platt scaling: a logistic regression on the margin.

    Its targets are held off 0 and 1, so it has a solution also where the margin separates the classes.

    Parameters
    ----------
    margin
        Shape (n,): raw scores, not constant.
    hit
        Shape (n,): true where it happened.

    Returns
    -------
    Platt
        Scale and offset of the margin.

    Raises
    ------
    NotMeasurable
        If only one of the two happened or the margins are constant.
    InvalidValue
        If the lengths differ.

    References
    ----------
    J. Platt (1999), "Probabilistic outputs for support vector machines"; H.-T. Lin, C.-J. Lin, R. C. Weng (2007), "A
    note on Platt's probabilistic outputs for support vector machines", Machine Learning 68.

    Examples
    --------
    >>> fit_platt([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1]).scale > 0
    True
    """
    happened = np.asarray(hit).astype(bool)
    count = int(happened.sum())
    high, low = (count + 1.0) / (count + 2.0), 1.0 / (len(happened) - count + 2.0)
    fitted = fit_logistic(margin, happened, targets=np.where(happened, high, low))
    return Platt(fitted.slope, fitted.intercept)


def expit(x: Floats) -> Floats:
    """Logistic function without overflow; shape as `x`."""
    from scipy.special import expit as logistic

    made: Floats = logistic(x)
    return made


def _separated(values: Floats, happened: Any) -> bool:
    hits, misses = values[happened], values[~happened]
    return bool(hits.min() >= misses.max() or hits.max() <= misses.min())


def _newton(design: Floats, wanted: Floats) -> tuple[Floats, Floats]:
    weights = np.asarray([0.0, math.log(wanted.mean() / (1.0 - wanted.mean()))])
    loss = _loss(design @ weights, wanted)
    for _ in range(_ROUNDS):
        given = expit(design @ weights)
        gradient = design.T @ (wanted - given)
        information = (design * (given * (1.0 - given))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(information, gradient)
        size = 1.0
        while _loss(design @ (weights + size * step), wanted) > loss and size > 1e-10:
            size /= 2.0
        weights = weights + size * step
        loss = _loss(design @ weights, wanted)
        if float(np.abs(size * step).max()) < 1e-10:
            break
    covariance = np.asarray(np.linalg.inv(information), dtype=np.float64)
    return weights, covariance


def _loss(logits: Floats, wanted: Floats) -> float:
    return float((np.logaddexp(0.0, logits) - wanted * logits).sum())
