"""The suite of trainers."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.digests import canonical_json
from holdfast.core.errors import DataError, HoldfastError, ModelError
from holdfast.core.models import CLASSIFICATION
from holdfast.core.ports import Trained, Trainer, TrainRequest
from holdfast.testing._conformance import must_refuse, must_work, require, require_plain, resolve
from holdfast.testing._subjects import copy_of, same_subject
from holdfast.testing.data import CLASSES, TARGETS, tiny_request

#: Most that the answers of graph and original may differ by (float32 against float64), relative to their size.
PARITY = 1e-3
#: How far beyond its budget a training may go before it is said not to keep it: it must be twice, and this, late.
GRACE_S = 30.0


def check_trainer(
    trainer: Trainer | str,
    *,
    task: str = "binary",
    budget_s: float = 10.0,
    settings: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Check a trainer on tiny data: budget, files, schema, the original's answers, determinism, and bad input.

    Parameters
    ----------
    trainer
        The trainer, or the name that it is registered under.
    task
        Task to train for.
    budget_s
        Seconds that each of the three trainings may take.
    settings
        Settings of the trainer.
    changes
        Other fields of `TrainRequest`.

    Raises
    ------
    ConformanceError
        If the trainer breaks a rule of the port; says which, and what was seen.
    """
    made: Trainer = resolve("trainer", trainer)
    require(isinstance(made, Trainer), f"{made!r} lacks members of Trainer")
    changes = {"budget_s": budget_s, "settings": dict(settings or {}), **changes}
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        first = _train(made, root / "first", task=task, changes=changes)
        second = _train(made, root / "second", task=task, changes=changes)
        _check_same(made, first, second)
        _check_refusals(made, root, task=task, changes=changes)


def _train(trainer: Trainer, folder: Path, *, task: str, changes: Mapping[str, Any]) -> Trained:
    what = f"trainer {trainer.name!r} on tiny data ({task})"
    folder.mkdir()
    request = tiny_request(folder, task=task, **changes)
    before = copy_of(request.rows), copy_of(request.holdout)
    started = time.monotonic()
    trained = must_work(what, lambda: trainer.train(request))
    took = time.monotonic() - started
    late = 2 * request.budget_s + GRACE_S
    require(took <= late, f"{what} took {took:.0f} s with a budget of {request.budget_s:.0f} s")
    require(isinstance(trained, Trained), f"{what} gave a {type(trained).__name__}, not Trained")
    unchanged = same_subject(before[0], request.rows) and same_subject(before[1], request.holdout)
    require(unchanged, f"{what} changed the rows that it was given")
    _check_files(trained, folder, what)
    _check_schema(trained, request, what)
    _check_original(trained, request, what)
    for each, name in ((trained.parameters, "parameters"), (trained.trials, "trials"), (trained.notes, "notes")):
        require_plain(each, f"{what}: {name}")
    return trained


def _check_files(trained: Trained, folder: Path, what: str) -> None:
    require("model.onnx" in trained.files, f"{what} wrote no model.onnx, but {sorted(trained.files)}")
    for name, path in trained.files.items():
        require(path.is_file(), f"{what} names the file {name!r}, and {path} is not there")
        inside = path.resolve().is_relative_to(folder.resolve())
        require(inside, f"{what} wrote {name!r} outside its folder, at {path}")
        require(
            path.suffix not in (".pkl", ".pickle", ".joblib", ".pt"),
            f"{what} wrote {name!r}, which runs code when loaded",
        )


def _check_schema(trained: Trained, request: TrainRequest, what: str) -> None:
    import onnx

    schema = trained.schema
    asked = (request.task, request.target, request.positive)
    found = (schema.task, schema.target, schema.positive)
    require(found == asked, f"{what}: schema of {found}; expected task, target and positive class {asked}")
    require(
        set(schema.names) <= set(request.features), f"{what}: schema has columns {schema.names} beyond the features"
    )
    if schema.task in CLASSIFICATION:
        known = sorted(CLASSES[schema.task])
        require(sorted(schema.classes) == known, f"{what}: classes {schema.classes}; expected {known}")
    graph = onnx.load_model(str(trained.files["model.onnx"])).graph
    types = {"float32": onnx.TensorProto.FLOAT, "string": onnx.TensorProto.STRING}
    wanted = [(column.name, types[column.dtype]) for column in schema.columns]
    inputs = [(each.name, each.type.tensor_type.elem_type) for each in graph.input]
    require(
        inputs == wanted,
        f"{what}: the graph takes {inputs}; expected one input for each column of the schema, {wanted}",
    )
    outputs = [each.name for each in graph.output]
    right = ["label", "probabilities"] if schema.task in CLASSIFICATION else ["prediction"]
    require(outputs == right, f"{what}: the graph gives {outputs}; expected {right}")


