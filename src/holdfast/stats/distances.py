"""Distances between a reference and what came later: each with its bins, an interval, and what chance alone would give.

The reference and the current rows may each be a polars Series, an array or list, or a `ColumnSketch`; the reference
may also be a `Reference`, which was cut into bins before. **The bins are part of the metric**: they are cut at
quantiles of the reference, never of the current rows, and stand in the notes with ``null_95``, the 95 % quantile of
the distance where nothing has changed. A distance below it is no evidence of drift at these numbers of rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import Value
from holdfast.stats._arrays import checked_confidence, generator
from holdfast.stats._binned import FINE, Counted, Reference
from holdfast.stats._columns import as_column, is_number, sorted_values
from holdfast.stats._divergence import jensen_shannon_value, psi_value
from holdfast.stats._transport import exact_wasserstein, wasserstein_value
from holdfast.stats.sketches import ColumnSketch

__all__ = ["MEASURES", "Counted", "Reference", "drift", "jensen_shannon", "ks", "psi", "references", "wasserstein"]

MEASURES = ("jensen_shannon", "ks", "psi", "wasserstein")


def psi(
    reference: Any,
    current: Any,
    *,
    bins: int = 10,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Value:
    """Population stability index: the symmetric relative entropy of the shares of the bins.

    Parameters
    ----------
    reference
        Shape (n,), or a `Reference`, or a sketch.
    current
        Shape (m,), or a sketch.
    bins
        Reference-quantile bins for numbers, at least 2. Each category has its own bin, those not in the reference share
        one, and so do missing values.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for one with a fixed seed.

    Returns
    -------
    Value
        At least 0; n is the number of current rows. The interval is a parametric bootstrap from the counts, reflected,
        so that it is for the index of the populations, without what chance adds. About half a row is added
        to each bin (see `_divergence.smooth`), so an empty bin gives no infinity.

    Raises
    ------
    NotMeasurable
        If either side has no rows.
    InvalidValue
        If one side holds text and the other numbers, or an option is out of its range.

    References
    ----------
    B. Yurdakul, J. Naranjo (2020), "Statistical properties of the population stability index", Journal of Risk Model
    Validation 14: with no change the index is ``(1/n + 1/m) chi2(bins - 1)``, of mean ``(bins - 1)(1/n + 1/m)``.

    Examples
    --------
    >>> before, after = np.arange(1000.0), np.arange(1000.0) + 200.0
    >>> made = psi(before, after)
    >>> made.value > 0.2 > made.notes["null_95"]
    True
    """
    made, counted = _pair(reference, current)
    return psi_value(made, counted, bins=bins, confidence=checked_confidence(confidence), rng=generator(rng))


def jensen_shannon(
    reference: Any,
    current: Any,
    *,
    bins: int = 10,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Value:
    """Jensen-Shannon distance of the shares of the bins: the root of the divergence in bits, in [0, 1].

    Parameters
    ----------
    reference, current, bins, confidence, rng
        As for `psi`, with the same bins.

    Returns
    -------
    Value
        In [0, 1]: 0 for the same shares, 1 where no bin is shared. Interval as for `psi`.

    Raises
    ------
    NotMeasurable
        If either side has no rows.
    InvalidValue
        If one side holds text and the other numbers, or an option is out of its range.

    References
    ----------
    J. Lin (1991), "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 37;
    D. M. Endres, J. E. Schindelin (2003), "A new metric for probability distributions" (the root is a metric).

    Examples
    --------
    >>> jensen_shannon(["a", "a", "b"], ["c", "c", "c"]).value
    1.0
    """
    made, counted = _pair(reference, current)
    return jensen_shannon_value(made, counted, bins=bins, confidence=checked_confidence(confidence), rng=generator(rng))


def ks(reference: Any, current: Any, *, confidence: float = 0.95, rng: np.random.Generator | None = None) -> Value:
    """Kolmogorov-Smirnov distance: the largest difference of the two distribution functions.

    Parameters
    ----------
    reference, current
        As for `psi`; numbers or times. Missing values are left out (their shares are noted).
    confidence
        Of the interval, in (0, 1).
    rng
        Not used; every distance takes it.

    Returns
    -------
    Value
        In [0, 1]; exact for two samples, and at most 1/bins too low for a binned reference. The interval is the
        Dvoretzky-Kiefer-Wolfowitz band of both sides with Massart's constant: it holds at every sample size.

    Raises
    ------
    NotMeasurable
        If either side has no values, or they are categories.
    InvalidValue
        If one side holds text and the other numbers.

    References
    ----------
    P. Massart (1990), "The tight constant in the Dvoretzky-Kiefer-Wolfowitz inequality", Annals of Probability 18;
    N. Smirnov (1948), "Table for estimating the goodness of fit of empirical distributions", for the null.

    Examples
    --------
    >>> ks(np.arange(100.0), np.arange(100.0) + 50.0).value
    0.5
    """
    del rng
    ordered = _two_samples(reference, current)
    if ordered is None:
        made, counted = _pair(reference, current)
        return ks_value(made, counted, confidence=checked_confidence(confidence))
    (first, lost), (second, gone) = ordered
    everywhere = np.concatenate((first, second))
    below = np.searchsorted(first, everywhere, side="right") / len(first)
    gap = float(np.abs(below - np.searchsorted(second, everywhere, side="right") / len(second)).max())
    notes = {"bins": "none: exact", "missing": {"reference": lost, "current": gone}}
    return _ks(gap, len(first), len(second), confidence=checked_confidence(confidence), notes=notes)


def wasserstein(
    reference: Any,
    current: Any,
    *,
    scaled: bool = False,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> Value:
    """Wasserstein-1 distance: how far the values were moved on average, in their own unit.

    Parameters
    ----------
    reference, current
        As for `psi`; numbers or times. Missing and infinite values are left out.
    scaled
        Whether to divide by the reference's standard deviation.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the bootstrap; None for one with a fixed seed.

    Returns
    -------
    Value
        At least 0; exact for two samples; for a binned reference too, but for bins in which the two distribution
        functions cross. The interval is a parametric bootstrap from the counts, reflected.

    Raises
    ------
    NotMeasurable
        If either side has no finite values, they are categories, or a constant reference is to scale by.
    InvalidValue
        If one side holds text and the other numbers.

    References
    ----------
    L. V. Kantorovich (1942); S. S. Vallender (1974), "Calculation of the Wasserstein distance between probability
    distributions on the line", Theory of Probability and its Applications 18 (area between the distribution functions).

    Examples
    --------
    >>> wasserstein(np.arange(100.0), np.arange(100.0) + 2.0).value
    2.0
    """
    made, counted = _pair(reference, current)
    ordered = _two_samples(reference, current)
    exact = None if ordered is None else exact_wasserstein(ordered[0][0], ordered[1][0])
    return wasserstein_value(
        made, counted, exact=exact, scaled=scaled, confidence=checked_confidence(confidence), rng=generator(rng)
    )


def references(frame: pl.DataFrame, columns: Sequence[str] | None = None) -> dict[str, Reference]:
    """Cut columns of a reference frame into bins, once; columns without any value are left out.

    Parameters
    ----------
    frame
        Shape (n, columns).
    columns
        Which columns; None for all that hold numbers, times, text, categories or booleans.

    Returns
    -------
    dict
        A `Reference` by column.

    Raises
    ------
    ColumnNotFound
        If the frame has no such column.

    Examples
    --------
    >>> sorted(references(pl.DataFrame({"age": [1, 2], "sex": ["f", "m"]})))
    ['age', 'sex']
    """
    made = {}
    for name in frame.columns if columns is None else columns:
        column = _column(frame, name)
        if column.null_count() == len(column) or (columns is None and column.dtype.is_nested()):
            continue
        made[name] = Reference.of(column)
    return made


def drift(
    reference: Mapping[str, Reference],
    current: pl.DataFrame,
    *,
    measures: Sequence[str] = MEASURES,
    bins: int = 10,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
) -> dict[str, dict[str, Value]]:
    """Distances of all columns of a frame at once: each column is read one time.

    Parameters
    ----------
    reference
        Binned reference by column, as from `references`.
    current
        Shape (m, columns): what came later.
    measures
        Of `MEASURES`. `ks` and `wasserstein` are left out for categories and for columns without a value.
    bins
        Bins of `psi` and `jensen_shannon`.
    confidence
        Of the intervals, in (0, 1).
    rng
        Generator of the bootstrap; None for one with a fixed seed.

    Returns
    -------
    dict
        By column, by measure.

    Raises
    ------
    ColumnNotFound
        If the frame lacks a column of the reference.
    NotMeasurable
        If the frame has no rows.
    InvalidValue
        If a measure is unknown.

    Examples
    --------
    >>> frame = pl.DataFrame({"age": np.arange(100.0)})
    >>> sorted(drift(references(frame), frame)["age"])
    ['jensen_shannon', 'ks', 'psi', 'wasserstein']
    """
    for name in measures:
        if name not in MEASURES:
            raise InvalidValue(f"measure {name!r}", expected=one_of(MEASURES, name))
    if current.height == 0:
        raise NotMeasurable("the current frame has no rows", expected="at least one row")
    level, random = checked_confidence(confidence), generator(rng)
    found: dict[str, dict[str, Value]] = {}
    for name, made in reference.items():
        counted = made.count(_column(current, name))
        values: dict[str, Value] = {}
        if "jensen_shannon" in measures:
            values["jensen_shannon"] = jensen_shannon_value(made, counted, bins=bins, confidence=level, rng=random)
        if "psi" in measures:
            values["psi"] = psi_value(made, counted, bins=bins, confidence=level, rng=random)
        if made.kind == "number" and counted.present and "ks" in measures:
            values["ks"] = ks_value(made, counted, confidence=level)
        finite = counted.low is not None and made.counted.low is not None
        if made.kind == "number" and finite and "wasserstein" in measures:
            values["wasserstein"] = wasserstein_value(made, counted, confidence=level, rng=random)
        found[name] = values
    return found


def ks_value(reference: Reference, counted: Counted, *, confidence: float) -> Value:
    """Kolmogorov-Smirnov distance of what was counted into the reference's bins.

    Raises
    ------
    NotMeasurable
        If the column holds categories, or there are no current values.
    """
    if reference.kind != "number":
        raise NotMeasurable("the values are categories, which have no order", expected="psi or jensen_shannon")
    n, m = reference.counted.present, counted.present
    if not m:
        raise NotMeasurable(f"all {counted.n} current rows are missing", expected="at least one value")
    gap = np.abs(np.cumsum(reference.counted.counts) / n - np.cumsum(counted.counts) / m).max()
    notes = {
        "bins": f"{len(reference.edges) + 1} at quantiles of the reference",
        "missing": {"reference": reference.counted.missing, "current": counted.missing},
    }
    return _ks(float(gap), n, m, confidence=confidence, notes=notes)


def _ks(gap: float, n: int, m: int, *, confidence: float, notes: dict[str, Any]) -> Value:
    tail = math.log(4.0 / (1.0 - confidence)) / 2.0
    band = math.sqrt(tail / n) + math.sqrt(tail / m)
    null = math.sqrt(-math.log(0.05 / 2.0) / 2.0 * (1.0 / n + 1.0 / m))
    notes |= {"null_95": min(1.0, null), "reference rows": n}
    return Value(gap, max(0.0, gap - band), min(1.0, gap + band), n=m, method="Dvoretzky-Kiefer-Wolfowitz", notes=notes)


def _pair(reference: Any, current: Any) -> tuple[Reference, Counted]:
    made = reference if isinstance(reference, Reference) else Reference.of(reference, bins=FINE)
    counted = made.count(current)
    if not counted.n:
        raise NotMeasurable("there are no current rows", expected="at least one row")
    return made, counted


def _two_samples(reference: Any, current: Any) -> Any:
    """Both samples in rising order with their missing rows, or None where either is binned, a sketch, or no number."""
    if isinstance(reference, (Reference, ColumnSketch)) or isinstance(current, ColumnSketch):
        return None
    first, second = as_column(reference), as_column(current)
    if not (is_number(first) and is_number(second)):
        return None
    pair = sorted_values(first), sorted_values(second)
    return pair if len(pair[0][0]) and len(pair[1][0]) else None


def _column(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise ColumnNotFound(f"no column {name!r}", expected=one_of(frame.columns, name))
    return frame.get_column(name)
