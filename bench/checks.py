"""Twenty checks of a seeded frame of 1M rows x 30 columns: the compiled plan beside bare Polars and beside its peers.

All take turns on the same frame. A figure is the median of CPU seconds of one process (all its threads) for one
validation; imports and reading the frame are not counted. `ratio` is baseline / value. Then memory, in fresh processes:
the peak of resident memory during the checks (VmHWM, reset before them; less what the process held before it had the
table) over the size of the table (8 bytes a number, 16 a text: all texts are short enough to stand in Polars' views),
and the peak of the whole process that scans 10M rows x 10 columns of Parquet.

``--no-peers`` leaves the peers out; ``--write``, ``--memory`` and ``--streamed`` are for the fresh processes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import polars as pl
from checks_frame import LARGE_PROMISES, LARGE_ROWS, PROMISES, QUERY, by_polars, frame, write_large
from checks_peers import Peer, Unavailable

from holdfast.core.grammar import parse
from holdfast.quality import compile_checks
from holdfast.quality.engines import duckdb_table

ROUNDS = 7
PEER_ROUNDS = 3
#: What we hold ourselves to.
BARS = {"bare Polars": 0.667, "Pandera on Polars": 1.0, "bare DuckDB": 1.0, "Great Expectations on pandas": 9.0}
MEMORY_BAR = 1.3
STREAMED_BAR_MIB = 1536


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of the process (all its threads) that the work takes."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def tell(figure: str, value: float, baseline: float, *, unit: str = "CPU s", **more: object) -> None:
    line = {"figure": figure, "value": round(value, 4), "unit": unit, "baseline": round(baseline, 4)}
    print(json.dumps({**line, "ratio": round(baseline / value, 3), **more}), flush=True)


def counted(plan_values: dict[str, object]) -> list[int]:
    return [_count(value.notes, value.value) for value in plan_values.values()]  # type: ignore[attr-defined]


def _count(notes: dict[str, object], value: float) -> int:
    failing = notes.get("rows_failing", value)
    return int(failing) if isinstance(failing, (int, float)) else 0


def main() -> int:
    rows = frame()
    plan = compile_checks(parse(text) for text in PROMISES)
    ours, bare = counted(plan.measure(rows)), list(by_polars(rows))
    if ours != bare:
        print(f"the two sides do not agree: {ours} and {bare}", file=sys.stderr)
        return 1
    taken: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(ROUNDS):
        taken["bare"].append(seconds(lambda: by_polars(rows)))
        taken["ours"].append(seconds(lambda: plan.measure(rows)))
    value, baseline = statistics.median(taken["ours"]), statistics.median(taken["bare"])
    title = "checks: 20 checks of 1M x 30, compiled plan beside bare Polars"
    tell(title, value, baseline, n=ROUNDS, bar=BARS["bare Polars"])
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "frame.parquet"
        rows.write_parquet(path)
        beside_duckdb(rows, path, bare)
        if "--no-peers" not in sys.argv:
            beside_peers(rows, path)
        in_memory(path)
        streamed(Path(made))
    return 0


def beside_duckdb(rows: pl.DataFrame, path: Path, bare: list[int]) -> None:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET TimeZone='UTC'")
    connection.execute(f"CREATE VIEW t AS SELECT * FROM read_parquet('{path}')")  # noqa: S608  # a path of our own
    by_hand = [int(each) for each in connection.execute(QUERY).fetchall()[0]]
    plan, table = compile_checks(parse(text) for text in PROMISES), duckdb_table(path)
    ours = counted(plan.measure(table))
    if not ours == by_hand == bare:
        print(f"DuckDB does not agree: {ours}, {by_hand} and {bare}", file=sys.stderr)
    connection.execute("CREATE TABLE held AS SELECT * FROM t")
    held = QUERY.replace("FROM t", "FROM held")
    scanned = pl.scan_parquet(path)
    taken: dict[str, list[float]] = {"duckdb": [], "ours": [], "streamed": [], "held": [], "memory": []}
    for _ in range(PEER_ROUNDS + 2):
        taken["held"].append(seconds(lambda: connection.execute(held).fetchall()))
        taken["memory"].append(seconds(lambda: plan.measure(rows)))
        taken["duckdb"].append(seconds(lambda: connection.execute(QUERY).fetchall()))
        taken["ours"].append(seconds(lambda: plan.measure(table)))
        taken["streamed"].append(seconds(lambda: plan.measure(scanned)))
    middle = {name: statistics.median(each) for name, each in taken.items()}
    n = PEER_ROUNDS + 2
    title = "checks: 20 checks of 1M x 30, compiled plan beside bare DuckDB, both in memory"
    tell(title, middle["memory"], middle["held"], n=n, bar=BARS["bare DuckDB"])
    # The query by hand only counts; the plan also points at the first rows of each check that fails.
    tell("checks: the plan on DuckDB beside one query by hand, from Parquet", middle["ours"], middle["duckdb"], n=n)
    tell(
        "checks: the plan streamed by Polars beside bare DuckDB, from Parquet",
        middle["streamed"],
        middle["duckdb"],
        n=n,
    )


def beside_peers(rows: pl.DataFrame, path: Path) -> None:
    plan = compile_checks(parse(text) for text in PROMISES)
    names = {"checks-pandera": "Pandera on Polars", "checks-gx": "Great Expectations on pandas"}
    with ExitStack() as stack:
        peers = {}
        for name, title in names.items():
            try:
                peers[title] = stack.enter_context(Peer(name, path))
            except (Unavailable, OSError, ValueError) as error:
                print(json.dumps({"figure": f"checks: {title}", "skipped": str(error)[:300]}), flush=True)
        taken: dict[str, list[float]] = {"ours": [], **{title: [] for title in peers}}
        for _ in range(PEER_ROUNDS):
            taken["ours"].append(seconds(lambda: plan.measure(rows)))
            for title, peer in peers.items():
                taken[title].append(peer.seconds())
    ours = statistics.median(taken.pop("ours"))
    for title, each in taken.items():
        more = {"n": PEER_ROUNDS, "bar": BARS[title]}
        tell(f"checks: 20 checks of 1M x 30, compiled plan beside {title}", ours, statistics.median(each), **more)


def in_memory(path: Path) -> None:
    found = fresh("--memory", str(path))
    tell(
        "checks: peak memory of the 20 checks of 1M x 30, table included",
        found["peak"],
        found["table"] * MEMORY_BAR,
        unit="MiB",
        table=found["table"],
        times_the_table=round(found["peak"] / found["table"], 3),
        bar=1.0,
    )


def streamed(folder: Path) -> None:
    large = folder / "large"
    large.mkdir()
    fresh("--write", str(large))
    for engine in ("polars", "duckdb"):
        found = fresh("--streamed", str(large), engine)
        tell(
            f"checks: peak memory of 20 checks of 10M x 10 streamed from Parquet by {engine}, whole process",
            found["peak"],
            STREAMED_BAR_MIB,
            unit="MiB",
            cpu_s=found["seconds"],
            bar=1.0,
        )


def fresh(*words: str) -> dict[str, float]:
    """What a fresh process that runs this file says."""
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=True, timeout=400)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def memory_of(path: Path) -> dict[str, float]:
    plan = compile_checks(parse(text) for text in PROMISES)
    # Once on a few rows, so that what is loaded on first use is not taken for memory of the table.
    plan.measure(pl.read_parquet(path, n_rows=2000))
    before = resident("VmRSS")
    rows = pl.read_parquet(path)
    Path("/proc/self/clear_refs").write_text("5")
    plan.measure(rows)
    size = sum(rows.height * (16 if kind == pl.String else 8) for kind in rows.dtypes)
    return {"peak": round(resident("VmHWM") - before, 1), "table": round(size / 2**20, 1)}


def streamed_of(folder: Path, engine: str) -> dict[str, float]:
    plan = compile_checks(parse(text) for text in LARGE_PROMISES)
    table = duckdb_table(f"{folder}/*.parquet") if engine == "duckdb" else pl.scan_parquet(f"{folder}/*.parquet")
    begin = time.process_time()
    found = plan.measure(table)
    if next(reversed(found.values())).value != LARGE_ROWS:
        raise SystemExit("not all rows were looked at")
    return {"peak": round(resident("VmHWM"), 1), "seconds": round(time.process_time() - begin, 2)}


def resident(word: str) -> float:
    """MiB of resident memory of this process, now (VmRSS) or at its peak (VmHWM)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(each.split()[1]) for each in lines if each.startswith(word)) / 1024


def asked(words: list[str]) -> int:
    """Run what a fresh process was asked."""
    if words[0] == "--write":
        write_large(Path(words[1]))
        print("{}")
    elif words[0] == "--memory":
        print(json.dumps(memory_of(Path(words[1]))))
    else:
        print(json.dumps(streamed_of(Path(words[1]), words[2])))
    return 0


if __name__ == "__main__":
    given = [each for each in sys.argv[1:] if each != "--no-peers"]
    sys.exit(asked(given) if given else main())
