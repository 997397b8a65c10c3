"""Making features: what is proposed, what it brings out of fold, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._bench import FeatureSet
from holdfast.automl._features.accept import Verdict, judge, order, worse
from holdfast.automl._features.proposals import Proposal, propose
from holdfast.automl._portfolio import on
from holdfast.core.errors import HoldfastError

if TYPE_CHECKING:
    from holdfast.automl._learners import Config
    from holdfast.automl._search import Search
    from holdfast.automl._trial import Trial

#: Share of the budget that the proposals may be tried in.
SHARE = 0.2
#: Cost from which a proposal is tried with a linear model: so many columns are slow to grow trees on.
WIDE = 10.0
#: Share of the budget beyond which trying one proposal is too dear.
DEAR = 0.06
#: Name of the set that is kept.
MADE = "made"


@dataclass(slots=True, eq=False)
class Making:
    """Tries proposals in a search, once its defaults are known.

    Parameters
    ----------
    vectors
        Path of a file of word vectors, or None.
    without
        Columns that are left out of every set.
    verdicts
        What each proposal brought, filled as it goes.
    """

    vectors: str | None = None
    without: tuple[str, ...] = ()
    proposals: dict[str, Proposal] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    kept: tuple[str, ...] = ()

    def __call__(self, search: Search) -> str:
        """Name of the feature set to go on with."""
        bases = {trial.config.learner: trial for trial in search.trials if trial.rows is not None}
        if not any(trial.seconds <= DEAR * search.budget.seconds for trial in bases.values()):
            return "plain"
        rng = np.random.default_rng(search.seed)
        found = propose(search.bench.table(), dates=search.bench.problem.dates, vectors=self.vectors, rng=rng)
        self.proposals = {each.name: each for each in found}
        tried = self._try(search, bases)
        self._judge(search, bases, tried)
        costs = {name: each.cost for name, each in self.proposals.items()}
        self.kept = order(costs, self.verdicts)
        if not self.kept:
            return "plain"
        return self._joined(search, bases, tried)

    def _try(self, search: Search, bases: Mapping[str, Trial]) -> dict[str, Trial]:
        end = search.budget.spent_s + SHARE * search.budget.seconds
        names: dict[str, str] = {}

        def queue() -> Iterator[Config]:
            for name, proposal in self.proposals.items():
                base = _base(proposal, bases)
                if base is not None and base.seconds > DEAR * search.budget.seconds:
                    continue
                if base is None or search.budget.spent_s > end:
                    continue
                search.runner.offer(name, FeatureSet(proposal.recipes, self.without))
                config = on(base.config, name)
                names[config.name] = name
                yield config

        trials = search.drain(queue())
        # One that had no time for the rounds of its base cannot be held against it.
        whole = [trial for trial in trials if trial.rows is not None and _in_time(trial, bases)]
        return {names[trial.config.name]: trial for trial in whole}

    def _judge(self, search: Search, bases: Mapping[str, Trial], tried: Mapping[str, Trial]) -> None:
        weights = search.bench.problem.weights
        # The more were tried, the more a lucky one must show: also those that were given up half way.
        count = sum(trial.config.features in self.proposals for trial in search.trials)
        # Those with one base are judged together: what they share is their base.
        for learner, base in bases.items():
            losses = {name: trial.rows for name, trial in tried.items() if trial.config.learner == learner}
            if losses and base.rows is not None:
                kept = {name: rows for name, rows in losses.items() if rows is not None}
                self.verdicts |= judge(kept, base.rows, weights, tried=count)

    def _joined(self, search: Search, bases: Mapping[str, Trial], tried: Mapping[str, Trial]) -> str:
        """Join what was kept; where that is worse than the best alone, the best alone is taken."""
        recipes = tuple(recipe for name in self.kept for recipe in self.proposals[name].recipes)
        unique = tuple({repr(each): each for each in recipes}.values())
        search.runner.offer(MADE, FeatureSet(unique, self.without))
        first = tried[max(self.kept, key=lambda name: self.verdicts[name].gain)]
        if len(self.kept) == 1:
            return first.config.features
        base = bases[first.config.learner]
        made = search.drain(iter([on(base.config, MADE)]))
        weights = search.bench.problem.weights
        if not made or made[0].rows is None or first.rows is None or worse(made[0].rows, first.rows, weights):
            self.kept = (first.config.features,)
            return first.config.features
        return MADE

    def told(self, search: Search) -> list[dict[str, Any]]:
        """Plain data of what was tried: recipes, names, gain, and whether it was kept."""
        return [
            {
                "proposal": name,
                "recipe": recipe.plain(),
                "names": _names(search, name, repr(recipe)),
                "gain": verdict.gain,
                "error": verdict.error,
                "kept": name in self.kept,
                "why": self.proposals[name].why,
            }
            for name, verdict in self.verdicts.items()
            for recipe in self.proposals[name].recipes
        ]


def _names(search: Search, features: str, recipe: str) -> list[str]:
    try:
        blocks = search.bench.blocks(features)
    except HoldfastError:
        return []
    return [name for block in blocks if repr(block.recipe) == recipe for name in block.names[:50]]


def _in_time(trial: Trial, bases: Mapping[str, Trial]) -> bool:
    base = bases[trial.config.learner].rounds
    return trial.rounds is None or base is None or trial.rounds >= base


def _base(proposal: Proposal, bases: Mapping[str, Trial]) -> Trial | None:
    """Trial that a proposal is tried on: the better one, as it is raced against the best; a linear one where wide."""
    linear, trees = bases.get("linear"), bases.get("lightgbm")
    if linear is None or trees is None:
        return linear or trees
    better = trees if (trees.score or 0.0) <= (linear.score or 0.0) else linear
    return linear if proposal.cost >= WIDE else better
