"""Dates and times: the parts of a calendar, computed in the graph from days since 1970."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._features import numbers, recipes
from holdfast.automl._features.base import Recipe, Table

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph

#: Parts of a date, and those of a time of day.
DAY_PARTS = ("year", "month", "day", "weekday", "weekend", "yearday", "season_sin", "season_cos")
TIME_PARTS = ("hour", "time_sin", "time_cos")
PARTS = DAY_PARTS + TIME_PARTS
#: Parts that are no whole numbers, and the hour, which is float32 already.
_SHARES = ("season_sin", "season_cos", *TIME_PARTS)

#: Days since 1970 of the first day of the year 1 and of the last day of 9999: what Python's calendar holds.
FIRST, LAST = -719_162, 2_932_896
#: Days from 0000-03-01 to 1970-01-01, and those of 400 years.
_SHIFT, _ERA = 719_468, 146_097
#: A number of 32 bits is rounded by at most its size times this.
_HALF = 2.0**-24


@dataclass(frozen=True, slots=True, eq=False)
class Date:
    """Parts of a date.

    ``weekday`` counts from Monday = 0, ``yearday`` from 1, ``weekend`` is 0 or 1; ``season_sin`` and ``season_cos`` go
    round once a year, ``time_sin`` and ``time_cos`` once a day. What is missing, infinite, or outside the years 1 to
    9999 is NaN.
    """

    recipe: Recipe
    parts: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Part and column."""
        return tuple(f"{part} of {self.recipe.columns[0]}" for part in self.parts)

    def nodes(self, graph: Graph) -> str:
        """Add the calendar's arithmetic in int64."""
        column = self.recipe.columns[0]
        inside = numbers.known(graph, column, FIRST, LAST + 1)
        floor = graph.add("Floor", column)
        days = numbers.whole(graph, floor, inside)
        calendar = _Calendar(graph, days, graph.add("Sub", column, floor), column)
        made = graph.concat([calendar.part(part) for part in self.parts])
        return graph.add("Where", inside, made, numbers.nan(graph))


def fit(recipe: Recipe, table: Table, *, rng: np.random.Generator) -> Date:
    """Read which parts are asked for: all of a date's where nothing is said."""
    del rng
    recipes.columns(recipe, table.schema, "float32")
    recipes.options(recipe, parts=None)
    return Date(recipe, recipes.chosen(recipe, "parts", PARTS, DAY_PARTS))


def useful_parts(values: np.ndarray) -> tuple[str, ...]:
    """Parts that differ between rows: nothing is gained from the year where all rows are of one year.

    Parameters
    ----------
    values
        Shape (n,): days since 1970, NaN where missing.
    """
    found = values[np.isfinite(values) & (values >= FIRST) & (values <= LAST)].astype(np.float64)
    if not len(found):
        return ()
    days = np.floor(found).astype(np.int64).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    seen = {
        "year": days.astype("datetime64[Y]").astype(np.int64),
        "month": months.astype(np.int64) % 12,
        "day": (days - months.astype("datetime64[D]")).astype(np.int64),
        "weekday": days.astype(np.int64) % 7,
    }
    several = {name for name, each in seen.items() if len(np.unique(each)) > 1}
    wanted = {name: name for name in seen} | {"weekend": "weekday"}
    wanted |= dict.fromkeys(("yearday", "season_sin", "season_cos"), "month")
    kept = [part for part in DAY_PARTS if wanted[part] in several]
    if len(np.unique(np.round((found - np.floor(found)) * 48))) > 1:
        kept += TIME_PARTS
    return tuple(kept)


