"""What the AutoML bench asks of each model of ours, from outside: one ONNX graph, its answers, bytes and speed.

Tensors are made here, not by the product: numbers as float32 with NaN for missing, dates as days since 1970, everything
else as text with "" for missing. Compared is what `holdfast predict` says of the same rows, some of them spoilt: cells
emptied, texts replaced by one that nobody has seen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

SPOILT = 0.1
UNSEEN = "never seen ☃"
ONE_ROW_RUNS = 2000
MANY_ROWS = 10_000
#: CPU seconds that the fit of a member for `native` may take.
NATIVE_S = 20.0


def spoilt(rows: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Return the rows with a tenth of their cells missing and a tenth of their texts unseen."""
    rng = np.random.default_rng(seed)
    made = []
    for column in rows.iter_columns():
        hole = pl.Series(rng.random(rows.height) < SPOILT)
        odd = pl.Series(rng.random(rows.height) < SPOILT)
        each = pl.select(pl.when(~hole).then(column).alias(column.name)).to_series()
        if column.dtype == pl.String:
            each = pl.select(pl.when(~odd).then(each).otherwise(pl.lit(UNSEEN)).alias(column.name)).to_series()
        made.append(each)
    return pl.DataFrame(made)


def session(file: Path) -> Any:
    """Graph of a file, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def tensors(graph: Any, rows: pl.DataFrame) -> dict[str, np.ndarray]:
    """Inputs of a graph, (n, 1) each."""
    made = {}
    for each in graph.get_inputs():
        column = rows[each.name]
        if "string" in each.type:
            values = column.cast(pl.String).fill_null("").to_numpy().astype(object)
        else:
            if column.dtype in (pl.Date, pl.Datetime):
                column = column.cast(pl.Datetime("us")).to_physical() / 86_400e6
            values = column.cast(pl.Float64, strict=False).to_numpy().astype(np.float32)
        made[each.name] = values.reshape(-1, 1)
    return made


def answers(graph: Any, rows: pl.DataFrame) -> np.ndarray:
    """Probabilities (n, classes) or predictions (n,)."""
    names = [each.name for each in graph.get_outputs()]
    wanted = "probabilities" if "probabilities" in names else "prediction"
    (found,) = graph.run([wanted], tensors(graph, rows))
    return np.asarray(found, dtype=np.float64).reshape((len(found), -1) if wanted == "probabilities" else -1)


def difference(graph: Any, rows: pl.DataFrame, said: np.ndarray) -> float:
    """Greatest difference from what was said, of probabilities, or of numbers by their spread."""
    found = answers(graph, rows)
    unit = 1.0 if said.ndim == 2 else float(np.std(said)) or 1.0
    return float(np.abs(found - said).max()) / unit


def speed(graph: Any, rows: pl.DataFrame) -> dict[str, float]:
    """One row at a time (ms, median and 95th percentile of 2,000 runs), and 10,000 rows at once (ms, the best of 5).

    On the wall; of the processor as well (`cpu`), for a machine that is busy with other things.
    """
    single = [tensors(graph, rows[each : each + 1]) for each in range(min(50, rows.height))]
    names = [each.name for each in graph.get_outputs()]
    spent = []
    for each in range(ONE_ROW_RUNS):
        row = single[each % len(single)]
        spent.append(_timed(lambda row=row: graph.run(names, row)))
    many = tensors(graph, many_rows(rows))
    batch = np.array([_timed(lambda: graph.run(names, many)) for _ in range(5)])
    wall, cpu = np.quantile(np.array(spent), [0.5, 0.95], axis=0).T
    return {
        "one_row_p50_ms": float(wall[0]), "one_row_p95_ms": float(wall[1]), "one_row_p95_cpu_ms": float(cpu[1]),
        "many_rows_ms": float(batch[:, 0].min()), "many_rows_cpu_ms": float(batch[:, 1].min()),
    }  # fmt: skip


def _timed(call: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds on the wall, and of this thread."""
    began, worked = time.perf_counter(), time.thread_time()
    call()
    return 1000.0 * (time.perf_counter() - began), 1000.0 * (time.thread_time() - worked)


def many_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Return 10,000 rows, over and over the same where there are fewer."""
    return rows[np.resize(np.arange(rows.height), MANY_ROWS)]


def native(folder: Path, train: pl.DataFrame, rows: pl.DataFrame, *, seed: int) -> dict[str, Any]:
    """CPU milliseconds that the libraries themselves take for the members' answers to 10,000 rows, encoded already.

    The members are fitted once more, as the manifest describes them, to all training rows without made features; where
    the models of several folds are shipped, one stands for each. Encoding and joining are not counted.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    members = manifest["parameters"].get("members") or []
    try:
        spent = [_member_ms(each, manifest, train, rows, seed=seed) for each in members]
    except Exception as error:
        return {"native_failed": f"{type(error).__name__}: {error}"[:300]}
    trees = [ms for ms, kind in spent if kind == "tree"]
    parts = max(1.0, _trees(folder) / len(trees)) if trees else 1.0
    return {"native_cpu_ms": sum(ms * parts for ms, _ in spent), "parts": parts * len(members)}


def _trees(folder: Path) -> int:
    import onnx

    nodes = onnx.load(str(folder / "model.onnx")).graph.node
    return sum(each.op_type.startswith("TreeEnsemble") for each in nodes)


def _member_ms(
    member: dict[str, Any], manifest: dict[str, Any], train: pl.DataFrame, rows: pl.DataFrame, *, seed: int
) -> tuple[float, str]:
    from holdfast.automl import _encoding
    from holdfast.automl._budget import Budget
    from holdfast.automl._learners import Config, Setup, learner
    from holdfast.automl._problem import problem_of
    from holdfast.core.ports import TrainRequest
    from holdfast.stats.tensors import to_tensors

    features = tuple(each["name"] for each in manifest["columns"])
    problem = problem_of(
        TrainRequest(
            rows=train, dataset="0" * 64, task=manifest["task"], target=manifest["target"], features=features,
            holdout=rows, folder=Path(), positive=manifest.get("positive"), seed=seed,
        )
    )  # fmt: skip
    kind = learner(member["learner"])
    encoding = _encoding.fit(kind.kind, problem.schema, problem.tensors)
    encoder = _encoding.graph(problem.schema, encoding)
    sheet = problem.sheet(_encoding.encode(encoder, problem.tensors))
    plain = {key: member[key] for key in ("name", "learner", "params", "rounds", "weighting")}
    rounds = member.get("rounds")
    config, setup = Config(**plain), Setup(problem.objective, seed, 1)
    fitted = kind.fit(config, sheet, setup, deadline=Budget(NATIVE_S, clock="cpu").end(), rounds=rounds)
    # One that the time ended answers faster by as many rounds as it lacks.
    missing = rounds / fitted.rounds if rounds and fitted.rounds else 1.0
    many = _encoding.encode(encoder, to_tensors(many_rows(rows).select(features), problem.schema))
    return missing * min(_timed(lambda: fitted.margin(many))[1] for _ in range(3)), kind.kind
