"""The portfolio: configurations that are good on many data sets, cheapest first; and the space around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from holdfast.automl._learners import LEARNERS, Config, usable

#: Names of the configurations that every other one must beat.
DEFAULTS = ("lightgbm default", "linear default")

Edges = tuple[Any, ...]
"""Range of a parameter: (low, high, logarithmic) of a number, or two choices."""

_SPACE: dict[str, dict[str, Edges]] = {
    "lightgbm": {
        "learning_rate": (0.01, 0.2, True),
        "num_leaves": (4, 128, True),
        "min_data_in_leaf": (2, 100, True),
        "feature_fraction": (0.3, 1.0, False),
        "bagging_fraction": (0.5, 1.0, False),
        "lambda_l1": (1e-3, 10.0, True),
        "lambda_l2": (1e-3, 30.0, True),
        "extra_trees": (False, True),
    },
    "xgboost": {
        "learning_rate": (0.01, 0.2, True),
        "max_depth": (3, 9, False),
        "min_child_weight": (0.5, 20.0, True),
        "subsample": (0.5, 1.0, False),
        "colsample_bynode": (0.3, 1.0, False),
        "reg_lambda": (0.1, 30.0, True),
    },
    "catboost": {
        "learning_rate": (0.02, 0.2, True),
        "depth": (3, 8, False),
        "l2_leaf_reg": (0.5, 30.0, True),
        "random_strength": (0.1, 10.0, True),
        "rsm": (0.4, 1.0, False),
    },
    "extra_trees": {"min_samples_leaf": (1, 10, True), "max_features": (0.1, 1.0, False)},
    "neighbours": {"k": (5, 60, True)},
    "linear": {"strength": (1e-6, 1.0, True)},
}


def portfolio(*, n: int, learners: Sequence[str]) -> list[Config]:
    """List configurations in the order to try them.

    Parameters
    ----------
    n
        Number of rows: small data get more regularised configurations, and absolute penalties.
    learners
        Learners that may be used.
    """
    found = [config for config in _ordered(n) if config.learner in learners and usable(config.learner)]
    seen: dict[str, Config] = {}
    for config in found:
        seen.setdefault(config.name, config)
    return list(seen.values())


def _trees(name: str, *, rounds: int | None = None, **params: Any) -> Config:
    return Config(name, "lightgbm", params, rounds)


def _linear(name: str, strength: float, mix: float = 0.0) -> Config:
    return Config(name, "linear", {"strength": strength, "mix": mix})


def _ordered(n: int) -> list[Config]:
    first = [_linear("linear default", 1.0 / n), _trees("lightgbm default", rounds=100)]
    steady = _trees(
        "trees, steady", learning_rate=0.05, num_leaves=15, feature_fraction=0.7, bagging_fraction=0.8, lambda_l2=1.0
    )
    shallow = _trees("trees, shallow", learning_rate=0.08, num_leaves=4, feature_fraction=0.7, lambda_l2=1.0)
    wide = _trees(
        "trees, wide", learning_rate=0.05, num_leaves=63, min_data_in_leaf=40, feature_fraction=0.6, lambda_l2=5.0
    )
    random = _trees("trees, random", learning_rate=0.1, min_data_in_leaf=5, feature_fraction=0.7, extra_trees=True)
    small = _trees(
        "trees, small data",
        learning_rate=0.05,
        num_leaves=6,
        min_data_in_leaf=5,
        feature_fraction=0.4,
        bagging_fraction=0.8,
        lambda_l2=10.0,
    )
    slow = _trees(
        "trees, slow",
        learning_rate=0.02,
        num_leaves=24,
        min_data_in_leaf=20,
        feature_fraction=0.4,
        bagging_fraction=0.7,
        lambda_l2=3.0,
    )
    cat = Config("catboost", "catboost", {"depth": 6, "learning_rate": 0.08, "l2_leaf_reg": 3.0})
    xgb = Config(
        "xgboost",
        "xgboost",
        {"max_depth": 6, "learning_rate": 0.08, "subsample": 0.8, "colsample_bytree": 0.7, "min_child_weight": 3.0},
    )
    extra = Config("extra trees", "extra_trees", {})
    mlp = Config("network", "mlp", {})
    near = Config("neighbours", "neighbours", {})
    strong = [_linear("linear, strong", 1e-2), _linear("linear, stronger", 1e-1)]
    sparse = [_linear("linear, sparse", 3e-3, 0.5)] if n <= 5000 else []
    if n <= 5000:
        cheap = [*first, strong[0], extra, near, mlp, cat, shallow, small, steady, strong[1]]
        return [*cheap, xgb, *sparse, random, wide, slow]
    return [*first, steady, mlp, cat, wide, xgb, shallow, extra, random, slow, *strong]


def space(learners: Sequence[str]) -> dict[str, dict[str, Edges]]:
    """Ranges that the search looks in, by learner: name -> edges."""
    return {name: _SPACE[name] for name in LEARNERS if name in learners and name in _SPACE and usable(name)}


def from_point(point: Mapping[str, Any], *, index: int, features: str) -> Config:
    """Make the configuration for a point of the space."""
    params = {name: value for name, value in point.items() if name != "learner"}
    return Config(f"search {index}, {point['learner']}", point["learner"], params, features=features)


def to_point(config: Config, learners: Sequence[str]) -> dict[str, Any] | None:
    """Point of the space for a configuration, moved to its edges where it lies outside; None if it has none."""
    ranges = space(learners).get(config.learner)
    if ranges is None or config.params.get("mix") or config.weighting:
        return None
    point: dict[str, Any] = {"learner": config.learner}
    for name, edges in ranges.items():
        value = config.params.get(name, _default(config.learner, name))
        if value is None:
            return None
        point[name] = value if len(edges) == 2 else min(max(value, edges[0]), edges[1])
    return point


def _default(learner: str, name: str) -> Any:
    import importlib

    if LEARNERS[learner].module not in ("lightgbm", "xgboost", "catboost"):
        return None
    return importlib.import_module(f"holdfast.automl._learners.{LEARNERS[learner].module}").DEFAULTS.get(name)


def warm(plain: Mapping[str, Any], learners: Sequence[str]) -> list[Config]:
    """Make the configurations of an earlier model from its parameters; none where they are no such parameters."""
    members = plain.get("members")
    found = members if isinstance(members, (list, tuple)) else [plain]
    made = []
    for index, each in enumerate(found):
        if not isinstance(each, Mapping):
            continue
        name, params = each.get("learner"), each.get("params")
        if name in learners and name in LEARNERS and isinstance(params, Mapping):
            kept = {str(key): value for key, value in params.items() if isinstance(value, (bool, int, float, str))}
            made.append(Config(f"warm start {index + 1}" if index else "warm start", str(name), kept))
    return made


def on(config: Config, features: str) -> Config:
    """Return the configuration on another feature set; its name says so."""
    if features == config.features:
        return config
    return replace(config, features=features, name=f"{config.name}, {features}")
