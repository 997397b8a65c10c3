"""Ask the source: whoever delivers the data is told what they break, and which rows."""

from __future__ import annotations

from holdfast.core import registry
from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.core.registry import remedy
from holdfast.quality.remedies._data import action_of, marked_rows, refused

#: Somebody must do something: cheaper than holding still, dearer than what mends the data at once.
COST = Cost(seconds=60.0, risk=0.2)


@remedy
class AskSource:
    """Write a request to whoever delivers the data: what was promised, what came, and the rows that break it.

    Precondition: a promise about the data is broken. The promise is judged again when the source delivers other rows.
    """

    name = "ask_source"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Ask the source, or why not. Pure."""
        no = refused(self.name, context)
        if no is not None:
            return no
        return action_of(
            self.name,
            context,
            precondition="a promise about the data is broken",
            undo="nothing was changed: a request was written",
            cost=COST,
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Write the request, with the rows that break the promise where single rows are to blame."""
        blamed = registry.find("row_check", str(action.params["measure"])) is not None
        mask = marked_rows(bench.rows(), action, bench) if blamed else None
        bench.ask_source(claim=action.promise, found=action.reason, mask=mask)
        return None
