"""Trainer `flaml`: FLAML's search, in its own environment; what it finds is exported as one ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.automl import _foreign
from holdfast.automl._foreign_child import Library
from holdfast.core.registry import trainer

if TYPE_CHECKING:
    from holdfast.core.ports import Trained, TrainRequest

LIBRARY = Library(
    name="flaml",
    module="flaml",
    package="'flaml[automl,catboost]'",
    script=Path(_foreign.__file__).with_name("_foreign_flaml.py"),
)


@trainer
class FLAML:
    """FLAML's cost-frugal search over LightGBM, XGBoost and CatBoost (binary, multiclass, regression).

    FLAML runs in an interpreter of its own: the setting ``python``, else the variable ``HOLDFAST_FLAML_PYTHON``, else
    this one where FLAML can be imported. Other settings: ``learners`` (of lightgbm, xgboost, catboost), ``max_trials``,
    ``threads``, ``threshold``, ``group`` or ``time`` (a column that rows are not torn apart by).
    """

    name = "flaml"

    def train(self, request: TrainRequest) -> Trained:
        """Train a model; see `holdfast.core.ports.Trainer`.

        Raises
        ------
        DataError
            If the rows cannot be learnt from.
        InvalidValue
            If a setting is out of range, or the task is not FLAML's.
        MissingExtra
            If FLAML is nowhere to be found.
        TrainingFailed
            If FLAML fails, is late, or gives back what is no model.
        ExportFailed
            If the graph does not answer as FLAML did.
        """
        return _foreign.train(LIBRARY, request)
