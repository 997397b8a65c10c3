"""Rows of the scikit-learn estimators: any table as one of Polars, in an order of its own, copies taken as weights."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

#: Copies are taken as weights where at least this share of the rows are different ones.
DIFFERENT = 1.0 / 3.0
#: Weights whose spread is less than this share are equal ones.
EVEN = 1e-9

_TIMES = (datetime.date, datetime.timedelta, datetime.time)


def is_table(rows: Any) -> bool:
    """Whether it is a table of Polars or pandas (known by how it looks: pandas is never imported)."""
    return isinstance(rows, pl.DataFrame) or (
        hasattr(rows, "iloc") and hasattr(rows, "dtypes") and hasattr(rows, "columns")
    )


def table_of(rows: Any, names: Sequence[str]) -> pl.DataFrame:
    """Table of an array (n, d), or of a table, under other names.

    Parameters
    ----------
    rows
        A numeric array, or a table of Polars or pandas. Categories become text; missing cells stay missing.
    names
        Name of each column, shape (d,).

    Raises
    ------
    ValueError
        If two names are one, or a column holds infinities, bytes or nested values.
    """
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if list(names).count(name) > 1})
        raise ValueError(f"Input X has more than one column of the name {twice[0]!r}")
    if isinstance(rows, pl.DataFrame):
        columns = [rows.to_series(place) for place in range(rows.width)]
    elif is_table(rows):
        columns = [_of_pandas(rows.iloc[:, place]) for place in range(len(names))]
    else:
        columns = [pl.Series(values=np.ascontiguousarray(rows[:, place])) for place in range(len(names))]
    return pl.DataFrame([_plain(each, name) for each, name in zip(columns, names, strict=True)])


def _plain(values: pl.Series, name: str) -> pl.Series:
    kind = values.dtype
    if kind in (pl.Categorical, pl.Enum):
        return values.cast(pl.String).alias(name)
    if kind == pl.Object:
        return _of_objects(values.to_list()).alias(name)
    if kind.is_nested() or kind == pl.Binary:
        raise ValueError(f"Input X has a column {name!r} of type {kind}; numbers, text or times are expected")
    if kind.is_float() and values.is_infinite().any():
        raise ValueError(f"Input X contains infinity in column {name!r}")
    return values.alias(name)


def _of_pandas(values: Any) -> pl.Series:
    """Column of pandas, by the kinds that NumPy knows; all others cell by cell."""
    kind = getattr(values.dtype, "kind", "O")
    if not isinstance(values.dtype, np.dtype):
        if hasattr(values.dtype, "tz"):
            values = values.dt.tz_convert(None)
        elif hasattr(values.dtype, "categories"):
            # Categories that are numbers are names all the same.
            return pl.Series(values=[None if _missing(each) else str(each) for each in values], dtype=pl.String)
        elif kind in "iuf":
            return pl.Series(values=values.to_numpy(dtype=np.float64, na_value=np.nan))
        else:
            return _of_objects(values.to_list())
    array = values.to_numpy()
    if array.dtype.kind in "Mm" and array.dtype.str[3:] not in ("[ms]", "[us]", "[ns]"):
        array = array.astype(f"{array.dtype.kind}8[us]")
    return _of_objects(values.to_list()) if array.dtype.kind not in "biufMm" else pl.Series(values=array)


def _of_objects(cells: Sequence[Any]) -> pl.Series:
    """Column of Python's own values: truth values, numbers, or times where all are; else text."""
    found = [None if _missing(each) else each for each in cells]
    known = [each for each in found if each is not None]
    if known and all(isinstance(each, (bool, np.bool_)) for each in known):
        return pl.Series(values=found, dtype=pl.Boolean)
    if all(isinstance(each, (Real, Decimal)) for each in known):
        numbers = [None if each is None else float(each) for each in found]
        return pl.Series(values=numbers, dtype=pl.Float64)
    if all(isinstance(each, _TIMES) for each in known) and len({type(each) for each in known}) == 1:
        return pl.Series(values=found)
    if any(isinstance(each, complex) for each in known):
        raise ValueError("Complex data not supported")
    wrong = next((each for each in known if isinstance(each, (dict, list, tuple, set, bytes, np.ndarray))), None)
    if wrong is not None:
        raise TypeError(f"a cell of a table must be a string or a number, got {type(wrong).__name__}")
    return pl.Series(values=[None if each is None else str(each) for each in found], dtype=pl.String)


def _missing(cell: Any) -> bool:
    if cell is None:
        return True
    try:
        # NaN and NaT differ from themselves; what compares to nothing (pandas' NA) is missing as well.
        return bool(cell != cell)  # noqa: PLR0124 - that is what tells them
    except (TypeError, ValueError):
        return type(cell).__name__ == "NAType"


@dataclass(frozen=True, slots=True, eq=False)
class Arranged:
    """Rows to train on: the table, the weight of each (None where all are equal), and how many copies were taken in."""

    rows: pl.DataFrame
    weights: np.ndarray | None
    copies: int


def arranged(rows: pl.DataFrame, weights: np.ndarray | None, *, given: Sequence[str]) -> Arranged:
    """Rows in an order that is their own, so that the order they came in changes nothing; copies become weights.

    A row that stands there twice would be learnt from in one fold and asked for in the next. Where rows are mostly
    different, and none is given with two targets, copies of it are one row with the sum of their weights: a weight of
    two and a row that stands there twice are then the same thing. A table of few levels has equal rows of its own
    right: it is left as it is.

    Parameters
    ----------
    rows
        Shape (n, columns), the target (and group) among them.
    weights
        Shape (n,) float64, positive; None for equal weights.
    given
        Columns that a model is given.
    """
    # Longer than every name there is, and so none of them.
    weight = f"{max(rows.columns, key=len)}_weight"
    weighed = rows.with_columns(pl.Series(weight, np.ones(rows.height) if weights is None else weights))
    merged = weighed.group_by(rows.columns).agg(pl.col(weight).sum())
    single = merged.height == rows.height
    if not single and merged.height >= DIFFERENT * rows.height and merged.n_unique(list(given)) == merged.height:
        weighed = merged.select(*rows.columns, weight)
    weighed = weighed[_alike(weighed.select(rows.columns)).hash_rows(seed=0).arg_sort()]
    made = weighed.get_column(weight).to_numpy()
    even = np.ptp(made) <= EVEN * made.max()
    return Arranged(weighed.drop(weight), None if even else made, rows.height - weighed.height)


def _alike(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows under one type for each kind of value, so that it does not matter what a library calls a number or a gap."""
    numbers = [name for name, kind in rows.schema.items() if kind.is_numeric() or kind == pl.Boolean]
    days = [name for name, kind in rows.schema.items() if kind == pl.Date]
    return rows.with_columns(pl.col(numbers).cast(pl.Float64).fill_nan(None), pl.col(days).cast(pl.Datetime("us")))
