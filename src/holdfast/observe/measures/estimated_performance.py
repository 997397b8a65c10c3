"""Estimated performance: how well the model does while labels are still missing."""

from __future__ import annotations

import numpy as np

from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Window
from holdfast.observe._estimate import balanced, known, loss

#: Measures that it stands in for.
ESTIMATES = ("roc_auc", "accuracy", "precision", "recall", "f1", "brier", "log_loss", "balanced_accuracy")

#: To be said with every verdict that rests on an estimate.
ASSUMES = "holds if P(y|x) did not move"


@measure(
    "estimated_performance",
    unit="number",
    range=(0, None),
    better="target",
    stages=("live",),
    subject="window",
    source="J. Bialek et al. (2024), Estimating model performance under covariate shift, arXiv 2401.08348",
    cost=0.5,
    estimates=ESTIMATES,
)
def estimated_performance(
    window: Window,
    metric: str,
    *args: str | float,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    anytime: bool = False,
) -> Value:
    """Performance that is to be expected in the window, from calibrated scores (CBPE); no labels are needed.

    Parameters
    ----------
    window
        The model's answers on reference rows whose truth is known, beside its answers in the window.
    metric
        One of `ESTIMATES`; for more than two classes the accuracy only.
    args
        Arguments of the metric; those estimated here have none.
    confidence
        Of the interval, in (0, 1).
    rng
        Generator of the refits (for losses); None for a fixed seed.
    anytime
        Whether the interval must stay valid however often it is looked at.

    Returns
    -------
    Value
        In the unit of the metric; n is the number of answers in the window. Scores are calibrated on the reference by
        isotonic regression. The notes say what must hold: that the chance of the outcome given the features did not
        move. A change of the features alone is seen; a change of what they mean is not.

    Raises
    ------
    InvalidValue
        If the metric cannot be estimated, or is given arguments.
    NotMeasurable
        If there are no answers, too few reference rows, one class only, or the task does not fit.

    References
    ----------
    Bialek et al. (2024), as above; B. Zadrozny, C. Elkan (2002), "Transforming classifier scores into accurate
    multiclass probability estimates", KDD.
    """
    from holdfast.stats.calibration import estimated

    if metric not in ESTIMATES:
        raise InvalidValue(
            f"{metric!r} cannot be estimated without labels",
            where="estimated_performance",
            expected=one_of(ESTIMATES, str(metric)),
        )
    if args:
        raise InvalidValue(f"{metric} with arguments {list(args)}", where="estimated_performance", expected="none")
    found = known(window, metric)
    if metric in ("brier", "log_loss"):
        made = loss(found, metric=metric, confidence=confidence, anytime=anytime, rng=rng or np.random.default_rng(0))
    elif metric == "balanced_accuracy":
        made = balanced(found, confidence=confidence, anytime=anytime)
    else:
        made = estimated(
            metric,
            (found.score, found.hit),
            score=found.asked,
            decision=found.decided,
            confidence=confidence,
            anytime=anytime,
        )
    notes = {**made.notes, "assumes": ASSUMES, "reference rows": len(found.hit)}
    return Value(made.value, made.low, made.high, n=made.n, method=made.method, notes=notes)
