from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdfast.engine import Engine
from holdfast.store import Store, open_store

# Steps that other processes import must stand in a module that they can find.
SAMPLE = str(Path(__file__).parent / "sample")
if SAMPLE not in sys.path:
    sys.path.append(SAMPLE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / ".holdfast")
    yield opened
    opened.close()


@pytest.fixture
def engine(store: Store) -> Iterator[Engine]:
    with Engine(store) as made:
        yield made


@pytest.fixture
def processes(store: Store) -> Iterator[Engine]:
    with Engine(store, "processes") as made:
        yield made


@pytest.fixture
def notes(tmp_path: Path) -> str:
    """File in which steps note that they ran."""
    path = tmp_path / "notes.txt"
    path.touch()
    return str(path)
