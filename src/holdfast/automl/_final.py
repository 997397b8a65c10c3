"""The final model: members with their weights, fitted, and what goes behind the sum of their margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._answers import Calibration
from holdfast.automl._bench import Part, upto

if TYPE_CHECKING:
    from holdfast.automl._objectives import Objective
    from holdfast.core.models import ModelSchema


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """Fitted models whose mean margin is one term of the sum: one that was refitted, or one for each fold."""

    parts: tuple[Part, ...]
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Final:
    """The model that is shipped.

    Parameters
    ----------
    schema
        What it takes and gives.
    objective
        How a margin becomes an answer.
    members
        Terms of the sum of margins.
    calibration
        Line that is laid over the sum; it holds the target's own scale for numbers.
    threshold
        Least probability of the positive class to answer with it.
    """

    schema: ModelSchema
    objective: Objective
    members: tuple[Member, ...]
    calibration: Calibration
    threshold: float = 0.5

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every fitted model."""
        return tuple(part for member in self.members for part in member.parts)

    def margin(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Sum of the members' margins, (n, outputs) float64, before the line."""
        seen: dict[int, np.ndarray] = {}
        total: np.ndarray | None = None
        for member in self.members:
            found = [
                part.fitted.margin(_matrix(part, tensors, self.schema, seen), rounds=_rounds(part))
                for part in member.parts
            ]
            term = member.scale * np.mean(found, axis=0) + member.offset
            total = term if total is None else total + term
        if total is None:
            raise ValueError("a model without members")
        return total

    def answer(self, tensors: Mapping[str, np.ndarray]) -> np.ndarray:
        """Answer as the original, for tensors of the schema: (n, classes) or (n,) float64."""
        return self.objective.answers(self.calibration.line(self.margin(tensors)))


def _rounds(part: Part) -> int | None:
    return upto(part.fitted, part.rounds)


def _matrix(
    part: Part, tensors: Mapping[str, np.ndarray], schema: ModelSchema, seen: dict[int, np.ndarray]
) -> np.ndarray:
    key = id(part.encoding)
    if key not in seen:
        seen[key] = _encoding.encode(_encoding.graph(schema, part.encoding), tensors)
    return seen[key]
