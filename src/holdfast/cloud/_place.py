"""A place on this machine: package folders named by digest, and the routes file that the server reads."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.core.digests import canonical_json, digest_of
from holdfast.core.errors import DigestMismatch, NotFound, StoreUnavailable, UnreadableData, UnsafePath
from holdfast.core.models import ROLES, Package

#: Files that may lie beside a package's own: they say what it is, and are not part of its digest.
BESIDE = ("manifest.json", "manifest.sig", "public.pem", "schema.json")
_CHUNK = 1 << 20


@contextmanager
def locked(place: Path) -> Iterator[None]:
    """Keep every other writer of the place's routes out."""
    place.mkdir(parents=True, exist_ok=True)
    handle = os.open(place / "routes.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_package(package: Package, source: Path, place: Path) -> Path:
    """Write a package's files under ``models/<package id>`` in a place: whole and verified, or not at all.

    Parameters
    ----------
    package
        The package.
    source
        Folder with its files.
    place
        The place.

    Returns
    -------
    Path
        The folder, relative to the place.

    Raises
    ------
    DigestMismatch
        If a file is not what the package says.
    NotFound
        If a file is missing.
    UnsafePath
        If a file's name would leave the folder.
    StoreUnavailable
        If the place cannot be written.
    """
    relative = Path("models") / package.id
    final = place / relative
    if final.is_dir():
        return relative
    draft = place / "models" / f".{package.id[:16]}.{secrets.token_hex(6)}"
    try:
        draft.mkdir(parents=True)
        _fill(draft, package, source)
        try:
            draft.rename(final)
        except OSError:
            if not final.is_dir():  # another writer was first: theirs has the same digest
                raise
        _sync_folder(final.parent)
    except OSError as error:
        raise StoreUnavailable(f"cannot write: {error.strerror or error}", where=str(place)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return relative


def _fill(draft: Path, package: Package, source: Path) -> None:
    for name, digest in sorted(package.files.items()):
        _copy(_inside(source, name), _inside(draft, name), digest)
    for name in BESIDE:
        beside = source / name
        if name not in package.files and beside.is_file():
            _copy(beside, draft / name, None)
    _write(draft / "package.json", canonical_json(package))


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not name or not path.is_relative_to(folder.resolve()) or path == folder.resolve():
        raise UnsafePath(f"file {name!r}", where=str(folder), expected="a name inside the folder")
    return path


def _copy(source: Path, target: Path, digest: str | None) -> None:
    if not source.is_file():
        raise NotFound(f"no file {source.name!r}", where=str(source.parent), expected=f"digest {digest}")
    target.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with source.open("rb") as reading, target.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            found.update(chunk)
            writing.write(chunk)
        writing.flush()
        os.fsync(writing.fileno())
    if digest is not None and found.hexdigest() != digest:
        raise DigestMismatch(
            f"file {source.name!r} has digest {found.hexdigest()}", where=str(source.parent), expected=digest
        )


def read_routes(place: Path) -> dict[str, dict[str, Any]]:
    """Routes of a place: model name -> role -> entry; empty when there are none yet.

    Raises
    ------
    UnreadableData
        If the file is no routes file.
    """
    path = place / "routes.json"
    try:
        found = json.loads(path.read_bytes())
        models = found["models"]
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableData(f"no routes: {error}", where=str(path), expected='{"models": {...}}') from error
    return {str(name): {role: entries.get(role) for role in ROLES} for name, entries in models.items()}


def write_routes(place: Path, models: Mapping[str, Mapping[str, Any]]) -> None:
    """Replace the routes of a place, as a whole and durably. `locked` must be held."""
    kept = {
        name: {role: roles.get(role) for role in ROLES} for name, roles in sorted(models.items()) if any(roles.values())
    }
    fresh = place / f".routes.json.{secrets.token_hex(6)}"
    try:
        _write(fresh, json.dumps({"models": kept}, indent=1, sort_keys=True).encode() + b"\n")
        fresh.replace(place / "routes.json")
        _sync_folder(place)
    except OSError as error:
        raise StoreUnavailable(f"cannot write: {error.strerror or error}", where=str(place)) from error
    finally:
        fresh.unlink(missing_ok=True)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sweep(place: Path, models: Mapping[str, Mapping[str, Any]], *, keep: int = 8) -> None:
    """Remove packages that no route names, but for the `keep` written last (a rollback needs no copying then)."""
    named = {entry["package"] for roles in models.values() for entry in roles.values() if entry}
    folder = place / "models"
    if not folder.is_dir():
        return
    spare = [each for each in folder.iterdir() if not each.name.startswith(".") and each.name not in named]
    for each in sorted(spare, key=lambda path: path.stat().st_mtime_ns, reverse=True)[keep:]:
        shutil.rmtree(each, ignore_errors=True)


def package_is_whole(folder: Path, package: str) -> bool:
    """Whether a folder says that it is that package (its files are verified by whoever loads them)."""
    try:
        return digest_of(json.loads((folder / "package.json").read_bytes())) == package
    except (OSError, ValueError):
        return False
