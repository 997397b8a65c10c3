"""Artifacts: bytes under their digest, whole or not there, verified at every read."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound, StoreUnavailable
from holdfast.store import artifacts as module
from holdfast.store.artifacts import Artifacts

HELLO = sha256(b"hello").hexdigest()
MISSING = "0" * 64
MIB = 1 << 20


@pytest.fixture(params=["folder", "memory", "file url"])
def artifacts(request: pytest.FixtureRequest, tmp_path: Path) -> Artifacts:
    (tmp_path / "a").mkdir()
    places = {"folder": str(tmp_path / "a"), "memory": "memory:///", "file url": (tmp_path / "a").as_uri()}
    return Artifacts(places[request.param])


@pytest.fixture
def folder(tmp_path: Path) -> Artifacts:
    return Artifacts(str(tmp_path / "artifacts"))


def path_of(artifacts: Artifacts, digest: str) -> Path:
    return Path(artifacts.location) / digest[:2] / digest[2:4] / digest


def files_in(place: Path) -> list[str]:
    return sorted(path.name for path in place.rglob("*") if path.is_file())


def test_bytes_come_back_under_their_digest(artifacts: Artifacts) -> None:
    assert artifacts.put(b"hello") == HELLO
    assert artifacts.get(HELLO) == b"hello"
    assert artifacts.has(HELLO)
    assert artifacts.size(HELLO) == 5


def test_no_bytes_are_bytes_too(artifacts: Artifacts) -> None:
    assert artifacts.get(artifacts.put(b"")) == b""


def test_putting_again_changes_nothing(artifacts: Artifacts) -> None:
    assert [artifacts.put(b"hello"), artifacts.put(b"hello")] == [HELLO, HELLO]
    assert list(artifacts.digests()) == [HELLO]


def test_a_file_larger_than_a_part_comes_back_whole(artifacts: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "large"
    source.write_bytes(os.urandom(MIB) * 17 + b"rest")
    digest = artifacts.put_file(source)
    assert artifacts.put_file(source) == digest
    artifacts.fetch(digest, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == source.read_bytes()
    assert artifacts.size(digest) == 17 * MIB + 4


def test_a_small_file_is_kept(artifacts: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "small").write_bytes(b"hello")
    assert artifacts.put_file(tmp_path / "small") == HELLO


@pytest.mark.parametrize("digest", [MISSING, "", "../../etc/passwd", "/etc/passwd", HELLO.upper(), HELLO[:63], "a\0b"])
def test_what_was_never_put_is_not_found(artifacts: Artifacts, tmp_path: Path, digest: str) -> None:
    with pytest.raises(NotFound, match="no artifact"):
        artifacts.get(digest)
    with pytest.raises(NotFound, match="no artifact"):
        artifacts.fetch(digest, tmp_path / "copy")
    assert not artifacts.has(digest)
    assert not (tmp_path / "copy").exists()


def test_a_file_that_is_not_there_is_not_found(artifacts: Artifacts, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no file"):
        artifacts.put_file(tmp_path / "none")


@pytest.mark.parametrize("tampered", [b"hellp", b"hello, world", b""])
def test_tampered_bytes_are_never_given_out(folder: Artifacts, tmp_path: Path, tampered: bytes) -> None:
    path = path_of(folder, folder.put(b"hello"))
    path.chmod(0o644)
    path.write_bytes(tampered)
    (tmp_path / "copy").write_bytes(b"as it was")
    with pytest.raises(DigestMismatch, match=HELLO):
        folder.get(HELLO)
    with pytest.raises(DigestMismatch, match=HELLO):
        folder.fetch(HELLO, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"as it was"
    assert files_in(tmp_path) == sorted(["copy", HELLO])


def test_tampered_bytes_in_an_object_store_are_never_given_out(artifacts: Artifacts) -> None:
    import obstore
    from obstore.store import MemoryStore

    store = Artifacts("memory:///")
    store.put(b"hello")
    blobs: Any = store._blobs
    assert isinstance(blobs.store, MemoryStore)
    obstore.put(blobs.store, module.place_of(HELLO), b"jello")
    with pytest.raises(DigestMismatch, match=HELLO):
        store.get(HELLO)


def test_a_torn_copy_is_mended_by_putting_again(folder: Artifacts) -> None:
    path = path_of(folder, folder.put(b"hello"))
    path.chmod(0o644)
    path.write_bytes(b"hell")
    folder.put(b"hello")
    assert folder.get(HELLO) == b"hello"


def test_kept_bytes_are_read_only(folder: Artifacts) -> None:
    assert path_of(folder, folder.put(b"hello")).stat().st_mode & 0o222 == 0


def test_a_file_that_changes_while_it_is_read_is_refused(folder: Artifacts, tmp_path: Path) -> None:
    def changing() -> Iterator[bytes]:
        yield b"other"

    with pytest.raises(DigestMismatch, match="changed while it was read"):
        list(module.expecting(HELLO, changing(), where="model.onnx"))


def test_a_large_file_takes_little_memory(folder: Artifacts, tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        file.truncate(48 * MIB)
    tracemalloc.start()
    try:
        folder.fetch(folder.put_file(source), tmp_path / "copy")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * MIB


KILLED = """
import os, signal, sys
from holdfast.store import artifacts
from holdfast.store._files import read_chunks

