"""Promises about a model without a project: read before anything is trained, judged on the graph that is served."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core import registry
from holdfast.core.errors import ColumnNotFound, InvalidValue, NotMeasurable, one_of
from holdfast.core.evidence import State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.models import CLASSIFICATION
from holdfast.core.promises import EVERY_COLUMN, Promise
from holdfast.core.units import show
from holdfast.data._held import LEAST

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.core.measures import MeasureSpec
    from holdfast.core.ports import Progress, Trained
    from holdfast.serve import LoadedModel

#: Rows that a package is asked about.
SAMPLE = 200

#: Words of a promise that stand for columns, by the name of the measure's parameter.
_COLUMNS = ("column", "columns", "event")


def read_promises(texts: Sequence[str]) -> tuple[Promise, ...]:
    """Promises of texts, one in each, such as ``roc_auc >= 0.9 with 95%``; each gets its stage.

    Raises
    ------
    PromiseSyntaxError, UnknownName, UnitMismatch, InvalidValue
        If one is none, or is about traffic that a training does not see.
    """
    from holdfast.store.contract_file import check_promise

    found: dict[str, Promise] = {}
    for text in texts:
        where = f"--promise {text!r}"
        promise = check_promise(parse(text), where=where)
        if promise.stage == "live":
            raise InvalidValue(
                f"{promise.measure} is judged in production, and a training has no traffic",
                where=where,
                expected="a promise about data, answers or the package; `holdfast init` makes a project that watches",
            )
        found.setdefault(promise.id, promise)
    return tuple(found.values())


def check_columns(promises: Sequence[Promise], columns: Sequence[str]) -> None:
    """Check that the columns are there which the promises about a model name.

    Raises
    ------
    ColumnNotFound
        If one is not; suggests the nearest.
    """
    for promise in promises:
        for name in (*promise.by, *columns_of(promise)):
            if name not in columns:
                where = f"--promise {promise.text!r}"
                raise ColumnNotFound(f"no column {name!r}", where=where, expected=one_of(columns, name))


def columns_of(promise: Promise) -> tuple[str, ...]:
    """Columns that the arguments of a promise about a model name."""
    if promise.stage == "data":
        # What is wrong with a promise about rows, its verdict says.
        return ()
    spec: MeasureSpec = registry.get("measure", promise.measure)
    parameters = list(inspect.signature(spec.compute).parameters.values())[1:]
    found: list[str] = []
    for place, each in enumerate(promise.args):
        named = next((p for i, p in enumerate(parameters) if i == place or p.kind is p.VAR_POSITIONAL), None)
        if named is not None and named.name in _COLUMNS and isinstance(each, str) and each != EVERY_COLUMN:
            found.append(each)
    return tuple(found)


def on_answers(promise: Promise) -> bool:
    """Whether a promise is judged on answers to labelled rows, so that such rows are to be held out."""
    subject: str = registry.get("measure", promise.measure).subject
    return promise.stage == "candidate" and subject in ("scores", "rows") and promise.on != "train"


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What promises about a model are judged on.

    Parameters
    ----------
    folder
        Folder of the model: `model.onnx` and what explains it, with its manifest.
    target, positive, group
        Columns of the truth and of groups (queries, series), and the positive class.
    table
        All rows that were read, for promises about data.
    held, learnt
        Rows that no training looked at, and those that it did; both with the columns that the model looks at.
    inputs
        Digests of the model and of the data.
    parity
        How far the graph is from the model it was made from.
    tested
        Whether the held-out rows came from a table of their own.
    """

    folder: Path
    target: str
    positive: str | None
    group: str | None
    table: pl.DataFrame
    held: pl.DataFrame
    learnt: pl.DataFrame
    inputs: tuple[str, ...]
    parity: Mapping[str, float]
    tested: bool = False


