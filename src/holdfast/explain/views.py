"""What the room shows: which columns matter, and why one row was answered as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.core.views import Bars, Table

if TYPE_CHECKING:
    import polars as pl

    from holdfast.explain.contributions import Contributions, Importance


def importance_bars(importance: Importance, *, most: int = 20) -> Bars:
    """Bars of the columns that matter most, greatest first.

    Parameters
    ----------
    importance
        From `global_importance`.
    most
        Columns to show, at most.
    """
    order = importance.order()[:most]
    kind = "estimated " if importance.estimated else ""
    return Bars(
        f"Mean {kind}contribution of each column ({importance.n} rows)",
        tuple(importance.columns[each] for each in order),
        tuple(float(importance.value[each]) for each in order),
    )


def importance_table(importance: Importance) -> Table:
    """Table of every column's importance with its interval, greatest first."""
    return Table(
        f"Importance of columns ({importance.n} rows)",
        ("column", "mean |contribution|", "low", "high"),
        tuple(
            (
                importance.columns[each],
                float(importance.value[each]),
                float(importance.low[each]),
                float(importance.high[each]),
            )
            for each in importance.order()
        ),
    )


def local_table(found: Contributions, rows: pl.DataFrame, *, row: int, output: str | None = None) -> Table:
    """Table of why one row was answered as it was: base, each column's value and contribution, and their sum.

    Parameters
    ----------
    found
        Contributions of the rows.
    rows
        The rows that were explained.
    row
        Which of them.
    output
        Which class, where several are explained; None for the one with the greatest margin.

    Raises
    ------
    InvalidValue
        If there is no such row or output, or rows and contributions are not of one length.
    """
    if rows.height != found.n:
        raise InvalidValue(f"{rows.height} rows and {found.n} explanations", expected="the rows that were explained")
    if not 0 <= row < found.n:
        raise InvalidValue(f"row {row}", expected=f"a row from 0 to {found.n - 1}")
    margins = np.atleast_1d(found.margin[row])
    name = output if output is not None else found.outputs[int(np.argmax(margins))]
    values = found.of(name)[row]
    place = found.outputs.index(name)
    order = np.argsort(-np.abs(values), kind="stable")
    cells = [(found.columns[each], _text(rows[row, found.columns[each]]), float(values[each])) for each in order]
    whole = [("(base)", "", float(found.base[place])), *cells, ("(margin)", "", float(margins[place]))]
    return Table(f"Why row {row} was answered so: {name}", ("column", "value", "contribution"), tuple(whole))


def _text(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
