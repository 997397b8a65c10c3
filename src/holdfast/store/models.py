"""Models: the registry of signed, content-addressed model versions and packages."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import canonical_json, is_digest, plain
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound, SignatureInvalid, UnsafePath
from holdfast.core.models import ModelVersion, Package
from holdfast.store._files import safe_names
from holdfast.store._folders import FolderCache, Signed, check_folder, write_folder
from holdfast.store._manifest import (
    MANIFEST,
    RESERVED,
    SIGNATURE,
    model_manifest,
    noun_of,
    package_manifest,
    parse_manifest,
)
from holdfast.store.keys import Keys, fingerprint

if TYPE_CHECKING:
    from holdfast.store._store import Store

_EVENTS = {"model": "model.registered", "package": "package.made"}


class Models:
    """The model versions and packages of a project: signed manifests over files by digest. Nothing in it runs code.

    Parameters
    ----------
    store
        The store: files go to its artifacts, manifests to its journal, signed by its key.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def register(self, version: ModelVersion, files: Mapping[str, Path], *, key: str | None = None) -> str:
        """Register a model version: its files first, then the event ``model.registered``.

        Parameters
        ----------
        version
            The model version, with the digest of every file.
        files
            Where those files lie, by the same names.
        key
            Key of the event; ``model:<id>`` when None. Registering the same version again changes nothing.

        Returns
        -------
        str
            Id of the model version.

        Raises
        ------
        DigestMismatch
            If a file does not have its digest; nothing was registered then.
        UnsafePath
            If the name of a file would leave its folder.
        NotFound
            If a file is not there.
        InvalidValue
            If `files` and the version name different files.
        """
        sizes = self._put(version.files, files, where=f"model {version.name!r}")
        manifest = model_manifest(version, sizes, key=self._store.keys.fingerprint)
        signature = self._store.keys.sign(canonical_json(manifest))
        self._record("model", version, manifest, signature, name=version.name, key=key)
        return version.id

    def pack(self, package: Package, files: Mapping[str, Path]) -> str:
        """Keep a package of a registered model version: its files, then the event ``package.made``.

        Returns
        -------
        str
            Id of the package.

        Raises
        ------
        NotFound
            If its model version is not registered, or a file is not there.
        DigestMismatch, UnsafePath, InvalidValue
            As `register`.
        """
        model = self.get(package.model)
        sizes = self._put(package.files, files, where=f"package {package.kind!r}")
        manifest = package_manifest(package, model, sizes, key=self._store.keys.fingerprint)
        signature = self._store.keys.sign(canonical_json(manifest))
        self._record("package", package, manifest, signature, name=model.name, key=None)
        return package.id

    def get(self, model: str) -> ModelVersion:
        """Find the model version with that id, its signature verified.

        Raises
        ------
        NotFound
            If there is none.
        SignatureInvalid
            If no trusted key signed its manifest.
        DigestMismatch
            If the manifest describes something else.
        """
        noun = noun_of(self._signed("model", model).manifest, where=f"model {model}")
        if not isinstance(noun, ModelVersion):
            raise DigestMismatch(
                "this is no model version", where=f"model {model}", expected="the id of a model version"
            )
        return noun

    def get_package(self, package: str) -> Package:
        """Find the package with that id, its signature verified; errors as of `get`."""
        noun = noun_of(self._signed("package", package).manifest, where=f"package {package}")
        if not isinstance(noun, Package):
            raise DigestMismatch("this is no package", where=f"package {package}", expected="the id of a package")
        return noun

    def manifest(self, any_id: str) -> dict[str, Any]:
        """Read the verified manifest of a model version or package; errors as of `get`."""
        return dict(self._signed(self._kind(any_id), any_id).manifest)

    def folder(self, model: str) -> Path:
        """Read-only folder with the files of a model version, its manifest and signature; all verified.

        Raises
        ------
        NotFound
            If there is no such version, or bytes of it are missing.
        SignatureInvalid
            If no trusted key signed its manifest.
        DigestMismatch
            If a file was tampered with.
        """
        self.get(model)
        return self._models.get(self._signed("model", model))

    def package_folder(self, package: str) -> Path:
        """Read-only folder with the files of a package, its manifest and signature; errors as of `folder`."""
        self.get_package(package)
        return self._packages.get(self._signed("package", package))

    def ids(self, name: str | None = None) -> tuple[str, ...]:
        """Ids of the model versions in the order they were registered; those of one model when it is named."""
        events = self._store.journal.events(types=("model.registered",), model=name)
        return tuple(dict.fromkeys(str(event.payload["id"]) for event in events))

    def export(self, any_id: str, folder: Path) -> Path:
        """Write a model version or package with its manifest, signature and public key into a folder.

        Parameters
        ----------
        any_id
            Id of a model version or a package.
        folder
            A folder that is not there, is empty, or already holds this export.

        Returns
        -------
        Path
            The folder: the files, ``manifest.json``, ``manifest.sig`` (base64) and ``public.key``.

        Raises
        ------
        NotFound, SignatureInvalid, DigestMismatch
            As `folder`.
        InvalidValue
            If something else is in the folder.
        """
        signed, folder = self._signed(self._kind(any_id), any_id), Path(folder)
        noun_of(signed.manifest, where=any_id)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not (folder / MANIFEST).is_file() or self.verify_export(folder)["id"] != any_id:
                raise InvalidValue("something else is in the folder", where=str(folder), expected="an empty folder")
            return folder
        try:
            write_folder(signed, self._store.artifacts, folder)
        except FileExistsError as error:
            raise InvalidValue("the folder cannot be made", where=str(folder), expected="an empty folder") from error
        return folder

    def verify_export(self, folder: Path) -> dict[str, Any]:
        """Verify an exported folder and read its manifest: signed by a trusted key, every file as it was signed.

        Raises
        ------
        NotFound
            If the manifest, its signature or a file is missing.
        SignatureInvalid
            If no key that this project trusts signed it; `holdfast.store.keys.Keys.trust` takes another key.
        DigestMismatch
            If a file was changed or added.
        UnsafePath
            If a name would leave the folder, or a file is a link.
        UnreadableData
            If the manifest is not one.
        """
        return dict(verify_export(folder, self._store.keys).manifest)

    def import_export(self, folder: Path) -> str:
        """Register what an exported folder holds, under the signature it came with; errors as of `verify_export`.

        Returns
        -------
        str
            Id of the model version or package.
        """
        folder = Path(folder)
        signed = verify_export(folder, self._store.keys)
        noun = noun_of(signed.manifest, where=str(folder))
        self._put(noun.files, {name: folder / name for name in noun.files}, where=str(folder))
        kind = "model" if isinstance(noun, ModelVersion) else "package"
        name = str(signed.manifest["name"])
        self._record(kind, noun, signed.manifest, signed.signature, name=name, key=None)
        return noun.id

    @functools.cached_property
    def _models(self) -> FolderCache:
        return FolderCache(self._store.root / "cache" / "models", self._store.artifacts)

    @functools.cached_property
    def _packages(self) -> FolderCache:
        return FolderCache(self._store.root / "cache" / "packages", self._store.artifacts)

    def _put(self, digests: Mapping[str, str], files: Mapping[str, Path], *, where: str) -> dict[str, int]:
        safe_names([*digests, *RESERVED], where=where)
        if set(digests) != set(files):
            message = f"files {sorted(files)} are given"
            raise InvalidValue(message, where=where, expected=f"the files {sorted(digests)}")
        sizes = {}
        for name, digest in digests.items():
            found = self._store.artifacts.put_file(Path(files[name]))
            if found != digest:
                raise DigestMismatch(f"file {name!r} has digest {found}", where=where, expected=digest)
            sizes[name] = self._store.artifacts.size(found) or 0
        return sizes

    def _record(
        self,
        kind: str,
        noun: ModelVersion | Package,
        manifest: Mapping[str, Any],
        signature: str,
        *,
        name: str,
        key: str | None,
    ) -> None:
        field = "version" if kind == "model" else "package"
        payload = {"id": noun.id, field: plain(noun), "manifest": plain(manifest), "signature": signature}
        self._store.journal.append(_EVENTS[kind], payload, model=name, key=key or f"{kind}:{noun.id}")

    def _kind(self, any_id: str) -> str:
        found = is_digest(any_id) and self._store.state.get("package", any_id) is not None
        return "package" if found else "model"

    def _signed(self, kind: str, any_id: str) -> Signed:
        found = self._store.state.get(kind, any_id) if is_digest(any_id) else None
        if found is None:
            raise NotFound(f"no {kind} {str(any_id)[:80]!r}", expected="the id of one that was registered")
        manifest, signature, where = found["manifest"], found["signature"], f"{kind} {any_id}"
        self._store.keys.verify(canonical_json(manifest), signature, where=where)
        if manifest.get("id") != any_id:
            raise DigestMismatch(f"the manifest is that of {manifest.get('id')}", where=where, expected=any_id)
        return Signed(manifest, signature, _signer(self._store.keys, manifest, where=where))


