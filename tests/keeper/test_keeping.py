"""Keeping: data, splits and dataset versions; what a model learnt from is never held out to judge it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ContractError, DataError, NotFound, UnreadableData
from holdfast.project import Project


def edited(project: Project, old: str, new: str) -> Project:
    path = project.folder / "holdfast.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return project


def test_a_file_that_no_source_reads_is_refused(new_project: Callable[..., Project], small_contract: str) -> None:
    project = new_project(contract=small_contract.replace("history.parquet", "history.xlsx"))
    with pytest.raises(UnreadableData, match="no source"):
        project.check()


def test_the_same_rows_are_read_in_once(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    first = kept.ingest()
    before = kept.store.journal.head()
    assert kept.ingest().digest == first.digest
    kept.choose(first)
    assert kept.store.journal.head() == before


def test_changing_the_split_in_the_contract_never_lets_a_champion_be_judged_on_what_it_learnt(
    trained: Project,
) -> None:
    champion, kept = trained.champion.model, trained.keeping()
    dataset = kept.dataset().digest
    learnt, held = kept.split(dataset, model=champion)
    edited(trained, "holdout: 0.35", "holdout: 0.6")
    edited(trained, "seed: 7", "seed: 8")
    after = trained.keeping()
    assert after.split(dataset, model=champion)[1].equals(held)
    assert after.split_digest(champion) == kept.split_digest(champion)
    ours = set(learnt["case"].to_list())
    assert ours & set(after.split(dataset)[1]["case"].to_list())
    assert not ours & set(after.split(dataset, model=champion)[1]["case"].to_list())


def test_a_model_derived_from_another_keeps_its_split(trained: Project, twin: Callable[..., str]) -> None:
    edited(trained, "holdout: 0.35", "holdout: 0.6")
    made = twin(trained)
    assert trained.keeping().split_spec(made)["holdout"] == 0.35
    assert trained.keeping().split_spec()["holdout"] == 0.6


def test_a_model_whose_split_nobody_remembers_is_split_as_the_contract_says(trained: Project) -> None:
    assert trained.keeping().split_spec("f" * 64) == trained.keeping().split_spec()


def test_rows_of_a_test_file_are_the_held_out_ones(
    new_project: Callable[..., Project], small_contract: str, tumours: pl.DataFrame
) -> None:
    contract = small_contract.replace("  holdout: 0.35\n", "  test: data/test.parquet\n")
    project = new_project(contract=contract)
    with pytest.raises(UnreadableData):
        project.check()
    tumours.slice(300, 50).write_parquet(project.folder / "data/test.parquet")
    kept = project.keeping()
    learnt, held = kept.split(kept.ingest().digest)
    assert (learnt.height, held.height) == (300, 50)
    before = kept.split_digest("f" * 64)
    tumours.slice(350, 50).write_parquet(project.folder / "data/test.parquet")
    assert kept.split_digest("f" * 64) != before


def test_set_aside_rows_are_kept_with_the_reason_and_leave_their_batch(
    new_project: Callable[..., Project], tumours: pl.DataFrame
) -> None:
    kept = new_project().keeping()
    first = kept.ingest()
    more = kept.add_rows(first, tumours.slice(300, 40), newest=30, reason="more came")
    assert more.roles["batches"] == [300, 10, 30]
    mask = np.zeros(340, dtype=bool)
    mask[[0, 300, 339]] = True
    clean = kept.set_aside(more, mask, reason="odd")
    assert clean.roles["batches"] == [299, 9, 29]
    assert clean.parent == more.digest
    aside = kept.store.tables.read("quarantine:tumour")
    assert aside["_reason"].unique().to_list() == ["odd"]
    again = kept.set_aside(more, mask, reason="odd")
    assert again.digest == clean.digest
    assert kept.store.tables.read("quarantine:tumour").height == 3


def test_the_newest_batch_is_what_traffic_is_compared_with(
    new_project: Callable[..., Project], tumours: pl.DataFrame
) -> None:
    kept = new_project().keeping()
    first = kept.ingest()
    more = kept.add_rows(first, tumours.slice(300, 40), newest=30, reason="more came")
    assert kept.reference(more.digest)["case"].to_list() == tumours.slice(310, 30)["case"].to_list()
    nothing = kept.store.datasets.add("other", tumours.head(3), roles={"batches": [0]}, reason="odd")
    assert kept.reference(nothing.digest).height == 3


def test_a_package_that_was_never_made_is_said(trained: Project) -> None:
    with pytest.raises(NotFound, match="no onnx-int8 package"):
        trained.keeping().package_of(trained.champion.model, "onnx-int8")


def test_without_a_champion_there_is_none_anywhere(new_project: Callable[..., Project]) -> None:
    kept = new_project().keeping()
    assert kept.champion() is None
    assert kept.champion("local") is None


def test_the_author_is_who_is_named_or_who_had_the_contract_accepted(
    new_project: Callable[..., Project], small_contract: str
) -> None:
    kept = new_project().keeping()
    kept.accept()
    assert kept.author == kept.store.actor
    named = new_project(contract=small_contract + "policy:\n  author: ann\n", name="other").keeping()
    assert named.author == "ann"


@pytest.mark.parametrize(
    ("promise", "words"),
    [
        ("accuracy >= 0.5 on validation", "no dataset 'validation'.*'holdout', 'test', 'train'"),
        ("accuracy >= 0.5 on test", "no test rows"),
    ],
)
def test_a_promise_on_rows_that_nobody_keeps_is_refused_before_anything_runs(
    new_project: Callable[..., Project], small_contract: str, promise: str, words: str
) -> None:
    with pytest.raises(ContractError, match=words):
        new_project(contract=small_contract.replace("recall >= 0.7", promise))


def test_a_promise_about_a_file_has_no_slices(new_project: Callable[..., Project], small_contract: str) -> None:
    with pytest.raises(ContractError, match="model_size is not of rows"):
        new_project(contract=small_contract.replace("model_size <= 5 MB", "model_size <= 5 MB by mean_texture"))


@pytest.mark.parametrize("stage", ["data", "package", "live"])
def test_other_rows_belong_to_the_candidate_stage(
    new_project: Callable[..., Project], small_contract: str, stage: str
) -> None:
    old = {"data": "unique(case) >= 1", "package": "model_size <= 5 MB", "live": "accuracy >= 0.75 over 100 rows"}
    new = {"data": "unique(case) >= 1 on train", "package": "model_size <= 5 MB on train", "live": "f1 >= 0.1 on train"}
    with pytest.raises(ContractError, match=f"'on train' at stage {stage}"):
        new_project(contract=small_contract.replace(old[stage], new[stage]))


def test_a_contract_may_ask_about_training_rows_beside_held_out_ones(trained: Project) -> None:
    trained.promise("accuracy >= 0.6 on train")
    trained.promise("accuracy >= 0.6 on holdout")
    trained.plan()
    learnt, held = trained.keeping().split(trained.keeping().dataset().digest)
    found = [trained.why(f"candidate: accuracy >= 0.6 on {each}")["n"] for each in ("train", "holdout")]
    assert found == [learnt.height, held.height]


def test_weights_that_are_no_positive_numbers_are_refused(
    new_project: Callable[..., Project], small_contract: str, tumours: pl.DataFrame
) -> None:
    contract = small_contract.replace("  id: case\n", "  id: case\n  weight: weight\n")
    rows = tumours.head(300).with_columns(weight=pl.Series([1.0, -2.0, *[1.0] * 298]))
    with pytest.raises(DataError, match=r"weight -2\.0 in column 'weight'") as caught:
        new_project(contract=contract, rows=rows).check()
    assert "row 1" in str(caught.value.where)
