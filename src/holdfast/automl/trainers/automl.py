"""Trainer `automl`: the best deployable model found in the time, under the promises."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding, _export
from holdfast.automl._answers import Calibration
from holdfast.automl._bench import Bench
from holdfast.automl._choice import Choice, choose
from holdfast.automl._cores import free_cores
from holdfast.automl._learners import MOST_ROUNDS, Boosted
from holdfast.automl._portfolio import portfolio, warm
from holdfast.automl._problem import Problem, problem_of, whole
from holdfast.automl._promises import Constraints, Judged
from holdfast.automl._search import MOST_TRIALS, Search
from holdfast.automl._trial import Trial
from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.core.ports import Trained, TrainRequest
from holdfast.core.registry import trainer
from holdfast.stats.tensors import to_tensors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from onnx import ModelProto

#: Seconds that a refit has at least, over the budget where the search came late: a model cut short is no answer.
GRACE_S = 1.0
#: Cells of a table that a second thread is not worth waking for.
SMALL = 50_000


@trainer
class AutoML:
    """A portfolio of LightGBM and linear configurations, then a search around the best, scored out of fold.

    Settings (all optional): ``max_trials`` and ``rounds`` (most trials, most boosting rounds), ``folds``, ``repeats``,
    ``group`` or ``time`` (a column whose values stay together, or are never looked at before their time), ``monotone``
    (1 or -1 by column), ``threshold`` (of the positive class), ``calibrate`` (False for none), ``threads``.

    With the same request the same model comes out, byte for byte, as long as the budget does not end the search.
    """

    name = "automl"

    def train(self, request: TrainRequest) -> Trained:
        """Train a model; see `holdfast.core.ports.Trainer`.

        Raises
        ------
        DataError
            If the rows cannot be learnt from: `EmptyTable`, `ColumnNotFound`, `UnusableTarget`.
        InvalidValue
            If a setting is out of range.
        TrainingFailed
            If no configuration could be fitted.
        ExportFailed
            If the exported graph does not answer as the model does.
        """
        from threadpoolctl import threadpool_limits

        threads = _threads(request)
        with threadpool_limits(limits=threads, user_api="blas"):
            return _train(request, threads=threads)


def _train(request: TrainRequest, *, threads: int) -> Trained:
    start = time.monotonic()
    end = start + request.budget_s
    problem = problem_of(request)
    _check_holdout(request)
    threshold = _threshold(request.settings)
    constraints = Constraints.of(request)
    calibrate = request.settings.get("calibrate", True)
    if not isinstance(calibrate, bool):
        raise InvalidValue(f"calibrate {calibrate!r}", where="settings.calibrate", expected="true or false")
    bench = Bench(problem, request.seed, threads, whole(request.settings, "rounds", MOST_ROUNDS, least=1), calibrate)
    search = Search(
        bench,
        end,
        request.budget_s,
        whole(request.settings, "max_trials", MOST_TRIALS, least=1),
        request.seed,
        request.progress,
    )
    linear = not problem.monotone
    earlier = warm(request.warm_start, linear=linear) if request.warm_start else None
    trials = search.go(first=earlier, linear=linear)
    chosen = choose(
        problem,
        trials,
        constraints,
        threshold=threshold,
        deadline=search.deadline(),
    )
    if chosen is None:
        chosen = _unscored(problem, threshold)
    final, cut = _refit(bench, chosen, max(end, min(time.monotonic() + GRACE_S, end + 2.0 * GRACE_S)))
    notes = [*problem.notes, *chosen.notes, *cut]
    return _trained(request, problem, final=final, chosen=chosen, trials=trials, notes=notes)


def _threads(request: TrainRequest) -> int:
    small = request.rows.height * len(request.features) < SMALL
    return whole(request.settings, "threads", 1 if small else free_cores(), least=1)


def _threshold(settings: Mapping[str, Any]) -> float | None:
    value = settings.get("threshold")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
        raise InvalidValue(f"threshold {value!r}", where="settings.threshold", expected="a number between 0 and 1")
    return float(value)


def _check_holdout(request: TrainRequest) -> None:
    for name in request.features:
        if name not in request.holdout.columns:
            raise ColumnNotFound(
                f"no column {name!r}", where="held-out rows", expected=one_of(request.holdout.columns, name)
            )


def _unscored(problem: Problem, threshold: float | None) -> Choice:
    configs = portfolio(n=problem.n, linear=False)
    calibration = Calibration()
    if problem.task not in CLASSIFICATION:
        calibration = Calibration(problem.scale, problem.centre)
    note = "no configuration could be scored in the time: the default was taken as it is"
    return Choice(Trial(configs[0], "cut"), calibration, threshold or 0.5, Judged(0.0), (note,))


def _refit(bench: Bench, chosen: Choice, end: float) -> tuple[_export.Final, list[str]]:
    config, rounds = chosen.trial.config, chosen.trial.rounds
    learner = bench.refit(config, rounds=rounds, deadline=end)
    made = None
    notes = []
    if isinstance(learner, Boosted):
        made = learner.rounds
        wanted = rounds or config.rounds or 100
        if made < wanted and time.monotonic() >= end:
            notes.append(f"the time was over after {made} of {wanted} rounds on all rows")
    encoding = bench.matrix(config.encoding)[0]
    return _export.Final(bench.problem.schema, encoding, learner, made, chosen.calibration, chosen.threshold), notes


def _trained(
    request: TrainRequest,
    problem: Problem,
    *,
    final: _export.Final,
    chosen: Choice,
    trials: list[Trial],
    notes: list[str],
) -> Trained:
    request.folder.mkdir(parents=True, exist_ok=True)
    files = _export.write(final, request.folder)
    encoder = _encoding.graph(final.schema, final.encoding)
    holdout = request.holdout.select(request.features)
    original = final.answer(_encoding.encode(encoder, to_tensors(holdout, final.schema)))
    notes.append(_parity(request, problem, final=final, file=files["model.onnx"], encoder=encoder))
    notes += _size(request, files["model.onnx"])
    if request.progress is not None:
        request.progress(1.0, "exported")
    config = chosen.trial.config
    return Trained(
        schema=final.schema,
        files=files,
        parameters={
            "name": config.name,
            "learner": config.learner,
            "params": dict(config.params),
            "rounds": final.rounds,
            "scale": final.calibration.scale,
            "offset": final.calibration.offset,
            "threshold": final.threshold,
            "seed": request.seed,
            "features": list(request.features),
            "score": chosen.trial.score,
        },
        original=np.asarray(original, dtype=np.float64),
        trials=tuple(trial.plain() for trial in trials),
        notes=tuple(notes),
    )


def _parity(request: TrainRequest, problem: Problem, *, final: _export.Final, file: Path, encoder: ModelProto) -> str:
    # On rows of both kinds, so that an empty holdout still proves the export.
    unit = 1.0 if final.schema.classes else problem.scale
    worst, count = 0.0, 0
    for rows in (request.holdout.head(2000), problem.rows.head(500)):
        tensors = to_tensors(rows, final.schema)
        original = final.answer(_encoding.encode(encoder, tensors))
        worst, count = max(worst, _export.check(file, tensors, original, unit=unit)), count + rows.height
    what = "" if final.schema.classes else " of the target's spread"
    return f"exported graph and original differ by at most {worst:.2g}{what} on {count} rows"


def _size(request: TrainRequest, file: Path) -> list[str]:
    size = file.stat().st_size
    bounds = [each for each in request.promises if each.measure == "model_size" and not each.within(size)]
    return [f"the graph has {size} bytes, which breaks {each.claim}" for each in bounds]
