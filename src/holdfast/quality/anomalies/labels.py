"""Label errors: which labels are probably wrong, from models that have not seen them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, EmptyTable, InvalidValue, NotMeasurable, UnusableTarget, one_of

__all__ = ["NOISES", "LabelErrors", "label_errors"]

MOST_CLASSES = 100
#: How wrong labels are taken to come about.
NOISES = ("symmetric", "by class")


@dataclass(frozen=True, slots=True, eq=False)
class LabelErrors:
    """Labels and how probably each is wrong.

    Parameters
    ----------
    score
        Shape (n,) float64 in [0, 1], higher for labels that are more probably wrong; NaN for rows that have no score
        (no label, or a class of too few rows).
    flag
        Shape (n,) bool: the labels to look at.
    given
        Shape (n,): the labels as they stand in the table.
    suggested
        Shape (n,), of the type of `given`: the most probable class; null without a score. It is the label itself
        where that is the most probable one.
    classes
        The classes, in the order of `noise`.
    noise
        Shape (classes, classes) float64: estimated number of rows by given class (rows) and true class (columns),
        the confident joint. It counts what is hard to tell as well as what is wrong, so it is an upper estimate.
    probabilities
        Shape (n, classes) float64: of each class, from models that have not seen the row; NaN without a score.
    share
        Estimated share of wrong labels among the scored, in [0, 1], from the rows that are surest of their class.
    low, high
        Bounds of `share`. `low` is 0, for no table excludes that its labels are right and merely hard to tell; `high`
        is what the confident joint counts, with Wilson's 95 % bound.
    used
        Feature columns that took part.
    notes
        What was left out, and what to know about the result.
    """

    score: Any
    flag: Any
    given: pl.Series
    suggested: pl.Series
    classes: tuple[Any, ...]
    noise: Any
    probabilities: Any
    share: float
    low: float
    high: float
    used: tuple[str, ...]
    notes: tuple[str, ...]

    def ranking(self) -> Any:
        """Positions of the scored rows, those whose label is most probably wrong first; ties by position."""
        scored = np.flatnonzero(~np.isnan(self.score))
        return scored[np.argsort(-self.score[scored], kind="stable")]

    def to_rows(self, top: int | None = None) -> list[dict[str, Any]]:
        """Scored rows as plain data, worst first: ``row``, ``label``, ``suggested``, ``score``, ``flag``.

        Parameters
        ----------
        top
            How many; None for all.
        """
        order = self.ranking()[:top].tolist()
        return [
            {
                "row": row,
                "label": _plain(self.given[row]),
                "suggested": _plain(self.suggested[row]),
                "score": float(self.score[row]),
                "flag": bool(self.flag[row]),
            }
            for row in order
        ]


def _plain(label: Any) -> Any:
    """A label as JSON has it; what JSON has not becomes text."""
    return label if isinstance(label, (str, bool, int, float)) else str(label)


@dataclass(frozen=True, slots=True)
class _Labels:
    """Classes of the rows that can be judged."""

    classes: tuple[Any, ...]
    codes: Any
    scored: Any
    notes: tuple[str, ...]


def label_errors(
    rows: pl.DataFrame,
    target: str,
    *,
    features: Sequence[str] | None = None,
    folds: int = 5,
    seed: int = 0,
    noise: str = "symmetric",
) -> LabelErrors:
    """Score each label by how probably it is wrong.

    Each row is judged by models that have seen neither it nor rows equal to it: a regularised linear model, gradient
    boosted trees on categories and on indicators, in small tables extremely randomised trees as well. Their
    probabilities are pooled. What is then probably wrong counts less, and all models are fitted a second time: that
    is the pruning of confident learning, done softly. The score is one less the pooled probability of the label.

    Parameters
    ----------
    rows
        Shape (n, columns).
    target
        Column of the labels: text, truth, categories, or numbers of which at most 100 differ. Rows without a label, and
        classes of fewer than `folds` rows, have no score.
    features
        Columns to judge by; None for all that say something. Those that number or name the rows, are constant,
        nested, or stand for the classes without any exception, are left out, and the notes say so.
    folds
        Of the cross-validation, at least 2.
    seed
        Of folds and models: the same seed gives the same result on the same machine.
    noise
        ``symmetric``: all classes are mislabelled equally often. Without rows that are surely of each class nothing in
        a table can show the contrary. ``by class``: how often is read off the rows that are surest of each class;
        better where one class is mislabelled much more often and classes can be told well, worse otherwise.

    Returns
    -------
    LabelErrors
        Scores, flags, suggestions, the estimated noise, and notes.

    Raises
    ------
    ColumnNotFound
        If there is no such column.
    EmptyTable
        If there are no rows.
    UnusableTarget
        If fewer than two classes have `folds` rows, there are more than 100, or the labels are quantities.
    InvalidValue
        If an option is out of its range, or the target is among the features.
    NotMeasurable
        If no column says anything about a row.

    References
    ----------
    C. G. Northcutt, L. Jiang, I. L. Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
    Journal of Artificial Intelligence Research 70.

    Examples
    --------
    >>> size = np.arange(200) % 100
    >>> table = pl.DataFrame({"size": size * 1.5, "big": np.where((size > 50) ^ (np.arange(200) == 7), "yes", "no")})
    >>> label_errors(table, "big").to_rows(1)[0]["row"]
    7
    """
    _check(rows, target, features, folds=folds, noise=noise)
    labels = _labels(rows[target], target, folds=folds)
    kept = rows.filter(pl.Series(labels.scored))
    codes = labels.codes[labels.scored]
    encoded, notes = _features(kept, target, features, codes, seed=seed)
    table = _probabilities(kept, encoded, codes, folds=folds, seed=seed, classes=len(labels.classes))
    return _found(rows[target], labels, codes, table, noise=noise, used=encoded.used, notes=labels.notes + notes)


def _check(rows: pl.DataFrame, target: str, features: Sequence[str] | None, *, folds: int, noise: str) -> None:
    for name in (target, *(features or ())):
        if name not in rows.columns:
            raise ColumnNotFound(f"no column {name!r}", expected=one_of(rows.columns, name))
    if features is not None and target in features:
        raise InvalidValue(f"the target {target!r} is among the features", expected="other columns")
    if folds < 2:
        raise InvalidValue(f"{folds} folds", expected="at least 2")
    if noise not in NOISES:
        raise InvalidValue(f"noise {noise!r}", expected=one_of(NOISES, noise))
    if rows.height == 0:
        raise EmptyTable("the table has no rows", expected="labels to judge")


def _labels(column: pl.Series, target: str, *, folds: int) -> _Labels:
    kind = column.dtype
    if kind.is_nested() or kind in (pl.Binary, pl.Object):
        raise UnusableTarget(f"{target!r} holds {kind}", expected="text, truth, categories or numbers")
    there = column.is_not_null()
    if kind.is_float():
        there &= column.is_not_nan().fill_null(value=False)
    values = column.filter(there).unique().sort()
    if kind.is_numeric() and len(values) > max(20, int(0.05 * len(column))):
        raise UnusableTarget(f"{target!r} holds {len(values)} different numbers: a quantity", expected="classes")
    counted = column.filter(there).value_counts(name="rows in all")
    rows_of = dict(zip(counted[column.name].to_list(), counted["rows in all"].to_list(), strict=True))
    large = tuple(each for each in values.to_list() if rows_of[each] >= folds)
    if not 2 <= len(large) <= MOST_CLASSES:
        right = f"2 to {MOST_CLASSES} classes of at least {folds} rows (as many as folds)"
        raise UnusableTarget(f"{target!r} has {len(large)} of {len(values)} classes large enough", expected=right)
    code = {each: index for index, each in enumerate(large)}
    codes = np.array([-1 if each is None else code.get(each, -1) for each in column.to_list()], dtype=np.int64)
    return _Labels(large, codes, codes >= 0, _label_notes(column, there, len(values) - len(large), folds=folds))


def _label_notes(column: pl.Series, there: pl.Series, small: int, *, folds: int) -> tuple[str, ...]:
    notes = []
    missing = len(column) - int(there.sum())
    if missing:
        notes.append(f"{missing} rows have no label and no score")
    if small:
        notes.append(f"{small} classes have fewer than {folds} rows: their labels have no score")
    return tuple(notes)


def _features(
    kept: pl.DataFrame, target: str, features: Sequence[str] | None, codes: Any, *, seed: int
) -> tuple[Any, tuple[str, ...]]:
    from holdfast.quality.anomalies._encoding import copies, encode

    asked = [name for name in (kept.columns if features is None else dict.fromkeys(features)) if name != target]
    flat = tuple(name for name in asked if not kept[name].dtype.is_nested() and kept[name].dtype != pl.Binary)
    notes = []
    for name, share in copies(kept, flat, codes).items():
        if share == 1.0:
            asked.remove(name)
            notes.append(f"{name} is left out: it is {target} in other words, in every row")
        else:
            notes.append(f"{name} agrees with {target} in {share:.1%} of the rows: leave it out if it was made from it")
    encoded = encode(kept, asked, seed=seed)
    if not encoded.used:
        raise NotMeasurable(
            f"no column says anything about {target!r}: " + "; ".join((*notes, *encoded.notes) or ("there is none",)),
            expected="at least one column of numbers, times, categories or prose",
        )
    return encoded, (*notes, *encoded.notes)


def _probabilities(kept: pl.DataFrame, encoded: Any, codes: Any, *, folds: int, seed: int, classes: int) -> Any:
    from threadpoolctl import threadpool_limits

    from holdfast.quality.anomalies._encoding import identical_rows
    from holdfast.quality.anomalies._labels_models import REPEAT_ROWS, fold_numbers, out_of_fold, pooled
    from holdfast.quality.anomalies._labels_noise import noise_weights

    groups = identical_rows(kept, encoded.used)

    def judged(weights: Any, repeat: int) -> Any:
        rng = np.random.default_rng([seed, repeat])
        fold = fold_numbers(codes, groups, folds=folds, rng=rng)
        tables = out_of_fold(encoded, codes, fold=fold, weights=weights, seed=seed + repeat, classes=classes)
        return pooled(tables, codes, weights)

    with threadpool_limits(limits=1):
        weights = noise_weights(judged(np.ones(len(codes)), 0), codes)
        repeats = max(1, min(2, REPEAT_ROWS // (2 * len(codes))))
        found: Any = sum(judged(weights, repeat) for repeat in range(repeats))
    return found / repeats


def _found(
    given: pl.Series, labels: _Labels, codes: Any, table: Any, *, noise: str, used: tuple[str, ...], notes: Any
) -> LabelErrors:
    from holdfast.quality.anomalies._labels_noise import anchor_rates, confident_joint, flags_of, wrong_probability
    from holdfast.stats.intervals import wilson

    joint = confident_joint(table, codes)
    rates = anchor_rates(table, codes)
    own = 1.0 - table[np.arange(len(codes)), codes]
    score = own if noise == "symmetric" else wrong_probability(table, codes, rates, joint)
    # The class that is wrong least is the bound that holds for all where all are wrong equally often.
    taken = np.full(len(rates), float(rates.min())) if noise == "symmetric" else rates
    share = float(np.mean(wrong_probability(table, codes, taken, joint)))
    flag = flags_of(score, table, codes, joint, share=share)
    high = wilson(min(len(codes), max(share, 1.0 - np.trace(joint) / len(codes)) * len(codes)), len(codes))[1]
    full = _Spread(labels.scored, labels.classes, given)
    return LabelErrors(
        score=full.numbers(score, float("nan")),
        flag=full.numbers(flag, fill=False),
        given=given,
        suggested=full.labels(table.argmax(axis=1)),
        classes=labels.classes,
        noise=joint,
        probabilities=full.numbers(table, float("nan")),
        share=share,
        low=0.0,
        high=high,
        used=used,
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Spread:
    """From the rows that can be judged to all rows."""

    scored: Any
    classes: tuple[Any, ...]
    given: pl.Series

    def numbers(self, values: Any, fill: Any) -> Any:
        full = np.full((len(self.scored), *values.shape[1:]), fill, dtype=values.dtype)
        full[self.scored] = values
        return full

    def labels(self, codes: Any) -> pl.Series:
        full = self.numbers(codes, -1).tolist()
        values = [None if each < 0 else self.classes[each] for each in full]
        return pl.Series("suggested", values, dtype=self.given.dtype)
