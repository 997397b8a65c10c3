"""The bootstrap: percentile and BCa intervals, by row, by cluster, or from counts."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable, one_of
from holdfast.stats._arrays import Array, Floats, Ints, checked_confidence, generator

METHODS = ("bca", "percentile", "basic")
_CHUNK = 4_000_000
_JACKKNIFE_BLOCKS = 200


def bootstrap(
    statistic: Callable[..., Any],
    *arrays: Any,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = 1000,
    method: str = "bca",
    vectorised: bool = False,
    clusters: Any = None,
) -> tuple[float, float]:
    """Bootstrap interval of a statistic of rows.

    Parameters
    ----------
    statistic
        ``statistic(*arrays) -> float`` of arrays of n rows. When `vectorised`, it is given arrays of shape
        (resamples, n, ...) and returns shape (resamples,). NaN means undefined for that resample, which is left out.
    *arrays
        Shape (n, ...) each: rows that are drawn together.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator; None for one with a fixed seed.
    resamples
        How often to draw, at least 50.
    method
        ``bca`` (bias-corrected and accelerated), ``percentile``, or ``basic`` (reflected percentile).
    vectorised
        Whether `statistic` takes many resamples at once.
    clusters
        Shape (n,): rows of one cluster are drawn together; None where rows are independent. Not with `vectorised`.

    Returns
    -------
    tuple of float
        Low and high.

    Raises
    ------
    NotMeasurable
        If there are fewer than 2 rows (or clusters), or the statistic is undefined on the rows or on most resamples.
    InvalidValue
        If the arrays differ in length, or an option is not one of those above.

    References
    ----------
    B. Efron (1987), "Better bootstrap confidence intervals", JASA 82; B. Efron, R. Tibshirani (1993), "An introduction
    to the bootstrap".

    Examples
    --------
    >>> low, high = bootstrap(np.median, np.arange(100.0), rng=np.random.default_rng(0))
    >>> low < 49.5 < high
    True
    """
    rows = [np.asarray(each) for each in arrays]
    n = _check(rows, resamples=resamples, method=method, vectorised=vectorised, clusters=clusters)
    generated = generator(rng)
    one = _single(statistic) if not vectorised else _first(statistic)
    value = one(*rows)
    if not np.isfinite(value):
        raise NotMeasurable("the statistic is undefined on these rows", expected="a finite number")
    groups = None if clusters is None else _members(np.asarray(clusters))
    if groups is not None and len(groups) < 2:
        raise NotMeasurable("a bootstrap of one cluster", expected="at least 2 clusters")
    if vectorised:
        drawn = _draw_vectorised(statistic, rows, n, resamples, generated)
    else:
        drawn = _draw(one, rows, n, resamples, generated, groups=groups)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < resamples / 2:
        raise NotMeasurable(
            f"the statistic is undefined on {resamples - len(drawn)} of {resamples} resamples", expected="more rows"
        )
    confidence = checked_confidence(confidence)
    if method == "bca":
        return bca_ends(drawn, value, _jackknife(one, rows, n, groups), confidence=confidence)
    return simple_ends(drawn, value, confidence=confidence, basic=method == "basic")


def multinomial_bootstrap(
    statistic: Callable[[Ints], Floats],
    counts: Any,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = 1000,
) -> tuple[float, float]:
    """Percentile interval of a statistic of counts, drawn from the multinomial that the counts estimate.

    It costs the same for a thousand rows and for a thousand million.

    Parameters
    ----------
    statistic
        Counts of shape (resamples, cells) -> shape (resamples,).
    counts
        Shape (cells,): how many rows fell into each cell.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator; None for one with a fixed seed.
    resamples
        How often to draw.

    Returns
    -------
    tuple of float
        Low and high.

    Raises
    ------
    NotMeasurable
        If there are no rows, or the statistic is undefined on most resamples.

    References
    ----------
    B. Efron, R. Tibshirani (1993), "An introduction to the bootstrap", chapter 6.

    Examples
    --------
    >>> low, high = multinomial_bootstrap(lambda c: c[:, 0] / c.sum(axis=1), [30, 70], rng=np.random.default_rng(0))
    >>> low < 0.3 < high
    True
    """
    cells = np.asarray(counts, dtype=np.int64)
    total = int(cells.sum())
    if total < 1:
        raise NotMeasurable("a bootstrap of no rows", expected="at least 1 row")
    drawn = np.asarray(statistic(generator(rng).multinomial(total, cells / total, size=resamples)), dtype=np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < resamples / 2:
        raise NotMeasurable("the statistic is undefined on most resamples", expected="more rows")
    return simple_ends(drawn, float(np.median(drawn)), confidence=checked_confidence(confidence), basic=False)


def simple_ends(drawn: Floats, value: float, *, confidence: float, basic: bool) -> tuple[float, float]:
    """Percentile ends of what was drawn, or (`basic`) those ends reflected at the value.

    Ends that lie beyond the fifth draw from either side are moved out from it as those of a normal estimate would be:
    a few hundred draws say nothing of a 99.9 % interval by themselves.
    """
    tail = (1.0 - confidence) / 2.0
    drawn_tail = max(tail, min(0.25, 5.0 / len(drawn)))
    low, middle, high = (float(end) for end in np.quantile(drawn, [drawn_tail, 0.5, 1.0 - drawn_tail]))
    if drawn_tail > tail:
        wider = NormalDist().inv_cdf(tail) / NormalDist().inv_cdf(drawn_tail)
        low, high = middle - wider * (middle - low), middle + wider * (high - middle)
    return (2.0 * value - high, 2.0 * value - low) if basic else (low, high)


def bca_ends(drawn: Floats, value: float, left_out: Floats, *, confidence: float) -> tuple[float, float]:
    """Bias-corrected and accelerated ends from what was drawn and from the jackknife values (Efron 1987)."""
    normal = NormalDist()
    below = (np.count_nonzero(drawn < value) + 0.5 * np.count_nonzero(drawn == value)) / len(drawn)
    bias = normal.inv_cdf(float(np.clip(below, 0.5 / len(drawn), 1.0 - 0.5 / len(drawn))))
    spread = left_out.mean() - left_out
    scale = float(np.sum(spread**2)) ** 1.5
    speed = float(np.sum(spread**3)) / (6.0 * scale) if scale > 0.0 else 0.0
    ends = []
    for z in (normal.inv_cdf((1.0 - confidence) / 2.0), normal.inv_cdf((1.0 + confidence) / 2.0)):
        shifted = bias + (bias + z) / max(1e-6, 1.0 - speed * (bias + z))
        ends.append(normal.cdf(shifted))
    low, high = np.quantile(drawn, ends)
    return float(low), float(high)


def _check(rows: list[Array], *, resamples: int, method: str, vectorised: bool, clusters: Any) -> int:
    if not rows or len({len(each) for each in rows}) != 1:
        raise InvalidValue(f"arrays of lengths {[len(each) for each in rows]}", expected="arrays of one length")
    if method not in METHODS:
        raise InvalidValue(f"bootstrap method {method!r}", expected=one_of(METHODS, method))
    if resamples < 50:
        raise InvalidValue(f"{resamples} resamples", expected="at least 50")
    if clusters is not None and (vectorised or len(clusters) != len(rows[0])):
        raise InvalidValue("clusters that do not fit", expected="one per row, and not with vectorised")
    if len(rows[0]) < 2:
        raise NotMeasurable(f"a bootstrap of {len(rows[0])} rows", expected="at least 2 rows")
    return len(rows[0])


def _single(statistic: Callable[..., Any]) -> Callable[..., float]:
    return lambda *rows: float(statistic(*rows))


def _first(statistic: Callable[..., Any]) -> Callable[..., float]:
    return lambda *rows: float(np.asarray(statistic(*(each[None] for each in rows)))[0])


def _members(clusters: Array) -> list[Ints]:
    _, codes = np.unique(clusters, return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(codes[order])) + 1)


def _draw(
    one: Callable[..., float],
    rows: list[Array],
    n: int,
    resamples: int,
    rng: np.random.Generator,
    *,
    groups: list[Ints] | None,
) -> Floats:
    drawn = np.empty(resamples)
    for turn in range(resamples):
        if groups is None:
            chosen = rng.integers(0, n, n)
        else:
            chosen = np.concatenate([groups[each] for each in rng.integers(0, len(groups), len(groups))])
        drawn[turn] = one(*(each[chosen] for each in rows))
    return drawn


def _draw_vectorised(
    statistic: Callable[..., Any], rows: list[Array], n: int, resamples: int, rng: np.random.Generator
) -> Floats:
    parts = []
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        chosen = rng.integers(0, n, (min(step, resamples - start), n))
        parts.append(np.asarray(statistic(*(each[chosen] for each in rows)), dtype=np.float64))
    return np.concatenate(parts)


def _jackknife(one: Callable[..., float], rows: list[Array], n: int, groups: list[Ints] | None) -> Floats:
    """Values with one row, cluster or (past 200) block of them left out."""
    units = [np.asarray([index]) for index in range(n)] if groups is None and n <= _JACKKNIFE_BLOCKS else groups
    if units is None:
        units = [np.arange(start, n, _JACKKNIFE_BLOCKS) for start in range(_JACKKNIFE_BLOCKS)]
    elif len(units) > _JACKKNIFE_BLOCKS:
        units = [np.concatenate(units[start::_JACKKNIFE_BLOCKS]) for start in range(_JACKKNIFE_BLOCKS)]
    values = []
    for unit in units:
        keep = np.ones(n, dtype=bool)
        keep[unit] = False
        values.append(one(*(each[keep] for each in rows)))
    found: Floats = np.asarray(values, dtype=np.float64)
    return found[np.isfinite(found)]
