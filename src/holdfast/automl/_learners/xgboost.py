"""XGBoost, round by round, with every objective."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners.base import MOST_ROUNDS, Config, Explained, Setup, quiet
from holdfast.automl._trees import Forest, forest_node
from holdfast.automl._trees_boosting import Watch, begun, by_group, known
from holdfast.automl._trees_xgboost import finite, xgboost_forest

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Objective -> XGBoost's own, and the answer that is margin 0 there; the others are fitted by their gradients. (Its
#: survival loss wants times, and takes the logarithm itself; ours are logarithms already.)
_OWN = {
    "binary": ("binary:logistic", 0.5),
    "multiclass": ("multi:softprob", 0.0),
    "squared": ("reg:squarederror", 0.0),
    "quantile": ("reg:quantileerror", 0.0),
    "poisson": ("count:poisson", 1.0),
    "ranking": ("rank:ndcg", 0.0),
}
#: Names that a configuration may set, and what they are where it does not.
DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_depth": 6,
    "max_leaves": 0,
    "grow_policy": "depthwise",
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "colsample_bylevel": 1.0,
    "colsample_bynode": 1.0,
    "reg_alpha": 0.0,
    "reg_lambda": 1.0,
    "gamma": 0.0,
}
#: Greatest number of bins; one for all configurations, so that a matrix is binned once.
_BINS = 256


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """An XGBoost booster (`Any`: the library has no types) whose margins begin at 0, and the constant to add."""

    booster: Any
    outputs: int
    start: np.ndarray
    curve: np.ndarray | None = None
    kept: dict[str, Forest] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        """Number of rounds made."""
        return int(self.booster.num_boosted_rounds())

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Margin of the first `rounds` rounds, all of them when None. Infinite numbers are the greatest finite ones."""
        wide = np.ascontiguousarray(finite(matrix), dtype=np.float32)
        raw = self.booster.inplace_predict(wide, iteration_range=(0, rounds or self.rounds), predict_type="margin")
        return np.asarray(np.asarray(raw, dtype=np.float64).reshape(len(matrix), self.outputs) + self.start)

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """One tree ensemble, and the constant."""
        made = graph.fresh("trees")
        graph.nodes.append(forest_node(self._forest(rounds), outputs=self.outputs, inside=inside, outside=made))
        return graph.add("Add", made, graph.constant(self.start.astype(np.float32)))

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes of the trees."""
        return self._forest(rounds).size

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """Nothing: explanations are sampled."""
        del rounds
        return None

    def _forest(self, rounds: int | None) -> Forest:
        if "forest" not in self.kept:
            self.kept["forest"] = xgboost_forest(self.booster.save_raw("json"))
        return self.kept["forest"].first((rounds or self.rounds) * self.outputs)


class XGBoost:
    """XGBoost."""

    name = "xgboost"
    kind = "tree"

    def refuses(self, setup: Setup, *, n: int, width: int) -> str | None:
        """Monotone signs for several classes."""
        del n, width
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
    ) -> Boosted:
        """Fit round by round; stops at the deadline, inside a fit, and where `PATIENCE` rounds bring nothing."""
        import xgboost as xgb

        fixed = rounds or config.rounds
        objective = setup.objective
        params = _params(config, setup)
        train = begun(train, deadline, kept="xgboost")
        start = objective.start(train)
        with quiet():
            rows = _rows(train, objective, start, threads=setup.threads)
            seen = None if held is None else _seen(held, start, threads=setup.threads)
            booster = xgb.Booster(params, cache=[rows] if seen is None else [rows, seen])
            watch = None if held is None else Watch(objective, held, patient=fixed is None)
            for index in range(fixed or MOST_ROUNDS):
                if "objective" in params:
                    booster.update(rows, index)
                else:
                    _step(booster, rows, index, objective, train)
                # The booster keeps the margins of what it was given: only the new trees are walked.
                ended = watch is not None and watch.ends(_margin(booster, seen, objective.outputs))
                if ended or deadline.passed:
                    break
        return Boosted(booster, objective.outputs, start, None if watch is None else watch.curve)


def _params(config: Config, setup: Setup) -> dict[str, Any]:
    objective = setup.objective
    made = known(DEFAULTS, config)
    made |= {"tree_method": "hist", "max_bin": _BINS, "seed": setup.seed, "nthread": setup.threads, "verbosity": 0}
    made["disable_default_eval_metric"] = True
    if setup.monotone is not None:
        made["monotone_constraints"] = tuple(setup.monotone)
    if objective.outputs > 1:
        made["num_class"] = objective.outputs
    if not _own(setup):
        return made | {"base_score": 0.0}
    name, base = _OWN[objective.name]
    if objective.name == "quantile":
        made["quantile_alpha"] = objective.options["level"]
    if objective.name == "ranking":
        # The relevance is the gain itself, as the loss has it; the library's own is a power of two.
        made["ndcg_exp_gain"] = False
    return made | {"objective": name, "base_score": base}


def _own(setup: Setup) -> bool:
    # A quantile's leaves are filled anew once a tree has grown, whatever the signs of features: by gradients they hold.
    return setup.objective.name in _OWN and not (setup.objective.name == "quantile" and setup.monotone is not None)


def _rows(train: Sheet, objective: Objective, start: np.ndarray, *, threads: int) -> Any:
    """Binned rows, made once by sheet; binned without weights, which may change from fit to fit."""
    import xgboost as xgb

    ranks = objective.name == "ranking"
    if "xgboost" not in train.kept:
        order = by_group(train)[0] if ranks else slice(None)
        made = xgb.QuantileDMatrix(
            np.ascontiguousarray(finite(train.matrix)[order], dtype=np.float32),
            train.target[order].astype(np.float64),
            max_bin=_BINS,
            nthread=threads,
        )
        train.kept["xgboost"] = made
    rows = train.kept["xgboost"]
    rows.set_info(base_margin=_base(start, train.n))
    if ranks:
        _, codes, weights = by_group(train)
        rows.set_info(qid=codes, weight=weights)
    else:
        rows.set_info(weight=train.weights)
    return rows


def _seen(held: Sheet, start: np.ndarray, *, threads: int) -> Any:
    import xgboost as xgb

    if "xgboost held" not in held.kept:
        wide = np.ascontiguousarray(finite(held.matrix), dtype=np.float32)
        # The library counts the outputs of its objective by the labels of whatever a booster is given.
        held.kept["xgboost held"] = xgb.DMatrix(wide, held.target.astype(np.float64), nthread=threads)
    seen = held.kept["xgboost held"]
    seen.set_info(base_margin=_base(start, held.n))
    return seen


def _base(start: np.ndarray, n: int) -> np.ndarray:
    tiled = np.tile(start.astype(np.float32), (n, 1))
    return tiled[:, 0] if tiled.shape[1] == 1 else tiled


def _margin(booster: Any, rows: Any, outputs: int) -> np.ndarray:
    raw = booster.predict(rows, output_margin=True)
    return np.asarray(raw, dtype=np.float64).reshape(-1, outputs)


def _step(booster: Any, rows: Any, index: int, objective: Objective, train: Sheet) -> None:
    """One round by the objective's own gradients."""
    first, second = objective.gradients(_margin(booster, rows, objective.outputs), train)
    weights = train.weights[:, None]
    booster.boost(rows, index, grad=first * weights, hess=np.maximum(second, 1e-16) * weights)
