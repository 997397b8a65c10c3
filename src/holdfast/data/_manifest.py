"""The manifest of a trained model: what it takes and gives, what it came from, and the digest of each of its files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import plain
from holdfast.core.errors import DigestMismatch, HoldfastError, NotFound, UnreadableData
from holdfast.data._forecast import Series, read_series

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema

FORMAT = "holdfast.model/1"
NAME, MODEL = "manifest.json", "model.onnx"

_MOST_BYTES = 64 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class Manifest:
    """What is known of the model in a folder.

    Parameters
    ----------
    folder
        The folder; the files in it are those that the manifest names.
    schema
        What the model takes and gives.
    parses
        How the text columns are read that held dates in training, by column.
    texts
        Columns that were text in the training table: they are to be read as text, whatever they look like.
    series
        How the columns of a forecast are made from a series; None for the other tasks.
    """

    folder: Path
    schema: ModelSchema
    parses: Mapping[str, Mapping[str, str]]
    texts: tuple[str, ...]
    series: Series | None

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a table must have to be asked about."""
        if self.series is None:
            return self.schema.names
        made = set(self.series.plan.names)
        return tuple(dict.fromkeys([*self.series.columns, *(name for name in self.schema.names if name not in made)]))


def manifest_data(
    schema: ModelSchema,
    *,
    sources: Mapping[str, str],
    parses: Mapping[str, Mapping[str, str]],
    files: Sequence[Path],
    **more: Any,
) -> dict[str, Any]:
    """Plain data of a manifest.

    Parameters
    ----------
    schema
        What the model takes and gives.
    sources
        Type of each column in the table that was read.
    parses
        Formats of the dates that were text there.
    files
        Files of the model, to be named with their digests.
    more
        What else is to be known: data, seed, trainer, parameters, recipes, series, holdfast.
    """
    columns = [
        {**plain(each), "source_dtype": sources.get(each.name), "parse": parses.get(each.name)}
        for each in schema.columns
    ]
    made = {
        "format": FORMAT,
        "task": schema.task,
        "target": schema.target,
        "columns": columns,
        "classes": list(schema.classes),
        "positive": schema.positive,
        "digests": {each.name: file_digest(each) for each in files},
        **more,
    }
    found: dict[str, Any] = plain(made)
    return found


def files_of(path: Path) -> set[str]:
    """Names of the files that belong to a manifest, itself among them; none where the file is no manifest of ours."""
    try:
        found = _read(path)
    except HoldfastError:
        return set()
    return {path.name, *map(str, found.get("digests") or ())} if found.get("format") == FORMAT else set()


def read_manifest(folder: Path) -> Manifest:
    """Manifest of the model in a folder, after its files were found to be those that it names.

    A report that was left out when the model was copied is not missed; every file that is there is checked.

    Raises
    ------
    NotFound
        If there is no manifest, or no model.
    UnreadableData
        If the manifest is none.
    DigestMismatch
        If a file is another one.
    UnsafePath
        If a name leads out of the folder.
    """
    from holdfast.serve.models import schema_from

    path = folder / NAME
    found = _read(path)
    if found.get("format") != FORMAT:
        raise UnreadableData(f"a manifest of format {found.get('format')!r}", where=str(path), expected=repr(FORMAT))
    schema = schema_from(found, where=str(path))
    try:
        digests = {str(name): str(digest) for name, digest in found["digests"].items()}
        columns = {str(each["name"]): each for each in found["columns"]}
        parses = {name: _parse(each["parse"]) for name, each in columns.items() if each.get("parse")}
        texts = tuple(name for name, each in columns.items() if each.get("source_dtype") == "String")
        series = found.get("series") or {}
        parses |= {str(name): _parse(each) for name, each in series.get("parses", {}).items()}
        texts = (*texts, *map(str, series.get("texts", ())))
    except (KeyError, TypeError, AttributeError) as error:
        raise UnreadableData(f"no manifest: {error}", where=str(path), expected="digests and columns") from error
    _verify(folder, digests)
    return Manifest(folder, schema, parses, texts, read_series(folder, series) if series else None)


def _parse(found: Any) -> dict[str, str]:
    return {"kind": str(found["kind"]), "format": str(found["format"])}


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise UnreadableData("the manifest is too large to be one", where=str(path))
        found = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(
            "no model", where=str(path.parent), expected="a folder that `holdfast train --out` wrote"
        ) from error
    except (ValueError, OSError, RecursionError) as error:
        raise UnreadableData(f"no JSON: {error}", where=str(path), expected="a manifest") from error
    if not isinstance(found, dict):
        raise UnreadableData(f"a {type(found).__name__}", where=str(path), expected="a manifest")
    return found


def _verify(folder: Path, digests: Mapping[str, str]) -> None:
    from holdfast.store.files import inside

    if MODEL not in digests or not (folder / MODEL).is_file():
        raise NotFound(f"no {MODEL}", where=str(folder), expected="a folder that `holdfast train --out` wrote")
    for name, digest in digests.items():
        path = inside(folder, name)
        if path.is_file() and (actual := file_digest(path)) != digest:
            raise DigestMismatch(
                f"{name} is not the file that the manifest names: its digest is {actual}",
                where=str(folder),
                expected=digest,
            )


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in 64 hexadecimal digits."""
    made = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            made.update(chunk)
    return made.hexdigest()
