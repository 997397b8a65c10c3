"""Rows as text cells for the planner of repairs, and back in the types of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from holdfast.quality.cleaning._typed_table import from_text, to_text

if TYPE_CHECKING:
    from holdfast.quality.repair import Change


def cells_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Cells as text, null where empty; columns whose values have no exact text are left out.

    Parameters
    ----------
    rows
        Shape (n, columns).
    """
    texts = {name: text for name in rows.columns if (text := to_text(rows[name])) is not None}
    return pl.DataFrame(texts)


def with_changes(rows: pl.DataFrame, changes: Sequence[Change]) -> tuple[pl.DataFrame, list[Change]]:
    """Rows with the changes made, and those of them that fit the types of their columns.

    Parameters
    ----------
    rows
        Shape (n, columns).
    changes
        Of cells of `cells_of(rows)`, one for each cell at most.
    """
    made: list[Change] = []
    columns: list[pl.Series] = []
    for name in dict.fromkeys(each.column for each in changes):
        mine = [each for each in changes if each.column == name]
        typed = from_text(pl.Series([each.after for each in mine], dtype=pl.String), rows.schema[name])
        same = typed.eq_missing(rows[name].gather([each.row for each in mine]))
        fits = [
            not alike and not (empty and each.after is not None)
            for each, alike, empty in zip(mine, same, typed.is_null(), strict=True)
        ]
        kept = [each for each, fit in zip(mine, fits, strict=True) if fit]
        made += kept
        index = pl.Series([each.row for each in kept], dtype=pl.Int64)
        columns.append(rows[name].clone().scatter(index, typed.filter(pl.Series(fits, dtype=pl.Boolean))))
    return rows.with_columns(columns), made
