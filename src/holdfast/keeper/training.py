"""Training: the pipeline that makes a model version and its packages, as cached engine steps."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core import registry
from holdfast.core.contract import Contract
from holdfast.core.digests import digest_bytes, plain
from holdfast.core.errors import ParityFailed, TrainingFailed
from holdfast.core.models import ModelSchema, ModelVersion, Package
from holdfast.core.ports import Packed, Progress, Trained, TrainRequest
from holdfast.core.promises import Promise
from holdfast.core.units import show
from holdfast.engine import Engine, Limits, Step, step
from holdfast.keeper.keeping import CODE, Keeping
from holdfast.keeper.splits import row_weights
from holdfast.keeper.subjects import SAMPLE
from holdfast.store import codec
from holdfast.store.files import inside

if TYPE_CHECKING:
    import polars as pl

#: Largest difference of a probability (or, relative to its spread, a prediction) between original and export.
MAX_DIFFERENCE = 1e-4

#: A training that takes this many times its budget, and two minutes, is ended.
PATIENCE, GRACE_S = 3.0, 120.0


@step(retries=0, libraries=("lightgbm", "scikit-learn", "onnx"))
def train_model(
    trainer: str,
    rows: pl.DataFrame,
    holdout: pl.DataFrame,
    asked: dict[str, Any],
    weights: np.ndarray | None,
) -> dict[str, Any]:
    """Train a model; files, schema, parameters, trials and the original's answers on the held-out rows."""
    with tempfile.TemporaryDirectory(prefix="holdfast-train-") as folder:
        trained: Trained = registry.get("trainer", trainer).train(
            TrainRequest(
                rows=rows,
                dataset=asked["dataset"],
                task=asked["task"],
                target=asked["target"],
                positive=asked["positive"],
                features=tuple(asked["features"]),
                sensitive=tuple(asked["sensitive"]),
                holdout=holdout,
                folder=Path(folder),
                promises=tuple(codec.decode(Promise, each) for each in asked["promises"]),
                settings=asked["settings"],
                budget_s=asked["budget_s"],
                seed=asked["seed"],
                warm_start=asked["warm_start"],
                weights=weights,
            )
        )
        if "model.onnx" not in trained.files:
            raise TrainingFailed(f"trainer {trainer!r} wrote no model.onnx", expected="model.onnx among its files")
        return as_value(trained)


def as_value(trained: Trained) -> dict[str, Any]:
    """What a trainer gave back, as a value that a step can hand on."""
    return {
        "files": {name: path.read_bytes() for name, path in trained.files.items()},
        "schema": plain(trained.schema),
        "parameters": plain(trained.parameters),
        "original": np.asarray(trained.original, dtype=np.float64),
        "trials": [plain(each) for each in trained.trials],
        "notes": list(trained.notes),
    }


@step(retries=0, libraries=("onnx", "onnxruntime"))
def pack_model(packager: str, trained: dict[str, Any], sample: pl.DataFrame, version: dict[str, Any]) -> dict[str, Any]:
    """Pack a model for a kind of place, and measure how its answers differ from the original's."""
    with tempfile.TemporaryDirectory(prefix="holdfast-pack-") as temporary:
        source, folder = Path(temporary) / "source", Path(temporary) / "package"
        source.mkdir()
        folder.mkdir()
        for name, data in trained["files"].items():
            (source / name).write_bytes(data)
        packed: Packed = registry.get("packager", packager).pack(
            codec.decode(ModelVersion, version),
            source,
            folder,
            sample=sample,
            original=trained["original"][: sample.height],
            settings={},
        )
        return {
            "files": {name: path.read_bytes() for name, path in packed.files.items()},
            "parity": {name: float(value) for name, value in packed.parity.items()},
            "size_bytes": int(packed.size_bytes),
            "settings": plain(packed.settings),
        }


def _weights(keeping: Keeping, rows: pl.DataFrame, asked: np.ndarray | None) -> np.ndarray | None:
    """Weight of each training row: the contract's column times what a remedy asks for; None where neither is."""
    if asked is not None and asked.shape != (rows.height,):
        raise TrainingFailed(f"weights of shape {asked.shape}", expected=f"one for each of {rows.height} training rows")
    column = keeping.contract.data.roles.weight
    if column is None:
        return asked
    own = row_weights(rows, column, where=keeping.name)
    return own if asked is None else own * asked


def _roles(contract: Contract) -> dict[str, Any]:
    """Settings that follow from the contract's roles: rows of one group stay in one fold."""
    group = contract.data.roles.group
    return {} if group is None else {"group": group}


def limited(chosen: Step[..., Any], *, budget_s: float) -> Step[..., Any]:
    """The step in a process of its own that is ended when it takes far longer than its budget, or far more CPU."""
    longest = PATIENCE * budget_s + GRACE_S
    limits = Limits(cpu_s=longest * (os.cpu_count() or 1))
    return Step(chosen.function, replace(chosen.settings, isolated=True, timeout_s=longest, limits=limits))


