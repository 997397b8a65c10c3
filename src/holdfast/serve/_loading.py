"""Deployed packages, loaded: their files are checked against their digests first."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from holdfast.core.digests import digest_of, is_digest
from holdfast.core.errors import DigestMismatch, ModelNotReady, UnsafePath
from holdfast.serve._graph import ServedGraph
from holdfast.serve._served import Post, Served
from holdfast.serve.models import load_model

AnyServed = Served | ServedGraph


def load_served(folder: Path, post: Post, *, max_rows: int) -> AnyServed:
    """Load a deployed package, after its files were checked against the package's digest.

    Raises
    ------
    DigestMismatch
        If a file is not what the package says, or the package is not what the route says.
    ModelNotReady
        If there is no model, or it cannot be loaded.
    """
    if is_digest(post.package):
        verify_package(folder, post.package)
    model = load_model(folder)
    kind = Served if model.has_schema else ServedGraph
    return kind(model, post, max_rows=max_rows)


def verify_package(folder: Path, package: str) -> None:
    """Check the files in a folder against the id of their package: `package.json` digests to it, and names theirs.

    Raises
    ------
    DigestMismatch
        If anything differs.
    ModelNotReady
        If a file is missing.
    UnsafePath
        If a name would leave the folder.
    """
    try:
        found = json.loads((folder / "package.json").read_bytes())
        files = dict(found["files"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelNotReady(f"no package: {error}", where=str(folder), expected="package.json with files") from error
    if digest_of(found) != package:
        raise DigestMismatch(f"package.json has digest {digest_of(found)}", where=str(folder), expected=package)
    root = folder.resolve()
    for name, digest in files.items():
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise UnsafePath(f"file {name!r}", where=str(folder), expected="a name inside the folder")
        try:
            actual = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise ModelNotReady(f"file {name!r} is missing", where=str(folder), expected=f"digest {digest}") from error
        if actual != digest:
            raise DigestMismatch(f"file {name!r} has digest {actual}", where=str(folder), expected=digest)
