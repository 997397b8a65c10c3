"""Accelerated failure time: how long until an event, where some were only watched for a while."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from holdfast.automl._answers import Calibration, sigmoid
from holdfast.automl._objectives.count import exponential
from holdfast.core.errors import DataError, InvalidValue, UnusableTarget

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._sheet import Sheet

#: A logarithm of time beyond is taken for this one: its exponential is still a 32-bit number.
CLIP = 80.0
#: Ends of the scale; below and above them times are all alike, or say nothing.
SCALES = (1e-3, 1e3)
_YES, _NO = ("1", "1.0", "true", "yes"), ("0", "0.0", "false", "no")


@dataclass(frozen=True, slots=True)
class AFT:
    """Censored log-logistic loss; the target and the margin (n, 1) are logarithms of times.

    With ``z = (log time - margin) / sigma`` and the logistic density and survival function of z, the loss of a row is
    ``softplus(z) + softplus(-z) + log sigma`` where the event came, and ``softplus(z)`` where it had not come yet. The
    prediction is the median time. The loss is convex in the margin whatever the sigma.

    Parameters
    ----------
    sigma
        Scale of the logarithm of time, one for all rows: `aft_scale`.

    Raises
    ------
    InvalidValue
        If the scale is not a positive number.

    References
    ----------
    S. Bennett (1983), "Log-logistic regression models for survival data", Applied Statistics 32; J. D. Kalbfleisch,
    R. L. Prentice (2002), "The statistical analysis of failure time data", chapter 3; T. S. Jaakkola, M. I. Jordan
    (2000), "Bayesian parameter estimation via variational methods", Statistics and Computing 10, for the curvature.
    """

    sigma: float = 1.0
    line: Calibration = field(default_factory=Calibration)
    task: str = "survival"
    name: str = "aft"
    outputs: int = 1

    def __post_init__(self) -> None:
        """Check the scale."""
        if not 0.0 < self.sigma < np.inf:
            raise InvalidValue(f"sigma {self.sigma:g}", expected="a scale above 0")

    @property
    def options(self) -> Mapping[str, float]:
        """The scale."""
        return {"sigma": self.sigma}

    def start(self, sheet: Sheet) -> np.ndarray:
        """Root of the summed gradient, by bisection: it rises with the margin.

        Where no event came the loss falls without end: the margin is then ten scales above the latest time.
        """
        came, far = _came(sheet), 10.0 * self.sigma
        low, high = float(sheet.target.min()) - far, float(sheet.target.max()) + far
        for _ in range(80):
            middle = (low + high) / 2.0
            slope = _slope((sheet.target - middle) / self.sigma, came)
            low, high = (middle, high) if float(sheet.weights @ slope) > 0.0 else (low, middle)
        return np.array([(low + high) / 2.0])

    def losses(self, margin: np.ndarray, sheet: Sheet) -> np.ndarray:
        """Negative log-likelihood of each row's logarithm of time."""
        z = (sheet.target - _clipped(margin[:, 0])) / self.sigma
        event = np.logaddexp(0.0, -z) + np.log(self.sigma)
        return np.asarray(np.logaddexp(0.0, z) + np.where(_came(sheet), event, 0.0))

    def gradients(self, margin: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Share of the logistic distribution below the time, less that above it where the event came; a curvature.

        The second derivative vanishes far from the truth, where a step of Newton would leap over it. Instead this is
        the least curvature of a parabola that touches the loss and never falls below it (Jaakkola & Jordan 2000): with
        it, a full step never raises a row's loss. It is never below the second derivative, and equal to it at the
        truth.
        """
        z = (sheet.target[:, None] - _clipped(margin)) / self.sigma
        came = _came(sheet)[:, None]
        near = np.abs(z) < 1e-4
        bound = np.where(near, 0.5, np.tanh(z / 2.0) / np.where(near, 1.0, z))
        return -_slope(z, came) / self.sigma, bound * np.where(came, 1.0, 0.5) / self.sigma**2

    def answers(self, margin: np.ndarray) -> np.ndarray:
        """Median times to the event, (n,)."""
        return np.asarray(np.exp(_clipped(margin[:, 0])))

    def nodes(self, graph: Graph, margin: str) -> str:
        """The exponential of the clipped margin."""
        return exponential(graph, margin, clip=CLIP)


def aft_scale(time: np.ndarray, event: np.ndarray, weights: np.ndarray) -> float:
    """Scale of the logarithm of time, of greatest likelihood where nothing but a constant is known.

    Parameters
    ----------
    time
        Shape (n,): times above 0.
    event
        Shape (n,) bool: whether the event came; else the row was watched for so long.
    weights
        Shape (n,), positive.

    Returns
    -------
    float
        Within `SCALES`.

    Raises
    ------
    UnusableTarget
        If a time is not above 0, no event came, or all times are one.

    References
    ----------
    J. Burridge (1981), "A note on maximum likelihood estimation for regression models using grouped data", Journal of
    the Royal Statistical Society B 43: the loss is convex in ``margin / sigma`` and ``1 / sigma``.
    """
    check_times(time, event)
    logarithm = np.log(time)
    spread = float(logarithm.std())
    y, share = (logarithm - logarithm.mean()) / spread, weights / weights.sum()
    ends = (spread / SCALES[1], spread / SCALES[0])
    # A logistic distribution of scale 1 has a spread of 1.8.
    point = np.array([0.0, float(np.clip(1.8, *ends))])
    now, gradient, hessian = _scale_loss(point, y, event, share)
    for _ in range(100):
        step = np.linalg.solve(hessian + 1e-12 * np.trace(hessian) * np.eye(2), gradient)
        for halved in 0.5 ** np.arange(40):
            tried = point - halved * step
            tried[1] = np.clip(tried[1], *ends)
            after, gradient, hessian = _scale_loss(tried, y, event, share)
            if after <= now:
                break
        gained, point, now = now - after, tried, after
        if gained <= 1e-14:
            break
    return float(np.clip(spread / point[1], *SCALES))


def _scale_loss(
    point: np.ndarray, y: np.ndarray, event: np.ndarray, share: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Loss, gradient and second derivatives at a point: the margin over the scale, and one over the scale."""
    z, came = point[1] * y - point[0], event.astype(np.float64)
    events, below = float(share @ came), sigmoid(z)
    loss = float(share @ (np.logaddexp(0.0, z) + came * np.logaddexp(0.0, -z))) - events * float(np.log(point[1]))
    slope, bend = share * _slope(z, event), share * below * (1.0 - below) * (1.0 + came)
    gradient = np.array([-slope.sum(), slope @ y - events / point[1]])
    across = -float(bend @ y)
    return loss, gradient, np.array([[bend.sum(), across], [across, bend @ y**2 + events / point[1] ** 2]])


def check_times(time: np.ndarray, event: np.ndarray) -> None:
    """Check that times can be learnt from.

    Raises
    ------
    UnusableTarget
        If a time is not above 0 or not finite, no event came, or all times are one.
    """
    wrong = np.flatnonzero(~(np.isfinite(time) & (time > 0.0)))
    if len(wrong):
        raise UnusableTarget(f"a time of {time[wrong[0]]:g}", where=f"row {wrong[0]}", expected="times above 0")
    if not event.any():
        raise UnusableTarget("no event came in any row", where="the event column", expected="at least one event")
    if float(np.ptp(np.log(time))) <= 1e-12:
        raise UnusableTarget(f"the target is constant: {time[0]:g}", expected="at least two times")


def event_flags(values: pl.Series) -> np.ndarray:
    """Whether the event came, shape (n,) bool, from a column of booleans, of 0 and 1, or of such words.

    Raises
    ------
    DataError
        If a cell is missing, or neither; names the first one's row.
    """
    text = values.cast(pl.Float64) if values.dtype.is_numeric() else values
    words = text.cast(pl.String).str.strip_chars().str.to_lowercase()
    flags = pl.select(pl.when(words.is_in(_YES)).then(1).when(words.is_in(_NO)).then(0)).to_series()
    bad = flags.is_null().arg_true()
    if len(bad):
        cell = values[int(bad[0])]
        raise DataError(
            f"{cell!r} does not say whether the event came",
            where=f"column {values.name!r}, row {int(bad[0])}",
            expected="1 or true where it came, 0 or false where it did not while it was watched",
        )
    return flags.cast(pl.Boolean).to_numpy().astype(bool)


def _came(sheet: Sheet) -> np.ndarray:
    if sheet.event is None:
        raise InvalidValue("rows without an event column", expected="whether the event came, for each row")
    return sheet.event


def _slope(z: np.ndarray, came: np.ndarray) -> np.ndarray:
    """Derivative of a row's loss by z."""
    below = sigmoid(z)
    return np.asarray(np.where(came, 2.0 * below - 1.0, below))


def _clipped(margin: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(margin, -CLIP, CLIP))
