"""View data: what a room shows, as plain data. The faces render it; a new panel is one function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from holdfast.core.errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings; a cell is text or a number."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __post_init__(self) -> None:
        """Check that every row is as wide as the headings."""
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InvalidValue(f"a row of {len(row)} cells under {len(self.columns)} headings in {self.title!r}")


@dataclass(frozen=True, slots=True)
class Series:
    """A value over time or order, with an optional band and bound."""

    title: str
    x: tuple[float | str, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    bound: float | None = None
    unit: str = ""

    def __post_init__(self) -> None:
        """Check that the lengths agree."""
        for each in (self.y, self.low or self.x, self.high or self.x):
            if len(each) != len(self.x):
                raise InvalidValue(f"{len(each)} values for {len(self.x)} places in {self.title!r}")


@dataclass(frozen=True, slots=True)
class Bars:
    """A number per label."""

    title: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    unit: str = ""

    def __post_init__(self) -> None:
        """Check that the lengths agree."""
        if len(self.labels) != len(self.values):
            raise InvalidValue(f"{len(self.values)} values for {len(self.labels)} labels in {self.title!r}")


@dataclass(frozen=True, slots=True)
class Diff:
    """Before and after, field by field."""

    title: str
    before: tuple[tuple[str, str], ...]
    after: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    title: str
    body: str


View = Table | Series | Bars | Diff | Text
