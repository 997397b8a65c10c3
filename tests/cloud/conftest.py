"""Fixtures of the cloud room: a package, and a place."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from holdfast.core.models import Deployment, Package


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Folder with a package's files (the target does not look into them)."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "model.onnx").write_bytes(b"a model")
    (folder / "schema.json").write_bytes(b"{}")
    (folder / "manifest.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def package(source: Path) -> Package:
    """Package of the two files."""
    names = ("model.onnx", "schema.json")
    files = {name: hashlib.sha256((source / name).read_bytes()).hexdigest() for name in names}
    return Package(model=f"{7:064x}", kind="onnx", files=files, parity={}, size_bytes=9)


@pytest.fixture
def champion(package: Package) -> Deployment:
    """The package as champion."""
    return Deployment("tumour", package.model, package.id, "local", "champion", 1.0, datetime(2026, 1, 2, tzinfo=UTC))
