"""Datasets: versions named by a digest of their content, which never change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from holdfast.core.contract import Roles
from holdfast.core.errors import DataError, DigestMismatch, InvalidValue, NotFound, UnreadableData
from holdfast.store import Store

ROWS = pl.DataFrame({"id": [1, 2, 3], "sex": pl.Series(["f", "m", None], dtype=pl.Categorical)})


@pytest.fixture
def store(sqlite_store: Store) -> Store:
    return sqlite_store


def test_a_version_reads_back_as_it_was_added(store: Store) -> None:
    version = store.datasets.add("income", ROWS, roles={"id": "id"}, reason="first rows")
    assert_frame_equal(store.datasets.read(version.digest), ROWS.cast({"sex": pl.String}))
    assert (version.name, version.rows, version.columns, version.roles) == ("income", 3, ("id", "sex"), {"id": "id"})
    assert store.datasets.get(version.digest) == version


def test_what_was_added_is_in_the_journal(store: Store) -> None:
    version = store.datasets.add("income", ROWS, roles=Roles(id="id", sensitive=("sex",)), reason="first rows")
    event = store.journal.by_key(f"dataset:income:{version.digest}")
    assert event is not None
    assert event.type == "dataset.added"
    assert event.payload["roles"]["sensitive"] == ["sex"]
    assert set(event.payload) == {
        *("name", "digest", "version", "rows", "columns", "roles", "parent", "reason", "table"),
    }


def test_the_same_content_is_one_version(store: Store) -> None:
    first = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    again = store.datasets.add("income", ROWS.cast({"sex": pl.String}), roles={"id": "id"}, reason="again")
    assert again == first
    assert store.journal.count() == 1


def test_a_changed_value_is_another_version_and_the_first_stays(store: Store) -> None:
    first = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    second = store.datasets.add("income", ROWS.head(2), roles={}, reason="one quarantined", parent=first.digest)
    assert store.datasets.latest("income") == second
    assert second.parent == first.digest
    assert store.datasets.read(first.digest).height == 3


def test_the_digest_is_the_same_in_another_store(store: Store, opened: Callable[..., Store], tmp_path: Path) -> None:
    other = opened(f"sqlite:///{tmp_path / 'other.db'}")
    assert (
        store.datasets.add("income", ROWS, roles={}, reason="here").digest
        == other.datasets.add("people", ROWS, roles={}, reason="there").digest
    )


def test_another_order_of_rows_is_another_version(store: Store) -> None:
    first = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    assert store.datasets.add("income", ROWS.reverse(), roles={}, reason="sorted").digest != first.digest


def test_columns_may_change_from_version_to_version(store: Store) -> None:
    first = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    store.datasets.add("income", pl.DataFrame({"id": ["text now"], "age": [1.5]}), roles={}, reason="new columns")
    assert store.datasets.read(first.digest).columns == ["id", "sex"]


def test_a_kill_between_rows_and_event_is_mended_by_adding_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.journal, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            store.datasets.add("income", ROWS, roles={}, reason="first rows")
    assert store.datasets.latest("income") is None
    version = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    assert store.tables.version(version.table) == version.version
    assert store.datasets.read(version.digest).height == 3


def test_a_dataset_without_rows_is_kept_too(store: Store) -> None:
    version = store.datasets.add("income", ROWS.clear(), roles={}, reason="nothing came")
    assert store.datasets.read(version.digest).height == 0


@pytest.mark.parametrize("digest", ["0" * 64, "", "income", "../x"])
def test_a_version_that_was_never_added_is_not_found(store: Store, digest: str) -> None:
    for call in (store.datasets.get, store.datasets.read):
        with pytest.raises(NotFound, match="no dataset version"):
            call(digest)


def test_a_parent_must_be_here(store: Store) -> None:
    with pytest.raises(NotFound, match="no dataset version"):
        store.datasets.add("income", ROWS, roles={}, reason="first rows", parent="0" * 64)
    assert store.journal.count() == 0


@pytest.mark.parametrize(("name", "reason"), [("", "why"), ("income", "")])
def test_a_name_and_a_reason_are_needed(store: Store, name: str, reason: str) -> None:
    with pytest.raises(InvalidValue, match="a name and a reason"):
        store.datasets.add(name, ROWS, roles={}, reason=reason)


@pytest.mark.parametrize("rows", [pl.DataFrame(), pl.DataFrame({"x": [timedelta(1)]})])
def test_rows_that_no_table_holds_leave_the_store_as_it_was(store: Store, rows: pl.DataFrame) -> None:
    with pytest.raises(DataError):
        store.datasets.add("income", rows, roles={}, reason="first rows")
    assert store.journal.count() == 0
    assert store.tables.names() == ()


def test_rows_that_were_swapped_are_never_given_out(store: Store) -> None:
    version = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    kept = next((store.root / "tables").glob("*/*.parquet"))
    ROWS.reverse().cast({"sex": pl.String}).write_parquet(kept)
    with pytest.raises(DigestMismatch, match=version.digest):
        store.datasets.read(version.digest)


def test_dataset_versions_are_never_vacuumed(store: Store) -> None:
    version = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    with pytest.raises(InvalidValue, match="dataset versions"):
        store.tables.vacuum(version.table)


def test_rows_that_are_gone_are_unreadable(store: Store) -> None:
    version = store.datasets.add("income", ROWS, roles={}, reason="first rows")
    next((store.root / "tables").glob("*/*.parquet")).unlink()
    with pytest.raises(UnreadableData):
        store.datasets.read(version.digest)
