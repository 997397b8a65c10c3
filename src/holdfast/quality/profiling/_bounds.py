"""Prediction bounds: what fresh rows may show, from what these rows showed.

A bound is set for the rows to come, not for the rows that were seen: it must hold, with a stated chance of failing, at
each size of the fresh table from a quarter (30 rows at the least) to ten times of the rows that were learned from.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

#: Fewest rows of a fresh table that the bounds are made for, where the learned rows are that many.
FEWEST = 30

#: How much smaller and larger than the learned table a fresh one may be.
SMALLER, LARGER = 4, 10

#: Shares of the variance of the smallest fresh table that one value may hold, for its mean and for a correlation: a
#: column with heavier tails will show fresh rows yet farther out, and neither can be told.
HEAVY_MEAN, HEAVY_PAIR = 0.5, 0.15

#: Kurtosis (3 for normal values, 9 for exponential ones) above which they are not told either, for the same reason.
STEEP_MEAN, STEEP_PAIR = 23.0, 8.0

#: Weight that a rule without exception has before any row is seen (spike at 0 of the mixture prior).
RULE = 0.5


def smallest(n: int) -> int:
    """Rows of the smallest fresh table that bounds learned from n rows are made for."""
    return max(1, math.ceil(n / SMALLER), min(n, FEWEST))


def sizes(n: int) -> list[int]:
    """Sizes of the fresh table that a share's bound is tried at: close together where counts are small."""
    least = smallest(n)
    near = {math.ceil(least * 1.12**step) for step in range(11)}
    return sorted(near | {max(least, n), LARGER * n})


@functools.lru_cache(maxsize=4096)
def share_floor(failing: float, n: int, alpha: float) -> float:
    """Share of passing rows that a fresh table keeps, but with chance `alpha`.

    Parameters
    ----------
    failing
        Rows that failed, of `n`.
    n
        Rows that were looked at, at least 1.
    alpha
        Chance, in (0, 1), that a fresh table falls below the bound, at each size of `sizes`.

    Returns
    -------
    float
        The bound in [0, 1). Failing rows among m fresh ones are beta-binomial with Jeffreys' prior. Where no row failed
        the prior is a mixture: a rule without exception (weight `RULE`), or a rate with Jeffreys' prior; so a long run
        without exception is believed to be a rule, as far as its length says so.

    References
    ----------
    J. O. Berger (1985), Statistical Decision Theory and Bayesian Analysis, section 4.3 (point-mass mixtures).
    L. D. Brown, T. T. Cai, A. DasGupta (2001), "Interval estimation for a binomial proportion", Statistical Science 16.

    Examples
    --------
    >>> round(share_floor(0, 1000, 1e-4), 3), round(share_floor(100, 1000, 1e-4), 3)
    (0.991, 0.812)
    """
    weight = 1.0 if failing else _no_rule(n)
    worst = max(_most(m, failing + 0.5, n - failing + 0.5, alpha / weight) / m for m in sizes(n))
    return 1.0 - worst


def _no_rule(n: int) -> float:
    """Chance that there is no rule, after n rows without exception: P(0 of n | Jeffreys) against P(0 of n | rule)."""
    from scipy.special import betaln

    none = math.exp(float(betaln(0.5, n + 0.5) - betaln(0.5, 0.5)))
    return (1.0 - RULE) * none / (RULE + (1.0 - RULE) * none)


def _most(m: int, a: float, b: float, alpha: float) -> int:
    """Find the least k with P(X > k) <= alpha, for X beta-binomial of m draws."""
    start, tail = _tail(m, a, b)
    within = np.flatnonzero(tail <= alpha)
    return start + int(within[0]) if len(within) else m


def _tail(m: int, a: float, b: float) -> tuple[int, np.ndarray]:
    """P(X > k) for k = start, start + 1, ..., where it is not 0 or 1 to fifteen digits."""
    from scipy.special import betaln, gammaln

    mean = m * a / (a + b)
    spread = math.sqrt(m * a * b * (a + b + m) / ((a + b) ** 2 * (a + b + 1)))
    start = max(0, int(mean - 15 * spread - 60))
    k = np.arange(start, min(m, math.ceil(mean + 15 * spread + 60)) + 1, dtype=np.float64)
    log = gammaln(m + 1) - gammaln(k + 1) - gammaln(m - k + 1) + betaln(k + a, m - k + b) - betaln(a, b)
    mass = np.exp(log)
    above = np.cumsum(mass[::-1])[::-1] - mass
    return start, above


