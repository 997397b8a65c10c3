"""LightGBM, round by round, with every objective."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._learners.base import MOST_ROUNDS, PATIENCE, Config, Explained, Setup, quiet
from holdfast.automl._trees import LEAF_BYTES, ensemble_node
from holdfast.automl._trees_boosting import begun, by_group, known

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._graph import Graph
    from holdfast.automl._objectives import Objective
    from holdfast.automl._sheet import Sheet

#: Objective -> LightGBM's own; the others are fitted by their gradients.
_OWN = {
    "binary": "binary",
    "multiclass": "multiclass",
    "squared": "regression",
    "quantile": "quantile",
    "poisson": "poisson",
    "ranking": "lambdarank",
}
#: Those whose loss the library measures as well, faster than it can be asked for the margin.
_MEASURED = ("binary", "multiclass", "squared", "quantile")
#: Names that a configuration may set, and what they are where it does not.
DEFAULTS: dict[str, Any] = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "bagging_freq": 0,
    "lambda_l1": 0.0,
    "lambda_l2": 0.0,
    "max_depth": -1,
    "extra_trees": False,
}
#: Least and greatest value of the numbers among them (whole ones where the least is): beyond, the library writes to the
#: screen before it gives up.
EDGES: dict[str, tuple[float, float]] = {
    "learning_rate": (1e-12, 1e3),
    "num_leaves": (2, 131_072),
    "min_data_in_leaf": (0, 2**31 - 1),
    "feature_fraction": (1e-12, 1.0),
    "bagging_fraction": (1e-12, 1.0),
    "bagging_freq": (0, 2**31 - 1),
    "lambda_l1": (0.0, 1e300),
    "lambda_l2": (0.0, 1e300),
    "max_depth": (-1, 2**31 - 1),
}
#: What a dataset is binned with; one for all configurations, so that it is binned once.
BINNED = {"max_bin": 255, "feature_pre_filter": False, "verbosity": -1, "zero_as_missing": False}
#: Rows of a query that the library can rank at most, and grades of relevance that it is given at most.
_MOST_IN_QUERY, _MOST_GRADES = 10_000, 1_000
#: Rounds without a split after which no further one is looked for, where each looks at other columns or rows.
_STALLS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Boosted:
    """A LightGBM booster (`Any`: the library has no types), and a constant that is added to its margins."""

    booster: Any
    outputs: int
    start: np.ndarray
    curve: np.ndarray | None = None

    @property
    def rounds(self) -> int:
        """Number of rounds made."""
        return int(self.booster.num_trees()) // self.outputs

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Raw score of the first `rounds` rounds, all of them when None."""
        raw = self.booster.predict(matrix, raw_score=True, num_iteration=rounds, num_threads=1)
        return np.asarray(np.asarray(raw, dtype=np.float64).reshape(len(matrix), self.outputs) + self.start)

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """One tree ensemble, and the constant where there is one."""
        dump = self.booster.dump_model(num_iteration=rounds)
        made = graph.fresh("trees")
        graph.nodes.append(ensemble_node(dump, outputs=self.outputs, inside=inside, outside=made))
        return graph.add("Add", made, graph.constant(self.start.astype(np.float32))) if self.start.any() else made

    def size(self, *, rounds: int | None = None) -> int:
        """Leaves times what a leaf costs."""
        text = self.booster.model_to_string(num_iteration=rounds)
        return sum(_leaves(text)) * LEAF_BYTES

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """The booster's text: LightGBM gives exact Shapley values of it."""
        if self.start.any():
            return None
        text = str(self.booster.model_to_string(num_iteration=rounds))
        # The training parameters (threads among them) are no part of the model: equal models have equal files.
        text = text.split("\nparameters:\n", 1)[0] + "\n"
        plain = {"kind": "lightgbm", "file": "booster.txt", "outputs": self.outputs}
        return Explained(plain, {"booster.txt": text.encode()})


