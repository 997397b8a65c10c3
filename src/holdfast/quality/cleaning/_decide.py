"""Which of the planned changes are made, and why the others are not."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidValue
from holdfast.quality.cleaning._effect import family_of
from holdfast.quality.cleaning._formulas import introduces_formula

if TYPE_CHECKING:
    from holdfast.quality.cleaning._tables import Edit, Table
    from holdfast.quality.repair import Change


@dataclass(frozen=True, slots=True)
class Decided:
    """Edits that are made, and changes that are held back, each by row and then by column."""

    edits: tuple[Edit, ...]
    held_back: tuple[Change, ...]


def decide(
    table: Table,
    changes: Sequence[Change],
    *,
    min_confidence: float,
    protected: str | None = None,
    harmful: frozenset[str] = frozenset(),
) -> Decided:
    """Settle each change: made, or held back with the reason.

    Parameters
    ----------
    table
        The table that the changes are of.
    changes
        At most one per cell.
    min_confidence
        Changes below it are held back, in (0, 1].
    protected
        Column that stays as it is.
    harmful
        Rules whose repairs made a model worse.

    Raises
    ------
    InvalidValue
        If a change names no cell of the table, or two name the same.
    """
    ordered = _ordered(table, changes)
    edits: list[Edit] = []
    held: list[Change] = []
    for change, made in zip(ordered, table.edits(ordered), strict=True):
        if made is None:
            continue
        reason = _objection(change, min_confidence, protected, harmful)
        if reason is None and not isinstance(made, str):
            edits.append(made)
        else:
            held.append(held_for(change, reason or str(made)))
    places = {name: place for place, name in enumerate(table.columns)}
    return Decided(tuple(edits), tuple(sorted(held, key=lambda each: (each.row, places[each.column]))))


def held_for(change: Change, reason: str) -> Change:
    """Change with the reason why it is held back behind its own."""
    return dataclasses.replace(change, reason=f"{change.reason} (held back: {reason})")


def _ordered(table: Table, changes: Sequence[Change]) -> list[Change]:
    places = {name: place for place, name in enumerate(table.columns)}
    seen: set[tuple[int, str]] = set()
    for each in changes:
        if each.column not in places or not 0 <= each.row < table.rows or (each.row, each.column) in seen:
            raise InvalidValue(
                f"a change of row {each.row}, column {each.column!r}",
                where="repair plan",
                expected=f"at most one change for each cell of {table.rows} rows",
            )
        seen.add((each.row, each.column))
    return sorted(changes, key=lambda each: (each.row, places[each.column]))


def _objection(change: Change, min_confidence: float, protected: str | None, harmful: frozenset[str]) -> str | None:
    if change.column == protected:
        return "the target is left as it is"
    if change.confidence < min_confidence:
        return f"confidence {change.confidence:.2f} is below {min_confidence:g}"
    if introduces_formula(change.before, change.after):
        return "a spreadsheet would run it as a formula"
    if family_of(change.rule) in harmful:
        return "a model trained on this rule's repairs is worse"
    return None
