"""The use-case of training: a table and promises go in, a folder with a model and its report comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, TrainingFailed, UnitMismatch
from holdfast.core.locations import public
from holdfast.core.ports import Trained, TrainRequest
from holdfast.core.units import quantity
from holdfast.data import _folder, _manifest, _verdicts
from holdfast.data._clock import Clock
from holdfast.data._forecast import Series, series_data, write_history
from holdfast.data._ready import Asked, Ready, ready
from holdfast.data._report import answer, page, report_data
from holdfast.data._table import Roles

if TYPE_CHECKING:
    from holdfast.core.evidence import Verdict
    from holdfast.core.ports import Progress
    from holdfast.core.promises import Promise

BUDGET = "60 s"

#: Processor seconds that the manifest, the report, its page and the end of the process take.
_WRITING_S = 0.5
#: Processor seconds before the first promise is judged: what judges has to be imported.
_JUDGING_S = 0.4
#: Processor seconds that a thousand answers one by one take, for the latency of a package.
_REPLAY_S = 1.0
#: Wall seconds for one of the processor, on a crowded machine, at most.
_MOST_CROWDED = 5.0
#: Share of a budget that is left for judging and writing at most.
_MOST_RESERVE = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class TrainedTable:
    """A model that was trained, judged and written.

    Parameters
    ----------
    folder
        Folder with `model.onnx`, `manifest.json`, `report.json` and `report.html`.
    report
        What `report.json` says, as plain data.
    verdicts
        Verdict on each promise, in their order.
    """

    folder: Path
    report: Mapping[str, Any]
    verdicts: tuple[Verdict, ...]

    @property
    def state(self) -> str:
        """``broken`` if a promise is, else ``unproven`` if one is, else ``held``; also where nothing was promised."""
        return _verdicts.state_of(self.verdicts)

    @property
    def answer(self) -> str:
        """One sentence: held, unproven, or infeasible with the nearest miss."""
        return answer(self.verdicts)

    def text(self) -> str:
        """What was found, in a few lines for a terminal."""
        from holdfast.automl.reports import text

        # The answer says it in the words of the promises.
        found = text({**self.report, "feasible": None})
        return f"{self.answer}\n{found}" if self.verdicts else found


def train(
    data: Any,
    *,
    target: str,
    out: str | Path,
    task: str | None = None,
    promises: Sequence[str] = (),
    budget: str | float | None = None,
    cpu_budget: str | float | None = None,
    seed: int = 0,
    features: Sequence[str] | None = None,
    drop: Sequence[str] = (),
    positive: str | None = None,
    time: str | None = None,
    group: str | None = None,
    id: str | None = None,
    horizon: int | None = None,
    event: str | None = None,
    quantile: float | None = None,
    weight: str | None = None,
    sensitive: Sequence[str] = (),
    test: Any = None,
    holdout: float | None = None,
    workers: int | None = None,
    executor: str | None = None,
    trainer: str = "automl",
    settings: Mapping[str, Any] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    reading: Mapping[str, Any] | None = None,
    from_start: bool = False,
    progress: Progress | None = None,
) -> TrainedTable:
    """Train the best deployable model for a table within a budget, and judge promises on what would be served.

    Parameters
    ----------
    data
        File or URL of the rows, or a `polars.DataFrame`.
    target
        Column to learn. Rows where it is missing are left out.
    out
        Folder to write, whole or not at all.
    task
        One of `holdfast.core.models.TASKS`; None to infer it from the target and the options, which is then said.
    promises
        One promise each, such as ``roc_auc >= 0.9 with 95%``.
    budget, cpu_budget
        Seconds, or text such as ``10 min``, on the wall or of the processor; one of them, a minute on the wall where
        neither is given. Reading, judging and writing are within it.
    seed
        Seed of everything random.
    features, drop
        Columns to look at, or not to; all but those with a role where nothing is said.
    positive
        Class that a binary task is about; the last by name where none is given.
    time
        Column of the moment: what is held out is later than what is learnt from.
    group
        Column whose values are not torn apart between learning and judging; the query of a ranking.
    id, horizon
        Column of the series, and steps to forecast.
    event
        Column that is 1 where the event came (survival; the target is then the time).
    quantile
        Level of the quantile to predict.
    weight
        Column of the rows' weights.
    sensitive
        Columns that groups are made of; no features unless they are named as such.
    test
        Table to judge the promises on; None holds some of the rows out, where a promise needs them.
    holdout
        Share to hold out; a fifth, and 50 rows at least, where nothing is said.
    workers, executor
        How many trials run at a time, and where: local, processes or ray.
    trainer
        Registered name of the trainer.
    settings
        Settings of the trainer.
    resume
        Keep finished trials in the folder `trials` of `out`, and carry on with those that are there.
    overwrite
        Replace an earlier output.
    reading
        What the source takes to read the rows.
    from_start
        Count the budget from the start of the process, as the command does.
    progress
        Told how far it is.

    Returns
    -------
    TrainedTable
        Also where a promise is broken: the nearest miss is written all the same.

    Raises
    ------
    ContractError
        If a promise, an option or a setting is none: `PromiseSyntaxError`, `UnknownName`, `InvalidValue`, ...
    DataError
        If the table cannot be read or learnt from: `UnreadableData`, `ColumnNotFound`, `UnusableTarget`, ...
    UnsafePath, StoreUnavailable
        If the folder is not ours to write.
    TrainingFailed
        If no model could be trained.
    """
    clock = Clock.of_process() if from_start else Clock.of_call()
    seconds, kind = _budget(budget, cpu_budget)
    out = Path(out)
    if holdout is not None and not 0.0 < holdout < 1.0:
        raise InvalidValue(f"a holdout of {holdout:g}", where="--holdout", expected="a share between 0 and 1")
    if test is not None and holdout is not None:
        raise InvalidValue("a test table and a holdout", where="--holdout", expected="one of them")
    _folder.check_folder(out, resume=resume, overwrite=overwrite)
    parsed = _verdicts.read_promises(promises)
    chosen = registry.get("trainer", trainer, where="--with")
    more = {"workers": workers, "executor": executor}
    roles = Roles(
        target,
        time=time,
        group=group,
        id=id,
        event=event,
        weight=weight,
        sensitive=tuple(sensitive),
        features=None if features is None else tuple(features),
        drop=tuple(drop),
    )
    asked = Asked(
        data,
        roles,
        promises=parsed,
        task=task,
        positive=positive,
        horizon=horizon,
        quantile=quantile,
        test=test,
        holdout=holdout,
        seed=seed,
        settings={**{name: each for name, each in more.items() if each is not None}, **dict(settings or {})},
        reading=reading,
    )
    told = progress or _untold
    told(0.0, "reading the rows")
    made = ready(asked)
    with _folder.draft_of(out, resume=resume) as (draft, trials):
        run = _Run(chosen, asked, made, seconds, kind, clock, draft, told)
        table = _carried_out(run, out, trials)
        _folder.publish(draft, out, keep_trials=resume)
    told(1.0, "written")
    return table


def _untold(_share: float, _text: str) -> None:
    """Progress that nobody looks at."""


def _budget(budget: str | float | None, cpu_budget: str | float | None) -> tuple[float, str]:
    """Seconds, and whose: ``wall`` or ``cpu``."""
    if budget is not None and cpu_budget is not None:
        raise InvalidValue("--budget and --cpu-budget together", where="--cpu-budget", expected="one of them")
    given, kind = (cpu_budget, "cpu") if cpu_budget is not None else (BUDGET if budget is None else budget, "wall")
    where = "--cpu-budget" if kind == "cpu" else "--budget"
    try:
        seconds = quantity(given, dimension="time").base if isinstance(given, str) else float(given)
    except UnitMismatch as error:
        raise UnitMismatch(error.message, where=where, expected="a time such as 60s or 10min") from None
    if not 0.0 < seconds < float("inf"):
        raise InvalidValue(f"a budget of {seconds:g} s", where=where, expected="a time above 0, such as 60s or 10min")
    return seconds, kind


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A training under way."""

    trainer: Any
    asked: Asked
    ready: Ready
    seconds: float
    kind: str
    clock: Clock
    draft: Path
    told: Progress

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What is promised."""
        return self.asked.promises

    def reserve_s(self) -> float:
        """Seconds to leave for judging and writing."""
        judging = _JUDGING_S if self.promises else 0.0
        for each in self.promises:
            spec = registry.get("measure", each.measure)
            share = self.ready.held.height / 10_000 if spec.subject == "scores" else 1.0
            judging += _REPLAY_S if spec.subject == "traffic" else spec.cost * share
        crowded = 1.0
        if self.kind == "wall":
            # What was done so far tells how much of the processor one gets here.
            crowded = min(_MOST_CROWDED, max(1.0, self.clock.wall_s / max(self.clock.cpu_s, 0.1)))
        return min(_MOST_RESERVE * self.seconds, crowded * (_WRITING_S + judging))


def _carried_out(run: _Run, out: Path, trials: Path | None) -> TrainedTable:
    trained = _trained(run, trials)
    files = _moved(trained, run.draft, run.ready.series)
    manifest = _manifest_of(run, trained, files)
    _write_json(run.draft / _manifest.NAME, manifest)
    run.told(0.95, "judging the promises")
    verdicts = tuple(_verdicts.judge_promises(run.promises, _bench(run, trained, manifest))) if run.promises else ()
    report = report_data(
        run.ready,
        trained,
        verdicts,
        # A location may hold a password.
        name=public(run.asked.data) if isinstance(run.asked.data, str) else "rows",
        trainer=run.trainer.name,
        seed=run.asked.seed,
        budget=_spent(run, trained),
    )
    _write_json(run.draft / "report.json", report)
    (run.draft / "report.html").write_text(page(report), encoding="utf-8")
    reports = [run.draft / "report.json", run.draft / "report.html"]
    _write_json(run.draft / _manifest.NAME, _manifest_of(run, trained, [*files, *reports]))
    return TrainedTable(out, report, verdicts)


def _trained(run: _Run, trials: Path | None) -> Trained:
    made, scratch = run.ready, run.draft / "work"
    scratch.mkdir()
    request = TrainRequest(
        rows=made.learnt,
        dataset=made.read.digest,
        task=made.task.name,
        target=made.roles.target,
        positive=made.positive,
        features=made.features,
        sensitive=made.sensitive,
        holdout=made.parity,
        promises=tuple(each for each in run.promises if each.stage in ("candidate", "package")),
        settings=made.settings,
        budget_s=run.seconds - run.reserve_s(),
        clock=run.kind,
        spent_s=run.clock.spent_s(run.kind),
        seed=run.asked.seed,
        folder=scratch,
        trials=trials,
        weights=made.weights,
        progress=lambda share, text: run.told(0.02 + 0.93 * share, text),
    )
    trained: Trained = run.trainer.train(request)
    if _manifest.MODEL not in trained.files:
        raise TrainingFailed(f"trainer {run.trainer.name!r} wrote no model.onnx", expected="model.onnx among its files")
    return trained


def _moved(trained: Trained, draft: Path, series: Series | None) -> list[Path]:
    """Files of the model, in the draft itself; what else the trainer left is gone."""
    import shutil

    from holdfast.store.files import inside

    files = []
    for name, path in sorted(trained.files.items()):
        place = inside(draft, name)
        path.replace(place)
        files.append(place)
    if series is not None:
        files.append(write_history(series, draft))
    shutil.rmtree(draft / "work", ignore_errors=True)
    return files


def _manifest_of(run: _Run, trained: Trained, files: Sequence[Path]) -> dict[str, Any]:
    import holdfast

    made = run.ready
    return _manifest.manifest_data(
        trained.schema,
        sources=made.read.sources,
        parses=made.read.parses,
        files=files,
        data={"sha256": made.read.digest, "rows": made.read.rows.height},
        seed=run.asked.seed,
        trainer=run.trainer.name,
        parameters=trained.parameters,
        recipes=[each["recipe"] for each in trained.report.get("made", ()) if each.get("kept") and "recipe" in each],
        series=None if made.series is None else series_data(made.series, made.read),
        holdfast=holdfast.__version__,
    )


def _bench(run: _Run, trained: Trained, manifest: Mapping[str, Any]) -> _verdicts.Bench:
    made = run.ready
    return _verdicts.Bench(
        folder=run.draft,
        target=made.roles.target,
        positive=made.positive,
        group=made.roles.group or made.roles.id,
        table=made.read.rows,
        held=made.held,
        learnt=made.learnt,
        inputs=(manifest["digests"][_manifest.MODEL], made.read.digest),
        parity=_verdicts.parity_of(trained, made.parity, run.draft),
        tested=made.tested,
    )


def _spent(run: _Run, trained: Trained) -> dict[str, Any]:
    """Seconds of the whole run; what workers used that still live, the trainer says."""
    told = dict(trained.report.get("budget") or {})
    cpu_s = max(run.clock.cpu_s, float(told.get("cpu_s") or 0.0))
    return {"seconds": run.seconds, "clock": run.kind, "wall_s": run.clock.wall_s, "cpu_s": cpu_s, "search": told}


def _write_json(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