class LightGBM:
    """LightGBM."""

    name = "lightgbm"
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
        import lightgbm as lgb

        fixed = rounds or config.rounds
        objective, outputs = setup.objective, setup.objective.outputs
        params = _params(config, setup)
        train = _begun(train, deadline)
        own = _own(setup, train)
        params |= _of_objective(setup, train) if own else {"objective": "none", "metric": "none"}
        start = np.zeros(outputs) if own else objective.start(train)
        step = None if own else _gradient_of(objective, train, start)
        losses: list[float] = []
        best = (np.inf, 0)
        with quiet(), _told():
            rows = _rows(train, setup, ranks=own and objective.name == "ranking")
            booster = lgb.Booster(params=params, train_set=rows)
            if held is not None:
                booster.add_valid(_seen(held, train, rows, setup), "held")
            stalls, made = 0, 0
            while made < (fixed or MOST_ROUNDS):
                booster.update() if step is None else booster.update(fobj=step)
                # A round that finds no split leaves no tree, but for the very first: that is the constant.
                grown = booster.num_trees() // outputs
                stalls, made = (0, grown) if grown > made else (stalls + 1, made)
                if held is not None and not stalls:
                    losses.append(_held_loss(booster, objective, held, start, own=own))
                    best = min(best, (losses[-1], made))
                patient = fixed is None and held is not None and made - best[1] >= PATIENCE
                if stalls >= (_STALLS if _random(params) else 1) or patient or deadline.passed:
                    break
            if start.any():
                _planted(booster, start)
            booster.free_dataset()
        return Boosted(booster, outputs, np.zeros(outputs), None if held is None else np.array(losses))


def _params(config: Config, setup: Setup) -> dict[str, Any]:
    """Parameters for LightGBM: those of the configuration, and what must be so for exact, repeatable export."""
    params = known(DEFAULTS, config)
    for name, (low, high) in EDGES.items():
        value, whole = params[name], isinstance(low, int)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise ValueError(f"{name} {value!r}: {low:g} <= {name} <= {high:g} must hold")
        if whole and value != int(value):
            raise ValueError(f"{name} {value!r}: a whole number is wanted")
        params[name] = int(value) if whole else value
    if params["bagging_fraction"] < 1.0 and not params["bagging_freq"]:
        params["bagging_freq"] = 1
    if setup.objective.outputs > 1:
        params["num_class"] = setup.objective.outputs
    if setup.monotone is not None and any(setup.monotone):
        params["monotone_constraints"] = list(setup.monotone)
        params["monotone_constraints_method"] = "intermediate"
    return {
        **params,
        "seed": setup.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": setup.threads,
        **BINNED,
    }


def _of_objective(setup: Setup, train: Sheet) -> dict[str, Any]:
    objective = setup.objective
    made: dict[str, Any] = {
        "objective": _OWN[objective.name],
        "metric": "" if objective.name in _MEASURED else "none",
    }
    if objective.name == "quantile":
        made["alpha"] = objective.options["level"]
    if objective.name == "ranking":
        # The relevance is the gain itself, as the loss has it; the library's own is a power of two.
        made["label_gain"] = _grades(train)[0].tolist()
    return made


def _own(setup: Setup, train: Sheet) -> bool:
    """Whether the library's own objective can be used."""
    name = setup.objective.name
    if name == "quantile":
        # A quantile's leaves are filled anew once a tree has grown, whatever the signs of features.
        return setup.monotone is None or not any(setup.monotone)
    if name == "poisson":
        return bool(train.target.any())
    if name == "ranking":
        return int(np.bincount(by_group(train)[1]).max()) <= _MOST_IN_QUERY
    return name in _OWN


def _random(params: dict[str, Any]) -> bool:
    return bool(params["feature_fraction"] < 1.0 or params["bagging_fraction"] < 1.0 or params["extra_trees"])


def _begun(train: Sheet, deadline: Deadline) -> Sheet:
    if train.parent is not None and "lightgbm" in train.parent.kept:
        return train
    found = begun(train, deadline, kept="lightgbm")
    # What is late must not bin the rows that it leaves out.
    return found if found is train else replace(found, parent=None, rows=None)


def _rows(sheet: Sheet, setup: Setup, *, ranks: bool) -> Any:
    """LightGBM's dataset of a sheet, binned once; target and weights are those that the sheet has now."""
    made = _binned(sheet, setup, ranks=ranks)
    if not ranks:
        return _labelled(made, sheet)
    order, codes, _ = by_group(sheet)
    made.set_field("weight", sheet.weights[order])
    made.set_field("label", _grades(sheet)[1][order])
    return made.set_field("group", np.bincount(codes))


