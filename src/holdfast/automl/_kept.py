"""Kept trials: what a search has finished, on disk, so that one that was killed carries on where it was."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl._trial import Trial
from holdfast.core.digests import digest_of, plain
from holdfast.stats.tensors import as_text

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench, FeatureSet
    from holdfast.automl._learners import Config
    from holdfast.automl._problem import Problem
    from holdfast.core.ports import TrainRequest

ARRAYS = ("margin", "rows", "raw")
#: Trials that are kept: what was cut for want of time may do better with more of it.
STATES = ("done", "pruned", "failed")
_FORMAT = 2
#: What reading a file that is cut off, foreign or tampered with may raise. (A zip file that asks for a password or for
#: an unknown method is a `RuntimeError`, as are JSON texts that are too deep.)
_BROKEN = (
    AttributeError,
    EOFError,
    KeyError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


def known_as(config: Config, sets: Mapping[str, FeatureSet] | None = None) -> str:
    """Name of a configuration among kept trials: its plain data, and where sets are given what is in its own."""
    features = None if sets is None or config.features not in sets else sets[config.features].plain()
    return repr(config.plain()) if features is None else repr((config.plain(), features))


class Kept:
    """Finished trials of one problem in a folder.

    Parameters
    ----------
    folder
        Made when the first trial is kept.
    key
        Digest of all that a trial's result depends on besides its configuration; see `key_of`.
    sets
        Feature sets by name. A name may stand for other features another time: what it stood for is kept as well, and
        `known_as` tells the two apart. None where every configuration looks at the columns as they are.
    shape
        Rows and outputs of a margin; None where that is not known.
    """

    def __init__(
        self,
        folder: Path,
        key: str,
        *,
        sets: Mapping[str, FeatureSet] | None = None,
        shape: tuple[int, int] | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.key = key
        self.sets = sets
        self.shape = shape

    @classmethod
    def of(cls, folder: Path, request: TrainRequest, bench: Bench) -> Kept:
        """Trials that are kept of what a request asks of a bench."""
        problem = bench.problem
        return cls(folder, key_of(request, problem), sets=bench.sets, shape=(problem.n, problem.outputs))

    def keep(self, trial: Trial) -> None:
        """Write a trial; whole or not at all."""
        if trial.state not in STATES or trial.resumed:
            return
        value = trial.value()
        arrays: dict[str, Any] = {each: value.pop(each) for each in ARRAYS}
        name = known_as(trial.config, self.sets)
        # Not canonical JSON: that has no 1.0, and a configuration must come back as it was.
        told = json.dumps({"format": _FORMAT, "key": self.key, "name": name, "trial": value}, default=_bare)
        held = io.BytesIO()
        files: dict[str, Any] = {
            each: np.asarray(found, np.float64) for each, found in arrays.items() if found is not None
        }
        np.savez(held, told=np.frombuffer(told.encode(), np.uint8), **files)
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{digest_of({'key': self.key, 'name': name})[:32]}.npz"
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(held.getvalue())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def read(self) -> dict[str, Trial]:
        """Trials that were kept for this problem, by `known_as`.

        A file that cannot be read (cut off, or not ours) is left alone and not counted: that trial is run again.
        """
        found: dict[str, Trial] = {}
        if not self.folder.is_dir():
            return found
        for path in sorted(self.folder.glob("*.npz")):
            # A pipe of that name would be waited for without end.
            if path.is_file():
                with contextlib.suppress(*_BROKEN):
                    found |= self._read(path)
        return found

    def _read(self, path: Path) -> dict[str, Trial]:
        # Opened here: NumPy leaves what it cannot read open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            told = json.loads(held["told"].tobytes())
            if told["format"] != _FORMAT or told["key"] != self.key:
                return {}
            value: dict[str, Any] = dict(told["trial"])
            for name in ARRAYS:
                value[name] = held[name] if name in held.files else None
        trial = Trial.from_value(value, resumed=True)
        return {str(told["name"]): trial} if _whole(trial, self.shape) else {}


def _whole(trial: Trial, shape: tuple[int, int] | None) -> bool:
    """Whether a trial has what its state says, and nothing that is not what it should be."""
    arrays = (trial.margin, trial.rows, trial.raw)
    line = (trial.calibration.scale, trial.calibration.offset)
    numbers = (trial.score, trial.error, trial.seconds, trial.cpu_s, *line, *trial.curve, *trial.steps)
    plausible = trial.state in STATES and isinstance(trial.size_bytes, int) and isinstance(trial.config.name, str)
    if not plausible or not all(each is None or isinstance(each, (int, float)) for each in numbers):
        return False
    if trial.state != "done":
        return all(each is None for each in (*arrays, trial.score))
    if trial.score is None or trial.margin is None or trial.rows is None or trial.raw is None:
        return False
    n, wanted = len(trial.margin), trial.margin.shape if shape is None else shape
    shapes = trial.margin.ndim == 2 and trial.margin.shape == wanted and trial.rows.shape == trial.raw.shape == (n,)
    return shapes and all(each.dtype == np.float64 for each in (trial.margin, trial.rows, trial.raw))


def _bare(value: Any) -> Any:
    """Python's own number of NumPy's."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def _values(column: pl.Series) -> np.ndarray:
    if column.dtype.is_numeric():
        return column.cast(pl.Float64).to_numpy()
    return as_text(column) if not column.dtype.is_nested() else np.zeros(0)


def key_of(request: TrainRequest, problem: Problem) -> str:
    """Digest of what the trials of a request depend on: the rows, the task, the folds, the seed, this program.

    The budget is not among it: a longer run may go on from a shorter one's trials.
    """
    import hashlib
    from importlib.metadata import version

    rows = hashlib.sha256()
    # A column that is no feature may say how rows are weighed, or parted into folds.
    for name in sorted({*problem.tensors, *problem.rows.columns}):
        rows.update(name.encode())
        tensor = problem.tensors[name] if name in problem.tensors else _values(problem.rows.get_column(name))
        rows.update("\x00".join(map(str, tensor.ravel())).encode() if tensor.dtype == object else tensor.tobytes())
    extra = [each for each in (problem.group, problem.event) if each is not None]
    for array in (problem.target, problem.weights, *extra, *(each.held for each in problem.folds)):
        rows.update(np.ascontiguousarray(array).tobytes())
    ignored = ("executor", "workers", "threads", "max_trials", "members", "learners", "search", "bag", "distil")
    settings = {name: value for name, value in request.settings.items() if name not in ignored}
    return digest_of(
        {
            "rows": rows.hexdigest(),
            "task": request.task,
            "objective": {"name": problem.objective.name, **dict(problem.objective.options)},
            "seed": request.seed,
            "settings": plain(settings),
            "version": version("holdfast"),
        }
    )
