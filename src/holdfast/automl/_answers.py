"""Margins to answers: links, losses and calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Calibration:
    """Line that a margin goes through before its link: ``scale * margin + offset`` (Platt 1999); 1 and 0 for none."""

    scale: float = 1.0
    offset: float = 0.0

    @property
    def none(self) -> bool:
        """Whether it changes nothing."""
        return self.scale == 1.0 and self.offset == 0.0

    def after(self, scale: float, offset: float) -> Calibration:
        """Return the one line that is an earlier line, then this one."""
        return Calibration(self.scale * scale, self.scale * offset + self.offset)

    def line(self, margin: np.ndarray) -> np.ndarray:
        """Calibrate a margin."""
        return self.scale * margin + self.offset


def sigmoid(margin: np.ndarray) -> np.ndarray:
    """Logistic function, without overflow."""
    with np.errstate(over="ignore"):
        made: np.ndarray = 1.0 / (1.0 + np.exp(-margin))
    return made


def softmax(margin: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes) of logits, without overflow."""
    raised = np.exp(margin - margin.max(axis=1, keepdims=True))
    made: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
    return made


def answers(margin: np.ndarray, task: str, calibration: Calibration) -> np.ndarray:
    """Answers of a calibrated margin (n, outputs): probabilities (n, classes) or predictions (n,)."""
    moved = calibration.line(margin)
    if task == "binary":
        positive = sigmoid(moved[:, 0])
        return np.column_stack([1.0 - positive, positive])
    if task == "multiclass":
        raised = np.exp(moved - moved.max(axis=1, keepdims=True))
        made: np.ndarray = raised / raised.sum(axis=1, keepdims=True)
        return made
    return moved[:, 0]


def losses(margin: np.ndarray, target: np.ndarray, task: str) -> np.ndarray:
    """Loss of each row, shape (n,): log loss for classes, squared error for numbers."""
    if task == "binary":
        signed = np.where(target == 1, margin[:, 0], -margin[:, 0])
        return np.asarray(np.logaddexp(0.0, -signed))
    if task == "multiclass":
        probabilities = answers(margin, task, Calibration())
        return np.asarray(-np.log(np.clip(probabilities[np.arange(len(target)), target], _TINY, 1.0)))
    return np.asarray((margin[:, 0] - target) ** 2)


def platt(margin: np.ndarray, target: np.ndarray, weights: np.ndarray, task: str) -> Calibration:
    """Calibration that a held-out margin asks for, or none where the gain is within one standard error.

    References
    ----------
    J. Platt (1999), "Probabilistic outputs for support vector machines"; for several classes one scale, the temperature
    of Guo et al. (2017), "On calibration of modern neural networks".
    """
    two = task == "binary"
    made = _line(margin[:, 0], target, weights) if two else _temperature(margin, target, weights, task)
    gain = losses(margin, target, task) - losses(made.line(margin), target, task)
    return made if better(gain, weights) else Calibration()


def _line(margin: np.ndarray, target: np.ndarray, weights: np.ndarray) -> Calibration:
    # Newton's method on two numbers, its steps halved until the loss falls and the line still rises.
    inputs = np.column_stack([margin, np.ones(len(margin))])

    def loss(point: np.ndarray) -> float:
        return float(weights @ losses((inputs @ point).reshape(-1, 1), target, "binary"))

    point = np.array([1.0, 0.0])
    now = loss(point)
    for _ in range(30):
        probability = sigmoid(inputs @ point)
        gradient = inputs.T @ (weights * (probability - target))
        curvature = (inputs * (weights * probability * (1.0 - probability))[:, None]).T @ inputs
        step = np.linalg.solve(curvature + 1e-9 * np.trace(curvature) * np.eye(2) + 1e-12 * np.eye(2), gradient)
        for _ in range(30):
            after = loss(point - step)
            if point[0] - step[0] > 0.0 and after <= now:
                break
            step = step / 2.0
        else:
            break
        point, gained, now = point - step, now - after, after
        if gained <= 1e-10 * max(1.0, now):
            break
    return Calibration(float(point[0]), float(point[1]))


def _temperature(margin: np.ndarray, target: np.ndarray, weights: np.ndarray, task: str) -> Calibration:
    from scipy.optimize import minimize_scalar

    def mean_loss(logarithm: float) -> float:
        return float(np.average(losses(np.exp(logarithm) * margin, target, task), weights=weights))

    found = minimize_scalar(mean_loss, bounds=(-4.0, 4.0), method="bounded", options={"xatol": 1e-4})
    return Calibration(float(np.exp(found.x)))


def better(gain: np.ndarray, weights: np.ndarray) -> bool:
    """Whether the mean gain of paired rows is more than one standard error above 0."""
    mean, error = mean_and_error(gain, weights)
    return mean > error


def mean_and_error(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Weighted mean of rows and its standard error."""
    share = weights / weights.sum()
    mean = float(share @ values)
    return mean, float(np.sqrt(np.sum(share**2 * (values - mean) ** 2)))
