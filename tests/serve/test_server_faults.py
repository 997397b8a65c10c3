"""The server when things go wrong: killed, drained, out of disk, out of order."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import resource
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import ForbiddenBind, InvalidValue, StoreUnavailable
from holdfast.serve import InferenceServer, PredictionLog, ServerSettings
from holdfast.serve._frames import read_content
from holdfast.serve._segment import segment_files

ROW = {"age": 40, "dose": 1.5, "sex": "f"}
EVERY = "0.0.0.0"  # noqa: S104 - refused, not bound to
JSON = {"Content-Type": "application/json"}


def logged(folder: Path) -> list[str]:
    return [
        id for path in segment_files(folder) for each in read_content(path.read_bytes()).predictions for id in each.ids
    ]


def bombard(running: Any, clients: int, stop: threading.Event) -> tuple[list[str], list[threading.Thread]]:
    """Clients that ask until the server is gone; the ids that were acknowledged to them."""
    acknowledged: list[str] = []

    def ask() -> None:
        connection = running.connect()
        with contextlib.suppress(OSError, http.client.HTTPException):
            while not stop.is_set():
                connection.request("POST", "/predict", json.dumps({"rows": [ROW]}), JSON)
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    acknowledged.append(json.loads(body)["id"])
        connection.close()

    threads = [threading.Thread(target=ask, daemon=True) for _ in range(clients)]
    for each in threads:
        each.start()
    return acknowledged, threads


@pytest.mark.parametrize("arguments", [(), ("--asgi",), ("--workers", "2")])
def test_every_acknowledged_prediction_survives_kill_9_during_load(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any, arguments: tuple[str, ...]
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve(*arguments)
    stop = threading.Event()
    acknowledged, threads = bombard(running, 6, stop)
    waiting(lambda: len(acknowledged) > 200, "some traffic")
    for pid in [*children(running.process.pid), running.process.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    stop.set()
    for each in threads:
        each.join()
    running.process.wait()
    log = PredictionLog(running.log)
    log.recover()
    found = logged(running.log)
    assert set(acknowledged) <= set(found)
    assert len(found) == len(set(found)) <= len(acknowledged) + 6
    assert log.count() == len(found)


def children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(each) for each in path.read_text().split()]


def test_a_killed_worker_is_started_again_and_the_others_go_on(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve("--workers", "2")
    waiting(lambda: len(children(running.process.pid)) == 2, "two workers")
    first = children(running.process.pid)
    os.kill(first[0], signal.SIGKILL)
    waiting(lambda: set(children(running.process.pid)) - set(first), "a new worker")
    waiting(lambda: running.post("/predict", {"rows": [ROW]})[0] == 200, "an answer")
    assert running.stop() == 0
    assert not (running.place / "server.json").exists()


def test_workers_end_when_their_parent_is_killed(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve("--workers", "2")
    waiting(lambda: len(children(running.process.pid)) == 2, "two workers")
    running.stop(signal.SIGKILL)

    def refused() -> bool:
        try:
            socket.create_connection(("127.0.0.1", running.port), timeout=60).close()
        except ConnectionRefusedError:
            return True
        return False

    waiting(refused, "the workers to end")


def test_workers_write_segments_of_their_own_and_metrics_add_up(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve("--workers", "2")
    stop = threading.Event()
    acknowledged, threads = bombard(running, 16, stop)
    try:
        waiting(lambda: len(list(running.log.glob("*.open"))) == 2, "both workers to log")
    finally:
        stop.set()
        for each in threads:
            each.join()
    total = f'holdfast_predictions_total{{model="tumour",role="champion"}} {len(acknowledged)}'.encode()
    waiting(lambda: total in running.get("/metrics")[1], "the sum of both")
    running.stop()
    assert sorted(logged(running.log)) == sorted(acknowledged)


def test_sigterm_answers_what_is_in_flight_and_seals_the_log(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve()
    body = json.dumps({"id": "late", "rows": [ROW]}).encode()
    with socket.create_connection(("127.0.0.1", running.port), timeout=60) as raw:
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        raw.sendall(head + body[:10])
        waiting(lambda: running.get("/v2/health/live")[0] == 200, "the head to be read")
        running.process.send_signal(signal.SIGTERM)
        raw.sendall(body[10:])
        answer = raw.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200")
    assert running.process.wait(60) == 0
    assert [path.suffix for path in segment_files(running.log)] == [".sealed"]
    assert logged(running.log) == ["late"]


def test_a_full_disk_is_a_503_and_nothing_is_acknowledged_that_is_not_logged(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path
) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve()
    assert running.post("/predict", {"id": "before", "rows": [ROW]})[0] == 200
    # A file may not grow any more: as good as a full disk, for this process alone.
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    codes = [running.post("/predict", {"id": f"full-{index}", "rows": [ROW] * 50}) for index in range(6)]
    assert codes[-1][0] == 503
    assert "nothing was acknowledged" in codes[-1][1]["error"] or "free disk space" in codes[-1][1]["error"]
    assert running.get("/v2/health/live")[0] == 200
    assert running.post("/feedback", {"id": "before", "label": "benign"})[0] == 503
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert running.post("/predict", {"id": "after", "rows": [ROW]})[0] == 200
    running.stop()
    acknowledged = ["before", *(found["id"] for status, found in codes if status == 200), "after"]
    assert list(dict.fromkeys(logged(running.log))) == acknowledged


def test_many_rows_are_answered_outside_the_loop(server: Any) -> None:
    rows = [{f"c{index}": index * row for index in range(6)} for row in range(1000)]
    small = [server.post("/predict/numbers", {"rows": [row]})[1]["predictions"][0] for row in rows[:3]]
    status, found = server.post("/predict/numbers", {"rows": rows})
    assert status == 200
    assert len(found["predictions"]) == 1000
    assert [each["label"] for each in found["predictions"][:3]] == [each["label"] for each in small]


def test_nothing_is_logged_where_no_log_is_asked_for(shelf: Any, tmp_path: Path) -> None:
    from holdfast.serve._service import Service

    service = Service(ServerSettings(tmp_path, models={"tumour": shelf["one"]}), port=1, instance="x")
    service.swap(service.load())
    assert service.log is None
    found: list[Any] = []
    head = service.gate.head(b"POST", [(b"host", b"127.0.0.1")])
    service.dispatch(b"POST", b"/feedback", head, b'{"id": "a", "label": "benign"}', found.append)
    assert found[0].status == 404
    service.batcher.close()


def test_an_address_that_others_reach_needs_a_proxy(tmp_path: Path) -> None:
    for host in (EVERY, "192.168.1.1", "example.org", "::"):
        with pytest.raises(ForbiddenBind, match=r"127\.0\.0\.1"):
            ServerSettings(tmp_path, host=host)
    with pytest.raises(ForbiddenBind, match="Host"):
        ServerSettings(tmp_path, allowed_hosts=("*",))
    assert ServerSettings(tmp_path, host=EVERY, behind_proxy=True).host == EVERY


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    for wrong in ({"port": 70_000}, {"workers": 0}, {"max_rows": 0}, {"sync": "no"}, {"watch_s": -1.0}):
        with pytest.raises(InvalidValue):
            ServerSettings(tmp_path, **wrong)


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StoreUnavailable, match="cannot bind"):
            InferenceServer(ServerSettings(tmp_path, port=taken.getsockname()[1])).run()
    assert not (tmp_path / "server.json").exists()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
tensor = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["age", "dose", "sex", "x"]) | json_values,
        "shape": st.lists(st.integers(-1, 3), max_size=3) | json_values,
        "datatype": st.sampled_from(["FP32", "BYTES", "INT64", "BOOL"]) | json_values,
        "data": json_values,
    },
)
bodies = (
    st.binary(max_size=60)
    | json_values.map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"inputs": st.lists(tensor, max_size=4)}).map(lambda value: json.dumps(value).encode())
    | st.fixed_dictionaries({"rows": json_values}).map(lambda value: json.dumps(value).encode())
)


@given(body=bodies, path=st.sampled_from(["/v2/models/tumour/infer", "/predict/tumour", "/feedback"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_body_is_answered_with_a_4xx_that_says_why_or_with_an_answer(server: Any, body: bytes, path: str) -> None:
    status, found = server.post(path, body)
    assert status == 200 or (400 <= status < 500 and found["error"])


@given(data=st.binary(min_size=1, max_size=80))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_no_http_do_not_bring_the_server_down(server: Any, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
        raw.sendall(data + b"\r\n\r\n")
        raw.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            raw.recv(4096)
    assert server.get("/v2/health/live")[0] == 200
