"""The Ray executor: steps as tasks of a Ray cluster, one of this machine or one that is there already.

Needs the extra ``ray``. Ray's own default is a cluster that runs code for whoever reaches it (CVE-2023-48022,
CVE-2025-62593). Here token authentication is always on: a cluster that is started gets a token that only this process
and its children know, and no dashboard; a cluster that is joined must turn away a caller without a token, which is
tried before anything is sent to it. (Ray's own ports listen on every interface, whatever one asks: the token is what
guards them.) Ray carries our bytes and never an object of a step: what a step takes and gives is
sealed before it and opened after it.
"""

from __future__ import annotations

import importlib
import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holdfast.core.errors import EngineError, HoldfastError, InvalidValue, MissingExtra
from holdfast.engine import _processes
from holdfast.engine._jobs import ENDED, Failure, Job, Outcome, Request, find
from holdfast.engine._threads import Threads
from holdfast.engine._values import Sealed
from holdfast.engine.executors import Stop

LEAST_VERSION = (2, 55)

_ADDRESS = re.compile(r"^[A-Za-z0-9_.\-]+:[0-9]{1,5}$|^\[[0-9A-Fa-f:]+\]:[0-9]{1,5}$")
_PROBE_S = 60
_CONNECT_S = 10
_PROBE = """
import sys
from ray._raylet import GcsClient
from ray.exceptions import AuthenticationError
try:
    GcsClient(address=sys.argv[1]).get_all_node_info(timeout=10)
except AuthenticationError:
    print("refused")
else:
    print("answered")
"""


class RayExecutor:
    """Steps run as Ray tasks.

    Parameters
    ----------
    workers
        Steps at a time, and the CPUs of a cluster that is started.
    address
        ``host:port`` of a running cluster's head (its GCS); None to start one on this machine.

    Raises
    ------
    MissingExtra
        If Ray is not installed, or is older than 2.55.
    InvalidValue
        If `address` is no ``host:port``.
    """

    name = "ray"

    def __init__(self, *, workers: int = 2, address: str | None = None) -> None:
        if address is not None and not _ADDRESS.match(address):
            raise InvalidValue(
                f"Ray address {address!r}", expected="host:port of the head's GCS, such as 10.0.0.5:6379"
            )
        check_installed()
        self.slots = workers
        self.address = address
        self._threads = Threads(workers)
        self._lock = threading.Lock()
        self._task: Any = None
        self._started = False

    def run_here(self, job: Job, stop: Stop) -> Outcome | None:
        """Carry a job out on the cluster, and wait for it in the calling thread."""
        return self._run(job, stop)

    def submit(self, job: Job, stop: Stop) -> Future[Outcome]:
        """Start a job on the cluster."""
        # In the caller's thread: Ray sets signal handlers when it begins, and may do so in the main thread only.
        self._connect()
        return self._threads.submit(self._run, job, stop)

    def close(self) -> None:
        """Wait for the jobs; end the cluster, or leave it, if this executor started or joined it."""
        self._threads.close()
        with self._lock:
            self._task = None
            if self._started:
                import ray

                self._started = False
                ray.shutdown()

    def _run(self, job: Job, stop: Stop) -> Outcome:
        import ray

        began = time.monotonic()
        try:
            request = Request.of(job)
        except HoldfastError as error:
            return Outcome(None, Failure.of(error, retry=False), 0.0)
        task = self._connect()
        inputs = [bytes(each) for each in request.inputs]
        reference = task.remote(_head(request), bytes(request.arguments), inputs)
        while True:
            ready, _ = ray.wait([reference], timeout=0.1)
            if ready:
                break
            if stop():
                ray.cancel(reference, force=True)
                return Outcome(None, Failure("Cancelled", "it was cancelled", retry=False), time.monotonic() - began)
        try:
            head, data = ray.get(reference)
        except ray.exceptions.RayError as error:
            said = str(error).strip().splitlines()
            why = f"its Ray worker ended: {said[0] if said else type(error).__name__}"
            return Outcome(None, Failure(ENDED, why), time.monotonic() - began)
        if "failure" in head:
            return Outcome(None, Failure(**head["failure"]), head["seconds"])
        return Outcome(Sealed(data, head["digest"]), None, head["seconds"])

    def _connect(self) -> Any:
        with self._lock:
            if self._task is None:
                ray = _authenticated(joining=self.address is not None)
                if not ray.is_initialized():
                    _begin(ray, self.address, self.slots)
                    self._started = True
                # An attempt of ours is an attempt: retries are the engine's.
                self._task = ray.remote(num_cpus=1, max_retries=0)(on_worker)
            return self._task