@functools.lru_cache(maxsize=4096)
def frequency_bounds(hits: int, n: int, alpha: float) -> tuple[float, float]:
    """Shares that a value has in a fresh table: below and above each with chance `alpha`.

    Returns
    -------
    tuple
        Low and high in [0, 1], beta-binomial with Jeffreys' prior, at each size of `sizes`.
    """
    low = min(1.0 - _most(m, n - hits + 0.5, hits + 0.5, alpha) / m for m in sizes(n))
    high = max(_most(m, hits + 0.5, n - hits + 0.5, alpha) / m for m in sizes(n))
    return low, high


def quantile_bounds(ordered: np.ndarray, level: float, alpha: float) -> tuple[float, float] | None:
    """Values that the quantile of a fresh table lies between: below and above each with chance `alpha`.

    Free of any distribution: how many of m fresh values lie below the s-th of n ordered ones is beta-binomial
    (s, n - s + 1).

    Parameters
    ----------
    ordered
        Shape (n,) float64, sorted.
    level
        Which quantile, in (0, 1).

    Returns
    -------
    tuple or None
        Low and high; None where n is too small for an end.

    References
    ----------
    S. S. Wilks (1942), "Statistical prediction with special reference to the problem of tolerance limits", Annals of
    Mathematical Statistics 13.
    """
    n = len(ordered)
    m = smallest(n)
    place = (m - 1) * level
    # Interpolated quantiles lie between two neighbours: the outer one is taken.
    high = _first(n, lambda s: _above(m, n, s, math.ceil(place) + 1) <= alpha)
    low = _first(n, lambda s: _above(m, n, s, m - math.floor(place)) <= alpha)
    if high is None or low is None:
        return None
    return float(ordered[n - low]), float(ordered[high - 1])


def _above(m: int, n: int, s: int, j: int) -> float:
    """Chance that the j-th of m fresh values lies above the s-th of n: fewer than j of them lie below it."""
    start, tail = _tail(m, s, n - s + 1)
    at = j - 1 - start
    if at < 0:
        return 0.0
    return 1.0 - float(tail[at]) if at < len(tail) else 1.0


def _first(n: int, holds: Callable[[int], bool]) -> int | None:
    """Find the first s in 1..n at which a condition holds that stays true from there on."""
    if not holds(n):
        return None
    low, high = 1, n
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def student(alpha: float, freedom: int) -> float:
    """Value that Student's t exceeds with chance `alpha`."""
    from scipy.special import stdtrit

    return -float(stdtrit(freedom, alpha))


def block_margin(between: float, blocks: int, alpha: float) -> float:
    """How far a fresh block's mean may lie from that of all, beyond chance, but with chance `alpha`; 0 for none."""
    return student(alpha, blocks - 1) * math.sqrt(between * (1 + 1 / blocks)) if between > 0 else 0.0


def mean_bounds(
    ordered: np.ndarray, alpha: float, *, between: float = 0.0, blocks: int = 0
) -> tuple[float, float] | None:
    """Values that the mean of a fresh table lies between: below and above each with chance `alpha`.

    Student's prediction interval for the mean of m fresh values, with the Cornish-Fisher correction for skewness and
    kurtosis; wider where means move along the table by more than chance.

    Parameters
    ----------
    ordered
        Shape (n,) float64, finite, sorted.
    between
        Variance of block means beyond chance (see `moving`).
    blocks
        How many blocks that variance stands on.

    Returns
    -------
    tuple or None
        Low and high; None where the tails are too heavy for a mean of so few values (correction beyond its range).

    References
    ----------
    E. A. Cornish, R. A. Fisher (1938), "Moments and cumulants in the specification of distributions", Review of the
    International Statistical Institute 5.
    """
    n = len(ordered)
    m = smallest(n)
    mean, spread = float(ordered.mean()), float(ordered.std(ddof=1)) if n > 1 else 0.0
    if n < FEWEST or not spread > 0.0 or not math.isfinite(spread):
        return None
    scaled = (ordered - mean) / spread
    square = scaled * scaled
    skew, excess = float((square * scaled).mean()), float((square * square).mean()) - 3.0
    tilt, bulge = skew / math.sqrt(m), max(0.0, excess) / m
    # Where the expansion is still monotone for the z of a small alpha.
    farthest = float(max(square[0], square[-1]))
    if abs(tilt) > 0.25 or bulge > 0.1 or excess + 3.0 > STEEP_MEAN or farthest > HEAVY_MEAN * m:
        return None
    z = student(alpha, n - 1)
    fat = (z**3 - 3 * z) * bulge / 24
    lean = (z**2 - 1) * tilt / 6
    error = math.sqrt(1 / n + 1 / m)
    # Where the learned mean came out low, so did (with positive skewness) the learned spread: cov(mean, sd) is half the
    # skewness. And the spread itself is known the less, the heavier the tails.
    pull, doubt = z * skew * error / 2, z * error * math.sqrt(max(0.0, excess) / (4 * n))
    errors = [math.sqrt(1 / m + (1 + sign * pull) ** 2 / n + doubt**2) for sign in (-1, 1)]
    below, above = (
        spread * max(z / 2, z + fat + sign * lean) * size for sign, size in zip((-1, 1), errors, strict=True)
    )
    wide = block_margin(between, blocks, alpha)
    return mean - math.hypot(below, wide), mean + math.hypot(above, wide)


