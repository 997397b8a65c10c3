"""The entry point: names, options, help, exit codes of what is typed wrong, streams, bugs."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from holdfast.cli.main import COMMANDS, holdfast, main
from holdfast.core.errors import explained
from holdfast.project import Project

NAMES = (
    "anomalies",
    "apply",
    "approve",
    "check",
    "check-promise",
    "clean",
    "demo",
    "export",
    "history",
    "import-checks",
    "init",
    "journal",
    "label-errors",
    "plan",
    "predict",
    "profile",
    "promise",
    "rollback",
    "schema",
    "serve",
    "status",
    "train",
    "up",
    "why",
)


def loaded(name: str) -> click.Command:
    command = holdfast.get_command(click.Context(holdfast), name)
    assert command is not None
    return command


def leaf(name: str) -> click.Command:
    command = loaded(name)
    return command.commands["verify"] if isinstance(command, click.Group) else command


def test_the_commands_are_those_that_were_promised() -> None:
    assert tuple(sorted(COMMANDS)) == NAMES


#: Commands that are about a file, not about a project.
OF_FILES = ("anomalies", "clean", "import-checks", "label-errors", "predict", "profile", "train")


@pytest.mark.parametrize("name", NAMES)
def test_every_command_prints_json(name: str) -> None:
    assert "--json" in {each for param in leaf(name).params for each in param.opts}


@pytest.mark.parametrize("name", [each for each in NAMES if each not in OF_FILES])
def test_every_command_of_a_project_takes_its_folder(name: str) -> None:
    assert "--project" in {each for param in leaf(name).params for each in param.opts}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_is_named_as_in_the_table_and_helps(name: str, command: Callable[..., Any]) -> None:
    said = command(None, name, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: holdfast {name} ")
    assert inspect.cleandoc(loaded(name).help or "").endswith(".")


def test_help_lists_every_command_with_its_line(command: Callable[..., Any]) -> None:
    said = command(None, "--help")
    assert said.code == 0
    assert all(f"  {name} " in said.out for name in NAMES)


def test_the_version_is_the_package_s(command: Callable[..., Any]) -> None:
    from importlib.metadata import version

    said = command(None, "--version")
    assert (said.code, said.out) == (0, f"holdfast, version {version('holdfast')}\n")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (["statsu"], "did you mean 'status'?"),
        (["chekc-promise", "x"], "did you mean 'check-promise'?"),
        (["zzz"], "No command 'zzz'"),
        (["status", "--jsno"], "Did you mean '--json'?"),
        (["why"], "Missing argument 'PROMISE'"),
        (["check-promise"], "Missing argument 'TEXT'"),
        (["history", "--limit", "0"], "--limit"),
        (["serve", "--port", "70000"], "--port"),
        (["up", "--every", "0"], "--every"),
        (["promise", "f1 >= 0.5", "--stage", "liv"], "live"),
        (["journal", "verfy"], "verfy"),
        (["status", "more"], "more"),
        ([], "Usage: holdfast"),
    ],
)
def test_what_is_typed_wrong_is_usage_and_says_what_is_right(
    typed: list[str], words: str, command: Callable[..., Any]
) -> None:
    said = command(None, *typed)
    assert (said.code, said.out) == (2, "")
    assert words in said.err


def test_wrong_usage_with_json_is_json_too(command: Callable[..., Any]) -> None:
    said = command(None, "history", "--limit", "0", "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "usage"
    assert "--limit" in said.json["error"]["message"]


def test_no_project_is_told_in_both_forms(tmp_path: Path, command: Callable[..., Any]) -> None:
    for name in ("status", "plan", "apply", "history", "rollback", "check", "up", "serve"):
        said = command(tmp_path, name, "--json")
        assert said.code == 2
        assert said.json["error"]["code"] == "HF307"
        assert said.json["error"]["where"] == str(tmp_path)
        assert "holdfast init DIR" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_bug_is_one_line_and_exit_1(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_text: str) -> None:
        raise ZeroDivisionError("by\nnothing")

    monkeypatch.setattr("holdfast.project.check_promise", fails)
    said = command(None, "check-promise", "recall >= 0.5")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        "a bug in Holdfast: ZeroDivisionError: by nothing",
        "next: HOLDFAST_TRACEBACK=1 holdfast check-promise recall >= 0.5",
    ]
    told = command(None, "check-promise", "recall >= 0.5", "--json")
    assert (told.code, told.json["error"]["code"]) == (1, "bug")
    monkeypatch.setenv("HOLDFAST_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["check-promise", "recall >= 0.5"])


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "x/y"), OSError(28, "No space left")])
def test_a_machine_that_refuses_is_no_bug(
    error: OSError, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_text: str) -> None:
        raise error

    monkeypatch.setattr("holdfast.project.check_promise", fails)
    said = command(None, "check-promise", "recall >= 0.5", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "HF301")
    assert error.strerror in said.json["error"]["message"]


def test_an_interrupt_is_exit_130(command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_text: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("holdfast.project.check_promise", interrupted)
    assert command(None, "check-promise", "recall >= 0.5").code == 130


@pytest.mark.parametrize("arguments", [["schema"], ["status"], ["status", "--json"], ["history"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str], trained: Project) -> None:
    trained.close()
    ended = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli.main", *arguments, "--project", str(trained.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert ended.stdout is not None
    assert ended.stderr is not None
    ended.stdout.close()
    words = ended.stderr.read()
    ended.stderr.close()
    assert (ended.wait(timeout=60), words) == (0, b"")


def test_a_terminal_of_another_encoding_gets_an_answer(trained: Project, process: Callable[..., Any]) -> None:
    trained.promise("f1 >= 0.5")
    trained.close()
    said = process("status", "--project", str(trained.folder), PYTHONIOENCODING="ascii")
    assert (said.code, said.err) == (4, "")
    assert "held" in said.out
    said = process("status", "--json", "--project", str(trained.folder), PYTHONIOENCODING="latin-1")
    assert said.json["model"] == "tumour"


def test_a_machine_whose_user_has_no_name_still_has_an_actor(
    trained: Project, command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.delenv("HOLDFAST_ACTOR", raising=False)
    monkeypatch.setattr("getpass.getuser", nameless)
    trained.close()
    assert command(trained.folder, "status").code == 4
    assert Project(trained.folder).actor.startswith("uid-")


# ------------------------------------------------------------------------------------------------ without a project


def test_a_promise_is_printed_in_its_canonical_form(process: Callable[..., Any]) -> None:
    said = process("check-promise", "p99_latency<=20ms   over 1h else retrain")
    assert (said.code, said.out, said.err) == (0, "p99_latency <= 20 ms over 1 h else retrain\n", "")
    told = process("check-promise", "roc_auc >= 0.9 with 95%", "--json").json
    assert (told["promise"], told["stage"]) == ("roc_auc >= 0.9 with 95%", "candidate")
    assert len(told["id"]) == 64


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("recall > = 0.5", "HF104", "column 10"),
        ("recal >= 0.5", "HF106", "did you mean 'recall'?"),
        ("recall >= 5 MB", "HF105", "5 MB"),
        ("recall >= 7", "HF107", "7"),
        ("recall >= 0.5 else retran", "HF106", "did you mean 'retrain'?"),
        ("", "HF104", ""),
        ("recall >= 0.5 " * 3000, "HF104", ""),
        ("réçall ≥ 0.5", "HF104", ""),
    ],
)
def test_what_is_no_promise_is_exit_2_on_stderr(text: str, code: str, words: str, command: Callable[..., Any]) -> None:
    said = command(None, "check-promise", text)
    assert (said.code, said.out) == (2, "")
    first, second = said.err.splitlines()
    assert words in first
    assert first.endswith(f"({code})")
    assert second == f"next: holdfast check --explain {code}"


def test_every_error_code_is_explained(command: Callable[..., Any]) -> None:
    for code, (name, _) in explained().items():
        said = command(None, "check", "--explain", code)
        assert (said.code, said.out.splitlines()[0]) == (0, f"{code}  {name}")
    assert command(None, "check", "--explain", "HF103", "--json").json["name"] == "ColumnNotFound"
    assert "HF10" in command(None, "check", "--explain", "HF1O3").err


def test_the_schema_is_a_json_schema_that_knows_every_part(command: Callable[..., Any]) -> None:
    for arguments in (["schema"], ["schema", "--json"]):
        schema = command(None, *arguments).json
        assert schema["$schema"].endswith("2020-12/schema")
        assert {"model", "data", "promises", "train", "policy", "store"} <= set(schema["properties"])


def test_init_makes_a_project_and_not_twice(tmp_path: Path, command: Callable[..., Any]) -> None:
    folder = tmp_path / "mine"
    said = command(None, "init", str(folder), "--json")
    assert (said.code, said.json) == (0, {"project": str(folder), "model": "tumour"})
    assert (folder / "data" / "history.parquet").is_file()
    before = (folder / "holdfast.yaml").read_bytes()
    again = command(None, "init", str(folder))
    assert (again.code, again.out) == (2, "")
    assert "holds a project already" in again.err
    assert (folder / "holdfast.yaml").read_bytes() == before
    unknown = command(None, "init", str(tmp_path / "other"), "--example", "tumor")
    assert (unknown.code, unknown.out) == (2, "")
    assert "did you mean 'tumour'?" in unknown.err
    assert not (tmp_path / "other").exists()


def test_init_where_nothing_can_be_made_is_told(tmp_path: Path, command: Callable[..., Any]) -> None:
    (tmp_path / "file").write_text("in the way")
    said = command(None, "init", str(tmp_path / "file" / "mine"))
    assert (said.code, said.out) == (2, "")
    assert "file" in said.err.splitlines()[0]


def test_an_unknown_example_is_told_before_anything_is_made(tmp_path: Path, command: Callable[..., Any]) -> None:
    said = command(None, "demo", "--example", "incme", "--dir", str(tmp_path / "d"), "--json")
    assert said.code == 2
    assert "did you mean 'income'?" in said.json["error"]["expected"]
    assert not (tmp_path / "d").exists()


def test_json_on_stdout_is_the_only_thing_on_stdout(
    new_project: Callable[..., Project], process: Callable[..., Any]
) -> None:
    project = new_project()
    project.close()
    said = process("check", "--json", cwd=project.folder)
    assert said.code == 0
    assert said.err == ""
    assert set(json.loads(said.out)) == {"state", "rows", "promises", "failing"}
