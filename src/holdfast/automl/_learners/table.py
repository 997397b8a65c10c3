"""The table of learners: name, module, class, and the library that each needs."""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from typing import NamedTuple

from holdfast.automl._learners.base import Learner
from holdfast.core.errors import InvalidValue, MissingExtra, one_of


class Row(NamedTuple):
    """Where a learner is, and what it needs."""

    module: str
    kind: str
    library: str | None


#: Learner -> where it is. Nothing is imported before it is used.
LEARNERS: dict[str, Row] = {
    "linear": Row("linear", "Linear", None),
    "lightgbm": Row("lightgbm", "LightGBM", None),
    "xgboost": Row("xgboost", "XGBoost", "xgboost"),
    "catboost": Row("catboost", "CatBoost", "catboost"),
    "extra_trees": Row("extra_trees", "ExtraTrees", None),
    "neighbours": Row("neighbours", "Neighbours", None),
    "mlp": Row("mlp", "MLP", "torch"),
}


@cache
def usable(name: str) -> bool:
    """Whether the library that a learner needs is installed."""
    library = LEARNERS[name].library
    return library is None or importlib.util.find_spec(library) is not None


@cache
def learner(name: str) -> Learner:
    """Learner of that name.

    Raises
    ------
    InvalidValue
        If there is none.
    MissingExtra
        If its library is not installed.
    """
    if name not in LEARNERS:
        raise InvalidValue(f"learner {name!r}", expected=one_of(LEARNERS, name))
    if not usable(name):
        raise MissingExtra.of("automl", what=f"the learner {name!r}")
    found = importlib.import_module(f"holdfast.automl._learners.{LEARNERS[name].module}")
    made: Learner = getattr(found, LEARNERS[name].kind)()
    return made


def load(name: str) -> None:
    """Import the library of a learner: that takes seconds, which are no part of a fit."""
    library = {"linear": None, "lightgbm": "lightgbm", "extra_trees": "sklearn.ensemble"}.get(
        name, LEARNERS[name].library
    )
    if library is not None and usable(name):
        importlib.import_module(library)