def correlation_floor(a: np.ndarray, b: np.ndarray, alpha: float) -> tuple[float, float]:
    """Correlation of two columns, and how near to 0 that of a fresh table comes, but with chance `alpha`.

    Fisher's z of a fresh sample, with its large-sample variance from the values themselves: normality is not assumed.

    Returns
    -------
    tuple
        Pearson's r, and the bound on the side of 0 (0 where no bound can be told).

    References
    ----------
    D. L. Hawkins (1989), "Using U statistics to derive the asymptotic distribution of Fisher's Z statistic", The
    American Statistician 43.
    """
    from scipy.special import ndtri

    n = len(a)
    m = smallest(n)
    if n < FEWEST or not (a.std() > 0 and b.std() > 0):
        return 0.0, 0.0
    x, y = (a - a.mean()) / a.std(), (b - b.mean()) / b.std()
    r = float(np.clip((x * y).mean(), -0.999999, 0.999999))
    moves = x * y - r * (x**2 + y**2) / 2
    # At least the variance under normality, (1 - r^2)^2: a sample too small for its own tails is not trusted with less.
    variance = max(float((moves**2).mean()) / (1 - r**2) ** 2, 1.0)
    if any(float((each**2).max()) > HEAVY_PAIR * m or float((each**4).mean()) > STEEP_PAIR for each in (x, y)):
        return r, 0.0
    z = -float(ndtri(alpha)) * math.sqrt(variance * (1 / (n - 3) + 1 / (m - 3)))
    end = math.tanh(max(0.0, abs(math.atanh(r)) - z))
    return r, math.copysign(end, r)


def moving(values: np.ndarray, *, chance: float = 1e-4) -> tuple[float, int]:
    """Variance of block means along the rows beyond what chance explains, and the number of blocks.

    Parameters
    ----------
    values
        Shape (n,) float64, finite, in the order of the rows.
    chance
        Below which the test of equal block means (one-way analysis of variance) says that the mean moves.

    Returns
    -------
    tuple
        The variance (0 where the mean does not move), and the blocks (up to 20 of at least 20 rows).
    """
    from scipy.special import fdtrc

    n = len(values)
    count = min(20, n // 20)
    if count < 4:
        return 0.0, 0
    size = n // count
    cut = values[: count * size].reshape(count, size)
    inside = float(cut.var(axis=1, ddof=1).mean())
    outside = float(cut.mean(axis=1).var(ddof=1))
    if not inside > 0.0:
        return outside, count
    if float(fdtrc(count - 1, count * (size - 1), outside * size / inside)) > chance:
        return 0.0, count
    return max(0.0, outside - inside / size), count


_STEPS = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)


def written_floor(share: float) -> float:
    """Round a share down to one that a person would write: 1 - 2 %, 1 - 0.15 %; the distance to 1 has few digits.

    Examples
    --------
    >>> written_floor(0.9813), written_floor(0.99987), written_floor(0.412)
    (0.98, 0.99985, 0.4)
    """
    if share >= 1.0:
        return 1.0
    rest = 1.0 - share
    if rest > 0.1:
        return max(0.0, math.floor(share * 50 + 1e-9) / 50)
    power = 10.0 ** math.floor(math.log10(rest))
    step = next(each for each in _STEPS if each * power >= rest * (1 - 1e-9))
    return float(f"{1.0 - step * power:.10g}")


def outward(low: float, high: float, *, within: float | None = None) -> tuple[float, float]:
    """Round both ends outward to numbers with few digits, by at most a tenth of `within` (their distance by default).

    Examples
    --------
    >>> outward(16.2, 104.7), outward(0.2387, 0.2391), outward(3.0, 3.0)
    ((16, 105), (0.2387, 0.2391), (3, 3))
    """
    width = within if within is not None else high - low
    if not (width > 1e-290 and math.isfinite(width)):
        return _plain(low), _plain(high)
    power = math.floor(math.log10(width / 10 * (1 + 1e-9)))
    return _rounded(low, power, up=False), _rounded(high, power, up=True)


def _rounded(value: float, power: int, *, up: bool) -> float:
    if power < -300 or not math.isfinite(value):
        return value
    from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

    with localcontext() as context:
        context.prec = 400
        step = Decimal(1).scaleb(power)
        found = (Decimal(repr(value)) / step).to_integral_value(ROUND_CEILING if up else ROUND_FLOOR) * step
    return _plain(float(found))


def _plain(value: float) -> float:
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else value
