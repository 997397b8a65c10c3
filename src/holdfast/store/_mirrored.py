"""How each type of event looks in MLflow. Every function may be called twice for an event and changes nothing then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from holdfast.core.events import Event
from holdfast.core.evidence import Evidence
from holdfast.core.models import ROLES
from holdfast.store._mirror_names import key_name, logged_name, metric_name, model_name, shortened
from holdfast.store._mlflow import ID, KEY, Tracking, milliseconds

if TYPE_CHECKING:
    from holdfast.store._store import Store

#: Experiment of what concerns no model.
NO_MODEL = "holdfast"

_ENDED = {"done": "FINISHED", "finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
_MOST_PARAMS = 90


class Mirrored:
    """What Holdfast's events are in MLflow.

    ==================  ====================================================================
    run, step           a run in the experiment of the model's name; seconds of each step
    evidence            metrics of a run for each subject and stage, linked to the model
    model version       a logged model, and a version of the registered model of that name
    package             tags of that version
    deployment          the alias ``champion``, ``canary`` or ``shadow``, and a tag
    ==================  ====================================================================
    """

    def __init__(self, store: Store, tracking: Tracking) -> None:
        self._store = store
        self._tracking = tracking
        self._handlers: dict[str, Callable[[Event], None]] = {
            "run.started": self._run,
            "run.finished": self._run_ended,
            "run.failed": self._run_ended,
            "run.cancelled": self._run_ended,
            "step.finished": self._step,
            "evidence.recorded": self._evidence,
            "verdict.reached": self._verdict,
            "model.registered": self._model,
            "package.made": self._package,
            "deployment.changed": self._deployment,
        }

    def apply(self, event: Event) -> None:
        """Mirror an event; one of a type that MLflow has no place for is left out."""
        handler = self._handlers.get(event.type)
        if handler is not None:
            handler(event)

    def _run(self, event: Event) -> None:
        self._run_of(event)

    def _run_of(self, event: Event) -> str:
        run = str(event.payload.get("run") or event.payload.get("run_id") or event.payload["id"])
        started = self._store.state.get("run", run) or {}
        name = str(event.payload.get("name") or started.get("name") or f"run {run[:12]}")
        told = {f"holdfast.{each}": started[each] for each in ("pipeline", "executor", "params") if started.get(each)}
        tags = {**_marks(event), "holdfast.run": run, **told}
        return self._tracking.run(event.model or NO_MODEL, f"run:{run}", name=name, began=event.time, tags=tags)

    def _run_ended(self, event: Event) -> None:
        run = self._run_of(event)
        state = str(event.payload.get("state") or event.type.partition(".")[2])
        self._tracking.client.set_terminated(run, _ENDED.get(state, "FAILED"), milliseconds(event.time))

    def _step(self, event: Event) -> None:
        payload = event.payload
        step = str(payload.get("step") or payload["name"])
        seconds = payload.get("seconds")
        metrics = {} if seconds is None else {f"seconds/{step}": float(seconds)}
        tags = {f"holdfast.step.{step}": f"{payload.get('state', '')} {payload.get('error') or ''}".strip()}
        self._tracking.log(self._run_of(event), metrics=metrics, tags=tags, at=event.time, step=0, model=None)

    def _evidence(self, event: Event) -> None:
        evidence = _decoded(event.payload["evidence"])
        name, experiment = metric_name(evidence), event.model or NO_MODEL
        run = self._subject_run(event, experiment, subject=evidence.subject, stage=evidence.stage)
        logged = self._tracking.logged(experiment, evidence.subject)
        ends = {"": evidence.value, ".low": evidence.low, ".high": evidence.high}
        metrics = {f"{name}{end}": float(value) for end, value in ends.items() if value is not None}
        tags = {
            f"holdfast.evidence.{name}": event.payload["id"],
            f"holdfast.status.{name}": evidence.status,
            f"holdfast.n.{name}": evidence.n,
        }
        if evidence.reason:
            tags[f"holdfast.reason.{name}"] = evidence.reason
        verdict = self._store.state.get("verdict", f"{event.model}:{event.payload.get('promise')}")
        if verdict is not None and verdict.get("deciding") == event.payload["id"]:
            tags |= _verdict_tags(name, verdict)
        model = None if logged is None else logged.model_id
        self._tracking.log(run, metrics=metrics, tags=tags, at=evidence.time, step=event.seq, model=model)

    def _subject_run(self, event: Event, experiment: str, *, subject: str, stage: str) -> str:
        tags = {**_marks(event), "holdfast.subject": subject, "holdfast.stage": stage}
        name = f"{stage} {subject[:12]}"
        run = f"subject:{subject}:{stage}"
        return self._tracking.run(experiment, run, name=name, began=event.time, tags=tags, ended=True)

    def _verdict(self, event: Event) -> None:
        found = self._store.state.get("evidence", str(event.payload.get("deciding")))
        if found is None:
            return
        evidence = _decoded(found["evidence"])
        run = self._subject_run(event, event.model or NO_MODEL, subject=evidence.subject, stage=evidence.stage)
        tags = _verdict_tags(metric_name(evidence), event.payload)
        self._tracking.log(run, metrics={}, tags=tags, at=event.time, step=event.seq, model=None)

    def _model(self, event: Event) -> None:
        version, model = event.payload["version"], str(event.payload["id"])
        name, client = str(version["name"]), self._tracking.client
        experiment, registered = event.model or name, model_name(name)
        source = self._subject_run(event, experiment, subject=model, stage="candidate")
        tags = {**_marks(event), **_lineage(version), ID: model}
        logged = self._tracking.logged(experiment, model)
        if logged is None:
            params = {key_name(key): shortened(value, longest=250) for key, value in version["parameters"].items()}
            logged = client.create_logged_model(
                self._tracking.experiment(experiment),
                name=f"{logged_name(name)}-{model[:12]}",
                source_run_id=source,
                tags=tags,
                params=dict(list(params.items())[:_MOST_PARAMS]),
                model_type="onnx" if "model.onnx" in version["files"] else "safetensors",
            )
        if str(logged.status) != "READY":
            client.finalize_logged_model(logged.model_id, "READY")
        self._tracking.register(registered, tags=_marks(event))
        if self._tracking.version(registered, model) is None:
            # Not "models:/<id>": MLflow would look that up in the tracking server of the process, not in this one.
            place = str(logged.artifact_location)
            client.create_model_version(registered, place, run_id=source, tags=tags, model_id=logged.model_id)

    def _package(self, event: Event) -> None:
        package, name = event.payload["package"], model_name(str(event.model))
        version = self._tracking.version(name, str(package["model"]))
        if version is None:
            return
        place = f"holdfast.package.{package['kind']}"
        tags = {place: event.payload["id"], f"{place}.bytes": package["size_bytes"]}
        tags |= {f"{place}.{key}": value for key, value in package["parity"].items()}
        for key, value in tags.items():
            self._tracking.client.set_model_version_tag(name, version, key_name(key), shortened(value))

    def _deployment(self, event: Event) -> None:
        payload, client = event.payload, self._tracking.client
        name = model_name(str(payload["name"]))
        registered = self._tracking.registered(name)
        if registered is None:
            return
        tag = key_name(f"holdfast.deployment.{payload['target']}.{payload['role']}")
        now = self._store.state.get("deployment", f"{payload['name']}:{payload['target']}:{payload['role']}")
        if now is not None:
            text = f"{now['model']} {now['package']} {now['share']:g} since {now['since']}"
            client.set_registered_model_tag(name, tag, text)
        elif tag in registered.tags:
            client.delete_registered_model_tag(name, tag)
        self.align(str(payload["name"]))

    def align(self, model: str) -> int:
        """Make the aliases of a model point to what the journal says; how many were moved.

        A model version that is not mirrored yet is left for the event that will mirror its deployment.
        """
        moved = 0
        for alias, (wanted, found) in self.aliases(model).items():
            if wanted is None:
                self._tracking.client.delete_registered_model_alias(model_name(model), alias)
                moved += 1
                continue
            version = self._tracking.version(model_name(model), wanted)
            if version is not None and version != found:
                self._tracking.client.set_registered_model_alias(model_name(model), alias, version)
                moved += 1
        return moved

    def aliases(self, model: str) -> dict[str, tuple[str | None, str | None]]:
        """Holdfast's aliases of a model: the model version that the journal wants, the version that MLflow has.

        Only those are listed that one of the two knows. Aliases of other names are none of Holdfast's.
        """
        registered = self._tracking.registered(model_name(model))
        # The registered model's own list: the one that comes with versions can be stale (mlflow/mlflow#16288).
        there = {} if registered is None else {alias: str(version) for alias, version in registered.aliases.items()}
        wanted = self.wanted(model)
        return {role: (wanted.get(role), there.get(role)) for role in ROLES if role in wanted or role in there}

    def wanted(self, model: str) -> dict[str, str]:
        """Model version for each role that is deployed somewhere; the latest where places differ."""
        found: dict[str, tuple[str, str]] = {}
        for each in self._store.state.all("deployment").values():
            if each["name"] == model:
                found[each["role"]] = max(found.get(each["role"], ("", "")), (str(each["since"]), str(each["model"])))
        champion = self._store.state.get("champion", model)
        roles = {role: version for role, (_, version) in found.items()}
        return roles if champion is None else {**roles, "champion": str(champion["model"])}


def _marks(event: Event) -> dict[str, str]:
    return {KEY: event.key or f"event {event.seq}", "holdfast.event": str(event.seq)}


def _lineage(version: Mapping[str, Any]) -> dict[str, str]:
    told = {f"holdfast.{name}": shortened(version[name]) for name in ("dataset", "trainer", "code", "parent", "reason")}
    files = {f"holdfast.sha256.{name}": str(digest) for name, digest in version["files"].items()}
    return {key_name(name): value for name, value in {**told, **files}.items() if value not in ("", "None")}


def _verdict_tags(name: str, verdict: Mapping[str, Any]) -> dict[str, Any]:
    return {f"holdfast.verdict.{name}": verdict.get("state", ""), f"holdfast.promise.{name}": verdict.get("claim", "")}


def _decoded(data: Any) -> Evidence:
    from holdfast.store.codec import decode

    return decode(Evidence, data)
