"""Observe: collect the evidence that is due, one piece for each case of each promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core import registry
from holdfast.core.digests import digest_of
from holdfast.core.errors import HoldfastError
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.ports import MeasureSpec
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored, Window
from holdfast.keeper.cases import Case, argument_sets, slice_mask, slices
from holdfast.keeper.judge import evidence_confidence, judge
from holdfast.keeper.keeping import CODE, Keeping

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What the promises of one stage are measured on.

    Parameters
    ----------
    stage
        The stage.
    subject
        Digest of what is judged: a dataset version or a model version.
    inputs
        Digests of everything that is read.
    columns
        Feature columns, for ``*``.
    give
        Kind of subject -> the subject; raises a HoldfastError where it cannot be had (its reason becomes evidence).
    status
        ``measured``, or ``simulated`` where no real traffic was seen.
    window
        First and last moment of live observations.
    looks
        How often each promise was looked at before, by promise id.
    labels
        Labelled rows in a live window; None at other stages.
    """

    stage: str
    subject: str
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    give: Callable[[str], Any]
    status: str = "measured"
    window: tuple[datetime, datetime] | None = None
    looks: dict[str, int] = field(default_factory=dict)
    labels: int | None = None


def observe(keeping: Keeping, promises: Sequence[Promise], view: View) -> list[tuple[Promise, list[Evidence]]]:
    """Evidence for each promise: measured, recorded in the store, signed.

    A measurement that fails is evidence with a reason. The random numbers of a measurement are seeded from what is
    measured, so that the same inputs give the same evidence.
    """
    found = []
    for index, promise in enumerate(promises):
        keeping.progress(index / max(1, len(promises)), f"measuring {promise.claim}")
        pieces = measure_promise(keeping, promise, view)
        for each in pieces:
            keeping.store.evidence.record(each, model=keeping.name, promise_id=promise.id)
        found.append((promise, pieces))
    return found


def judge_all(keeping: Keeping, evidence: Sequence[tuple[Promise, list[Evidence]]]) -> list[Verdict]:
    """Verdict on each promise, from its evidence."""
    now = keeping.now
    return [judge(promise, pieces, spec=keeping.spec(promise), now=now) for promise, pieces in evidence]


def measure_promise(keeping: Keeping, promise: Promise, view: View) -> list[Evidence]:
    """Evidence on each case of a promise; not recorded yet."""
    spec = keeping.spec(promise)
    estimating = _estimator(spec, view, keeping)
    chosen, first = (estimating, (spec.name,)) if estimating is not None else (spec, ())
    try:
        subject = view.give(chosen.subject)
        cases = _cases(promise, view, chosen, subject)
    except HoldfastError as error:
        return [_failed(keeping, promise, view, Case(promise.args), str(error))]
    look = view.looks.get(promise.id, 0) + 1
    anytime = view.stage == "live" and chosen.anytime
    sure = evidence_confidence(promise, cases=len(cases), look=look, anytime=anytime)
    return [
        _measure_case(
            keeping, promise, view, case, spec=chosen, first=first, subject=subject, confidence=sure, anytime=anytime
        )
        for case in cases
    ]


def _estimator(spec: MeasureSpec, view: View, keeping: Keeping) -> MeasureSpec | None:
    """The measure that stands in for one that needs labels, while there are too few of them."""
    if view.stage != "live" or spec.subject != "scores":
        return None
    if view.labels is not None and view.labels >= keeping.contract.min_labels:
        return None
    return registry.estimator_of(spec.name)


def _cases(promise: Promise, view: View, spec: MeasureSpec, subject: Any) -> list[Case]:
    arguments = argument_sets(promise, view.columns)
    rows = _rows_of(spec.subject, subject)
    if not promise.by or rows is None:
        return [Case(args) for args in arguments]
    chosen, _small = slices(rows, promise.by)
    return [Case(args, each) for args in arguments for each in chosen]


def _rows_of(kind: str, subject: Any) -> pl.DataFrame | None:
    if kind == "rows":
        rows: pl.DataFrame = subject
        return rows
    if kind == "window":
        current: pl.DataFrame = subject.current
        return current
    return subject.rows if kind == "scores" else None


