"""The search around the best: a tree-structured Parzen estimator over all learners at once.

References
----------
J. Bergstra et al. (2011), "Algorithms for hyper-parameter optimization"; Y. Ozaki et al. (2022), "Multiobjective
tree-structured Parzen estimator", JAIR 73; T. Akiba et al. (2019), "Optuna", KDD.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from holdfast.automl._learners import Config, quiet
from holdfast.automl._portfolio import Edges, from_point, space, to_point

if TYPE_CHECKING:
    from holdfast.automl._trial import Trial


class Sampler:
    """Proposes configurations and learns from trials.

    Parameters
    ----------
    learners
        Learners to look among.
    features
        Feature set that its configurations look at.
    seed
        Seed.
    frugal
        Whether small graphs count as well as small losses: the search then has two objectives, and proposes along the
        whole front.
    """

    def __init__(self, learners: Sequence[str], *, features: str, seed: int, frugal: bool) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.ranges = space(learners)
        self.learners = tuple(self.ranges)
        self.features = features
        self.frugal = frugal
        self._asked: dict[str, Any] = {}
        with quiet():
            sampler = optuna.samplers.TPESampler(
                seed=seed, n_startup_trials=4, n_ei_candidates=24, multivariate=True, group=True, constant_liar=True
            )
            directions = [optuna.study.StudyDirection.MINIMIZE] * (2 if frugal else 1)
            self.study = optuna.create_study(directions=directions, sampler=sampler)

    def propose(self, index: int) -> Config:
        """Return the next configuration to try; `index` is in its name."""
        with quiet():
            asked = self.study.ask()
            point: dict[str, Any] = {"learner": asked.suggest_categorical("learner", sorted(self.ranges))}
            for name, edges in self.ranges[point["learner"]].items():
                # Learners share names with other ranges: in the study each has its own.
                point[name] = _suggest(asked, f"{point['learner']}.{name}", edges)
        made = from_point(point, index=index, features=self.features)
        self._asked[made.name] = asked
        return made

    def learn(self, trial: Trial) -> None:
        """Take a trial in, whoever proposed it."""
        import optuna

        states = optuna.trial.TrialState
        asked = self._asked.pop(trial.config.name, None)
        with quiet():
            if asked is None:
                self._known(trial)
            elif _scored(trial):
                self.study.tell(asked, self._values(trial))
            else:
                self.study.tell(asked, state=states.PRUNED if trial.state == "pruned" else states.FAIL)

    def _values(self, trial: Trial) -> list[float]:
        values = [float(trial.score or 0.0)]
        return [*values, math.log1p(trial.size_bytes)] if self.frugal else values

    def _known(self, trial: Trial) -> None:
        import optuna

        point = to_point(trial.config, self.learners) if _scored(trial) else None
        if point is None:
            return
        learner = point["learner"]
        params = {"learner": learner} | {f"{learner}.{name}": point[name] for name in self.ranges[learner]}
        self.study.add_trial(
            optuna.trial.create_trial(params=params, distributions=self._ranges(learner), values=self._values(trial))
        )

    def _ranges(self, learner: str) -> dict[str, Any]:
        from optuna.distributions import CategoricalDistribution

        made: dict[str, Any] = {"learner": CategoricalDistribution(sorted(self.ranges))}
        return made | {f"{learner}.{name}": _distribution(edges) for name, edges in self.ranges[learner].items()}


def _scored(trial: Trial) -> bool:
    return trial.state == "done" and trial.score is not None and math.isfinite(trial.score)


def _suggest(asked: Any, name: str, edges: Edges) -> Any:
    if len(edges) == 2:
        return asked.suggest_categorical(name, list(edges))
    if isinstance(edges[0], int):
        return asked.suggest_int(name, edges[0], edges[1], log=edges[2])
    return asked.suggest_float(name, edges[0], edges[1], log=edges[2])


def _distribution(edges: Edges) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if len(edges) == 2:
        return CategoricalDistribution(list(edges))
    if isinstance(edges[0], int):
        return IntDistribution(edges[0], edges[1], log=edges[2])
    return FloatDistribution(edges[0], edges[1], log=edges[2])
