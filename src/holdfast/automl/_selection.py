"""Selection: which columns a model uses, how surely, and which can be left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.core.errors import InvalidValue

#: Share of the rounds in which a column must help to be kept; half of them is what chance gives.
STABLE = 0.6
#: Rows of a fold that are permuted at most: the error of a mean does not fall for long.
MOST_ROWS = 4000
#: Confidence of the intervals.
CONFIDENCE = 0.95

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True)
class Importance:
    """What a column is worth to a model.

    Parameters
    ----------
    column
        Source column.
    mean
        Mean rise of the held-out loss when the column's values are dealt out anew among the rows; 0 is no use.
    low, high
        Interval of the mean.
    stability
        Share of the rounds (folds times repeats) in which the loss rose.
    rounds
        How many.
    """

    column: str
    mean: float
    low: float
    high: float
    stability: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Columns that are kept, in the order of the importances, and a sentence for each column."""

    kept: tuple[str, ...]
    reasons: Mapping[str, str]

    @property
    def dropped(self) -> tuple[str, ...]:
        """Columns that are left out."""
        return tuple(name for name in self.reasons if name not in self.kept)


def importances(
    matrix: np.ndarray,
    sources: Sequence[str | tuple[str, ...]],
    *,
    held: Sequence[np.ndarray],
    predicts: Sequence[Predict],
    losses: Callable[[np.ndarray, np.ndarray], np.ndarray],
    weights: np.ndarray,
    rng: np.random.Generator,
    repeats: int = 3,
    most_rows: int = MOST_ROWS,
    passed: Callable[[], bool] | None = None,
) -> tuple[Importance, ...]:
    """Permutation importance of each source column out of fold, the greatest first.

    Parameters
    ----------
    matrix
        Shape (n, d) float32: the encoded rows.
    sources
        Source column of each encoded feature, or the columns that it was made of, shape (d,). All features of a column
        are dealt out together; a feature of two columns is with each of them.
    held
        Rows that each fold holds out, as indices.
    predicts
        Margin (m, outputs) of rows (m, d) by the model of each fold.
    losses
        Loss (m,) of the margins of rows, which are given by index: ``losses(margin, rows)``.
    weights
        Shape (n,) float64.
    rng
        Draws the rows and deals the values out.
    repeats
        Rounds in each fold.
    most_rows
        Rows of a fold that are looked at.
    passed
        Whether the time is over: the folds done so far are answered with, one at least.

    Raises
    ------
    InvalidValue
        If the shapes do not fit, or there is no fold or repeat.

    References
    ----------
    L. Breiman (2001), "Random forests", Machine Learning 45; A. Fisher, C. Rudin and F. Dominici (2019), "All models
    are wrong, but many are useful", JMLR 20. The stability is after N. Meinshausen and P. Bühlmann (2010), "Stability
    selection", JRSS B 72. The interval widens for folds that share training rows: C. Nadeau and Y. Bengio (2003),
    "Inference for the generalization error", Machine Learning 52.
    """
    _check(matrix, sources, held, predicts, repeats)
    places = _places(sources)
    rises: list[np.ndarray] = []
    for rows, predict in zip(held, predicts, strict=True):
        if rises and passed is not None and passed():
            break
        some = rows if len(rows) <= most_rows else np.sort(rng.choice(rows, most_rows, replace=False))
        shared = weights[some] / weights[some].sum()
        part = np.array(matrix[some])
        base = shared @ losses(predict(part), some)
        found = np.zeros((repeats, len(places)))
        for index, where in enumerate(places.values()):
            kept = part[:, where]
            for repeat in range(repeats):
                part[:, where] = kept[rng.permutation(len(some))]
                found[repeat, index] = shared @ losses(predict(part), some) - base
            part[:, where] = kept
        rises.append(found)
    ratio = float(np.mean([len(rows) / max(1, len(matrix) - len(rows)) for rows in held]))
    table = np.stack(rises)
    made = [_importance(name, table[:, :, index], ratio=ratio) for index, name in enumerate(places)]
    return tuple(sorted(made, key=lambda each: (-each.mean, -each.stability, each.column)))


