"""What remedies of data share: when they are asked in vain, the rows that a promise blames, the action's plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core import registry
from holdfast.core.errors import RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import State
from holdfast.core.ports import Refusal, RemedyContext, RowCheck, Workbench
from holdfast.core.promises import EVERY_COLUMN, Promise

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def refused(name: str, context: RemedyContext) -> Refusal | None:
    """Why no remedy of data would do anything about the promise; None where it could."""
    promise = context.verdict.promise
    if context.verdict.state is not State.BROKEN:
        return Refusal(f"{promise.claim} is {context.verdict.state}: nothing is known to break it")
    if promise.stage != "data":
        return Refusal(f"{promise.claim} is judged at stage {promise.stage}: only training data can be mended")
    if context.verdict.deciding is None or context.verdict.deciding.value is None:
        return Refusal(f"nothing was measured of {promise.claim}")
    tried = context.attempts.get(name, 0)
    if tried >= context.contract.policy.attempts:
        return Refusal(f"tried {tried} times since {promise.claim} last held")
    return None


def action_of(name: str, context: RemedyContext, *, precondition: str, undo: str, cost: Cost) -> Action:
    """The action of a remedy of data on the promise that is broken."""
    promise, evidence = context.verdict.promise, context.verdict.deciding
    spec = registry.find("measure", promise.measure)
    value = "" if evidence is None or evidence.value is None else f" ({_shown(spec, evidence.value)})"
    return Action(
        remedy=name,
        subject="" if evidence is None else evidence.subject,
        promise=promise.claim,
        params={"measure": promise.measure, "args": list(promise.args), "options": dict(promise.options)},
        precondition=precondition,
        undo=undo,
        reason=f"{promise.claim} is broken{value}",
        cost=cost,
        cause="" if evidence is None else evidence.id,
    )


def _shown(spec: object, value: float) -> str:
    show = getattr(spec, "show", None)
    return str(show(value)) if show is not None else f"{value:g}"


def promise_of(action: Action, bench: Workbench) -> Promise:
    """The promise of the contract that an action is to restore.

    Raises
    ------
    RemedyFailed
        If the contract does not make it any more.
    """
    found = [each for each in bench.contract.at("data") if each.claim == action.promise]
    if not found:
        raise RemedyFailed(f"the contract no longer promises {action.promise}", where=action.remedy)
    return found[0]


def marked_rows(rows: pl.DataFrame, action: Action, bench: Workbench) -> np.ndarray:
    """Mask of shape (n,): the rows that break the promise; of ``*`` only the columns that break it give up rows."""
    import numpy as np

    check: RowCheck = registry.get("row_check", str(action.params["measure"]))
    args = list(action.params["args"])
    options = dict(action.params["options"])
    if not args or args[0] != EVERY_COLUMN:
        return check.marked(rows, args, options, related=bench.related)
    from holdfast.quality.compiler import broken_columns

    marked = np.zeros(rows.height, dtype=bool)
    for column in broken_columns(rows, action.promise, features(rows, bench)):
        marked |= check.marked(rows, (column, *args[1:]), options, related=bench.related)
    return marked


def features(rows: pl.DataFrame, bench: Workbench) -> list[str]:
    """Columns that ``*`` stands for: those that the model may look at."""
    roles = bench.contract.data.roles
    other = {bench.contract.target, roles.id, roles.time, roles.group, roles.weight, *roles.exclude}
    return [each for each in rows.columns if each not in other]
