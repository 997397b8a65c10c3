"""Telling: verdicts, evidence and history in plain words and plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from holdfast.core.digests import iso
from holdfast.core.errors import UnknownName, nearest, one_of
from holdfast.core.events import Event
from holdfast.core.evidence import Evidence, Verdict
from holdfast.core.promises import Promise
from holdfast.keeper.handling import holds
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.loop import current_verdicts

#: Events that history tells; evidence and steps are told by `why` and by the runs.
TOLD = (
    "contract.accepted",
    "dataset.added",
    "rows.quarantined",
    "cells.repaired",
    "pipeline.held",
    "pipeline.released",
    "source.asked",
    "plan.made",
    "decision.made",
    "action.started",
    "action.finished",
    "action.failed",
    "gate.judged",
    "model.registered",
    "package.made",
    "deployment.changed",
    "verdict.reached",
    "approval.given",
    "access.denied",
)


def row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as a row of `holdfast status --json`."""
    deciding = verdict.deciding
    return {
        "promise": verdict.promise.text,
        "stage": verdict.promise.stage,
        "verdict": verdict.state.value,
        "value": deciding.value if deciding else None,
        "low": deciding.low if deciding else None,
        "high": deciding.high if deciding else None,
        "n": deciding.n if deciding else 0,
        "status": deciding.status if deciding else None,
        "case": deciding.case_of(verdict.promise) if deciding else "",
        "evidence": deciding.id if deciding else None,
        "reason": verdict.reason,
        "cases": verdict.cases,
    }


def status(keeping: Keeping) -> dict[str, Any]:
    """What holds of the model now, from the store alone: nothing is measured."""
    champion = keeping.champion()
    dataset = keeping.dataset()
    plan = keeping.store.state.get("plan", keeping.name) or {}
    seq, _ = keeping.store.journal.head()
    return {
        "model": keeping.name,
        "promises": [row(each) for each in current_verdicts(keeping)],
        "champion": None
        if champion is None
        else {
            "model": champion.model,
            "package": champion.package,
            "target": champion.target,
            "since": iso(champion.since),
        },
        "dataset": None if dataset is None else {"digest": dataset.digest, "rows": dataset.rows},
        "held": [{key: each[key] for key in ("claim", "reason", "since")} for each in holds(keeping).values()],
        "plan": plan.get("id"),
        "events": seq,
        "mirror": {"pending": keeping.store.outbox.pending(), "problem": keeping.store.outbox.last_error}
        if keeping.store.outbox.mirror is not None
        else None,
    }


def find(keeping: Keeping, words: str) -> Promise:
    """The promise that a person means: its text, its claim, its measure, or the beginning of one of these.

    Raises
    ------
    UnknownName
        If no promise, or more than one, fits.
    """
    wanted = " ".join(words.split())
    promises = keeping.contract.promises
    exact = [
        each for each in promises if wanted in (each.text, each.claim, each.measure, f"{each.stage}: {each.claim}")
    ]
    near = exact or [each for each in promises if each.claim.startswith(wanted) or each.id.startswith(wanted)]
    if len(near) == 1:
        return near[0]
    names = [f"{each.stage}: {each.claim}" for each in (near or promises)]
    if not near and nearest(words, measures := {each.measure for each in promises}) is not None:
        names = sorted(measures)
    what = "no promise" if not near else f"{len(near)} promises fit"
    raise UnknownName(f"{what} {words!r}", expected=one_of(names, None if near else words))


def why(keeping: Keeping, promise: Promise) -> dict[str, Any]:
    """The evidence trail of the verdict on a promise: what was measured, on what, how, and what was done about it."""
    verdict = next(each for each in current_verdicts(keeping) if each.promise.id == promise.id)
    pieces = [keeping.store.evidence.get(each) for each in verdict.evidence]
    actions = [
        {
            "remedy": data["action"]["remedy"],
            "state": data["outcome"]["state"] if "outcome" in data else data["state"],
            "text": data.get("outcome", {}).get("text", ""),
            "key": key,
        }
        for key, data in keeping.store.state.all("action", model=keeping.name).items()
        if data["action"]["promise"] == promise.claim
    ]
    spec = keeping.spec(promise)
    return {
        **row(verdict),
        "measure": {"name": spec.name, "unit": spec.unit, "better": spec.better, "source": spec.source},
        "evidence_trail": [_piece(each, promise) for each in pieces],
        "actions": actions,
    }