def verify_export(folder: Path, keys: Keys) -> Signed:
    """Verify an exported folder; its manifest, with the signature and the trusted key that made it.

    Raises
    ------
    NotFound, SignatureInvalid, DigestMismatch, UnsafePath, UnreadableData
        As `Models.verify_export`.
    """
    folder, where = Path(folder), str(folder)
    for name in (MANIFEST, SIGNATURE):
        if not (folder / name).is_file() or (folder / name).is_symlink():
            raise NotFound(f"there is no {name}", where=where, expected="a folder that was exported")
    data = (folder / MANIFEST).read_bytes()
    signature = (folder / SIGNATURE).read_text("utf-8", errors="replace").strip()
    keys.verify(data, signature, where=where)
    manifest = parse_manifest(data, where=where)
    noun = noun_of(manifest, where=where)
    if set(noun.files) & set(RESERVED):
        raise UnsafePath("a file has the name of the manifest", where=where, expected=f"none of {RESERVED}")
    check_folder(manifest, folder)
    return Signed(manifest, signature, _signer(keys, manifest, where=where))


def _signer(keys: Keys, manifest: Mapping[str, Any], *, where: str) -> str:
    found = next((text for text in keys.trusted() if fingerprint(text) == manifest.get("key")), None)
    if found is None:
        message = f"the manifest names key {manifest.get('key')}"
        raise SignatureInvalid(message, where=where, expected="the key that signed it, trusted here")
    return found
