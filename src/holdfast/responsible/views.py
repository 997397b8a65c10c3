"""What responsible shows: how each group is treated."""

from __future__ import annotations

from typing import Any

from holdfast.core.evidence import Evidence
from holdfast.core.views import Table

_LEFT_OUT = ": left out"


def groups(evidence: Evidence) -> Table:
    """Table of the groups behind one piece of evidence: their share and size, the small ones that were left out last.

    Parameters
    ----------
    evidence
        Evidence of a measure of this room.

    Returns
    -------
    Table
        Rate, group, share, rows; a group that was left out has no share. Empty where the evidence names no groups.
    """
    lines: list[tuple[Any, ...]] = []
    small: list[tuple[Any, ...]] = []
    for what, found in evidence.notes.items():
        if not isinstance(found, dict):
            continue
        if what.endswith(_LEFT_OUT):
            small += [
                (what.removesuffix(_LEFT_OUT), name, "left out: too small", n)
                for name, n in dict(found.get("largest", {})).items()
            ]
        else:
            lines += [(what, name, *_cells(each)) for name, each in found.items()]
    lines.sort(key=lambda line: (line[0], -_share(line[2]), line[1]))
    about = f"{evidence.measure}({evidence.subject_text})"
    return Table(title=f"Groups behind {about}", columns=("rate", "group", "share", "rows"), rows=(*lines, *small))


def _cells(found: Any) -> tuple[Any, Any]:
    if isinstance(found, dict):
        return found.get("share", ""), found.get("n", "")
    return found, ""


def _share(cell: Any) -> float:
    return float(cell) if isinstance(cell, (int, float)) else -1.0
