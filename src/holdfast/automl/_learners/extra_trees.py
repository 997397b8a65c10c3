"""Extremely randomised trees of scikit-learn, kept small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners.base import Config, Explained, Setup, quiet
from holdfast.automl._trees import Forest, forest_node, leaf_bytes
from holdfast.automl._trees_boosting import Watch, begun, known
from holdfast.automl._trees_sklearn import sklearn_forest
from holdfast.automl._trees_xgboost import finite

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Names that a configuration may set, and what they are where it does not. `max_features` is a share of the features:
#: None for the root of their number with classes, and for all of them with numbers. `most_bytes` bounds the graph.
DEFAULTS: dict[str, Any] = {"trees": 100, "min_samples_leaf": 1, "max_features": None, "most_bytes": 4_000_000}
_CLASSES = ("binary", "multiclass")
#: Seconds of a batch of trees, and most trees of one.
_BATCH_S, _BATCH = 0.1, 64


@dataclass(frozen=True, slots=True, eq=False)
class Grove:
    """Extremely randomised trees.

    The margin is the logarithm of the mean share of each class in the leaves (for two classes the difference of the
    two), or the mean of the leaves. A share is taken for `least` at least, half a row in all that were learnt from:
    leaves may be pure, but that what no row of n showed never happens is more than n rows can tell, and its logarithm
    is no number.

    Parameters
    ----------
    trees
        Trees of scikit-learn (`Any`: the library has no types).
    outputs
        Width of the margin.
    places
        Class of each value of a leaf; None for numbers.
    least
        Least share of a class.
    """

    trees: list[Any]
    outputs: int
    places: np.ndarray | None
    least: float
    curve: np.ndarray | None = None
    kept: dict[int, Forest] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Number of trees."""
        return len(self.trees)

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Margin of the first `rounds` trees, all of them when None."""
        wide = np.ascontiguousarray(matrix, dtype=np.float32)
        trees = self.trees[: rounds or self.rounds]
        total = trees[0].predict(wide)
        for tree in trees[1:]:
            total += tree.predict(wide)
        return self.linked(total / len(trees))

    def linked(self, mean: np.ndarray) -> np.ndarray:
        """Margin (n, outputs) of the mean of the leaves (n, values)."""
        if self.places is None:
            return np.asarray(mean, dtype=np.float64)
        shares = np.zeros((len(mean), max(2, self.outputs)))
        shares[:, self.places] = mean
        logarithms = np.log(np.maximum(shares, self.least))
        return np.asarray(logarithms[:, 1:] - logarithms[:, :1] if self.outputs == 1 else logarithms)

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """One tree ensemble; for classes their shares, clipped, and the logarithms.

        Two classes have two shares: the logarithm of one less the other would be that of a rounding error near 0.
        """
        made = graph.fresh("trees")
        classes = self.places is not None
        width = max(2, self.outputs) if classes else 1
        graph.nodes.append(forest_node(self._forest(rounds), outputs=width, inside=inside, outside=made))
        if not classes:
            return made
        logarithms = graph.add("Log", graph.add("Clip", made, graph.number(self.least)))
        if self.outputs > 1:
            return logarithms
        return graph.add("MatMul", logarithms, graph.constant(np.array([[-1.0], [1.0]], dtype=np.float32)))

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes of the trees."""
        return self._forest(rounds).size

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """Nothing: explanations are sampled."""
        del rounds
        return None

    def _forest(self, rounds: int | None) -> Forest:
        count = rounds or self.rounds
        if count not in self.kept:
            places = [0] if self.places is None else self.places.tolist()
            self.kept[count] = sklearn_forest(self.trees[:count], places=places)
        return self.kept[count]


class ExtraTrees:
    """Extremely randomised trees.

    References
    ----------
    P. Geurts, D. Ernst, L. Wehenkel (2006), "Extremely randomized trees", Machine Learning 63.
    """

    name = "extra_trees"
    kind = "tree"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Objectives that a mean of leaves does not minimise, and monotone signs."""
        del n, width
        if setup.objective.name not in (*_CLASSES, "squared"):
            return f"a mean of leaves does not minimise the loss of {setup.objective.name}"
        if setup.monotone is not None:
            return "extra trees do not keep to monotone signs where values are missing"
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
    ) -> Grove:
        """Fit tree by tree, in batches; stops at the deadline, and where `PATIENCE` trees bring nothing."""
        params = known(DEFAULTS, config)
        fixed = rounds or config.rounds
        objective = setup.objective
        train = begun(train, deadline, kept="extra_trees")
        made = Grove([], objective.outputs, _places(train, objective), 0.5 / train.n)
        count = fixed or params["trees"]
        batches = _batches(_forest(params, train, setup, count=count), train, deadline=deadline, count=count)
        if held is None:
            made.trees.extend(chain.from_iterable(batches))
            return made
        watch = Watch(objective, held, patient=fixed is None)
        wide, total = np.ascontiguousarray(held.matrix, dtype=np.float32), np.zeros((held.n, 1))
        for tree in chain.from_iterable(batches):
            made.trees.append(tree)
            total = total + tree.predict(wide)
            if watch.ends(made.linked(total / len(made.trees))):
                break
        return replace(made, curve=watch.curve)


def _forest(params: dict[str, Any], train: Sheet, setup: Setup, *, count: int) -> Any:
    from sklearn import ensemble

    classes = setup.objective.name in _CLASSES
    share = params["max_features"]
    values = max(2, setup.objective.outputs) if classes else 1
    most = most_leaves(params["most_bytes"], trees=max(count, params["trees"]), values=values, n=train.n)
    kind = ensemble.ExtraTreesClassifier if classes else ensemble.ExtraTreesRegressor
    return kind(
        n_estimators=1,
        min_samples_leaf=params["min_samples_leaf"],
        max_features=share if share is not None else "sqrt" if classes else 1.0,
        # Leaves that are split best first take their time: only where there could be too many.
        max_leaf_nodes=most if train.n > most * params["min_samples_leaf"] else None,
        warm_start=True,
        random_state=setup.seed,
        n_jobs=setup.threads,
    )


def most_leaves(most_bytes: int, *, trees: int, values: int, n: int) -> int:
    """Most leaves of a tree such that so many trees have at most `most_bytes` bytes in the graph.

    A leaf names no class that none of its rows has: all leaves of a tree name `n` classes at most.
    """
    each = most_bytes / trees
    full = each / leaf_bytes(values)
    thin = (each - n * (leaf_bytes(2) - leaf_bytes(1))) / leaf_bytes(0)
    return max(2, int(max(full, thin)))


def _places(train: Sheet, objective: Objective) -> np.ndarray | None:
    return np.unique(train.target) if objective.name in _CLASSES else None


def _batches(forest: Any, train: Sheet, *, deadline: Deadline, count: int) -> Iterator[list[Any]]:
    """Trees, a tenth of a second's worth at a time, until there are so many or the deadline has passed.

    How many a batch has changes no tree: each has a seed of its own.
    """
    matrix = np.ascontiguousarray(finite(train.matrix), dtype=np.float32)
    grown, batch = 0, 1
    while grown < count:
        left = deadline.left
        forest.set_params(n_estimators=grown + batch)
        with quiet():
            forest.fit(matrix, train.target, sample_weight=train.weights)
        yield [each.tree_ for each in forest.estimators_[grown:]]
        grown += batch
        if deadline.passed:
            return
        each_s = max(1e-4, (left - deadline.left) / batch)
        batch = int(np.clip(min(_BATCH_S, deadline.left) / each_s, 1, min(_BATCH, max(1, count - grown))))
