"""Kept trials: what a search has finished, on disk, so that one that was killed carries on where it was."""

from __future__ import annotations

import contextlib
import io
import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._trial import Trial
from holdfast.core.digests import canonical_json, digest_of, plain

if TYPE_CHECKING:
    from holdfast.automl._problem import Problem
    from holdfast.core.ports import TrainRequest

ARRAYS = ("margin", "rows", "raw")
#: Trials that are kept: what was cut for want of time may do better with more of it.
STATES = ("done", "pruned", "failed")
_FORMAT = 1


class Kept:
    """Finished trials of one problem in a folder.

    Parameters
    ----------
    folder
        Made when the first trial is kept.
    key
        Digest of all that a trial's result depends on besides its configuration; see `key_of`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.folder = Path(folder)
        self.key = key

    def keep(self, trial: Trial) -> None:
        """Write a trial; whole or not at all."""
        if trial.state not in STATES or trial.resumed:
            return
        value = trial.value()
        arrays = {name: value.pop(name) for name in ARRAYS}
        held = io.BytesIO()
        told = np.frombuffer(canonical_json({"format": _FORMAT, "key": self.key, "trial": plain(value)}), np.uint8)
        np.savez(held, told=told, **{name: each for name, each in arrays.items() if each is not None})
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._path(value["config"])
        part = path.with_suffix(f".{os.getpid()}.part")
        try:
            part.write_bytes(held.getvalue())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def read(self) -> dict[str, Trial]:
        """Trials that were kept for this problem, by `repr` of their configuration's plain data.

        A file that cannot be read (cut off, or not ours) is left alone and not counted: that trial is run again.
        """
        found: dict[str, Trial] = {}
        if not self.folder.is_dir():
            return found
        for path in sorted(self.folder.glob("*.npz")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError):
                trial = self._read(path)
                if trial is not None:
                    found[repr(trial.config.plain())] = trial
        return found

    def _read(self, path: Path) -> Trial | None:
        with np.load(path, allow_pickle=False) as held:
            told = json.loads(held["told"].tobytes())
            if told["format"] != _FORMAT or told["key"] != self.key:
                return None
            value: dict[str, Any] = dict(told["trial"])
            for name in ARRAYS:
                value[name] = held[name] if name in held.files else None
        return Trial.from_value(value, resumed=True)

    def _path(self, config: dict[str, Any]) -> Path:
        return self.folder / f"{digest_of({'key': self.key, 'config': plain(config)})[:32]}.npz"


def key_of(request: TrainRequest, problem: Problem) -> str:
    """Digest of what the trials of a request depend on: the rows, the task, the folds, the seed.

    The budget is not among it: a longer run may go on from a shorter one's trials.
    """
    import hashlib

    rows = hashlib.sha256()
    for name in sorted(problem.tensors):
        rows.update(name.encode())
        tensor = problem.tensors[name]
        rows.update("\x00".join(map(str, tensor.ravel())).encode() if tensor.dtype == object else tensor.tobytes())
    for array in (problem.target, problem.weights, *(each.held for each in problem.folds)):
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
        }
    )
