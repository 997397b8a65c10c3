"""CatBoost on numbers, ended from inside by a callback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners.base import MOST_ROUNDS, PATIENCE, Config, Explained, Setup, quiet
from holdfast.automl._trees import Forest, forest_node
from holdfast.automl._trees_boosting import begun, by_group, known
from holdfast.automl._trees_catboost import catboost_forest, exported

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Objective -> CatBoost's loss.
_OWN = {
    "binary": "Logloss",
    "multiclass": "MultiClass",
    "squared": "RMSE",
    "quantile": "Quantile:alpha={level}",
    "poisson": "Poisson",
    "ranking": "YetiRank",
}
#: What a ranking is watched by: the loss that the objective has, on the first ten.
_WATCHED = "NDCG:top=10;type=Base"
#: Names that a configuration may set, and what they are where it does not.
DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.1,
    "depth": 6,
    "l2_leaf_reg": 3.0,
    "random_strength": 1.0,
    "bagging_temperature": 1.0,
    "rsm": 1.0,
    # Half of the library's own: a third faster with several classes, and as good.
    "border_count": 128,
}
#: Greatest depth: a thousand leaves a tree.
_DEEPEST = 10
_FIXED: dict[str, Any] = {
    "allow_writing_files": False,
    "bootstrap_type": "Bayesian",
    "boost_from_average": False,
    "grow_policy": "SymmetricTree",
    "logging_level": "Silent",
    "model_shrink_rate": 0.0,
    "nan_mode": "Min",
    "use_best_model": False,
}


@dataclass(frozen=True, slots=True, eq=False)
class Grown:
    """A CatBoost model (`Any`: the library has no types).

    Parameters
    ----------
    model
        The model; its trees begin at 0.
    start
        Shape (outputs,): the constant that its trees add to.
    places
        Output of each dimension of the model: a class that no row had has none.
    curve
        Mean held-out loss by round.
    kept
        The forest, once it was asked for.
    """

    model: Any
    start: np.ndarray
    places: np.ndarray
    curve: np.ndarray | None = None
    kept: dict[str, tuple[Forest, np.ndarray]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Number of rounds made."""
        return int(self.model.tree_count_)

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Raw value of the first `rounds` trees, all of them when None, and the constant."""
        wide = np.ascontiguousarray(matrix, dtype=np.float32)
        raw = self.model.predict(wide, prediction_type="RawFormulaVal", ntree_end=rounds or 0, thread_count=1)
        made = np.tile(self.start, (len(matrix), 1))
        made[:, self.places] += np.asarray(raw, dtype=np.float64).reshape(len(matrix), len(self.places))
        return made

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """One tree ensemble, and the constant."""
        forest, bias = self._forest(rounds)
        made, start = graph.fresh("trees"), self.start.copy()
        start[self.places] += bias
        graph.nodes.append(forest_node(forest, outputs=len(start), inside=inside, outside=made))
        return graph.add("Add", made, graph.constant(start.astype(np.float32)))

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes of the trees."""
        return self._forest(rounds)[0].size

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """Nothing: explanations are sampled."""
        del rounds
        return None

    def _forest(self, rounds: int | None) -> tuple[Forest, np.ndarray]:
        if "forest" not in self.kept:
            self.kept["forest"] = catboost_forest(exported(self.model), places=self.places.tolist())
        forest, bias = self.kept["forest"]
        return forest.first(rounds or self.rounds), bias


class _Until:
    """Ends a fit once the deadline has passed."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def after_iteration(self, info: Any) -> bool:
        """Whether to go on."""
        del info
        return not self._deadline.passed


class CatBoost:
    """CatBoost."""

    name = "catboost"
    kind = "tree"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Losses that the library has not, and monotone signs for several classes."""
        del n, width
        if setup.objective.name not in _OWN:
            return f"CatBoost has no loss that is {setup.objective.name}"
        if setup.monotone is not None and setup.objective.outputs > 1:
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
    ) -> Grown:
        """Fit; a callback ends it at the deadline, the library where `PATIENCE` rounds bring nothing."""
        import catboost as cb

        fixed = rounds or config.rounds
        objective = setup.objective
        params = _params(config, setup, patient=fixed is None)
        train = begun(train, deadline, kept="catboost")
        start, places = objective.start(train), _places(train, objective)
        model = cb.CatBoost({**params, "iterations": fixed or MOST_ROUNDS})
        try:
            with quiet():
                rows = _pool(train, start, places, objective, threads=setup.threads)
                seen = None if held is None else _seen(held, start, places, objective, threads=setup.threads)
                model.fit(rows, eval_set=seen, callbacks=[_Until(deadline)])
        except cb.CatBoostError as error:
            raise ValueError(f"CatBoost: {error}") from error
        made = Grown(model, start, places)
        return made if held is None else replace(made, curve=_curve(made, held, objective))


