"""The planner: every rule over the working table, rounds until nothing changes, one plan."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.quality.repair._combine import Proposals, apply, combine, spread_values
from holdfast.quality.repair._dependencies import Dependency, discover
from holdfast.quality.repair._kinds import Kind, kind_of, odd_values
from holdfast.quality.repair._plan import Change, RepairPlan, Suspect
from holdfast.quality.repair._table import Edit, Flags, RowsOf, Table
from holdfast.quality.repair.blanks import repair_blanks
from holdfast.quality.repair.codes import repair_codes
from holdfast.quality.repair.dependencies import propose_dependency_repairs
from holdfast.quality.repair.duplicates import find_duplicates
from holdfast.quality.repair.durations import repair_durations
from holdfast.quality.repair.moments import repair_moments
from holdfast.quality.repair.moved import propose_misplaced
from holdfast.quality.repair.numbers import repair_numbers
from holdfast.quality.repair.outliers import find_outlying
from holdfast.quality.repair.placeholders import repair_placeholders
from holdfast.quality.repair.sources import Roles, find_roles, propose_source_repairs
from holdfast.quality.repair.typos import repair_typing_errors
from holdfast.quality.repair.variants import repair_variants

ROUNDS = 4
SURE = 0.9
LEAST_SUSPECT = 0.2
_VALUE_RULES = (
    repair_blanks,
    repair_placeholders,
    repair_moments,
    repair_durations,
    repair_numbers,
    repair_codes,
    repair_variants,
)

Doubts = dict[tuple[int, int], tuple[str, float, str]]


def plan_repairs(cells: pl.DataFrame, *, seed: int = 0) -> RepairPlan:
    """Plan the repair of a table: which cells to change to what, by which rule, and how sure that is.

    Nothing is learned from labels or from a clean copy. First each column is written in one way (blanks, words for "no
    value", dates, numbers, codes, spellings); then rules that look at rows together take turns until nothing changes:
    misplaced values, sources that disagree, typing errors, dependencies, units. Evidence of several rules for one cell
    is combined. The plan depends on the set of rows, not on their order, and is the same for the same cells.

    Parameters
    ----------
    cells
        Shape (n, columns), every column pl.String; None (or an empty text) is an empty cell.
    seed
        Kept for callers that hand one to every planner; no rule draws at random.

    Returns
    -------
    RepairPlan
        At most one change per cell. Confidences are meant as probabilities: 0.7 is a sensible bar.

    Raises
    ------
    InvalidValue
        If a column is not text, or `seed` is negative.

    Examples
    --------
    >>> ages = pl.DataFrame({"age": ["31", " 45", "N/A", *(str(n) for n in range(20, 60))]})
    >>> [(change.before, change.after, change.rule) for change in plan_repairs(ages).changes]
    [(' 45', '45', 'blanks'), ('N/A', None, 'missing-word')]
    """
    _check(cells, seed)
    table = Table.of(cells)
    doubts: Doubts = {}
    for place in range(len(table.columns)):
        _write_one_way(table, place, doubts)
    kinds = [kind_of(column) for column in table.columns]
    apply(table, propose_misplaced(table, kinds))
    kinds = [kind_of(column) for column in table.columns]
    roles = find_roles(table, kinds)
    first: list[Dependency] = []
    against: Doubts = {}
    for turn in range(ROUNDS):
        kinds = [kind_of(column) for column in table.columns]
        odd = [odd_values(column, kind) for column, kind in zip(table.columns, kinds, strict=True)]
        dependencies, changed, against = _relate(table, kinds, odd, roles)
        doubts |= against
        first = dependencies if turn == 0 else first
        if not changed:
            break
    outlying = find_outlying(table, kinds)
    apply(table, outlying.proposals)
    doubts |= outlying.doubts
    doubts |= _weak(outlying.proposals)
    duplicates = find_duplicates(table, kinds, dependencies) if table.rows else ()
    changes = _changes(table, against)
    doubts |= _odd_cells(table, kinds)
    return RepairPlan(changes, _suspects(table, doubts, changes), _notes(table, first, roles), duplicates)


def _check(cells: pl.DataFrame, seed: int) -> None:
    if seed < 0:
        raise InvalidValue(f"seed {seed}", where="plan_repairs", expected="0 or more")
    for name, kind in cells.schema.items():
        if kind != pl.String:
            raise InvalidValue(
                f"column {name!r} is {kind}", where="plan_repairs", expected="every column as text (String)"
            )


def _write_one_way(table: Table, place: int, doubts: Doubts) -> None:
    """Apply the rules that look at the values of one column, one after the other."""
    for rule in _VALUE_RULES:
        column = table.columns[place]
        found = rule(column, kind_of(column))
        if found.doubts:
            where = {value: code for code, value in enumerate(column.values)}
            rows_of = RowsOf(column.codes, len(column.values))
            for value, doubt in found.doubts.items():
                for row in rows_of(where[value]).tolist():
                    doubts[row, place] = doubt
        table.map_values(place, found.edits)


def _typing_errors(table: Table, kinds: list[Kind], odd: list[Flags]) -> list[dict[str, Edit]]:
    return [repair_typing_errors(table, place, kinds[place], odd[place]).edits for place in range(len(table.columns))]


def _relate(
    table: Table, kinds: list[Kind], odd: list[Flags], roles: Roles | None
) -> tuple[list[Dependency], int, Doubts]:
    """One round of the rules that look at rows together: dependencies, number of cells changed, and doubts."""
    changed = 0
    if roles is not None:
        changed += apply(table, propose_source_repairs(table, roles))
    typed = _typing_errors(table, kinds, odd)
    for place, edits in enumerate(typed):
        changed += table.map_values(place, {value: edit for value, edit in edits.items() if edit.confidence >= SURE})
    odd = [odd_values(column, kind) for column, kind in zip(table.columns, kinds, strict=True)]
    dependencies = discover(table, kinds)
    if roles is not None:
        spoken = {*roles.told, roles.thing, roles.source}
        dependencies = [each for each in dependencies if each.target not in spoken]
    weaker = [
        spread_values(table, place, {v: e for v, e in edits.items() if e.confidence < SURE})
        for place, edits in enumerate(typed)
    ]
    proposals: Proposals = combine([*weaker, propose_dependency_repairs(table, dependencies, odd)])
    return dependencies, changed + apply(table, proposals), _weak(proposals)


def _weak(proposals: Proposals) -> Doubts:
    return {
        cell: (edit.rule, edit.confidence, f"{edit.after!r} would be likelier: {edit.reason}")
        for cell, edit in proposals.items()
        if LEAST_SUSPECT <= edit.confidence < 0.5
    }


def _odd_cells(table: Table, kinds: list[Kind]) -> Doubts:
    """Cells whose value does not fit what the column is, and that no rule could repair."""
    found: Doubts = {}
    for place, (column, kind) in enumerate(zip(table.columns, kinds, strict=True)):
        codes = np.flatnonzero(odd_values(column, kind))
        for row in np.flatnonzero(np.isin(column.codes, codes)).tolist() if len(codes) else []:
            found[row, place] = ("odd-value", 0.8, f"does not fit a column of kind {kind.name!r}")
    return found


def _changes(table: Table, against: Doubts) -> tuple[Change, ...]:
    """What differs from the cells as they came; no surer than what speaks `against` it leaves."""
    found: list[tuple[int, int, Change]] = []
    for place, (before, after, trace) in enumerate(zip(table.original, table.columns, table.traces, strict=True)):
        for row in np.flatnonzero(trace.told >= 0).tolist():
            old, new = before.text(row), after.text(row)
            if old != new:
                rule, sure, reason = table.told[int(trace.told[row])]
                if (row, place) in against:
                    _, doubt, rival = against[row, place]
                    sure, reason = min(sure, 1 - doubt), f"{reason}; but {rival}"
                found.append((row, place, Change(row, before.name, old, new, rule, min(1.0, round(sure, 4)), reason)))
    return tuple(change for _, _, change in sorted(found, key=lambda each: each[:2]))


def _suspects(table: Table, doubts: Doubts, changes: tuple[Change, ...]) -> tuple[Suspect, ...]:
    changed = {(change.row, change.column) for change in changes}
    found = []
    for (row, place), (rule, sure, reason) in sorted(doubts.items()):
        column = table.original[place]
        if (row, column.name) not in changed:
            found.append(Suspect(row, column.name, column.text(row), rule, round(sure, 4), reason))
    return tuple(found)


def _notes(table: Table, dependencies: list[Dependency], roles: Roles | None) -> tuple[str, ...]:
    notes = []
    names = [column.name for column in table.columns]
    if roles is not None:
        told = ", ".join(repr(names[place]) for place in roles.told)
        notes.append(f"{names[roles.source]!r} are sources that tell {told} of {names[roles.thing]!r}")
    for each in dependencies:
        verb = "determines" if len(each.determinants) == 1 else "determine"
        left = " and ".join(repr(names[place]) for place in each.determinants)
        share = f"{100 * min(each.strength, 1.0):.1f} %"
        notes.append(f"{left} {verb} {names[each.target]!r} (strength {share}, {each.rows} rows)")
    return tuple(notes)
