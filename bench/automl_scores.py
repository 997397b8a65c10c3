"""Scores of the AutoML bench, and what is beyond noise.

The metric that engines are ranked by is the AUC for two classes, the log loss for more, the RMSE for numbers. Noise is
that of the test rows: paired bootstrap, the same resamples for every engine; over several seeds the resamples' means.
A difference whose 95 % interval holds 0 is a tie.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

RESAMPLES = 1000
TINY = 1e-15
#: Task -> the metric that engines are ranked by.
MAIN = {"binary": "auc", "multiclass": "log_loss", "regression": "rmse"}
HIGHER = {"auc", "accuracy"}


def auc(truth: np.ndarray, score: np.ndarray, weight: np.ndarray | None = None) -> float:
    """Area under the ROC curve; ties count half.

    Parameters
    ----------
    truth
        Shape (n,) bool.
    score
        Shape (n,).
    weight
        Shape (n,), how often each row stands; None for once.
    """
    return auc_of(truth, score)(np.ones(len(truth)) if weight is None else weight)


def auc_of(truth: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the area as a function of the rows' weights: the scores are sorted once."""
    levels, place = np.unique(score, return_inverse=True)
    count, sign = len(levels), truth.astype(float)

    def area(weight: np.ndarray) -> float:
        up = np.bincount(place, weights=weight * sign, minlength=count)
        down = np.bincount(place, weights=weight * (1.0 - sign), minlength=count)
        below = np.cumsum(down) - 0.5 * down
        whole = up.sum() * down.sum()
        return float(up @ below / whole) if whole else float("nan")

    return area


def rows_of(task: str, truth: np.ndarray, answers: np.ndarray) -> dict[str, np.ndarray]:
    """Losses by row, (n,) each: of classes (codes, probabilities) or of numbers.

    Classes that got no probability at all (an engine that never saw them) cost what 1e-15 costs.
    """
    if task == "regression":
        return {"square": (answers - truth) ** 2}
    share = np.clip(answers, TINY, None)
    share = share / share.sum(axis=1, keepdims=True)
    log = -np.log(share[np.arange(len(truth)), truth])
    return {"log_loss": log, "accuracy": (answers.argmax(axis=1) == truth).astype(float)}


def metrics(task: str, truth: np.ndarray, answers: np.ndarray) -> dict[str, float]:
    """Every metric of a task."""
    rows = rows_of(task, truth, answers)
    if task == "regression":
        return {"rmse": float(np.sqrt(rows["square"].mean()))}
    found = {name: float(each.mean()) for name, each in rows.items()}
    if task == "binary":
        found["auc"] = auc(truth == 1, answers[:, 1])
    return found


def resampled(task: str, truth: np.ndarray, answers: np.ndarray, seed: int) -> np.ndarray:
    """Return the main metric of each resample, (RESAMPLES,): the same rows for the same seed and number of rows."""
    rng = np.random.default_rng([seed, len(truth)])
    n = len(truth)
    made = np.empty(RESAMPLES)
    if task == "binary":
        value = auc_of(truth == 1, answers[:, 1])
    else:
        (name, mean) = ("square", np.sqrt) if task == "regression" else ("log_loss", float)
        losses = rows_of(task, truth, answers)[name]

        def value(weight: np.ndarray) -> float:
            return float(mean(weight @ losses / n))

    for each in range(RESAMPLES):
        made[each] = value(np.bincount(rng.integers(0, n, n), minlength=n).astype(float))
    return made


def compare(
    task: str, first: list[np.ndarray], second: list[np.ndarray], means: tuple[float, float]
) -> dict[str, object]:
    """Compare two engines on one data set.

    Parameters
    ----------
    task
        Says which way is better.
    first, second
        Resampled metric for each seed, as `resampled` gives it.
    means
        Mean metric of each over the seeds.

    Returns
    -------
    dict
        ``gain`` (above 0: the first is better), ``low`` and ``high`` of its 95 % interval, and the ``verdict``.
    """
    sign = 1.0 if MAIN[task] in HIGHER else -1.0
    drawn = sign * np.mean([one - two for one, two in zip(first, second, strict=True)], axis=0)
    drawn = drawn[np.isfinite(drawn)]
    low, high = np.quantile(drawn, [0.025, 0.975]) if len(drawn) else (0.0, 0.0)
    verdict = "better" if low > 0.0 else "worse" if high < 0.0 else "tie"
    return {"gain": sign * (means[0] - means[1]), "low": float(low), "high": float(high), "verdict": verdict}


def ranks(verdicts: dict[tuple[str, str], str], engines: list[str]) -> dict[str, float]:
    """Rank of each engine on one set: 1, and 1 for each engine that is better beyond noise, and a half for each tie."""
    found = {}
    for one in engines:
        against = [verdicts[one, other] for other in engines if other != one]
        found[one] = 1.0 + against.count("worse") + 0.5 * against.count("tie")
    return found
