"""The suite of trainers: what is well made passes, and every broken rule is named."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from holdfast.core.errors import ColumnNotFound, DataError
from holdfast.core.ports import Trained
from holdfast.testing import (
    ConformanceError,
    check_trainer,
    tiny_model,
)


class Copying:
    """Hands over the tiny model, having looked at the rows."""

    name = "tried"

    def train(self, request: Any) -> Trained:
        _learnable(request)
        model = tiny_model(request.folder, task=request.task)
        files = {path.name: path for path in request.folder.iterdir()}
        return self.made(request, Trained(model.schema, files, {"seed": request.seed}, model.predict(request.holdout)))

    def made(self, request: Any, trained: Trained) -> Trained:
        return trained


def _learnable(request: Any) -> None:
    for name in (request.target, *request.features):
        if name not in request.rows.columns:
            raise ColumnNotFound(f"no column {name!r}")
    if request.rows[request.target].drop_nulls().n_unique() < 2:
        raise DataError("nothing to learn")


def _made(change: Callable[[Any, Trained], Trained]) -> Any:
    return type("Tried", (Copying,), {"made": lambda _self, request, trained: change(request, trained)})()


def _outside(request: Any, trained: Trained) -> Trained:
    away = request.folder.parent / f"away-{request.folder.name}.onnx"
    shutil.copy(request.folder / "model.onnx", away)
    return replace(trained, files={"model.onnx": away})


def _pickled(request: Any, trained: Trained) -> Trained:
    (request.folder / "model.pkl").write_bytes(b"")
    return replace(trained, files={**trained.files, "model.pkl": request.folder / "model.pkl"})


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_a_good_trainer_conforms(task: str) -> None:
    check_trainer(Copying(), task=task)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda _request, trained: replace(trained, files={}), "wrote no model.onnx"),
        (lambda request, trained: replace(trained, files={"model.onnx": request.folder / "x"}), "is not there"),
        (_outside, "outside its folder"),
        (_pickled, "runs code when loaded"),
        (
            lambda _request, trained: replace(trained, original=trained.original[:-1]),
            "answers of the original of shape",
        ),
        (lambda _request, trained: replace(trained, original=trained.original[:, ::-1]), "graph and original differ"),
        (lambda _request, trained: replace(trained, original=trained.original * 2), "probabilities that sum to"),
        (lambda _request, trained: replace(trained, original=trained.original * np.nan), "NaN or infinity"),
        (lambda _request, trained: replace(trained, parameters={"model": object()}), "is no plain data"),
        (
            lambda _request, trained: replace(
                trained, schema=replace(trained.schema, columns=trained.schema.columns[:2])
            ),
            "expected one input for each column",
        ),
        (
            lambda _request, trained: replace(trained, schema=replace(trained.schema, positive="no")),
            "expected task, target and positive class",
        ),
        (lambda _request, _trained: None, "gave a NoneType, not Trained"),
    ],
)
def test_a_trainer_that_breaks_a_rule_is_named_with_the_rule(
    change: Callable[[Any, Trained], Any], sentence: str
) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_trainer(_made(change))


def test_a_trainer_that_learns_from_a_constant_target_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "_learnable", lambda _request: None)
    with pytest.raises(ConformanceError, match="on a constant target was taken without a word"):
        check_trainer(Copying())


def test_a_trainer_whose_seed_is_nothing_is_found() -> None:
    made = iter(range(100))
    fickle = _made(lambda _request, trained: replace(trained, parameters={"n": next(made)}))
    with pytest.raises(ConformanceError, match="with the same seed and the same trials, chose"):
        check_trainer(fickle)