def _sliced(kind: str, subject: Any, case: Case) -> Any:
    if not case.slice:
        return subject
    rows = _rows_of(kind, subject)
    if rows is None:
        return subject
    mask = slice_mask(rows, case.slice)
    if isinstance(subject, Window):
        return _sliced_window(subject, case, mask)
    return subject.take(mask.to_numpy()) if isinstance(subject, Scored) else rows.filter(mask)


def _sliced_window(window: Window, case: Case, mask: pl.Series) -> Window:
    """The slice of both sides of a window."""
    scored, chosen = window.reference_scored, mask.to_numpy()
    return Window(
        reference=window.reference.filter(slice_mask(window.reference, case.slice)),
        current=window.current.filter(mask),
        reference_scored=None if scored is None else scored.take(slice_mask(scored.rows, case.slice).to_numpy()),
        current_score=None if window.current_score is None else window.current_score[chosen],
        current_decision=None if window.current_decision is None else window.current_decision[chosen],
    )


def _measure_case(
    keeping: Keeping,
    promise: Promise,
    view: View,
    case: Case,
    *,
    spec: MeasureSpec,
    first: tuple[str, ...],
    subject: Any,
    confidence: float,
    anytime: bool,
) -> Evidence:
    seed = int(digest_of({"inputs": view.inputs, "promise": promise.claim, "case": case})[:16], 16)
    try:
        value = spec.measure(
            _sliced(spec.subject, subject, case),
            (*first, *case.args),
            dict(promise.options),
            confidence=confidence,
            rng=np.random.default_rng(seed),
            anytime=anytime,
        )
    except HoldfastError as error:
        return _failed(keeping, promise, view, case, str(error))
    return Evidence(
        subject=view.subject,
        measure=promise.measure,
        stage=view.stage,
        time=keeping.now,
        args=case.args,
        options=promise.options,
        slice=case.slice,
        value=value.value,
        low=value.low,
        high=value.high,
        confidence=confidence,
        n=value.n,
        method=value.method,
        status="estimated" if first else view.status,
        window=view.window,
        inputs=view.inputs,
        code=CODE,
        notes=value.notes,
    )


def _failed(keeping: Keeping, promise: Promise, view: View, case: Case, reason: str) -> Evidence:
    return Evidence(
        subject=view.subject,
        measure=promise.measure,
        stage=view.stage,
        time=keeping.now,
        args=case.args,
        options=promise.options,
        slice=case.slice,
        status="failed",
        window=view.window,
        inputs=view.inputs,
        code=CODE,
        reason=reason,
    )


def record_verdicts(keeping: Keeping, verdicts: Sequence[Verdict], view: View) -> None:
    """Journal verdicts, all or nothing. What did not change since the last look is not said again."""
    from holdfast.store import NewEvent

    news = []
    for verdict in verdicts:
        payload = verdict_payload(verdict, subject=view.subject)
        known = verdict_of(keeping, verdict.promise.id)
        if view.stage == "live":
            payload["look"] = view.looks.get(verdict.promise.id, 0) + 1
            payload["inputs"] = list(view.inputs)
        if known is None or any(
            known.get(key) != payload.get(key) for key in ("subject", "state", "evidence", "claim")
        ):
            news.append(NewEvent("verdict.reached", payload, model=keeping.name))
    if news:
        keeping.store.journal.append_all(news)


def verdict_of(keeping: Keeping, promise_id: str) -> dict[str, Any] | None:
    """The latest journalled verdict on a promise of this model, as plain data, or None."""
    return keeping.store.state.get("verdict", f"{keeping.name}:{promise_id}")


def verdict_payload(verdict: Verdict, *, subject: str) -> dict[str, Any]:
    """A verdict as the plain data of an event."""
    deciding = verdict.deciding
    return {
        "promise": verdict.promise.text,
        "claim": verdict.promise.claim,
        "promise_id": verdict.promise.id,
        "stage": verdict.promise.stage,
        "subject": subject,
        "state": verdict.state.value,
        "value": deciding.value if deciding else None,
        "low": deciding.low if deciding else None,
        "high": deciding.high if deciding else None,
        "n": deciding.n if deciding else 0,
        "status": deciding.status if deciding else None,
        "evidence": list(verdict.evidence),
        "deciding": deciding.id if deciding else None,
        "reason": verdict.reason,
        "cases": verdict.cases,
    }


def unproven(promise: Promise, reason: str) -> Verdict:
    """Verdict where there is no evidence."""
    return Verdict(promise, State.UNPROVEN, reason=reason, cases=0)
