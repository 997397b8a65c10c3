from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from engine_sample import chain, inc, sleepy

from holdfast.engine import _child, on_ray
from holdfast.engine._code import code_digest
from holdfast.engine._jobs import Request
from holdfast.engine._values import seal, unseal
from holdfast.engine._wire import Expired, PeerGone, receive, send


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_a_message_arrives_whole(pair):
    blobs = [b"", b"x" * 300_000, b"end"]
    sender = threading.Thread(target=send, args=(pair[0], {"a": 1}, blobs))
    sender.start()
    assert receive(pair[1]) == ({"a": 1}, blobs)
    sender.join()


def test_nobody_reading_is_noticed(pair):
    pair[1].close()
    with pytest.raises(PeerGone):
        send(pair[0], {"a": 1}, [b"x" * 1_000_000])


def test_nobody_writing_is_noticed(pair):
    pair[0].sendall(b"half")
    pair[0].close()
    with pytest.raises(PeerGone):
        receive(pair[1])


def test_a_deadline_ends_the_wait(pair):
    with pytest.raises(Expired):
        receive(pair[1], deadline=time.monotonic() - 1)


def test_a_stop_ends_the_wait(pair):
    with pytest.raises(Expired):
        receive(pair[1], stop=lambda: True)


def _request(tmp_path: Path, step, arguments: dict[str, object], code: str | None = None) -> Request:
    function = step.function
    digest = code_digest(function) if code is None else code
    return Request(
        step.name, function.__module__, function.__qualname__, digest, seal(arguments).data, (), tmp_path / "opened"
    )


def _head(request: Request) -> dict[str, object]:
    return {
        "label": request.label,
        "module": request.module,
        "qualname": request.qualname,
        "code": request.code,
        "folder": str(request.folder),
        "path": list(sys.path),
    }


def test_a_process_serves_jobs_until_the_connection_closes(pair, tmp_path):
    ended = []

    def serve() -> None:
        try:
            _child.serve(pair[1])
        except PeerGone:
            ended.append(True)

    thread = threading.Thread(target=serve)
    thread.start()
    setting = {
        "env": dict(os.environ),
        "path": list(sys.path),
        "cwd": str(Path.cwd()),
        "cpu_s": None,
        "memory_mb": None,
    }
    send(pair[0], setting)
    request = _request(tmp_path, inc, {"x": 1, "notes": "", "by": 2})
    send(pair[0], _head(request), [request.arguments])
    head, blobs = receive(pair[0])
    assert (unseal(blobs[0]), "failure" in head) == (3, False)
    wrong = _request(tmp_path, inc, {"x": 1, "notes": "", "by": 2}, code="another")
    send(pair[0], _head(wrong), [wrong.arguments])
    head, _ = receive(pair[0])
    assert head["failure"]["kind"] == "StaleCode"
    pair[0].close()
    thread.join(10)
    assert ended == [True]


@pytest.mark.parametrize(
    ("module", "qualname", "said"),
    [
        ("engine_sample", "no_such_step", "cannot be imported"),
        ("engine_sample", "note", "is a function"),
        ("no_such_module", "f", "No module named"),
    ],
)
def test_a_request_for_what_is_no_step_is_a_failure_that_is_not_tried_again(tmp_path, module, qualname, said):
    outcome = _child.carry_out(Request("f", module, qualname, "", seal({}).data, (), tmp_path))
    assert said in outcome.failure.message
    assert outcome.failure.retry is False


def test_a_ray_worker_takes_and_gives_plain_data(tmp_path):
    request = _request(tmp_path, inc, {"x": 1, "notes": "", "by": 2})
    head, data = on_ray.on_worker(_head(request), request.arguments, [])
    assert unseal(data) == 3
    assert len(head["digest"]) == 64


def test_a_ray_worker_gives_a_failure_as_plain_data(tmp_path):
    request = _request(tmp_path, inc, {"x": "text", "notes": "", "by": 2})
    head, data = on_ray.on_worker(_head(request), request.arguments, [])
    assert (head["failure"]["kind"], data) == ("TypeError", b"")


def test_a_ray_worker_runs_a_step_with_a_time_limit_in_a_process_of_its_own(tmp_path):
    request = _request(tmp_path, sleepy, {"pid_file": ""})
    head, _ = on_ray.on_worker(_head(request), request.arguments, [])
    assert head["failure"]["timeout"] is True


def test_a_ray_worker_that_cannot_find_the_step_says_so(tmp_path):
    request = Request("f", "no_such_module", "f", "", seal({}).data, (), tmp_path)
    head, _ = on_ray.on_worker(_head(request), request.arguments, [])
    assert "No module named" in head["failure"]["message"]


def test_a_pipeline_is_no_step_for_another_process(tmp_path):
    outcome = _child.carry_out(Request("chain", "engine_sample", "chain", "", seal({}).data, (), tmp_path))
    assert type(chain).__name__ in outcome.failure.message
