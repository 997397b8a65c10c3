"""Runners: where trials run. This one runs them here, one after the other."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from holdfast.automl._answers import mean_and_error
from holdfast.automl._learners import load
from holdfast.automl._trial import Trial
from holdfast.core.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench, FeatureSet
    from holdfast.automl._budget import Budget
    from holdfast.automl._learners import Config

#: Standard errors by which a configuration must be worse than the best before it is given up.
HOPELESS = 2.0
#: Share of what the best gained over the constant that it must be worse by, besides: near ones still help an ensemble.
FAR = 0.1
#: Rows that a race needs to have seen.
RACED = 20


class Runner(Protocol):
    """Something that runs trials."""

    @property
    def slots(self) -> int:
        """How many trials it runs at a time."""
        ...

    @property
    def busy(self) -> int:
        """Trials that were handed in and not yet taken."""
        ...

    def offer(self, name: str, features: FeatureSet) -> None:
        """Make a feature set known under a name."""
        ...

    def submit(self, config: Config, *, allowance_s: float, rival: Rival | None) -> None:
        """Hand a configuration in.

        Parameters
        ----------
        config
            What to try.
        allowance_s
            Seconds on the budget's clock that it may take.
        rival
            What it races against; None to run it to its end.
        """
        ...

    def take(self) -> Trial:
        """Wait for a trial; those handed in first need not come first."""
        ...

    def close(self) -> None:
        """Give everything back; trials under way are given up."""
        ...


class Rival:
    """The best trial so far, as others race against it: its losses by row, and what the constant loses.

    Parameters
    ----------
    raw
        Shape (n,): its losses, NaN for rows never held out.
    baseline
        Mean loss of the constant answer.
    """

    def __init__(self, raw: np.ndarray, baseline: float) -> None:
        self.raw = raw
        self.baseline = baseline

    def beats(self, rows: np.ndarray, weights: np.ndarray) -> bool:
        """Whether a configuration that loses `rows` (NaN where not yet held out) is hopeless (Maron & Moore 1994)."""
        seen = np.isfinite(rows) & np.isfinite(self.raw)
        if seen.sum() < RACED:
            return False
        worse, error = mean_and_error(rows[seen] - self.raw[seen], weights[seen])
        gained = self.baseline - float(np.average(self.raw[seen], weights=weights[seen]))
        return worse > HOPELESS * error and worse > FAR * max(gained, 0.0)


class LocalRunner:
    """Runs trials in this process, when they are taken.

    Parameters
    ----------
    bench
        What they run on.
    budget
        Whose clock the allowances are on.
    """

    slots = 1

    def __init__(self, bench: Bench, budget: Budget) -> None:
        self.bench = bench
        self.budget = budget
        self._waiting: deque[tuple[Config, float, Rival | None]] = deque()

    @property
    def busy(self) -> int:
        """Trials that wait."""
        return len(self._waiting)

    def offer(self, name: str, features: FeatureSet) -> None:
        """Make a feature set known."""
        self.bench.sets[name] = features

    def submit(self, config: Config, *, allowance_s: float, rival: Rival | None) -> None:
        """Hand a configuration in."""
        self._waiting.append((config, allowance_s, rival))

    def take(self) -> Trial:
        """Run the one that waits longest."""
        config, allowance_s, rival = self._waiting.popleft()
        return run_trial(self.bench, config, budget=self.budget, allowance_s=allowance_s, rival=rival)

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()


def run_trial(bench: Bench, config: Config, *, budget: Budget, allowance_s: float, rival: Rival | None) -> Trial:
    """Run a trial within an allowance; one that cannot be fitted is a trial that failed, on the record."""
    load(config.learner)
    deadline = budget.end().within(allowance_s)
    weights = bench.problem.weights

    def hopeless(rows: np.ndarray) -> bool:
        return rival is not None and rival.beats(rows, weights)

    left, cpu_s = deadline.left, budget.cpu_s
    try:
        return bench.run(config, deadline=deadline, hopeless=hopeless)
    except (ArithmeticError, ValueError, np.linalg.LinAlgError, HoldfastError) as error:
        failed = Trial(config, "failed", reason=str(error)[:200])
        return replace(failed, seconds=left - deadline.left, cpu_s=budget.cpu_s - cpu_s)
