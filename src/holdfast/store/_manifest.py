"""Manifests: what a model version or package is made of, as signed canonical JSON, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from holdfast.core.digests import canonical_json, is_digest, plain
from holdfast.core.errors import DigestMismatch, HoldfastError, UnreadableData
from holdfast.core.models import ModelVersion, Package
from holdfast.store._files import safe_names

FORMAT = "holdfast-manifest/1"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
PUBLIC_KEY = "public.key"

#: Names that lie beside the files and so cannot be theirs.
RESERVED = (MANIFEST, SIGNATURE, PUBLIC_KEY)

_LARGEST = 64 << 20


def model_manifest(version: ModelVersion, sizes: Mapping[str, int], *, key: str) -> dict[str, Any]:
    """Manifest of a model version.

    Parameters
    ----------
    version
        The model version.
    sizes
        Bytes of each of its files.
    key
        Fingerprint of the key that signs it.
    """
    return {
        "format": FORMAT,
        "kind": "model",
        "id": version.id,
        "files": _files(version.files, sizes),
        "key": key,
        **_lineage(version),
    }


def package_manifest(package: Package, model: ModelVersion, sizes: Mapping[str, int], *, key: str) -> dict[str, Any]:
    """Manifest of a package: its own files, and the schema and lineage of the model version it was made from."""
    return {
        "format": FORMAT,
        "kind": "package",
        "id": package.id,
        "files": _files(package.files, sizes),
        "key": key,
        "package": {
            "model": package.model,
            "kind": package.kind,
            "parity": plain(package.parity),
            "size_bytes": package.size_bytes,
            "settings": plain(package.settings),
        },
        **_lineage(model),
    }


def _files(digests: Mapping[str, str], sizes: Mapping[str, int]) -> dict[str, Any]:
    return {name: {"sha256": digest, "size": sizes[name]} for name, digest in digests.items()}


def _lineage(version: ModelVersion) -> dict[str, Any]:
    return {name: each for name, each in plain(version).items() if name != "files"}


def noun_of(manifest: Mapping[str, Any], *, where: str) -> ModelVersion | Package:
    """Rebuild the model version or package that a manifest describes; it has the id that the manifest states.

    Raises
    ------
    UnreadableData
        If the manifest is not one.
    UnsafePath
        If the name of a file would leave its folder.
    DigestMismatch
        If what it describes has another id.
    """
    from holdfast.store.codec import decode

    try:
        digests = {name: each["sha256"] for name, each in manifest["files"].items()}
        if manifest["format"] != FORMAT or any(not _is_size(each["size"]) for each in manifest["files"].values()):
            raise UnreadableData(f"format {manifest['format']!r}", where=where, expected=FORMAT)
        safe_names(digests, where=where)
        if manifest["kind"] == "package":
            noun: ModelVersion | Package = decode(Package, {**manifest["package"], "files": digests})
        else:
            names = ("name", "schema", "dataset", "trainer", "parameters", "code", "parent", "reason")
            noun = decode(ModelVersion, {"files": digests, **{name: manifest[name] for name in names}})
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableData(f"the manifest lacks {error}", where=where, expected=FORMAT) from error
    if noun.id != manifest["id"] or not is_digest(noun.id):
        raise DigestMismatch(f"the manifest states id {manifest['id']}", where=where, expected=noun.id)
    return noun


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size >= 0


def parse_manifest(data: bytes, *, where: str) -> dict[str, Any]:
    """Read a manifest from its bytes, which must be their own canonical form.

    Raises
    ------
    UnreadableData
        If they are not the canonical JSON of a mapping.
    """
    try:
        found = json.loads(data.decode("utf-8")) if len(data) <= _LARGEST else None
        if not isinstance(found, dict) or canonical_json(found) != data:
            raise UnreadableData("this is no manifest", where=where, expected="canonical JSON of a mapping")
    except (ValueError, RecursionError, HoldfastError) as error:
        raise UnreadableData(f"this is no manifest: {error}"[:300], where=where, expected="canonical JSON") from error
    return found
