"""Steps and pipelines for the tests of the engine, in a module that other processes can import."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl

from holdfast.engine import pipeline, step

MEMO: dict[int, int] = {}


def note(notes: str, word: str) -> None:
    with open(notes, "a", encoding="utf-8") as file:  # noqa: PTH123  # an append is one write
        file.write(f"{word}\n")


def noted(notes: str) -> list[str]:
    return Path(notes).read_text(encoding="utf-8").split()


@step
def inc(x: int, notes: str = "", by: int = 1) -> int:
    if notes:
        note(notes, f"inc{x}")
    return x + by


@step(cache=False)
def always(x: int, notes: str) -> int:
    note(notes, f"always{x}")
    return x + 1


@step
def total(xs: list[int]) -> int:
    return sum(xs)


@step
def up_to(n: int) -> list[int]:
    return list(range(n))


@step
def split(n: int) -> dict[str, list[int]]:
    return {"train": list(range(n)), "test": [n]}


@step
def fails(x: int = 0) -> int:
    raise ValueError(f"no {x}")


@step(retries=3, backoff_s=0.001)
def flaky(notes: str, good_at: int) -> int:
    note(notes, "try")
    if len(noted(notes)) < good_at:
        raise OSError("not yet")
    return good_at


@step(timeout_s=2.5)
def sleepy(pid_file: str = "") -> int:
    if pid_file:
        Path(pid_file).write_text(str(os.getpid()))
    time.sleep(60)
    return 0


@step
def until_killed(notes: str) -> int:
    note(notes, "begun")
    time.sleep(60)
    return 0


@step
def until_file(path: str, notes: str) -> int:
    note(notes, "begun")
    deadline = time.monotonic() + 20
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return 1


@step
def meet(folder: str, me: str, other: str) -> bool:
    (Path(folder) / me).touch()
    deadline = time.monotonic() + 20
    while not (Path(folder) / other).exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    return (Path(folder) / other).exists()


@step
def dies(how: str) -> str:
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    if how == "exit":
        sys.exit(3)
    if how == "_exit":
        os._exit(4)
    if how == "interrupt":
        raise KeyboardInterrupt
    return how


@step(retries=1, backoff_s=0.001)
def dies_once(notes: str) -> str:
    note(notes, "try")
    if len(noted(notes)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


@step(memory_mb=4000)
def greedy() -> int:
    return len(bytearray(8_000_000_000))


@step(cpu_s=1)
def busy() -> int:
    x = 0
    while True:
        x += 1


@step(isolated=True)
def who_alone() -> int:
    return os.getpid()


@step(cache=False)
def who(x: int = 0) -> int:
    return os.getpid()


@step(isolated=True, cache=False)
def leaves_a_thread() -> str:
    threading.Thread(target=time.sleep, args=(60,)).start()
    return "done"


@step
def prints(x: int) -> int:
    print("from a step")
    return x


@step
def remembers(x: int) -> int:
    MEMO[x] = x
    return len(MEMO)


@step
def an_object() -> object:
    return threading.Lock()


@step
def frame(n: int) -> pl.DataFrame:
    return pl.DataFrame({"x": range(n), "y": [f"a{i % 3}" for i in range(n)]})


@step
def grouped(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.group_by("y", maintain_order=True).agg(pl.col("x").sum().cast(pl.Float64))


@step
def as_array(rows: pl.DataFrame, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rows["x"].to_numpy() + rng.normal(size=rows.height)


@step
def summary(array: np.ndarray, rows: pl.DataFrame) -> dict[str, object]:
    return {"mean": float(array.mean()), "nan": float("nan"), "rows": rows.height, "pair": (1, b"two")}


@step
def spoils(xs: list[int]) -> int:
    xs.append(99)
    return len(xs)


@step
def writes(folder: str, text: str) -> Path:
    path = Path(folder) / "out.txt"
    path.write_text(text)
    return path


@step
def reads(path: Path) -> str:
    return path.read_text()


@step
def dies_at(x: int, notes: str, marker: str, at: int) -> int:
    """Kill the whole process at the step number `at`, once."""
    note(notes, f"step{x}")
    if x == at and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return x + 1


@pipeline
def chain(x: int, n: int = 5, notes: str = "") -> int:
    for _ in range(n):
        x = inc(x, notes)
    return x


@pipeline
def deadly(n: int, notes: str, marker: str, at: int) -> int:
    x = 0
    for _ in range(n):
        x = dies_at(x, notes, marker, at)
    return x


@pipeline
def everything(n: int) -> dict[str, object]:
    rows = frame(n)
    array = as_array(rows, seed=7)
    return {"groups": grouped(rows), "summary": summary(array, rows), "squares": inc.map(up_to(3))}


@step
def sleepy_long(pid_file: str) -> int:
    Path(pid_file).write_text(str(os.getpid()))
    time.sleep(120)
    return 0
