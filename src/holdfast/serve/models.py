"""Models that answer: one ONNX Runtime session with one thread, and what goes in and comes out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import HoldfastError, InvalidRequest, InvalidValue, ModelNotReady, UnreadableData
from holdfast.core.models import CLASSIFICATION, Column, ModelSchema

if TYPE_CHECKING:
    import polars as pl

#: ONNX Runtime's names of tensor types, and the protocol's.
DATATYPES = {
    "tensor(bool)": "BOOL",
    "tensor(int8)": "INT8",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(uint8)": "UINT8",
    "tensor(uint16)": "UINT16",
    "tensor(uint32)": "UINT32",
    "tensor(uint64)": "UINT64",
    "tensor(float16)": "FP16",
    "tensor(float)": "FP32",
    "tensor(double)": "FP64",
    "tensor(string)": "BYTES",
}


#: Input of a fused graph: every number column, shape (n, columns).
FUSED = "holdfast.numbers"
_WORTH_FUSING = 4


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a graph: its name, the protocol's datatype, and its shape (-1 where any size goes)."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class LoadedModel:
    """A model that answers.

    Parameters
    ----------
    path
        File of the ONNX graph.
    schema
        What the model takes and gives; None for a graph that is no Holdfast model, whose inputs are taken as they are.
    """

    def __init__(self, path: Path, schema: ModelSchema | None) -> None:
        self.path = path
        self._schema = schema
        session = _session(str(path), where=str(path))
        # Session, and whether it takes the number columns as one array: swapped together, by `fuse`.
        self._live: tuple[Any, bool] = session, False
        self.inputs = tuple(_spec(each) for each in session.get_inputs())
        self.outputs = tuple(_spec(each) for each in session.get_outputs())
        self._names = [each.name for each in self.outputs]
        if schema is not None:
            _check(schema, self.inputs, self.outputs, where=str(path))
            self._numbers = [each.name for each in schema.columns if each.dtype == "float32"]
            self._texts = [each.name for each in schema.columns if each.dtype == "string"]

    @property
    def has_schema(self) -> bool:
        """Whether it is a Holdfast model."""
        return self._schema is not None

    @property
    def schema(self) -> ModelSchema:
        """What the model takes and gives.

        Raises
        ------
        ModelNotReady
            If the graph came without a schema.
        """
        if self._schema is None:
            raise ModelNotReady("the graph has no schema", where=str(self.path), expected="schema.json beside it")
        return self._schema

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Outputs of the graph by name.

        Parameters
        ----------
        feeds
            One array for each input, of its type and shape.

        Raises
        ------
        InvalidRequest
            If ONNX Runtime refuses the arrays.
        """
        session, fused = self._live
        given = dict(feeds)
        if fused:
            try:
                numbers = np.concatenate([given.pop(name) for name in self._numbers], axis=1)
            except (KeyError, ValueError) as error:
                raise InvalidRequest(
                    f"inputs are missing or of other lengths: {error}", where=self.path.name
                ) from error
            given[FUSED] = numbers
        return dict(zip(self._names, self._ask(session, given), strict=True))

    def run_table(self, numbers: np.ndarray, texts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """Outputs of the graph, in its order, for rows whose number columns lie in one array.

        Parameters
        ----------
        numbers
            Shape (n, number columns) float32, in the schema's order.
        texts
            For each text column n texts.

        Raises
        ------
        InvalidRequest
            If ONNX Runtime refuses the arrays.
        """
        n = len(numbers)
        session, fused = self._live
        feeds: dict[str, np.ndarray] = {}
        if fused:
            feeds[FUSED] = numbers
        else:
            for index, name in enumerate(self._numbers):
                feeds[name] = np.ascontiguousarray(numbers[:, index : index + 1])
        for name, column in zip(self._texts, texts, strict=True):
            feeds[name] = np.array(column, dtype=object).reshape(n, 1)
        return self._ask(session, feeds)

    def fuse(self) -> bool:
        """Take the number columns as one array from now on: handing over thirty arrays costs more than the model does.

        The graph only gets a split before its inputs, so that its answers stay the same to the last bit. Returns
        whether it was done; a graph that has few number columns, or no room for the split, is left as it is.
        """
        if self._live[1] or self._schema is None or len(self._numbers) < _WORTH_FUSING:
            return self._live[1]
        from holdfast.serve._fused import fused_graph

        graph = fused_graph(self.path, self._numbers)
        if graph is None:
            return False
        self._live = _session(graph, where=str(self.path)), True
        return True

    def _ask(self, session: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
        try:
            found: list[np.ndarray] = session.run(None, feeds)
        except Exception as error:  # onnxruntime's errors have no public class in common
            raise InvalidRequest(f"the model cannot answer: {_first_line(error)}", where=self.path.name) from error
        return found

    def predict_arrays(self, feeds: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """Score and decision for arrays of shape (n, 1), one for each column.

        Returns
        -------
        tuple
            Score: float64, shape (n, classes) for a classification, (n,) else. Decision: class names, shape (n,)
            object; None for a task that does not classify.
        """
        found = self.run(feeds)
        if self.schema.task in CLASSIFICATION:
            return found["probabilities"].astype(np.float64), found["label"].astype(object)
        return found["prediction"].astype(np.float64).reshape(-1), None

    def decide(self, rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray | None]:
        """Score and decision for rows; see `predict_arrays`.

        Raises
        ------
        ColumnNotFound
            If a column of the schema is not among the rows'.
        """
        from holdfast.stats.tensors import to_tensors

        if rows.height == 0:
            classified = self.schema.task in CLASSIFICATION
            shape = (0, len(self.schema.classes)) if classified else (0,)
            return np.empty(shape), np.empty(0, dtype=object) if classified else None
        return self.predict_arrays(to_tensors(rows, self.schema))

    def predict(self, rows: pl.DataFrame) -> np.ndarray:
        """Score for rows: float64, shape (n, classes) for a classification, (n,) else.

        Raises
        ------
        ColumnNotFound
            If a column of the schema is not among the rows'.
        """
        return self.decide(rows)[0]


def load_model(folder: Path, schema: ModelSchema | None = None) -> LoadedModel:
    """Load the model in a folder; nothing that is loaded runs code.

    Parameters
    ----------
    folder
        Folder with ``model.onnx``, whose digests were verified by whoever made the folder; or an ONNX file.
    schema
        What the model takes and gives. None to read it from ``schema.json`` or ``manifest.json`` in the folder, or from
        the graph's own metadata (``holdfast.schema``); when none has it, the graph's inputs are taken as they are.

    Raises
    ------
    ModelNotReady
        If there is no model, or ONNX Runtime cannot load it.
    UnreadableData
        If the schema's file is none.
    InvalidValue
        If graph and schema do not agree.
    """
    folder = Path(folder)
    path = folder / "model.onnx" if folder.is_dir() else folder
    if not path.is_file():
        raise ModelNotReady("no model", where=str(path), expected="a folder with model.onnx")
    return LoadedModel(path, schema or _schema_beside(path))


def onnx_predict(path: Path, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Outputs by name of any ONNX graph in a file, for one set of inputs (such as ``encoder.onnx``).

    Raises
    ------
    ModelNotReady
        If the file cannot be loaded.
    InvalidRequest
        If the graph does not take the inputs.
    """
    path = Path(path)
    try:
        stamp = path.stat()
    except OSError as error:
        raise ModelNotReady(f"no model: {error.strerror}", where=str(path), expected="an ONNX file") from error
    return _kept(path, (stamp.st_mtime_ns, stamp.st_ino, stamp.st_size)).run(feeds)


@lru_cache(maxsize=4)
def _kept(path: Path, stamp: tuple[int, int, int]) -> LoadedModel:  # noqa: ARG001 - a file that changed is another one
    return LoadedModel(path, None)


def schema_from(plain: Mapping[str, Any], *, where: str) -> ModelSchema:
    """Schema from plain data (as `core.digests.plain` makes it).

    Raises
    ------
    UnreadableData
        If the data are no schema.
    """
    try:
        columns = tuple(
            Column(
                name=each["name"],
                dtype=each["dtype"],
                levels=tuple(each.get("levels", ())),
                low=each.get("low"),
                high=each.get("high"),
            )
            for each in plain["columns"]
        )
        return ModelSchema(
            task=plain["task"],
            target=plain["target"],
            columns=columns,
            classes=tuple(plain.get("classes", ())),
            positive=plain.get("positive"),
        )
    except (KeyError, TypeError, AttributeError, HoldfastError) as error:
        raise UnreadableData(
            f"no model schema: {error}", where=where, expected="task, target, columns, classes"
        ) from error


def _schema_beside(path: Path) -> ModelSchema | None:
    for name in ("schema.json", "manifest.json"):
        file = path.parent / name
        if file.is_file() and path.name == "model.onnx":
            found = _find_schema(_read_json(file))
            if found is not None:
                return schema_from(found, where=str(file))
    return None


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_bytes())
    except (ValueError, OSError) as error:
        raise UnreadableData(f"no JSON: {error}", where=str(file)) from error


def _find_schema(plain: Any) -> Mapping[str, Any] | None:
    if not isinstance(plain, dict):
        return None
    if "columns" in plain and "task" in plain:
        return plain
    for key in ("schema", "model_schema", "version", "model"):
        found = _find_schema(plain.get(key))
        if found is not None:
            return found
    return None


def _session(graph: str | bytes, *, where: str) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # Without an arena memory goes back after each run: a large batch leaves nothing behind (as fast, measured).
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no public class in common
        raise ModelNotReady(f"no ONNX model: {_first_line(error)}", where=where) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]


def _spec(argument: Any) -> TensorSpec:
    shape = tuple(each if isinstance(each, int) else -1 for each in argument.shape or ())
    return TensorSpec(argument.name, DATATYPES.get(argument.type, argument.type), shape)


def _check(schema: ModelSchema, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], *, where: str) -> None:
    wanted = {column.name: "FP32" if column.dtype == "float32" else "BYTES" for column in schema.columns}
    found = {spec.name: spec.datatype for spec in inputs}
    if wanted != found:
        wrong = sorted(set(wanted.items()) ^ set(found.items()))
        raise InvalidValue(f"graph and schema differ in {wrong[:6]}", where=where, expected="one input for each column")
    names = {spec.name for spec in outputs}
    needed = {"label", "probabilities"} if schema.task in CLASSIFICATION else {"prediction"}
    if not needed <= names:
        raise InvalidValue(f"a graph with outputs {sorted(names)}", where=where, expected=f"{sorted(needed)}")
