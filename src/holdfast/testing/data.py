"""Tiny data: rows, scored answers, windows, traffic and requests, typed like real ones and the same every time."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.core.contract import Contract, DataSpec, Roles
from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.models import CLASSIFICATION, TASKS
from holdfast.core.ports import RemedyContext, TrainRequest
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored, Traffic, Window

if TYPE_CHECKING:
    from holdfast.core.ports import MeasureSpec

#: Columns of `tiny_rows` that a model may look at, and the target by task.
FEATURES = ("age", "weight", "sex")
TARGETS = {
    "binary": "ill",
    "multiclass": "grade",
    "regression": "cost",
    "ranking": "relevance",
    "forecasting": "cost",
    "quantile": "cost",
    "count": "visits",
    "survival": "cost",
}
#: Column that says of a survival whether the event came.
EVENT = "smoker"
CLASSES = {"binary": ("no", "yes"), "multiclass": ("high", "low", "middle")}
START = datetime(2026, 1, 1, tzinfo=UTC)


def _task(task: str) -> str:
    if task not in TASKS:
        raise InvalidValue(f"task {task!r}", expected=one_of(TASKS, task))
    return task


def _signal(age: np.ndarray, weight: np.ndarray, sex: np.ndarray) -> np.ndarray:
    return np.asarray((age - 45.0) / 15.0 + (weight - 75.0) / 30.0 + np.where(sex == "m", 0.5, -0.5))


def tiny_rows(n: int = 200, *, seed: int = 0) -> pl.DataFrame:
    """Rows of a small clinic: numbers, text, dates, booleans, missing cells, and a target for every task.

    Parameters
    ----------
    n
        Number of rows; may be 0.
    seed
        Seed of everything random.

    Returns
    -------
    polars.DataFrame
        Shape (n, 11): `id` (unique text), `age` (float, some missing), `weight` (float), `sex` (text), `smoker`
        (boolean), `visits` (integer), `seen` (date), `ill` (``no`` or ``yes``), `grade` (three classes), `cost`
        (float), `relevance` (0, 1 or 2). The targets follow from age, weight and sex with noise: they can be learnt.

    Examples
    --------
    >>> tiny_rows(3)["id"].to_list()
    ['p0', 'p1', 'p2']
    """
    rng = np.random.default_rng(seed)
    age, weight = rng.uniform(20.0, 80.0, n).round(1), rng.normal(75.0, 12.0, n).round(1)
    sex, smoker = rng.choice(["f", "m"], n), rng.random(n) < 0.3
    visits, noise, missing = rng.poisson(3.0, n), rng.normal(0.0, 0.6, n), rng.random(n) < 0.05
    signal = _signal(age, weight, sex) + noise
    grade = np.select([signal < -0.8, signal < 0.8], ["low", "middle"], "high")
    return pl.DataFrame(
        {
            "id": pl.Series([f"p{each}" for each in range(n)], dtype=pl.String),
            "age": pl.Series(np.where(missing, np.nan, age), dtype=pl.Float64).fill_nan(None),
            "weight": pl.Series(weight, dtype=pl.Float64),
            "sex": pl.Series(sex.tolist(), dtype=pl.String),
            "smoker": pl.Series(smoker, dtype=pl.Boolean),
            "visits": pl.Series(visits, dtype=pl.Int64),
            "seen": pl.Series([date(2026, 1, 1) + timedelta(days=each) for each in range(n)], dtype=pl.Date),
            "ill": pl.Series(np.where(signal > 0, "yes", "no").tolist(), dtype=pl.String),
            "grade": pl.Series(grade.tolist(), dtype=pl.String),
            "cost": pl.Series((100.0 + 25.0 * signal).round(2), dtype=pl.Float64),
            "relevance": pl.Series(np.clip(np.round(signal + 1), 0, 2).astype(np.int64), dtype=pl.Int64),
        }
    )


def tiny_scored(task: str = "binary", *, n: int = 200, seed: int = 0) -> Scored:
    """Truth beside the answers of a fair model on `tiny_rows`.

    Parameters
    ----------
    task
        One of `holdfast.core.models.TASKS`.
    n
        Number of rows; may be 0.
    seed
        Seed of everything random.

    Returns
    -------
    Scored
        With probabilities and decisions for a classification, predictions else; `group` is set for ranking (20 rows a
        query) and forecasting (two series).

    Raises
    ------
    InvalidValue
        If there is no such task.

    Examples
    --------
    >>> tiny_scored("multiclass").score.shape
    (200, 3)
    """
    rows = tiny_rows(n, seed=seed)
    truth = rows[TARGETS[_task(task)]]
    age = rows["age"].fill_null(45.0).to_numpy()
    margin = _signal(age, rows["weight"].to_numpy(), rows["sex"].to_numpy())
    if task in CLASSIFICATION:
        score = _probabilities(task, margin)
        names = np.array(CLASSES[task], dtype=object)
        return Scored(
            task=task,
            truth=truth.to_numpy().astype(object),
            score=score,
            rows=rows,
            decision=names[score.argmax(axis=1)] if n else np.empty(0, dtype=object),
            classes=CLASSES[task],
            positive="yes" if task == "binary" else None,
        )
    each = {"ranking": 20, "forecasting": max(1, n // 2)}.get(task)
    return Scored(
        task=task,
        truth=truth.to_numpy().astype(np.float64),
        score=margin + 1.0 if task == "ranking" else 100.0 + 25.0 * margin,
        rows=rows,
        group=None if each is None else np.arange(n) // each,
    )


def _probabilities(task: str, margin: np.ndarray) -> np.ndarray:
    if task == "binary":
        yes = 1.0 / (1.0 + np.exp(-3.0 * margin))
        return np.column_stack([1.0 - yes, yes])
    # In the order of the classes: high, low, middle.
    raw = np.exp(np.column_stack([2.0 * margin, -2.0 * margin, np.full_like(margin, 0.5)]))
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def tiny_window(task: str = "binary", *, n: int = 200, seed: int = 0) -> Window:
    """Return `n` rows that came lately beside 200 rows that the model was judged on; both from one distribution.

    Raises
    ------
    InvalidValue
        If there is no such task.

    Examples
    --------
    >>> tiny_window().current.columns
    ['age', 'weight', 'sex']
    """
    judged = tiny_scored(task, seed=seed)
    lately = tiny_scored(task, n=n, seed=seed + 1)
    return Window(
        reference=judged.rows.select(FEATURES),
        current=lately.rows.select(FEATURES),
        reference_scored=judged,
        current_score=lately.score,
        current_decision=lately.decision,
    )


def tiny_traffic(n: int = 200, *, seed: int = 0) -> Traffic:
    """Return requests that took about 5 ms each, one in a hundred of them not answered.

    Examples
    --------
    >>> tiny_traffic().failed
    2
    """
    latency = np.random.default_rng(seed).gamma(5.0, 0.001, n)
    return Traffic(
        latency_s=latency, failed=n // 100, seconds=60.0 if n else 0.0, notes={"where": "nowhere: simulated"}
    )


@functools.cache
def _columns() -> tuple[str, ...]:
    return tuple(tiny_rows(0).columns)


def tiny_contract(*promises: Promise, task: str = "binary") -> Contract:
    """Contract of the small clinic, with the promises handed over.

    Raises
    ------
    InvalidValue
        If there is no such task, or a promise has no stage.

    Examples
    --------
    >>> tiny_contract().target
    'ill'
    """
    targets = TARGETS[_task(task)]
    others = tuple(each for each in _columns() if each not in (*FEATURES, "id", targets))
    roles = Roles(id="id", sensitive=("sex",), exclude=others)
    return Contract(
        name="clinic",
        task=task,
        target=targets,
        data=DataSpec(train="clinic.parquet", roles=roles),
        promises=promises,
        positive="yes" if task == "binary" else None,
    )


def tiny_request(
    folder: Path, *, task: str = "binary", budget_s: float = 20.0, seed: int = 0, **changes: Any
) -> TrainRequest:
    """Request to train on `tiny_rows`, into `folder`; `changes` are laid over it.

    Raises
    ------
    InvalidValue
        If there is no such task.
    """
    columns = (*FEATURES, TARGETS[_task(task)], *((EVENT,) if task == "survival" else ()))
    given: dict[str, Any] = {
        "rows": tiny_rows(seed=seed).select(*columns),
        "dataset": "d" * 64,
        "task": task,
        "target": TARGETS[task],
        "features": FEATURES,
        "holdout": tiny_rows(60, seed=seed + 1).select(*columns),
        "folder": folder,
        "positive": "yes" if task == "binary" else None,
        "sensitive": ("sex",),
        "budget_s": budget_s,
        "settings": {"event": EVENT} if task == "survival" else {},
        "seed": seed,
    }
    settings = {**given["settings"], **changes.pop("settings", {})}
    return TrainRequest(**{**given, **changes, "settings": settings})


def tiny_context(
    promise: Promise,
    *,
    spec: MeasureSpec | None = None,
    state: State = State.BROKEN,
    value: float | None = None,
    **changes: Any,
) -> RemedyContext:
    """Build what a remedy is asked about: a promise of the small clinic that does not hold; `changes` are laid over it.

    Parameters
    ----------
    promise
        With its stage.
    spec
        Measure of the promise; with it the value is kept in its range.
    state
        Broken or unproven.
    value
        What was measured; half of the bound, or twice of it, when None.
    changes
        Fields of `RemedyContext`.

    Examples
    --------
    >>> from holdfast.core.grammar import parse
    >>> tiny_context(parse("roc_auc >= 0.9").at("live")).verdict.state
    <State.BROKEN: 'broken'>
    """
    beyond = promise.bound.base * (0.5 if promise.op.startswith(">") else 2.0) if value is None else value
    evidence = Evidence(
        subject="e" * 64,
        measure=promise.measure,
        stage=promise.stage or "live",
        time=START,
        args=tuple(each for each in promise.args if each != "*") or (("age",) if promise.args else ()),
        slice=tuple((column, "f") for column in promise.by),
        value=beyond if spec is None else _inside(beyond, spec.range),
        n=100,
    )
    given: dict[str, Any] = {
        "contract": tiny_contract(promise),
        "verdict": Verdict(promise, state, (evidence.id,), evidence, "beyond the bound"),
        "champion": "c" * 64,
        "previous": ("b" * 64,),
        "fresh_rows": 500,
        "rows": 1000,
    }
    return RemedyContext(**{**given, **changes})


def _inside(number: float, ends: tuple[float | None, float | None]) -> float:
    low, high = ends
    return min(max(number, -np.inf if low is None else low), np.inf if high is None else high)
