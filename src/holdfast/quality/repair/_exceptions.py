"""Rows that differ from the usual together, and so for a reason."""

from __future__ import annotations

import numpy as np

from holdfast.quality.repair._table import Flags, Table

MOST_THIRDS = 40


def lawful_rows(table: Table, unusual: Flags, *, besides: tuple[int, ...]) -> Flags:
    """Unusual rows that share a value of some third column with hardly any usual row.

    Errors fall anywhere; rows that all are unusual where, say, the state is another one, are of another kind.

    Parameters
    ----------
    table
        The working table.
    unusual
        Shape (rows,).
    besides
        Places of the columns that are not asked.

    Returns
    -------
    numpy array of bool
        Shape (rows,); a subset of `unusual`.
    """
    found = np.zeros(table.rows, dtype=bool)
    asked = 0
    if unusual.sum() < 3:
        return found
    for place, third in enumerate(table.columns):
        if place in besides or not 2 <= len(third.values) <= table.rows / 4:
            continue
        asked += 1
        if asked > MOST_THIRDS:
            break
        told = third.codes >= 0
        bad = np.bincount(third.codes[told & unusual], minlength=len(third.values))
        lawful = (third.counts >= 5) & (bad >= 0.6 * third.counts) & (third.counts <= 0.2 * table.rows)
        if lawful.any():
            found |= told & lawful[np.maximum(third.codes, 0)] & unusual
    return found
