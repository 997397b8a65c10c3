"""Observe: collect the evidence that is due, one piece for each case of each promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core import registry
from holdfast.core.digests import digest_of, iso
from holdfast.core.errors import HoldfastError, LeaseLost, NotMeasurable, StoreUnavailable
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.ports import MeasureSpec
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored, Window
from holdfast.keeper.cases import MIN_SLICE, Case, argument_sets, slice_mask, slices
from holdfast.keeper.judge import TOO_SMALL, evidence_confidence, judge, longest_age, small_text
from holdfast.keeper.keeping import CODE, Keeping

if TYPE_CHECKING:
    import polars as pl

    from holdfast.store import NewEvent


@dataclass(frozen=True, slots=True)
class Look:
    """How often a live promise was looked at with the same subject, and which sequence of looks the last one was of.

    Looks at a window that only grows, through one measure with an anytime-valid interval and as many cases, are one
    sequence and spend the error of one look.
    """

    number: int = 0
    sequence: str | None = None

    def then(self, sequence: str | None) -> Look:
        """The look after this one; None for one that is no part of a sequence."""
        return self if sequence is not None and sequence == self.sequence else Look(self.number + 1, sequence)


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
        How often each promise was looked at before, by promise id, with what it then looked at.
    labels
        Labelled rows in a live window; None at other stages.
    grows
        Where the live window holds all that was seen of the subject so far, so that the next one only adds to it: the
        moment it begins, as text. None for a window that slides.
    observed
        Rows and labels seen of the subject so far, in and before the live window.
    renewed
        So many new ones make it worth another look.
    realised
        Whether enough labels came to measure quality rather than to estimate it.
    elsewhere
        Kind of subject, name of a dataset -> the subject, for promises that say ``on``; None where there is none.
    spent
        What `observe` looked at, by promise id, for `record_verdicts`.
    """

    stage: str
    subject: str
    inputs: tuple[str, ...]
    columns: tuple[str, ...]
    give: Callable[[str], Any]
    status: str = "measured"
    window: tuple[datetime, datetime] | None = None
    looks: Mapping[str, Look] = field(default_factory=dict)
    labels: int | None = None
    grows: str | None = None
    observed: int = 0
    renewed: int = 1
    realised: bool = False
    elsewhere: Callable[[str, str], Any] | None = None
    spent: dict[str, Look] = field(default_factory=dict)


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
    return [
        judge(
            promise,
            pieces,
            spec=keeping.spec(promise),
            now=now,
            max_age=longest_age(promise, late=keeping.late(promise)),
        )
        for promise, pieces in evidence
    ]


def measure_promise(keeping: Keeping, promise: Promise, view: View) -> list[Evidence]:
    """Evidence on each case of a promise; not recorded yet."""
    spec = keeping.spec(promise)
    estimating = _estimator(spec, view, keeping)
    chosen, first = (estimating, (spec.name,)) if estimating is not None else (spec, ())
    try:
        subject = _subject(promise, view, chosen)
        cases, small = _cases(promise, view, chosen, subject)
    except _FATAL:
        raise
    except HoldfastError as error:
        return [_failed(keeping, promise, view, Case(promise.args), str(error))]
    anytime = view.grows is not None and chosen.anytime
    look = view.looks.get(promise.id, Look()).then(f"{view.grows}:{chosen.name}:{len(cases)}" if anytime else None)
    view.spent[promise.id] = look
    asked = _Asked(
        keeping,
        promise,
        view,
        spec=chosen,
        first=first,
        subject=subject,
        small=small,
        confidence=evidence_confidence(promise, cases=len(cases), look=look.number),
        anytime=anytime,
    )
    return [_measure_case(asked, case) for case in cases]