def _params(config: Config, setup: Setup, *, patient: bool) -> dict[str, Any]:
    objective = setup.objective
    made = {**known(DEFAULTS, config), **_FIXED, "random_seed": setup.seed, "thread_count": setup.threads}
    if made["depth"] > _DEEPEST:
        raise ValueError(
            f"depth {made['depth']}: a tree is written out with 2 ** depth leaves, at most {_DEEPEST} deep"
        )
    made["loss_function"] = _OWN[objective.name].format(**objective.options)
    if objective.name == "ranking":
        made["eval_metric"] = _WATCHED
    if setup.monotone is not None:
        made["monotone_constraints"] = list(setup.monotone)
    return made | ({"od_type": "Iter", "od_wait": PATIENCE} if patient else {})


def _places(train: Sheet, objective: Objective) -> np.ndarray:
    """Output of each dimension of a model: those classes that are there (the library knows no others)."""
    if objective.name not in ("binary", "multiclass"):
        return np.zeros(1, dtype=np.int64)
    there = np.unique(train.target)
    if len(there) < 2:
        raise ValueError("CatBoost needs rows of two classes")
    return there if objective.name == "multiclass" else np.zeros(1, dtype=np.int64)


def _pool(sheet: Sheet, start: np.ndarray, places: np.ndarray, objective: Objective, *, threads: int) -> Any:
    """Rows as the library wants them, made once by sheet; their weights and where they start from may change."""
    import catboost as cb

    order, codes, weights = by_group(sheet) if objective.name == "ranking" else (slice(None), None, sheet.weights)
    if "catboost" not in sheet.kept:
        wide = np.ascontiguousarray(sheet.matrix[order], dtype=np.float32)
        sheet.kept["catboost"] = cb.Pool(wide, sheet.target[order], group_id=codes, thread_count=threads)
    pool = sheet.kept["catboost"]
    pool.set_baseline(np.tile(start[places], (sheet.n, 1)))
    if codes is None:
        pool.set_weight(weights)
    else:
        pool.set_group_weight(weights[codes])
    return pool


def _seen(held: Sheet, start: np.ndarray, places: np.ndarray, objective: Objective, *, threads: int) -> Any | None:
    """Rows to watch; without those of a class that the model does not know."""
    if _whole(held, places, objective):
        return _pool(held, start, places, objective, threads=threads)
    known_rows = np.flatnonzero(np.isin(held.target, places))
    if not len(known_rows):
        return None
    return _pool(held.take(known_rows), start, places, objective, threads=threads)


def _whole(held: Sheet, places: np.ndarray, objective: Objective) -> bool:
    return objective.name != "multiclass" or bool(np.isin(held.target, places).all())


def _curve(made: Grown, held: Sheet, objective: Objective) -> np.ndarray:
    """Mean loss by round: the library's own where it is the objective's, or all but a constant of it."""
    own = np.array(next(iter(made.model.evals_result_.get("validation", {"": []}).values())))[: made.rounds]
    if objective.name == "ranking" or not _whole(held, places=made.places, objective=objective):
        return np.array([_mean(margin, held, objective) for margin in _staged(made, held.matrix)])
    if objective.name == "squared":
        return np.asarray(own**2)
    if objective.name == "poisson":
        # A deviance is twice the log-likelihood, less that of a perfect answer.
        return np.asarray(_mean(made.margin(held.matrix), held, objective) + 2.0 * (own - own[-1]))
    return own


def _mean(margin: np.ndarray, held: Sheet, objective: Objective) -> float:
    return float(np.average(objective.losses(margin, held), weights=held.weights))


def _staged(made: Grown, matrix: np.ndarray) -> Iterator[np.ndarray]:
    """Margins after each round."""
    width = len(made.places)
    leaves = made.model.calc_leaf_indexes(np.ascontiguousarray(matrix, dtype=np.float32), thread_count=1)
    counts = np.array(made.model.get_tree_leaf_counts(), dtype=np.int64)
    values = np.array(made.model.get_leaf_values()).reshape(-1, width)
    margin = np.tile(made.start, (len(matrix), 1))
    for index, first in enumerate(np.cumsum(counts) - counts):
        margin[:, made.places] += values[first + leaves[:, index].astype(np.int64)]
        yield margin
