"""Rollback: the last champion whose promises held answers again."""

from __future__ import annotations

from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.core.registry import remedy
from holdfast.observe.remedies._live import cause_of, found, refused

#: Going back gives up what was learnt since: every other remedy is tried before.
RISK = 1.0


@remedy
class Rollback:
    """Make the last champion whose promises held the champion again.

    Precondition: there is one. Its cost is the highest there is, so that it comes last: no training is paid now, but
    what is rolled back is owed.
    """

    name = "rollback"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Go back to the last champion whose promises held, or why not. Pure."""
        promise = context.verdict.promise
        no = refused(self.name, context)
        if no is not None:
            return no
        if promise.stage != "live":
            return Refusal(f"{promise.claim} is judged at stage {promise.stage}: what answers now is not in question")
        earlier = [each for each in context.previous if each != context.champion]
        if not earlier:
            return Refusal("there is no earlier champion whose promises held")
        return Action(
            remedy=self.name,
            subject=str(context.champion),
            promise=promise.claim,
            params={"to": earlier[0]},
            precondition="an earlier champion held its promises",
            undo=f"promote {str(context.champion)[:12]} again",
            reason=f"{found(context)}; {earlier[0][:12]} was the last champion whose promises held",
            cost=Cost(seconds=context.train_seconds, risk=RISK),
            cause=cause_of(context),
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Id of the earlier champion, once it is known to be in the registry.

        Raises
        ------
        RemedyFailed
            If the action names no model.
        """
        model = action.params.get("to")
        if not isinstance(model, str) or not model:
            raise RemedyFailed("no model to go back to", where=self.name, expected="the id of an earlier champion")
        bench.model_version(model)
        return model