def _check(
    matrix: np.ndarray,
    sources: Sequence[str | tuple[str, ...]],
    held: Sequence[np.ndarray],
    predicts: Sequence[Predict],
    repeats: int,
) -> None:
    if len(sources) != matrix.shape[1]:
        raise InvalidValue(
            f"{len(sources)} sources", where="importances", expected=f"one for each of {matrix.shape[1]} features"
        )
    if len(held) != len(predicts) or not held:
        raise InvalidValue(f"{len(held)} folds, {len(predicts)} models", where="importances", expected="one for each")
    if repeats < 1 or not all(len(rows) for rows in held):
        raise InvalidValue(f"{repeats} repeats", where="importances", expected="at least 1, and rows in every fold")


def _places(sources: Sequence[str | tuple[str, ...]]) -> dict[str, np.ndarray]:
    found: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        for name in (source,) if isinstance(source, str) else source:
            found.setdefault(name, []).append(index)
    return {name: np.array(each) for name, each in found.items()}


def _importance(name: str, rises: np.ndarray, *, ratio: float) -> Importance:
    from scipy.special import stdtrit

    # One fold alone has its repeats to say how sure it is.
    values = rises.mean(axis=1) if len(rises) > 1 else rises[0]
    mean, count = float(values.mean()), len(values)
    wide = 0.0
    if count > 1:
        spread = float(values.std(ddof=1)) * np.sqrt(1.0 / count + (ratio if len(rises) > 1 else 0.0))
        wide = spread * float(stdtrit(count - 1, 0.5 + CONFIDENCE / 2.0))
    return Importance(name, mean, mean - wide, mean + wide, float((rises > 0.0).mean()), rises.size)


def select(importances: Sequence[Importance], *, least: float = STABLE) -> Selection:
    """Keep the columns that help in at least `least` of the rounds; one is always kept.

    A column that does not help is not yet one that harms: whether the model does without is for its refit to say
    (`holdfast.automl._features.accept.worse`). Of two columns that tell the same, both may seem of no use here.

    Raises
    ------
    InvalidValue
        If there is no importance, or `least` is not in [0, 1].
    """
    if not importances or not 0.0 <= least <= 1.0:
        raise InvalidValue(
            f"{len(importances)} importances, least {least}", where="selection", expected="some, and a share"
        )
    best = max(importances, key=lambda each: (each.mean, each.stability))
    kept = [each for each in importances if each.mean > 0.0 and each.stability >= least] or [best]
    names = {each.column for each in kept}
    return Selection(
        tuple(each.column for each in kept), {e.column: _why(e, kept=e.column in names) for e in importances}
    )


def _why(found: Importance, *, kept: bool) -> str:
    share = f"in {found.stability:.0%} of {found.rounds} rounds"
    if found.stability == 0.0 and found.mean == 0.0:
        return f"the model never looks at it{'; the only column left' if kept else ''}"
    if kept:
        return f"dealing its values out anew raised the loss {share}, by {found.mean:.3g}"
    return f"dealing its values out anew raised the loss {share} only, by {found.mean:.3g}"


def sparsest(importances: Sequence[Importance], most: int) -> Selection:
    """Keep at most so many columns, those of the greatest importance, and none that is of no use.

    Raises
    ------
    InvalidValue
        If there is no importance, or `most` is below 1.
    """
    if most < 1:
        raise InvalidValue(f"at most {most} columns", where="selection", expected="at least 1")
    useful = select(importances, least=0.0)
    kept = useful.kept[:most]
    reasons = dict(useful.reasons)
    for place, name in enumerate(useful.kept[most:], start=most + 1):
        reasons[name] = f"number {place} by importance; at most {most} columns were promised"
    return Selection(kept, reasons)


def steps(count: int, most: int) -> tuple[int, ...]:
    """Numbers of columns to go down by, each two thirds of the last, to `most`: refit, weigh anew, leave out, again.

    Going down at once keeps both of two columns that tell the same; in steps, the one that is left gains what the other
    lost (recursive elimination: I. Guyon et al. 2002, "Gene selection for cancer classification", Machine Learning 46).

    Examples
    --------
    >>> steps(30, 5)
    (20, 13, 8, 5)
    """
    if most < 1:
        raise InvalidValue(f"at most {most} columns", where="selection", expected="at least 1")
    made: list[int] = []
    while count > most:
        count = max(most, count * 2 // 3)
        made.append(count)
    return tuple(made)
