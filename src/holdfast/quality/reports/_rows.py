"""Rows of two versions of a table, matched by a key or as wholes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import polars as pl

from holdfast.core.errors import ColumnNotFound, DuplicateIds, one_of

#: Positions that are told of the rows that differ.
FIRST = 5

Column = TypeVar("Column", pl.Expr, pl.Series)


@dataclass(frozen=True, slots=True)
class Rows:
    """What was found of the rows; the fields are those of `TableDiff`, and the changed cells by column."""

    added: int = 0
    removed: int = 0
    changed: int | None = None
    cells: dict[str, int] = field(default_factory=dict)
    first_changed: tuple[int, ...] = ()
    first_added: tuple[int, ...] = ()
    order_kept: bool | None = None
    notes: tuple[str, ...] = ()


def whole_rows(before: pl.DataFrame, after: pl.DataFrame, *, common: Sequence[str]) -> Rows:
    """Multiset difference of the rows, in the columns that both tables have."""
    if not common:
        return Rows(after.height, before.height, notes=("the tables have no column in common",))
    old, new = _hashes(before, after, common), _hashes(after, before, common)
    counted = (
        old.to_frame("hash")
        .group_by("hash")
        .agg(pl.len().alias("old"))
        .join(new.to_frame("hash").group_by("hash").agg(pl.len().alias("new")), on="hash", how="full", coalesce=True)
        .select("hash", pl.col("old").fill_null(0).cast(pl.Int64), pl.col("new").fill_null(0).cast(pl.Int64))
    )
    more = pl.col("new") - pl.col("old")
    added, removed = counted.select(added=more.clip(0).sum(), removed=(-more).clip(0).sum()).row(0)
    only = set(common) != set(before.columns) | set(after.columns)
    return Rows(
        added=int(added),
        removed=int(removed),
        first_added=_first_new(new, counted.filter(more > 0)),
        order_kept=bool((old == new).all()) if not added and not removed else None,
        notes=("whole rows were compared in the columns that both tables have",) if only else (),
    )


def keyed_rows(before: pl.DataFrame, after: pl.DataFrame, key: Sequence[str], *, common: Sequence[str]) -> Rows:
    """Rows with the same key, cell by cell; a missing key is a key like any other."""
    for frame, side in ((before, "the old table"), (after, "the new table")):
        for name in key:
            if name not in frame.columns:
                raise ColumnNotFound(f"no key column {name!r}", where=side, expected=one_of(frame.columns, name))
    places = [f"key {place}" for place in range(len(key))]
    old, new = _keys(before, after, key, row="old"), _keys(after, before, key, row="new")
    for frame, side in ((old, "the old table"), (new, "the new table")):
        twice = frame.height - frame.select(pl.struct(places).n_unique()).item()
        if twice:
            names = ", ".join(repr(name) for name in key)
            raise DuplicateIds(f"{twice} rows repeat a key of {names}", where=side, expected="each key once")
    pairs = old.join(new, on=places, how="inner", nulls_equal=True).sort("new")
    here, there = pairs["old"], pairs["new"]
    fresh = new.join(old, on=places, how="anti", nulls_equal=True).sort("new")["new"]
    cells, any_changed = _changed_cells(before, after, [each for each in common if each not in key], here, there)
    changed = there.filter(any_changed)
    return Rows(
        added=after.height - pairs.height,
        removed=before.height - pairs.height,
        changed=len(changed),
        cells=cells,
        first_changed=tuple(changed.head(FIRST).to_list()),
        first_added=tuple(fresh.head(FIRST).to_list()),
        order_kept=here.is_sorted(),
    )


def _changed_cells(
    before: pl.DataFrame, after: pl.DataFrame, names: Sequence[str], here: pl.Series, there: pl.Series
) -> tuple[dict[str, int], pl.Series]:
    # Column by column: two joined copies of a wide table would not fit where the table itself does.
    cells: dict[str, int] = {}
    any_changed = pl.repeat(False, len(here), dtype=pl.Boolean, eager=True)
    for name in names:
        old = before.select(comparable(before, after, name)).to_series().gather(here)
        new = after.select(comparable(after, before, name)).to_series().gather(there)
        differs = old.ne_missing(new)
        cells[name] = int(differs.sum())
        any_changed = any_changed | differs
    return cells, any_changed


def comparable(frame: pl.DataFrame, other: pl.DataFrame, name: str) -> pl.Expr:
    """A column in the type in which it can be compared with that of the other table; NaN is missing."""
    own, theirs = frame.schema[name], other.schema[name]
    column = pl.col(name)
    if own.is_float():
        column = column.fill_nan(None)
    if own == theirs:
        return column
    if own.is_integer() and theirs.is_integer():
        return column.cast(pl.Int128)
    if own.is_numeric() and theirs.is_numeric():
        return column.cast(pl.Float64)
    if {own.base_type(), theirs.base_type()} <= {pl.Date, pl.Datetime}:
        return column.cast(pl.Datetime("us"))
    if own.is_nested():
        return column.hash(0).cast(pl.String)
    return as_text(column, own)


def as_text(column: Column, dtype: pl.DataType) -> Column:
    """Text of values that are not nested; polars casts neither a duration nor any bytes."""
    if dtype == pl.Duration:
        return column.dt.to_string("iso")
    return column.bin.encode("hex") if dtype == pl.Binary else column.cast(pl.String, strict=False)


def _hashes(frame: pl.DataFrame, other: pl.DataFrame, names: Sequence[str]) -> pl.Series:
    return frame.select(comparable(frame, other, name) for name in names).hash_rows(seed=0)


def _keys(frame: pl.DataFrame, other: pl.DataFrame, key: Sequence[str], *, row: str) -> pl.DataFrame:
    keys = (comparable(frame, other, name).alias(f"key {place}") for place, name in enumerate(key))
    return frame.select(keys).with_row_index(row)


def _first_new(new: pl.Series, surplus: pl.DataFrame) -> tuple[int, ...]:
    # Of rows that stand more often than before, the last ones are the added ones; of new rows all.
    if surplus.is_empty():
        return ()
    rows = new.to_frame("hash").with_row_index("row").join(surplus, on="hash", how="inner", maintain_order="left")
    spare = pl.int_range(pl.len()).over("hash") >= pl.col("old")
    return tuple(int(each) for each in rows.filter(spare)["row"].sort().head(FIRST))
