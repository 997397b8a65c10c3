"""Training: the pipeline that makes a model version and its packages, as cached engine steps."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core import registry
from holdfast.core.digests import plain
from holdfast.core.errors import ParityFailed, TrainingFailed
from holdfast.core.models import ModelSchema, ModelVersion, Package
from holdfast.core.ports import Packed, Progress, Trained, TrainRequest
from holdfast.engine import Engine, pipeline, step
from holdfast.keeper.keeping import CODE, Keeping, silent
from holdfast.keeper.subjects import SAMPLE
from holdfast.store import codec

if TYPE_CHECKING:
    import polars as pl

#: A progress callback is no value, so it does not travel with a step's arguments.
PROGRESS: ContextVar[Progress] = ContextVar("progress", default=silent)

#: Largest difference of a probability (or, relative to its spread, a prediction) between original and export.
MAX_DIFFERENCE = 1e-4


@step(retries=0, libraries=("lightgbm", "scikit-learn", "onnx"))
def train_model(
    trainer: str,
    rows: pl.DataFrame,
    holdout: pl.DataFrame,
    asked: dict[str, Any],
    weights: np.ndarray | None,
) -> dict[str, Any]:
    """Train a model; files, schema, parameters, trials and the original's answers on the held-out rows."""
    from holdfast.core.promises import Promise

    folder = Path(tempfile.mkdtemp(prefix="holdfast-train-"))
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
            folder=folder,
            promises=tuple(codec.decode(Promise, each) for each in asked["promises"]),
            settings=asked["settings"],
            budget_s=asked["budget_s"],
            seed=asked["seed"],
            warm_start=asked["warm_start"],
            weights=weights,
            progress=PROGRESS.get(),
        )
    )
    if "model.onnx" not in trained.files:
        raise TrainingFailed(f"trainer {trainer!r} wrote no model.onnx", expected="model.onnx among its files")
    return as_value(trained)


def as_value(trained: Trained) -> dict[str, Any]:
    """What a trainer gave back, as a value that a step can hand on."""
    return {
        "files": dict(trained.files),
        "schema": plain(trained.schema),
        "parameters": plain(trained.parameters),
        "original": np.asarray(trained.original, dtype=np.float64),
        "trials": [plain(each) for each in trained.trials],
        "notes": list(trained.notes),
    }


@step(retries=0, libraries=("onnx", "onnxruntime"))
def pack_model(packager: str, trained: dict[str, Any], sample: pl.DataFrame, version: dict[str, Any]) -> dict[str, Any]:
    """Pack a model for a kind of place, and measure how its answers differ from the original's."""
    with tempfile.TemporaryDirectory(prefix="holdfast-source-") as temporary:
        source = Path(temporary)
        for name, path in trained["files"].items():
            (source / name).write_bytes(Path(path).read_bytes())
        packed: Packed = registry.get("packager", packager).pack(
            codec.decode(ModelVersion, version),
            source,
            Path(tempfile.mkdtemp(prefix="holdfast-pack-")),
            sample=sample,
            original=trained["original"][: sample.height],
            settings={},
        )
    return {
        "files": dict(packed.files),
        "parity": {name: float(value) for name, value in packed.parity.items()},
        "size_bytes": int(packed.size_bytes),
        "settings": plain(packed.settings),
    }


@pipeline
def make_model(
    trainer: str,
    rows: Any,
    holdout: Any,
    asked: Any,
    weights: Any,
) -> Any:
    """Train a model under the contract's promises."""
    return train_model(trainer, rows, holdout, asked, weights)


@pipeline
def make_package(packager: str, trained: Any, sample: Any, version: Any) -> Any:
    """Pack a trained model."""
    return pack_model(packager, trained, sample, version)


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
        "settings": {**plain(contract.train.settings), **plain(settings)},
        "budget_s": contract.train.budget_s,
        "seed": contract.train.seed,
        # Another version of Holdfast may train another model: its results are cached apart.
        "code": CODE,
        "warm_start": plain(parent.parameters) if parent is not None else None,
    }
    token = PROGRESS.set(keeping.progress)
    try:
        engine = Engine(keeping.store, executor=keeping.executor)
        run = engine.run(
            make_model,
            {"trainer": contract.train.trainer, "rows": rows, "holdout": held, "asked": asked, "weights": weights},
            model=keeping.name,
            name=f"train {keeping.name}",
        )
    finally:
        PROGRESS.reset(token)
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
) -> ModelVersion:
    """Put a trained model into the registry and make the contract's packages of it."""
    from holdfast.core.digests import digest_bytes

    files = {name: Path(path) for name, path in trained["files"].items()}
    version = ModelVersion(
        name=keeping.name,
        schema=codec.decode(ModelSchema, trained["schema"]),
        files={name: digest_bytes(path.read_bytes()) for name, path in files.items()},
        dataset=dataset,
        trainer=trainer,
        parameters=trained["parameters"],
        code=CODE,
        parent=parent,
        reason=reason,
    )
    engine = Engine(keeping.store, executor=keeping.executor)
    packed = []
    for kind in keeping.contract.packages:
        run = engine.run(
            make_package,
            {"packager": kind, "trained": dict(trained), "sample": sample, "version": plain(version)},
            model=keeping.name,
            name=f"package {keeping.name} as {kind}",
        )
        check_parity(run.value["parity"], kind=kind)
        packed.append((kind, run.value))
    keeping.store.models.register(version, files)
    for kind, value in packed:
        paths = {name: Path(path) for name, path in value["files"].items()}
        keeping.store.models.pack(
            Package(
                model=version.id,
                kind=kind,
                files={name: digest_bytes(path.read_bytes()) for name, path in paths.items()},
                parity=value["parity"],
                size_bytes=value["size_bytes"],
                settings=value["settings"],
            ),
            paths,
        )
    return version


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
