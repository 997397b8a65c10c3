"""Plain data read with care: whatever a trainer left out or got wrong is nothing here, never an error."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from typing import Any

#: Greatest number that is drawn or told: what is beyond is a failure of arithmetic, not a finding.
MOST = 1e300


def number(value: Any) -> float | None:
    """The finite number, or None for anything else (text, truth values, NaN, infinity).

    Examples
    --------
    >>> number(3), number("3"), number(float("nan")), number(True)
    (3.0, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        found = float(value)
    except (OverflowError, ValueError):
        return None
    return found if math.isfinite(found) and abs(found) <= MOST else None


def whole(value: Any) -> int | None:
    """The whole number of at least 0, or None.

    Examples
    --------
    >>> whole(3.0), whole(-1), whole(0.5), whole(None)
    (3, None, None, None)
    """
    found = number(value)
    return int(found) if found is not None and found >= 0.0 and found == math.floor(found) else None


def numbers(value: Any) -> list[float]:
    """The finite numbers of a list, in their order; empty for anything else."""
    return [found for each in _listed(value) if (found := number(each)) is not None]


def word(value: Any) -> str:
    """A text as it is, a number or truth value as text, nothing for nothing.

    Examples
    --------
    >>> word("age"), word(None), word(3)
    ('age', '', '3')
    """
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)


def words(value: Any) -> list[str]:
    """The texts of a list that are not empty; a text alone is a list of one."""
    if isinstance(value, str):
        return [value] if value else []
    return [found for each in _listed(value) if (found := word(each))]


def truth(value: Any) -> bool | None:
    """Whether, or None where nobody says."""
    return value if isinstance(value, bool) else None


def part(report: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping under a key, empty for anything else."""
    found = report.get(key)
    return found if isinstance(found, Mapping) else {}


def items(report: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list under a key, in their order; empty for anything else."""
    return [each for each in _listed(report.get(key)) if isinstance(each, Mapping)]


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else ()
