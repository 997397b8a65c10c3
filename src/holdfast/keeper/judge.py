"""Judge: evidence and promises -> verdicts. Pure, and three-valued: unproven is never held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.ports import MeasureSpec
from holdfast.core.promises import Promise

#: Key of the notes of an evidence under which the slices stand that were too small to judge, in words.
TOO_SMALL = "too small to judge"

#: So many of them are named in a reason, and so many in each evidence: a column of ids has as many as there are rows.
NAMED, KEPT = 5, 100

#: Key of the notes under which stands how many there are, where they are more than are kept.
TOO_SMALL_COUNT = "slices too small to judge"

#: Observations of a window of rows prove nothing of a model after that time.
DAY = timedelta(days=1)


def judge(
    promise: Promise,
    evidence: Sequence[Evidence],
    *,
    spec: MeasureSpec,
    now: datetime,
    max_age: timedelta | None = None,
) -> Verdict:
    """Verdict on a promise, from the evidence of each of its cases (slices, columns).

    A promise is held when every case holds, broken when one is broken, unproven otherwise.

    Parameters
    ----------
    promise
        The promise, with its stage.
    evidence
        One piece for each case. Its intervals are already as wide as the number of cases and of looks asks for.
    spec
        The measure of the promise, for the words of the reason.
    now, max_age
        Evidence whose last observation is older than that is stale and proves nothing.

    Returns
    -------
    Verdict
        With the worst case as the deciding one.
    """
    if not evidence:
        return Verdict(promise, State.UNPROVEN, reason="no evidence yet", cases=0)
    judged = [(*_case(promise, each, now=now, max_age=max_age), each) for each in evidence]
    states = [state for state, _, _ in judged]
    if State.BROKEN in states:
        state = State.BROKEN
    elif State.UNPROVEN in states:
        state = State.UNPROVEN
    else:
        state = State.HELD
    chosen = [(reason, each) for found, reason, each in judged if found is state]
    reason, deciding = max(chosen, key=lambda pair: _badness(promise, pair[1]))
    return Verdict(
        promise,
        state,
        evidence=tuple(each.id for each in evidence),
        deciding=deciding,
        reason=_sentence(reason, deciding, spec, promise=promise, count=len(chosen), cases=len(judged), state=state),
        cases=len(judged),
    )


def _case(promise: Promise, evidence: Evidence, *, now: datetime, max_age: timedelta | None) -> tuple[State, str]:
    if evidence.status == "failed" or evidence.value is None:
        return State.UNPROVEN, evidence.reason or "not measured"
    if max_age is not None and now - observed(evidence) > max_age:
        return State.UNPROVEN, f"stale: the last observation is of {observed(evidence):%Y-%m-%d %H:%M:%S} UTC"
    low = evidence.value if evidence.low is None else evidence.low
    high = evidence.value if evidence.high is None else evidence.high
    inside, outside = _inside(promise, low, high), _outside(promise, low, high)
    if promise.confidence is not None:
        if inside:
            return State.HELD, "the whole interval keeps the bound"
        return (
            (State.BROKEN, "the whole interval breaks the bound")
            if outside
            else (
                State.UNPROVEN,
                "the interval reaches over the bound",
            )
        )
    within = promise.within(evidence.value)
    if promise.stage == "live" and not within and not outside:
        # Judged again and again: only an interval wholly beyond the bound is proof that it is broken.
        return State.UNPROVEN, "beyond the bound, but the interval still reaches into it"
    return (State.HELD, "keeps the bound") if within else (State.BROKEN, "breaks the bound")


def _inside(promise: Promise, low: float, high: float) -> bool:
    if promise.op == "!=":
        return not low <= promise.bound.base <= high
    return promise.within(low) and promise.within(high)


def _outside(promise: Promise, low: float, high: float) -> bool:
    if promise.op == "==":
        return not low <= promise.bound.base <= high
    return not promise.within(low) and not promise.within(high)


def _badness(promise: Promise, evidence: Evidence) -> tuple[float, str]:
    """How far a case is from its bound, for choosing the worst; ties go by id so that it is always the same one."""
    if evidence.value is None:
        return float("inf"), evidence.id
    bound = promise.bound.base
    if promise.op in ("<=", "<"):
        distance = evidence.value - bound
    elif promise.op in (">=", ">"):
        distance = bound - evidence.value
    else:
        distance = abs(evidence.value - bound)
    return distance, evidence.id


def _sentence(
    reason: str, deciding: Evidence, spec: MeasureSpec, *, promise: Promise, count: int, cases: int, state: State
) -> str:
    case = deciding.case_of(promise)
    about = f" ({case})" if case else ""
    if deciding.value is None:
        found = f"{spec.name}{about}: {reason.removeprefix(f'{spec.name}: ')}"
    else:
        found = f"{spec.name}{about} is {spec.show(deciding.value)}"
        if deciding.low is not None and deciding.high is not None:
            found += f" [{spec.show(deciding.low)}, {spec.show(deciding.high)}]"
        found += f", n={deciding.n}, {deciding.status}: {reason}"
    if cases > 1:
        found += f"; {count} of {cases} cases {state.value}"
    small = [str(each) for each in deciding.notes.get(TOO_SMALL, ())]
    return f"{found}; {small_text(small, deciding.notes.get(TOO_SMALL_COUNT))}" if small else found


def small_notes(small: Sequence[str]) -> dict[str, Any]:
    """Notes of an evidence on the slices that were too small to judge: the first of them, and how many there are."""
    if not small:
        return {}
    return {TOO_SMALL: list(small[:KEPT])} | ({TOO_SMALL_COUNT: len(small)} if len(small) > KEPT else {})


def small_text(small: Sequence[str], count: int | None = None) -> str:
    """Slices that were too small to judge, in words; `count` says how many there are, where not all are at hand."""
    others = (len(small) if count is None else count) - NAMED
    more = f" and {others} more" if others > 0 else ""
    return f"too small to judge: {', '.join(small[:NAMED])}{more}"


def observed(evidence: Evidence) -> datetime:
    """Time of the last observation that evidence stands on."""
    return evidence.time if evidence.window is None else evidence.window[1]


def longest_age(promise: Promise, *, late: timedelta = timedelta(0)) -> timedelta | None:
    """Age at which evidence on a promise is stale: its window, a day for a window of rows; None where it never is.

    `late` is how late the labels come that it needs: so much older its observations may be.
    """
    if promise.stage != "live":
        return None
    if promise.over is None or promise.over.dimension != "time":
        return DAY + late
    return timedelta(seconds=promise.over.base) + late


def evidence_confidence(promise: Promise, *, cases: int, look: int) -> float:
    """Confidence that the interval of one case needs.

    The error that the promise allows (5 % where it says nothing) is shared out: over the cases by Bonferroni, and for
    live promises over the looks, the j-th getting 1/(j(j+1)) of it (the series sums to one), so that looking any
    number of times keeps the error. Looks at a window that only grows are one look where the interval is
    anytime-valid; a window that slides is another sample each time.

    Parameters
    ----------
    promise
        The promise.
    cases
        Number of cases, at least 1.
    look
        Number of this look at the promise, from 1.

    Returns
    -------
    float
        In (0, 1).

    References
    ----------
    S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon (2021), "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49; the union bound over looks is folklore.
    """
    error = 1.0 - (promise.confidence if promise.confidence is not None else 0.95)
    decisive = promise.confidence is not None or promise.stage == "live"
    if decisive:
        error /= max(1, cases)
        if promise.stage == "live":
            error /= look * (look + 1)
    return 1.0 - max(error, 1e-12)
