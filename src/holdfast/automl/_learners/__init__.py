"""Learners: one file per library or family. A configuration names one; it is imported when it is first used."""

from __future__ import annotations

from holdfast.automl._learners.base import Config, Explained, Fitted, Learner, Setup, quiet
from holdfast.automl._learners.table import LEARNERS, learner, load, usable

__all__ = ["LEARNERS", "Config", "Explained", "Fitted", "Learner", "Setup", "learner", "load", "quiet", "usable"]