def judge_promises(
    promises: Sequence[Promise], bench: Bench, *, now: datetime | None = None, progress: Progress | None = None
) -> list[Verdict]:
    """Verdict on each promise, in their order, as a project would reach it: the same measures, intervals and judge."""
    from holdfast.keeper.checking import judge_table
    from holdfast.keeper.judge import judge
    from holdfast.keeper.measuring import Ground, View, measure_all
    from holdfast.serve import load_model

    time = now if now is not None else datetime.now(UTC)
    found: dict[str, Verdict] = {}
    about_data = [each for each in promises if each.stage == "data"]
    loaded = load_model(bench.folder)
    columns = loaded.schema.names
    related = _related()
    if about_data:
        judged = judge_table(about_data, bench.table, columns=columns, now=time, related=related)
        found |= {each.promise.id: each for each in judged}
    for stage in ("candidate", "package"):
        chosen = [each for each in promises if each.stage == stage]
        give, elsewhere = _subjects(loaded, bench)
        view = View(
            stage=stage,
            subject=bench.inputs[0],
            inputs=bench.inputs,
            columns=columns,
            give=give,
            elsewhere=elsewhere if stage == "candidate" else None,
        )
        evidence = measure_all(chosen, view, Ground(time, 0, _spec, related), progress=progress)
        for promise, pieces in zip(chosen, evidence, strict=True):
            found[promise.id] = judge(promise, pieces, spec=_spec(promise), now=time)
    return [found[each.id] for each in promises]


def _spec(promise: Promise) -> MeasureSpec:
    found: MeasureSpec = registry.get("measure", promise.measure)
    return found


def _related() -> Any:
    from holdfast.keeper.reading import read_rows

    @functools.cache
    def read(name: str) -> pl.LazyFrame:
        return read_rows(name, {}, where=name).lazy()

    return read


def _subjects(loaded: LoadedModel, bench: Bench) -> tuple[Any, Any]:
    """Kind -> subject; kind and name of a dataset -> subject."""

    @functools.cache
    def elsewhere(kind: str, name: str) -> Any:
        rows = bench.learnt if name == "train" else _enough(bench)
        if kind == "scores":
            return scored(loaded, rows, bench)
        if kind == "rows":
            return rows
        raise NotMeasurable(f"a {kind} is not of rows", expected="a promise without 'on'")

    @functools.cache
    def give(kind: str) -> Any:
        if kind in ("scores", "rows"):
            return elsewhere(kind, "holdout")
        sample = (bench.held if bench.held.height else bench.learnt).head(SAMPLE)
        if kind == "model":
            return _package(loaded, sample, bench)
        if kind == "traffic":
            from holdfast.data._replay import replay

            return replay(loaded, sample)
        raise NotMeasurable(f"a candidate has no {kind}", expected="a promise of stage live")

    return give, elsewhere


def _enough(bench: Bench) -> pl.DataFrame:
    rows = bench.held.height
    if rows < LEAST:
        what = f"the test table has {rows} rows" if bench.tested else f"{rows} rows are held out"
        raise NotMeasurable(what, expected=f"at least {LEAST}: a larger --holdout, or --test DATA")
    return bench.held


def scored(loaded: LoadedModel, rows: pl.DataFrame, bench: Bench) -> Any:
    """Answers of a loaded model on labelled rows beside the truth: a `holdfast.core.subjects.Scored`."""
    from holdfast.core.subjects import Scored
    from holdfast.keeper.splits import class_names

    schema = loaded.schema
    score, decision = loaded.decide(rows)
    classify = schema.task in CLASSIFICATION
    truth = class_names(rows[bench.target]) if classify else rows[bench.target].cast(float)
    grouped = bench.group is not None and not classify and bench.group in rows.columns
    return Scored(
        task=schema.task,
        truth=truth.to_numpy().astype(object) if classify else truth.to_numpy(),
        score=score,
        rows=rows,
        decision=decision,
        classes=schema.classes,
        positive=bench.positive if schema.task == "binary" else None,
        group=rows[str(bench.group)].to_numpy() if grouped else None,
    )


def _package(loaded: LoadedModel, sample: pl.DataFrame, bench: Bench) -> Any:
    from holdfast.core.subjects import Model

    return Model(
        folder=bench.folder,
        schema=loaded.schema,
        predict=loaded.predict,
        sample=sample.select(loaded.schema.names),
        size_bytes=(bench.folder / "model.onnx").stat().st_size,
        parity=bench.parity,
    )


