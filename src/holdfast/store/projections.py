"""Projections: what each type of event changes in the state. Pure, so that replaying the journal gives the state again.

=====================  ====================================================================
event                  state (kind/key)
=====================  ====================================================================
contract.accepted      contract/<model name>
dataset.added          dataset/<digest>, dataset_latest/<name>
dataset.chosen         dataset_current/<name>
gate.judged            contender/<model name>
rows.quarantined       quarantine/<dataset>
cells.repaired         repair/<dataset>
pipeline.held ...      hold/<model name>:<promise id>; taken away by pipeline.released
source.asked           asked/<request>
evidence.recorded      evidence/<id>
verdict.reached        verdict/<model name>:<promise id>
model.registered       model/<id>
package.made           package/<id>, package_of/<model id>:<kind>
plan.made              plan/<model name>
decision.made          decision/<action key>
action.started ...     action/<action key>, with `state` started, finished or failed
deployment.changed     deployment/<model name>:<target>:<role>, champion/<model name>
run.started ...        run/<run id>, with `state`, and `steps` by name
approval.given         approval/<action key>
=====================  ====================================================================

Other types change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from holdfast.core.errors import InvalidValue
from holdfast.core.events import Event


class Change(NamedTuple):
    """A value of the state that an event sets, or takes away (None)."""

    kind: str
    key: str
    value: Mapping[str, Any] | None


Before = Callable[[str, str], Mapping[str, Any] | None]
"""Value of the state under a kind and a key, before the event."""

Projection = Callable[[Event, Before], list[Change]]

#: First words of the types that MLflow is told of.
_MIRRORED = (
    "run.",
    "step.",
    "evidence.recorded",
    "verdict.reached",
    "model.registered",
    "package.made",
    "deployment.changed",
)


def is_mirrored(event_type: str) -> bool:
    """Whether events of that type go to the outbox when a mirror is configured.

    Examples
    --------
    >>> is_mirrored("run.started"), is_mirrored("access.denied")
    (True, False)
    """
    return event_type.startswith(_MIRRORED)


def changes(event: Event, before: Before) -> list[Change]:
    """What an event changes in the state.

    Parameters
    ----------
    event
        The event.
    before
        Looks values up as they were before the event.

    Returns
    -------
    list of Change
        In order; a later change of the same kind and key wins.

    Raises
    ------
    InvalidValue
        If the payload lacks a field that the projection needs.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> event = Event(1, "plan.made", {"id": "a", "plan": {}}, datetime(2026, 1, 1, tzinfo=UTC), "me", model="income")
    >>> changes(event, lambda kind, key: None)
    [Change(kind='plan', key='income', value={'id': 'a', 'plan': {}})]
    """
    projection = _PROJECTIONS.get(event.type)
    return [] if projection is None else projection(event, before)


def _field(event: Event, *path: str) -> str:
    value: Any = event.payload
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value:
        raise InvalidValue(
            f"{'.'.join(path)} is {value!r} in the payload", where=f"event {event.type}", expected="non-empty text"
        )
    return value


def _whole(kind: str, *path: str) -> Projection:
    """Projection that keeps the payload under the text at `path`."""

    def project(event: Event, _before: Before) -> list[Change]:
        return [Change(kind, _field(event, *path), event.payload)]

    return project


def _contract(event: Event, _before: Before) -> list[Change]:
    return [Change("contract", event.model or _field(event, "contract", "name"), event.payload)]


def _dataset(event: Event, _before: Before) -> list[Change]:
    return [
        Change("dataset", _field(event, "digest"), event.payload),
        Change("dataset_latest", _field(event, "name"), event.payload),
    ]


def _package(event: Event, _before: Before) -> list[Change]:
    made_of = f"{_field(event, 'package', 'model')}:{_field(event, 'package', 'kind')}"
    return [Change("package", _field(event, "id"), event.payload), Change("package_of", made_of, event.payload)]


def _plan(event: Event, _before: Before) -> list[Change]:
    return [Change("plan", _model(event), event.payload)]


def _verdict(event: Event, _before: Before) -> list[Change]:
    return [Change("verdict", f"{_model(event)}:{_field(event, 'promise_id')}", event.payload)]


def _hold(event: Event, _before: Before) -> list[Change]:
    held = event.payload if event.type == "pipeline.held" else None
    return [Change("hold", f"{_model(event)}:{_field(event, 'promise_id')}", held)]


def _gate(event: Event, _before: Before) -> list[Change]:
    return [Change("contender", _model(event), event.payload)]


def _model(event: Event) -> str:
    # One database may keep several models: what is said of one is kept apart from what is said of another.
    if event.model is None:
        raise InvalidValue("an event without a model", where=f"event {event.type}", expected="model=NAME")
    return event.model


def _action(event: Event, before: Before) -> list[Change]:
    key, state = _field(event, "key"), event.type.partition(".")[2]
    # A new start begins anew: the error of an earlier attempt is not carried along.
    earlier = {} if state == "started" else before("action", key) or {}
    return [Change("action", key, {**earlier, **event.payload, "state": state})]


def _deployment(event: Event, before: Before) -> list[Change]:
    role = _field(event, "role")
    place = f"{_field(event, 'name')}:{_field(event, 'target')}:{role}"
    made = [("deployment", place)]
    if role == "champion":
        made.append(("champion", _field(event, "name")))
    if not event.payload.get("withdrawn"):
        return [Change(kind, key, event.payload) for kind, key in made]
    # What was withdrawn may have been replaced before: then its successor stays.
    return [Change(kind, key, None) for kind, key in made if _same(before(kind, key), event.payload)]


def _same(current: Mapping[str, Any] | None, withdrawn: Mapping[str, Any]) -> bool:
    names = ("name", "model", "package", "target")
    return current is not None and all(current.get(name) == withdrawn.get(name) for name in names)


def _run_id(event: Event) -> str:
    found = next((name for name in ("run", "run_id") if name in event.payload), "id")
    return _field(event, found)


def _run(event: Event, before: Before) -> list[Change]:
    run, word = _run_id(event), event.type.partition(".")[2]
    earlier = {} if word == "started" else before("run", run) or {}
    return [Change("run", run, {"steps": {}, **earlier, "state": word, **event.payload})]


def _step(event: Event, before: Before) -> list[Change]:
    run, name = _run_id(event), _field(event, "step" if "step" in event.payload else "name")
    earlier = before("run", run) or {"state": "started"}
    return [Change("run", run, {**earlier, "steps": {**earlier.get("steps", {}), name: event.payload}})]


_PROJECTIONS: dict[str, Projection] = {
    "contract.accepted": _contract,
    "dataset.added": _dataset,
    "rows.quarantined": _whole("quarantine", "dataset"),
    "cells.repaired": _whole("repair", "dataset"),
    "pipeline.held": _hold,
    "pipeline.released": _hold,
    "source.asked": _whole("asked", "request"),
    "evidence.recorded": _whole("evidence", "id"),
    "dataset.chosen": _whole("dataset_current", "name"),
    "gate.judged": _gate,
    "verdict.reached": _verdict,
    "model.registered": _whole("model", "id"),
    "package.made": _package,
    "plan.made": _plan,
    "decision.made": _whole("decision", "decision", "action"),
    "action.started": _action,
    "action.finished": _action,
    "action.failed": _action,
    "deployment.changed": _deployment,
    "run.started": _run,
    "run.finished": _run,
    "run.failed": _run,
    "run.cancelled": _run,
    "step.finished": _step,
    "approval.given": _whole("approval", "action"),
}

#: Types of events that the state is made of.
PROJECTED = tuple(sorted(_PROJECTIONS))
