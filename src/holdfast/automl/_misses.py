"""Misses: how near the trials came to a promise that none of them keeps, and whether that is likely to be all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from holdfast.core import registry
from holdfast.core.errors import InvalidValue
from holdfast.core.units import show

if TYPE_CHECKING:
    from holdfast.automl._promises import Found
    from holdfast.core.evidence import Value
    from holdfast.core.ports import MeasureSpec
    from holdfast.core.promises import Promise


@dataclass(frozen=True, slots=True)
class OutOfReach:
    """A promise that no trial reached, with the upper end of what the tried models can be: evidence, no proof.

    Parameters
    ----------
    claim
        The promise.
    best
        Name of the best trial.
    value, low, high
        What was found of it, and its own interval.
    limit
        The best end over all trials, each with the confidence that all hold together.
    trials
        How many were looked at.
    text
        A sentence.
    """

    claim: str
    best: str
    value: float
    low: float
    high: float
    limit: float
    trials: int
    text: str


def out_of_reach(
    promise: Promise,
    trials: Mapping[str, Value],
    *,
    confidence: float = 0.95,
    curve: Sequence[tuple[int, float]] = (),
) -> OutOfReach | None:
    """Say that a promise is out of reach of all that was tried, or None where the trials do not show it.

    The best of many trials looks better than it is. So each trial's end towards the bound is taken at the confidence
    with which the ends of all of them hold together (Bonferroni; O. J. Dunn 1961, JASA 56); where not even the best of
    these ends keeps the promise, none of the tried models does. Another model may.

    Parameters
    ----------
    promise
        With an operator ``<= < >= >``; for others there is no side to be on.
    trials
        What was measured of each, by name, with intervals of `confidence`.
    confidence
        Of the intervals, and of the answer.
    curve
        Pairs (rows learnt from, value of the promised measure), growing: how far more rows would carry.

    Raises
    ------
    InvalidValue
        If the confidence is not in (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise InvalidValue(f"confidence {confidence}", expected="a number between 0 and 1")
    side = {">": 1.0, "<": -1.0}.get(promise.op[0])
    if side is None or not trials:
        return None
    normal = NormalDist()
    wide = normal.inv_cdf(1.0 - (1.0 - confidence) / len(trials)) / normal.inv_cdf(1.0 - (1.0 - confidence) / 2.0)
    limits = [_end_of(each, side=side, wide=wide) for each in trials.values()]
    limit = side * max(side * each for each in limits)
    if promise.within(limit) or any(promise.within(each.value) for each in trials.values()):
        return None
    best = max(trials, key=lambda name: (side * trials[name].value, name))
    value = trials[best]
    low = value.value if value.low is None else value.low
    high = value.value if value.high is None else value.high
    spec: MeasureSpec | None = registry.find("measure", promise.measure)
    unit = spec.unit if spec is not None else "number"
    text = (
        f"not reached: best {promise.measure} {show(value.value, unit)} [{show(low, unit)}, {show(high, unit)}] "
        f"({best!r}) against {promise.op} {promise.bound}; corrected for having looked at {len(trials)} trials, the "
        f"{'upper' if side > 0 else 'lower'} end is {show(limit, unit)}; evidence about what was tried, no proof"
    )
    text += _more_rows(promise, curve, side=side, unit=unit)
    return OutOfReach(promise.claim, best, value.value, low, high, limit, len(trials), text)


def _end_of(value: Value, *, side: float, wide: float) -> float:
    end = value.high if side > 0 else value.low
    return value.value if end is None else value.value + wide * (end - value.value)


def _more_rows(promise: Promise, curve: Sequence[tuple[int, float]], *, side: float, unit: str) -> str:
    """Say how many rows it would take if each doubling brought what the last one did, which is too hopeful."""
    points = sorted((rows, value) for rows, value in curve if rows > 0)
    if len(points) < 2 or points[-1][0] == points[-2][0]:
        return ""
    (fewer, before), (most, now) = points[-2:]
    gain = side * (now - before) / math.log2(most / fewer)
    missing = side * (promise.bound.base - now)
    if gain <= 0.0:
        return "; more rows did not help"
    times = missing / gain
    rows = f"{most * 2.0**times:.2g}" if times < 30.0 else "more than a thousand million times as many"
    return f"; a doubling of the rows brought {show(gain, unit)}, so that it would take {rows} rows at the very least"


def nearest(found: Sequence[Found]) -> tuple[list[dict[str, Any]], str]:
    """Say how near the nearest candidate is: rows for the report, and one sentence.

    Parameters
    ----------
    found
        What `Constraints.found` said of the candidate with the least violation.

    Returns
    -------
    tuple
        Each broken promise as ``claim``, ``value``, ``bound`` and ``text``, the farthest first; and the sentence, empty
        where nothing is broken.
    """
    broken = sorted(
        (each for each in found if each.distance > 0.0), key=lambda each: (-each.distance, each.promise.claim)
    )
    rows = [
        {
            "claim": each.promise.claim,
            "value": each.value.value,
            "bound": each.promise.bound.base,
            "text": _miss(each),
        }
        for each in broken
    ]
    told = "; ".join(str(each["text"]) for each in rows)
    return rows, f"infeasible; the nearest miss is {told}" if rows else ""


def _miss(found: Found) -> str:
    promise, value = found.promise, found.value
    ends = ""
    if value.low is not None and value.high is not None:
        ends = f" [{show(value.low, found.unit)}, {show(value.high, found.unit)}]"
    sure = f" with {100.0 * promise.confidence:g}%" if promise.confidence is not None else ""
    place = f" at {found.where}" if found.where else ""
    call = promise.text.split(f" {promise.op} ", 1)[0]
    return f"{call} {found.shown}{ends}{place} against {promise.op} {promise.bound}{sure}"
