"""Trainers of other houses: another library, in another interpreter, asked through files.

Such a library has pins that are not ours, so it never runs in this process. We encode the rows, lay matrices and a
request in a scratch folder, and start a script of ours with the interpreter that has the library. It trains on the
numbers, within the budget, only what has an exact ONNX form, and writes plain files back: LightGBM's text, XGBoost's
and CatBoost's JSON, weights, answers. No pickle crosses. We read the boosters, write one graph, and hold it against
the answers that the library itself gave.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding, _export
from holdfast.automl._bench import Part
from holdfast.automl._budget import Budget
from holdfast.automl._cores import free_cores
from holdfast.automl._final import Final, Member
from holdfast.automl._foreign_child import LATE, LATE_S, Child, Library
from holdfast.automl._foreign_model import read_blend
from holdfast.automl._learners.base import MOST_ROUNDS
from holdfast.automl._problem import Problem, problem_of, whole
from holdfast.core.errors import ColumnNotFound, InvalidValue, TrainingFailed, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.core.ports import Trained
from holdfast.stats.tensors import as_float32, as_text, to_tensors

if TYPE_CHECKING:
    from holdfast.core.ports import TrainRequest

FORMAT = "holdfast.foreign/1"
#: Tasks that the libraries share with us, by our objective.
OBJECTIVES = ("binary", "multiclass", "squared")
SETTINGS = ("group", "learners", "max_trials", "python", "threads", "threshold", "time")
#: Learners that may be asked for, all of them by default.
LEARNERS = ("lightgbm", "xgboost", "catboost")
#: Seconds that are left for reading the boosters and writing the graph: at least, and of the budget.
_RESERVE_S, _RESERVE = 1.0, 0.1
#: Training rows that parity is held on beside the held-out ones.
_ROWS = 500
#: Cells of a table that a second thread is not worth waking for.
_SMALL = 50_000
#: Largest result that is read.
_MOST_BYTES = 64_000_000


def train(library: Library, request: TrainRequest) -> Trained:
    """Train with a library; see `holdfast.core.ports.Trainer`.

    Raises
    ------
    DataError
        If the rows cannot be learnt from.
    InvalidValue
        If a setting is out of range, or the task is none that the library shares with us.
    MissingExtra
        If the library is nowhere.
    TrainingFailed
        If it found nothing, took too long, or gave back what is no model.
    ExportFailed
        If the graph does not answer as the library did.
    """
    budget = Budget(request.budget_s, clock=request.clock, spent_s=request.spent_s)
    problem, threads = _problem(library, request), _threads(request)
    most = whole(request.settings, "max_trials", 1, least=1) if "max_trials" in request.settings else None
    python = library.python(request.settings)
    encoding = _encoding.fit("tree", problem.schema, problem.tensors)
    encoder = _encoding.graph(problem.schema, encoding)
    held = to_tensors(request.holdout.select(request.features), problem.schema)
    with tempfile.TemporaryDirectory(prefix=f"holdfast-{library.name}-") as made:
        folder = Path(made)
        matrix = _encoding.encode(encoder, problem.tensors)
        seen = [_encoding.encode(encoder, held)] if request.holdout.height else []
        _lay(folder, request, problem, matrix=matrix, check=np.concatenate([*seen, matrix[:_ROWS]]))
        told = {**_asked(library, request, problem, budget), "threads": threads, "max_trials": most}
        (folder / "request.json").write_text(json.dumps(told), encoding="utf-8")
        Child(library, python, folder, threads).run(budget, request.progress)
        found = _result(library, folder)
        blend = read_blend(found, folder, outputs=problem.outputs, width=encoding.width)
        said = _answers(library, folder, problem, rows=request.holdout.height + min(_ROWS, problem.n))
    threshold = float(request.settings.get("threshold", 0.5))
    part = Part(encoding, _alone(blend), None)
    final = Final(problem.schema, problem.objective, (Member((part,)),), problem.objective.line, threshold)
    return _Finished(library, request, problem, budget, final, found, said).trained()


def _alone(blend: Any) -> Any:
    """The only booster itself, where there is one that sees everything: it can be explained exactly."""
    voice = blend.voices[0]
    return voice.fitted if len(blend.voices) == 1 and voice.columns is None else blend


# What is asked -----------------------------------------------------------------------------------------------------


def _problem(library: Library, request: TrainRequest) -> Problem:
    settings = dict(request.settings)
    for name in settings:
        if name not in SETTINGS:
            raise InvalidValue(f"setting {name!r} of the trainer {library.name}", expected=one_of(SETTINGS, name))
    _learners(settings)
    threshold = settings.get("threshold", 0.5)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0.0 < threshold < 1.0:
        raise InvalidValue(f"threshold {threshold!r}", where="settings.threshold", expected="a number between 0 and 1")
    shared: dict[str, Any] = {name: settings[name] for name in ("group", "time") if name in settings}
    problem = problem_of(replace(request, settings=shared))
    if problem.objective.name not in OBJECTIVES:
        what = f"a {request.task} task for the trainer {library.name}"
        raise InvalidValue(what, where="task", expected="binary, multiclass or regression")
    for name in request.features:
        if name not in request.holdout.columns:
            found = one_of(request.holdout.columns, name)
            raise ColumnNotFound(f"no column {name!r}", where="held-out rows", expected=found)
    return problem


def _learners(settings: Mapping[str, Any]) -> tuple[str, ...]:
    asked = settings.get("learners", LEARNERS)
    if not isinstance(asked, list | tuple) or not asked:
        raise InvalidValue(f"learners {asked!r}", where="settings.learners", expected="a list of names")
    for name in asked:
        if name not in LEARNERS:
            raise InvalidValue(f"learner {name!r}", where="settings.learners", expected=one_of(LEARNERS, str(name)))
    # What is not installed here could not be read back.
    return tuple(name for name in asked if importlib.util.find_spec(name) is not None)


def _threads(request: TrainRequest) -> int:
    # With one thread a wall budget of the child is never more than as many CPU seconds.
    few = request.clock == "cpu" or request.rows.height * len(request.features) < _SMALL
    return whole(request.settings, "threads", 1 if few else free_cores(), least=1)


def _lay(folder: Path, request: TrainRequest, problem: Problem, *, matrix: np.ndarray, check: np.ndarray) -> None:
    """Write what the child reads: rows in the order of time where there is one."""
    order = np.arange(problem.n)
    if problem.split == "time":
        moment = as_float32(problem.rows.get_column(str(request.settings["time"])))
        order = np.argsort(moment, kind="stable")
    held = np.zeros(problem.n, dtype=bool)
    held[problem.folds[-1].held] = True
    group = np.zeros(problem.n, dtype=np.int64)
    if problem.split == "group":
        names = as_text(problem.rows.get_column(str(request.settings["group"]))).astype(str)
        group = np.unique(names, return_inverse=True)[1].astype(np.int64).ravel()
    laid = {"matrix": matrix, "target": problem.target, "weights": problem.weights, "group": group, "held": held}
    for name, values in laid.items():
        np.save(folder / f"{name}.npy", values[order], allow_pickle=False)
    np.save(folder / "check.npy", check, allow_pickle=False)


def _asked(library: Library, request: TrainRequest, problem: Problem, budget: Budget) -> dict[str, Any]:
    reserve = max(_RESERVE_S, _RESERVE * budget.seconds)
    return {
        "format": FORMAT,
        "library": library.name,
        "objective": problem.objective.name,
        "classes": len(problem.schema.classes),
        "split": problem.split,
        "weighted": bool(np.ptp(problem.weights) > 0.0),
        "learners": list(_learners(request.settings)),
        "rounds": MOST_ROUNDS,
        "rows": problem.n,
        "seed": request.seed,
        "clock": budget.clock,
        "budget_s": max(1.0, budget.left_s - reserve),
        # Whole CPU seconds after which the system ends a child that was told to count those.
        "limit_s": int(max(1.0, budget.left_s) + max(LATE_S, LATE * budget.seconds)) + 1,
    }


# What comes back ---------------------------------------------------------------------------------------------------


def _result(library: Library, folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _MOST_BYTES:
        raise TrainingFailed(f"{library.name} left no result", where=path.name, expected="result.json")
    try:
        found = json.loads(path.read_bytes())
    except ValueError as error:
        raise TrainingFailed(f"no JSON: {error}", where=path.name, expected=f"a result of {FORMAT}") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise TrainingFailed("a result of another format", where=path.name, expected=FORMAT)
    return found


def _answers(library: Library, folder: Path, problem: Problem, *, rows: int) -> np.ndarray:
    """Answers of the library for the rows of the check: probabilities, or margins brought back to the target's unit."""
    try:
        said = np.load(folder / "answers.npy", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise TrainingFailed(f"{library.name} left no answers: {error}", where="answers.npy") from error
    shape = (rows, len(problem.schema.classes)) if problem.classifies else (rows,)
    if said.shape != shape or said.dtype.kind != "f" or not np.isfinite(said).all():
        what = f"answers of shape {said.shape} and type {said.dtype}"
        raise TrainingFailed(what, where="answers.npy", expected=f"finite numbers of shape {shape}")
    said = said.astype(np.float64)
    return said if problem.classifies else problem.objective.line.line(said)


@dataclass(frozen=True, slots=True, eq=False)
class _Finished:
    """What was found, to be written and held against what the library said."""

    library: Library
    request: TrainRequest
    problem: Problem
    budget: Budget
    final: Final
    found: Mapping[str, Any]
    said: np.ndarray

    def trained(self) -> Trained:
        """Write the graph."""
        request = self.request
        request.folder.mkdir(parents=True, exist_ok=True)
        files = _export.write(self.final, request.folder)
        parity = self._parity(files["model.onnx"])
        size = files["model.onnx"].stat().st_size
        broken = [each for each in request.promises if each.measure == "model_size" and not each.within(size)]
        told = [f"the graph has {size} bytes, which breaks {each.claim}" for each in broken]
        if request.progress is not None:
            request.progress(1.0, "exported")
        trials = tuple(_trial(each) for each in self.found.get("trials") or [] if isinstance(each, Mapping))
        return Trained(
            schema=self.final.schema,
            files=files,
            parameters=self._parameters(),
            original=self.said[: request.holdout.height],
            trials=trials,
            notes=(*self.problem.notes, *(str(each) for each in self.found.get("notes") or []), parity, *told),
            report=self._report(trials),
        )

    def _parity(self, file: Path) -> str:
        """Hold the graph against the library's own answers."""
        problem, held = self.problem, self.request.holdout.height
        unit = 1.0 if self.request.task in CLASSIFICATION else problem.objective.line.scale
        worst = 0.0
        parts = ((self.request.holdout, self.said[:held]), (problem.rows.head(_ROWS), self.said[held:]))
        for rows, said in parts:
            if rows.height:
                tensors = to_tensors(rows.select(self.request.features), problem.schema)
                worst = max(worst, _export.check(file, tensors, said, unit=unit))
        what = "" if problem.classifies else " of the target's spread"
        return f"the graph and {self.library.name} differ by at most {worst:.2g}{what} on {len(self.said)} rows"

    def _members(self) -> list[dict[str, Any]]:
        return [
            {"name": str(each.get("name", each["kind"])), "learner": str(each["kind"]), "weight": float(each["weight"])}
            for each in self.found["members"]
        ]

    def _parameters(self) -> dict[str, Any]:
        members = self._members()
        return {
            "name": self.library.name,
            "learner": members[0]["learner"] if len(members) == 1 else "ensemble",
            "members": members,
            "engine": str(self.found.get("engine", self.library.name)),
            "threshold": self.final.threshold,
            "seed": self.request.seed,
            "features": list(self.request.features),
            "score": _number(self.found.get("score")),
        }

    def _report(self, trials: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        budget = self.budget
        return {
            "task": self.request.task,
            "rows": self.problem.n,
            "columns_in": len(self.request.features),
            "budget": {
                "seconds": budget.seconds, "clock": budget.clock, "wall_s": budget.wall_s, "cpu_s": budget.cpu_s
            },
            "trials": list(trials),
            "chosen": {
                "name": self.library.name,
                "members": self._members(),
                "threshold": self.final.threshold,
                "score": _number(self.found.get("score")),
                "refit": "all rows" if self.found.get("refit", True) else "all rows but those held out",
                "reasons": [f"found by {self.found.get('engine', self.library.name)}"],
            },
        }  # fmt: skip


def _trial(found: Mapping[str, Any]) -> dict[str, Any]:
    """Plain data of a trial, whatever the child wrote."""
    parameters = found.get("parameters")
    kept = parameters if isinstance(parameters, Mapping) else {}
    return {
        "name": str(found.get("name", "")),
        "learner": str(found.get("learner", "")),
        "parameters": {
            str(key): each for key, each in kept.items() if isinstance(each, str | int | float | bool | None)
        },
        "state": str(found.get("state", "done")),
        "score": _number(found.get("score")),
        "seconds": _number(found.get("seconds")),
    }


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value)
    return float(value) if good else None
