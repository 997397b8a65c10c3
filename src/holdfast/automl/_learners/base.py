"""What a learner is: a configuration, what it is fitted with, and what comes of it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np

    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Greatest number of rounds of any configuration.
MOST_ROUNDS = 2000
#: Rounds without a lower held-out loss before a fit ends.
PATIENCE = 40


@dataclass(frozen=True, slots=True)
class Config:
    """A configuration: which learner, with what, on which features.

    Parameters
    ----------
    name
        For a person.
    learner
        Name in `LEARNERS`.
    params
        Plain data; the learner's own names.
    rounds
        Number of rounds of a fixed length; None lets the held-out rows say when to stop (or the learner has none).
    features
        Name of the feature set: ``plain``, or one that was made and accepted.
    weighting
        How rows are weighed besides their own weights: ``""``, ``balanced`` (classes alike), or ``fair:COLUMN``
        (reweighing, Kamiran & Calders 2012).
    """

    name: str
    learner: str
    params: Mapping[str, Any] = field(default_factory=dict)
    rounds: int | None = None
    features: str = "plain"
    weighting: str = ""

    def plain(self) -> dict[str, Any]:
        """Plain data that `from_plain` reads."""
        return {
            "name": self.name,
            "learner": self.learner,
            "params": dict(self.params),
            "rounds": self.rounds,
            "features": self.features,
            "weighting": self.weighting,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Config:
        """Read what `plain` gave."""
        return cls(**{**plain, "params": dict(plain["params"])})


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What every fit of a search shares.

    Parameters
    ----------
    objective
        What is minimised.
    seed
        Seed of everything random.
    threads
        Threads that a library may use.
    monotone
        -1, 0 or 1 by encoded feature; None where nothing was asked.
    """

    objective: Objective
    seed: int = 0
    threads: int = 1
    monotone: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """What exact explanations of a fitted learner need: plain data for `contributions.json`, and files by name."""

    plain: Mapping[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


class Fitted(Protocol):
    """A fitted learner."""

    @property
    def rounds(self) -> int | None:
        """Rounds made; None where there are none."""
        ...

    @property
    def curve(self) -> np.ndarray | None:
        """Mean loss on the held-out rows after each round, shape (rounds,); None where it was not taken."""
        ...

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Margin (n, outputs) float64 for an encoded matrix; of the first `rounds` rounds where given."""
        ...

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """Add the nodes from the tensor `inside` (n, d) float32 to the margin (n, outputs) float32; its name.

        It must answer as `margin` does within 1e-5 of a probability, for NaN too where the learner takes NaN.
        """
        ...

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes that the nodes will have, about (within a factor of 1.5)."""
        ...

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """Return what exact explanations need; None where there are none."""
        ...


class Learner(Protocol):
    """A way to fit."""

    @property
    def name(self) -> str:
        """Name in `LEARNERS`."""
        ...

    @property
    def kind(self) -> str:
        """Kind of matrix that it wants.

        ``tree``: numbers as they are, NaN where missing, text as codes by falling frequency (float32, the highest code
        for unseen levels). ``linear``: imputed, clipped, standardised numbers, indicators of what was missing and of
        levels; never NaN.
        """
        ...

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Say why it cannot be used for the objective, so many rows and features, or monotone signs; None if it can.

        Libraries that are not installed are no reason: `table.usable` says so before.
        """
        ...

    def fit(
        self,
        config: Config,
        train: Sheet,
        setup: Setup,
        *,
        deadline: Deadline,
        held: Sheet | None = None,
        rounds: int | None = None,
    ) -> Fitted:
        """Fit a configuration.

        Parameters
        ----------
        config
            What to fit; unknown names in `params` are a `ValueError`.
        train
            Rows to fit to; with weights, and with what the objective needs.
        setup
            What every fit shares.
        deadline
            Never overrun by more than one round, or by a tenth of a second of work: fewer rounds, rows or trees then. A
            model always comes out.
        held
            Rows to watch the loss on: it ends where `PATIENCE` rounds brought nothing, and `curve` is filled.
        rounds
            Exactly so many rounds (unless the deadline comes), watched or not.

        The same arguments give the same model, bit for bit, unless the deadline cut it. Nothing is printed. Errors of
        a library (a singular matrix) are `ValueError` or `ArithmeticError`: the trial is then one that failed.
        """
        ...


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' warnings to themselves: a fit that did not converge is judged by its score."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
