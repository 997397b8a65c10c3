"""The contract file: every error names file, line, column, field, what was expected and the nearest word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.core.errors import (
    ContractError,
    HoldfastError,
    InvalidValue,
    MalformedContract,
    NotFound,
    PromiseSyntaxError,
    UnitMismatch,
    UnknownField,
    UnknownName,
)
from holdfast.core.grammar import parse
from holdfast.store.contract_file import (
    add_promise,
    check_promise,
    contract_schema,
    parse_contract,
    read_contract,
    read_store_settings,
)

TEXT = """\
holdfast: 1
model:
  name: tumour
  task: binary
  target: diagnosis
  positive: malignant
data:
  train: data/rows.parquet
  holdout: 0.35
  id: case
  label_delay: 7 d
promises:
  data:
    - completeness(*) >= 0.95   # a comment stays
    - in_range(radius, 5, 40) >= 1 else quarantine
  candidate:
    - recall >= 0.85
  live:
    - measure: accuracy
      op: ">="
      bound: 0.8
      over: 1 d
train:
  with: automl
  budget: 25 s
  seed: 7
policy:
  approve: auto
"""


def test_a_contract_is_read_whole() -> None:
    contract = parse_contract(TEXT.encode())
    assert contract.name == "tumour"
    assert contract.data.roles.label_delay_s == 7 * 86400
    assert contract.train.budget_s == 25
    assert [f"{each.stage}: {each.text}" for each in contract.promises] == [
        "data: completeness(*) >= 0.95",
        "data: in_range(radius, 5, 40) >= 1 else quarantine",
        "candidate: recall >= 0.85",
        "live: accuracy >= 0.8 over 1 d",
    ]


def test_the_same_text_gives_the_same_contract() -> None:
    assert parse_contract(TEXT.encode()).id == parse_contract(TEXT.encode()).id


def test_a_plain_list_of_promises_gets_its_stages_from_the_measures() -> None:
    head, _, tail = TEXT.partition("promises:\n")
    text = (
        head
        + "promises:\n  - completeness(*) >= 0.9\n  - recall >= 0.8\n  - recall >= 0.8 over 1 d\n"
        + tail[tail.index("train:") :]
    )
    assert [each.stage for each in parse_contract(text.encode()).promises] == ["data", "candidate", "live"]


@pytest.mark.parametrize(
    ("old", "new", "error", "place", "words"),
    [
        ("model:", "model: [", MalformedContract, ":4:7", "not YAML"),
        ("  target: diagnosis", "  targt: diagnosis", UnknownField, ":5:3: model.targt", "did you mean 'target'"),
        ("task: binary", "task: binari", InvalidValue, ":4:3: model.task", "did you mean 'binary'"),
        ("- recall", "- recal", UnknownName, ":17:7: promises.candidate[0]", "did you mean 'recall'"),
        ("recall >= 0.85", "recall >= 20 ms", UnitMismatch, ":17:7", "dimension time"),
        ("recall >= 0.85", "recall => 0.85", PromiseSyntaxError, ":17:7", "column 8"),
        ("recall >= 0.85", "recall >= 85", InvalidValue, ":17:7", "from 0 to 1"),
        ("recall >= 0.85", "recall(age) >= 0.85", InvalidValue, ":17:7", "1 arguments"),
        ("recall >= 0.85", "completeness(*) >= 0.85", InvalidValue, ":17:7", "stage candidate"),
        ("- recall >= 0.85", "- recall >= 0.85\n    - recall >= 0.850", InvalidValue, "promises", "stands twice"),
        ("- recall >= 0.85", "- 5", InvalidValue, ":17:7", "valid string"),
        ("else quarantine", "else quarantin", UnknownName, ":15:7", "did you mean 'quarantine'"),
        ("  candidate:", "  candidat:", UnknownField, ":16:3", "did you mean 'candidate'"),
        ("holdout: 0.35", "holdout: 1.5", InvalidValue, ":9:3: data.holdout", "0.9"),
        ("seed: 7", "seed: seven", InvalidValue, ":26:3: train.seed", "integer"),
        ("budget: 25 s", "budget: 25 MB", UnitMismatch, ":25:3: train.budget", "dimension size"),
        ("budget: 25 s", "budget: soon", UnitMismatch, ":25:3", "no quantity"),
        ("with: automl", "with: autml", UnknownName, ":24:3: train.with", "did you mean 'automl'"),
        ("approve: auto", "approve: anybody", InvalidValue, ":28:3: policy.approve", "four-eyes"),
        ("  task: binary\n", "", InvalidValue, ":2:1: model", "'task' is missing"),
        ("  positive: malignant\n", "", InvalidValue, ":2:1: model", "positive"),
        ("  task: binary", "  task: binary\n  task: binary", MalformedContract, ":5:3", "stands twice"),
        ("name: tumour", "name: ../../etc", InvalidValue, ":3:3: model.name", "pattern"),
        ("task: binary\n  target: diagnosis", "task: &a binary\n  target: *a", MalformedContract, ":5:11", "alias"),
        ('op: ">="', 'op: ">="\n      unit: s', UnknownField, ":19:7", "unit"),
    ],
)
def test_an_error_names_the_place_and_what_would_be_right(
    old: str, new: str, error: type[HoldfastError], place: str, words: str
) -> None:
    assert old in TEXT
    with pytest.raises(error) as caught:
        parse_contract(TEXT.replace(old, new, 1).encode(), name="holdfast.yaml")
    assert place in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"- a", b"just words", b"\xff\xfe", b"a: !!python/object:os.system {}", b"x" * 2_000_000]
)
def test_bytes_that_are_no_contract_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(ContractError) as caught:
        parse_contract(data)
    assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_raises_anything_but_an_error_of_ours(text: str) -> None:
    with pytest.raises(ContractError):
        parse_contract(text.encode("utf-8", "surrogatepass"))


def test_a_missing_file_says_what_would_make_one(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="holdfast init"):
        read_contract(tmp_path / "holdfast.yaml")


def test_a_promise_is_added_and_comments_stay() -> None:
    changed = add_promise(TEXT, check_promise(parse("f1 >= 0.5")))
    assert "# a comment stays" in changed
    assert "    - recall >= 0.85\n    - f1 >= 0.5\n" in changed
    assert "candidate: f1 >= 0.5" in [
        f"{each.stage}: {each.text}" for each in parse_contract(changed.encode()).promises
    ]


def test_a_promise_of_a_stage_that_has_none_yet_makes_its_list() -> None:
    changed = add_promise(TEXT, check_promise(parse("model_size <= 5 MB")))
    assert "package: model_size <= 5 MB" in [
        f"{each.stage}: {each.text}" for each in parse_contract(changed.encode()).promises
    ]


def test_the_schema_is_json_schema_and_describes_every_section() -> None:
    schema = contract_schema()
    json.dumps(schema)
    assert {"model", "data", "promises", "train", "policy", "store"} <= set(schema["properties"])


def test_the_environment_comes_before_the_file_for_the_store(tmp_path: Path) -> None:
    path = tmp_path / "holdfast.yaml"
    path.write_text(TEXT + "store:\n  url: postgresql://a/b\n  mlflow: none\n")
    found = read_store_settings(path, root=tmp_path, environment={})
    assert (found.url, found.mlflow) == ("postgresql://a/b", None)
    other = read_store_settings(path, root=tmp_path, environment={"HOLDFAST_STORE_URL": "postgresql://c/d"})
    assert other.url == "postgresql://c/d"
