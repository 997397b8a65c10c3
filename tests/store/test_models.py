"""Models: signed, content-addressed, verified before a file is given out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.digests import canonical_json, digest_bytes
from holdfast.core.errors import (
    DigestMismatch,
    HoldfastError,
    InvalidValue,
    NotFound,
    SignatureInvalid,
    StoreUnavailable,
    UnreadableData,
    UnsafePath,
)
from holdfast.core.models import Column, ModelSchema, ModelVersion, Package
from holdfast.store import Store
from holdfast.store._files import safe_name, safe_names
from holdfast.store.models import Models

BYTES = {"model.onnx": b"a graph", "encoder.onnx": b"an encoder", "notes/card.json": b"{}"}
SCHEMA = ModelSchema(
    task="binary",
    target="malignant",
    columns=(Column("mean radius", "float32", low=6.5, high=28.0), Column("site", "string", levels=("a", "é"))),
    classes=("no", "yes"),
    positive="yes",
)
UNSAFE = [
    *("../x", "/etc/passwd", "a/../../x", "a\\b", "a\0b", "", ".", "..", "a//b", "C:x", " x", "x ", "x.", "a/./b"),
    *("new\nline", "x" * 256, "manifest.json", "Manifest.JSON", "manifest.sig", "public.key"),
]


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return write(tmp_path / "trained", BYTES)


@pytest.fixture
def other(opened: Callable[..., Store], tmp_path: Path) -> Store:
    from holdfast.store import open_store

    return open_store(tmp_path / "elsewhere")


def write(folder: Path, content: dict[str, bytes]) -> dict[str, Path]:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return {name: folder / name for name in content}


def version_of(content: dict[str, bytes] | None = None, **more: Any) -> ModelVersion:
    return ModelVersion(
        **{
            "name": "tumour",
            "schema": SCHEMA,
            "files": {name: digest_bytes(data) for name, data in (content or BYTES).items()},
            "dataset": "d" * 64,
            "trainer": "automl",
            "parameters": {"rate": 1.0, "depth": 3, "by": ["a", None]},
            "reason": "first model",
            **more,
        }
    )


def package_of(model: str) -> Package:
    return Package(
        model=model,
        kind="onnx",
        files={"model.onnx": digest_bytes(BYTES["model.onnx"])},
        parity={"max_difference": 1e-7, "label_flips": 0.0, "rows": 100.0},
        size_bytes=7,
        settings={"opset": 17},
    )


def read(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def overwrite(path: Path, data: bytes) -> None:
    path.parent.chmod(0o755)
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_registered_version_reads_back(store: Store, files: dict[str, Path]) -> None:
    version = version_of()
    assert store.models.register(version, files) == version.id
    assert store.models.get(version.id) == version
    assert store.models.ids() == (version.id,)
    assert store.models.ids("tumour") == (version.id,)
    assert store.models.ids("other") == ()


def test_what_was_registered_is_in_the_journal(store: Store, files: dict[str, Path]) -> None:
    name = store.models.register(version_of(), files)
    event = store.journal.by_key(f"model:{name}")
    assert event is not None
    assert (event.type, event.model) == ("model.registered", "tumour")
    assert set(event.payload) == {"id", "version", "manifest", "signature"}
    store.keys.verify(canonical_json(event.payload["manifest"]), event.payload["signature"])


def test_registering_again_changes_nothing(store: Store, files: dict[str, Path]) -> None:
    store.models.register(version_of(), files)
    store.models.register(version_of(), files)
    assert store.journal.count() == 1


def test_ids_come_in_the_order_of_registration(store: Store, files: dict[str, Path]) -> None:
    names = [store.models.register(version_of(reason=str(n)), files) for n in range(4)]
    assert store.models.ids("tumour") == tuple(names)


def test_a_folder_holds_the_files_the_manifest_and_nothing_else(store: Store, files: dict[str, Path]) -> None:
    folder = store.models.folder(store.models.register(version_of(), files))
    found = read(folder)
    assert set(found) == {*BYTES, "manifest.json", "manifest.sig", "public.key"}
    assert {name: found[name] for name in BYTES} == BYTES
    assert json.loads(found["manifest.json"])["schema"]["positive"] == "yes"
    assert folder.parent == store.root / "cache" / "models"


def test_a_folder_is_read_only(store: Store, files: dict[str, Path]) -> None:
    folder = store.models.folder(store.models.register(version_of(), files))
    assert [path.stat().st_mode & 0o222 for path in (folder, folder / "model.onnx", folder / "manifest.json")] == [
        0
    ] * 3


def test_a_folder_is_read_in_full_only_once(
    store: Store, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from holdfast.store import _folders

    checks: list[Path] = []
    check = _folders.check_folder
    monkeypatch.setattr(
        _folders, "check_folder", lambda manifest, folder: checks.append(folder) or check(manifest, folder)
    )
    name = store.models.register(version_of(), files)
    assert len({store.models.folder(name) for _ in range(3)}) == 1
    assert len(checks) == 1
    os.utime(store.models.folder(name) / "model.onnx", ns=(1, 1))
    store.models.folder(name)
    assert len(checks) == 2
    Models(store).folder(name)
    assert len(checks) == 3


@pytest.mark.parametrize("name", ["model.onnx", "encoder.onnx", "notes/card.json", "manifest.json", "manifest.sig"])
def test_a_tampered_file_is_never_given_out(store: Store, files: dict[str, Path], name: str) -> None:
    model = store.models.register(version_of(), files)
    overwrite(store.models.folder(model) / name, b"evil")
    with pytest.raises(DigestMismatch, match=name):
        store.models.folder(model)


def test_a_file_tampered_with_under_the_same_size_and_time_is_found_by_another_process(
    store: Store, files: dict[str, Path]
) -> None:
    model = store.models.register(version_of(), files)
    path = store.models.folder(model) / "model.onnx"
    before = path.stat()
    overwrite(path, b"a grapH")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DigestMismatch, match=r"model\.onnx"):
        Models(store).folder(model)


def test_a_file_that_was_planted_is_noticed(store: Store, files: dict[str, Path]) -> None:
    model = store.models.register(version_of(), files)
    folder = store.models.folder(model)
    folder.chmod(0o755)
    (folder / "sitecustomize.py").write_text("evil")
    with pytest.raises(DigestMismatch, match="not in the manifest"):
        store.models.folder(model)


def test_a_file_that_became_a_link_is_noticed(store: Store, files: dict[str, Path], tmp_path: Path) -> None:
    model = store.models.register(version_of(), files)
    folder = store.models.folder(model)
    folder.chmod(0o755)
    (folder / "model.onnx").unlink()
    (folder / "model.onnx").symlink_to(files["model.onnx"])
    with pytest.raises(UnsafePath, match="link"):
        store.models.folder(model)


def test_a_file_that_went_missing_is_noticed(store: Store, files: dict[str, Path]) -> None:
    model = store.models.register(version_of(), files)
    folder = store.models.folder(model)
    folder.chmod(0o755)
    (folder / "model.onnx").unlink()
    with pytest.raises(NotFound, match=r"model\.onnx"):
        store.models.folder(model)


def test_a_tampered_artifact_leaves_no_folder(store: Store, files: dict[str, Path]) -> None:
    model = store.models.register(version_of(), files)
    digest = digest_bytes(BYTES["model.onnx"])
    overwrite(store.root / "artifacts" / digest[:2] / digest[2:4] / digest, b"evil")
    with pytest.raises(DigestMismatch, match=digest):
        store.models.folder(model)
    assert list((store.root / "cache" / "models").iterdir()) == []


def test_drafts_of_a_process_that_was_killed_long_ago_are_swept(store: Store, files: dict[str, Path]) -> None:
    old, young = (store.root / "cache" / "models" / f".draft-{age}" for age in ("old", "young"))
    write(old, {"model.onnx": b"half"})
    write(young, {"model.onnx": b"half"})
    os.utime(old, (1, 1))
    store.models.folder(store.models.register(version_of(), files))
    assert (old.exists(), young.exists()) == (False, True)


def test_another_process_that_was_faster_is_no_error(
    store: Store, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = store.models.register(version_of(), files)
    fetch = store.artifacts.fetch
    others = Models(store)

    def overtaken(*args: Any, **kwargs: Any) -> None:
        monkeypatch.setattr(store.artifacts, "fetch", fetch)
        others.folder(model)
        fetch(*args, **kwargs)

    monkeypatch.setattr(store.artifacts, "fetch", overtaken)
    assert store.models.folder(model) == others.folder(model)
    assert len(list((store.root / "cache" / "models").iterdir())) == 1


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"signature": "A" * 88}, SignatureInvalid),
        ({"manifest": {"id": "x"}}, SignatureInvalid),
    ],
)
def test_a_tampered_manifest_is_never_believed(
    store: Store,
    files: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    error: type[HoldfastError],
) -> None:
    model = store.models.register(version_of(), files)
    found = store.state.get("model", model)
    assert found is not None
    monkeypatch.setattr(store.state, "get", lambda kind, _: {**found, **change} if kind == "model" else None)
    for call in (store.models.get, store.models.folder, store.models.manifest):
        with pytest.raises(error):
            call(model)


def test_a_changed_digest_in_the_manifest_breaks_the_signature(
    store: Store, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = store.models.register(version_of(), files)
    found = store.state.get("model", model)
    assert found is not None
    found["manifest"]["files"]["model.onnx"]["sha256"] = "0" * 64
    monkeypatch.setattr(store.state, "get", lambda kind, _: found if kind == "model" else None)
    with pytest.raises(SignatureInvalid, match=model):
        store.models.folder(model)


def test_a_manifest_of_another_model_is_not_taken_for_it(
    store: Store, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, better = (store.models.register(version_of(reason=why), files) for why in ("one", "two"))
    found = store.state.get("model", better)
    monkeypatch.setattr(store.state, "get", lambda kind, _: found if kind == "model" else None)
    with pytest.raises(DigestMismatch, match=better):
        store.models.get(model)


@pytest.mark.parametrize("name", ["0" * 64, "", "../x", "tumour"])
def test_what_was_never_registered_is_not_found(store: Store, tmp_path: Path, name: str) -> None:
    models = store.models
    for call in (models.get, models.folder, models.get_package, models.package_folder, models.manifest):
        with pytest.raises(NotFound, match=r"no (model|package)"):
            call(name)
    with pytest.raises(NotFound):
        models.export(name, tmp_path / "out")


def test_a_file_with_another_digest_registers_nothing(store: Store, files: dict[str, Path]) -> None:
    files["model.onnx"].write_bytes(b"another graph")
    with pytest.raises(DigestMismatch, match=r"model\.onnx"):
        store.models.register(version_of(), files)
    assert store.journal.count() == 0


def test_a_file_that_is_not_there_registers_nothing(store: Store, files: dict[str, Path]) -> None:
    files["model.onnx"].unlink()
    with pytest.raises(NotFound, match=r"model\.onnx"):
        store.models.register(version_of(), files)
    assert store.journal.count() == 0


def test_files_and_version_must_name_the_same(store: Store, files: dict[str, Path]) -> None:
    files.pop("encoder.onnx")
    with pytest.raises(InvalidValue, match=r"encoder\.onnx"):
        store.models.register(version_of(), files)


@pytest.mark.parametrize("name", UNSAFE)
def test_a_name_that_would_leave_the_folder_registers_nothing(store: Store, tmp_path: Path, name: str) -> None:
    content = {"model.onnx": b"a graph", name: b"evil"}
    (tmp_path / "evil").write_bytes(b"evil")
    (tmp_path / "graph").write_bytes(b"a graph")
    with pytest.raises(UnsafePath):
        store.models.register(version_of(content), {"model.onnx": tmp_path / "graph", name: tmp_path / "evil"})
    assert store.journal.count() == 0
    assert list(store.artifacts.digests()) == []


@pytest.mark.parametrize("names", [["a", "A"], ["a", "a/b"], ["x/y", "X"], ["model.onnx", "MODEL.onnx"]])
def test_names_that_cannot_lie_in_one_folder_are_refused(names: list[str]) -> None:
    with pytest.raises(UnsafePath):
        safe_names(names)


@pytest.mark.parametrize("name", ["model.onnx", "a/b/c.json", "weights-00001-of-2.safetensors", ".hidden", "ö"])
def test_plain_names_are_safe(name: str) -> None:
    assert safe_name(name) == name


def test_a_package_reads_back(store: Store, files: dict[str, Path]) -> None:
    package = package_of(store.models.register(version_of(), files))
    assert store.models.pack(package, {"model.onnx": files["model.onnx"]}) == package.id
    assert store.models.get_package(package.id) == package
    folder = store.models.package_folder(package.id)
    assert set(read(folder)) == {"model.onnx", "manifest.json", "manifest.sig", "public.key"}
    assert store.models.manifest(package.id)["schema"]["task"] == "binary"
    event = store.journal.by_key(f"package:{package.id}")
    assert event is not None
    assert (event.type, event.model) == ("package.made", "tumour")


def test_a_package_of_no_registered_model_is_refused(store: Store, files: dict[str, Path]) -> None:
    with pytest.raises(NotFound, match="no model"):
        store.models.pack(package_of("0" * 64), {"model.onnx": files["model.onnx"]})


def test_a_tampered_package_is_never_given_out(store: Store, files: dict[str, Path]) -> None:
    package = store.models.pack(
        package_of(store.models.register(version_of(), files)), {"model.onnx": files["model.onnx"]}
    )
    overwrite(store.models.package_folder(package) / "model.onnx", b"evil")
    with pytest.raises(DigestMismatch, match=r"model\.onnx"):
        store.models.package_folder(package)


def test_an_export_holds_files_digests_signature_and_key(store: Store, files: dict[str, Path], tmp_path: Path) -> None:
    model = store.models.register(version_of(), files)
    folder = store.models.export(model, tmp_path / "new" / "out")
    found = read(folder)
    manifest = json.loads(found["manifest.json"])
    assert set(found) == {*BYTES, "manifest.json", "manifest.sig", "public.key"}
    assert manifest["id"] == model
    assert manifest["kind"] == "model"
    assert manifest["files"]["model.onnx"] == {"sha256": digest_bytes(b"a graph"), "size": 7}
    assert set(manifest) >= {"schema", "dataset", "trainer", "parameters", "key"}
    store.keys.verify(found["manifest.json"], found["manifest.sig"].decode().strip())
    assert found["public.key"].decode().strip() == store.keys.public_text


def test_exporting_again_into_the_same_folder_changes_nothing(
    store: Store, files: dict[str, Path], tmp_path: Path
) -> None:
    model = store.models.register(version_of(), files)
    (tmp_path / "out").mkdir()
    before = read(store.models.export(model, tmp_path / "out"))
    assert read(store.models.export(model, tmp_path / "out")) == before


def test_an_export_never_writes_over_something_else(store: Store, files: dict[str, Path], tmp_path: Path) -> None:
    first, second = (store.models.register(version_of(reason=why), files) for why in ("one", "two"))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("keep me")
    store.models.export(first, tmp_path / "out")
    for folder in (tmp_path / "mine", tmp_path / "out", files["model.onnx"]):
        with pytest.raises(InvalidValue, match="something else"):
            store.models.export(second, folder)
    with pytest.raises(StoreUnavailable, match="cannot write"):
        store.models.export(second, files["model.onnx"] / "below")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "keep me"


def test_an_export_into_a_folder_that_cannot_be_made_is_said(
    store: Store, files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = store.models.register(version_of(), files)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreUnavailable, match="No space left"):
        store.models.export(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert [path.name for path in tmp_path.iterdir() if "draft" in path.name] == []


@pytest.mark.parametrize("packed", [False, True])
def test_an_export_can_be_imported_where_its_key_is_trusted(
    store: Store, other: Store, files: dict[str, Path], tmp_path: Path, packed: bool
) -> None:
    name = store.models.register(version_of(), files)
    if packed:
        name = store.models.pack(package_of(name), {"model.onnx": files["model.onnx"]})
    folder = store.models.export(name, tmp_path / "out")
    with pytest.raises(SignatureInvalid, match="trusted"):
        other.models.import_export(folder)
    assert other.journal.count() == 0
    other.keys.trust((folder / "public.key").read_text())
    assert other.models.import_export(folder) == name
    assert other.models.import_export(folder) == name
    assert other.journal.count() == 1
    assert other.models.manifest(name) == store.models.manifest(name)
    assert read(other.models.export(name, tmp_path / "again")) == read(folder)


def test_a_key_in_the_export_itself_proves_nothing(
    store: Store, other: Store, files: dict[str, Path], tmp_path: Path
) -> None:
    folder = store.models.export(store.models.register(version_of(), files), tmp_path / "out")
    manifest = (folder / "manifest.json").read_bytes()
    (folder / "manifest.sig").write_text(other.keys.sign(manifest))
    (folder / "public.key").write_text(other.keys.public_text)
    with pytest.raises(SignatureInvalid):
        store.models.verify_export(folder)


@pytest.mark.parametrize(
    ("name", "data", "error"),
    [
        ("model.onnx", b"evil!!!", DigestMismatch),
        ("model.onnx", b"", DigestMismatch),
        ("more.txt", b"planted", DigestMismatch),
        ("manifest.json", b"{}", SignatureInvalid),
        ("manifest.sig", b"", SignatureInvalid),
        ("manifest.sig", b"\xff\xfe", SignatureInvalid),
    ],
)
def test_a_tampered_export_does_not_verify(
    store: Store, files: dict[str, Path], tmp_path: Path, *, name: str, data: bytes, error: type[HoldfastError]
) -> None:
    folder = store.models.export(store.models.register(version_of(), files), tmp_path / "out")
    (folder / name).write_bytes(data)
    with pytest.raises(error):
        store.models.verify_export(folder)
    with pytest.raises(error):
        store.models.import_export(folder)


@pytest.mark.parametrize("name", ["model.onnx", "manifest.json", "manifest.sig"])
def test_an_export_with_a_missing_file_does_not_verify(
    store: Store, files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    folder = store.models.export(store.models.register(version_of(), files), tmp_path / "out")
    (folder / name).unlink()
    with pytest.raises(NotFound, match=name):
        store.models.verify_export(folder)


def signed_export(store: Store, folder: Path, manifest: Any) -> Path:
    data = manifest if isinstance(manifest, bytes) else canonical_json(manifest)
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_bytes(data)
    (folder / "manifest.sig").write_text(store.keys.sign(data))
    return folder


@pytest.mark.parametrize("name", [name for name in UNSAFE if "anifest" not in name and name != "public.key"])
def test_an_unsafe_name_is_refused_even_when_it_is_signed(
    store: Store, files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    manifest = store.models.manifest(store.models.register(version_of(), files))
    manifest["files"][name] = {"sha256": "0" * 64, "size": 4}
    with pytest.raises(UnsafePath):
        store.models.import_export(signed_export(store, tmp_path / "out", manifest))


def test_a_file_that_is_named_as_the_manifest_is_refused_even_when_it_is_signed(
    store: Store, files: dict[str, Path], tmp_path: Path
) -> None:
    version = version_of({**BYTES, "manifest.sig": b"x"})
    manifest = store.models.manifest(store.models.register(version_of(), files))
    manifest["files"]["manifest.sig"] = {"sha256": digest_bytes(b"x"), "size": 1}
    manifest["id"] = version.id
    with pytest.raises(UnsafePath, match="name of the manifest"):
        store.models.verify_export(signed_export(store, tmp_path / "out", manifest))


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"b":1,"a":2}',
        b'{"format":"holdfast-manifest/9","files":{},"kind":"model","id":"x"}',
        b'{"files":[],"format":"holdfast-manifest/1"}',
        b'{"files":{"model.onnx":"x"},"format":"holdfast-manifest/1"}',
        b'{"files":{"model.onnx":{"sha256":"x","size":-1}},"format":"holdfast-manifest/1"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_manifest_is_unreadable_even_when_it_is_signed(
    store: Store, tmp_path: Path, manifest: bytes
) -> None:
    with pytest.raises(UnreadableData):
        store.models.verify_export(signed_export(store, tmp_path / "out", manifest))


def test_a_manifest_that_describes_something_else_is_refused_even_when_it_is_signed(
    store: Store, files: dict[str, Path], tmp_path: Path
) -> None:
    manifest = store.models.manifest(store.models.register(version_of(), files))
    with pytest.raises(DigestMismatch, match="states id"):
        store.models.verify_export(signed_export(store, tmp_path / "out", {**manifest, "trainer": "other"}))


def test_a_manifest_that_names_no_trusted_key_is_refused(store: Store, files: dict[str, Path], tmp_path: Path) -> None:
    folder = store.models.export(store.models.register(version_of(), files), tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    with pytest.raises(SignatureInvalid, match="names key"):
        store.models.verify_export(signed_export(store, folder, {**manifest, "key": "0" * 64}))


def test_a_folder_without_an_export_is_not_found(store: Store, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(NotFound, match=r"manifest\.json"):
            store.models.verify_export(folder)