def _labelled(made: Any, sheet: Sheet) -> Any:
    # Not `set_weight`: that leaves the old ones where the new ones are all 1.
    return made.set_field("weight", sheet.weights).set_field("label", sheet.target)


def _binned(sheet: Sheet, setup: Setup, *, ranks: bool = False) -> Any:
    """Binned rows, in order of the queries where they are ranked; a part of a sheet is a part of that one's bins."""
    import lightgbm as lgb

    kept = "lightgbm ranked" if ranks else "lightgbm"
    if kept not in sheet.kept:
        if sheet.parent is not None and not ranks and bool((np.diff(np.asarray(sheet.rows)) > 0).all()):
            made = _binned(sheet.parent, setup).subset(sheet.rows)
        else:
            matrix = sheet.matrix[by_group(sheet)[0]] if ranks else sheet.matrix
            given = {**BINNED, "num_threads": setup.threads}
            made = lgb.Dataset(matrix, np.zeros(sheet.n), params=given, free_raw_data=False)
        sheet.kept[kept] = made.construct()
    return sheet.kept[kept]


def _seen(held: Sheet, train: Sheet, rows: Any, setup: Setup) -> Any:
    """Held-out rows in the bins of those that are learnt from."""
    import lightgbm as lgb

    if held.parent is not None and held.parent is train.parent and "lightgbm" in held.parent.kept:
        return _labelled(_binned(held, setup), held)
    found = held.kept.get("lightgbm held")
    if found is None or found[0] is not rows:
        given = {**BINNED, "num_threads": setup.threads}
        made = lgb.Dataset(held.matrix, np.zeros(held.n), params=given, reference=rows, free_raw_data=False)
        found = held.kept["lightgbm held"] = rows, made.construct()
    return _labelled(found[1], held)


def _grades(sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
    """Gains of the grades (grades,), and the grade of each row (n,); many different gains are rounded to some."""
    gains, grade = np.unique(sheet.target, return_inverse=True)
    if len(gains) > _MOST_GRADES:
        gains = np.unique(np.quantile(sheet.target, np.linspace(0.0, 1.0, _MOST_GRADES), method="nearest"))
        grade = np.minimum(np.searchsorted(gains, sheet.target), len(gains) - 1)
    return gains, grade.ravel()


def _gradient_of(objective: Objective, train: Sheet, start: np.ndarray) -> Any:
    def step(raw: np.ndarray, _: Any) -> tuple[np.ndarray, np.ndarray]:
        margin = np.asarray(raw, dtype=np.float64).reshape(train.n, objective.outputs, order="F") + start
        first, second = objective.gradients(margin, train)
        weights = train.weights[:, None]
        # LightGBM wants a curvature that is never 0.
        first, second = first * weights, np.maximum(second, 1e-6) * weights
        return (first, second) if objective.outputs > 1 else (first[:, 0], second[:, 0])

    return step


def _held_loss(booster: Any, objective: Objective, held: Sheet, start: np.ndarray, *, own: bool) -> float:
    if own and objective.name in _MEASURED:
        return float(booster.eval_valid()[0][2])

    def loss(seen: np.ndarray, _: Any) -> tuple[str, float, bool]:
        margin = np.asarray(seen, dtype=np.float64).reshape(held.n, objective.outputs, order="F")
        if own and objective.name == "poisson":
            # What it shows of its own is the rate.
            margin = np.log(np.maximum(margin, 1e-300))
        return "loss", float(np.average(objective.losses(margin + start, held), weights=held.weights)), False

    return float(booster.eval_valid(loss)[0][2])


def _planted(booster: Any, start: np.ndarray) -> None:
    """Add the constant to the leaves of the first round: the booster then explains all of its margin."""
    for tree, leaves in enumerate(_leaves(booster.model_to_string(num_iteration=1))):
        for leaf in range(leaves):
            booster.set_leaf_output(tree, leaf, booster.get_leaf_output(tree, leaf) + float(start[tree]))


def _leaves(text: str) -> list[int]:
    """Number of leaves of each tree of a booster's text."""
    return [int(line.split("=")[1]) for line in text.splitlines() if line.startswith("num_leaves=")]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Turn the library's own error into one that a search expects."""
    from lightgbm.basic import LightGBMError

    try:
        yield
    except LightGBMError as error:
        raise ValueError(f"LightGBM: {error}") from error