def parity_of(trained: Trained, rows: pl.DataFrame, folder: Path) -> dict[str, float]:
    """How far the answers of the graph in a folder are from those of the model that it was made from.

    Parameters
    ----------
    trained
        What the trainer gave back, with the original's answers.
    rows
        The rows that these answer.
    folder
        Folder with the graph and its schema.

    Returns
    -------
    dict
        ``max_difference`` of a probability (of a prediction in its spread), ``label_flips``, ``rows``; empty where
        there is nothing to compare.
    """
    import numpy as np

    from holdfast.serve import load_model

    original = np.asarray(trained.original, dtype=np.float64)
    if rows.height == 0 or len(original) != rows.height:
        return {}
    score, decision = load_model(folder).decide(rows)
    scale = 1.0 if decision is not None else float(original.std()) or 1.0
    found = {"max_difference": float(np.abs(score - original).max() / scale), "rows": float(rows.height)}
    if decision is not None:
        found["label_flips"] = float(np.mean(decision != _decided(original, trained)))
    return found


def _decided(original: np.ndarray, trained: Trained) -> np.ndarray:
    """Classes that follow from the original's probabilities, shape (n,) object."""
    import numpy as np

    schema = trained.schema
    names = np.array(schema.classes, dtype=object)
    if schema.task != "binary":
        return np.asarray(names[original.argmax(axis=1)])
    place = schema.classes.index(schema.positive) if schema.positive is not None else 1
    # The graph compares in 32 bits.
    chosen = original[:, place].astype(np.float32) >= np.float32(trained.parameters.get("threshold", 0.5))
    return np.asarray(np.where(chosen, names[place], names[1 - place]))


def state_of(verdicts: Sequence[Verdict]) -> str:
    """Broken if a promise is, else unproven if one is, else held (also where nothing was promised)."""
    states = {each.state for each in verdicts}
    return next((each for each in (State.BROKEN, State.UNPROVEN) if each in states), State.HELD).value


def nearest_miss(verdicts: Sequence[Verdict]) -> str | None:
    """Words for promises that no model was found for; None where none is broken.

    Such as ``infeasible; the nearest miss is roc_auc 0.871 [0.84, 0.9] against >= 0.95``.
    """
    broken = [str(miss(each)["text"]) for each in verdicts if each.state is State.BROKEN]
    return f"infeasible; the nearest miss is {', '.join(broken)}" if broken else None


def miss(verdict: Verdict) -> dict[str, Any]:
    """How far a broken promise is from being kept: claim, value, bound, and the three in words."""
    promise, found = verdict.promise, verdict.deciding
    case = "" if found is None else found.case_of(promise)
    about = f" ({case})" if case else ""
    call = promise.claim.partition(f" {promise.op} ")[0]
    return {
        "claim": promise.claim,
        "value": None if found is None else found.value,
        "bound": promise.bound.base,
        "text": f"{call}{about} {value_text(verdict)} against {promise.op} {promise.bound}",
    }


def value_text(verdict: Verdict) -> str:
    """Value and interval of the deciding evidence, in the unit a person would choose; empty where there is none."""
    found = verdict.deciding
    if found is None or found.value is None:
        return ""
    unit = registry.get("measure", found.measure).unit
    ends = "" if found.low is None or found.high is None else f" [{show(found.low, unit)}, {show(found.high, unit)}]"
    return f"{show(found.value, unit)}{ends}"


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data, for the report."""
    found, promise = verdict.deciding, verdict.promise
    return {
        "promise": promise.text,
        "claim": promise.claim,
        "unit": registry.get("measure", promise.measure).unit,
        "stage": promise.stage,
        "verdict": verdict.state.value,
        "value": None if found is None else found.value,
        "low": None if found is None else found.low,
        "high": None if found is None else found.high,
        "confidence": None if found is None or found.low is None else found.confidence,
        "n": 0 if found is None else found.n,
        "method": "" if found is None else found.method,
        "case": "" if found is None else found.case_of(promise),
        "cases": verdict.cases,
        "bound": promise.bound.base,
        "op": promise.op,
        "shown": value_text(verdict),
        "reason": verdict.reason,
    }