def _check_original(trained: Trained, request: TrainRequest, what: str) -> None:
    from holdfast.serve.models import load_model

    original, n = np.asarray(trained.original), request.holdout.height
    classified = trained.schema.task in CLASSIFICATION
    shape = (n, len(trained.schema.classes)) if classified else (n,)
    require(original.shape == shape, f"{what}: answers of the original of shape {original.shape}; expected {shape}")
    require(bool(np.isfinite(original).all()), f"{what}: the original answers with NaN or infinity")
    if classified:
        sums = original.sum(axis=1)
        require(
            bool(np.allclose(sums, 1.0, atol=1e-6)), f"{what}: probabilities that sum to {sums.min()} to {sums.max()}"
        )
    model = must_work(f"{what}: loading the graph", partial(load_model, trained.files["model.onnx"], trained.schema))
    answers = must_work(f"{what}: asking the graph", partial(model.predict, request.holdout))
    worst = float(np.abs(answers - original).max() / max(1.0, float(np.abs(original).max())))
    require(
        worst <= PARITY, f"{what}: graph and original differ by {worst:.3g} of their size; expected at most {PARITY}"
    )
    strange = _strange(request.holdout.head(3), trained)
    odd = must_work(
        f"{what}: asking the graph about unseen categories and missing cells", partial(model.predict, strange)
    )
    require(bool(np.isfinite(odd).all()), f"{what}: the graph answers unseen categories and missing cells with NaN")


def _strange(rows: pl.DataFrame, trained: Trained) -> pl.DataFrame:
    return pl.DataFrame(
        {
            column.name: pl.Series([None, "never seen", "f"], dtype=pl.String)
            if column.dtype == "string"
            else pl.Series([None, float("nan"), 1e30], dtype=pl.Float64)
            for column in trained.schema.columns
        }
    ).head(rows.height)


def _check_same(trainer: Trainer, first: Trained, second: Trained) -> None:
    # A budget ends a search by the clock; only searches that tried the same may be held to give the same.
    tried = [
        [{key: each.get(key) for key in ("name", "parameters")} for each in made.trials] for made in (first, second)
    ]
    if canonical_json(tried[0]) != canonical_json(tried[1]):
        return
    what = f"trainer {trainer.name!r}, with the same seed and the same trials,"
    same = canonical_json(first.parameters) == canonical_json(second.parameters)
    require(same, f"{what} chose {first.parameters}, then {second.parameters}")
    require(bool(np.allclose(first.original, second.original, rtol=1e-9, atol=1e-9)), f"{what} made two models")


def _check_refusals(trainer: Trainer, root: Path, *, task: str, changes: Mapping[str, Any]) -> None:
    target = TARGETS[task]
    good = tiny_request(root, task=task).rows
    kind = good.schema[target]
    bad: dict[str, tuple[pl.DataFrame, tuple[type[HoldfastError], ...]]] = {
        "a constant target": (good.with_columns(pl.col(target).first()), (DataError,)),
        "no rows": (good.clear(), (DataError,)),
        "a target of missing values": (good.with_columns(pl.lit(None, dtype=kind).alias(target)), (DataError,)),
        "no target column": (good.drop(target), (DataError,)),
        "a feature that is not there": (good.drop("age"), (DataError,)),
        "one row": (good.head(1), (DataError, ModelError)),
    }
    for number, (name, (rows, kinds)) in enumerate(bad.items()):
        folder = root / f"bad {number}"
        folder.mkdir()
        request = tiny_request(folder, task=task, **{**changes, "rows": rows})
        must_refuse(f"trainer {trainer.name!r} on {name}", partial(trainer.train, request), *kinds)
