"""What Delta leaves to its users: files in order, a log without holes, and bytes that survive a power cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.store._files import sync_file, sync_folder

if TYPE_CHECKING:
    from deltalake import DeltaTable

LOG = "_delta_log"


def add_files(table: DeltaTable, folder: Path) -> list[Path]:
    """Files of a table, in the order they were added (Delta itself lists the newest first)."""
    adds = pl.DataFrame(table.get_add_actions(flatten=True)).select("path", "modification_time")
    # The parts of one commit share an id and are numbered: part-00000-<id>-c000, part-00001-<id>-c000, ...
    part, commit = pl.col("path").str.extract(r"part-(\d+)-"), pl.col("path").str.extract(r"part-\d+-(.{36})")
    ordered = adds.sort(pl.col("modification_time").min().over(commit), commit, part, "path")
    return [folder / unquote(path) for path in ordered["path"]]


def check_log(folder: Path, *, name: str) -> None:
    """Check what Delta's reader forgives: an empty file in the log is a commit whose rows are gone.

    Raises
    ------
    UnreadableData
        If there is one.
    """
    for path in (folder / LOG).glob("*.json"):
        if path.stat().st_size == 0:
            raise UnreadableData(f"{path.name} in its log is empty: rows are missing", where=name)


def make_durable(folder: Path, version: int) -> None:
    """Sync the files that a commit added, then the commit: Delta's writer leaves both to the system's cache."""
    commit = folder / LOG / f"{version:020d}.json"
    for line in commit.read_text("utf-8").splitlines():
        added = json.loads(line).get("add")
        if added is not None:
            sync_file(folder / unquote(added["path"]))
    sync_file(commit)
    sync_folder(folder)
    sync_folder(commit.parent)