def check_installed() -> None:
    """Check that Ray is there and new enough, without importing it.

    Raises
    ------
    MissingExtra
        If it is not.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("ray")
    except PackageNotFoundError as error:
        raise MissingExtra.of("ray", what="the executor 'ray'") from error
    parts = tuple(int(each) for each in re.findall(r"[0-9]+", found)[:2])
    if parts < LEAST_VERSION:
        raise MissingExtra.of("ray", what=f"the executor 'ray' (Ray {found} is older than 2.55, whose tokens it needs)")


def _authenticated(*, joining: bool) -> Any:
    """Import Ray with token authentication on; whoever imported it before must have had it on."""
    before = os.environ.get("RAY_AUTH_MODE")
    if before is not None and before.lower() != "token":
        raise EngineError(f"RAY_AUTH_MODE is {before!r}", expected="'token': nothing runs on an open Ray cluster")
    os.environ["RAY_AUTH_MODE"] = "token"
    if not joining and not os.environ.get("RAY_AUTH_TOKEN_PATH"):
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    for name, value in (("RAY_USAGE_STATS_ENABLED", "0"), ("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")):
        os.environ.setdefault(name, value)
    with warnings.catch_warnings():
        # Ray warns at import and start of things to come in Ray, which nobody here can act on.
        warnings.simplefilter("ignore")
        import ray

        raylet: Any = importlib.import_module("ray._raylet")  # a compiled module without types
        if not ray.is_initialized():
            raylet.Config.initialize("")
        if raylet.get_authentication_mode() != raylet.AuthenticationMode.TOKEN:
            raise EngineError(
                "Ray is running in this process without token authentication",
                expected="RAY_AUTH_MODE=token before ray.init, or no ray.init of your own",
            )
    return ray


def _begin(ray: Any, address: str | None, cpus: int) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "configure_logging": False, "logging_level": "ERROR"}
    if address is None:
        settings.update(address="local", num_cpus=cpus, include_dashboard=False)
    else:
        refuse_open(address)
        settings.update(address=address)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ray.init(**settings)
    except (RuntimeError, ConnectionError, ray.exceptions.RayError) as error:
        raise EngineError(
            f"Ray does not answer: {str(error).strip().splitlines()[0]}",
            where=address or "a cluster on this machine",
            expected="a running head, and its token in RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH",
        ) from error


def refuse_open(address: str) -> None:
    """Check that a cluster turns away a caller without a token.

    Raises
    ------
    EngineError
        If it answers one, or does not answer at all.
    """
    host, _, port = address.rpartition(":")
    silent = EngineError("the Ray cluster does not answer", where=address, expected="a running head at that address")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise silent from error
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    words = [sys.executable, "-c", _PROBE, address]
    try:
        # In a process of its own: Ray reads how to authenticate once per process.
        done = subprocess.run(  # noqa: S603  # this interpreter, and an address that was checked
            words,
            env={**kept, "RAY_AUTH_MODE": "disabled"},
            capture_output=True,
            text=True,
            timeout=_PROBE_S,
            check=False,
        )
        said = done.stdout.strip()
    except subprocess.TimeoutExpired:
        said = ""
    if said == "answered":
        raise EngineError(
            "the Ray cluster answers callers without a token",
            where=address,
            expected="a cluster started with RAY_AUTH_MODE=token",
        )
    if said != "refused":
        raise silent


def _head(request: Request) -> dict[str, Any]:
    return {
        "label": request.label,
        "module": request.module,
        "qualname": request.qualname,
        "code": request.code,
        "folder": str(request.folder),
        "path": _processes.search_path(),
    }


def on_worker(head: Mapping[str, Any], arguments: bytes, inputs: list[bytes]) -> tuple[dict[str, Any], bytes]:
    """Carry a job out in a Ray worker: plain data in, plain data out."""
    from holdfast.engine._child import carry_out

    for place in head["path"]:
        if place not in sys.path:
            sys.path.append(place)
    request = Request(
        head["label"], head["module"], head["qualname"], head["code"], arguments, inputs, Path(head["folder"])
    )
    outcome = _in_own_process(request) or carry_out(request)
    if outcome.result is None:
        return {"failure": asdict(outcome.failure or Failure("StepFailed", "")), "seconds": outcome.seconds}, b""
    return {"digest": outcome.result.digest, "seconds": outcome.seconds}, outcome.result.data


def _in_own_process(request: Request) -> Outcome | None:
    try:
        settings = find(request).settings
    except HoldfastError:
        return None
    if not settings.own_process:
        return None
    never: Callable[[], bool] = lambda: False  # noqa: E731  # the driver ends this worker, and with it the process
    return _processes.run_isolated(request, settings, never)
