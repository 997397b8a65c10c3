"""The mover: logged predictions and labels into tables, once each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, StoreUnavailable
from holdfast.core.models import Column, ModelSchema
from holdfast.serve import (
    Answered,
    LabelRecord,
    PredictionLog,
    Source,
    features_of,
    labels_table,
    latest_labels,
    predictions_table,
    scores_of,
)
from holdfast.store import Store, open_store

SOURCE = Source("tumour", "v1", "champion", ("age", "mean dose"), ("sex",), ("benign", "malignant"), 2)
SCHEMA = ModelSchema(
    "binary",
    "diagnosis",
    (Column("sex", "string"), Column("age", "float32"), Column("mean dose", "float32")),
    classes=("benign", "malignant"),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(tmp_path / "store")
    yield made
    made.close()


def answered(id: str = "a", n: int = 1, source: Source = SOURCE, contexts: list[bytes] | None = None) -> Answered:
    numbers = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    numbers[0, 1] = np.nan
    return Answered(
        source=source,
        ids=[id],
        sizes=[n],
        times=[1.8e9],
        latencies=[0.001],
        numbers=numbers[:, : len(source.numbers)],
        texts=[["f"] * n for _ in source.texts],
        score=np.tile(np.array([[0.25, 0.75]], np.float32), (n, 1))[:, : source.width],
        decision=np.ones(n, np.uint16) if source.classes else None,
        contexts=contexts,
    )


def table(store: Store, name: str = "tumour") -> pl.DataFrame:
    return store.tables.read(predictions_table(name)).sort("id", "row")


def test_predictions_become_rows_with_typed_columns(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    log.append([answered("a", 2, contexts=[b'[{"ward":"x"},{"ward":"y"}]']), answered("b", 1)])
    moved = log.mover(store).run()
    found = table(store)
    assert (moved.predictions, moved.labels) == (3, 0)
    assert found["id"].to_list() == ["a", "a", "b"]
    assert found["row"].to_list() == [0, 1, 0]
    assert found["decision"].to_list() == ["malignant"] * 3
    assert found["context"].to_list() == ['{"ward":"x"}', '{"ward":"y"}', None]
    assert scores_of(found).tolist() == [[0.25, 0.75]] * 3
    assert features_of(found, SCHEMA).to_dict(as_series=False) == {
        "sex": ["f", "f", "f"],
        "age": [0.0, 2.0, 0.0],
        "mean dose": [None, 3.0, None],
    }
    log.close()


def test_a_regression_has_one_score_and_no_decision(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    log.append([answered("a", 3, Source("amount", "v", "champion", ("age",), (), (), 1))])
    log.close()
    log.mover(store).run()
    found = table(store, "amount")
    assert scores_of(found).shape == (3,)
    assert found["decision"].null_count() == 3


def test_versions_with_other_columns_share_one_table(tmp_path: Path, store: Store) -> None:
    other = Source("tumour", "v2", "canary", ("age", "weight"), ("age class",), ("benign", "malignant"), 2)
    log = PredictionLog(tmp_path / "log")
    log.append([answered("a"), answered("b", source=other)])
    log.mover(store).run()
    text_age = Source("tumour", "v3", "champion", ("weight",), ("age",), ("benign", "malignant"), 2)
    log.append([answered("c", source=text_age)])
    log.close()
    log.mover(store).run()
    found = table(store)
    assert found["version"].to_list() == ["v1", "v2", "v3"]
    assert found["number:weight"].to_list() == [None, None, 0.0]
    assert found["text:age"].to_list() == [None, None, "f"]


def test_a_column_that_was_never_logged_is_named(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    log.append([answered("a")])
    log.close()
    log.mover(store).run()
    with pytest.raises(ColumnNotFound, match="agee"):
        features_of(table(store), ModelSchema("regression", "y", (Column("agee", "float32"),)))


def test_what_is_still_written_to_is_moved_too_and_never_twice(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    for index in range(3):
        log.append([answered(f"id-{index}")])
        log.mover(store).run()
        log.mover(store).run()
        assert log.count() == index + 1
    log.close()
    assert log.mover(store).run().segments == 1
    assert table(store)["id"].to_list() == ["id-0", "id-1", "id-2"]
    assert log.count() == 3
    assert log.backlog_bytes() == 0


def test_every_move_is_journalled_under_its_own_key(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    log.append([answered("a", 2)])
    log.append_labels([LabelRecord("a", 0, "tumour", "benign", 1.8e9)])
    log.close()
    log.mover(store).run()
    events = list(store.journal.events(types=("predictions.moved", "labels.received")))
    assert [(each.type, each.payload["rows"]) for each in events] == [("predictions.moved", 2), ("labels.received", 1)]
    assert len({each.key for each in events}) == 2


def test_labels_are_kept_once_and_a_changed_one_is_a_correction(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log")
    said = ["benign", "benign", "malignant", "malignant"]
    for index, label in enumerate(said):
        log.append_labels([LabelRecord("a", 0, "tumour", label, 1.8e9 + index)])
        log.mover(store).run()
    log.append_labels([LabelRecord("b", 0, "tumour", 2.5, 1.8e9)])
    log.append_labels([LabelRecord("b", 0, "tumour", 2.5, 1.9e9)])
    log.close()
    log.mover(store).run()
    found = store.tables.read(labels_table("tumour")).sort("time", "id")
    assert found["correction"].to_list() == [False, False, True]
    last = latest_labels(found).sort("id")
    assert last.select("id", "label", "value").rows() == [("a", "malignant", None), ("b", None, 2.5)]
    assert log.count_labels() == 6


def test_no_labels_have_no_latest() -> None:
    assert latest_labels(pl.DataFrame()).height == 0


@pytest.mark.parametrize("point", ["tables", "journal", "ledger", "unlink"])
def test_a_move_that_failed_anywhere_is_repeated_without_loss_or_doubling(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    log = PredictionLog(tmp_path / "log")
    log.append([answered(f"id-{index}") for index in range(5)])
    log.append_labels([LabelRecord("id-0", 0, "tumour", "benign", 1.8e9)])
    log.close()

    def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("killed here")

    mover = log.mover(store)
    with monkeypatch.context() as broken:
        places = {
            "tables": (store.tables, "append"),
            "journal": (store.journal, "append"),
            "ledger": (mover.ledger, "write"),
            "unlink": (Path, "unlink"),
        }
        broken.setattr(*places[point], fail)
        with pytest.raises(StoreUnavailable, match="killed here"):
            mover.run()
    PredictionLog(tmp_path / "log").mover(store).run()
    assert table(store)["id"].to_list() == [f"id-{index}" for index in range(5)]
    assert store.tables.read(labels_table("tumour")).height == 1
    events = list(store.journal.events(types=("predictions.moved", "labels.received")))
    assert len(events) == 2
    assert (log.count(), log.count_labels()) == (5, 1)


MOVER = """
import sys
from pathlib import Path
from holdfast.serve import PredictionLog
from holdfast.store import open_store
store = open_store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
PredictionLog(Path(sys.argv[2])).mover(store).run()
print("done", flush=True)
"""


def test_a_mover_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path, store: Store) -> None:
    log = PredictionLog(tmp_path / "log", limit_bytes=300)
    random = np.random.default_rng(7)
    expected = []
    for attempt in range(4):
        expected += [f"{attempt}-{index:02d}" for index in range(12)]
        for id in expected[-12:]:
            log.append([answered(id)])
        command = [sys.executable, "-c", MOVER, str(tmp_path / "store"), str(tmp_path / "log")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                child.communicate("go\n", timeout=float(random.uniform(0.01, 0.4)))
            except subprocess.TimeoutExpired:
                child.kill()
    log.close()
    log.mover(store).run()
    assert table(store)["id"].to_list() == expected
    assert log.count() == len(expected)
    assert store.journal.verify() > 0
