"""Command train: what it prints, how it ends, and that nothing half-written stays behind."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry

QUICK = Path(__file__).resolve().parents[1] / "data" / "quick.py"

#: A process of its own, in which the quick trainer is the one that trains.
RUN = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("quick_trainer", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from holdfast.core import registry
registry.load("trainer")
registry._entries["trainer"]["automl"] = (module.Quick(), module.Quick)
from holdfast.cli.main import main
main(sys.argv[2:])
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The trainer of tests/data, in the place of the one that trains by default."""
    spec = importlib.util.spec_from_file_location("quick_trainer", QUICK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    registry.load("trainer")
    made = module.Quick()
    monkeypatch.setitem(registry._entries, "trainer", {**registry._entries["trainer"], "automl": (made, type(made))})
    return made


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """300 rows of a shop, with quotes in them."""
    rng = np.random.default_rng(1)
    age = rng.normal(40, 12, 300)
    table = pl.DataFrame(
        {
            "age": age.round(1),
            "town": rng.choice(['Bern, "old"', "Basel"], 300),
            "bought": np.where(age + rng.normal(0, 5, 300) > 45, "yes", "no"),
        }
    )
    table.write_csv(tmp_path / "shop.csv")
    return tmp_path / "shop.csv"


def test_a_model_without_promises_ends_with_0_and_the_next_step(
    quick: Any, data: Path, command: Callable[..., Any]
) -> None:
    out = data.with_name("model")
    said = command(None, "train", str(data), "--target", "bought", "--out", str(out), "--budget", "30s")
    assert (said.code, said.err) == (0, "")
    assert f"written to {out}: model.onnx, manifest.json, report.json, report.html" in said.out
    assert said.out.splitlines()[-1] == f"next: holdfast predict {out} {data} --out answers.parquet"
    assert "task binary: bought has two values, 'no' and 'yes'" in said.out


@pytest.mark.parametrize(
    ("promise", "code", "state", "words"),
    [
        ("accuracy >= 0.5", 0, "held", "held: 1 promise kept"),
        ("accuracy >= 0.9999", 3, "broken", "infeasible; the nearest miss is accuracy 0."),
        ("rmse <= 5", 4, "unproven", "unproven; rmse <= 5: rmse"),
    ],
)
def test_the_exit_code_and_the_json_tell_the_verdict(
    promise: str, code: int, state: str, words: str, quick: Any, data: Path, command: Callable[..., Any]
) -> None:
    out = data.with_name("model")
    given = ("train", str(data), "--target", "bought", "--out", str(out), "--promise", promise)
    said = command(None, *given, "--json")
    assert (said.code, said.err, said.json["state"], said.json["out"]) == (code, "", state, str(out))
    assert words in said.json["answer"]
    assert said.json["promises"][0]["verdict"] == state
    assert (out / "model.onnx").is_file()
    text = command(None, *given, "--overwrite")
    assert (text.code, words in text.out) == (code, True)


def test_options_reach_the_trainer(quick: Any, data: Path, command: Callable[..., Any]) -> None:
    given = ["--positive", "no", "--features", "age", "--seed", "7", "--cpu-budget", "2 min", "--workers", "3"]
    given += ["--executor", "processes", "--set", "folds=4", "--set", "name=x y", "--set", 'monotone={"age": 1}']
    said = command(None, "train", str(data), "--target", "bought", "--out", str(data.with_name("m")), *given)
    assert said.code == 0
    asked = quick.asked[0]
    assert (asked.positive, asked.features, asked.seed, asked.clock) == ("no", ("age",), 7, "cpu")
    assert asked.settings == {"folds": 4, "name": "x y", "monotone": {"age": 1}, "workers": 3, "executor": "processes"}
    # The start of the process counts.
    assert asked.spent_s > 0.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--target"),
        (["--target", "bought"], "--out"),
        (["--target", "boght", "--out", "m"], "did you mean 'bought'"),
        (["--target", "bought", "--out", "m", "--budget", "0s"], "a budget of 0 s"),
        (["--target", "bought", "--out", "m", "--budget", "5s", "--cpu-budget", "5s"], "one of them"),
        (["--target", "bought", "--out", "m", "--task", "binry"], "--task"),
        (["--target", "bought", "--out", "m", "--seed", "-1"], "--seed"),
        (["--target", "bought", "--out", "m", "--seed", str(2**40)], "--seed"),
        (["--target", "bought", "--out", "m", "--workers", "0"], "--workers"),
        (["--target", "bought", "--out", "m", "--executor", "cloud"], "--executor"),
        (["--target", "bought", "--out", "m", "--horizon", "0"], "--horizon"),
        (["--target", "bought", "--out", "m", "--set", "folds"], "KEY=VALUE"),
        (["--target", "bought", "--out", "m", "--with", "autml"], "did you mean 'automl'"),
        (["--target", "bought", "--out", "m", "--promise", "as good as it gets"], "HF104"),
        (["--target", "bought", "--out", "m", "--promise", "roc_auk >= 0.5"], "did you mean 'roc_auc'"),
        (["--target", "bought", "--out", "m", "--holdout", "2"], "between 0 and 1"),
        (["--target", "bought", "--out", "shop.csv/m"], "no folder"),
        (["--target", "bought", "--out", "."], "which no training wrote"),
    ],
)
def test_bad_arguments_exit_with_2_and_write_nothing(
    arguments: list[str],
    words: str,
    quick: Any,
    data: Path,
    command: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(data.parent)
    said = command(None, "train", str(data), *arguments)
    assert (said.code, said.out) == (2, "")
    assert words in said.err
    assert [each.name for each in data.parent.iterdir()] == ["shop.csv"]


@pytest.mark.parametrize("content", [None, b"", b"\x00\x01\x02", b"age,bought\n1\n"])
def test_a_table_that_cannot_be_read_exits_with_2(
    content: bytes | None, quick: Any, tmp_path: Path, command: Callable[..., Any]
) -> None:
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)
    said = command(None, "train", str(tmp_path / "t.csv"), "--target", "bought", "--out", str(tmp_path / "m"), "--json")
    assert said.code == 2
    assert said.json["error"]["code"] == "HF201"
    assert not (tmp_path / "m").exists()


def test_a_full_disk_is_one_line_and_leaves_nothing(data: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    before = sorted(each.name for each in data.parent.iterdir())
    given = ["train", str(data), "--target", "bought", "--out", str(data.with_name("m")), "--json"]
    ended = subprocess.run(
        [sys.executable, "-c", RUN, str(QUICK), *given],
        capture_output=True,
        text=True,
        timeout=100,
        preexec_fn=limited,
        check=False,
    )
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (2, "HF301")
    assert "bug" not in ended.stderr
    assert sorted(each.name for each in data.parent.iterdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_in_the_middle_leaves_only_the_trials(number: signal.Signals, data: Path) -> None:
    out = data.with_name("m")
    slow = RUN.replace(
        "from holdfast.cli.main", "import time; module.load_model = lambda *_: time.sleep(60)\nfrom holdfast.cli.main"
    )
    given = ["train", str(data), "--target", "bought", "--out", str(out), "--resume"]
    running = subprocess.Popen(
        [sys.executable, "-c", slow, str(QUICK), *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 60
        while not (out / "trials" / "first.json").exists():
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.02)
        os.kill(running.pid, number)
        said, _ = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert (running.returncode, said) == (130, "")
    assert sorted(each.name for each in data.parent.iterdir()) == ["m", "shop.csv"]
    assert [each.name for each in out.iterdir()] == ["trials"]
