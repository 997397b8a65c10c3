"""Measuring: evidence on every case of every promise of a view; promises about rows share one scan of them.

Nothing here knows a store: `observe` records what is found here, and a table without a project is judged by it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core import registry
from holdfast.core.digests import digest_of
from holdfast.core.errors import HoldfastError, LeaseLost, NotMeasurable, StoreUnavailable
from holdfast.core.evidence import Evidence, Value
from holdfast.core.ports import MeasureSpec, Progress, Related, RowCase, Scanner
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored, Window
from holdfast.keeper.cases import MIN_SLICE, Case, argument_sets, few_enough, slice_mask, slices
from holdfast.keeper.judge import evidence_confidence, small_notes, small_text
from holdfast.keeper.keeping import CODE

if TYPE_CHECKING:
    import polars as pl

#: What is no failure of a measurement: the ground under the keeper went away.
FATAL = (LeaseLost, StoreUnavailable)


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


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """What measuring stands on beside the view.

    Parameters
    ----------
    now
        Time of the measurement, UTC-aware.
    min_labels
        Labels needed before realised quality replaces the estimate.
    spec
        Promise -> its measure.
    related
        Name of another table -> its rows.
    digests
        Digests of the other tables that were read, by name; they stand among the inputs of the evidence.
    """

    now: datetime
    min_labels: int
    spec: Callable[[Promise], MeasureSpec]
    related: Related | None = None
    digests: Mapping[str, str] = field(default_factory=dict)


def measure_all(
    promises: Sequence[Promise], view: View, ground: Ground, *, progress: Progress | None = None
) -> list[list[Evidence]]:
    """Evidence on each case of each promise, in their order. Cases about rows are measured in one scan of them.

    A measurement that fails is evidence with a reason. The random numbers of a measurement are seeded from what is
    measured, so that the same inputs give the same evidence.
    """
    asked = [_ask(promise, view, ground) for promise in promises]
    scanned = _scanned([each for each in asked if isinstance(each, _Asked)], ground)
    found = []
    for index, each in enumerate(asked):
        if progress is not None:
            progress(index / len(asked), f"measuring {promises[index].claim}")
        if isinstance(each, Evidence):
            found.append([each])
        else:
            values: Sequence[Value | HoldfastError | None] = scanned.get(id(each)) or [None] * len(each.cases)
            found.append([_evidence(each, case, value) for case, value in zip(each.cases, values, strict=True)])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """What is measured of every case of a promise."""

    promise: Promise
    view: View
    ground: Ground
    spec: MeasureSpec
    first: tuple[str, ...]
    subject: Any
    cases: list[Case]
    small: list[str]
    confidence: float
    anytime: bool


def _ask(promise: Promise, view: View, ground: Ground) -> _Asked | Evidence:
    spec = ground.spec(promise)
    estimating = _estimator(spec, view, ground)
    chosen, first = (estimating, (spec.name,)) if estimating is not None else (spec, ())
    try:
        subject = _subject(promise, view, chosen)
        cases, small = _cases(promise, view, chosen, subject)
    except FATAL:
        raise
    except HoldfastError as error:
        return _failed(promise, view, ground, case=Case(promise.args), reason=str(error))
    anytime = view.grows is not None and chosen.anytime
    look = view.looks.get(promise.id, Look()).then(f"{view.grows}:{chosen.name}:{len(cases)}" if anytime else None)
    view.spent[promise.id] = look
    return _Asked(
        promise,
        view,
        ground,
        spec=chosen,
        first=first,
        subject=subject,
        cases=cases,
        small=small,
        confidence=evidence_confidence(promise, cases=len(cases), look=look.number),
        anytime=anytime,
    )


def _scanned(asked: Sequence[_Asked], ground: Ground) -> dict[int, list[Value | HoldfastError]]:
    """Values of the cases about rows, by the identity of what was asked, where a scanner knows their measure."""
    found: dict[int, list[Value | HoldfastError]] = {}
    for scanner in registry.every("scanner"):
        known = [each for each in asked if id(each) not in found and _scans(scanner, each)]
        if not known:
            continue
        cases = [_row_case(each, case) for each in known for case in each.cases]
        values = _try(scanner, known[0].subject, cases, ground=ground)
        if values is None:
            continue
        place = 0
        for each in known:
            found[id(each)] = list(values[place : place + len(each.cases)])
            place += len(each.cases)
    return found


def _try(
    scanner: Scanner, rows: Any, cases: Sequence[RowCase], *, ground: Ground
) -> list[Value | HoldfastError] | None:
    try:
        return scanner.scan(rows, cases, now=ground.now, related=ground.related)
    except FATAL:
        raise
    except Exception:
        # One measure may spoil the scan of all: each is then asked by itself, and the guilty one says why.
        return None


def _scans(scanner: Scanner, asked: _Asked) -> bool:
    # A promise `on` other rows is of another subject, so not of this scan.
    return asked.spec.subject == "rows" and asked.promise.on is None and scanner.knows(asked.spec.name)


def _row_case(asked: _Asked, case: Case) -> RowCase:
    return RowCase(
        asked.spec.name,
        args=case.args,
        options=asked.promise.options,
        slice=case.slice,
        confidence=asked.confidence,
        anytime=asked.anytime,
    )


def _subject(promise: Promise, view: View, spec: MeasureSpec) -> Any:
    if promise.on is None:
        return view.give(spec.subject)
    if view.elsewhere is None:
        raise NotMeasurable(f"at stage {view.stage} nothing is measured on {promise.on}", expected="stage candidate")
    return view.elsewhere(spec.subject, promise.on)


def _estimator(spec: MeasureSpec, view: View, ground: Ground) -> MeasureSpec | None:
    """The measure that stands in for one that needs labels, while there are too few of them."""
    if view.stage != "live" or spec.subject != "scores":
        return None
    if view.labels is not None and view.labels >= ground.min_labels:
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
    few_enough(len(arguments) * len(chosen))
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


def _evidence(asked: _Asked, case: Case, scanned: Value | HoldfastError | None) -> Evidence:
    """Evidence from a value that was scanned, else (None) from the measure asked by itself."""
    promise, view, ground = asked.promise, asked.view, asked.ground
    value = _measured(asked, case) if scanned is None else scanned
    if isinstance(value, (HoldfastError, str)):
        return _failed(promise, view, ground, case=case, reason=str(value))
    notes = {**value.notes, **small_notes(asked.small)}
    return Evidence(
        subject=view.subject,
        measure=promise.measure,
        stage=view.stage,
        time=ground.now,
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
        inputs=_inputs(asked),
        code=CODE,
        notes={**notes, **({"on": promise.on} if promise.on is not None else {})},
    )


def _inputs(asked: _Asked) -> tuple[str, ...]:
    digests = asked.ground.digests
    others = [digests[each] for each in asked.promise.args if isinstance(each, str) and each in digests]
    return (*asked.view.inputs, *others)


def _measured(asked: _Asked, case: Case) -> Value | HoldfastError | str:
    promise, view = asked.promise, asked.view
    seed = int(digest_of({"inputs": view.inputs, "promise": promise.claim, "case": case})[:16], 16)
    try:
        return asked.spec.measure(
            _sliced(asked.subject, case),
            (*asked.first, *case.args),
            dict(promise.options),
            confidence=asked.confidence,
            rng=np.random.default_rng(seed),
            anytime=asked.anytime,
            now=asked.ground.now,
            related=asked.ground.related,
        )
    except FATAL:
        raise
    except HoldfastError as error:
        return error
    except Exception as error:
        # A measure from outside may raise anything: its promise is unproven then, and the others are judged.
        return f"{asked.spec.name} raised {type(error).__name__}: {error}"


def _failed(promise: Promise, view: View, ground: Ground, *, case: Case, reason: str) -> Evidence:
    return Evidence(
        subject=view.subject,
        measure=promise.measure,
        stage=view.stage,
        time=ground.now,
        args=case.args,
        options=promise.options,
        slice=case.slice,
        status="failed",
        window=view.window,
        inputs=view.inputs,
        code=CODE,
        reason=reason,
    )
