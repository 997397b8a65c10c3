"""Leaks: columns that know the target as they should not, and rows that know each other; each told with what is right.

What is found is told, not done: a column that alone predicts nearly everything may be a leak or the discovery of the
year, and only a person knows which of them is known before the target is. Exact copies of the target are the exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl import _alone
from holdfast.automl import _leak_columns as columns
from holdfast.automl import _leak_rows as rows
from holdfast.automl._leak_look import Finding, look
from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of

if TYPE_CHECKING:
    from holdfast.automl._features.base import Table

#: Rows that are looked at.
MOST_ROWS = 20_000
#: Rows, the first ones, that groups are looked for in: a sample parts what few rows share.
_GROUP_ROWS = 200_000
#: Fewest rows of which anything can be said.
_LEAST_ROWS = 40

#: Kinds that say that a column is not to be used: what the setting ``leaks: drop`` leaves out.
OF_COLUMNS = ("copy", "determines", "parts", "near_perfect", "far_ahead", "flag", "missing", "id")
#: Kinds that say how the rows are to be split.
OF_ROWS = ("duplicates", "group", "time", "row_order")


def find(
    table: Table, *, dates: Sequence[str] = (), groups: Sequence[str] = (), rng: np.random.Generator
) -> tuple[Finding, ...]:
    """Findings about the columns and the rows of a table, columns first.

    Parameters
    ----------
    table
        Training rows in the order in which they came; at most `MOST_ROWS` of them are looked at, drawn and in order.
    dates
        Columns of days since 1970.
    groups
        Columns that the folds keep whole already: no split by them is suggested.
    rng
        Draws rows and folds.

    Raises
    ------
    ColumnNotFound
        If a date is not there.
    """
    for name in dates:
        if name not in table.schema.names:
            raise ColumnNotFound(f"no column {name!r}", where="leaks", expected=one_of(table.schema.names, name))
    if table.n < _LEAST_ROWS:
        return ()
    some = table if table.n <= MOST_ROWS else table.take(np.sort(rng.choice(table.n, MOST_ROWS, replace=False)))
    first = table if table.n <= _GROUP_ROWS else table.take(np.arange(_GROUP_ROWS))
    seen = look(some, first, tuple(dates), rng)
    found: dict[str, Finding] = {}
    # A column is told once, with the first and strongest of its kinds.
    for check in columns.CHECKS:
        for each in check(seen):
            found.setdefault(each.column, each)
    told = {*found, *groups}
    return (*found.values(), *(each for check in rows.CHECKS for each in check(seen) if each.column not in told))


def to_drop(findings: Sequence[Finding], *, leaks: str = "warn") -> tuple[str, ...]:
    """Columns to leave out: exact copies of the target; with ``leaks: drop`` every column that was found.

    Parameters
    ----------
    findings
        What `find` found.
    leaks
        The setting: ``warn``, ``drop``, or ``keep`` (nothing is left out).

    Raises
    ------
    InvalidValue
        If the setting is another.
    """
    if leaks not in ("warn", "drop", "keep"):
        raise InvalidValue(f"leaks {leaks!r}", where="settings.leaks", expected=one_of(("warn", "drop", "keep"), leaks))
    return tuple(
        each.column
        for each in findings
        if each.column and leaks != "keep" and (each.action == "drop" or (leaks == "drop" and each.kind in OF_COLUMNS))
    )


def duplicate_groups(table: Table) -> np.ndarray:
    """Group of each row, shape (n,) int64: rows alike in every feature are one, for folds to keep together."""
    names = table.schema.names
    codes = np.column_stack([_alone.whole(table.tensors[name].ravel()) for name in names])
    return np.unique(codes, axis=0, return_inverse=True)[1].ravel().astype(np.int64)
