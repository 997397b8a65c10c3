"""Subjects: what the promises about data, candidates and packages are measured on."""

from __future__ import annotations

import functools
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.contract import Contract
from holdfast.core.errors import NotMeasurable
from holdfast.core.models import CLASSIFICATION, ModelSchema
from holdfast.core.subjects import Model, Scored, Traffic
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import View
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


def scored(model: LoadedModel, rows: pl.DataFrame, *, contract: Contract) -> Scored:
    """A model's answers on labelled rows, beside the truth.

    Parameters
    ----------
    model
        The loaded model.
    rows
        Shape (n, columns): features and target.
    contract
        Its target, positive class, and the column of groups (of a ranking or a forecast).
    """
    schema, target, group = model.schema, contract.target, contract.data.roles.group
    score, decision = model.decide(rows)
    classify = schema.task in CLASSIFICATION
    truth = class_names(rows[target]).to_numpy() if classify else rows[target].cast(float).to_numpy()
    return Scored(
        task=schema.task,
        truth=truth.astype(object) if classify else truth,
        score=score,
        rows=rows,
        decision=decision,
        classes=schema.classes,
        positive=contract.positive,
        group=rows[group].to_numpy() if group is not None and not classify and group in rows.columns else None,
    )


def gate_view(keeping: Keeping, model_id: str, dataset: str, *, stage: str, package: str) -> View:
    """View of a candidate and its package on the held-out rows, for the stages candidate and package."""
    version = keeping.model(model_id)
    folder = keeping.store.models.package_folder(package)
    learnt, held = keeping.split(dataset, model=model_id)
    loaded = load_model(folder, version.schema)

    @functools.cache
    def elsewhere(kind: str, name: str) -> Any:
        rows = learnt if name == "train" else held
        if rows.height == 0:
            raise NotMeasurable(f"there are no {name} rows", expected="another holdout, or more rows")
        if kind == "scores":
            return scored(loaded, rows, contract=keeping.contract)
        if kind == "rows":
            return rows
        raise NotMeasurable(f"a {kind} is not of rows", expected="a promise without 'on'")

    @functools.cache
    def give(kind: str) -> Any:
        if kind in ("scores", "rows"):
            return elsewhere(kind, "holdout")
        if held.height == 0:
            raise NotMeasurable("no rows are held out", expected="a larger holdout, or more rows")
        if kind == "model":
            return _model(keeping, loaded, version.schema, held, package)
        if kind == "traffic":
            return replay(loaded, held)
        raise NotMeasurable(f"a candidate has no {kind}", expected="a promise of stage live")

    return View(
        stage=stage,
        subject=model_id,
        inputs=(model_id, dataset, package, keeping.split_digest(model_id)),
        columns=version.schema.names,
        give=give,
        elsewhere=elsewhere if stage == "candidate" else None,
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
