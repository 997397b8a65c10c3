"""Starting: a contract made for a table, which holds as it stands."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, EmptyTable, HoldfastError, InvalidValue, UnreadableData, UnusableTarget
from holdfast.keeper.starting import starter_contract
from holdfast.project import init
from holdfast.store.contract_file import parse_contract


def written(folder: Path, rows: pl.DataFrame) -> str:
    path = folder / "rows.parquet"
    rows.write_parquet(path)
    return str(path)


def contract(place: Path, values: list[object], **more: object) -> object:
    rows = pl.DataFrame({"x": range(len(values)), "the y's": values})
    text = starter_contract(written(place, rows), **{"target": "the y's", "name": "no", "folder": place, **more})
    return parse_contract(text.encode())


@pytest.mark.parametrize(
    ("values", "task", "positive"),
    [
        (["a", "b", "b"], "binary", "a"),
        (["a", "b", "b", "a"], "binary", "b"),
        ([True, False, False], "binary", "true"),
        ([1.0, 0.0, 0.0], "binary", "1"),
        (["a", "b", "c"], "multiclass", None),
        ([1, 2, 3], "multiclass", None),
        (list(range(20)), "regression", None),
        ([0.5, 1.5, 2.5], "regression", None),
    ],
)
def test_the_task_follows_from_the_target(
    tmp_path: Path, values: list[object], task: str, positive: str | None
) -> None:
    made = contract(tmp_path, values)
    assert (made.task, made.positive, made.name) == (task, positive, "no")
    assert made.data.train == "rows.parquet"


def test_what_is_said_is_not_guessed(tmp_path: Path) -> None:
    assert contract(tmp_path, ["a", "b", "b"], positive="b").positive == "b"
    assert contract(tmp_path, [1, 2, 3], task="regression").task == "regression"


def test_a_file_elsewhere_is_named_whole(tmp_path: Path) -> None:
    made = contract(tmp_path, ["a", "b", "b"], folder=tmp_path / "project")
    assert made.data.train == str(tmp_path / "rows.parquet")


def test_a_url_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pl.DataFrame({"y": ["a", "b"]})
    monkeypatch.setattr("holdfast.keeper.starting.read_rows", lambda path, settings, where: rows)
    text = starter_contract("s3://bucket/rows.parquet", target="y", name="m", folder=tmp_path)
    assert parse_contract(text.encode()).data.train == "s3://bucket/rows.parquet"


@pytest.mark.parametrize(
    ("values", "more", "error", "words"),
    [
        ([], {}, EmptyTable, "no rows"),
        (["a", "a"], {}, UnusableTarget, "1 values"),
        (["a", "b"], {"target": "they"}, ColumnNotFound, "no column 'they'"),
        (["a", "b"], {"task": "ranking"}, InvalidValue, "task 'ranking'"),
        (["a", "b"], {"task": "binery"}, InvalidValue, "task 'binery'"),
    ],
)
def test_a_table_that_no_contract_can_begin_from_is_refused(
    tmp_path: Path, values: list[object], more: dict[str, object], error: type[HoldfastError], words: str
) -> None:
    with pytest.raises(error, match=words):
        contract(tmp_path, values, **more)


def test_a_file_that_no_source_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableData, match="no source"):
        starter_contract(str(tmp_path / "rows.xlsx"), target="y", name="m", folder=tmp_path)


@pytest.mark.parametrize(("folder", "name"), [("2nd try", "model-2nd-try"), ("true", "true"), ("pläne", "pl-ne")])
def test_a_project_without_a_contract_gets_one_named_as_its_folder(tmp_path: Path, folder: str, name: str) -> None:
    data = written(tmp_path, pl.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "b"]}))
    with init(tmp_path / folder, data=data, target="y") as project:
        assert project.contract.name == name


def test_a_project_is_begun_with_a_contract_or_with_data_and_a_target(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="neither a contract nor data"):
        init(tmp_path / "project", data="rows.parquet")
    assert not (tmp_path / "project").exists()
