"""Held-out rows: what the promises about answers are judged on, and no training looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

#: Share of the rows that is held out where nobody says another; more where that would be fewer than `LEAST`.
SHARE, MOST_SHARE = 0.2, 1 / 3

#: Rows below which no promise about answers is judged.
LEAST = 50


def share_of(rows: int, asked: float | None) -> float:
    """Share of the rows to hold out: what was asked for, else a fifth, or `LEAST` rows where that is more.

    Examples
    --------
    >>> share_of(1000, None), share_of(200, None), share_of(90, None), share_of(200, 0.1)
    (0.2, 0.25, 0.3333333333333333, 0.1)
    """
    if asked is not None:
        return asked
    return min(MOST_SHARE, max(SHARE, LEAST / max(rows, 1)))


def held_mask(
    rows: pl.DataFrame,
    *,
    share: float,
    seed: int,
    classes: str | None = None,
    group: str | None = None,
    time: str | None = None,
) -> np.ndarray:
    """Mask of shape (n,): the rows held out.

    Rows that are alike in every column stay together, and so do the rows of a group. By time, the latest are held out;
    else the choice is random, with the same share of each class.

    Parameters
    ----------
    rows
        Shape (n, columns).
    share
        Share to hold out, in (0, 1); kept as far as the rows that stay together allow.
    seed
        Seed of the choice.
    classes
        Column of classes, each of which is to have its share.
    group
        Column whose values are not torn apart.
    time
        Column whose latest rows are held out; moments are not torn apart. A row without a moment is not held out.
    """
    if rows.height == 0:
        return np.zeros(0, dtype=bool)
    units = _units(rows, [group] if group is not None else rows.columns)
    if time is not None:
        moments = _moments(rows[time])
        return _latest(moments if group is None else _last_of(moments, units), units if group else None, share)
    order = np.random.default_rng(seed).permutation(int(units.max()) + 1)[units]
    strata = np.zeros(rows.height, dtype=int) if classes is None or group else _codes(rows[classes])
    held = np.zeros(rows.height, dtype=bool)
    for each in np.unique(strata):
        members = np.flatnonzero(strata == each)
        held[members] = _first(order[members], wanted=round(share * len(members)), spread=True)
    return held


def _codes(values: pl.Series) -> np.ndarray:
    return np.asarray(values.rank("dense").fill_null(0).to_numpy(), dtype=int)


def _units(rows: pl.DataFrame, columns: list[str]) -> np.ndarray:
    """Number of the unit of each row, shape (n,): rows that are alike; a missing group is a unit of its own."""
    import polars as pl

    index = "row"
    while index in rows.columns:
        index += "_"
    numbered = rows.with_columns(pl.int_range(pl.len()).alias(index))
    first = np.asarray(numbered.select(pl.col(index).first().over(columns)).to_series().to_numpy())
    if len(columns) == 1:
        first = np.where(rows[columns[0]].is_null().to_numpy(), np.arange(rows.height), first)
    return np.asarray(np.unique(first, return_inverse=True)[1]).ravel()


def _moments(times: pl.Series) -> np.ndarray:
    from holdfast.stats.tensors import as_float32

    if times.dtype.is_temporal():
        # As whole numbers: 32 bits are minutes only.
        return np.asarray(times.to_physical().cast(float).fill_null(float("nan")).to_numpy())
    if times.dtype.is_numeric():
        return np.asarray(times.cast(float).fill_null(float("nan")).to_numpy())
    return as_float32(times).astype(np.float64)


def _last_of(moments: np.ndarray, units: np.ndarray) -> np.ndarray:
    last = np.full(int(units.max()) + 1, -np.inf)
    np.maximum.at(last, units, np.where(np.isnan(moments), -np.inf, moments))
    return np.where(np.isinf(last[units]), np.nan, last[units])


def _latest(moments: np.ndarray, units: np.ndarray | None, share: float) -> np.ndarray:
    known = np.flatnonzero(~np.isnan(moments))
    held = np.zeros(len(moments), dtype=bool)
    order = -moments[known]
    if units is not None:
        # Groups that end at one moment are still two.
        order = np.unique(np.column_stack([order, units[known]]), axis=0, return_inverse=True)[1].ravel()
    held[known] = _first(order, wanted=round(share * len(known)))
    return held


def _first(order: np.ndarray, *, wanted: int, spread: bool = False) -> np.ndarray:
    """Mask of shape (n,): about the `wanted` first rows, in whole units; rows of one order are one unit.

    With `spread` the order is one of chance, and large units may be passed over.
    """
    values, member, sizes = np.unique(order, return_inverse=True, return_counts=True)
    if len(values) < 2 or wanted < 1:
        return np.zeros(len(order), dtype=bool)
    chosen = np.zeros(len(values), dtype=bool)
    # What is larger than all that is wanted comes last: the others are not to wait behind it.
    place = np.argsort(sizes > wanted, kind="stable") if spread else np.arange(len(values))
    sizes = sizes[place]
    chosen[place] = np.cumsum(sizes) - sizes / 2 <= wanted
    # One unit at least, and never all of them.
    chosen[place[0]] |= not chosen.any()
    chosen[place[-1]] = False
    return np.asarray(chosen[member.ravel()])