def _piece(evidence: Evidence, promise: Promise) -> dict[str, Any]:
    return {
        "id": evidence.id,
        "case": evidence.case_of(promise),
        "value": evidence.value,
        "low": evidence.low,
        "high": evidence.high,
        "confidence": evidence.confidence,
        "n": evidence.n,
        "method": evidence.method,
        "status": evidence.status,
        "time": iso(evidence.time),
        "subject": evidence.subject,
        "inputs": list(evidence.inputs),
        "reason": evidence.reason,
        "notes": evidence.notes,
    }


def history(keeping: Keeping, *, limit: int, at: datetime | None = None) -> list[dict[str, Any]]:
    """What happened, newest first; with `at`, what had happened until then."""
    events = keeping.store.journal.events(
        types=TOLD, model=keeping.name, before_time=at, limit=limit, newest_first=True
    )
    return [
        {"seq": each.seq, "time": iso(each.time), "type": each.type, "actor": each.actor, "text": tell(each)}
        for each in events
    ]


def in_production(keeping: Keeping, at: datetime) -> dict[str, Any] | None:
    """What was champion at a time, who let it out, and on which verdicts; None when nothing was."""
    for event in keeping.store.journal.events(
        types=("deployment.changed",), model=keeping.name, before_time=at, newest_first=True
    ):
        payload = event.payload
        if payload["role"] == "champion":
            if payload["withdrawn"]:
                return None
            decision = keeping.store.state.get("decision", str(payload["decision"])) or {}
            return {**payload, "seq": event.seq, "decision": decision.get("decision")}
    return None


def tell(event: Event) -> str:
    """An event in one sentence."""
    words = _WORDS.get(event.type)
    return words(event.payload) if words is not None else event.type


def _short(digest: object) -> str:
    return str(digest)[:12]


def _decision(payload: Mapping[str, Any]) -> str:
    made = payload["decision"]
    word = "allowed" if made["allowed"] else "refused"
    what = "promotion" if str(made["action"]).startswith("promote:") else "action"
    key = _short(str(made["action"]).removeprefix("promote:"))
    return f"{made['decider']} {word} the {what} {key}, having seen {len(made['seen'])} verdicts"


def _ended(payload: Mapping[str, Any]) -> str:
    return f"{payload['action']['remedy']}: {payload['outcome']['state']}: {payload['outcome']['text']}"


def _gate(payload: Mapping[str, Any]) -> str:
    held = sum(1 for each in payload["verdicts"] if each["state"] == "held")
    word = "passed" if payload["passed"] else "did not pass"
    return f"model {_short(payload['model'])} {word} the gates: {held} of {len(payload['verdicts'])} promises held"


def _deployment(payload: Mapping[str, Any]) -> str:
    word = "no longer runs" if payload["withdrawn"] else "runs"
    return f"{payload['target']} {word} model {_short(payload['model'])} as {payload['role']}"


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "contract.accepted": lambda p: f"contract {_short(p['digest'])} by {p['author']}",
    "dataset.added": lambda p: f"{p['rows']} rows, version {_short(p['digest'])}: {p['reason']}",
    "rows.quarantined": lambda p: f"{p['rows']} rows set aside: {p['reason']}",
    "cells.repaired": lambda p: f"{p['cells']} cells of {p['rows']} rows repaired: {p['reason']}",
    "pipeline.held": lambda p: f"the pipeline is held: {p['claim']}: {p['reason']}",
    "pipeline.released": lambda p: f"the pipeline goes on: {p['claim']}: {p['reason']}",
    "source.asked": lambda p: f"the source was asked about {p['claim']} (request {p['request']}, {p['rows']} rows)",
    "plan.made": lambda p: "plan: " + ", ".join(each["remedy"] for each in p["plan"]["actions"]),
    "decision.made": _decision,
    "action.started": lambda p: f"{p['action']['remedy']} started: {p['action']['reason']}",
    "action.finished": _ended,
    "action.failed": _ended,
    "gate.judged": _gate,
    "model.registered": lambda p: f"model {_short(p['id'])} registered",
    "package.made": lambda p: f"package {_short(p['id'])} made of model {_short(p['package']['model'])}",
    "deployment.changed": _deployment,
    "verdict.reached": lambda p: f"{p['state']}: {p['claim']}: {p['reason']}",
    "approval.given": lambda p: f"{p['decider']} {'approved' if p['allowed'] else 'refused'} {_short(p['action'])}",
    "access.denied": lambda p: f"denied: {p.get('reason', '')}",
}
