"""Standard deviations: how widely a column spreads."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, Schema, check
from holdfast.quality._values import measured
from holdfast.quality.measures._numbers import finite, infinite, known, number_of, numbers

_NAME = "standard_deviation"


@check(_NAME)
def build(schema: Schema, column: str) -> Check:
    """Find the standard deviation, then the fourth moment around the mean for its interval."""
    value = numbers(schema, column, _NAME)

    def then(figures: Figures, _: Certainty) -> Mapping[str, a.Aggregate]:
        finite(figures, column, measure=_NAME, least=4)
        mean = number_of(figures, "mean", column, measure=_NAME)
        scale = number_of(figures, "deviation", column, measure=_NAME) or 1.0
        # In units of the deviation: its fourth power cannot leave the range of a float then.
        away = a.Arithmetic("/", a.Arithmetic("-", value, a.Literal(mean)), a.Literal(scale))
        square = a.Arithmetic("*", away, away)
        return {"fourth": a.Statistic("mean", a.Arithmetic("*", square, square))}

    def found(figures: Figures, sure: Certainty) -> Value:
        n, notes = int(figures["looked"]), {"rows": figures["rows"]}
        if figures["least"] == figures["greatest"]:
            return Value(0.0, n=n, method="constant column", notes=notes)
        spread = float(figures["deviation"])
        low, high, method = bonett(spread, float(figures["fourth"]), n=n, sure=sure)
        return Value(spread, low=low, high=high, n=n, method=method, notes=notes)

    return Check(
        measure=_NAME,
        bad=a.CountIf(infinite(schema, column)),
        looked=a.CountIf(known(value)),
        column=column,
        kind="figure",
        also={
            "mean": a.Statistic("mean", value),
            "deviation": a.Statistic("deviation", value),
            "least": a.Statistic("min", value),
            "greatest": a.Statistic("max", value),
        },
        then=then,
        value=found,
    )


def bonett(spread: float, fourth: float, *, n: int, sure: Certainty) -> tuple[float, float, str]:
    """Interval for a standard deviation that needs no normal distribution: Bonett's, on the logarithm of the variance.

    Parameters
    ----------
    spread
        Standard deviation of the sample (n - 1), above 0.
    fourth
        Mean of the fourth powers of (value - mean) / spread; the mean stands in for Bonett's trimmed mean.
    n
        Values, at least 4.
    sure
        Of the interval.

    References
    ----------
    D. G. Bonett (2006), "Approximate confidence interval for standard deviation of nonnormal distributions",
    Computational Statistics & Data Analysis 50, equation (4).
    """
    from holdfast.stats.intervals import critical

    z = critical(sure.confidence, n=n, anytime=sure.anytime)
    kurtosis = fourth * (n / (n - 1)) ** 2
    # The small-sample factor of the paper; it has no meaning where n is not above z.
    small = n / (n - z) if n > 2 * z else 2.0
    error = small * math.sqrt(max(0.0, (kurtosis - (n - 3) / n) / (n - 1)))
    centre = math.log(small * spread * spread)
    low, high = math.exp((centre - z * error) / 2), math.exp((centre + z * error) / 2)
    method = "Bonett, asymptotic confidence sequence" if sure.anytime else "Bonett"
    return min(low, spread), max(high, spread), method


@measure(
    _NAME,
    unit="number",
    range=(0, None),
    better="target",
    stages=("data", "live"),
    source="D. G. Bonett (2006), Confidence interval for standard deviation of nonnormal distributions, CSDA 50",
)
def standard_deviation(rows: pl.DataFrame, column: str, *, confidence: float = 0.95, anytime: bool = False) -> Value:
    """Standard deviation of `column` (the square root of the unbiased variance).

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of finite numbers. Missing values (null, NaN) are not looked at.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The deviation with Bonett's interval, which allows for tails as heavy as those seen (for very skew columns,
        such as incomes, it still holds too rarely); n is the number of values that are not missing. A constant column
        has deviation 0 and no interval.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If the column holds fewer than four values, an infinite one, or no numbers.

    Examples
    --------
    >>> standard_deviation(pl.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, None]}), "x").value
    1.2909944487358056
    """
    return measured(_NAME, rows, column, confidence=confidence, anytime=anytime)
