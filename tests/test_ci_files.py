"""The files that a build takes from the repository: the GitHub Action and the pre-commit hook, parsed and run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
INSTALL, CHECK = STEPS
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")

#: What pre-commit allows in a hook (its manifest schema), as far as ours may use it.
HOOK_FIELDS = {
    "id",
    "name",
    "description",
    "entry",
    "language",
    "files",
    "exclude",
    "types",
    "types_or",
    "args",
    "pass_filenames",
    "require_serial",
    "stages",
    "minimum_pre_commit_version",
    "always_run",
    "fail_fast",
    "verbose",
}

CHECKS = """\
holdfast: 1
promises:
  data:
    - completeness(age) >= 0.9
    - in_range(age, 0, 120) >= 1
"""


def test_the_action_is_composite_and_each_script_names_its_shell() -> None:
    assert ACTION["runs"]["using"] == "composite"
    assert [each["shell"] for each in STEPS] == ["bash", "bash"]
    assert {"name", "description", "inputs", "outputs"} <= set(ACTION)


def test_no_expression_stands_inside_a_script() -> None:
    assert [each["name"] for each in STEPS if "${{" in each["run"]] == []


def test_every_input_is_used_and_only_inputs_that_exist_are() -> None:
    outside = [{key: value for key, value in each.items() if key != "run"} for each in STEPS]
    used = {each.removeprefix("inputs.") for each in EXPRESSION.findall(json.dumps(outside)) if "inputs." in each}
    assert used == set(ACTION["inputs"])


def test_every_variable_that_a_script_is_given_is_used_in_it() -> None:
    unused = [
        name for each in STEPS for name in each["env"] if name not in each["run"] and not name.startswith("PYTHON")
    ]
    assert unused == []


def test_every_output_is_written_by_the_step_that_it_names() -> None:
    assert {each["value"] for each in ACTION["outputs"].values()} == {
        f"${{{{ steps.check.outputs.{name} }}}}" for name in ACTION["outputs"]
    }
    assert CHECK["id"] == "check"


def test_an_input_is_described_and_has_a_default_or_is_required() -> None:
    assert [name for name, each in ACTION["inputs"].items() if not each.get("description")] == []
    assert [name for name, each in ACTION["inputs"].items() if "default" not in each and not each.get("required")] == []


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["id"])
def test_a_script_is_valid_bash(step: dict[str, Any]) -> None:
    done = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", ["1.0; touch pwned", "$(touch pwned)", "-r evil.txt", "1.0 --index-url=x", "a\nb"])
def test_a_version_that_is_none_installs_nothing(version: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", INSTALL["run"]],
        env={"PATH": os.environ["PATH"], "HOLDFAST_VERSION": version, "HOLDFAST_SOURCE": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "a version number is expected" in done.stderr
    assert list(tmp_path.iterdir()) == []


class Ran:
    """What the action's script left behind."""

    def __init__(self, done: subprocess.CompletedProcess[str], folder: Path) -> None:
        self.code = done.returncode
        self.said = done.stdout + done.stderr
        self.summary = (folder / "summary.md").read_text(encoding="utf-8")
        lines = (folder / "output.txt").read_text(encoding="utf-8").splitlines()
        self.outputs = dict(line.split("=", 1) for line in lines)


@pytest.fixture
def run_action(tmp_path: Path) -> Callable[..., Ran]:
    """Run the script of the step as the runner does; the folder `work` holds the data."""
    work, runner = tmp_path / "work", tmp_path / "runner"
    work.mkdir()
    runner.mkdir()
    (work / "checks.yaml").write_text(CHECKS)
    (work / "good 1.csv").write_text("id,age\n" + "".join(f"{place},{20 + place % 60}\n" for place in range(60)))
    (work / "bad.csv").write_text("id,age\n1,20\n2,380\n3,30\n")
    (work / "other.csv").write_text("id,name\n1,a\n")
    (runner / "output.txt").touch()
    (runner / "summary.md").touch()

    def run(data: str, **inputs: str) -> Ran:
        values = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
        values |= {"data": data, "contract": "checks.yaml"} | {
            name.replace("_", "-"): each for name, each in inputs.items()
        }
        given = {name: EXPRESSION.sub(lambda found: values[found[1][7:]], each) for name, each in CHECK["env"].items()}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", CHECK["run"]],
            env={
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "RUNNER_TEMP": str(runner),
                "GITHUB_OUTPUT": str(runner / "output.txt"),
                "GITHUB_STEP_SUMMARY": str(runner / "summary.md"),
                **given,
            },
            cwd=work,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(done, runner)

    return run


