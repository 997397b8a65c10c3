"""Retrain: learn again, with the labelled rows that came since."""

from __future__ import annotations

from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.core.registry import remedy
from holdfast.observe.remedies._live import cause_of, found, refused, subject_of

#: Chance that a new model breaks what the old one kept; its gates are judged again before it answers anybody.
RISK = 0.1


@remedy
class Retrain:
    """Train on the earlier rows and the labelled rows that came since the champion was trained.

    Precondition: a live promise about the model or its inputs is broken, and at least `min_labels` labelled rows came.
    """

    name = "retrain"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Retrain with the fresh labelled rows, or why not. Pure."""
        promise = context.verdict.promise
        no = refused(self.name, context)
        if no is not None:
            return no
        if promise.stage != "live":
            return Refusal(
                f"{promise.claim} is judged at stage {promise.stage}: the same rows would give the same model"
            )
        if subject_of(context) == "traffic":
            return Refusal(f"{promise.measure} is about how requests are answered: another training does not change it")
        wanted = context.contract.min_labels
        if context.fresh_rows < wanted:
            return Refusal(f"{context.fresh_rows} labelled rows since the champion was trained, {wanted} are needed")
        return Action(
            remedy=self.name,
            subject=str(context.champion),
            promise=promise.claim,
            params={"min_labels": wanted},
            precondition=f"at least {wanted} labelled rows since the champion was trained",
            undo="roll back: the champion of before stays in the registry",
            reason=f"{found(context)}; {context.fresh_rows} labelled rows came since, it learnt from {context.rows}",
            cost=Cost(seconds=context.train_seconds, risk=RISK),
            cause=cause_of(context),
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Train, package and register; the id of the new model version.

        Raises
        ------
        RemedyFailed
            If by now fewer labelled rows are there than the precondition asks for.
        """
        extra = bench.labelled(since_champion=True)
        wanted = int(action.params["min_labels"])
        if extra.height < wanted:
            raise RemedyFailed(f"{extra.height} labelled rows", where=self.name, expected=f"at least {wanted}")
        return bench.retrain(reason=action.reason, extra=extra).id
