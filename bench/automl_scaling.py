"""Trials per minute of ours: 1 and 2 workers as processes, and 2 on a Ray cluster of several local nodes.

The budget is on the wall, since the question is what more cores bring. Processes are asked for by the command line. A
Ray cluster that runs already has no option there: run as a script, this is one of two nodes with one core each (the
second joins the first over the network, as on another machine), and a training whose trials go to it.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from automl_cells import SLACK_S, Split, holdfast, run, split_of, why
from automl_figures import tell
from automl_sets import SETS

NODES = 2
#: What a trial of the scaling is: every learner that is quick and of one kind.
SETTINGS = {"learners": ["lightgbm"], "features": False}


def words_of(split: Split, target: str, *, folder: Path, budget_s: float, workers: int) -> list[str]:
    """Our call with an executor."""
    words = [holdfast(), "train", str(split.train), "--target", target, "--budget", f"{budget_s:g}s", "--seed", "0"]
    words += ["--out", str(folder), "--executor", "processes", "--workers", str(workers)]
    return words + [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={json.dumps(value)}")]


def on_nodes(split: Split, target: str, *, folder: Path, budget_s: float) -> list[str]:
    """Return the call of this script as a cluster with a training."""
    told = {"data": str(split.train), "target": target, "out": str(folder), "budget": budget_s}
    return [sys.executable, "-W", "ignore", str(Path(__file__).resolve()), json.dumps(told)]


def scaling(given: argparse.Namespace) -> None:
    """Tell trials per minute by workers, on the first set."""
    name, budget_s = given.sets[0], given.budget[0]
    split, target = split_of(name, 0), SETS[name].target
    first = None
    with tempfile.TemporaryDirectory(prefix="automl-") as scratch:
        for label in ("1 process", "2 processes", f"Ray, {NODES} nodes of 1 core"):
            folder = Path(scratch) / label.replace(" ", "-").replace(",", "")
            if label.startswith("Ray"):
                words = on_nodes(split, target, folder=folder, budget_s=budget_s)
            else:
                words = words_of(split, target, folder=folder, budget_s=budget_s, workers=int(label[0]))
            ran = run(words, cwd=Path(scratch), limit_s=1.5 * budget_s + SLACK_S, core=None)
            line: dict[str, Any] = {"figure": f"automl: trials per minute, {name}, {label}", "budget_s": budget_s}
            if ran.code != 0 or not (folder / "report.json").exists():
                tell({**line, "failed": why(ran)})
                continue
            report = json.loads((folder / "report.json").read_text())
            trials = report.get("trials") or []
            done = sum(each.get("state") in ("done", "pruned") for each in trials)
            spent = report["budget"]
            rate = 60.0 * done / spent["wall_s"]
            first = first or rate
            more = {"trials": done, "lost": sum(each.get("state") == "lost" for each in trials)}
            tell({**line, "value": rate, "times one process": rate / first, **more, "wall_s": spent["wall_s"]})


def train_on_ray(told: dict[str, Any]) -> None:
    """Start the nodes, join them, train."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_USAGE_STATS_ENABLED": "0"}
    from ray.cluster_utils import Cluster

    from holdfast.automl import _workers
    from holdfast.data import train
    from holdfast.engine.on_ray import RayExecutor

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for _ in range(NODES - 1):
            cluster.add_node(num_cpus=1)
        cluster.wait_for_nodes()
        # The option for a cluster that runs already is missing from the command line.
        _workers.make_executor = lambda _name, workers: RayExecutor(workers=workers, address=cluster.address)
        train(
            told["data"], target=told["target"], out=told["out"], budget=told["budget"], seed=0, executor="ray",
            workers=NODES, settings=SETTINGS,
        )  # fmt: skip
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    train_on_ray(json.loads(sys.argv[1]))
