"""Quarantine: rows that break a promise are set aside, and the rest goes on."""

from __future__ import annotations

from typing import Any

from holdfast.core import registry
from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import State
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.quality.remedies._data import marked_rows

#: More than this share of the rows is no exception to set aside: then the source, or the promise, is wrong.
MOST = 0.2


@registry.remedy
class Quarantine:
    """Set the rows of the training data aside that break a promise about them.

    Precondition: at least one row breaks it, and at most a fifth of them do.
    """

    name = "quarantine"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Set aside the rows that the broken promise points at, or why not. Pure."""
        promise, evidence = context.verdict.promise, context.verdict.deciding
        no = _refused(context)
        if no is not None or evidence is None or evidence.value is None:
            return Refusal(no or f"nothing was measured of {promise.claim}")
        failing, total = _counts(evidence.notes, evidence.value, evidence.n)
        if failing < 1:
            return Refusal("no row breaks the promise")
        if failing > MOST * total:
            return Refusal(f"{failing} of {total} rows break it: more than {MOST:.0%} is for the source to mend")
        return Action(
            remedy=self.name,
            subject=evidence.subject,
            promise=promise.claim,
            params={
                "measure": promise.measure,
                "args": list(promise.args),
                "options": dict(promise.options),
                "rows_failing": failing,
            },
            precondition=f"at least 1 and at most {MOST:.0%} of the rows break {promise.claim}",
            undo="the earlier dataset version is kept: train on it again",
            reason=f"{failing} of {total} rows break {promise.claim} ({evidence.subject_text or promise.measure})",
            cost=Cost(seconds=1.0, risk=0.02 + 0.5 * failing / total),
            cause=evidence.id,
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Mark the rows again, on the data as they are now, and set them aside.

        Returns
        -------
        None
            No model changed: the promise is judged again on the new dataset version.

        Raises
        ------
        RemedyFailed
            If by now no row, or more than a fifth of them, breaks the promise.
        """
        rows = bench.rows()
        mask = marked_rows(rows, action, bench)
        failing = int(mask.sum())
        if failing == 0 or failing > MOST * rows.height:
            raise RemedyFailed(
                f"{failing} of {rows.height} rows break {action.promise}",
                where=self.name,
                expected=f"at least 1 and at most {MOST:.0%}",
            )
        bench.quarantine(mask, reason=f"{failing} of {rows.height} rows break {action.promise}")
        return None


def _refused(context: RemedyContext) -> str | None:
    promise = context.verdict.promise
    tried = context.attempts.get(Quarantine.name, 0)
    if context.verdict.state is not State.BROKEN:
        return f"{promise.claim} is {context.verdict.state}: no row is known to break it"
    if promise.stage != "data":
        return f"{promise.claim} is judged at stage {promise.stage}: only training data can be set aside"
    if registry.find("row_check", promise.measure) is None:
        return f"{promise.measure} blames no single row"
    if tried >= context.contract.policy.attempts:
        return f"tried {tried} times since {promise.claim} last held"
    return None


def _counts(notes: dict[str, Any], value: float, n: int) -> tuple[int, int]:
    failing = notes.get("rows_failing")
    return (round((1.0 - value) * n) if failing is None else int(failing)), int(notes.get("rows", n))
