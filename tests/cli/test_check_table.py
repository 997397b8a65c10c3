"""`holdfast check DATA`: verdicts on any table by a contract, the exit codes, the formats, and input that is no use."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import UnsafePath
from holdfast.data import check, check_all

CHECKS = """\
holdfast: 1
data:
  types: {code: text}
promises:
  data:
    - unique(id) >= 1
    - completeness(age) >= 0.7
    - in_range(age, 0, 120) >= 0.9
    - matches(code, "[0-9]{5}") >= 1
"""
GOOD = "id,age,code\n1,39,01234\n2,50,12345\n3,,00001\n4,28,99999\n"
BAD = GOOD.replace("50", "500").replace("4,28", "3,28")

Command = Callable[..., Any]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "checks.yaml").write_text(CHECKS)
    (tmp_path / "good.csv").write_text(GOOD)
    (tmp_path / "bad.csv").write_text(BAD)
    return tmp_path


def run(command: Command, data: object, *more: str, contract: object = None) -> Any:
    given = () if contract is None else ("--contract", str(contract))
    return command(None, "check", str(data), *given, *more)


def test_held_is_0_and_every_check_has_its_five_fields(command: Command, place: Path) -> None:
    said = run(command, place / "good.csv", "--format", "json", contract=place / "checks.yaml")
    assert said.code == 0
    assert [list(each)[:5] for each in said.json] == [["check", "verdict", "value", "rows_failing", "rows"]] * 4
    assert [(each["verdict"], each["rows"]) for each in said.json] == [("held", 4)] * 4


def test_broken_is_3_with_the_rows_that_fail(command: Command, place: Path) -> None:
    said = run(command, place / "bad.csv", "--json", contract=place / "checks.yaml")
    assert said.code == 3
    found = {each["check"]: each for each in said.json}
    assert found["unique(id) >= 1"]["rows_failing"] == 1
    assert found["unique(id) >= 1"]["first_rows"] == [3]
    assert (found["in_range(age, 0, 120) >= 0.9"]["value"], found["completeness(age) >= 0.7"]["verdict"]) == (
        pytest.approx(2 / 3),
        "held",
    )


def test_unproven_is_4_and_broken_comes_before_it(command: Command, place: Path) -> None:
    (place / "more.yaml").write_text("holdfast: 1\npromises:\n- completeness(height) >= 0.9\n")
    said = run(command, place / "good.csv", "--json", contract=place / "more.yaml")
    assert (said.code, said.json[0]["verdict"], said.json[0]["value"]) == (4, "unproven", None)
    assert "no column 'height'" in said.json[0]["reason"]
    (place / "more.yaml").write_text("holdfast: 1\npromises:\n- completeness(height) >= 0.9\n- unique(age) == 0.5\n")
    assert run(command, place / "good.csv", contract=place / "more.yaml").code == 3


@pytest.mark.parametrize("shape", ["text", "json", "junit", "sarif", "html", "gx"])
def test_a_report_goes_to_stdout_or_to_a_file(command: Command, place: Path, shape: str) -> None:
    said = run(command, place / "bad.csv", "--format", shape, contract=place / "checks.yaml")
    assert said.code == 3
    assert "unique" in said.out
    out = place / "report"
    told = run(command, place / "bad.csv", "--format", shape, "--out", str(out), contract=place / "checks.yaml")
    assert (told.code, told.out) == (3, "")
    assert "2 held, 2 broken" in told.err
    assert "unique" in out.read_text()


def test_the_contract_beside_the_data_is_found(command: Command, place: Path) -> None:
    assert run(command, place / "good.csv").code == 0
    (place / "checks.yaml").unlink()
    said = run(command, place / "good.csv")
    assert said.code == 2
    assert "holdfast profile" in said.err


def test_a_whole_contract_judges_another_table(command: Command, tmp_path: Path, small_contract: str) -> None:
    (tmp_path / "holdfast.yaml").write_text(small_contract)
    rows = {"case": ["a", "b"], "mean_radius": [10.0, 900.0], "diagnosis": ["benign", None]}
    pl.DataFrame(rows).write_parquet(tmp_path / "rows.parquet")
    said = run(command, tmp_path / "rows.parquet", "--json", contract=tmp_path / "holdfast.yaml")
    assert said.code == 3
    # The star stands for the features: a label that is missing breaks nothing here.
    assert {each["check"]: each["verdict"] for each in said.json} == {
        "unique(case) >= 1": "held",
        "completeness(*) >= 0.95": "held",
        "in_range(mean_radius, 5, 40) >= 1": "broken",
    }


def test_slices_stars_and_confidence_are_judged_as_in_a_project(command: Command, tmp_path: Path) -> None:
    rows = pl.DataFrame({"x": [1.0] * 60 + [None] * 6 + [1.0] * 34, "sex": ["f"] * 66 + ["m"] * 34})
    rows.write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "checks.yaml").write_text(
        "holdfast: 1\npromises:\n- completeness(x) >= 0.93 by sex\n- completeness(*) >= 0.93\n"
        "- completeness(x) >= 0.93 with 95%\n"
    )
    said = run(command, tmp_path / "rows.parquet", "--json")
    assert [each["verdict"] for each in said.json] == ["broken", "held", "unproven"]
    assert "sex=f" in said.json[0]["reason"]


def test_an_older_version_is_compared(command: Command, place: Path) -> None:
    said = run(
        command, place / "bad.csv", "--against", str(place / "good.csv"), "--json", contract=place / "checks.yaml"
    )
    changes = {each["check"]: each["change"] for each in said.json if each.get("change")}
    assert changes["unique(id) >= 1"] == "newly broken"
    told = run(command, place / "bad.csv", "--against", str(place / "good.csv"), contract=place / "checks.yaml")
    assert "newly broken" in told.out


def test_several_tables_are_one_report(command: Command, place: Path) -> None:
    said = command(
        None,
        "check",
        str(place / "good.csv"),
        str(place / "bad.csv"),
        "--json",
        "--contract",
        str(place / "checks.yaml"),
    )
    assert said.code == 3
    assert {Path(each["data"]).name for each in said.json} == {"good.csv", "bad.csv"}


def test_a_suite_of_another_tool_is_a_contract_too(command: Command, place: Path) -> None:
    suite = {
        "name": "s",
        "expectations": [
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
            {"type": "expect_column_kl_divergence_to_be_less_than", "kwargs": {"column": "age"}},
        ],
    }
    (place / "suite.json").write_text(json.dumps(suite))
    said = run(command, place / "bad.csv", contract=place / "suite.json")
    assert said.code == 3
    assert "passed over" in said.out


def test_freshness_is_judged_as_of_a_time(command: Command, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("seen\n2026-01-01T00:00:00\n2026-01-02T00:00:00\n")
    (tmp_path / "checks.yaml").write_text("holdfast: 1\npromises:\n- freshness(seen) <= 1 d\n")
    assert run(command, tmp_path / "rows.csv", "--now", "2026-01-02T12:00:00Z").code == 0
    assert run(command, tmp_path / "rows.csv", "--now", "2026-01-04T12:00:00Z").code == 3
    assert run(command, tmp_path / "rows.csv", "--now", "yesterday").code == 2


def test_another_table_beside_the_contract_is_looked_into(command: Command, place: Path) -> None:
    (place / "people.csv").write_text("id\n1\n2\n3\n")
    (place / "refs.yaml").write_text('holdfast: 1\npromises:\n- references(id, "people.csv", id) >= 1\n')
    said = run(command, place / "good.csv", "--json", contract=place / "refs.yaml")
    assert (said.code, said.json[0]["rows_failing"]) == (3, 1)
    (place / "refs.yaml").write_text('holdfast: 1\npromises:\n- references(id, "nobody.csv", id) >= 1\n')
    said = run(command, place / "good.csv", "--json", contract=place / "refs.yaml")
    assert (said.code, said.json[0]["verdict"]) == (4, "unproven")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("none.csv", None, "no such file"),
        ("empty.csv", b"", "empty"),
        ("blank.csv", b"\n\n\n", "blank"),
        ("ragged.csv", b"id,age,code\n1,2,3\n4,5\n", "line 3"),
        ("twice.csv", b"id,age,age\n1,2,3\n", "stands twice"),
        ("binary.csv", bytes(range(256)) * 8, "HF201"),
        ("latin.csv", "id,age,code\n1,2,é\n".encode("latin-1"), "byte"),
        ("mixed.csv", "id,age,code\n1,2,é\n".encode() + "2,3,é\n".encode("latin-1"), "line 3"),
        ("wide.csv", "id,age,code\n1,2,3\n".encode("utf-16"), "UTF-16"),
        ("half.csv.gz", gzip.compress(GOOD.encode() * 50, mtime=0)[:40], "truncated"),
        ("odd.parquet", b"PAR1 and then nothing", "Parquet"),
        ("thing.xyz", b"1", "no source"),
    ],
)
def test_input_that_is_no_use_is_2_and_says_why(
    command: Command, place: Path, name: str, data: bytes | None, told: str
) -> None:
    if data is not None:
        (place / name).write_bytes(data)
    said = run(command, place / name, contract=place / "checks.yaml")
    assert (said.code, said.out) == (2, "")
    assert told in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("text", "told"),
    [("", "c.yaml"), ("holdfast: 1\npromises: [uniqe(id) >= 1]\n", "unique"), ("{", "c.yaml"), ("[1]", "c.yaml")],
)
def test_a_contract_that_is_no_use_is_2(command: Command, place: Path, text: str, told: str) -> None:
    (place / "c.yaml").write_text(text)
    said = run(command, place / "good.csv", contract=place / "c.yaml")
    assert said.code == 2
    assert told in said.err


@pytest.mark.parametrize(
    ("data", "checks", "verdicts"),
    [
        (b"\xef\xbb\xbfid,age\n1,2\n", "unique(id) >= 1", ["held"]),
        (b"id,age\n1,x\n2,x\n", "varies(age) >= 0.5", ["broken"]),
        (b"id,age\n", "unique(id) >= 1", ["unproven"]),
        (b"id,age\n1,\n2,\n", "in_range(age, 0, 1) >= 1", ["unproven"]),
        (b"day\n2026-01-31\n31.01.2026\n01/31/2026\n", "typed(day, date) >= 0.9", ["broken"]),
        (b"v\n" + b"1\n" * 500 + b"x\n" * 500, "typed(v, number) >= 0.9", ["broken"]),
        (b"id;price\n1;2,5\n2;3,5\n", "typed(price, number) >= 0.9", ["broken"]),
        (b'id,"a ""b"", c"\n1,2\n', 'in_range("a \\"b\\", c", 0, 5) >= 1', ["held"]),
        (b"id,v\n1,=1+1\n", 'matches(v, "[^=].*") >= 1', ["broken"]),
    ],
)
def test_odd_tables_are_judged_not_choked_on(
    command: Command, tmp_path: Path, data: bytes, checks: str, verdicts: list[str]
) -> None:
    (tmp_path / "rows.csv").write_bytes(data)
    (tmp_path / "checks.yaml").write_text(f"holdfast: 1\npromises:\n- '{checks}'\n")
    said = run(command, tmp_path / "rows.csv", "--json")
    assert [each["verdict"] for each in said.json] == verdicts


def test_decimal_commas_are_read_where_they_are_stated(command: Command, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id;price\n1;2,5\n2;3,5\n")
    (tmp_path / "checks.yaml").write_text("holdfast: 1\npromises:\n- in_range(price, 2, 4) >= 1\n")
    assert run(command, tmp_path / "rows.csv").code == 4
    assert run(command, tmp_path / "rows.csv", "--reading", "decimal_comma=true").code == 0
    assert run(command, tmp_path / "rows.csv", "--reading", "decimal_coma=true").code == 2
    assert run(command, tmp_path / "rows.csv", "--reading", "nonsense").code == 2


def test_nested_columns_are_passed_over(command: Command, tmp_path: Path) -> None:
    rows = pl.DataFrame({"id": [1, 2], "inner": [{"a": 1}, {"a": None}], "many": [[1, 2], []]})
    rows.write_parquet(tmp_path / "rows.parquet")
    (tmp_path / "checks.yaml").write_text(
        "holdfast: 1\npromises:\n- unique(id) >= 1\n- completeness(inner) >= 1\n- in_range(many, 0, 1) >= 1\n"
    )
    said = run(command, tmp_path / "rows.parquet", "--json")
    assert [each["verdict"] for each in said.json] == ["held", "held", "unproven"]


@pytest.mark.parametrize("option", ["--contract", "--out", "--against", "--now"])
def test_options_of_a_table_need_one(command: Command, tmp_path: Path, option: str) -> None:
    said = command(tmp_path, "check", option, "x")
    assert said.code == 2
    assert "DATA" in said.err


def test_nothing_half_written_stays_behind(place: Path) -> None:
    (place / "out").mkdir()
    before = sorted(each.name for each in place.rglob("*"))
    with pytest.raises(UnsafePath, match="folder"):
        check_all([str(place / "good.csv")], contract=place / "checks.yaml", out=place / "out")
    assert sorted(each.name for each in place.rglob("*")) == before


def test_the_sdk_gives_the_report(place: Path) -> None:
    found = check(str(place / "bad.csv"), contract=place / "checks.yaml")
    assert (found.state, found.rows, found.columns) == ("broken", 4, 3)
    assert found.contract == str(place / "checks.yaml")
    assert [each.line for each in found.results] == [6, 7, 8, 9]


@pytest.mark.parametrize(
    "promise",
    [
        'matches(code, "(") >= 1',
        "in_range(age, 9, 3) >= 1",
        "quantile(age, 7) >= 1",
        'holds("age >") >= 1',
        'holds("' + "(" * 2000 + "age" + ")" * 2000 + ' > 1") >= 1',
        "holds(\"__import__('os').system('true')\") >= 1",
        "typed(age, colour) >= 1",
        "in_range(age) >= 1",
        "allowed(age) >= 1",
    ],
)
def test_a_promise_that_no_table_could_keep_is_for_its_writer_to_mend(
    command: Command, place: Path, promise: str
) -> None:
    quoted = promise.replace("'", "''")
    (place / "c.yaml").write_text(f"holdfast: 1\npromises:\n- '{quoted}'\n")
    said = run(command, place / "good.csv", contract=place / "c.yaml")
    assert said.code == 2
    assert "c.yaml:3" in said.err


@pytest.mark.parametrize("promise", ["allowed(age, old, young) >= 1", "in_range(code, 1, 2) >= 1", "mean(code) >= 0"])
def test_a_promise_that_does_not_fit_the_column_s_type_is_unproven(command: Command, place: Path, promise: str) -> None:
    (place / "c.yaml").write_text(f"holdfast: 1\ndata: {{types: {{code: text}}}}\npromises:\n- '{promise}'\n")
    assert run(command, place / "good.csv", contract=place / "c.yaml").code == 4
