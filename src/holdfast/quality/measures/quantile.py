"""Quantiles: below what a share of a column lies."""

from __future__ import annotations

import math
from collections.abc import Mapping

import polars as pl

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.promises import Argument
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, Schema, check, number
from holdfast.quality._values import measured
from holdfast.quality.measures._numbers import finite, infinite, known, number_of, numbers


@check("quantile")
def build(schema: Schema, column: str, level: Argument) -> Check:
    """Find the quantile, then the two order statistics around it."""
    value = numbers(schema, column, "quantile")
    share = number(level, measure="quantile", what="level")
    if not 0.0 < share < 1.0:
        raise InvalidValue(f"level {share:g} of a quantile", where="quantile", expected="a share between 0 and 1")

    def then(figures: Figures, sure: Certainty) -> Mapping[str, a.Aggregate]:
        n = finite(figures, column, measure="quantile", least=1)
        low, high = ranks(n, share, sure)
        if low < 1 or high > n:
            raise NotMeasurable(
                f"{n} values are too few for an interval around the {share:g} quantile",
                where="quantile",
                expected="more values, or less confidence",
            )
        # Half a rank below: the level then stands for this very value, whatever the rounding.
        return {name: a.Quantile(value, (rank - 0.5) / n, step=True) for name, rank in (("low", low), ("high", high))}

    def found(figures: Figures, sure: Certainty) -> Value:
        centre = number_of(figures, "quantile", column, measure="quantile")
        method = "order statistics, asymptotic confidence sequence" if sure.anytime else "order statistics"
        low, high = min(float(figures["low"]), centre), max(float(figures["high"]), centre)
        return Value(centre, low=low, high=high, n=figures["looked"], method=method, notes={"rows": figures["rows"]})

    return Check(
        measure="quantile",
        bad=a.CountIf(infinite(schema, column)),
        looked=a.CountIf(known(value)),
        column=column,
        kind="figure",
        also={"quantile": a.Quantile(value, share)},
        then=then,
        value=found,
    )


def ranks(n: int, level: float, sure: Certainty) -> tuple[int, int]:
    """Ranks, from 1, of the order statistics that hold the quantile of the population between them.

    Below 1 or above n where there are too few values. How many values lie below a quantile is binomial.

    References
    ----------
    H. A. David, H. N. Nagaraja (2003), Order Statistics, section 7.1.
    """
    if sure.anytime:
        from holdfast.stats.intervals import critical

        half = critical(sure.confidence, n=n, anytime=True) * math.sqrt(n * level * (1.0 - level))
        return math.floor(n * level - half), math.ceil(n * level + half) + 1
    from scipy.special import bdtrik

    tail = (1.0 - sure.confidence) / 2.0
    # bdtrik is the real number at which the binomial distribution reaches a probability: the next whole one has it.
    low, high = (math.ceil(max(0.0, float(bdtrik(each, n, level)))) for each in (tail, 1.0 - tail))
    return low, high + 1


@measure(
    "quantile",
    unit="number",
    range=(None, None),
    better="target",
    stages=("data", "live"),
    source="type 7 of R. J. Hyndman, Y. Fan (1996), Sample quantiles in statistical packages, American Statistician 50",
)
def quantile(
    rows: pl.DataFrame, column: str, level: Argument, *, confidence: float = 0.95, anytime: bool = False
) -> Value:
    """Quantile of `column`: what a share `level` of the values lies below.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of finite numbers. Missing values (null, NaN) are not looked at.
    level
        In (0, 1): 0.5 is the median.
    confidence
        Confidence of the interval, in (0, 1).
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        The quantile, interpolated between neighbours, with the interval of order statistics, which holds for any
        distribution; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    InvalidValue
        If the level is not a share between 0 and 1.
    NotMeasurable
        If there are too few values for an interval, an infinite one, or no numbers.

    Examples
    --------
    >>> quantile(pl.DataFrame({"x": [1, 2, 3, 4, 5, 6, 7, 8, None]}), "x", 0.5)
    Value(value=4.5, low=1, high=8, n=8)
    """
    return measured("quantile", rows, column, level, confidence=confidence, anytime=anytime)
