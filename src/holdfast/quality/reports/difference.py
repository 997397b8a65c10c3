"""How two versions of a table differ: columns, rows, cells, and what stands in the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl


@dataclass(frozen=True, slots=True)
class CategoryDiff:
    """Share of the values of a column that are this one, before and after; each in [0, 1]."""

    value: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ColumnDiff:
    """One column, before and after.

    Parameters
    ----------
    name
        Its name.
    kind
        ``number``, ``time``, ``category`` (at most 50 values, or 20 whole numbers), ``text`` or ``nested``.
    type_before, type_after
        Types; None where the table does not have the column.
    missing_before, missing_after
        Share of the rows without a value (null or NaN), in [0, 1]; None where there are no rows, or no column.
    distinct_before, distinct_after
        How many different values there are.
    summary_before, summary_after
        Of numbers: mean, deviation, least, quartiles and greatest finite values, by name. Of times: least and greatest,
        in ISO 8601. Empty for the rest.
    categories
        Of a category: the ten values whose share moved most, that first. Values are told of categories only, never of
        text: a name or an address has no place in a report.
    appeared, vanished
        How many values stand in the one table only; None where that is not counted (numbers, times, nested values).
    distance
        In [0, 1]: of numbers and times the Kolmogorov-Smirnov distance (to a part in 1024), of categories and text the
        total variation. None where a side holds no value.
    moved
        Whether the column differs by more than chance explains, at a false discovery rate of 5 % over the columns
        (Benjamini-Hochberg; the rows of the two versions taken as independent); None where a side has no rows.
    moved_by
        What says so most clearly: ``values`` (their distribution), ``range`` (numbers or times beyond all the old
        ones), ``missing`` (the share of missing values); empty where it did not move.
    cells_changed
        Cells that differ in rows with the same key; None without a key.
    """

    name: str
    kind: str
    type_before: str | None
    type_after: str | None
    missing_before: float | None = None
    missing_after: float | None = None
    distinct_before: int | None = None
    distinct_after: int | None = None
    summary_before: tuple[tuple[str, float | str], ...] = ()
    summary_after: tuple[tuple[str, float | str], ...] = ()
    categories: tuple[CategoryDiff, ...] = ()
    appeared: int | None = None
    vanished: int | None = None
    distance: float | None = None
    moved: bool | None = None
    moved_by: str = ""
    cells_changed: int | None = None


@dataclass(frozen=True, slots=True)
class TableDiff:
    """How a table differs from an older version of it.

    Parameters
    ----------
    rows_before, rows_after
        How many rows there are.
    columns
        Every column of either table: those of the new one in its order, then those that were removed.
    added, removed, retyped
        Names of columns that are new, gone, or of another type.
    reordered
        Whether the columns that both have stand in another order.
    key
        Columns that say which row is which; empty where whole rows were compared.
    rows_added, rows_removed
        With a key: rows whose key the other table does not have. Without one: the multiset difference of the whole
        rows (in the columns that both have), so that a changed row counts once as removed and once as added.
    rows_changed
        Rows with the same key and another cell; None without a key.
    cells_changed
        Cells that differ in them; None without a key.
    first_changed, first_added
        Positions of the first such rows in the new table, counted from 0.
    order_kept
        Whether the rows that both have stand in the same order; None where that is not known.
    notes
        What must be known to read it.
    """

    rows_before: int
    rows_after: int
    columns: tuple[ColumnDiff, ...]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()
    reordered: bool = False
    key: tuple[str, ...] = ()
    rows_added: int = 0
    rows_removed: int = 0
    rows_changed: int | None = None
    cells_changed: int | None = None
    first_changed: tuple[int, ...] = ()
    first_added: tuple[int, ...] = ()
    order_kept: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def same(self) -> bool:
        """Whether the two tables are the same in every cell and in the order of columns and rows."""
        schema = self.added or self.removed or self.retyped or self.reordered
        rows = self.rows_added or self.rows_removed or self.rows_changed or self.order_kept is False
        return not schema and not rows

    @property
    def summary(self) -> str:
        """One line for a person."""
        if self.same:
            return f"no difference: {self.rows_after} rows, {len(self.columns)} columns"
        parts = [f"{self.rows_before} → {self.rows_after} rows"]
        parts += [f"{self.rows_added} added", f"{self.rows_removed} removed"]
        if self.rows_changed is not None:
            parts.append(f"{self.rows_changed} changed")
        for names, word in ((self.added, "added"), (self.removed, "removed"), (self.retyped, "of another type")):
            if names:
                parts.append(f"{len(names)} column{'s' if len(names) > 1 else ''} {word}")
        if self.reordered:
            parts.append("columns in another order")
        if self.order_kept is False:
            parts.append("rows in another order")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that says the same."""
        data: dict[str, Any] = plain(self)
        for column in data["columns"]:
            for side in ("summary_before", "summary_after"):
                column[side] = dict(column[side])
        return data


def diff_tables(before: pl.DataFrame, after: pl.DataFrame, *, key: str | Sequence[str] | None = None) -> TableDiff:
    """Compare two versions of a table.

    Parameters
    ----------
    before, after
        Shapes (n, columns) and (m, columns). NaN counts as missing. Where a column changed its type its values are
        compared as numbers if both types are, otherwise as text.
    key
        Column, or columns, that say which row is which; each value once in either table. None compares whole rows, by
        a hash of 64 bits (two of a million different rows are taken for the same with a chance below 1e-7).

    Raises
    ------
    ColumnNotFound
        If a table has no such key column.
    DuplicateIds
        If a key stands twice in a table.

    Examples
    --------
    >>> import polars as pl
    >>> old = pl.DataFrame({"id": [1, 2, 3], "city": ["Bern", "Genf", "Basel"]})
    >>> new = pl.DataFrame({"id": [1, 2, 4], "city": ["Bern", "Genève", "Chur"]})
    >>> diff_tables(old, new, key="id").summary
    '3 → 3 rows, 1 added, 1 removed, 1 changed'
    """
    from holdfast.quality.reports._columns import column_diffs
    from holdfast.quality.reports._rows import keyed_rows, whole_rows

    chosen = (key,) if isinstance(key, str) else tuple(key or ())
    common = [name for name in after.columns if name in before.columns]
    rows = keyed_rows(before, after, chosen, common=common) if chosen else whole_rows(before, after, common=common)
    columns = column_diffs(before, after, cells=rows.cells)
    return TableDiff(
        rows_before=before.height,
        rows_after=after.height,
        columns=columns,
        added=tuple(name for name in after.columns if name not in before.columns),
        removed=tuple(name for name in before.columns if name not in after.columns),
        retyped=tuple(name for name in common if before.schema[name] != after.schema[name]),
        reordered=common != [name for name in before.columns if name in after.columns],
        key=chosen,
        rows_added=rows.added,
        rows_removed=rows.removed,
        rows_changed=rows.changed,
        cells_changed=sum(rows.cells.values()) if chosen else None,
        first_changed=rows.first_changed,
        first_added=rows.first_added,
        order_kept=rows.order_kept,
        notes=rows.notes,
    )
