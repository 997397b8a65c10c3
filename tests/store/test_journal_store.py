"""The facade: one of each, opened when it is first asked for, closed together."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import holdfast.store
from holdfast.store import Store, open_store

PARTS = (
    "journal",
    "state",
    "leases",
    "queue",
    "keys",
    "artifacts",
    "tables",
    "datasets",
    "models",
    "evidence",
    "outbox",
)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_made_once(sqlite_store: Store, part: str) -> None:
    assert getattr(sqlite_store, part) is getattr(sqlite_store, part)


def test_the_store_says_what_it_was_opened_with(tmp_path: Path, clock: Callable[..., object]) -> None:
    with open_store(
        tmp_path / "a", actor="me", clock=clock, artifacts="memory:///", mlflow="http://127.0.0.1:1"
    ) as store:
        assert (store.root, store.actor, store.clock) == (tmp_path / "a", "me", clock)
        assert (store.artifacts_location, store.mlflow) == ("memory:///", "http://127.0.0.1:1")
        assert store.url == f"sqlite:///{tmp_path / 'a' / 'journal.db'}"
        assert open_store(store.root, url=store.url).journal.head() == store.journal.head()
        assert store.contract_file.__name__ == "holdfast.store.contract_file"
    with open_store(tmp_path / "a") as again:
        assert again.artifacts_location == str(tmp_path / "a" / "artifacts")
        assert again.clock().tzinfo is not None


def test_importing_the_store_touches_nothing_heavy() -> None:
    code = "import sys, holdfast.store; print(sorted({'sqlalchemy', 'alembic', 'polars', 'mlflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    assert [getattr(holdfast.store, name).__name__ for name in holdfast.store.__all__] == holdfast.store.__all__
    assert sorted(holdfast.store.__all__) == holdfast.store.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        _ = holdfast.store.nonsense


def test_opening_a_store_again_does_without_alembic(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    code = (
        "import sys; from pathlib import Path; from holdfast.store import open_store; open_store(Path(sys.argv[1]));"
        " print('alembic' in sys.modules, 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
