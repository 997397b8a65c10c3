"""Hold: nothing goes on while the data break a promise."""

from __future__ import annotations

from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext, Workbench
from holdfast.core.registry import remedy
from holdfast.quality.remedies._data import action_of, promise_of, refused

#: A held pipeline leaves a model to age: every remedy that mends the data is tried before, unless the contract asks.
RISK = 0.3


@remedy
class Hold:
    """Hold the pipeline: nothing is trained, and no other remedy tried, until the promise holds or other data came.

    Precondition: a promise about the data is broken. It mends nothing; it keeps what is broken from being learnt.
    """

    name = "hold"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Hold the pipeline, or why not. Pure."""
        no = refused(self.name, context)
        if no is not None:
            return no
        return action_of(
            self.name,
            context,
            precondition="a promise about the data is broken",
            undo="the hold ends by itself when the promise holds, or other data came",
            cost=Cost(seconds=1.0, risk=RISK),
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Journal the hold; no model changes, and the promise stays broken until the data are mended."""
        bench.hold(promise_of(action, bench), reason=action.reason)
        return None
