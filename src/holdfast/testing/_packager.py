"""The suite of packagers."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.core.digests import plain
from holdfast.core.models import CLASSIFICATION, Package
from holdfast.core.ports import Packager, Packed
from holdfast.core.subjects import Model
from holdfast.testing._conformance import digests_of, must_refuse, must_work, require, require_plain, resolve
from holdfast.testing.model import tiny_model, tiny_version

#: What parity must be measured as; ``label_flips`` besides where the model classifies.
PARITY_KEYS = ("max_difference", "rows")


def check_packager(
    packager: Packager | str,
    *,
    task: str = "binary",
    settings: Mapping[str, Any] | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Check a packager on a tiny model: files, measured parity, answers, determinism, and bad input.

    Parameters
    ----------
    packager
        The packager, or the name that it is registered under.
    task
        Task of the tiny model.
    settings
        Settings of the packager.
    tolerance
        Most that the package's answers may differ from the model's; larger for a package that trades exactness.

    Raises
    ------
    ConformanceError
        If the packager breaks a rule of the port; says which, and what was seen.
    """
    made: Packager = resolve("packager", packager)
    require(isinstance(made, Packager), f"{made!r} lacks members of Packager")
    what = f"packager {made.name!r} on a tiny model ({task})"
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        folders = {name: root / name for name in ("source", "first", "second", "empty", "third", "fourth")}
        for folder in folders.values():
            folder.mkdir()
        model = tiny_model(folders["source"], task=task)
        before = digests_of(model.folder)
        given = dict(settings or {})
        first = must_work(what, partial(_pack, made, model, folders["first"], settings=given))
        require(digests_of(model.folder) == before, f"{what} changed the files of the model")
        _check_packed(first, model, folders["first"], what)
        _check_answers(first, model, what, tolerance=tolerance)
        second = must_work(what, partial(_pack, made, model, folders["second"], settings=given))
        same = digests_of(folders["first"]) == digests_of(folders["second"]) and first.parity == second.parity
        require(same, f"{what} made two different packages of one model")
        empty = partial(_pack, made, model, folders["third"], settings=given, source=folders["empty"])
        must_refuse(f"{what} whose files are gone", empty)
        short = partial(
            _pack, made, model, folders["fourth"], settings=given, original=model.predict(model.sample)[:-1]
        )
        must_refuse(f"{what} with an answer of the original too few", short)


def _pack(
    packager: Packager,
    model: Model,
    folder: Path,
    *,
    settings: Mapping[str, Any],
    source: Path | None = None,
    original: np.ndarray | None = None,
) -> Packed:
    return packager.pack(
        tiny_version(model.folder, task=model.schema.task),
        source or model.folder,
        folder,
        sample=model.sample,
        original=model.predict(model.sample) if original is None else original,
        settings=settings,
    )


def _check_packed(packed: Packed, model: Model, folder: Path, what: str) -> None:
    require(isinstance(packed, Packed), f"{what} gave a {type(packed).__name__}, not Packed")
    require(packed.files, f"{what} gave no files")
    for name, path in packed.files.items():
        require(path.is_file(), f"{what} names the file {name!r}, and {path} is not there")
        require(path.resolve().is_relative_to(folder.resolve()), f"{what} wrote {name!r} outside its folder, at {path}")
    flips = ("label_flips",) if model.schema.task in CLASSIFICATION else ()
    for key in (*PARITY_KEYS, *flips):
        require(
            np.isfinite(packed.parity.get(key, np.nan)), f"{what} measured no parity {key!r}, but {dict(packed.parity)}"
        )
    rows = packed.parity["rows"]
    require(rows == model.sample.height, f"{what} measured parity on {rows} rows of {model.sample.height}")
    total = sum(path.stat().st_size for path in packed.files.values())
    require(0 < packed.size_bytes <= total, f"{what} says {packed.size_bytes} bytes, its files have {total}")
    require_plain(packed.settings, f"{what}: settings")
    # A package of these numbers must be one that the registry takes.
    digests = {name: digests_of(folder)[str(path.relative_to(folder))] for name, path in packed.files.items()}
    package = Package("a" * 64, "tiny", digests, dict(packed.parity), packed.size_bytes, dict(packed.settings))
    require_plain(plain(package), f"{what}: package")


def _check_answers(packed: Packed, model: Model, what: str, *, tolerance: float) -> None:
    from holdfast.serve.models import load_model

    told = packed.parity["max_difference"]
    require(
        told <= tolerance, f"{what} answers up to {told:.3g} apart from the model; expected at most {tolerance:.3g}"
    )
    path = packed.files.get("model.onnx")
    if path is None:
        return
    loaded = must_work(f"{what}: loading the package", partial(load_model, path, model.schema))
    score, decision = must_work(f"{what}: asking the package", partial(loaded.decide, model.sample))
    found = float(np.abs(score - model.predict(model.sample)).max())
    require(found <= told + 1e-6, f"{what} says its answers differ by {told:.3g}, and they differ by {found:.3g}")
    if model.schema.task in CLASSIFICATION:
        known = set(model.schema.classes)
        require(
            decision is not None and set(decision) <= known, f"{what} answers with labels {decision} not in {known}"
        )
