"""Arrays as they come in: types, and the checks that every module shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from holdfast.core.errors import InvalidValue, NotMeasurable

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

#: Seed of the generator used where a caller hands none over: the same inputs then give the same interval.
DEFAULT_SEED = 20260101


def generator(rng: np.random.Generator | None) -> np.random.Generator:
    """Hand back the generator given, or one with a fixed seed."""
    return np.random.default_rng(DEFAULT_SEED) if rng is None else rng


def checked_confidence(confidence: float) -> float:
    """Hand back the confidence if it lies strictly between 0 and 1.

    Raises
    ------
    InvalidValue
        If it does not.
    """
    if not 0.0 < confidence < 1.0:
        raise InvalidValue(f"confidence {confidence}", expected="a number above 0 and below 1, such as 0.95")
    return float(confidence)


def floats(values: Any, *, what: str) -> Floats:
    """One-dimensional float64 array, not empty, every value finite.

    Raises
    ------
    InvalidValue
        If it is no one-dimensional array of numbers.
    NotMeasurable
        If it is empty or holds NaN or an infinity.
    """
    array = numbers(values, what=what)
    if array.ndim != 1:
        raise InvalidValue(f"{what} of shape {array.shape}", expected="a one-dimensional array")
    finite(array, what=what)
    return array


def numbers(values: Any, *, what: str) -> Floats:
    """Float64 array of any shape.

    Raises
    ------
    InvalidValue
        If the values are no numbers.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidValue(f"{what} holds something that is no number", expected="numbers") from error


def finite(array: Floats, *, what: str) -> None:
    """Check that there is something and that all of it is finite.

    Raises
    ------
    NotMeasurable
        If the array is empty, or NaN or infinite anywhere.
    """
    if array.size == 0:
        raise NotMeasurable(f"{what} is empty", expected="at least one row")
    good = np.isfinite(array)
    if not good.all():
        bad = int(array.size - np.count_nonzero(good))
        raise NotMeasurable(f"{what} holds {bad} values that are NaN or infinite", expected="finite numbers")


def same_length(first: Array, second: Array, *, what: str) -> None:
    """Check that two arrays have as many rows.

    Raises
    ------
    InvalidValue
        If they have not.
    """
    if len(first) != len(second):
        raise InvalidValue(f"{what} have lengths {len(first)} and {len(second)}", expected="one length")
