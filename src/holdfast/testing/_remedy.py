"""The suite of remedies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from holdfast.core import registry
from holdfast.core.digests import canonical_json
from holdfast.core.errors import HoldfastError
from holdfast.core.events import Action
from holdfast.core.evidence import State
from holdfast.core.ports import MeasureSpec, Refusal, Remedy, RemedyContext
from holdfast.core.promises import Argument, Promise
from holdfast.core.units import MEASURE_UNITS, Quantity
from holdfast.testing._conformance import ConformanceError, attempt, require, require_plain, resolve
from holdfast.testing.data import tiny_context

_SYMBOLS = {"time": "s", "size": "B", "money": "USD", "rows": "rows", "energy": "Wh", "mass": "g"}


def check_remedy(remedy: Remedy | str, *, contexts: Sequence[RemedyContext] | None = None) -> None:
    """Check what a remedy proposes: pure, deterministic, plain, and never silent about a refusal.

    Parameters
    ----------
    remedy
        The remedy, or the name that it is registered under.
    contexts
        What to ask it about; when None, a broken and an unproven promise about every registered measure at each of
        its stages, with and without a champion, earlier champions and fresh rows, and after many attempts.

    Raises
    ------
    ConformanceError
        If the remedy breaks a rule of the port; says which, and what was seen.
    """
    made: Remedy = resolve("remedy", remedy)
    require(isinstance(made, Remedy), f"{made!r} lacks members of Remedy")
    require(isinstance(made.name, str) and made.name, f"{made!r} has no name")
    require((type(made).__doc__ or "").strip(), f"remedy {made.name!r} has no docstring")
    asked = list(contexts) if contexts is not None else list(_contexts())
    answers = [_check_answer(made, context) for context in asked]
    if contexts is None:
        reasons = sorted({each.reason for each in answers if isinstance(each, Refusal)})
        require(
            any(isinstance(each, Action) for each in answers),
            f"remedy {made.name!r} proposes nothing for any promise about any registered measure: {reasons[:3]}",
        )


def _check_answer(remedy: Remedy, context: RemedyContext) -> Action | Refusal:
    what = f"remedy {remedy.name!r}, asked about {context.verdict.promise.text!r} ({context.verdict.promise.stage})"
    before = canonical_json(context)
    answer = attempt(what, lambda: remedy.propose(context))
    if isinstance(answer, HoldfastError):
        raise ConformanceError(f"{what}, raised {type(answer).__name__} ({answer}); expected an Action or a Refusal")
    if isinstance(answer, Action):
        require_plain(answer.params, f"{what}: params")
    require(canonical_json(context) == before, f"{what}, changed what it was asked about")
    again = remedy.propose(context)
    require(canonical_json(again) == canonical_json(answer), f"{what}, answers {answer!r}, then {again!r}")
    if isinstance(answer, Refusal):
        require(answer.reason.strip(), f"{what}, refuses without a reason")
        return answer
    require(isinstance(answer, Action), f"{what}, answers with a {type(answer).__name__}, no Action and no Refusal")
    _check_action(answer, context, what, name=remedy.name)
    return answer


def _check_action(action: Action, context: RemedyContext, what: str, *, name: str) -> None:
    require(action.remedy == name, f"{what}, proposes an action of the remedy {action.remedy!r}")
    claim = context.verdict.promise.claim
    require(action.promise == claim, f"{what}, proposes to restore {action.promise!r}; expected the claim {claim!r}")
    for field in ("subject", "reason", "precondition", "undo"):
        require(str(getattr(action, field)).strip(), f"{what}, proposes an action whose {field} is empty")
    require(action.key == replace(action).key, f"{what}, proposes an action whose key changes")


def _contexts() -> Iterator[RemedyContext]:
    for spec in registry.every("measure"):
        for args in _arguments(spec):
            for stage in spec.stages:
                promise = _promise(spec, args).at(stage)
                for changes in _situations(_bound(spec, better=0.85)):
                    yield tiny_context(promise, spec=spec, **changes)


def _situations(nearly: float) -> Iterator[dict[str, Any]]:
    yield {}
    yield {"value": nearly}
    yield {"state": State.UNPROVEN}
    yield {"fresh_rows": 0}
    yield {"champion": None, "previous": (), "fresh_rows": 0, "rows": 0}
    yield {"attempts": dict.fromkeys(registry.names("remedy"), 100)}


def _arguments(spec: MeasureSpec) -> list[tuple[Argument, ...]]:
    least = spec.arguments[0]
    # A number column, and a sensitive one.
    return [(column, *((0.0,) * (least - 1))) for column in ("age", "sex")] if least else [()]


def _bound(spec: MeasureSpec, *, better: float) -> float:
    # The share `better` of the way from the worst value to the best one; 1 beyond the end where there is only one.
    low, high = spec.range
    if low is not None and high is not None:
        return low + (high - low) * (better if spec.better == "higher" else 1.0 - better)
    return (low if low is not None else 0.0) + (better if spec.better == "higher" else 2.0 - better)


def _promise(spec: MeasureSpec, args: tuple[Argument, ...]) -> Promise:
    symbol = _SYMBOLS.get(MEASURE_UNITS[spec.unit], "")
    op = ">=" if spec.better == "higher" else "<="
    return Promise(spec.name, op, Quantity(_bound(spec, better=0.9), symbol), args=args)