#: What is no failure of a measurement: the ground under the keeper went away.
_FATAL = (LeaseLost, StoreUnavailable)


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is measured of every case of a promise."""

    keeping: Keeping
    promise: Promise
    view: View
    spec: MeasureSpec
    first: tuple[str, ...]
    subject: Any
    small: list[str]
    confidence: float
    anytime: bool


def _subject(promise: Promise, view: View, spec: MeasureSpec) -> Any:
    if promise.on is None:
        return view.give(spec.subject)
    if view.elsewhere is None:
        raise NotMeasurable(f"at stage {view.stage} nothing is measured on {promise.on}", expected="stage candidate")
    return view.elsewhere(spec.subject, promise.on)


def _estimator(spec: MeasureSpec, view: View, keeping: Keeping) -> MeasureSpec | None:
    """The measure that stands in for one that needs labels, while there are too few of them."""
    if view.stage != "live" or spec.subject != "scores":
        return None
    if view.labels is not None and view.labels >= keeping.contract.min_labels:
        return None
    return registry.estimator_of(spec.name)


def _cases(promise: Promise, view: View, spec: MeasureSpec, subject: Any) -> tuple[list[Case], list[str]]:
    arguments = argument_sets(promise, view.columns)
    if not arguments:
        raise NotMeasurable("there is no feature column", expected="a column that * stands for")
    if not promise.by:
        return [Case(args) for args in arguments], []
    rows = _rows_of(spec.subject, subject)
    if rows is None:
        raise NotMeasurable(f"{spec.name} is not of rows: it has no slices", expected="a promise without 'by'")
    chosen, small = slices(rows, promise.by)
    if not chosen:
        raise NotMeasurable(
            f"no slice has {MIN_SLICE} rows" + (f"; {small_text(small)}" if small else ""), expected="more rows"
        )
    return [Case(args, each) for args in arguments for each in chosen], small


def _rows_of(kind: str, subject: Any) -> pl.DataFrame | None:
    if kind == "rows":
        rows: pl.DataFrame = subject
        return rows
    if kind == "window":
        current: pl.DataFrame = subject.current
        return current
    return subject.rows if kind == "scores" else None


def _sliced(subject: Any, case: Case) -> Any:
    if not case.slice:
        return subject
    if isinstance(subject, Window):
        return _sliced_window(subject, case)
    if isinstance(subject, Scored):
        return subject.take(slice_mask(subject.rows, case.slice).to_numpy())
    return subject.filter(slice_mask(subject, case.slice))


def _sliced_window(window: Window, case: Case) -> Window:
    """The slice of both sides of a window."""
    mask = slice_mask(window.current, case.slice)
    scored, chosen = window.reference_scored, mask.to_numpy()
    return Window(
        reference=window.reference.filter(slice_mask(window.reference, case.slice)),
        current=window.current.filter(mask),
        reference_scored=None if scored is None else scored.take(slice_mask(scored.rows, case.slice).to_numpy()),
        current_score=None if window.current_score is None else window.current_score[chosen],
        current_decision=None if window.current_decision is None else window.current_decision[chosen],
    )


def _measure_case(asked: _Asked, case: Case) -> Evidence:
    keeping, promise, view = asked.keeping, asked.promise, asked.view
    seed = int(digest_of({"inputs": view.inputs, "promise": promise.claim, "case": case})[:16], 16)
    try:
        value = asked.spec.measure(
            _sliced(asked.subject, case),
            (*asked.first, *case.args),
            dict(promise.options),
            confidence=asked.confidence,
            rng=np.random.default_rng(seed),
            anytime=asked.anytime,
        )
    except _FATAL:
        raise
    except HoldfastError as error:
        return _failed(keeping, promise, view, case, str(error))
    except Exception as error:
        # A measure from outside may raise anything: its promise is unproven then, and the others are judged.
        return _failed(keeping, promise, view, case, f"{asked.spec.name} raised {type(error).__name__}: {error}")
    notes = {**value.notes, **({TOO_SMALL: asked.small} if asked.small else {})}
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
        confidence=asked.confidence,
        n=value.n,
        method=value.method,
        status="estimated" if asked.first else view.status,
        window=view.window,
        inputs=view.inputs,
        code=CODE,
        notes={**notes, **({"on": promise.on} if promise.on is not None else {})},
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
    keeping.store.journal.append_all(verdict_events(keeping, verdicts, subject=view.subject, view=view))


def verdict_events(
    keeping: Keeping, verdicts: Sequence[Verdict], *, subject: str, view: View | None = None
) -> list[NewEvent]:
    """Events of the verdicts on a subject that are news; live ones carry how often their `view` was looked at."""
    from holdfast.store import NewEvent

    news = []
    for verdict in verdicts:
        known = verdict_of(keeping, verdict.promise.id) or {}
        payload = verdict_payload(verdict, subject=subject)
        # What was tried before the promise last held says nothing of why it is broken now.
        payload["held"] = iso(keeping.now) if verdict.state is State.HELD else known.get("held")
        if view is not None and view.stage == "live":
            payload |= _looked(known, view, verdict.promise.id)
        if any(known.get(key) != payload.get(key) for key in ("subject", "state", "evidence", "claim")):
            news.append(NewEvent("verdict.reached", payload, model=keeping.name))
    return news


#: So many subjects' looks are remembered with a verdict.
_SUBJECTS = 50


def _looked(known: Mapping[str, Any], view: View, promise_id: str) -> dict[str, Any]:
    """What a live verdict says of its looks. A champion that comes back goes on counting where it stopped."""
    look = view.spent.get(promise_id) or view.looks.get(promise_id) or Look()
    others = [each for each in known.get("looks") or () if each[0] != view.subject]
    return {
        "looks": [*others[1 - _SUBJECTS :], [view.subject, look.number]],
        "sequence": look.sequence,
        "inputs": list(view.inputs),
        "observed": view.observed,
        "realised": view.realised,
    }


def worth_a_look(known: Mapping[str, Any], view: View) -> bool:
    """Whether live traffic was renewed enough since it was judged: each look at it costs certainty.

    It was when `renewed` rows or labels are new, or when quality is realised now that was estimated.
    """
    if known.get("inputs") == list(view.inputs):
        return False
    before = known.get("observed")
    if before is None or known.get("realised") != view.realised:
        return True
    return not 0 <= view.observed - int(before) < view.renewed


def looked(known: Mapping[str, Any] | None, subject: str) -> Look:
    """How often a subject was looked at before, by the last verdict on a promise."""
    if known is None:
        return Look()
    same = known.get("subject") == subject
    return Look(int(dict(known.get("looks") or ()).get(subject, 0)), known.get("sequence") if same else None)


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
