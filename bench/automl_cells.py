"""Cells of the AutoML bench: one engine on one split within one budget, run, scored and kept as files."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import automl_graph
import automl_peers
import automl_scores as scores
import numpy as np
import polars as pl
from automl_sets import SETS

HERE = Path(__file__).resolve().parent
HOME = HERE.parent / ".bench" / "automl"
OURS = "holdfast"
DEFAULTS = ("lightgbm", "histgb")
#: What a cell may take beside its budget: imports, encoding, a late last fit; a little for each row.
SLACK_S, SLACK_ROW_S = 240.0, 0.0006
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "LOKY_MAX_CPU_COUNT")
#: Engines that run now; each leads a group of its own.
RUNNING: set[int] = set()
#: Puts itself on one core, then becomes the engine.
ON_CORE = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.argv[2], sys.argv[2:])"


@dataclass(frozen=True, slots=True)
class Cell:
    """One engine on one split within one budget."""

    set: str
    seed: int
    budget_s: float
    engine: str

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.set}-s{self.seed}-b{self.budget_s:g}-{self.engine}"

    @property
    def file(self) -> Path:
        """What was measured."""
        return HOME / "cells" / f"{self.name}.json"

    @property
    def answers(self) -> Path:
        """Answers for the test rows."""
        return HOME / "cells" / f"{self.name}.npy"

    def read(self) -> dict[str, Any] | None:
        """What was measured, if it was."""
        return json.loads(self.file.read_text()) if self.file.exists() else None


@dataclass(frozen=True, slots=True)
class Split:
    """The files of a set and seed."""

    train: Path
    test: Path
    truth: np.ndarray
    classes: list[str]
    rows: int


def split_of(name: str, seed: int) -> Split:
    """Write the files of a split, if they are not there; read what scores need."""
    folder = HOME / "data"
    folder.mkdir(parents=True, exist_ok=True)
    train, test, kept = (folder / f"{name}-s{seed}-{each}" for each in ("train.parquet", "test.parquet", "truth.json"))
    one = SETS[name]
    if not kept.exists():
        left, right = one.split(seed)
        left.write_parquet(train)
        right.drop(one.target, *([one.group] if one.group else [])).write_parquet(test)
        classes = [] if one.task == "regression" else sorted(left[one.target].unique())
        truth = [classes.index(each) for each in right[one.target]] if classes else right[one.target].to_list()
        kept.write_text(json.dumps({"truth": truth, "classes": classes, "rows": left.height}))
    found = json.loads(kept.read_text())
    return Split(train, test, np.array(found["truth"]), found["classes"], found["rows"])


# A process ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that ended: its exit code (None where it was ended for being late), what it cost with its children."""

    code: int | None
    wall_s: float
    cpu_s: float
    rss_mb: float
    out: str
    err: str


def run(words: list[str], *, cwd: Path, limit_s: float, core: int | None, env: dict[str, str] | None = None) -> Ran:
    """Run on one core (None: on all), ended with its group when the time is over."""
    if core is not None:
        words = [sys.executable, "-c", ON_CORE, str(core), *words]
    threads = dict.fromkeys(ONE_THREAD, "1") if core is not None else {}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.monotonic()
        process = subprocess.Popen(
            words, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True,
            env=os.environ | threads | (env or {}),
        )  # fmt: skip
        RUNNING.add(process.pid)
        code = None
        while True:
            pid, status, spent = os.wait4(process.pid, os.WNOHANG)
            if pid:
                code = os.waitstatus_to_exitcode(status)
                break
            if time.monotonic() - began > limit_s:
                os.killpg(process.pid, signal.SIGKILL)
                _, _, spent = os.wait4(process.pid, 0)
                break
            time.sleep(0.02)
        RUNNING.discard(process.pid)
        process.returncode = -1 if code is None else code
        texts = []
        for each in (out, err):
            each.seek(0)
            texts.append(each.read())
        return Ran(
            code,
            time.monotonic() - began,
            spent.ru_utime + spent.ru_stime,
            spent.ru_maxrss / 1024.0,
            texts[0],
            texts[1],
        )


def ended(number: int, _frame: Any) -> None:
    """End every engine with its group, then this process: what a signal to stop asks for."""
    for pid in list(RUNNING):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    os._exit(128 + number)


def why(ran: Ran) -> str:
    """Why it failed, in a line."""
    if ran.code is None:
        return f"ended after {ran.wall_s:.0f} s"
    said = (ran.err.strip() or ran.out.strip() or "said nothing").splitlines()
    return f"exit {ran.code}: {' / '.join(said[-3:])[-500:]}"


# A cell ------------------------------------------------------------------------------------------------------------


def measure(cell: Cell, core: int | None, *, clock: str) -> dict[str, Any]:
    """Run a cell, score it and keep it."""
    split = split_of(cell.set, cell.seed)
    cell.file.parent.mkdir(parents=True, exist_ok=True)
    limit_s = 1.5 * cell.budget_s + SLACK_S + SLACK_ROW_S * split.rows
    # A process that counts CPU seconds may wait for its core for long.
    limit_s *= 3.0 if clock == "cpu" or cell.engine == OURS else 1.0
    with tempfile.TemporaryDirectory(prefix="automl-") as folder:
        scratch = Path(folder)
        if cell.engine == OURS:
            found = ours(cell, split, scratch, limit_s, core)
        else:
            found = theirs(cell, split, scratch, limit_s, core, clock=clock)
    one = SETS[cell.set]
    if found["state"] == "done":
        answers = np.load(cell.answers, allow_pickle=False)
        if len(answers) != len(split.truth) or not np.isfinite(answers).all():
            found |= {"state": "failed", "reason": "answers are not finite, or not one for each row"}
        else:
            found["metrics"] = scores.metrics(one.task, split.truth, answers)
    found |= {"set": cell.set, "task": one.task, "seed": cell.seed, "budget_s": cell.budget_s, "engine": cell.engine}
    found |= {"rows": split.rows, "test_rows": len(split.truth), "at": datetime.now(UTC).isoformat(timespec="seconds")}
    # In one step, so that a bench that is killed leaves no half a cell.
    half = cell.file.with_suffix(".half")
    half.write_text(json.dumps(found, indent=1))
    half.replace(cell.file)
    return found