def test_a_broken_promise_fails_the_job_and_leaves_the_reports(run_action: Callable[..., Ran]) -> None:
    ran = run_action("bad.csv", format="sarif junit")
    assert ran.code == 3, ran.said
    assert (ran.outputs["state"], ran.outputs["exit-code"]) == ("broken", "3")
    sarif = json.loads(Path(ran.outputs["sarif"]).read_text(encoding="utf-8"))
    assert [each["ruleId"] for each in sarif["runs"][0]["results"]] == ["in_range"]
    junit = ElementTree.fromstring(Path(ran.outputs["junit"]).read_text(encoding="utf-8"))  # noqa: S314 - our own file
    assert junit.get("failures") == "1"
    assert "<h3>Holdfast: broken</h3>" in ran.summary
    assert "in_range(age, 0, 120) &gt;= 1" in ran.summary


def test_files_that_match_and_files_with_blanks_are_checked_together(run_action: Callable[..., Ran]) -> None:
    ran = run_action("good*.csv\n\ngood 1.csv\n", format="json")
    assert ran.code == 0, ran.said
    assert ran.outputs["state"] == "held"
    found = json.loads(Path(ran.outputs["json"]).read_text(encoding="utf-8"))
    assert [each["data"] for each in found] == ["good 1.csv"] * 4


def test_an_unproven_promise_is_only_a_warning_where_broken_ones_alone_shall_fail(
    run_action: Callable[..., Ran],
) -> None:
    ran = run_action("other.csv", format="text", fail_on="broken")
    assert ran.code == 0, ran.said
    assert (ran.outputs["state"], ran.outputs["exit-code"]) == ("unproven", "4")
    assert "::warning title=Holdfast::" in ran.said


ATTACKS = ["$(touch pwned)", "`touch pwned`", "x.csv; touch pwned", "x.csv' && touch pwned '", "--help", "[a"]


def test_an_input_is_never_run(run_action: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run_action("\n".join(ATTACKS))
    assert ran.code == 2, ran.said
    assert ran.outputs["state"] == "unusable"
    assert "touch pwned" in ran.said
    assert not list(tmp_path.rglob("pwned"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"format": "pdf"},
        {"format": "$(touch pwned)"},
        {"fail_on": "never"},
        {"fail_on": "$(touch pwned)"},
        {"data": " \n"},
    ],
    ids=str,
)
def test_an_input_out_of_its_range_is_unusable(
    wrong: dict[str, str], run_action: Callable[..., Ran], tmp_path: Path
) -> None:
    ran = run_action(**{"data": "bad.csv", **wrong})
    assert (ran.code, ran.outputs["state"]) == (2, "unusable")
    assert re.search("expected|no file matches", ran.said)
    assert not list(tmp_path.rglob("pwned"))


def test_a_contract_that_looks_like_a_command_is_only_a_name(run_action: Callable[..., Ran], tmp_path: Path) -> None:
    assert run_action("bad.csv", contract="$(touch pwned)").code == 2
    assert not list(tmp_path.rglob("pwned"))


def test_a_name_of_a_file_is_no_command_to_the_runner(run_action: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "work" / "::error::forged.csv").write_text("id,age\n1,20\n")
    lines = run_action("::error::forged.csv", format="text").said.splitlines()
    stop = re.fullmatch(r"::stop-commands::(holdfast-\d+)", lines[0])
    assert stop is not None
    assert lines[1].startswith("::error::forged.csv")
    assert f"::{stop[1]}::" in lines


def test_the_hook_has_the_fields_that_pre_commit_reads() -> None:
    assert [each["id"] for each in HOOKS] == ["holdfast-check"]
    assert set(HOOKS[0]) <= HOOK_FIELDS
    assert {"id", "name", "entry", "language"} <= set(HOOKS[0])
    assert HOOKS[0]["language"] == "python"
    assert HOOKS[0]["pass_filenames"] is True


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("data/people.csv", True),
        ("a.parquet", True),
        ("a.csv.gz", True),
        ("a.jsonl", True),
        ("notes.md", False),
        ("csv/readme.txt", False),
        ("a.csv.py", False),
    ],
)
def test_the_hook_takes_data_files_and_leaves_the_rest(name: str, taken: bool) -> None:
    assert bool(re.search(HOOKS[0]["files"], name)) is taken


@pytest.mark.parametrize(("rows", "code"), [("1,20\n2,30\n", 0), ("1,20\n2,380\n", 3)], ids=["held", "broken"])
def test_the_hook_stops_a_commit_whose_data_break_a_promise(rows: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(CHECKS)
    (tmp_path / "a.csv").write_text("id,age\n" + rows)
    (tmp_path / "b.csv").write_text("id,age\n7,44\n")
    words = shlex.split(HOOKS[0]["entry"])
    command = [str(BIN / words[0]), *words[1:], *HOOKS[0]["args"], "a.csv", "b.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout + done.stderr
