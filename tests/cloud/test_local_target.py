"""The target `local`: files for the server, and the truth about what runs."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdfast.cloud.targets.local import Local
from holdfast.core import registry
from holdfast.core.digests import plain
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound, StoreUnavailable, UnreadableData, UnsafePath
from holdfast.core.models import Deployment, Package

DEAD_PID = 2**22 + 1


def routes(place: Path) -> Any:
    return json.loads((place / "routes.json").read_text())["models"]


def test_it_is_registered_as_local() -> None:
    assert registry.get("target", "local").name == "local"


def test_deploying_writes_the_files_and_the_route(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    Local().deploy(champion, package, source, place)
    folder = place / "models" / package.id
    names = {each.name for each in folder.iterdir()}
    assert names == {"model.onnx", "schema.json", "manifest.json", "package.json"}
    assert json.loads((folder / "package.json").read_text()) == plain(package)
    entry = routes(place)["tumour"]["champion"]
    assert entry == {
        "model": package.model,
        "package": package.id,
        "folder": f"models/{package.id}",
        "share": 1.0,
        "since": "2026-01-02T00:00:00.000000Z",
    }
    assert routes(place)["tumour"]["canary"] is None


def test_deploying_twice_changes_nothing(tmp_path: Path, source: Path, package: Package, champion: Deployment) -> None:
    place = tmp_path / "place"
    Local().deploy(champion, package, source, place)
    before = (place / "routes.json").stat()
    Local().deploy(champion, package, source, place)
    after = (place / "routes.json").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert [each.name for each in (place / "models").iterdir()] == [package.id]


def test_withdrawing_takes_the_role_and_twice_does_no_harm(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    canary = dataclasses.replace(champion, role="canary", share=0.1)
    Local().deploy(champion, package, source, place)
    Local().deploy(canary, package, source, place)
    Local().withdraw(canary, place)
    Local().withdraw(canary, place)
    assert routes(place)["tumour"]["canary"] is None
    assert routes(place)["tumour"]["champion"]["package"] == package.id
    Local().withdraw(champion, place)
    assert routes(place) == {}


def test_withdrawing_leaves_what_came_after_it(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    other = Package(model=f"{8:064x}", kind="onnx", files=package.files, parity={}, size_bytes=9)
    Local().deploy(champion, package, source, place)
    Local().deploy(dataclasses.replace(champion, model=other.model, package=other.id), other, source, place)
    Local().withdraw(champion, place)
    assert routes(place)["tumour"]["champion"]["package"] == other.id


def test_withdrawing_from_a_place_that_is_not_there_does_no_harm(tmp_path: Path, champion: Deployment) -> None:
    Local().withdraw(champion, tmp_path / "nowhere")
    assert not (tmp_path / "nowhere" / "routes.json").exists()


def test_old_packages_are_swept_and_those_that_run_stay(tmp_path: Path, source: Path, champion: Deployment) -> None:
    place = tmp_path / "place"
    digest = hashlib.sha256((source / "model.onnx").read_bytes()).hexdigest()
    made = [Package(f"{number:064x}", "onnx", {"model.onnx": digest}, {}, 9) for number in range(12)]
    for each in made:
        Local().deploy(dataclasses.replace(champion, model=each.model, package=each.id), each, source, place)
    kept = {each.name for each in (place / "models").iterdir()}
    assert made[-1].id in kept
    assert len(kept) == 9


def test_a_file_that_is_not_what_the_package_says_is_refused_and_the_place_stays(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    (source / "model.onnx").write_bytes(b"another model")
    with pytest.raises(DigestMismatch, match=r"model\.onnx"):
        Local().deploy(champion, package, source, place)
    (source / "model.onnx").unlink()
    with pytest.raises(NotFound, match=r"model\.onnx"):
        Local().deploy(champion, package, source, place)
    assert list((place / "models").iterdir()) == []
    assert not (place / "routes.json").exists()


@pytest.mark.parametrize("name", ["../model.onnx", "/model.onnx", ".", "a/../../b"])
def test_a_name_that_leaves_the_folder_is_refused(
    tmp_path: Path, source: Path, package: Package, champion: Deployment, name: str
) -> None:
    bad = dataclasses.replace(package, files={name: "0" * 64})
    with pytest.raises(UnsafePath):
        Local().deploy(dataclasses.replace(champion, package=bad.id), bad, source, tmp_path / "place")


def test_a_deployment_of_another_package_is_refused(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    with pytest.raises(InvalidValue, match="package"):
        Local().deploy(dataclasses.replace(champion, package="0" * 64), package, source, tmp_path / "place")


def test_routes_that_are_broken_are_told_and_left(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "routes.json").write_text("{")
    with pytest.raises(UnreadableData, match="no routes"):
        Local().deploy(champion, package, source, place)
    assert (place / "routes.json").read_text() == "{"


def test_a_place_that_cannot_be_written_is_told(
    tmp_path: Path, source: Path, package: Package, champion: Deployment
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "models").write_text("a file where a folder should be")
    with pytest.raises(StoreUnavailable, match="cannot write"):
        Local().deploy(champion, package, source, place)


class Answering(http.server.BaseHTTPRequestHandler):
    """A server that answers what the test says."""

    status = 200
    body: Any = b""

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()
        self.wfile.write(type(self).body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[int]:
    """Port of a server that is not ours."""
    made = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made.server_address[1]
    made.shutdown()
    thread.join()
    made.server_close()


def announce(place: Path, **changes: Any) -> None:
    told = {"pid": os.getpid(), "port": 1, "host": "127.0.0.1", "instance": "mine", **changes}
    (place / "server.json").write_text(json.dumps(told))


def test_nothing_is_said_to_run_that_nobody_confirms(
    tmp_path: Path, source: Path, package: Package, champion: Deployment, stranger: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    Local().deploy(champion, package, source, place)
    assert Local().running(place) == ()
    announce(place, pid=DEAD_PID, port=stranger)
    assert Local().running(place) == ()
    announce(place, port=1)
    assert Local().running(place) == ()
    announce(place, port=stranger)
    entry = {**routes(place)["tumour"]["champion"], "name": "tumour", "role": "champion"}
    for answer in (b"", b"{", b"[]", json.dumps({"instance": "another", "running": [entry]}).encode()):
        monkeypatch.setattr(Answering, "body", answer)
        assert Local().running(place) == ()
    (place / "server.json").write_text("{")
    assert Local().running(place) == ()


def test_what_the_server_confirms_is_said_to_run(
    tmp_path: Path, source: Path, package: Package, champion: Deployment, stranger: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    Local().deploy(champion, package, source, place)
    announce(place, port=stranger)
    entry = {**routes(place)["tumour"]["champion"], "name": "tumour", "role": "champion"}
    other = {**entry, "package": "0" * 64, "role": "canary"}
    answer = {"instance": "mine", "running": [entry, other, {"name": "by hand"}]}
    monkeypatch.setattr(Answering, "body", json.dumps(answer).encode())
    assert Local().running(place) == (champion,)
    monkeypatch.setattr(Answering, "status", 500)
    assert Local().running(place) == ()
