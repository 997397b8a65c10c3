"""Arrays and frames as blobs: NumPy's own format without objects, Arrow IPC files without compression."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

MARK = "$"


def write(value: Any, blob: Callable[[bytes], int]) -> dict[str, Any] | None:
    """Tree for an array, a NumPy scalar, a frame or a series; None for anything else of theirs."""
    if isinstance(value, np.generic):
        array = np.asarray(value)
        return None if array.dtype.hasobject else {MARK: "scalar", "at": blob(_npy(array))}
    if type(value) is np.ndarray:
        return _write_array(value, blob)
    if isinstance(value, pl.DataFrame):
        return None if _has_objects(value) else {MARK: "frame", "at": blob(_ipc(value))}
    if isinstance(value, pl.Series):
        frame = value.to_frame()
        return None if _has_objects(frame) else {MARK: "series", "at": blob(_ipc(frame))}
    return None


def why(value: Any) -> str:
    """Why such a value is refused, as the end of a sentence."""
    if isinstance(value, pl.LazyFrame):
        return ": it is a query that has not run (collect it)"
    if isinstance(value, np.ndarray):
        return f" (dtype {value.dtype} holds Python objects that are not all text)"
    if isinstance(value, (pl.DataFrame, pl.Series)):
        return " with a column of Python objects"
    return ""


def read(tree: Mapping[str, Any], blob: Callable[[int], memoryview]) -> Any:
    """Array, scalar, frame or series that `write` was given."""
    kind = tree[MARK]
    if kind == "texts":
        # Class names stand as objects in `Scored`; text is the only object that an array may hold.
        array = np.empty(len(tree["v"]), dtype=object if tree["dtype"] == "O" else np.dtypes.StringDType())
        array[:] = tree["v"]
        return array.reshape(tree["shape"])
    data = io.BytesIO(blob(tree["at"]))
    if kind in ("npy", "scalar"):
        array = np.load(data, allow_pickle=False)
        return array[()] if kind == "scalar" else array
    frame = pl.read_ipc(data)
    return frame if kind == "frame" else frame.to_series(0)


def _write_array(value: np.ndarray, blob: Callable[[bytes], int]) -> dict[str, Any] | None:
    if value.dtype.kind in "OT":
        items = value.ravel().tolist()
        if not all(type(each) is str for each in items):
            return None
        return {MARK: "texts", "dtype": value.dtype.kind, "shape": list(value.shape), "v": items}
    return None if value.dtype.hasobject else {MARK: "npy", "at": blob(_npy(value))}


def _npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


def _has_objects(frame: pl.DataFrame) -> bool:
    return any(dtype == pl.Object for dtype in frame.dtypes)


def _ipc(frame: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    # One chunk and no compression: equal frames give equal bytes.
    frame.rechunk().write_ipc(out, compression="uncompressed")
    return out.getvalue()
