"""What a repair plan is made of: changes, suspects, duplicates."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.core.errors import InvalidValue


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence <= 1:
        raise InvalidValue(f"confidence {confidence!r}", where="repair plan", expected="a number in (0, 1]")


@dataclass(frozen=True, slots=True)
class Change:
    """One cell that is to be changed, and why.

    Parameters
    ----------
    row
        Position of the row, from 0.
    column
        Name of the column.
    before, after
        The cell's text; None is an empty cell.
    rule
        Name of the rule that proposes it; several rules that agree are joined by ``+``, the strongest first.
    confidence
        Estimated probability, in (0, 1], that `after` is right.
    reason
        One plain sentence.
    """

    row: int
    column: str
    before: str | None
    after: str | None
    rule: str
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Check that something changes and that the confidence is a probability."""
        _check_confidence(self.confidence)
        if self.before == self.after:
            raise InvalidValue(
                f"a change to the same value {self.after!r}", where="repair plan", expected="before differs from after"
            )


@dataclass(frozen=True, slots=True)
class Suspect:
    """One cell that looks wrong, but no repair is sure enough.

    Parameters
    ----------
    row
        Position of the row, from 0.
    column
        Name of the column.
    value
        The cell's text; None is an empty cell.
    rule
        Name of the rule that suspects it.
    confidence
        Estimated probability, in (0, 1], that the cell is wrong.
    reason
        One plain sentence.
    """

    row: int
    column: str
    value: str | None
    rule: str
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Check that the confidence is a probability."""
        _check_confidence(self.confidence)


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows that are one thing. They are told, never deleted.

    Parameters
    ----------
    rows
        Positions of the rows, from 0, rising; at least two.
    confidence
        Estimated probability, in (0, 1], that the rows are one thing.
    reason
        One plain sentence.
    """

    rows: tuple[int, ...]
    confidence: float
    reason: str

    def __post_init__(self) -> None:
        """Check that there are two rows and that the confidence is a probability."""
        _check_confidence(self.confidence)
        if len(self.rows) < 2:
            raise InvalidValue(f"duplicates of {len(self.rows)} row", where="repair plan", expected="at least 2 rows")


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """All that is to be done to a table, cell by cell, and what was only found.

    Parameters
    ----------
    changes
        At most one per cell, by row and then by the order of the columns.
    suspects
        Cells that look wrong and are not in `changes`, in the same order.
    notes
        Plain sentences about the table: dependencies found, roles of columns, what was left out.
    duplicates
        Rows that are one thing.
    """

    changes: tuple[Change, ...]
    suspects: tuple[Suspect, ...]
    notes: tuple[str, ...]
    duplicates: tuple[Duplicates, ...]
