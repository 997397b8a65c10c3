"""Which of two columns that contradict each other is the wrong one: what the other columns of those rows say."""

from __future__ import annotations

import numpy as np

from holdfast.quality.repair._dependencies import grouped
from holdfast.quality.repair._table import Codes, Floats, Table

MOST_WITNESSES = 20
# Columns of one table say much the same: each counts less than an independent witness would.
WEIGHT = 0.5
# Rows that would have to say the same before the share of one column's errors is believed to be far from a half.
PRIOR_ROWS = 5.0


def wrong_shares(table: Table, rows: Codes, place: int, written: Codes, implied: Codes, *, other: int) -> Floats:
    """Probability, per row, that the cell of one column is the wrong one of two that contradict each other.

    Two kinds of rows are mixed: those where this column is wrong (the rest of the row then fits the value that the
    other column implies) and those where the other one is (the rest then fits what is written). The shares of the
    kinds are fitted by expectation and maximisation, with a prior of five rows for each: few rows tell nothing. Cells
    of either column that a dependency has repaired already count as rows of their kind.

    Parameters
    ----------
    table
        The working table.
    rows
        Rows that contradict, shape (n,).
    place, other
        Places of the two columns.
    written, implied
        Codes of the column `place`: as written, and as the other column implies; shape (n,).

    Returns
    -------
    numpy array of float64
        Shape (n,), in (0, 1).

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin (1977), "Maximum likelihood from incomplete data via the EM algorithm".
    """
    odds = np.zeros(len(rows))
    asked = 0
    column = table.columns[place]
    for third, witness in enumerate(table.columns):
        if third in (place, other) or not 2 <= len(witness.values) <= 0.5 * max(witness.filled, 1):
            continue
        groups = grouped(column.codes, witness, empties=False)
        told = witness.codes[rows] >= 0
        if groups is None or not told.any():
            continue
        asked += 1
        if asked > MOST_WITNESSES:
            break
        value = np.maximum(witness.codes[rows], 0)
        base = np.maximum(witness.counts[value] - 1, 0.5) / max(witness.filled, 1)
        # The row itself is left out of the group of what is written.
        own = np.maximum(groups.count(written, value) - 1, 0)
        kept = (own + 5 * base) / (np.maximum(groups.sizes[written] - 1, 0) + 5)
        fits = (groups.count(implied, value) + 5 * base) / (groups.sizes[implied] + 5)
        odds += np.where(told, WEIGHT * np.log(fits / kept), 0.0)
    first, second = _repaired(table, place), _repaired(table, other)
    share = (first + PRIOR_ROWS) / (first + second + 2 * PRIOR_ROWS)
    wrong = np.full(len(rows), 0.5)
    for _ in range(50):
        wrong = 1 / (1 + np.exp(-np.clip(odds + np.log(share / (1 - share)), -30, 30)))
        share = float((wrong.sum() + first + PRIOR_ROWS) / (len(rows) + first + second + 2 * PRIOR_ROWS))
    return wrong


def _repaired(table: Table, place: int) -> int:
    """Cells of a column that a dependency repaired in an earlier round."""
    by = np.array([rule.split("+")[0] == "dependency" for rule, _, _ in table.told] + [False], dtype=bool)
    return int(by[table.traces[place].told].sum())
