"""Asking a trained model: row order, columns, batches, what was changed, and bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import (
    ColumnNotFound,
    DataError,
    DigestMismatch,
    HoldfastError,
    InvalidValue,
    NotFound,
    StoreUnavailable,
    UnreadableData,
    UnsafePath,
)
from holdfast.data import predict, train
from holdfast.serve.models import load_model


@pytest.fixture
def model(quick: Any, people: pl.DataFrame, tmp_path: Path) -> Path:
    train(people.with_columns(pl.col("day").dt.to_string("%d/%m/%Y")), target="bought", out=tmp_path / "m")
    return tmp_path / "m"


@pytest.fixture
def fresh(people: pl.DataFrame) -> pl.DataFrame:
    """Rows without a target, in another order, with a column more, and dates as in training."""
    rows = people.drop("bought").reverse().with_columns(pl.col("day").dt.to_string("%d/%m/%Y"))
    return rows.select("day", "house", "town", "age", "noise").with_columns(pl.lit(1).alias("more"))


def test_every_row_is_answered_in_its_order(model: Path, fresh: pl.DataFrame, people: pl.DataFrame) -> None:
    out = model.with_name("answers.parquet")
    fresh.write_csv(model.with_name("fresh.csv"))
    said = predict(model, str(model.with_name("fresh.csv")), out=out)
    found = pl.read_parquet(out)
    assert (said.rows, said.columns, said.out) == (400, ("p_no", "p_yes", "label"), out)
    assert dict(found.schema) == {"p_no": pl.Float64, "p_yes": pl.Float64, "label": pl.String}
    score, label = load_model(model).decide(people.reverse())
    assert np.array_equal(found.select("p_no", "p_yes").to_numpy(), score)
    assert found["label"].to_list() == list(label)


def test_a_model_of_numbers_gives_predictions(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    train(people, target="age", out=tmp_path / "m")
    predict(tmp_path / "m", people, out=tmp_path / "p.parquet")
    assert pl.read_parquet(tmp_path / "p.parquet").schema == {"prediction": pl.Float64}


def test_class_names_that_are_odd_as_columns_are_kept(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    odd = people.with_columns(pl.col("bought").replace_strict({"no": '<=50K, "x"', "yes": " >50K\n"}))
    train(odd, target="bought", out=tmp_path / "m")
    predict(tmp_path / "m", odd, out=tmp_path / "p.parquet")
    assert pl.read_parquet(tmp_path / "p.parquet").columns == ["p_ >50K\n", 'p_<=50K, "x"', "label"]


@pytest.mark.parametrize("batch", [1, 7, 400, 401])
def test_batches_change_nothing(batch: int, model: Path, fresh: pl.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    few = fresh.head(40)
    predict(model, few, out=model.with_name("whole.parquet"))
    monkeypatch.setattr("holdfast.data._predict.BATCH", batch)
    monkeypatch.setattr("holdfast.data._predict._LARGE", 0)
    few.write_parquet(model.with_name("few.parquet"))
    told: list[float] = []
    predict(
        model,
        str(model.with_name("few.parquet")),
        out=model.with_name("p.parquet"),
        progress=lambda s, _: told.append(s),
    )
    assert pl.read_parquet(model.with_name("p.parquet")).equals(pl.read_parquet(model.with_name("whole.parquet")))
    assert (told[-1], told) == (1.0, sorted(told))


def test_a_table_without_rows_gets_a_file_without_rows(model: Path, fresh: pl.DataFrame) -> None:
    assert predict(model, fresh.clear(), out=model.with_name("p.parquet")).rows == 0
    assert pl.read_parquet(model.with_name("p.parquet")).schema["p_yes"] == pl.Float64


def test_text_that_looks_like_numbers_is_text_as_in_training(quick: Any, tmp_path: Path) -> None:
    codes = ["01", "1", "x"] * 30
    rows = pl.DataFrame({"code": codes, "n": range(90), "y": ["a", "b", "b"] * 30})
    rows.write_csv(tmp_path / "t.csv")
    train(str(tmp_path / "t.csv"), target="y", out=tmp_path / "m")
    rows.filter(pl.col("code") != "x").write_csv(tmp_path / "fresh.csv")
    asked: list[list[str]] = []

    class Watched:
        def decide(self, given: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
            asked.append(given["code"].to_list())
            return np.zeros((given.height, 2)), np.array(["a"] * given.height, dtype=object)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("holdfast.serve.load_model", lambda *_: Watched())
        predict(tmp_path / "m", str(tmp_path / "fresh.csv"), out=tmp_path / "p.parquet")
    assert asked == [["01", "1"] * 30]


def test_missing_values_and_unseen_words_are_answered(model: Path, fresh: pl.DataFrame) -> None:
    odd = fresh.head(3).with_columns(
        pl.Series("town", [None, "", "Atlantis"]),
        pl.Series("age", [None, float("nan"), 1e30]),
        pl.Series("day", [None, "", "29/02/2024"]),
    )
    predict(model, odd, out=model.with_name("p.parquet"))
    answers = pl.read_parquet(model.with_name("p.parquet"))
    assert answers["p_yes"].is_between(0, 1).all()


# ------------------------------------------------------------------------------------------------ what was changed


@pytest.mark.parametrize("name", ["model.onnx", "report.json", "report.html"])
def test_a_file_that_was_changed_is_refused(name: str, model: Path, fresh: pl.DataFrame) -> None:
    data = bytearray((model / name).read_bytes())
    data[-1] ^= 1
    (model / name).write_bytes(data)
    with pytest.raises(DigestMismatch, match=name):
        predict(model, fresh, out=model.with_name("p.parquet"))
    assert not model.with_name("p.parquet").exists()


def test_a_model_that_was_moved_without_its_reports_answers(model: Path, fresh: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "served").mkdir()
    for name in ("model.onnx", "manifest.json"):
        shutil.copy(model / name, tmp_path / "served" / name)
    assert predict(tmp_path / "served", fresh, out=tmp_path / "p.parquet").rows == 400


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", UnreadableData),
        ("[]", UnreadableData),
        ("{", UnreadableData),
        ('{"format": "other/1"}', UnreadableData),
        ('{"format": "holdfast.model/1"}', UnreadableData),
        ("[" * 100_000, UnreadableData),
    ],
)
def test_a_manifest_that_is_none_is_refused(
    text: str, kind: type[HoldfastError], model: Path, fresh: pl.DataFrame
) -> None:
    (model / "manifest.json").write_text(text)
    with pytest.raises(kind):
        predict(model, fresh, out=model.with_name("p.parquet"))


def test_a_manifest_that_leads_out_of_its_folder_is_refused(model: Path, fresh: pl.DataFrame) -> None:
    (model.parent / "secret").write_text("x")
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["digests"]["../secret"] = "0" * 64
    (model / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UnsafePath, match="secret"):
        predict(model, fresh, out=model.with_name("p.parquet"))


def test_a_folder_without_a_model_is_refused(model: Path, fresh: pl.DataFrame, tmp_path: Path) -> None:
    for folder in (tmp_path / "none", tmp_path, model / "model.onnx"):
        with pytest.raises(NotFound, match="no model"):
            predict(folder, fresh, out=tmp_path / "p.parquet")
    (model / "model.onnx").unlink()
    with pytest.raises(NotFound, match=r"no model\.onnx"):
        predict(model, fresh, out=tmp_path / "p.parquet")


# ------------------------------------------------------------------------------------------------ bad input


def test_missing_columns_are_named_with_the_nearest(model: Path, fresh: pl.DataFrame) -> None:
    with pytest.raises(ColumnNotFound) as caught:
        predict(model, fresh.drop("house").rename({"age": "agee", "town": "Towns"}), out=model.with_name("p.parquet"))
    assert str(caught.value).startswith("rows: no column 'age', nor 'town', 'house'. Expected 'agee'")


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("age", "old", "'old' is no number"), ("day", "2024-01-31", "'2024-01-31' is no date")],
)
def test_a_cell_that_is_not_what_it_was_is_named(
    column: str, value: str, words: str, model: Path, fresh: pl.DataFrame
) -> None:
    wrong = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(value)).otherwise(pl.col(column).cast(pl.String))
    fresh.with_columns(wrong.alias(column)).write_csv(model.with_name("wrong.csv"))
    with pytest.raises(DataError) as caught:
        predict(model, str(model.with_name("wrong.csv")), out=model.with_name("p.parquet"))
    assert words in str(caught.value)
    assert f"column '{column}', row 5" in str(caught.value)
    assert sorted(each.name for each in model.parent.iterdir()) == ["m", "wrong.csv"]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("p.csv", InvalidValue, ".parquet"),
        ("p", InvalidValue, ".parquet"),
        ("no/such/p.parquet", StoreUnavailable, "no folder"),
        ("fresh.parquet", UnsafePath, "overwrite"),
    ],
)
def test_a_place_where_no_answers_can_go_is_refused(
    name: str, kind: type[HoldfastError], words: str, model: Path, fresh: pl.DataFrame, tmp_path: Path
) -> None:
    fresh.write_parquet(tmp_path / "fresh.parquet")
    before = (tmp_path / "fresh.parquet").read_bytes()
    with pytest.raises(kind) as caught:
        predict(model, str(tmp_path / "fresh.parquet"), out=tmp_path / name)
    assert words in str(caught.value)
    assert (tmp_path / "fresh.parquet").read_bytes() == before


def test_a_damaged_large_file_is_refused(
    model: Path, fresh: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.data._predict._LARGE", 0)
    fresh.write_parquet(tmp_path / "fresh.parquet")
    data = (tmp_path / "fresh.parquet").read_bytes()
    (tmp_path / "fresh.parquet").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableData):
        predict(model, str(tmp_path / "fresh.parquet"), out=tmp_path / "p.parquet")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fresh.parquet", "m"]


def test_answers_replace_earlier_ones_whole(model: Path, fresh: pl.DataFrame, tmp_path: Path) -> None:
    predict(model, fresh, out=tmp_path / "p.parquet")
    bad = fresh.with_columns(pl.col("age").cast(pl.String) + "x")
    with pytest.raises(DataError):
        predict(model, bad, out=tmp_path / "p.parquet")
    assert pl.read_parquet(tmp_path / "p.parquet").height == 400
    assert predict(model, fresh.head(3), out=tmp_path / "p.parquet").rows == 3
    assert pl.read_parquet(tmp_path / "p.parquet").height == 3
