"""The checks file: a contract with or without a model; what is wrong in it is named with file, line and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.core.errors import (
    ContractError,
    InvalidValue,
    MalformedContract,
    NotFound,
    PromiseSyntaxError,
    UnknownField,
    UnknownName,
)
from holdfast.store.checks_file import parse_checks, read_checks

CHECKS = b"""\
holdfast: 1
data:
  types: {zip: text}
  reading: {encoding: latin-1}
promises:
  data:
    - unique(id) >= 1
    # a comment
    - {measure: completeness, args: [age], op: ">=", bound: 0.9}
"""


def test_promises_come_in_order_with_their_lines() -> None:
    found = parse_checks(CHECKS, name="c.yaml", folder=Path("there"))
    assert [each.text for each in found.promises] == ["unique(id) >= 1", "completeness(age) >= 0.9"]
    assert [found.lines[each.id] for each in found.promises] == [7, 9]
    assert (dict(found.types), dict(found.reading), found.folder) == (
        {"zip": "text"},
        {"encoding": "latin-1"},
        Path("there"),
    )


def test_a_plain_list_will_do() -> None:
    found = parse_checks(b"holdfast: 1\npromises:\n- unique(id) >= 1\n")
    assert [each.stage for each in found.promises] == ["data"]


def test_a_whole_contract_gives_its_data_promises_and_what_a_star_leaves_out(small_contract: str) -> None:
    found = parse_checks(small_contract.encode(), name="holdfast.yaml")
    assert [each.claim for each in found.promises] == [
        "unique(case) >= 1",
        "completeness(*) >= 0.95",
        "in_range(mean_radius, 5, 40) >= 1",
    ]
    lines = small_contract.splitlines()
    assert all(each.claim in lines[found.lines[each.id] - 1] for each in found.promises)
    assert found.excluded == ("diagnosis", "case")


@pytest.mark.parametrize(
    ("text", "error", "where"),
    [
        (b"holdfast: 2\npromises: [unique(id) >= 1]\n", ContractError, "c.yaml:1"),
        (b"holdfast: 1\n", InvalidValue, "c.yaml:1"),
        (b"holdfast: 1\npromises: []\n", InvalidValue, "c.yaml:2"),
        (b"holdfast: 1\npromises:\n  data: []\n", InvalidValue, "c.yaml:2"),
        (b"holdfast: 1\npromises:\n- unique(id >= 1\n", PromiseSyntaxError, "c.yaml:3"),
        (b"holdfast: 1\npromises:\n- uniqe(id) >= 1\n", UnknownName, "c.yaml:3"),
        (b"holdfast: 1\npromises:\n- roc_auc >= 0.5\n", InvalidValue, "c.yaml:3"),
        (b"holdfast: 1\npromises:\n- unique(id) >= 2\n", InvalidValue, "c.yaml:3"),
        (b"holdfast: 1\npromises:\n- unique(id) >= 1\n- unique(id)>=1\n", MalformedContract, "c.yaml:4"),
        (b"holdfast: 1\npromises:\n- 7\n", ContractError, "c.yaml:3"),
        (b"holdfast: 1\ncolour: red\npromises: [unique(id) >= 1]\n", UnknownField, "c.yaml:2"),
        (b"holdfast: 1\ndata: {typs: {}}\npromises: [unique(id) >= 1]\n", UnknownField, "c.yaml:2"),
        (b"holdfast: 1\npromises: {live: [unique(id) >= 1]}\n", ContractError, "c.yaml:2"),
        (b"holdfast: 1\ndata: {types: {a: colour}}\npromises: [unique(id) >= 1]\n", InvalidValue, "c.yaml:2"),
        (b"- 1\n", MalformedContract, "c.yaml:1"),
        (b"a: &x 1\nb: *x\n", MalformedContract, "c.yaml"),
        (b"a: !!python/object:os.system x\n", MalformedContract, "c.yaml"),
        (b"\xff\xfe", MalformedContract, "c.yaml:1"),
        (b"holdfast: [", MalformedContract, "c.yaml"),
        (b"", MalformedContract, "c.yaml"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: bytes, error: type[ContractError], where: str) -> None:
    with pytest.raises(error) as told:
        parse_checks(text, name="c.yaml")
    assert str(told.value).startswith(where)


def test_a_file_that_is_not_there_or_is_a_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_checks(tmp_path / "none.yaml")
    with pytest.raises(MalformedContract, match="cannot be read"):
        read_checks(tmp_path)
