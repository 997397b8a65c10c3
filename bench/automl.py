"""AutoML: ours by the command line, against FLAML, AutoGluon and strong defaults, on real tables, at the same budget.

Every cell (data set, seed, budget, engine) is a process of its own, on one core, with the same training file and the
same test file, which has no target. Ours is told its budget in CPU seconds. The others know only wall seconds, which
on one idle core are the same: both are recorded, and a cell that got less than 80 % of its core is named "busy" (on a
machine that is not idle, `--clock cpu` lets their clocks tell CPU seconds). Engines take turns within a seed. The
budget of ours begins with its interpreter; theirs when they are told to fit, imports done.

Cells are kept in `.bench/automl/cells`; with `--resume` those are taken, so that a grid of hours can be cut and carried
on. Without arguments it is what `make bench` has time for: 4 of the 19 sets, one seed, 60 s, and whatever is not begun
after 18 minutes is left out. The grids of the issue:

    bench/automl.py --sets all --budget 60,180 --seeds 5 --resume
    bench/automl.py --sets all --budget 180 --seeds 5 --engines holdfast@60,autogluon_good --resume
    bench/automl.py --sets million --budget 180 --engines holdfast,lightgbm,histgb --resume
    bench/automl.py --scaling
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

sys.path.insert(0, str(Path(__file__).resolve().parent))

import automl_peers
from automl_cells import DEFAULTS, OURS, Cell, ended, measure
from automl_figures import figures, tell
from automl_scaling import scaling
from automl_sets import ALL, SETS

ENGINES = (OURS, "flaml", "autogluon_medium", *DEFAULTS)
#: What `make bench` has time for: a small, a wide, a long table, and numbers.
QUICK = "german_credit,steel_plates,bike_sharing,bank_marketing"


# A grid ------------------------------------------------------------------------------------------------------------


def cells(given: argparse.Namespace) -> list[Cell]:
    """List the cells of the grid, in the order that they run: within a seed the engines take turns."""
    made = []
    for seed in range(given.seeds):
        for budget in given.budget:
            for place, name in enumerate(given.sets):
                turn = (seed + place) % len(given.engines)
                for engine in given.engines[turn:] + given.engines[:turn]:
                    kind, _, own = engine.partition("@")
                    # A default has no budget: one cell serves them all.
                    seconds = 0.0 if kind in (*DEFAULTS, "logistic") else float(own or budget)
                    made.append(Cell(name, seed, seconds, kind))
    return list(dict.fromkeys(made))


def grid(given: argparse.Namespace) -> None:
    """Run what is not there yet; `jobs` at a time, each on a core of its own, until the time is over."""
    end = time.monotonic() + given.limit_s
    todo = [
        each for each in cells(given) if not (given.resume and each.file.exists() and each.engine not in given.again)
    ]
    todo = [each for each in todo if each.engine not in unusable(todo)]
    cores: Queue[int | None] = Queue()
    for each in (given.cores or sorted(os.sched_getaffinity(0))[-given.jobs :])[: given.jobs]:
        cores.put(each)

    def one(numbered: tuple[int, Cell]) -> None:
        number, cell = numbered
        if time.monotonic() + 1.2 * cell.budget_s > end:
            return
        core = cores.get()
        try:
            found = measure(cell, core, clock=given.clock)
        finally:
            cores.put(core)
        told = found.get("metrics") or found.get("reason")
        line = f"{number + 1}/{len(todo)} {cell.name}: {told}, {found['cpu_s']:.0f} CPU s in {found['wall_s']:.0f} s"
        print(line, file=sys.stderr, flush=True)

    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(one, enumerate(todo)))


def unusable(todo: list[Cell]) -> set[str]:
    """Engines whose environment cannot be made here, each told once."""
    found = set()
    for engine in sorted({each.engine for each in todo} - {OURS}):
        try:
            automl_peers.python_of(engine)
        except automl_peers.Unavailable as error:
            found.add(engine)
            tell({"figure": f"automl: {engine}", "skipped": str(error)[:300]})
    return found


def arguments() -> argparse.Namespace:
    """What was asked for."""
    limit_s = float(os.environ.get("BENCH_LIMIT_S", "1200")) - 90.0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", help="names with commas between, or `all`")
    parser.add_argument("--budget", default="60", help="seconds, several with commas between")
    parser.add_argument("--seeds", type=int, default=1, help="how many: 0, 1, ...")
    parser.add_argument(
        "--engines", default=",".join(ENGINES), help="with commas between; NAME@SECONDS has its own budget"
    )
    parser.add_argument("--jobs", type=int, default=1, help="cells at a time, each on a core of its own")
    parser.add_argument("--cores", help="which cores, with commas between")
    parser.add_argument("--resume", action="store_true", help="take the cells that are there")
    parser.add_argument("--again", default="", help="engines whose cells are measured anew all the same")
    parser.add_argument(
        "--limit", type=float, help=f"seconds after which no cell is begun ({limit_s:g} without --sets)"
    )
    parser.add_argument(
        "--clock", choices=("wall", "cpu"), default="wall",
        help="cpu: the others' clocks tell CPU seconds, for a machine that is busy with other things",
    )  # fmt: skip
    parser.add_argument("--tell", action="store_true", help="run nothing: the figures of the cells that are there")
    parser.add_argument("--scaling", action="store_true", help="trials per minute by workers (on the first set)")
    given = parser.parse_args()
    given.limit_s = given.limit or (float("inf") if given.sets else limit_s)
    given.sets = list(ALL) if given.sets == "all" else (given.sets or QUICK).split(",")
    given.budget = [float(each) for each in given.budget.split(",")]
    given.engines, given.again = given.engines.split(","), given.again.split(",")
    given.cores = [int(each) for each in given.cores.split(",")] if given.cores else None
    for what, known in (
        (given.sets, SETS),
        ([each.partition("@")[0] for each in given.engines], (OURS, *automl_peers.ENGINES)),
    ):
        for each in what:
            if each not in known:
                parser.error(f"no {each!r}: one of {', '.join(known)}")
    return given


def main() -> None:
    """Run and tell."""
    given = arguments()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, ended)
    if given.scaling:
        scaling(given)
        return
    if not given.tell:
        grid(given)
    figures(cells(given), given)


if __name__ == "__main__":
    main()
