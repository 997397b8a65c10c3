"""Performance of a window without labels, from what the scores meant on the reference."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.subjects import Scored, Window

#: Refits of the calibration, from which its share of the uncertainty of a loss is taken.
REFITS = 60

_LEAST = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What an estimate stands on.

    Parameters
    ----------
    score, hit
        Shape (n,): reference scores, and whether what they are the chance of came true.
    asked, decided
        Shape (m,): the window's scores, and whether it was decided for the positive class.
    """

    score: np.ndarray
    hit: np.ndarray
    asked: np.ndarray
    decided: np.ndarray


def known(window: Window, name: str) -> Known:
    """Take scores, outcomes and decisions of a window as an estimate needs them.

    For two classes the score is the probability of the positive one. For more, only the accuracy can be estimated:
    the score is the probability of the class decided for, and what comes true is that the decision is right.

    Raises
    ------
    NotMeasurable
        If there are no answers, or the task and the metric do not fit.
    """
    scored = window.reference_scored
    if scored is None or scored.n == 0 or window.current_score is None or len(window.current_score) == 0:
        raise NotMeasurable(
            "no answers to estimate from", where="estimated_performance", expected="scores of reference and window"
        )
    if scored.task == "binary":
        return _binary(scored, window)
    if scored.task == "multiclass" and name == "accuracy":
        return _right(scored, window)
    raise NotMeasurable(
        f"{name} of a task {scored.task!r} cannot be estimated without labels",
        where="estimated_performance",
        expected="two classes, or the accuracy of several",
    )


def _binary(scored: Scored, window: Window) -> Known:
    positive = scored.positive if scored.positive is not None else scored.classes[-1]
    place = scored.classes.index(positive)
    asked = np.asarray(window.current_score, dtype=np.float64)
    decision = _decisions(scored, window)
    return Known(
        score=np.asarray(scored.score[:, place], dtype=np.float64),
        hit=np.asarray(scored.truth == positive, dtype=bool),
        asked=asked[:, place],
        decided=np.asarray(decision == positive, dtype=bool),
    )


def _right(scored: Scored, window: Window) -> Known:
    names = np.asarray(scored.classes, dtype=object)
    place = {name: index for index, name in enumerate(scored.classes)}
    decided = names[scored.score.argmax(axis=1)] if scored.decision is None else scored.decision
    before = np.fromiter((place[each] for each in decided), np.int64, scored.n)
    asked = np.asarray(window.current_score, dtype=np.float64)
    after = np.fromiter((place[each] for each in _decisions(scored, window)), np.int64, len(asked))
    return Known(
        score=scored.score[np.arange(scored.n), before],
        hit=np.asarray(scored.truth == decided, dtype=bool),
        asked=asked[np.arange(len(asked)), after],
        decided=np.ones(len(asked), dtype=bool),
    )


def _decisions(scored: Scored, window: Window) -> np.ndarray:
    if window.current_decision is not None:
        return window.current_decision
    names = np.asarray(scored.classes, dtype=object)
    decided: np.ndarray = names[np.asarray(window.current_score).argmax(axis=1)]
    return decided


def loss(found: Known, *, metric: str, confidence: float, anytime: bool, rng: np.random.Generator) -> Value:
    """Estimate the Brier score or the log loss: the expected loss of each score under its calibrated chance.

    Parameters
    ----------
    found
        What it stands on; two classes.
    metric
        ``brier`` or ``log_loss``.
    confidence
        Of the interval, in (0, 1).
    anytime
        True for an asymptotic confidence sequence.
    rng
        Generator of the refits.

    Returns
    -------
    Value
        With a normal interval for the outcomes that are not known yet, and for the calibration: its variance is that
        over refits on bootstrap samples of the reference.

    Raises
    ------
    NotMeasurable
        If the reference is of one class.
    """
    from holdfast.stats.calibration import fit_isotonic
    from holdfast.stats.intervals import critical

    if found.hit.all() or not found.hit.any():
        raise NotMeasurable("the reference rows are of one class", expected="reference rows of both classes")
    if_positive, if_negative = _losses(found.asked, metric)
    chance = fit_isotonic(found.score, found.hit).apply(found.asked)
    value = float(np.mean(chance * if_positive + (1.0 - chance) * if_negative))
    m = len(found.asked)
    outcomes = float((chance * (1.0 - chance) * (if_positive - if_negative) ** 2).sum()) / m**2
    refits = []
    for _ in range(REFITS):
        rows = rng.integers(0, len(found.hit), len(found.hit))
        again = fit_isotonic(found.score[rows], found.hit[rows]).apply(found.asked)
        refits.append(float(np.mean(again * if_positive + (1.0 - again) * if_negative)))
    error = math.sqrt(outcomes + float(np.var(refits, ddof=1)))
    half = critical(confidence, n=m, anytime=anytime) * error
    method = "CBPE, normal, asymptotic confidence sequence" if anytime else "CBPE, normal"
    return Value(value, max(0.0, value - half), value + half, n=m, method=method, notes={"estimates": metric})


def _losses(score: np.ndarray, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Loss of each score if the row is positive, and if it is negative."""
    if metric == "brier":
        return (1.0 - score) ** 2, score**2
    kept = np.clip(score, _LEAST, 1.0 - _LEAST)
    return -np.log(kept), -np.log1p(-kept)


def balanced(found: Known, *, confidence: float, anytime: bool) -> Value:
    """Estimate the balanced accuracy: the mean of recall and specificity, with the interval of a sum (MOVER)."""
    from holdfast.stats.calibration import estimated
    from holdfast.stats.intervals import mover

    recall, specificity = (
        estimated(
            each,
            (found.score, found.hit),
            score=found.asked,
            decision=found.decided,
            confidence=confidence,
            anytime=anytime,
        )
        for each in ("recall", "specificity")
    )
    both = (recall, specificity)
    value = float(np.mean([each.value for each in both]))
    low, high = mover(
        np.array([each.value for each in both]),
        np.array([each.value if each.low is None else each.low for each in both]),
        np.array([each.value if each.high is None else each.high for each in both]),
        weights=np.array([0.5, 0.5]),
    )
    return Value(
        value,
        max(0.0, low),
        min(1.0, max(high, value)),
        n=len(found.asked),
        method=f"{recall.method}, MOVER",
        notes={**recall.notes, "estimates": "balanced_accuracy"},
    )