def dying(path):
    for n, chunk in enumerate(read_chunks(path)):
        yield chunk
        if n == 2 and dying.armed:
            os.kill(os.getpid(), signal.SIGKILL)
    dying.armed = True

dying.armed = False
artifacts.read_chunks = dying
artifacts.Artifacts(sys.argv[1]).put_file(sys.argv[2])
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a thing of POSIX")
def test_a_kill_in_the_middle_leaves_nothing_half_visible(folder: Artifacts, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * (8 * MIB))
    ended = subprocess.run([sys.executable, "-c", KILLED, folder.location, str(tmp_path / "large")], check=False)
    assert ended.returncode == -9
    assert list(folder.digests()) == []
    digest = folder.put_file(tmp_path / "large")
    assert folder.get(digest) == b"x" * (8 * MIB)


def test_a_full_disk_is_said_and_leaves_nothing(folder: Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left on device"):
        folder.put(b"hello")
    assert files_in(Path(folder.location)) == []


def test_a_place_that_is_no_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    artifacts = Artifacts(str(tmp_path / "file"))
    with pytest.raises(StoreUnavailable, match="cannot write"):
        artifacts.put(b"hello")
    assert not artifacts.has(HELLO)


def test_a_copy_into_no_folder_is_said(folder: Artifacts, tmp_path: Path) -> None:
    folder.put(b"hello")
    with pytest.raises(StoreUnavailable, match="cannot write"):
        folder.fetch(HELLO, tmp_path / "none" / "copy")


@pytest.mark.parametrize("location", ["ftp://host/x", "s3://", "https://host/x", "://"])
def test_a_location_that_is_no_object_store_is_refused(location: str) -> None:
    with pytest.raises(InvalidValue, match="artifacts at"):
        Artifacts(location).put(b"hello")


def test_credentials_in_a_url_are_not_shown() -> None:
    with pytest.raises(InvalidValue) as caught:
        Artifacts("ftp://user:secret@host/x?token=secret").put(b"hello")
    assert "secret" not in str(caught.value)


def test_an_object_store_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore
    from obstore.exceptions import GenericError

    def down(*args: Any, **kwargs: Any) -> Any:
        raise GenericError("connection refused\nDebug source: ...")

    artifacts = Artifacts("memory:///")
    artifacts.put(b"hello")
    for name in ("put", "get", "head", "list"):
        monkeypatch.setattr(obstore, name, down)
    for call in (lambda: artifacts.put(b"x"), lambda: artifacts.get(HELLO), lambda: list(artifacts.digests())):
        with pytest.raises(StoreUnavailable, match=r"connection refused\."):
            call()


def test_an_object_store_without_conditional_puts_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    import obstore
    from obstore.exceptions import NotSupportedError

    put = obstore.put

    def plain(*args: Any, **kwargs: Any) -> Any:
        if kwargs.get("mode") == "create":
            raise NotSupportedError("no conditional put")
        return put(*args, **kwargs)

    monkeypatch.setattr(obstore, "put", plain)
    artifacts = Artifacts("memory:///")
    assert artifacts.get(artifacts.put(b"hello")) == b"hello"


def test_a_put_that_another_was_faster_with_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    artifacts = Artifacts("memory:///")
    artifacts.put(b"hello")
    blobs: Any = artifacts._blobs
    monkeypatch.setattr(blobs, "size", {}.get)
    assert artifacts.put(b"hello") == HELLO


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_every_value_comes_back_under_its_sha_256(data: bytes) -> None:
    artifacts = Artifacts("memory:///")
    digest = artifacts.put(data)
    assert (digest, artifacts.get(digest)) == (sha256(data).hexdigest(), data)
