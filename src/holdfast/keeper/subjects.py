"""Subjects: what the promises about data, candidates and packages are measured on."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.models import CLASSIFICATION, ModelSchema
from holdfast.core.subjects import Model, Scored, Traffic
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.observe import View
from holdfast.keeper.splits import class_names
from holdfast.serve import LoadedModel, load_model
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    import polars as pl

    from holdfast.store import DatasetVersion

#: Held-out rows that a package is asked about, and how often it is asked one row to measure its latency.
SAMPLE, ASKED = 200, 1000


def data_view(keeping: Keeping, dataset: DatasetVersion) -> View:
    """View of a dataset version, for the promises of stage data."""
    rows = keeping.rows(dataset.digest)

    def give(kind: str) -> Any:
        if kind == "rows":
            return rows
        raise NotMeasurable(f"a dataset has no {kind}", expected="a measure of rows")

    return View(
        stage="data",
        subject=dataset.digest,
        inputs=(dataset.digest,),
        columns=keeping.features(rows),
        give=give,
    )


def scored(model: LoadedModel, rows: pl.DataFrame, *, target: str, positive: str | None, keep: Any = None) -> Scored:
    """A model's answers on labelled rows, beside the truth.

    Parameters
    ----------
    model
        The loaded model.
    rows
        Shape (n, columns): features and target.
    target
        Target column.
    positive
        Positive class of a binary task.
    keep
        Columns to keep for slices and groups; None keeps all.
    """
    schema = model.schema
    score, decision = model.decide(rows)
    classify = schema.task in CLASSIFICATION
    truth = class_names(rows[target]).to_numpy() if classify else rows[target].cast(float).to_numpy()
    return Scored(
        task=schema.task,
        truth=truth.astype(object) if classify else truth,
        score=score,
        rows=rows if keep is None else rows.select(keep),
        decision=decision,
        classes=schema.classes,
        positive=positive,
    )


def gate_view(keeping: Keeping, model_id: str, dataset: str, *, stage: str, package: str) -> View:
    """View of a candidate and its package on the held-out rows, for the stages candidate and package."""
    version = keeping.model(model_id)
    folder = keeping.store.models.package_folder(package)
    _, held = keeping.split(dataset)
    loaded = load_model(folder, version.schema)

    @functools.cache
    def give(kind: str) -> Any:
        if held.height == 0:
            raise NotMeasurable("no rows are held out", expected="a larger holdout, or more rows")
        if kind == "scores":
            return scored(loaded, held, target=keeping.contract.target, positive=keeping.contract.positive)
        if kind == "rows":
            return held
        if kind == "model":
            return _model(keeping, loaded, version.schema, held, package)
        if kind == "traffic":
            return replay(loaded, held)
        raise NotMeasurable(f"a candidate has no {kind}", expected="a promise of stage live")

    return View(
        stage=stage,
        subject=model_id,
        inputs=(model_id, dataset, package),
        columns=version.schema.names,
        give=give,
    )


def _model(keeping: Keeping, loaded: LoadedModel, schema: ModelSchema, held: pl.DataFrame, package: str) -> Model:
    noun = keeping.store.models.get_package(package)
    return Model(
        folder=keeping.store.models.folder(noun.model),
        schema=schema,
        predict=loaded.predict,
        sample=held.head(SAMPLE).select(schema.names),
        size_bytes=noun.size_bytes,
        parity=noun.parity,
    )


def replay(model: LoadedModel, rows: pl.DataFrame, *, asked: int = ASKED) -> Traffic:
    """Latency of a package on this machine: held-out rows replayed one by one, in process.

    Parameters
    ----------
    model
        The loaded package.
    rows
        Rows to ask about; asked again from the first when there are fewer than `asked`.
    asked
        Number of requests, after a tenth as many to warm up.

    Returns
    -------
    Traffic
        Seconds of each request; its notes say that it is a replay.
    """
    chosen = [to_tensors(rows[index : index + 1], model.schema) for index in range(min(rows.height, 100))]
    for index in range(asked // 10):
        model.run(chosen[index % len(chosen)])
    seconds = np.empty(asked)
    for index in range(asked):
        begin = time.perf_counter()
        model.run(chosen[index % len(chosen)])
        seconds[index] = time.perf_counter() - begin
    return Traffic(
        latency_s=seconds,
        seconds=float(seconds.sum()),
        notes={"where": "held-out rows replayed one by one, in process, on this machine"},
    )
