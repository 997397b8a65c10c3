"""Cells that a spreadsheet would run: none is ever made, and those that are there are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from holdfast.quality.repair import Suspect

RULE = "formula-looking cell"

#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection").
_TRIGGERS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
_NUMBER = re.compile(r"[+-]?(\d+([.,' \u00a0\u202f]\d+)*[.,]?|[.,]\d+)([eE][+-]?\d+)?\s?%?")

#: A cell that is one by its looks: an equals sign with something behind it, or a sign before a call, a pipe or a sum.
_LOOKS = (
    "^ *(?:"
    + "|".join(
        (
            r"=\s*\S",  # =1+1
            r"[@\t\r\n+\-]\s*\S*[A-Za-z_.$]\S*\(",  # @SUM(A1), +cmd(...)
            r"[+\-@].*[|!]",  # -2|cmd!A0
            r"[\t\r\n]+[=+\-@]",
            r"[+\-]\s*\d+(?:[.,]\d+)?\s*[+*/^]\s*\d",  # +1*2
        )
    )
    + ")"
)
_CERTAINTY = 0.5


def introduces_formula(before: str | None, after: str | None) -> bool:
    """Whether a repair would make a cell begin as a formula does, where it did not; a number such as -5 is none.

    Examples
    --------
    >>> introduces_formula("5", "=5"), introduces_formula("5", "-5"), introduces_formula("=a", "=b")
    (True, False, False)
    """
    new = (after or "").lstrip(" ")
    if not new or new[0] not in _TRIGGERS or _NUMBER.fullmatch(new):
        return False
    return (before or "").lstrip(" ")[:1] != new[0]


def formula_suspects(cells: pl.DataFrame) -> list[Suspect]:
    """Cells that look like formulas, by row and then by column.

    Parameters
    ----------
    cells
        Shape (rows, columns), text.
    """
    from holdfast.quality.repair import Suspect

    found = []
    for place, name in enumerate(cells.columns):
        column = cells[name]
        for row in column.str.contains(_LOOKS).arg_true():
            value = column[row]
            if not _NUMBER.fullmatch(value.strip()):
                reason = "a spreadsheet may run this cell as a formula; it is left as it is"
                found.append((row, place, Suspect(row, name, value, RULE, _CERTAINTY, reason)))
    return [each for *_, each in sorted(found, key=lambda each: each[:2])]
