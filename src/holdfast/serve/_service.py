"""The service: every route of the server, without a transport. A call-back takes each answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import orjson

import holdfast
from holdfast.core.errors import HoldfastError, InvalidRequest, ModelNotReady
from holdfast.serve._batcher import Batcher, Job
from holdfast.serve._feedback import Feedback, tag
from holdfast.serve._heads import Gate, Head
from holdfast.serve._loading import AnyServed
from holdfast.serve._log import PredictionLog
from holdfast.serve._metrics import Metrics, Tally
from holdfast.serve._reply import TEXT, Answering, NoSuchPath, Reply, WrongMethod, error_reply, json_reply
from holdfast.serve._requests import Ids, context_of, parse, request_id, split_binary, wanted_outputs
from holdfast.serve._routes import Route, Table, load_table
from holdfast.serve._served import Served, Wanted
from holdfast.serve._settings import ServerSettings

Parts = tuple[str, str | None, str | None]
_PATHS_KEPT = 1024


class Service:
    """What the server does, on one event loop.

    Parameters
    ----------
    settings
        The server's.
    port
        Port that it is reached at.
    instance
        Random text that tells this start of the server from any other.
    """

    def __init__(self, settings: ServerSettings, *, port: int, instance: str) -> None:
        self.settings = settings
        self.instance = instance
        self.gate = Gate(settings, port)
        self.metrics = Metrics()
        self.siblings: Callable[[], list[dict[str, Any]]] = list
        self.draining = False
        folder = settings.log_folder
        self.log = (
            None
            if folder is None
            else PredictionLog(
                Path(folder),
                limit_bytes=settings.segment_bytes,
                limit_s=settings.segment_s,
                sync=settings.sync,
            )
        )
        self.batcher = Batcher(self.log, self.metrics)
        self.table = Table()
        self.feedback = Feedback()
        self._ids = Ids()
        self._tallies: dict[AnyServed, Tally] = {}
        self._tags: dict[str, str] = {}
        self._paths: dict[bytes, Parts] = {}
        self._posts: dict[str, Callable[[Parts, Head, bytes, Answering], None]] = {
            "infer": self._infer,
            "predict": self._predict,
            "feedback": self._feedback,
        }
        self._gets: dict[str, Callable[[Parts], Reply]] = {
            "server": self._server,
            "live": lambda _: json_reply({"live": True}),
            "ready": self._ready,
            "model": self._model,
            "model_ready": self._model_ready,
            "metrics": self._metrics,
            "running": self._running,
        }

    def load(self) -> Table:
        """Routes of the place, loaded; does not touch the ones that answer, so that a thread may do it."""
        return load_table(self.settings.place, self.settings.models, before=self.table, max_rows=self.settings.max_rows)

    def swap(self, table: Table) -> None:
        """Answer by these routes from now on; requests that were read before end with the old ones."""
        self.table = table
        there = {each for route in table.routes.values() for each in route.every()}
        self._tallies = {each: tally for each, tally in self._tallies.items() if each in there}
        self.batcher.forget(there)
        self.metrics.add("holdfast_reloads_total")
        self.metrics.set("holdfast_route_errors", len(table.errors))
        self.metrics.clear("holdfast_model_info")
        for served in there:
            post = served.post
            labels = {"model": post.name, "version": post.version, "package": post.package, "role": post.role}
            self.metrics.set("holdfast_model_info", 1, **labels)

    def speed_up(self) -> None:
        """Fuse the inputs of the models that answer; a thread does it, after they answer already."""
        for route in self.table.routes.values():
            for served in route.every():
                if isinstance(served, Served):
                    served.model.fuse()

    # --- dispatch --------------------------------------------------------------------------------------------------

    def dispatch(self, method: bytes, path: bytes, head: Head, body: bytes, answering: Answering) -> None:
        """Answer a whole request; `answering` is called once, now or later on the event loop."""
        try:
            parts = self._paths.get(path) or self._parse(path)
            kind = parts[0]
            if method == b"POST":
                post = self._posts.get(kind)
                if post is None:
                    raise WrongMethod("POST", "GET")
                head.check_json()
                post(parts, head, body, answering)
            elif method in (b"GET", b"HEAD"):
                get = self._gets.get(kind)
                if get is None:
                    raise WrongMethod(method.decode(), "POST")
                answering(get(parts))
            else:
                shown = method.decode("latin-1")
                raise WrongMethod(shown, "POST" if kind in self._posts else "GET, HEAD")
        except HoldfastError as error:
            self.refuse(error, answering)

    def refuse(self, error: HoldfastError, answering: Answering) -> None:
        """Answer with an error that came before a model was found or asked."""
        reply = error_reply(error)
        self.metrics.add("holdfast_requests_total", model="", role="", status=str(reply.status))
        answering(reply)

    def _parse(self, path: bytes) -> Parts:
        parts = _parts(path)
        if len(self._paths) >= _PATHS_KEPT:
            self._paths.clear()
        self._paths[path] = parts
        return parts

    # --- answers ---------------------------------------------------------------------------------------------------

    def _infer(self, parts: Parts, head: Head, body: bytes, answering: Answering) -> None:
        started = time.perf_counter()
        _, name, version = parts
        route = self.table.route(name)
        found, binary = split_binary(body, head.binary_length)
        id = request_id(found) or self._new_id(route.name)
        served = route.version(version) if version else route.choose(head.key or id.encode("utf-8", "replace"))
        wanted = wanted_outputs(found, served)
        batch = served.decode(found.get("inputs"), binary)
        self._submit(route, served, version, started, answering, batch=batch, id=id, infer=True, wanted=wanted)

    def _predict(self, parts: Parts, head: Head, body: bytes, answering: Answering) -> None:
        started = time.perf_counter()
        _, name, version = parts
        route = self.table.route(name)
        found = parse(body)
        id = request_id(found) or self._new_id(route.name)
        served = route.version(version) if version else route.choose(head.key or id.encode("utf-8", "replace"))
        if not isinstance(served, Served):
            expected = f"/v2/models/{route.name}/infer"
            raise InvalidRequest(f"model {route.name!r} has no columns", where="path", expected=expected)
        for each in found:
            if each not in ("rows", "id", "context"):
                raise InvalidRequest(f"field {each!r:.60}", where="body", expected='"rows", "id" or "context"')
        batch = served.decoder.from_rows(found.get("rows"))
        context = context_of(found, batch.n)
        self._submit(route, served, version, started, answering, batch=batch, id=id, infer=False, context=context)

    def _submit(
        self,
        route: Route,
        served: AnyServed,
        version: str | None,
        started: float,
        answering: Answering,
        *,
        batch: Any,
        id: str,
        infer: bool,
        wanted: Wanted | None = None,
        context: bytes = b"",
    ) -> None:
        # A request to a version is for that version alone.
        shadow = route.shadow if version is None else None
        tally = self._tallies.get(served)
        if tally is None:
            tally = self._tallies[served] = self.metrics.tally(served.post.name, served.post.role)
        self.batcher.submit(
            Job(served, shadow, batch, id, infer, wanted, context, started, time.time(), tally, answering)
        )

    def _new_id(self, name: str) -> str:
        found = self._tags.get(name)
        if found is None:
            found = self._tags[name] = tag(name)
        return self._ids.new(found)

    def _feedback(self, parts: Parts, _: Head, body: bytes, answering: Answering) -> None:
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise InvalidRequest(f"the body is no JSON: {error}", where="body", expected="a JSON object") from error
        if self.log is None:
            raise ModelNotReady("nothing is logged here, labels neither", expected="a server with a log folder")
        records = self.feedback.read(found, self.table, parts[1], time=time.time())
        fresh = self.feedback.fresh(records)
        if fresh:
            self.log.append_labels(fresh)
            self.feedback.remember(fresh)
            for each in fresh:
                self.metrics.add("holdfast_labels_total", model=each.model)
        answering(json_reply({"received": len(records), "repeated": len(records) - len(fresh)}))

    def _server(self, _: Parts) -> Reply:
        return json_reply(
            {
                "name": "holdfast",
                "version": holdfast.__version__,
                "extensions": ["binary_tensor_data"],
                "holdfast": {"instance": self.instance},
            }
        )

    def _ready(self, _: Parts) -> Reply:
        ready = bool(self.table.routes) and not self.draining
        return json_reply({"ready": ready}, 200 if ready else 503)

    def _model(self, parts: Parts) -> Reply:
        route = self.table.route(parts[1])
        served = route.version(parts[2]) if parts[2] else (route.champion or route.every()[0])
        roles = {each.post.role: each.post.version for each in route.every()}
        return json_reply(
            {
                "name": route.name,
                "versions": list(dict.fromkeys(each.post.version for each in route.every())),
                "platform": "onnxruntime_onnx",
                "inputs": [_tensor(each) for each in served.inputs],
                "outputs": [_tensor(each) for each in served.outputs],
                "holdfast": {**roles, "package": served.post.package},
            }
        )

    def _model_ready(self, parts: Parts) -> Reply:
        route = self.table.route(parts[1])
        if parts[2]:
            route.version(parts[2])
        return json_reply({"name": route.name, "ready": not self.draining}, 503 if self.draining else 200)

    def _metrics(self, _: Parts) -> Reply:
        self.gauges()
        return Reply(200, self.metrics.merged(self.siblings()).text().encode(), TEXT)

    def gauges(self) -> None:
        """Bring the gauges up to date."""
        self.metrics.set("holdfast_in_flight", self.batcher.in_flight)
        if self.log is not None:
            self.metrics.set("holdfast_log_backlog_bytes", self.log.backlog_bytes())
            self.metrics.set("holdfast_log_commit_seconds", self.log.writer.commit_s)

    def _running(self, _: Parts) -> Reply:
        running = [
            {
                "name": each.post.name,
                "model": each.post.version,
                "package": each.post.package,
                "role": each.post.role,
                "share": each.post.share,
                "since": each.post.since,
            }
            for route in self.table.routes.values()
            for each in route.every()
        ]
        return json_reply({"instance": self.instance, "running": running, "errors": self.table.errors})


def _tensor(spec: Any) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype, "shape": list(spec.shape)}


_FIXED: dict[bytes, str] = {
    b"/v2": "server",
    b"/v2/health/live": "live",
    b"/v2/health/ready": "ready",
    b"/metrics": "metrics",
    b"/predict": "predict",
    b"/feedback": "feedback",
    b"/holdfast/running": "running",
}


def _parts(path: bytes) -> Parts:  # noqa: PLR0911 - one return for each route reads as the table it is
    """Kind, model and version of a path.

    Raises
    ------
    NoSuchPath
        If nothing answers it.
    """
    path = path.partition(b"?")[0]
    kind = _FIXED.get(path.rstrip(b"/") or path)
    if kind is not None:
        return kind, None, None
    words = [unquote(each.decode("latin-1"), errors="replace") for each in path.strip(b"/").split(b"/")]
    match words:
        case ["predict", name]:
            return "predict", name, None
        case ["predict", name, "versions", version]:
            return "predict", name, version
        case ["feedback", name]:
            return "feedback", name, None
        case ["v2", "models", name]:
            return "model", name, None
        case ["v2", "models", name, "ready"]:
            return "model_ready", name, None
        case ["v2", "models", name, "infer"]:
            return "infer", name, None
        case ["v2", "models", name, "versions", version]:
            return "model", name, version
        case ["v2", "models", name, "versions", version, "ready"]:
            return "model_ready", name, version
        case ["v2", "models", name, "versions", version, "infer"]:
            return "infer", name, version
    raise NoSuchPath(
        f"nothing answers {path.decode('latin-1')[:80]!r}", expected="/v2, /predict, /feedback or /metrics"
    )
