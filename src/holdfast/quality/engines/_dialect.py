"""Where SQL engines differ."""

from __future__ import annotations

from typing import Protocol


class Dialect(Protocol):
    """Where engines differ."""

    label: str
    text: str
    double: str
    bigint: str
    timestamp: str
    moment: str

    def call(self, function: str, value: str) -> str:
        """SQL of a function of `Call` that is not the same everywhere."""
        ...

    def nan(self, value: str) -> str:
        """Whether a float is NaN."""
        ...

    def infinite(self, value: str) -> str:
        """Whether a float is infinite."""
        ...

    def matches(self, value: str, pattern: str) -> str:
        """Whether a text matches a pattern in Rust's syntax.

        Raises
        ------
        NotMeasurable
            If the engine would read the pattern otherwise.
        """
        ...

    def ordered_text(self, value: str) -> str:
        """Text that is compared by code point."""
        ...

    def previous(self, value: str, *, within: str, position: str) -> str:
        """Value of the row above that has one."""
        ...

    def least(self, position: str, count: int, where: str) -> str:
        """List of the least positions of the rows that a condition is true of."""
        ...
