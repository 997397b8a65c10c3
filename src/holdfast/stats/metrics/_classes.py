"""Means over classes: the recalls, or the precisions, of all classes put together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.stats._arrays import Array, Floats
from holdfast.stats.intervals import critical, mover, wilson_bounds
from holdfast.stats.metrics import _make
from holdfast.stats.metrics._labels import codes
from holdfast.stats.multiplicity import bonferroni_confidence
from holdfast.stats.sequences import betting_interval


def mean_of_classes(
    truth: Array, decision: Array, *, by: str, confidence: float, anytime: bool, weighted: bool = False
) -> Value:
    """Mean over classes of the share of right rows among those that `by` (truth or decision) puts into the class."""
    names, (rows, answers) = codes(truth, decision)
    margin = rows if by == "truth" else answers
    size = len(names)
    trials = np.bincount(margin, minlength=size)
    hits = np.bincount(margin[rows == answers], minlength=size)
    support = np.bincount(rows, minlength=size)
    counted = support > 0 if by == "truth" or weighted else (support > 0) | (trials > 0)
    weights = np.where(counted, support / len(rows) if weighted else 1.0 / np.count_nonzero(counted), 0.0)
    seen = counted & (trials > 0)
    each = np.divide(hits, trials, out=np.zeros(size), where=trials > 0)
    notes = by_class(names, each)
    if not seen.all():
        notes["no rows"] = [str(name) for name, there in zip(names, seen, strict=True) if not there]
    low, high = np.zeros(size), np.zeros(size)
    if anytime:
        joint = bonferroni_confidence(confidence, cases=max(1, int(np.count_nonzero(seen))))
        for index in np.flatnonzero(seen):
            low[index], high[index] = betting_interval((rows == answers)[margin == index], confidence=joint)
        ends, method = (float(weights @ low), float(weights @ high)), f"{_make.BETTING}, union bound"
    else:
        low[seen], high[seen] = wilson_bounds(hits[seen], trials[seen], z=critical(confidence))
        ends, method = mover(each, low, high, weights=weights), "Wilson, MOVER"
    value = float(weights @ each)
    return _make.around(value, max(0.0, ends[0]), min(1.0, ends[1]), n=len(rows), method=method, notes=notes)


def by_class(names: Sequence[Any], each: Floats) -> dict[str, Any]:
    """Write notes with the metric of each class, at most fifty of them, worst first."""
    order = np.argsort(each, kind="stable")[:50]
    return {"by class": {str(names[index]): float(each[index]) for index in order}}


def check_average(average: str) -> str:
    """Hand back the name of an average.

    Raises
    ------
    InvalidValue
        If there is no such average.
    """
    known = ("macro", "micro", "weighted")
    if average not in known:
        raise InvalidValue(f"average {average!r}", expected=one_of(known, average))
    return average
