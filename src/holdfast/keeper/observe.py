"""Observe: collect the evidence that is due, one piece for each case of each promise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import iso
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.promises import Promise
from holdfast.keeper.judge import judge, longest_age
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import Look, View, measure_all

if TYPE_CHECKING:
    from holdfast.store import NewEvent


def observe(keeping: Keeping, promises: Sequence[Promise], view: View) -> list[tuple[Promise, list[Evidence]]]:
    """Evidence for each promise: measured, recorded in the store, signed.

    A measurement that fails is evidence with a reason. The random numbers of a measurement are seeded from what is
    measured, so that the same inputs give the same evidence.
    """
    measured = measure_all(promises, view, keeping.ground(), progress=keeping.progress)
    found = list(zip(promises, measured, strict=True))
    for promise, pieces in found:
        for each in pieces:
            keeping.store.evidence.record(each, model=keeping.name, promise_id=promise.id)
    return found


def judge_all(keeping: Keeping, evidence: Sequence[tuple[Promise, list[Evidence]]]) -> list[Verdict]:
    """Verdict on each promise, from its evidence."""
    now = keeping.now
    return [
        judge(
            promise,
            pieces,
            spec=keeping.spec(promise),
            now=now,
            max_age=longest_age(promise, late=keeping.late(promise)),
        )
        for promise, pieces in evidence
    ]


def record_verdicts(keeping: Keeping, verdicts: Sequence[Verdict], view: View) -> None:
    """Journal verdicts, all or nothing. What did not change since the last look is not said again."""
    keeping.store.journal.append_all(verdict_events(keeping, verdicts, subject=view.subject, view=view))


def verdict_events(
    keeping: Keeping, verdicts: Sequence[Verdict], *, subject: str, view: View | None = None
) -> list[NewEvent]:
    """Events of the verdicts on a subject that are news; live ones carry how often their `view` was looked at."""
    from holdfast.store import NewEvent

    news = []
    for verdict in verdicts:
        known = verdict_of(keeping, verdict.promise.id) or {}
        payload = verdict_payload(verdict, subject=subject)
        # What was tried before the promise last held says nothing of why it is broken now.
        payload["held"] = iso(keeping.now) if verdict.state is State.HELD else known.get("held")
        if view is not None and view.stage == "live":
            payload |= _looked(known, view, verdict.promise.id)
        if any(known.get(key) != payload.get(key) for key in ("subject", "state", "evidence", "claim")):
            news.append(NewEvent("verdict.reached", payload, model=keeping.name))
    return news


#: So many subjects' looks are remembered with a verdict.
_SUBJECTS = 50


def _looked(known: Mapping[str, Any], view: View, promise_id: str) -> dict[str, Any]:
    """What a live verdict says of its looks. A champion that comes back goes on counting where it stopped."""
    look = view.spent.get(promise_id) or view.looks.get(promise_id) or Look()
    others = [each for each in known.get("looks") or () if each[0] != view.subject]
    return {
        "looks": [*others[1 - _SUBJECTS :], [view.subject, look.number]],
        "sequence": look.sequence,
        "inputs": list(view.inputs),
        "observed": view.observed,
        "realised": view.realised,
    }


def worth_a_look(known: Mapping[str, Any], view: View) -> bool:
    """Whether live traffic was renewed enough since it was judged: each look at it costs certainty.

    It was when `renewed` rows or labels are new, or when quality is realised now that was estimated.
    """
    if known.get("inputs") == list(view.inputs):
        return False
    before = known.get("observed")
    if before is None or known.get("realised") != view.realised:
        return True
    return not 0 <= view.observed - int(before) < view.renewed


def looked(known: Mapping[str, Any] | None, subject: str) -> Look:
    """How often a subject was looked at before, by the last verdict on a promise."""
    if known is None:
        return Look()
    same = known.get("subject") == subject
    return Look(int(dict(known.get("looks") or ()).get(subject, 0)), known.get("sequence") if same else None)


def verdict_of(keeping: Keeping, promise_id: str) -> dict[str, Any] | None:
    """The latest journalled verdict on a promise of this model, as plain data, or None."""
    return keeping.store.state.get("verdict", f"{keeping.name}:{promise_id}")


def verdict_payload(verdict: Verdict, *, subject: str) -> dict[str, Any]:
    """A verdict as the plain data of an event."""
    deciding = verdict.deciding
    return {
        "promise": verdict.promise.text,
        "claim": verdict.promise.claim,
        "promise_id": verdict.promise.id,
        "stage": verdict.promise.stage,
        "subject": subject,
        "state": verdict.state.value,
        "value": deciding.value if deciding else None,
        "low": deciding.low if deciding else None,
        "high": deciding.high if deciding else None,
        "n": deciding.n if deciding else 0,
        "status": deciding.status if deciding else None,
        "evidence": list(verdict.evidence),
        "deciding": deciding.id if deciding else None,
        "reason": verdict.reason,
        "cases": verdict.cases,
    }


def unproven(promise: Promise, reason: str) -> Verdict:
    """Verdict where there is no evidence."""
    return Verdict(promise, State.UNPROVEN, reason=reason, cases=0)
