"""Groups of rows: queries or series, coded in the order in which they first occur."""

from __future__ import annotations

from typing import Any

import numpy as np

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Ints


def group_codes(group: Any, *, rows: int) -> tuple[Ints, int]:
    """Code of each row's group, and how many groups there are; one group where `group` is None.

    Raises
    ------
    InvalidValue
        If there are not as many as rows.
    """
    if group is None:
        return np.zeros(rows, dtype=np.int64), 1
    array = np.asarray(group)
    if array.shape != (rows,):
        raise InvalidValue(f"group of shape {array.shape}", expected=f"({rows},)")
    place: dict[Any, int] = {}
    codes = np.fromiter((place.setdefault(each, len(place)) for each in array.tolist()), np.int64, rows)
    return codes, len(place)


def by_group(codes: Ints, *, groups: int) -> list[Ints]:
    """Rows of each group, in their order."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes, minlength=groups))[:-1])
