"""Fixtures of floor 0: a registry of its own, and rooms that exist for one test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import holdfast
from holdfast.core import registry


@pytest.fixture
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registry with nothing in it and nothing to load."""
    monkeypatch.setattr(registry, "_entries", {kind: {} for kind in registry.FOLDERS})
    monkeypatch.setattr(registry, "_loaded", set(registry.FOLDERS.values()))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Writer of files into an empty house whose rooms are the folders of `tmp_path / "house"`.

    What lies in `tmp_path / "outside"` is importable and its distributions are installed.
    """
    inside, outside = tmp_path / "house", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    before = set(sys.modules)
    monkeypatch.setattr(registry, "_entries", {kind: {} for kind in registry.FOLDERS})
    monkeypatch.setattr(registry, "_loaded", set())
    monkeypatch.setattr(holdfast, "__path__", [str(inside)])
    monkeypatch.syspath_prepend(str(outside))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(path: str, text: str = "") -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]
