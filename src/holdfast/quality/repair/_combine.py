"""Several rules, one cell: evidence for the same value adds up, other values compete, the best is taken."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from holdfast.quality.repair._table import Edit, RowsOf, Table

APPLY = 0.5

Proposals = dict[tuple[int, int], Edit]


def spread_values(table: Table, place: int, edits: Mapping[str, Edit]) -> Proposals:
    """Edits by value as proposals by cell."""
    column = table.columns[place]
    where = {value: code for code, value in enumerate(column.values)}
    rows_of = RowsOf(column.codes, len(column.values))
    found: Proposals = {}
    for value, edit in edits.items():
        for row in rows_of(where[value]).tolist():
            found[row, place] = edit
    return found


def combine(many: Iterable[Proposals]) -> Proposals:
    """One proposal per cell.

    Rules that say the same are joined by a noisy or (Pearl 1988), tempered because they look at the same table: the
    second counts half. A rival value takes its share of the confidence.

    Returns
    -------
    dict
        (row, place) to the best Edit; its rule names all that agree, the strongest first.
    """
    by: defaultdict[tuple[int, int], list[Edit]] = defaultdict(list)
    for proposals in many:
        for cell, edit in proposals.items():
            by[cell].append(edit)
    return {cell: _best(edits) for cell, edits in by.items()}


def _best(edits: list[Edit]) -> Edit:
    if len(edits) == 1:
        return edits[0]
    groups: defaultdict[str | None, list[Edit]] = defaultdict(list)
    for edit in edits:
        groups[edit.after].append(edit)
    joined = sorted((_join(group) for group in groups.values()), key=lambda each: (-each.confidence, each.after or ""))
    best = joined[0]
    if len(joined) == 1:
        return best
    rival = joined[1].confidence
    odds = best.confidence / max(1 - best.confidence, 1e-6) / (1 + rival / max(1 - rival, 1e-6))
    return Edit(
        best.after, best.rule, odds / (1 + odds), f"{best.reason}; another rule would rather have {joined[1].after!r}"
    )


def _join(group: list[Edit]) -> Edit:
    group = sorted(group, key=lambda each: (-each.confidence, each.rule))
    doubt = 1 - group[0].confidence
    for edit in group[1:]:
        doubt *= 1 - 0.5 * edit.confidence
    rules = "+".join(dict.fromkeys(edit.rule for edit in group))
    return Edit(group[0].after, rules, min(1 - doubt, 0.999), "; ".join(dict.fromkeys(edit.reason for edit in group)))


def apply(table: Table, proposals: Proposals) -> int:
    """Put proposals of at least even odds into the working table; returns how many cells changed."""
    by: defaultdict[int, dict[int, Edit]] = defaultdict(dict)
    for (row, place), edit in proposals.items():
        if edit.confidence >= APPLY and table.columns[place].text(row) != edit.after:
            by[place][row] = edit
    for place, edits in sorted(by.items()):
        table.set_cells(place, edits)
    return sum(len(edits) for edits in by.values())