def theirs(cell: Cell, split: Split, scratch: Path, limit_s: float, core: int | None, *, clock: str) -> dict[str, Any]:
    """A peer or a default, in its own environment."""
    one = SETS[cell.set]
    request = {
        "engine": cell.engine, "train": str(split.train), "test": str(split.test), "target": one.target,
        "task": one.task, "classes": split.classes, "group": one.group, "budget_s": cell.budget_s, "seed": cell.seed,
        "answers": str(cell.answers), "scratch": str(scratch), "clock": clock,
    }  # fmt: skip
    (scratch / "request.json").write_text(json.dumps(request))
    python = automl_peers.python_of(cell.engine)
    words = [str(python), "-P", "-W", "ignore", str(HERE / "automl_peers.py"), str(scratch / "request.json")]
    ran = run(words, cwd=scratch, limit_s=limit_s, core=core)
    spent = {"wall_s": ran.wall_s, "cpu_s": ran.cpu_s, "rss_mb": ran.rss_mb, "clock": clock}
    if ran.code != 0:
        return {"state": "failed", "reason": why(ran), **spent}
    return {"state": "done", **spent, **json.loads(ran.out.splitlines()[-1])}


def holdfast() -> str:
    """Our command."""
    return str(Path(sys.executable).parent / "holdfast")


def train_words(cell: Cell, split: Split, folder: Path) -> list[str]:
    """Our call, as a user types it."""
    one = SETS[cell.set]
    words = [holdfast(), "train", str(split.train), "--target", one.target, "--task", one.task]
    words += ["--cpu-budget", f"{cell.budget_s:g}s", "--seed", str(cell.seed), "--out", str(folder)]
    return words + (["--group", one.group] if one.group else [])


def ours(cell: Cell, split: Split, scratch: Path, limit_s: float, core: int | None) -> dict[str, Any]:
    """Ours: train, predict, and what is asked of the graph."""
    folder = HOME / "models" / cell.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    ran = run(train_words(cell, split, folder), cwd=scratch, limit_s=limit_s, core=core)
    found: dict[str, Any] = {
        "wall_s": ran.wall_s, "cpu_s": ran.cpu_s, "rss_mb": ran.rss_mb, "fit_wall_s": ran.wall_s,
        "fit_cpu_s": ran.cpu_s, "overrun_s": ran.cpu_s - cell.budget_s,
    }  # fmt: skip
    if ran.code != 0:
        return {"state": "failed", "reason": why(ran), **found}
    began = time.monotonic()
    said = predicted(folder, split.test, scratch, classes=split.classes, core=core)
    if isinstance(said, str):
        return {"state": "failed", "reason": said, **found}
    found["answer_s"] = time.monotonic() - began
    np.save(cell.answers, said, allow_pickle=False)
    report = json.loads((folder / "report.json").read_text()) if (folder / "report.json").exists() else {}
    chosen = report.get("chosen") or {}
    found |= {"best": chosen.get("name"), "trials": len(report.get("trials") or []), "members": chosen.get("members")}
    return {"state": "done", **found, **examined(folder, cell, split, said, scratch=scratch, core=core)}


def predicted(folder: Path, rows: Path, scratch: Path, *, classes: list[str], core: int | None) -> np.ndarray | str:
    """Answers of `holdfast predict`, or why there are none."""
    file = scratch / f"{rows.stem}-answers.parquet"
    words = [holdfast(), "predict", str(folder), str(rows), "--out", str(file)]
    ran = run(words, cwd=scratch, limit_s=SLACK_S, core=core)
    if ran.code != 0:
        return f"predict: {why(ran)}"
    table = pl.read_parquet(file)
    names = [f"p_{each}" for each in classes] if classes else ["prediction"]
    missing = [each for each in names if each not in table.columns]
    if missing:
        return f"predict wrote no {missing[0]!r}, but {table.columns}"
    answers = table.select(pl.col(names).cast(pl.Float64)).to_numpy()
    return answers if classes else answers[:, 0]


def examined(
    folder: Path, cell: Cell, split: Split, said: np.ndarray, *, scratch: Path, core: int | None
) -> dict[str, Any]:
    """What is asked of the graph of a model."""
    file = folder / "model.onnx"
    graph = automl_graph.session(file)
    rows = pl.read_parquet(split.test)
    odd = automl_graph.spoilt(rows.head(3000), seed=0)
    odd.write_parquet(scratch / "spoilt.parquet")
    spoken = predicted(folder, scratch / "spoilt.parquet", scratch, classes=split.classes, core=core)
    found = {
        "size_bytes": file.stat().st_size, "difference": automl_graph.difference(graph, rows, said),
        "spoilt": spoken if isinstance(spoken, str) else automl_graph.difference(graph, odd, spoken),
        **automl_graph.speed(graph, rows),
    }  # fmt: skip
    found["one_row_ms"] = {"p50": found["one_row_p50_ms"], "p95": found["one_row_p95_ms"]}
    return {"graph": found | automl_graph.native(folder, pl.read_parquet(split.train), rows, seed=cell.seed)}
