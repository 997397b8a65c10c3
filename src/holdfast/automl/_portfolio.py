"""The portfolio: configurations that are good on many data sets, cheapest first; and the space around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdfast.automl._learners import Config

#: Names of the configurations that every other one must beat beyond noise.
DEFAULTS = ("lightgbm default", "linear default")

_COMMON = {
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


def _trees(name: str, *, rounds: int | None = None, **params: Any) -> Config:
    if params.get("bagging_fraction", 1.0) < 1.0:
        params["bagging_freq"] = 1
    return Config(name, "lightgbm", {**_COMMON, **params}, rounds)


def _linear(name: str, strength: float, mix: float = 0.0) -> Config:
    return Config(name, "linear", {"strength": strength, "mix": mix})


def portfolio(*, n: int, linear: bool) -> list[Config]:
    """List configurations in the order to try them.

    Parameters
    ----------
    n
        Number of rows: small data get more regularised configurations, and absolute penalties.
    linear
        Whether linear models may be tried (they cannot promise a monotone answer).
    """
    first = [_linear("linear default", 1.0 / n)] if linear else []
    first.append(_trees("lightgbm default", rounds=100))
    steady = _trees(
        "trees, steady", learning_rate=0.05, num_leaves=15, feature_fraction=0.7, bagging_fraction=0.8, lambda_l2=1.0
    )
    shallow = _trees("trees, shallow", learning_rate=0.08, num_leaves=4, feature_fraction=0.7, lambda_l2=1.0)
    wide = _trees(
        "trees, wide", learning_rate=0.05, num_leaves=63, min_data_in_leaf=40, feature_fraction=0.6, lambda_l2=5.0
    )
    random = _trees(
        "trees, random", learning_rate=0.1, num_leaves=31, min_data_in_leaf=5, feature_fraction=0.7, extra_trees=True
    )
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
    strong = [_linear("linear, strong", 1e-2), _linear("linear, stronger", 1e-1)] if linear else []
    sparse = [_linear("linear, sparse", 3e-3, 0.5)] if linear and n <= 5000 else []
    if n <= 5000:
        return [*first, *strong, shallow, small, steady, random, *sparse, wide, slow]
    return [*first, steady, wide, shallow, random, slow, *strong]


def space(*, linear: bool) -> dict[str, dict[str, Any]]:
    """Ranges that the search looks in, by learner: name -> (kind, low, high) as keyword arguments of a distribution."""
    ranges: dict[str, dict[str, Any]] = {
        "lightgbm": {
            "learning_rate": (0.01, 0.2, True),
            "num_leaves": (4, 128, True),
            "min_data_in_leaf": (2, 100, True),
            "feature_fraction": (0.3, 1.0, False),
            "bagging_fraction": (0.5, 1.0, False),
            "lambda_l1": (1e-3, 10.0, True),
            "lambda_l2": (1e-3, 30.0, True),
            "extra_trees": (False, True),
        }
    }
    if linear:
        ranges["linear"] = {"strength": (1e-6, 1.0, True)}
    return ranges


def from_point(point: Mapping[str, Any], *, index: int) -> Config:
    """Make the configuration for a point of the space."""
    learner = point.get("learner", "lightgbm")
    params = {name: value for name, value in point.items() if name != "learner"}
    if learner == "linear":
        return _linear(f"search {index}, linear", float(params["strength"]))
    return _trees(f"search {index}, trees", **params)


def to_point(config: Config, *, linear: bool) -> dict[str, Any] | None:
    """Point of the space for a configuration, moved to its edges where it lies outside; None if it has none."""
    ranges = space(linear=linear).get(config.learner)
    if ranges is None or config.params.get("mix"):
        return None
    point: dict[str, Any] = {"learner": config.learner} if linear else {}
    for name, edges in ranges.items():
        value = config.params.get(name, _COMMON.get(name))
        if value is None:
            return None
        point[name] = value if len(edges) == 2 else min(max(value, edges[0]), edges[1])
    return point


def warm(plain: Mapping[str, Any], *, linear: bool) -> Config | None:
    """Make the configuration of an earlier model from its parameters, or None where they are no such parameters."""
    learner, params = plain.get("learner"), plain.get("params")
    if not isinstance(params, Mapping) or learner not in (("lightgbm", "linear") if linear else ("lightgbm",)):
        return None
    known = _COMMON if learner == "lightgbm" else {"strength": 1e-3, "mix": 0.0}
    kept = {name: type(default)(params[name]) for name, default in known.items() if _number(params.get(name))}
    return Config("warm start", str(learner), {**known, **kept})


def _number(value: object) -> bool:
    return isinstance(value, (bool, int, float))
