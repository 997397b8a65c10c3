"""Training a table: what is written, what the trainer is asked, what the promises come to, and bad input."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import (
    ColumnNotFound,
    DataError,
    EmptyTable,
    HoldfastError,
    InvalidValue,
    PromiseSyntaxError,
    TrainingFailed,
    UnitMismatch,
    UnknownName,
    UnreadableData,
    UnsafePath,
    UnusableTarget,
)
from holdfast.data import _check, predict, train
from holdfast.serve.models import load_model

FILES = ["manifest.json", "model.onnx", "report.html", "report.json"]


def left(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def plain(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / name).read_text())
    return found


# ---------------------------------------------------------------------------------------------- what is written


def test_a_folder_with_model_manifest_and_report_is_written_and_nothing_else(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    people.write_csv(tmp_path / "people.csv")
    made = train(str(tmp_path / "people.csv"), target="bought", out=tmp_path / "new" / "model", seed=5)
    out = tmp_path / "new" / "model"
    assert (made.state, left(out), left(tmp_path), left(out.parent)) == (
        "held",
        FILES,
        ["new", "people.csv"],
        ["model"],
    )
    manifest = plain(out, "manifest.json")
    assert manifest["format"] == "holdfast.model/1"
    assert (manifest["task"], manifest["target"], manifest["positive"]) == ("binary", "bought", "yes")
    assert [each["name"] for each in manifest["columns"]] == ["age", "noise", "town", "house", "day"]
    assert manifest["columns"][2]["source_dtype"] == "String"
    assert manifest["columns"][4]["parse"] == {"kind": "date", "format": "%Y-%m-%d"}
    assert manifest["data"] == {"sha256": digest_bytes((tmp_path / "people.csv").read_bytes()), "rows": 400}
    assert (manifest["seed"], manifest["trainer"]) == (5, "quick")
    assert manifest["digests"] == {name: digest_bytes((out / name).read_bytes()) for name in FILES[1:]}


def test_the_model_in_the_folder_answers_by_its_own_manifest(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    train(people, target="bought", out=tmp_path / "m")
    model = load_model(tmp_path / "m")
    score, label = model.decide(people)
    assert score.shape == (400, 2)
    assert label is not None
    assert set(label) == {"no", "yes"}


def test_the_report_tells_the_search_the_promises_and_what_was_spent(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    made = train(people, target="bought", out=tmp_path / "m", promises=["roc_auc >= 0.6"], budget="30 s")
    report = plain(tmp_path / "m", "report.json")
    assert report == made.report
    assert [each["name"] for each in report["trials"]] == ["line"]
    assert report["chosen"]["name"] == "line"
    assert report["budget"]["seconds"] == 30
    assert 0.0 < report["budget"]["wall_s"] < 30.0
    assert report["budget"]["cpu_s"] > 0.0
    (promise,) = report["promises"]
    assert (promise["claim"], promise["verdict"], promise["n"]) == ("roc_auc >= 0.6", "held", report["held_rows"])
    assert promise["low"] < promise["value"] < promise["high"]
    assert (report["learnt_rows"], report["held_rows"]) == (320, 80)
    assert "task binary: bought has two values, 'no' and 'yes'" in report["notes"]
    assert "a line" in report["notes"]
    assert "<html" in (tmp_path / "m" / "report.html").read_text()


def test_the_same_request_writes_the_same_model_and_manifest(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    for name in ("first", "second"):
        train(people, target="bought", out=tmp_path / name, promises=["roc_auc >= 0.6"])
    first, second = (plain(tmp_path / each, "manifest.json") for each in ("first", "second"))
    assert first["digests"]["model.onnx"] == second["digests"]["model.onnx"]
    assert {**first, "digests": {}} == {**second, "digests": {}}


def test_a_table_of_a_database_is_learnt_from_and_asked(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "shop.db")) as base:
        base.execute("create table people (age real, town text, bought text)")
        rows = people.select("age", "town", "bought").rows()
        base.executemany("insert into people values (?, ?, ?)", rows)
        base.commit()
    location = f"sqlite:///{tmp_path / 'shop.db'}#people"
    train(location, target="bought", out=tmp_path / "m")
    assert quick.asked[0].rows.height == 400
    assert predict(tmp_path / "m", location, out=tmp_path / "p.parquet").rows == 400


def test_a_password_in_a_location_is_in_no_report(
    quick: Any, people: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.data._check.read_table", lambda *_: people)
    location = "postgresql://me:secret@127.0.0.1/db#people"
    made = train(location, target="bought", out=tmp_path / "m", test=location, promises=["accuracy >= 0.1"])
    assert made.report["data"]["name"].endswith("127.0.0.1/db#people")
    assert not [each.name for each in (tmp_path / "m").iterdir() if b"secret" in each.read_bytes()]


# ------------------------------------------------------------------------------------------ what the trainer is asked


def test_without_promises_about_answers_every_row_is_learnt_from(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    promises = ["model_size <= 5 MB", "completeness(age) >= 0.9", "parity <= 0.0001", "accuracy >= 0.1 on train"]
    made = train(people, target="bought", out=tmp_path / "m", promises=promises)
    assert (quick.asked[0].rows.height, made.report["held_rows"]) == (400, 0)
    assert [each.state for each in made.verdicts] == ["held"] * 4
    assert [each.stage for each in quick.asked[0].promises] == ["package", "package", "candidate"]


def test_held_out_rows_are_never_learnt_from(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    train(people, target="bought", out=tmp_path / "m", promises=["accuracy >= 0.5"], seed=3)
    asked = quick.asked[0]
    assert (asked.rows.height, asked.holdout.height) == (320, 80)
    assert pl.concat([asked.rows, asked.holdout]).sort(people.columns).equals(people.sort(people.columns))
    assert asked.holdout["bought"].value_counts()["count"].min() >= 30


def test_columns_with_a_role_are_no_features_unless_they_are_named(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    roles = {"weight": "age", "group": "house", "time": "day", "sensitive": ["town"]}
    made = train(people.with_columns(pl.col("age").abs() + 1), target="bought", out=tmp_path / "a", **roles)
    assert quick.asked[0].features == ("noise",)
    assert quick.asked[0].sensitive == ("town",)
    assert quick.asked[0].settings == {"group": "house", "time": "day"}
    assert quick.asked[0].weights.shape == (400,)
    assert "town is no feature: it is sensitive (--features names it to make it one)" in made.report["notes"]
    train(people, target="bought", out=tmp_path / "b", features=["noise,town", "day"], time="day", sensitive=["town"])
    assert quick.asked[1].features == ("noise", "town", "day")
    train(people, target="bought", out=tmp_path / "c", drop=["noise, day"])
    assert quick.asked[2].features == ("age", "town", "house")


def test_a_column_whose_name_has_a_comma_is_one(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    rows = people.rename({"noise": "noise, loud"})
    train(rows, target="bought", out=tmp_path / "m", features=["noise, loud", "age,town"])
    assert quick.asked[0].features == ("noise, loud", "age", "town")


def test_the_groups_that_promises_speak_of_are_told_to_the_trainer(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    promises = ["demographic_parity_difference(town) <= 0.9", "accuracy >= 0.1 by house"]
    train(people, target="bought", out=tmp_path / "m", promises=promises)
    assert quick.asked[0].sensitive == ("town", "house")
    assert "town" in quick.asked[0].features


def test_settings_reach_the_trainer_and_its_seconds_leave_room_for_the_rest(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    given = {"settings": {"max_trials": 3}, "workers": 2, "executor": "processes", "cpu_budget": "1 min"}
    train(people, target="bought", out=tmp_path / "m", **given)
    asked = quick.asked[0]
    assert asked.settings == {"max_trials": 3, "workers": 2, "executor": "processes"}
    assert asked.clock == "cpu"
    assert 50.0 < asked.budget_s < 60.0
    assert 0.0 <= asked.spent_s < 10.0


def test_rows_without_a_target_are_left_out_and_counted(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    gone = people.with_columns(pl.when(pl.int_range(pl.len()) >= 10).then("bought").alias("bought"))
    made = train(gone, target="bought", out=tmp_path / "m")
    assert quick.asked[0].rows.height == 390
    assert "10 rows without a target are left out" in made.report["notes"]


def test_dates_in_text_are_dates_to_the_trainer(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    text = people.with_columns(pl.col("day").dt.to_string("%d/%m/%Y"))
    train(text, target="bought", out=tmp_path / "m", time="day", promises=["accuracy >= 0.1"])
    asked = quick.asked[0]
    assert asked.rows.schema["day"] == pl.Date
    assert asked.rows["day"].max() < asked.holdout["day"].min()


def test_the_dates_of_a_csv_are_read_the_way_that_fits_every_row(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    people.with_columns(pl.col("day").dt.to_string("%m/%d/%Y")).write_csv(tmp_path / "us.csv")
    train(str(tmp_path / "us.csv"), target="bought", out=tmp_path / "m")
    assert quick.asked[0].rows["day"].to_list()[:2] == [date(2024, 1, 1), date(2024, 1, 2)]
    manifest = plain(tmp_path / "m", "manifest.json")
    assert manifest["columns"][4]["parse"]["format"] == "%m/%d/%Y"


def test_dates_that_can_be_read_in_one_way_are_read_once(
    quick: Any, people: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people.write_csv(tmp_path / "iso.csv")
    read: list[str] = []
    reader = _check.read_table

    def counted(location: str, settings: Any = None) -> pl.DataFrame:
        read.append(Path(location).name)
        return reader(location, settings)

    monkeypatch.setattr("holdfast.data._check.read_table", counted)
    train(str(tmp_path / "iso.csv"), target="bought", out=tmp_path / "m")
    predict(tmp_path / "m", str(tmp_path / "iso.csv"), out=tmp_path / "p.parquet")
    assert read == ["iso.csv", "head.csv", "iso.csv"]
    assert quick.asked[0].rows.schema["day"] == pl.Date


@pytest.mark.parametrize("name", ["shop.csv.gz", "shop.tsv"])
def test_packed_and_tabbed_files_are_read_too(name: str, quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    text = people.write_csv(separator="\t" if name.endswith("tsv") else ",").encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    train(str(tmp_path / name), target="bought", out=tmp_path / "m")
    assert predict(tmp_path / "m", str(tmp_path / name), out=tmp_path / "p.parquet").rows == 400
    assert plain(tmp_path / "m", "manifest.json")["columns"][4]["parse"]["format"] == "%Y-%m-%d"


# ----------------------------------------------------------------------------------------------- promises


def test_a_promise_that_no_model_keeps_is_infeasible_and_the_nearest_miss_is_written(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    made = train(people, target="bought", out=tmp_path / "m", promises=["roc_auc >= 0.999", "accuracy >= 0.2"])
    assert made.state == "broken"
    assert made.answer.startswith("infeasible; the nearest miss is roc_auc 0.")
    assert made.answer.endswith(" against >= 0.999")
    assert left(tmp_path / "m") == FILES
    assert made.report["feasible"] is False
    assert [each["claim"] for each in made.report["nearest"]] == ["roc_auc >= 0.999"]
    assert made.answer in made.text()


def test_few_rows_prove_nothing(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    made = train(people, target="bought", out=tmp_path / "m", promises=["accuracy >= 0.1"], holdout=0.05)
    assert made.state == "unproven"
    assert "20 rows are held out" in made.answer
    assert "at least 50" in made.answer


def test_small_tables_hold_out_enough_to_judge_on(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    made = train(people.head(180), target="bought", out=tmp_path / "m", promises=["accuracy >= 0.1"])
    assert (made.state, made.report["held_rows"]) == ("held", 50)


def test_an_interval_over_the_bound_is_unproven(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    first = train(people, target="bought", out=tmp_path / "a", promises=["accuracy >= 0.1"])
    value = first.verdicts[0].deciding.value
    again = train(people, target="bought", out=tmp_path / "b", promises=[f"accuracy >= {value - 0.01:.3f} with 95%"])
    assert again.state == "unproven"


def test_a_table_of_its_own_judges_the_promises_on_all_rows_trained(
    quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    people.head(300).write_csv(tmp_path / "train.csv")
    people.tail(100).drop("house").write_csv(tmp_path / "test.csv")
    given = {"target": "bought", "test": str(tmp_path / "test.csv"), "promises": ["accuracy >= 0.3"]}
    made = train(str(tmp_path / "train.csv"), out=tmp_path / "m", drop=["house"], **given)
    assert (made.state, made.verdicts[0].deciding.n, quick.asked[0].rows.height) == ("held", 100, 300)
    with pytest.raises(ColumnNotFound, match="'house'"):
        train(str(tmp_path / "train.csv"), out=tmp_path / "n", **given)


def test_slices_are_judged_one_by_one(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    made = train(people, target="bought", out=tmp_path / "m", promises=["accuracy >= 0.1 by town"], holdout=0.4)
    assert made.verdicts[0].cases == 3


def test_every_kind_of_promise_is_judged_on_what_is_served(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    promises = ["p99_latency <= 10 s", "model_size <= 5 MB", "label_flips <= 0", "unique(age) >= 2%", "parity <= 1e-5"]
    made = train(people, target="bought", out=tmp_path / "m", promises=promises)
    assert [each.state for each in made.verdicts] == ["held"] * 5
    assert made.answer == "held: 5 promises kept"


def test_a_regression_is_judged_by_its_own_measures(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    made = train(people, target="age", out=tmp_path / "m", promises=["rmse <= 100", "accuracy >= 0.5"])
    assert [each.state for each in made.verdicts] == ["held", "unproven"]
    assert plain(tmp_path / "m", "manifest.json")["classes"] == []


# ------------------------------------------------------------------------------------------------ folders


def test_an_earlier_output_is_replaced_only_when_that_is_said(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "m"
    train(people, target="bought", out=out)
    before = (out / "report.json").read_bytes()
    with pytest.raises(UnsafePath, match="a model already"):
        train(people, target="bought", out=out)
    assert (out / "report.json").read_bytes() == before
    train(people, target="age", out=out, overwrite=True)
    assert plain(out, "manifest.json")["target"] == "age"
    assert left(tmp_path) == ["m"]


def test_what_no_training_wrote_is_never_replaced(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "m"
    train(people, target="bought", out=out)
    (out / "notes.txt").write_text("mine")
    for folder, inside in ((out, "notes.txt"), (tmp_path, "m")):
        with pytest.raises(UnsafePath, match=repr(inside)):
            train(people, target="bought", out=folder, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(out)
    for place in ("file", "file/m", "link"):
        with pytest.raises(UnsafePath, match="no folder"):
            train(people, target="bought", out=tmp_path / place, overwrite=True)


@pytest.mark.parametrize(("fail", "kind"), [("no luck", TrainingFailed), ("interrupt", KeyboardInterrupt)])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_half_written_stays_behind(
    fail: str, kind: type[BaseException], there: bool, quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    if there:
        (tmp_path / "m").mkdir()
    with pytest.raises(kind):
        train(people, target="bought", out=tmp_path / "m", settings={"fail": fail})
    assert left(tmp_path) == (["m"] if there else [])
    with pytest.raises(kind):
        train(people, target="bought", out=tmp_path / "a" / "b", settings={"fail": fail})
    assert left(tmp_path) == (["m"] if there else [])


def test_trials_stay_where_they_are_to_be_resumed(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    out = tmp_path / "m"
    with pytest.raises(KeyboardInterrupt):
        train(people, target="bought", out=out, resume=True, settings={"fail": "interrupt"})
    assert (left(tmp_path), left(out)) == (["m"], ["trials"])
    with pytest.raises(UnsafePath, match="trials of an earlier search"):
        train(people, target="bought", out=out)
    made = train(people, target="bought", out=out, resume=True)
    assert made.report["trials"][0]["resumed"] is True
    assert left(out) == [*FILES, "trials"]
    again = train(people, target="bought", out=out, resume=True, overwrite=True)
    assert again.report["trials"][0]["resumed"] is True
    train(people, target="bought", out=out, overwrite=True)
    assert left(out) == FILES


def test_a_draft_that_a_killed_training_left_is_swept(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    dead = tmp_path / ".m.0123456789abcdef"
    dead.mkdir()
    (dead / ".writing").touch()
    (dead / "model.onnx").touch()
    young = tmp_path / ".m.fedcba9876543210"
    shutil.copytree(dead, young)
    os.utime(dead, (0, 0))
    train(people, target="bought", out=tmp_path / "m")
    # Another training may be about to lock the young one.
    assert left(tmp_path) == [young.name, "m"]


# ------------------------------------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"target": "boght"}, ColumnNotFound, "did you mean 'bought'"),
        ({"group": "hous"}, ColumnNotFound, "did you mean 'house'"),
        ({"features": ["age", "agee"]}, ColumnNotFound, "did you mean 'age'"),
        ({"drop": ["nois"]}, ColumnNotFound, "--drop"),
        ({"sensitive": ["twon"]}, ColumnNotFound, "did you mean 'town'"),
        ({"features": ["bought"]}, InvalidValue, "is the target"),
        ({"weight": "bought"}, InvalidValue, "is the target"),
        ({"features": ["age"], "drop": ["age"]}, InvalidValue, "--drop"),
        ({"drop": ["age", "noise", "town", "house", "day"]}, EmptyTable, "no column is left"),
        ({"positive": "ys"}, UnusableTarget, "did you mean 'yes'"),
        ({"positive": "yes", "target": "age"}, InvalidValue, "a binary task"),
        ({"task": "binary", "target": "town"}, UnusableTarget, "3 values"),
        ({"task": "regression"}, UnusableTarget, "is no number"),
        ({"weight": "noise"}, DataError, "expected 'a positive number'"),
        ({"time": "town"}, DataError, "holds no moments"),
        ({"budget": 0}, InvalidValue, "a budget of 0 s"),
        ({"budget": "0s"}, InvalidValue, "above 0"),
        ({"budget": "-5s"}, UnitMismatch, "60s"),
        ({"budget": "soon"}, UnitMismatch, "10min"),
        ({"budget": "60"}, UnitMismatch, "60s"),
        ({"cpu_budget": "5 MB"}, UnitMismatch, "--cpu-budget"),
        ({"budget": "5s", "cpu_budget": "5s"}, InvalidValue, "one of them"),
        ({"budget": float("nan")}, InvalidValue, "above 0"),
        ({"holdout": 1.5}, InvalidValue, "between 0 and 1"),
        ({"holdout": 0.2, "test": "t.csv"}, InvalidValue, "one of them"),
        ({"trainer": "quik"}, UnknownName, "did you mean 'quick'"),
        ({"promises": ["roc_auc"]}, PromiseSyntaxError, "an operator"),
        ({"promises": ["roc_auk >= 0.5"]}, UnknownName, "did you mean 'roc_auc'"),
        ({"promises": ["roc_auc >= 5 MB"]}, UnitMismatch, "5 MB"),
        ({"promises": ["accuracy >= 0.5 by twon"]}, ColumnNotFound, "did you mean 'town'"),
        ({"promises": ["demographic_parity_difference(twon) <= 1"]}, ColumnNotFound, "did you mean 'town'"),
        ({"promises": ["psi(*) <= 0.2"]}, InvalidValue, "no traffic"),
        ({"promises": ["p99_latency <= 5 ms over 5 m"]}, InvalidValue, "no traffic"),
        ({"reading": {"encodng": "latin-1"}}, HoldfastError, "did you mean 'encoding'"),
        ({"test": "nowhere.csv", "promises": ["accuracy >= 0"]}, UnreadableData, "no such file"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained_or_written(
    given: dict[str, Any],
    kind: type[HoldfastError],
    words: str,
    quick: Any,
    people: pl.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    people.write_csv("people.csv")
    words = words.removeprefix("expected ").strip("'") if words.startswith("expected ") else words
    with pytest.raises(kind) as caught:
        train("people.csv", **{"target": "bought", "out": tmp_path / "m", **given})
    assert words in str(caught.value)
    assert quick.asked == []
    assert left(tmp_path) == ["people.csv"]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("", UnreadableData, "empty"),
        ("x,y\n", EmptyTable, "no rows"),
        ("x,y\n1,a\n", UnusableTarget, "only the value 'a'"),
        ("x,y\n1,a\n2,a\n", UnusableTarget, "only the value 'a'"),
        ("x,y\n1,\n2,\n", UnusableTarget, "missing in every row"),
        ("x,x,y\n1,2,a\n3,4,b\n", UnreadableData, "twice"),
        ("y\na\nb\n", EmptyTable, "no column is left"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused(
    text: str, kind: type[HoldfastError], words: str, quick: Any, tmp_path: Path
) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(kind) as caught:
        train(str(tmp_path / "t.csv"), target="y", out=tmp_path / "m")
    assert words in str(caught.value)
    assert left(tmp_path) == ["t.csv"]


def test_columns_that_no_model_looks_at_are_left_out_and_said(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    odd = people.with_columns(
        pl.concat_list("age", "noise").alias("list"), pl.lit(b"x").alias("bytes"), pl.lit(None).alias("nothing")
    )
    made = train(odd, target="bought", out=tmp_path / "m")
    assert "nothing" in quick.asked[0].features
    assert not {"list", "bytes"} & set(quick.asked[0].features)
    assert sum("is left out: a model cannot look at" in each for each in made.report["notes"]) == 2


@pytest.mark.parametrize(("name", "target"), [("label", "bought"), ("probabilities", "bought"), ("prediction", "age")])
def test_a_column_with_the_name_of_an_answer_is_refused(
    name: str, target: str, quick: Any, people: pl.DataFrame, tmp_path: Path
) -> None:
    rows = people.rename({"noise": name})
    with pytest.raises(DataError, match=f"column '{name}' has the name of an answer"):
        train(rows, target=target, out=tmp_path / "m")
    assert train(rows, target=target, out=tmp_path / "m", drop=[name]).state == "held"


def test_a_trainer_that_writes_no_model_has_failed(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    train_well = quick.train

    def without(request: Any) -> Any:
        made = train_well(request)
        object.__setattr__(made, "files", {})
        return made

    quick.train = without
    with pytest.raises(TrainingFailed, match=r"no model\.onnx"):
        train(people, target="bought", out=tmp_path / "m")
    assert left(tmp_path) == []


def test_numbers_that_are_not_finite_are_no_targets(quick: Any, people: pl.DataFrame, tmp_path: Path) -> None:
    odd = np.where(np.arange(400) % 50 == 0, np.inf, np.arange(400) + 0.5)
    train(people.with_columns(pl.Series("cost", odd)), target="cost", out=tmp_path / "m")
    assert quick.asked[0].rows.height == 392