@contextmanager
def ticking(told: Progress, *, seconds: float, text: str) -> Iterator[None]:
    """Progress by the clock, while work goes on in another process that was given so many seconds."""
    stop = threading.Event()
    began = time.monotonic()

    def tick() -> None:
        while not stop.wait(0.5):
            told(min(0.99, (time.monotonic() - began) / seconds), text)

    ticker = threading.Thread(target=tick, name="holdfast-progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        stop.set()
        ticker.join()


def train(
    keeping: Keeping,
    *,
    dataset: str,
    settings: Mapping[str, Any],
    weights: np.ndarray | None,
    parent: ModelVersion | None,
    reason: str,
) -> ModelVersion:
    """Train on a dataset version, package, register; the same request again is answered from the cache.

    Raises
    ------
    StepFailed
        If the trainer raised an error; its text is in it.
    ParityFailed
        If the export does not answer as the original does.
    TrainingFailed
        If there is not one weight for each training row.
    """
    contract = keeping.contract
    rows, held = keeping.split(dataset)
    asked = {
        "dataset": dataset,
        "task": contract.task,
        "target": contract.target,
        "positive": contract.positive,
        "features": list(keeping.features(rows)),
        "sensitive": list(contract.data.roles.sensitive),
        "promises": [plain(each) for stage in ("candidate", "package") for each in contract.at(stage)],
        "settings": {**_roles(contract), **plain(contract.train.settings), **plain(settings)},
        "budget_s": contract.train.budget_s,
        "seed": contract.train.seed,
        # Another version of Holdfast may train another model: its results are cached apart.
        "code": CODE,
        "warm_start": plain(parent.parameters) if parent is not None else None,
    }
    params = {
        "trainer": contract.train.trainer,
        "rows": rows,
        "holdout": held,
        "asked": asked,
        "weights": _weights(keeping, rows, weights),
    }
    budget = contract.train.budget_s
    text = f"training {keeping.name} within {show(budget, 'seconds')}"
    with (
        ticking(keeping.progress, seconds=budget, text=text),
        Engine(keeping.store, executor=keeping.executor) as engine,
    ):
        run = engine.run(
            limited(train_model, budget_s=budget), params, model=keeping.name, name=f"train {keeping.name}"
        )
    return register(
        keeping,
        run.value,
        dataset=dataset,
        trainer=contract.train.trainer,
        parent=parent.id if parent is not None else None,
        reason=reason,
        sample=held.head(SAMPLE),
    )


def register(
    keeping: Keeping,
    trained: Mapping[str, Any],
    *,
    dataset: str,
    trainer: str,
    parent: str | None,
    reason: str,
    sample: pl.DataFrame,
    split_of: str | None = None,
) -> ModelVersion:
    """Put a trained model into the registry and make the contract's packages of it.

    `split_of` is the model that it was derived from and whose held-out rows are its own; None where it was trained on
    the rows that the contract's split leaves.
    """
    version = ModelVersion(
        name=keeping.name,
        schema=codec.decode(ModelSchema, trained["schema"]),
        files={name: digest_bytes(data) for name, data in trained["files"].items()},
        dataset=dataset,
        trainer=trainer,
        parameters=trained["parameters"],
        code=CODE,
        parent=parent,
        reason=reason,
    )
    # A model that was trained here is split as the contract says now; one that a remedy derived, as its parent was.
    keeping.remember_split(version.id, split_of)
    packed = [(kind, _packed(keeping, kind, trained, version, sample)) for kind in keeping.contract.packages]
    with _written(trained["files"]) as paths:
        keeping.store.models.register(version, paths)
    for kind, value in packed:
        package = Package(
            model=version.id,
            kind=kind,
            files={name: digest_bytes(data) for name, data in value["files"].items()},
            parity=value["parity"],
            size_bytes=value["size_bytes"],
            settings=value["settings"],
        )
        with _written(value["files"]) as paths:
            keeping.store.models.pack(package, paths)
    return version


def _packed(
    keeping: Keeping, kind: str, trained: Mapping[str, Any], version: ModelVersion, sample: pl.DataFrame
) -> dict[str, Any]:
    params = {"packager": kind, "trained": dict(trained), "sample": sample, "version": plain(version)}
    with Engine(keeping.store, executor=keeping.executor) as engine:
        run = engine.run(
            limited(pack_model, budget_s=GRACE_S), params, model=keeping.name, name=f"package {keeping.name} as {kind}"
        )
        value: dict[str, Any] = run.value
    check_parity(value["parity"], kind=kind)
    return value


@contextmanager
def _written(files: Mapping[str, bytes]) -> Iterator[dict[str, Path]]:
    with tempfile.TemporaryDirectory(prefix="holdfast-files-") as folder:
        paths = {name: inside(Path(folder), name) for name in files}
        for name, path in paths.items():
            path.write_bytes(files[name])
        yield paths


def check_parity(parity: Mapping[str, float], *, kind: str) -> None:
    """Refuse a package whose answers are not those of the original.

    Raises
    ------
    ParityFailed
        If a probability differs by more than `MAX_DIFFERENCE`.
    """
    difference = parity.get("max_difference", float("inf"))
    if not difference <= MAX_DIFFERENCE:
        raise ParityFailed(
            f"the {kind} package answers differ from the original's by {difference:.2g}",
            expected=f"at most {MAX_DIFFERENCE:g}",
        )
