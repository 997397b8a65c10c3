"""Objectives: what a task minimises, and how a margin becomes an answer. One file per family."""

from __future__ import annotations

from holdfast.automl._objectives.base import Objective
from holdfast.automl._objectives.choose import learnt, objective_of
from holdfast.automl._objectives.classes import Binary, Multiclass
from holdfast.automl._objectives.count import Poisson
from holdfast.automl._objectives.numbers import Squared
from holdfast.automl._objectives.quantile import Quantile
from holdfast.automl._objectives.ranking import Ranking
from holdfast.automl._objectives.survival import AFT, aft_scale, event_flags

__all__ = [
    "AFT",
    "Binary",
    "Multiclass",
    "Objective",
    "Poisson",
    "Quantile",
    "Ranking",
    "Squared",
    "aft_scale",
    "event_flags",
    "learnt",
    "objective_of",
]
