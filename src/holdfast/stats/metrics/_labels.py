"""Class labels and scores as a classification metric needs them: checked, coded, in one order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue, NotMeasurable, one_of
from holdfast.stats._arrays import Array, Bools, Floats, Ints, finite, numbers, same_length


def labels(values: Any, *, what: str) -> Array:
    """One-dimensional array of labels, not empty, none missing.

    Raises
    ------
    InvalidValue
        If it has not one dimension.
    NotMeasurable
        If it is empty, or a label is None or NaN.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise InvalidValue(f"{what} of shape {array.shape}", expected="a one-dimensional array of labels")
    if array.size == 0:
        raise NotMeasurable(f"{what} is empty", expected="at least one row")
    if array.dtype.kind == "f":
        missing = int(np.count_nonzero(np.isnan(array)))
    elif array.dtype == object:
        missing = sum(1 for each in array.tolist() if each is None or (isinstance(each, float) and math.isnan(each)))
    else:
        missing = 0
    if missing:
        raise NotMeasurable(f"{what} is missing in {missing} of {array.size} rows", expected="a label in every row")
    return array


def pair(truth: Any, decision: Any) -> tuple[Array, Array]:
    """Truth and decisions, of one length and of one kind.

    Raises
    ------
    InvalidValue
        If the lengths differ, or one holds text and the other does not.
    NotMeasurable
        If there are no rows or a label is missing.
    """
    first, second = labels(truth, what="truth"), labels(decision, what="decision")
    same_length(first, second, what="truth and decision")
    if isinstance(first[0], str) != isinstance(second[0], str):
        raise InvalidValue(
            f"truth such as {first[0]!r} beside decisions such as {second[0]!r}", expected="labels of one type"
        )
    return first, second


def codes(*arrays: Array, classes: Sequence[Any] = ()) -> tuple[list[Any], list[Ints]]:
    """Codes of labels: their places in `classes`, or in the sorted labels that there are.

    Raises
    ------
    InvalidValue
        If a label is not one of the classes, or a class stands twice.
    """
    lists = [array.tolist() for array in arrays]
    found: set[Any] = set().union(*lists)
    if len(classes):
        names = list(classes)
        if len(set(names)) != len(names):
            raise InvalidValue(f"classes {names} name a class twice", expected="each once")
        strange = sorted(map(str, found - set(names)))
        if strange:
            raise InvalidValue(f"label {strange[0]!r}", expected=one_of(map(str, names), strange[0]))
    else:
        names = sorted(found, key=lambda each: (isinstance(each, str), each))
    place = {name: index for index, name in enumerate(names)}
    return names, [np.fromiter((place[each] for each in values), np.int64, len(values)) for values in lists]


def confusion(truth: Ints, decision: Ints, *, size: int) -> Ints:
    """Shape (size, size): rows by true class (first axis) and decided class (second axis)."""
    return np.bincount(truth * size + decision, minlength=size * size).reshape(size, size).astype(np.int64)


def is_positive(values: Array, positive: Any) -> Bools:
    """Shape (n,): where the label is the positive class."""
    return np.asarray(values == positive, dtype=bool)


def positive_of(truth: Array, positive: Any, classes: Sequence[Any]) -> Any:
    """Find the positive class: the one named, else the last of two classes, else 1 or true.

    Raises
    ------
    InvalidValue
        If none is named and the labels do not say, or a label or the class that is named is not one of the classes.
    """
    if len(classes):
        strange = sorted(map(str, (set(truth.tolist()) | ({positive} - {None})) - set(classes)))
        if strange:
            raise InvalidValue(f"label {strange[0]!r}", expected=one_of(map(str, classes), strange[0]))
    if positive is not None:
        return positive
    if len(classes) == 2:
        return classes[1]
    if set(truth.tolist()) <= {0, 1}:
        return 1
    raise InvalidValue("no positive class is named", expected="positive=..., or labels that are 0 and 1")


def binary_truth(truth: Any, *, positive: Any, classes: Sequence[Any] = ()) -> Bools:
    """Shape (n,): true for rows of the positive class; rows of both classes are there.

    Raises
    ------
    NotMeasurable
        If there are no positive rows or no negative rows.
    InvalidValue
        If no positive class is named and the labels do not say.
    """
    array = labels(truth, what="truth")
    name = positive_of(array, positive, classes)
    hit = is_positive(array, name)
    count = int(np.count_nonzero(hit))
    if count in (0, len(hit)):
        which = "no" if count == 0 else "only"
        raise NotMeasurable(
            f"{which} rows of the positive class {name!r} among {len(hit)}", expected="rows of both classes"
        )
    return hit


def positive_score(score: Any, *, rows: int, positive: Any, classes: Sequence[Any]) -> Floats:
    """Shape (n,): score of the positive class, from shape (n,) or from the column of that class in shape (n, 2).

    Raises
    ------
    InvalidValue
        If the shape does not fit.
    NotMeasurable
        If a score is NaN or infinite.
    """
    array = numbers(score, what="score")
    finite(array, what="score")
    if array.ndim == 2 and array.shape[1] == 2:
        array = array[:, list(classes).index(positive) if len(classes) and positive is not None else 1]
    if array.ndim != 1 or len(array) != rows:
        raise InvalidValue(f"score of shape {array.shape} for {rows} rows", expected=f"({rows},) or ({rows}, 2)")
    return array


def class_scores(score: Any, *, rows: int, classes: Sequence[Any]) -> Floats:
    """Shape (n, classes): scores by class.

    Raises
    ------
    InvalidValue
        If the shape does not fit.
    NotMeasurable
        If a score is NaN or infinite.
    """
    array = numbers(score, what="score")
    if array.shape != (rows, len(classes)):
        raise InvalidValue(f"score of shape {array.shape}", expected=f"({rows}, {len(classes)}): one column per class")
    finite(array, what="score")
    return array


def is_multiclass(score: Any, *, positive: Any, classes: Sequence[Any]) -> bool:
    """Whether the score is one of more than two classes, and no positive class is asked for."""
    return positive is None and (len(classes) > 2 or (np.ndim(score) == 2 and np.shape(score)[1] > 2))


def probabilities(score: Floats) -> Floats:
    """Hand back scores that are probabilities.

    Raises
    ------
    InvalidValue
        If one is outside [0, 1], or the rows of shape (n, classes) do not sum to 1 (within 1e-3).
    """
    least, most = float(score.min()), float(score.max())
    if least < -1e-6 or most > 1.0 + 1e-6:
        raise InvalidValue(f"scores from {least} to {most}", expected="probabilities, from 0 to 1")
    if score.ndim == 2:
        worst = float(np.abs(score.sum(axis=1) - 1.0).max())
        if worst > 1e-3:
            raise InvalidValue(f"probabilities of a row miss a sum of 1 by {worst:.3g}", expected="rows that sum to 1")
    return np.clip(score, 0.0, 1.0)
