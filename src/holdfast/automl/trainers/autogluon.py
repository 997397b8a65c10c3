"""Trainer `autogluon`: AutoGluon's boosters and their ensemble, in its own environment, exported as one ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.automl import _foreign
from holdfast.automl._foreign_child import Library
from holdfast.core.registry import trainer

if TYPE_CHECKING:
    from holdfast.core.ports import Trained, TrainRequest

LIBRARY = Library(
    name="autogluon",
    module="autogluon.tabular",
    package="'autogluon.tabular[lightgbm,catboost,xgboost]'",
    script=Path(_foreign.__file__).with_name("_foreign_autogluon.py"),
)


@trainer
class AutoGluon:
    """AutoGluon's LightGBM, XGBoost and CatBoost models and their weighted ensemble (binary, multiclass, regression).

    Only those of its models that have an exact ONNX form, without bagging; its neural nets and forests are left out.
    AutoGluon runs in an interpreter of its own: the setting ``python``, else the variable
    ``HOLDFAST_AUTOGLUON_PYTHON``, else this one where AutoGluon can be imported. Other settings: ``learners`` (of
    lightgbm, xgboost, catboost), ``threads``, ``threshold``, ``group`` or ``time`` (a column that rows are not torn
    apart by).
    """

    name = "autogluon"

    def train(self, request: TrainRequest) -> Trained:
        """Train a model; see `holdfast.core.ports.Trainer`.

        Raises
        ------
        DataError
            If the rows cannot be learnt from.
        InvalidValue
            If a setting is out of range, or the task is not AutoGluon's.
        MissingExtra
            If AutoGluon is nowhere to be found.
        TrainingFailed
            If AutoGluon fails, is late, or gives back what is no model.
        ExportFailed
            If the graph does not answer as AutoGluon did.
        """
        return _foreign.train(LIBRARY, request)
