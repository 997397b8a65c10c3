"""Linear models of every objective, penalised."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners._linear_rows import BLOCK, Rows
from holdfast.automl._learners._linear_solve import Penalty, Point, limited, newton
from holdfast.automl._learners.base import Config, Explained, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Names that a configuration may set, and what they are where it does not: the penalty of the coefficients, relative to
#: the mean loss of a row (in scikit-learn's terms 1 / (n C), or alpha), and the share of it that is absolute.
DEFAULTS: dict[str, float] = {"strength": 1e-3, "mix": 0.0}
#: Features up to which the matrix of second derivatives is made and solved.
MOST_NEWTON = 400
#: Losses that are twice what a likelihood would have: the penalty means the same for all.
_TWICE = ("squared", "poisson")
#: Objectives whose second derivatives say nothing.
_ROUGH = ("quantile", "ranking")
#: Widths, in spreads of the target, that the kink of the pinball loss is rounded over, one after the other.
_WIDTHS = (0.3, 0.05, 0.01)


@dataclass(frozen=True, slots=True, eq=False)
class LinearFit:
    """A fitted linear model.

    Parameters
    ----------
    coefficients, intercept
        Shape (outputs, d) and (outputs,) float64, rounded to what 32 bits hold: the graph has the very same.
    means
        Shape (d,) float64: weighted mean of each encoded feature over the training rows.
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    means: np.ndarray

    @property
    def rounds(self) -> int | None:
        """None: there are none."""
        return None

    @property
    def curve(self) -> np.ndarray | None:
        """None: it is not taken."""
        return None

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Coefficients times matrix, plus the intercept."""
        del rounds
        made = np.empty((len(matrix), len(self.intercept)))
        for first in range(0, len(matrix), BLOCK):
            part = slice(first, first + BLOCK)
            made[part] = matrix[part].astype(np.float64) @ self.coefficients.T + self.intercept
        return made

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """One product and one sum."""
        del rounds
        times = graph.constant(self.coefficients.T.astype(np.float32))
        plus = graph.constant(self.intercept.astype(np.float32))
        return graph.add("Gemm", inside, times, plus)

    def size(self, *, rounds: int | None = None) -> int:
        """Four bytes a number."""
        del rounds
        return 4 * (self.coefficients.size + self.intercept.size) + 200

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """Coefficients, and the means that contributions are counted from."""
        del rounds
        return Explained(
            {
                "kind": "linear",
                "coefficients": self.coefficients.tolist(),
                "intercept": self.intercept.tolist(),
                "means": self.means.tolist(),
            }
        )


class Linear:
    """Linear models: ridge, logistic, Poisson, quantile, log-logistic and listwise ones, with an elastic net."""

    name = "linear"
    kind = "linear"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Monotone signs for several classes."""
        del n, width
        if setup.monotone is not None and any(setup.monotone) and setup.objective.outputs > 1:
            return "monotone constraints are for one output"
        return None

    def fit(
        self,
        config: Config,
        train: Sheet,
        setup: Setup,
        *,
        deadline: Deadline,
        held: Sheet | None = None,
        rounds: int | None = None,
    ) -> LinearFit:
        """Fit the coefficients; where the deadline comes first, those that it has by then.

        `params`: ``strength``, the penalty relative to the mean loss of a row, and ``mix``, the share of it that is
        absolute (Zou & Hastie 2005). The loss of a number or a count is halved against the penalty, as a likelihood has
        it. `held` and `rounds` change nothing.
        """
        del held, rounds
        penalty = _penalty(config)
        objective = setup.objective
        rows, share = Rows.of(train.matrix), train.weights / train.weights.sum()
        signs = None if setup.monotone is None or not any(setup.monotone) else np.array(setup.monotone)
        start = Point(np.zeros((objective.outputs, rows.width)), objective.start(train).astype(np.float64))
        if deadline.passed:
            point = start
        elif objective.name == "quantile":
            point = _quantile(rows, train, setup, start, penalty=penalty, signs=signs, deadline=deadline)
        elif _smooth(objective, rows, penalty) and signs is None:
            point = newton(rows, _bend(train, objective, share), start, penalty, deadline=deadline)
        else:
            slope = _slope(train, objective, share)
            point = limited(rows, slope, start, penalty, deadline=deadline, signs=signs)
        return LinearFit(
            point.coefficients.astype(np.float32).astype(np.float64),
            point.intercept.astype(np.float32).astype(np.float64),
            rows.pulled(share[:, None])[0],
        )


