"""The use-cases of a table that belongs to no project yet: profile, check, clean, anomalies, train, predict, ...

These functions are the SDK of tables; the commands of the same names call them. `Project` does the same for the data
and the model of a contract, with a journal.
"""

from __future__ import annotations

from holdfast.data._predict import Predicted, predict
from holdfast.data._tables import (
    anomalies,
    check,
    check_all,
    check_out,
    clean,
    import_checks,
    label_errors,
    profile,
    read,
    row_anomalies,
    undo,
)
from holdfast.data._train import TrainedTable, train

__all__ = [
    "Predicted",
    "TrainedTable",
    "anomalies",
    "check",
    "check_all",
    "check_out",
    "clean",
    "import_checks",
    "label_errors",
    "predict",
    "profile",
    "read",
    "row_anomalies",
    "train",
    "undo",
]
