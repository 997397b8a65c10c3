"""Numerical ground: metrics with intervals, confidence sequences, mergeable sketches, distances, calibration.

================  ====================================================================================
module            what it holds
================  ====================================================================================
`calibration`     isotonic and Platt fits; performance estimated from calibrated scores, without labels
`distances`       psi, ks, wasserstein, jensen_shannon between samples, sketches or binned references
`intervals`       Wilson, Clopper-Pearson, Newcombe, Student, bootstrap, DeLong
`metrics`         what a model is judged by: a number, its interval, and how many rows it stands on
`multiplicity`    Bonferroni, Holm, Benjamini-Hochberg and their relatives
`sequences`       intervals and tests that stay valid however often they are looked at
`sketches`        one pass over a table: quantiles, counts, missing, moments; they merge
`tails`           how surprising a value is: Student tails fitted to quantiles, as wide as the sample is small
================  ====================================================================================

Everything here is pure: no files, no clock, no global randomness. The modules are imported when asked for.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["calibration", "distances", "intervals", "metrics", "multiplicity", "sequences", "sketches", "tails"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f"holdfast.stats.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
