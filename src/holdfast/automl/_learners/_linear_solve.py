"""Solvers of linear models: Newton's method, and limited memory with bounds; both stop at a deadline."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._learners._linear_rows import Rows

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline

#: Gain of a step, relative to the loss, below which a solver ends.
ENOUGH = 1e-9
NEWTON_STEPS = 60
LIMITED_STEPS = 400

#: Loss (a float) of a margin (n, outputs), and its first derivatives (n, outputs), both summed with the rows' shares.
Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]
#: The same with the second derivatives (n, outputs).
Bend = Callable[[np.ndarray], tuple[float, np.ndarray, np.ndarray]]


@dataclass(frozen=True, slots=True, eq=False)
class Penalty:
    """What coefficients cost: ``square / 2 |c|^2 + absolute |c|``; the intercept costs nothing."""

    square: float
    absolute: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """Coefficients (outputs, d) and intercept (outputs,), float64."""

    coefficients: np.ndarray
    intercept: np.ndarray


class _Late(Exception):
    """The deadline came while a loss was asked for."""


def newton(rows: Rows, bend: Bend, start: Point, penalty: Penalty, *, deadline: Deadline) -> Point:
    """Minimise by Newton's method with halved steps; for one output and a smooth, convex loss.

    It ends where a step brings nothing, or where the next step would not be done before the deadline. A squared loss
    takes one step: the closed form of ridge regression (Hoerl & Kennard 1970).

    Raises
    ------
    ValueError
        If the matrix of second derivatives is singular.
    """
    point = np.append(start.coefficients[0], start.intercept)
    ridge = np.append(np.full(rows.width, penalty.square), 0.0)

    def ask(where: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        loss, first, second = bend(rows.times(where[None, :-1]) + where[-1])
        return loss + 0.5 * float(ridge @ where**2), first, second

    now, first, second = ask(point)
    took = 0.0
    for _ in range(NEWTON_STEPS):
        if deadline.left <= took:
            break
        began = time.perf_counter()
        gradient = np.append(rows.pulled(first)[0], first.sum()) + ridge * point
        step = np.linalg.solve(_hessian(rows, second[:, 0], ridge), gradient)
        expected = 0.5 * float(gradient @ step)
        for _ in range(30):
            after, first, second = ask(point - step)
            if after <= now:
                break
            step = step / 2.0
        else:
            break
        point, gained, now = point - step, now - after, after
        took = time.perf_counter() - began
        if max(gained, expected) <= ENOUGH * max(1e-3, abs(now)):
            break
    return Point(point[None, :-1], point[-1:])


def _hessian(rows: Rows, second: np.ndarray, ridge: np.ndarray) -> np.ndarray:
    width = rows.width
    made = np.zeros((width + 1, width + 1))
    for part, block in rows.blocks():
        weighed = block * second[part, None]
        made[:-1, :-1] += weighed.T @ block
        made[-1, :-1] += weighed.sum(axis=0)
    made[:-1, -1] = made[-1, :-1]
    made[-1, -1] = second.sum()
    # Features that are the same, or that sum to one, leave directions without a bend.
    made[np.diag_indices_from(made)] += ridge + 1e-10 * float(np.trace(made)) / (width + 1) + 1e-300
    return made


def limited(
    rows: Rows, slope: Slope, start: Point, penalty: Penalty, *, deadline: Deadline, signs: np.ndarray | None = None
) -> Point:
    """Minimise by L-BFGS-B (Byrd et al. 1995); ends at the deadline, within an iteration, at the best point so far.

    An absolute penalty is made smooth by two parts of each coefficient, one above and one below 0.

    Parameters
    ----------
    rows, slope, start, penalty, deadline
        What is minimised, from where, until when.
    signs
        Shape (d,): -1 and 1 for coefficients that may not be above, or below, 0; for one output.
    """
    from scipy.optimize import Bounds, minimize

    outputs, width = start.coefficients.shape
    split = penalty.absolute > 0.0
    best: tuple[float, np.ndarray] = (np.inf, np.zeros(0))

    def ask(flat: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal best
        if deadline.passed:
            raise _Late
        point = _unfolded(flat, outputs, width, split=split)
        loss, first = slope(rows.times(point.coefficients) + point.intercept)
        loss += 0.5 * penalty.square * float((point.coefficients**2).sum())
        inner = (rows.pulled(first) + penalty.square * point.coefficients).ravel()
        if split:
            loss += penalty.absolute * float(flat[:-outputs].sum())
            inner = np.concatenate([inner + penalty.absolute, penalty.absolute - inner])
        if loss < best[0]:
            best = (loss, flat.copy())
        return loss, np.concatenate([inner, first.sum(axis=0)])

    begun = _folded(start, split=split)
    low, high = _bounds(outputs, width, signs, split=split)
    with contextlib.suppress(_Late):
        minimize(
            ask,
            begun,
            jac=True,
            method="L-BFGS-B",
            bounds=Bounds(low, high) if split or signs is not None else None,
            options={"maxiter": LIMITED_STEPS, "maxfun": 2 * LIMITED_STEPS, "maxcor": 20, "ftol": ENOUGH, "gtol": 1e-5},
        )
    return _unfolded(best[1] if len(best[1]) else begun, outputs, width, split=split)


def _folded(point: Point, *, split: bool) -> np.ndarray:
    inner = point.coefficients.ravel()
    parts = [np.maximum(inner, 0.0), np.maximum(-inner, 0.0)] if split else [inner]
    return np.concatenate([*parts, point.intercept])


def _unfolded(flat: np.ndarray, outputs: int, width: int, *, split: bool) -> Point:
    inner = flat[:-outputs]
    if split:
        inner = inner[: outputs * width] - inner[outputs * width :]
    return Point(inner.reshape(outputs, width), flat[-outputs:])


def _bounds(outputs: int, width: int, signs: np.ndarray | None, *, split: bool) -> tuple[np.ndarray, np.ndarray]:
    asked = np.zeros(outputs * width) if signs is None else np.tile(signs, outputs)
    free = np.full(outputs, np.inf)
    above, below = np.where(asked < 0, 0.0, np.inf), np.where(asked > 0, 0.0, np.inf)
    if split:
        return np.concatenate([np.zeros(2 * outputs * width), -free]), np.concatenate([above, below, free])
    return np.concatenate([-below, -free]), np.concatenate([above, free])
