"""What observe shows: how far each column has drifted, and how a promise has gone over time."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.core import registry
from holdfast.core.digests import iso
from holdfast.core.evidence import Evidence
from holdfast.core.ports import MeasureSpec
from holdfast.core.promises import Promise
from holdfast.core.views import Bars, Series


def drift(evidence: Iterable[Evidence], *, measure: str = "psi") -> Bars:
    """Drift of each column by one measure, the largest first.

    Parameters
    ----------
    evidence
        Evidence on live windows; the latest on each column counts.
    measure
        Name of the measure of drift.

    Returns
    -------
    Bars
        One bar for each column.
    """
    latest: dict[str, Evidence] = {}
    for each in sorted(evidence, key=lambda piece: piece.time):
        if each.measure == measure and each.value is not None and each.args:
            latest[str(each.args[0])] = each
    found = sorted(
        ((float(each.value or 0.0), name) for name, each in latest.items()), key=lambda pair: (-pair[0], pair[1])
    )
    return Bars(
        title=f"Drift by column ({measure})",
        labels=tuple(name for _, name in found),
        values=tuple(value for value, _ in found),
    )


def over_time(promise: Promise, evidence: Iterable[Evidence]) -> Series:
    """Course of a promise: its value at each look, with the interval and the bound.

    Parameters
    ----------
    promise
        The promise.
    evidence
        Evidence of its measure; other evidence, and measurements that failed, are passed over.

    Returns
    -------
    Series
        Times are ISO 8601 in UTC, oldest first; values in the base unit of the measure.
    """
    spec: MeasureSpec | None = registry.find("measure", promise.measure)
    kept = sorted(
        (each for each in evidence if each.measure == promise.measure and each.value is not None),
        key=lambda each: (each.time, each.id),
    )
    values = tuple(float(each.value or 0.0) for each in kept)
    return Series(
        title=promise.claim,
        x=tuple(iso(each.time) for each in kept),
        y=values,
        low=tuple(value if each.low is None else each.low for value, each in zip(values, kept, strict=True)),
        high=tuple(value if each.high is None else each.high for value, each in zip(values, kept, strict=True)),
        bound=promise.bound.base,
        unit="" if spec is None else spec.unit,
    )
