"""The suite of packagers: what is well made passes, and every broken rule is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.errors import DataError, NotFound
from holdfast.core.ports import Packed
from holdfast.testing import (
    ConformanceError,
    check_packager,
    tiny_model,
)


class Copier:
    """Copies the model."""

    name = "tried"
    told = 0.0
    keys = ("max_difference", "label_flips", "rows")

    def pack(self, model: Any, source: Path, folder: Path, *, sample: Any, original: Any, settings: Any) -> Packed:
        if len(original) != sample.height:
            raise DataError("answers of another length")
        if not (source / "model.onnx").is_file():
            raise NotFound("no model.onnx", where=str(source))
        shutil.copy(source / "model.onnx", folder / "model.onnx")
        parity = {"max_difference": self.told, "label_flips": 0.0, "rows": float(sample.height)}
        size = (folder / "model.onnx").stat().st_size
        return Packed({"model.onnx": folder / "model.onnx"}, {key: parity[key] for key in self.keys}, size)


class Mistaken(Copier):
    """Packs another model."""

    def pack(self, model: Any, source: Path, folder: Path, **given: Any) -> Packed:
        packed = super().pack(model, source, folder, **given)
        other = folder.parent / f"other {folder.name}"
        other.mkdir()
        tiny_model(other, task="regression" if model.schema.task == "forecasting" else "forecasting")
        spoilt = (other / "model.onnx").read_bytes().replace(b"\x00\x00\x34\x42", b"\x00\x00\x20\x42")
        (folder / "model.onnx").write_bytes(spoilt)
        return packed


def test_a_good_packager_conforms() -> None:
    check_packager(Copier())
    check_packager(Copier(), task="regression")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"told": 0.5}, "answers up to 0.5 apart"),
        ({"keys": ("rows",)}, "measured no parity 'max_difference'"),
        ({"keys": ("max_difference", "rows")}, "measured no parity 'label_flips'"),
    ],
)
def test_a_packager_that_breaks_a_rule_is_named_with_the_rule(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_packager(type("Tried", (Copier,), changes)())


def test_a_package_that_answers_otherwise_than_it_says_is_found() -> None:
    with pytest.raises(ConformanceError, match="and they differ by"):
        check_packager(Mistaken(), task="regression")
