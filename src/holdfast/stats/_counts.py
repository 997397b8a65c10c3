"""Counts of categories: exact up to so many, then those that matter, with the error stated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from holdfast.core.errors import InvalidValue

#: Categories that are counted.
CAPACITY = 2048


class Counts:
    """How often each category occurs.

    Up to `capacity` categories the counts are exact. Beyond, the rare ones are dropped (Misra-Gries): a count is then
    too low by at most `error`, which is at most ``n / (capacity + 1)``, and every category more frequent than that is
    kept.

    Parameters
    ----------
    capacity
        Categories that are counted, at least 1.

    References
    ----------
    J. Misra, D. Gries (1982), "Finding repeated elements", Science of Computer Programming 2; P. K. Agarwal, G.
    Cormode, Z. Huang, J. M. Phillips, Z. Wei, K. Yi (2012), "Mergeable summaries", PODS.

    Examples
    --------
    >>> counts = Counts(capacity=2)
    >>> counts.update({"a": 5, "b": 3, "c": 1})
    >>> counts.held, counts.error
    ({'a': 4, 'b': 2}, 1)
    """

    __slots__ = ("capacity", "error", "held", "n")

    def __init__(self, capacity: int = CAPACITY) -> None:
        if capacity < 1:
            raise InvalidValue(f"capacity {capacity}", expected="at least 1")
        self.capacity = capacity
        self.held: dict[str, int] = {}
        self.n = 0
        self.error = 0

    @property
    def exact(self) -> bool:
        """Whether every count is exact."""
        return self.error == 0

    @property
    def others(self) -> int:
        """Rows that no held count stands for."""
        return self.n - sum(self.held.values())

    def update(self, found: Mapping[str, int] | Iterable[tuple[str, int]]) -> None:
        """Take in counts of categories."""
        held = self.held
        for name, count in found.items() if isinstance(found, Mapping) else found:
            held[name] = held.get(name, 0) + count
            self.n += count
        self._prune()

    def merge(self, other: Counts) -> Counts:
        """Counts of both; neither is changed.

        Raises
        ------
        InvalidValue
            If they count different numbers of categories.
        """
        if other.capacity != self.capacity:
            raise InvalidValue(f"counts of capacity {self.capacity} and {other.capacity}", expected="one capacity")
        made = Counts(self.capacity)
        made.error = self.error + other.error
        made.update(self.held | {name: self.held.get(name, 0) + count for name, count in other.held.items()})
        made.n = self.n + other.n
        return made

    def top(self, most: int | None = None) -> list[tuple[str, int]]:
        """Categories and their counts, most frequent first, ties by name."""
        return sorted(self.held.items(), key=lambda pair: (-pair[1], pair[0]))[:most]

    def _prune(self) -> None:
        if len(self.held) <= self.capacity:
            return
        taken = sorted(self.held.values(), reverse=True)[self.capacity]
        self.held = {name: count - taken for name, count in self.held.items() if count > taken}
        self.error += taken

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same counts of."""
        return {"capacity": self.capacity, "n": self.n, "error": self.error, "held": dict(self.top())}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Counts that `to_dict` described.

        Raises
        ------
        InvalidValue
            If a field is missing or more is counted than there are rows.
        """
        try:
            made = cls(int(data["capacity"]))
            made.n, made.error = int(data["n"]), int(data["error"])
            made.held = {str(name): int(count) for name, count in data["held"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidValue(f"no counts: {error}", expected="the data that to_dict() gave") from error
        if made.others < 0:
            raise InvalidValue(f"more rows are counted than the {made.n} there are", expected="counts that sum to n")
        return made