class _Calendar:
    """Nodes of the civil calendar, each made once.

    References
    ----------
    H. Hinnant (2021), "chrono-compatible low-level date algorithms": civil from days. Years begin in March there, so
    that the day of a leap year comes last. Divisions are of numbers that are not negative: ONNX rounds toward zero.
    """

    def __init__(self, graph: Graph, days: str, rest: str, column: str) -> None:
        self._graph, self._days, self._rest, self._column = graph, days, rest, column
        self._made: dict[str, str] = {}

    def part(self, name: str) -> str:
        """Return a part, (n, 1) float32."""
        made = self._whole(name)
        return made if name in _SHARES else self._graph.cast(made)

    def _whole(self, name: str) -> str:
        if name not in self._made:
            self._made[name] = str(getattr(self, f"_{name}")())
        return self._made[name]

    def _n(self, value: int) -> str:
        return numbers.scalar(self._graph, value)

    def _op(self, op: str, left: str, right: int | str) -> str:
        return self._graph.add(op, left, self._n(right) if isinstance(right, int) else right)

    def _sum(self, *signed: tuple[str, int]) -> str:
        """Sum of tensors with signs: those with 1 first."""
        total = signed[0][0]
        for each, sign in signed[1:]:
            total = self._op("Add" if sign > 0 else "Sub", total, each)
        return total

    def _era(self) -> str:
        return self._op("Div", self._op("Add", self._days, _SHIFT), _ERA)

    def _day_of_era(self) -> str:
        shifted = self._op("Add", self._days, _SHIFT)
        return self._op("Sub", shifted, self._op("Mul", self._whole("era"), _ERA))

    def _year_of_era(self) -> str:
        day = self._whole("day_of_era")
        counted = self._sum(
            (day, 1),
            (self._op("Div", day, 1460), -1),
            (self._op("Div", day, 36_524), 1),
            (self._op("Div", day, 146_096), -1),
        )
        return self._op("Div", counted, 365)

    def _day_from_march(self) -> str:
        year = self._whole("year_of_era")
        before = self._sum(
            (self._op("Mul", year, 365), 1), (self._op("Div", year, 4), 1), (self._op("Div", year, 100), -1)
        )
        return self._op("Sub", self._whole("day_of_era"), before)

    def _month_from_march(self) -> str:
        return self._op("Div", self._op("Add", self._op("Mul", self._whole("day_from_march"), 5), 2), 153)

    def _day(self) -> str:
        month = self._whole("month_from_march")
        before = self._op("Div", self._op("Add", self._op("Mul", month, 153), 2), 5)
        return self._op("Add", self._op("Sub", self._whole("day_from_march"), before), 1)

    def _month(self) -> str:
        # 0 is March, 10 is January: (m + 2) mod 12 + 1.
        return self._op("Add", self._op("Mod", self._op("Add", self._whole("month_from_march"), 2), 12), 1)

    def _year(self) -> str:
        of_march = self._op("Add", self._whole("year_of_era"), self._op("Mul", self._whole("era"), 400))
        early = self._graph.cast(self._op("Less", self._whole("month"), 3), numbers.INT64)
        return self._op("Add", of_march, early)

    def _yearday(self) -> str:
        past = self._op("Sub", self._whole("year"), 1)
        before = self._sum(
            (self._op("Mul", past, 365), 1),
            (self._op("Div", past, 4), 1),
            (self._op("Div", past, 100), -1),
            (self._op("Div", past, 400), 1),
        )
        return self._op("Add", self._op("Sub", self._op("Sub", self._days, FIRST), before), 1)

    def _weekday(self) -> str:
        # The first day of the year 1 is a Monday.
        return self._op("Mod", self._op("Sub", self._days, FIRST), 7)

    def _weekend(self) -> str:
        return self._graph.cast(self._op("Greater", self._whole("weekday"), 4), numbers.INT64)

    def _turn(self, op: str, share: str) -> str:
        return self._graph.add(op, self._graph.add("Mul", share, self._graph.number(2.0 * np.pi)))

    def _season_sin(self) -> str:
        return self._turn("Sin", self._season())

    def _season_cos(self) -> str:
        return self._turn("Cos", self._season())

    def _season(self) -> str:
        day = self._graph.cast(self._whole("yearday"))
        return self._graph.add("Div", day, self._graph.number(365.25))

    def _hour(self) -> str:
        # 32 bits round a time of these years by up to one and a half minutes: 10:00 may have become 9:58:36. What the
        # rounding can have taken is given back before the hour is cut off.
        slack = self._graph.add("Mul", self._graph.add("Abs", self._column), self._graph.number(_HALF))
        hours = self._graph.add("Mul", self._graph.add("Add", self._rest, slack), self._graph.number(24.0))
        return self._graph.add("Min", self._graph.add("Floor", hours), self._graph.number(23.0))

    def _time_sin(self) -> str:
        return self._turn("Sin", self._rest)

    def _time_cos(self) -> str:
        return self._turn("Cos", self._rest)