def _penalty(config: Config) -> Penalty:
    unknown = sorted(set(config.params) - set(DEFAULTS))
    if unknown:
        raise ValueError(f"linear parameters {unknown} are not among {sorted(DEFAULTS)}")
    given: dict[str, Any] = {**DEFAULTS, **config.params}
    strength, mix = float(given["strength"]), float(given["mix"])
    if not 0.0 <= strength < np.inf or not 0.0 <= mix <= 1.0:
        raise ValueError(f"strength >= 0 and 0 <= mix <= 1 must hold, got strength={strength}, mix={mix}")
    return Penalty(strength * (1.0 - mix), strength * mix)


def _smooth(objective: Objective, rows: Rows, penalty: Penalty) -> bool:
    one = objective.outputs == 1 and objective.name not in _ROUGH
    return one and not rows.thin and rows.width <= MOST_NEWTON and penalty.absolute == 0.0


def _scale(objective: Objective) -> float:
    return 0.5 if objective.name in _TWICE else 1.0


def _bend(train: Sheet, objective: Objective, share: np.ndarray) -> Any:
    weight = _scale(objective) * share

    def ask(margin: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        first, second = objective.gradients(margin, train)
        return float(weight @ objective.losses(margin, train)), first * weight[:, None], second * weight[:, None]

    return ask


def _slope(train: Sheet, objective: Objective, share: np.ndarray) -> Any:
    weight = _scale(objective) * share
    surrogate = getattr(objective, "surrogate", None)

    def ask(margin: np.ndarray) -> tuple[float, np.ndarray]:
        if surrogate is not None:
            # A loss without a slope (of an order) has one that stands in for it; its rows count alike.
            return surrogate(margin, train) / train.n, objective.gradients(margin, train)[0] / train.n
        return float(weight @ objective.losses(margin, train)), objective.gradients(margin, train)[0] * weight[:, None]

    return ask


def _quantile(
    rows: Rows,
    train: Sheet,
    setup: Setup,
    start: Point,
    *,
    penalty: Penalty,
    signs: np.ndarray | None,
    deadline: Deadline,
) -> Point:
    """Pinball loss with a kink that is rounded less and less; then the intercept that is right for the true loss.

    References
    ----------
    M. Fernandes, E. Guerre, E. Horta (2021), "Smoothing quantile regressions", Journal of Business & Economic
    Statistics 39.
    """
    share, level = train.weights / train.weights.sum(), setup.objective.options["level"]
    centre = float(share @ train.target)
    spread = float(np.sqrt(share @ (train.target - centre) ** 2)) or 1.0
    point = start
    for width in _WIDTHS:
        slope = _rounded(train.target, share, level=level, width=width * spread)
        point = limited(rows, slope, point, penalty, deadline=deadline, signs=signs)
    rest = train.with_target(train.target - rows.times(point.coefficients)[:, 0])
    return replace(point, intercept=setup.objective.start(rest))


def _rounded(target: np.ndarray, share: np.ndarray, *, level: float, width: float) -> Any:
    def ask(margin: np.ndarray) -> tuple[float, np.ndarray]:
        error = target - margin[:, 0]
        near = np.clip(error, -width, width)
        # Half the absolute value, its tip replaced by a parabola, and the slope between the two sides.
        loss = 0.5 * np.abs(error - near) + near**2 / (4.0 * width) + 0.25 * width + (level - 0.5) * error
        first = -(near / (2.0 * width) + level - 0.5)
        return float(share @ loss), (share * first)[:, None]

    return ask


def mean_of(fits: Sequence[Any]) -> LinearFit:
    """Return the linear model whose margin is the mean of those of several with the same features."""
    return LinearFit(
        np.mean([each.coefficients for each in fits], axis=0).astype(np.float32).astype(np.float64),
        np.mean([each.intercept for each in fits], axis=0).astype(np.float32).astype(np.float64),
        np.mean([each.means for each in fits], axis=0),
    )
