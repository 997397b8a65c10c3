"""Serve: how a model answers. The inference server, the prediction log, and the one way to load a model.

Load a model and ask it with `load_model`; run the server with `run_server`; read what it logged, after the log's
mover has brought it into the store's tables, with `features_of`, `scores_of` and `latest_labels`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.serve._frames import Answered, Source
    from holdfast.serve._log import LabelRecord, PredictionLog
    from holdfast.serve._mover import Moved, Mover
    from holdfast.serve._server import InferenceServer, run_server
    from holdfast.serve._settings import ServerSettings
    from holdfast.serve.models import LoadedModel, load_model, onnx_predict
    from holdfast.serve.tables import features_of, labels_table, latest_labels, predictions_table, scores_of

_HOMES = {
    "Answered": "_frames",
    "InferenceServer": "_server",
    "LabelRecord": "_log",
    "LoadedModel": "models",
    "Moved": "_mover",
    "Mover": "_mover",
    "PredictionLog": "_log",
    "ServerSettings": "_settings",
    "Source": "_frames",
    "features_of": "tables",
    "labels_table": "tables",
    "latest_labels": "tables",
    "load_model": "models",
    "onnx_predict": "models",
    "predictions_table": "tables",
    "run_server": "_server",
    "scores_of": "tables",
}

__all__ = [
    "Answered",
    "InferenceServer",
    "LabelRecord",
    "LoadedModel",
    "Moved",
    "Mover",
    "PredictionLog",
    "ServerSettings",
    "Source",
    "features_of",
    "labels_table",
    "latest_labels",
    "load_model",
    "onnx_predict",
    "predictions_table",
    "run_server",
    "scores_of",
]


def __getattr__(name: str) -> Any:
    """Import a name's module when it is first asked for: the server needs no tables, the keeper no server."""
    import importlib

    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'holdfast.serve' has no attribute {name!r}")
    return getattr(importlib.import_module(f"holdfast.serve.{home}"), name)
