"""Clean: cells that break a promise are repaired, with a trail; what cannot be repaired is set aside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from holdfast.core import registry
from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.core.registry import remedy
from holdfast.quality.remedies._data import action_of, marked_rows, refused
from holdfast.quality.remedies.quarantine import MOST

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.quality.repair import Change

#: Repairs less sure than this are not made without a person.
SURE = 0.7

#: A wrong repair is worse than a row less; a fifth of the rows less is worse than repairs.
RISK = 0.04

#: Seconds for each thousand rows, roughly.
SECONDS = 2.0


@remedy
class Clean:
    """Repair the cells of the rows that break a promise, and set the rows aside that still break it.

    Precondition: a promise about the data is broken, and its measure points at rows. Only repairs of at least 70 %
    confidence are made; the target and the id are never changed. Rules whose repairs make a model worse on clean
    held-out rows are dropped.
    """

    name = "clean"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Repair the cells that break the promise, or why not. Pure."""
        no = refused(self.name, context)
        if no is not None:
            return no
        promise = context.verdict.promise
        if registry.find("row_check", promise.measure) is None:
            return Refusal(f"{promise.measure} blames no single row: there is no cell to repair")
        if promise.args[:1] == (context.contract.target,):
            return Refusal(f"{promise.claim} is about the target: a label is not repaired from the other columns")
        return action_of(
            self.name,
            context,
            precondition=f"the measure of {promise.claim} points at rows",
            undo="the earlier dataset version is kept: train on it again",
            cost=Cost(seconds=1.0 + SECONDS * context.rows / 1000.0, risk=RISK),
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Plan repairs on the data as they are now, try them on a model, make them, set aside what is left.

        Raises
        ------
        RemedyFailed
            If no row breaks the promise by now, no repair is sure enough, every rule makes the model worse, or more
            than a fifth of the rows still break the promise afterwards.
        """
        rows = bench.rows()
        broken = marked_rows(rows, action, bench)
        changes, effect = _kept(rows, broken, bench, where=self.name)
        repaired, made = _repaired(rows, changes)
        if not made:
            raise RemedyFailed("no repair fits the types of the columns", where=self.name, expected="another remedy")
        cells = "cell" if len(made) == 1 else "cells"
        bench.repair(repaired, trail=[asdict(each) for each in made], reason=f"{len(made)} {cells} repaired; {effect}")
        left = marked_rows(repaired, action, bench)
        if left.sum() > MOST * rows.height:
            raise RemedyFailed(
                f"{int(left.sum())} of {rows.height} rows still break {action.promise}",
                where=self.name,
                expected=f"at most {MOST:.0%}, which can be set aside",
            )
        if left.any():
            bench.quarantine(left, reason=f"{int(left.sum())} rows still break {action.promise} after the repairs")
        return None


def _kept(rows: pl.DataFrame, broken: np.ndarray, bench: Workbench, *, where: str) -> tuple[list[Change], str]:
    """Sure repairs of the broken rows whose rules make a model no worse, and what was found of them in words."""
    from holdfast.quality.cleaning import effect_of_repairs
    from holdfast.quality.cleaning._effect import family_of
    from holdfast.quality.remedies._cells import cells_of
    from holdfast.quality.repair import plan_repairs

    cells = cells_of(rows)
    fixed = {bench.contract.target, bench.contract.data.roles.id}
    changes = [
        each
        for each in plan_repairs(cells).changes
        if each.confidence >= SURE and broken[each.row] and each.column not in fixed
    ]
    if not changes:
        raise RemedyFailed(
            f"no repair of the {int(broken.sum())} rows is sure enough", where=where, expected=f"confidence {SURE}"
        )
    effect = effect_of_repairs(cells, changes, target=bench.contract.target)
    kept = [each for each in changes if family_of(each.rule) not in effect.dropped]
    if not kept:
        raise RemedyFailed(f"every repair makes the model worse: {effect.note}", where=where, expected="no worse")
    found = effect.overall
    ends = "" if found.low is None else f" (loss {found.difference:+.3g} [{found.low:.3g}, {found.high:.3g}])"
    return kept, f"a model trained on them is {found.verdict}{ends}: {effect.note}"


def _repaired(rows: pl.DataFrame, changes: Sequence[Change]) -> tuple[pl.DataFrame, list[Change]]:
    """Rows with the changes in the types of their columns, and the changes that fit them."""
    from holdfast.quality.remedies._cells import with_changes

    return with_changes(rows, changes)
