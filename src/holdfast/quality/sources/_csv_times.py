"""Dates and times in the text columns of a CSV."""

from __future__ import annotations

import io
from collections.abc import Collection

import polars as pl

#: Only digits, and what stands between those of dates and times; such texts need no quotes.
_LOOKS = r"^ *[0-9]+[-/.: T_][-/.: T_0-9+Z]*$"

#: The format of a column is found on so many values; then the others are read by it.
_SAMPLE = 1000


def with_times(rows: pl.DataFrame, *, but: Collection[str] = ()) -> pl.DataFrame:
    """Dates and times instead of the text columns whose every value reads as one, as polars finds them in a CSV.

    polars asks every text of a CSV for every format (16 microseconds each); here only columns that may hold dates are
    asked. A time of day stays text.

    Parameters
    ----------
    rows
        Shape (n, columns); missing values are null.
    but
        Columns that stay text.

    Returns
    -------
    polars.DataFrame
        The same rows and columns.
    """
    found = (_times(rows[name]) for name, kind in rows.schema.items() if kind == pl.String and name not in but)
    return rows.with_columns([each for each in found if each is not None])


def _times(column: pl.Series) -> pl.Series | None:
    """Find the dates or times of a column; None where it is text."""
    there = column.is_not_null()
    values = column.filter(there)
    if not _dated(values.head(_SAMPLE)) or not values.str.contains(_LOOKS).all():
        return None
    parsed = _read(values, _SAMPLE)
    if parsed is None or parsed.null_count():
        # Another format comes later: the exact way, and the slow one.
        parsed = _read(values, None)
    if parsed is None or parsed.dtype not in (pl.Date, pl.Datetime):
        return None
    places = pl.select(pl.when(there).then(there.cum_sum().cast(pl.Int64) - 1)).to_series()
    return parsed.gather(places).alias(column.name)


def _dated(sample: pl.Series) -> bool:
    if sample.is_empty() or not sample.str.contains(_LOOKS).all():
        return False
    parsed = _read(sample, None)
    return parsed is not None and parsed.dtype in (pl.Date, pl.Datetime)


def _read(values: pl.Series, infer: int | None) -> pl.Series | None:
    """Values with the type that polars gives them, as many as there are."""
    text = values.alias("value").to_frame().write_csv(quote_style="never").encode()
    try:
        read = pl.read_csv(
            io.BytesIO(text), infer_schema_length=infer, try_parse_dates=True, truncate_ragged_lines=False
        )
    except pl.exceptions.PolarsError:
        return None
    return read.to_series() if read.shape == (len(values), 1) else None
