"""Which objective a task has, and what of the truth it learns from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._answers import Calibration
from holdfast.automl._objectives.classes import Binary, Multiclass
from holdfast.automl._objectives.count import Poisson
from holdfast.automl._objectives.numbers import Squared
from holdfast.automl._objectives.quantile import Quantile
from holdfast.automl._objectives.ranking import Ranking
from holdfast.automl._objectives.survival import AFT, aft_scale
from holdfast.core.errors import InvalidValue, UnusableTarget, one_of

if TYPE_CHECKING:
    from holdfast.automl._objectives.base import Objective

LEVEL = 0.5


def objective_of(
    task: str,
    *,
    classes: Sequence[str],
    target: np.ndarray,
    weights: np.ndarray,
    event: np.ndarray | None = None,
    settings: Mapping[str, Any],
) -> Objective:
    """Objective of a task.

    Parameters
    ----------
    task
        One of `holdfast.core.models.TASKS`.
    classes
        Class names of a task that classifies.
    target
        Shape (n,) float64: the target's own numbers, all finite; not looked at where the task classifies.
    weights
        Shape (n,) float64, positive.
    event
        Shape (n,) bool: whether what is waited for came; only of a survival.
    settings
        Settings of the trainer: ``quantile`` is the level of a quantile (0.5 where it is not given).

    Raises
    ------
    InvalidValue
        If there is no such task, the level is not in (0, 1), a level is set for another task, or a survival comes
        without events.
    UnusableTarget
        If the target is constant, a count or a relevance is negative, or a time is not above 0.
    """
    asked = _Asked(tuple(classes), target, weights, event, settings)
    if task not in _MADE:
        raise InvalidValue(f"task {task!r}", expected=one_of(_MADE, task))
    if "quantile" in settings and task != "quantile":
        raise InvalidValue(f"a quantile of a {task} task", where="settings.quantile", expected="task quantile")
    return _MADE[task](asked)


def learnt(objective: Objective, target: np.ndarray) -> np.ndarray:
    """What the objective learns from the target's own numbers, shape (n,) float64: a sheet's target.

    Standardised numbers for squared and pinball loss (the line is what brings them back), logarithms of times for
    survival, counts and relevances as they are; class codes too.
    """
    if objective.name == "aft":
        return np.asarray(np.log(target))
    if objective.line.none or objective.name in ("binary", "multiclass"):
        return target
    return np.asarray((target - objective.line.offset) / objective.line.scale)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    classes: tuple[str, ...]
    target: np.ndarray
    weights: np.ndarray
    event: np.ndarray | None
    settings: Mapping[str, Any]

    def line(self) -> Calibration:
        """Spread and mean of the target."""
        centre = float(np.average(self.target, weights=self.weights))
        spread = float(np.sqrt(np.average((self.target - centre) ** 2, weights=self.weights)))
        if len(self.target) < 2 or not spread > 1e-12 * max(1.0, abs(centre)):
            raise UnusableTarget(f"the target is constant: {self.target[0]:.6g}", expected="at least two values")
        return Calibration(spread, centre)

    def not_negative(self, what: str) -> None:
        """Refuse negative numbers and a constant."""
        wrong = np.flatnonzero(~(self.target >= 0.0))
        if len(wrong):
            raise UnusableTarget(
                f"a {what} of {self.target[wrong[0]]:g}", where=f"row {wrong[0]}", expected="numbers of at least 0"
            )
        self.line()


def _binary(asked: _Asked) -> Objective:
    del asked
    return Binary()


def _multiclass(asked: _Asked) -> Objective:
    return Multiclass(len(asked.classes))


def _regression(asked: _Asked) -> Objective:
    return Squared(asked.line())


def _forecasting(asked: _Asked) -> Objective:
    return Squared(asked.line(), task="forecasting")


def _quantile(asked: _Asked) -> Objective:
    level = asked.settings.get("quantile", LEVEL)
    if isinstance(level, bool) or not isinstance(level, int | float):
        raise InvalidValue(f"quantile {level!r}", where="settings.quantile", expected="a level above 0 and below 1")
    return Quantile(float(level), asked.line())


def _count(asked: _Asked) -> Objective:
    asked.not_negative("count")
    return Poisson()


def _ranking(asked: _Asked) -> Objective:
    asked.not_negative("relevance")
    return Ranking()


def _survival(asked: _Asked) -> Objective:
    if asked.event is None:
        raise InvalidValue(
            "a survival task without an event column",
            where="settings.event",
            expected="the column that says whether the event came (1) or the row was only watched for so long (0)",
        )
    return AFT(aft_scale(asked.target, asked.event, asked.weights))


_MADE: dict[str, Callable[[_Asked], Objective]] = {
    "binary": _binary,
    "multiclass": _multiclass,
    "regression": _regression,
    "quantile": _quantile,
    "count": _count,
    "ranking": _ranking,
    "forecasting": _forecasting,
    "survival": _survival,
}
