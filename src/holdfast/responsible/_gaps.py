"""Gaps between groups, with an interval for the largest that holds for all pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.responsible._groups import NAMED, Rates


@dataclass(frozen=True, slots=True, eq=False)
class Bounded:
    """Estimates of groups with intervals of one confidence; each of shape (groups,)."""

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray


def pairs(groups: int) -> int:
    """How many pairs that many groups make."""
    return groups * (groups - 1) // 2


def bounded(found: Rates, *, alpha: float, anytime: bool) -> Bounded:
    """Wilson's interval for each group's share; with `anytime` a confidence sequence."""
    from holdfast.stats.intervals import critical, wilson_bounds

    ends = [
        wilson_bounds(np.array([hits]), np.array([n]), z=critical(1.0 - alpha, n=int(n), anytime=anytime))
        for hits, n in zip(found.hits, found.base, strict=True)
    ]
    low = np.array([float(each[0][0]) for each in ends])
    high = np.array([float(each[1][0]) for each in ends])
    return Bounded(found.names, found.share, low, high)


def widest(found: Bounded) -> tuple[float, float, float]:
    """Largest difference of two groups, and its interval.

    For every pair, Newcombe's interval from those of the two groups; the largest difference lies between the largest
    of the low ends and the largest of the high ends, if every pair's difference lies in its own.

    References
    ----------
    R. G. Newcombe (1998), "Interval estimation for the difference between independent proportions", Statistics in
    Medicine 17, method 10.
    """
    first, second = np.triu_indices(len(found.names), k=1)
    down, up = found.value - found.low, found.high - found.value
    gap = found.value[first] - found.value[second]
    low = gap - np.hypot(down[first], up[second])
    high = gap + np.hypot(up[first], down[second])
    # Either group may be the one that is ahead.
    least = max(0.0, float(low.max()), float((-high).max()))
    most = min(1.0, max(float(high.max()), float((-low).max())))
    return float(np.abs(gap).max()), least, most


def narrowest(found: Bounded) -> tuple[float, float, float]:
    """Smallest ratio of two groups' shares, in [0, 1], and its interval.

    For every pair the interval of a ratio from those of its parts (MOVER): the low end on the scale of logarithms,
    where it exists for rare shares too, the high end in closed form, where the smaller share may be 0. Then as in
    `widest`.

    References
    ----------
    G. Y. Zou, A. Donner (2008), "Construction of confidence limits about effect measures: a general approach",
    Statistics in Medicine 27; A. Donner, G. Y. Zou (2012), "Closed-form confidence intervals for functions of the
    normal mean and standard deviation", Statistical Methods in Medical Research 21, for the high end.
    """
    value, low, high = [], [], []
    for first, second in zip(*np.triu_indices(len(found.names), k=1), strict=True):
        small, large = sorted((int(first), int(second)), key=lambda place: float(found.value[place]))
        value.append(float(found.value[small] / found.value[large]))
        ends = _ratio(found, small, large)
        low.append(ends[0])
        high.append(ends[1])
    return min(value), min(low), min(1.0, *high)


def _ratio(found: Bounded, first: int, second: int) -> tuple[float, float]:
    a, la, ua = found.value[first], found.low[first], found.high[first]
    b, lb, ub = found.value[second], found.low[second], found.high[second]
    low = a / b * np.exp(-np.hypot(np.log(a / la), np.log(ub / b))) if la > 0 else 0.0
    most = lb * (2 * b - lb)
    above = (a * b) ** 2 - ua * most * (2 * a - ua)
    high = (a * b + np.sqrt(max(0.0, above))) / most if most > 0 else 1.0
    return float(low), max(float(high), a / b)


def difference(kinds: Sequence[Rates], *, confidence: float, anytime: bool) -> Value:
    """Largest gap of the shares of any two groups, over one or more kinds of share.

    Parameters
    ----------
    kinds
        The shares of each kind; with several, the worst kind counts (as for equalized odds).
    confidence
        Of the interval, in (0, 1): shared out over all pairs of all kinds (Bonferroni).
    anytime
        Whether the interval must stay valid however often it is looked at.
    """
    alpha, comparisons = _shared(kinds, confidence)
    found = [widest(bounded(each, alpha=alpha, anytime=anytime)) for each in kinds]
    value = max(each[0] for each in found)
    return Value(
        value=value,
        low=max(each[1] for each in found),
        high=max(each[2] for each in found),
        n=_rows(kinds),
        method=_method("Newcombe", comparisons, anytime=anytime),
        notes=noted(kinds),
    )


def ratio(kinds: Sequence[Rates], *, confidence: float, anytime: bool) -> Value:
    """Smallest ratio of the shares of any two groups, over one or more kinds of share.

    Raises
    ------
    NotMeasurable
        If in one kind all shares are zero: nobody is chosen, so there is no ratio.
    """
    for each in kinds:
        if not each.hits.any():
            raise NotMeasurable(f"{each.what} is 0 in every group", expected="a share above 0 in one of them")
    alpha, comparisons = _shared(kinds, confidence)
    # A pair of shares that are both zero is no ratio; it is a pair of equals.
    found = [narrowest(_positive(bounded(each, alpha=alpha, anytime=anytime))) for each in kinds]
    return Value(
        value=min(each[0] for each in found),
        low=min(each[1] for each in found),
        high=min(each[2] for each in found),
        n=_rows(kinds),
        method=_method("MOVER ratio of Wilson", comparisons, anytime=anytime),
        notes=noted(kinds),
    )


def _positive(found: Bounded) -> Bounded:
    """One group for all those whose share is zero, the one known best (each pair of them has ratio one)."""
    zero = np.flatnonzero(found.value == 0)
    if len(zero) < 2:
        return found
    best = zero[np.argmin(found.high[zero])]
    kept = np.array([place for place in range(len(found.names)) if found.value[place] > 0 or place == best])
    return Bounded(tuple(found.names[place] for place in kept), found.value[kept], found.low[kept], found.high[kept])


def _shared(kinds: Sequence[Rates], confidence: float) -> tuple[float, int]:
    comparisons = sum(pairs(len(each.names)) for each in kinds)
    return (1.0 - confidence) / comparisons, comparisons


def _method(name: str, comparisons: int, *, anytime: bool) -> str:
    words = name if comparisons == 1 else f"{name}, Bonferroni over {comparisons} comparisons"
    return f"{words}, asymptotic confidence sequence" if anytime else words


def _rows(kinds: Sequence[Rates]) -> int:
    return max(1, int(sum(each.base.sum() for each in kinds)))


def noted(kinds: Sequence[Rates]) -> dict[str, Any]:
    """Shares and sizes of the groups, and the groups that were left out because they are small."""
    notes: dict[str, Any] = {}
    for each in kinds:
        shares = {
            name: {"share": float(share), "n": int(n)}
            for name, share, n in zip(each.names, each.share, each.base, strict=True)
        }
        notes[each.what] = dict(sorted(shares.items(), key=lambda item: -item[1]["n"])[:NAMED])
        if each.left_out:
            shown = dict(sorted(each.left_out, key=lambda item: -item[1])[:NAMED])
            notes[f"{each.what}: left out"] = {"groups": len(each.left_out), "largest": shown}
    return notes
