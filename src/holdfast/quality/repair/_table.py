"""The working table: every column as sorted distinct values and codes, with a trace of what was done to each cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class RowsOf:
    """Rows of each code of a column, found once for all codes."""

    def __init__(self, codes: Codes, many: int) -> None:
        self._order = np.argsort(codes, kind="stable")
        self._ends = np.searchsorted(codes[self._order], np.arange(many + 1), side="left")

    def __call__(self, code: int) -> Codes:
        """Rows that hold a code, rising."""
        return self._order[self._ends[code] : self._ends[code + 1]]


@dataclass(frozen=True, slots=True)
class Edit:
    """What one value or cell is to become: the text (None is an empty cell), the rule, the confidence, the reason."""

    after: str | None
    rule: str
    confidence: float
    reason: str


@dataclass(slots=True)
class Column:
    """One column: sorted distinct texts, and for each row the place of its text (-1 is an empty cell).

    The order of `values` depends on the texts only, so nothing that is decided per value depends on the order of rows.
    """

    name: str
    values: list[str]
    codes: Codes
    counts: Codes

    @property
    def filled(self) -> int:
        """Number of cells that hold a text."""
        return int(self.counts.sum())

    @property
    def empty(self) -> int:
        """Number of empty cells."""
        return len(self.codes) - self.filled

    def text(self, row: int) -> str | None:
        """Text of one row, None for an empty cell."""
        code = int(self.codes[row])
        return None if code < 0 else self.values[code]

    def share(self, test: Callable[[str], bool]) -> float:
        """Share of the filled cells whose text passes `test`, in [0, 1]; 0 without filled cells."""
        if not self.values:
            return 0.0
        passed = np.fromiter((test(each) for each in self.values), dtype=bool, count=len(self.values))
        return float(self.counts[passed].sum() / self.counts.sum())


def encode(name: str, texts: pl.Series) -> Column:
    """Encode a text column; an empty text counts as an empty cell."""
    texts = texts.set(texts == "", None) if texts.len() else texts
    values = texts.drop_nulls().unique().sort().to_list()
    if not values:
        return Column(name, [], np.full(texts.len(), -1, dtype=np.int64), np.zeros(0, dtype=np.int64))
    coded = texts.cast(pl.Enum(values)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    codes = np.ascontiguousarray(coded, dtype=np.int64)
    return Column(name, values, codes, np.bincount(codes[codes >= 0], minlength=len(values)).astype(np.int64))


def _renumbered(name: str, texts: list[str | None], codes: Codes) -> Column:
    """Column of `texts[codes]` (code -1 is empty), with values sorted and only those that occur."""
    used = np.unique(codes[codes >= 0])
    kept = sorted({text for text in (texts[int(each)] for each in used) if text is not None})
    place = {text: index for index, text in enumerate(kept)}
    renumber = np.full(len(texts) + 1, -1, dtype=np.int64)
    for each in used:
        text = texts[int(each)]
        renumber[int(each)] = -1 if text is None else place[text]
    fresh = renumber[codes]
    return Column(name, kept, fresh, np.bincount(fresh[fresh >= 0], minlength=len(kept)).astype(np.int64))


@dataclass(slots=True)
class Trace:
    """What was done to the cells of one column: a place in `Table.told` per row (-1 is untouched)."""

    told: Codes


@dataclass(slots=True)
class Table:
    """The table being repaired.

    Parameters
    ----------
    columns
        As they are now.
    original
        As they came.
    told
        Every (rule, confidence, reason) given so far; the traces point into it.
    traces
        One per column.
    """

    columns: list[Column]
    original: list[Column]
    rows: int
    told: list[tuple[str, float, str]] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)

    @classmethod
    def of(cls, cells: pl.DataFrame) -> Table:
        """Encode a frame of texts."""
        columns = [encode(name, cells[name]) for name in cells.columns]
        traces = [Trace(np.full(cells.height, -1, dtype=np.int64)) for _ in columns]
        return cls(list(columns), columns, cells.height, [], traces)

    def map_values(self, place: int, edits: Mapping[str, Edit]) -> int:
        """Apply edits to all cells of a column that hold a value; returns the number of cells changed."""
        column = self.columns[place]
        texts: list[str | None] = list(column.values)
        touched: list[tuple[int, Edit]] = []
        for code, value in enumerate(column.values):
            edit = edits.get(value)
            if edit is not None and edit.after != value:
                texts[code] = edit.after
                touched.append((code, edit))
        if not touched:
            return 0
        trace = self.traces[place].told
        marks = np.full(len(texts), -1, dtype=np.int64)
        for code, edit in touched:
            marks[code] = len(self.told)
            self.told.append((edit.rule, edit.confidence, edit.reason))
        hit = column.codes >= 0
        hit[hit] = marks[column.codes[hit]] >= 0
        rows = np.flatnonzero(hit)
        fresh = marks[column.codes[rows]]
        self._merge(trace, rows, fresh)
        self.columns[place] = _renumbered(column.name, texts, column.codes)
        return len(rows)

    def _merge(self, trace: Codes, rows: Codes, fresh: Codes) -> None:
        """Put fresh marks over older ones: both rules are told, the confidences multiply."""
        old = trace[rows]
        joined: dict[tuple[int, int], int] = {}
        for before, now in {(int(a), int(b)) for a, b in zip(old, fresh, strict=True) if a >= 0}:
            first, second = self.told[before], self.told[now]
            joined[before, now] = len(self.told)
            rules = first[0] if second[0] in first[0].split("+") else f"{first[0]}+{second[0]}"
            self.told.append((rules, first[1] * second[1], f"{first[2]}; {second[2]}"))
        trace[rows] = [joined.get((int(a), int(b)), int(b)) for a, b in zip(old, fresh, strict=True)]

    def set_cells(self, place: int, edits: Mapping[int, Edit]) -> None:
        """Apply edits to single cells, by row. What a cell was made before is forgotten: the evidence is elsewhere."""
        column = self.columns[place]
        texts: list[str | None] = list(column.values)
        where = {text: index for index, text in enumerate(column.values)}
        codes = column.codes.copy()
        trace = self.traces[place].told
        for row, edit in sorted(edits.items()):
            if edit.after is None:
                codes[row] = -1
            else:
                if edit.after not in where:
                    where[edit.after] = len(texts)
                    texts.append(edit.after)
                codes[row] = where[edit.after]
            trace[row] = len(self.told)
            self.told.append((edit.rule, edit.confidence, edit.reason))
        self.columns[place] = _renumbered(column.name, texts, codes)


def joint(columns: Iterable[Column]) -> Codes:
    """One code per row for the combination of several columns; -1 where any of them is empty."""
    found: Codes | None = None
    for column in columns:
        if found is None:
            found = column.codes.copy()
            continue
        width = len(column.values) + 1
        both = np.where((found >= 0) & (column.codes >= 0), found * width + column.codes, -1)
        found = np.unique(both, return_inverse=True)[1].astype(np.int64) - int((both < 0).any())
    return np.zeros(0, dtype=np.int64) if found is None else found
