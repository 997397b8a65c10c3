"""What a learned check is made of: a column, a candidate that waits for its share of the alarms, a draft."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.core.promises import EVERY_COLUMN, Argument, Promise
from holdfast.core.units import Quantity
from holdfast.quality.profiling import _bounds

#: A column with fewer values than this in the smallest fresh table is not promised anything but its missing share.
FEWEST_VALUES = 15

#: Beyond it a whole number has no exact float, so it cannot be written as an argument.
EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Draft:
    """A promise with its support.

    Parameters
    ----------
    promise
        The promise; None for a finding that no measure can hold.
    kind
        What it is about, such as ``range``.
    columns
        The columns that it concerns; empty for the table as a whole.
    support
        What was seen.
    n
        Rows or values that it stands on.
    doubt
        Why a person must accept it first; None where it may hold as it is.
    """

    promise: Promise | None
    kind: str
    columns: tuple[str, ...]
    support: str
    n: int
    doubt: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Checks that are made once it is known how many there are.

    Parameters
    ----------
    sides
        How many bounds it will have: the share of the false alarms that it takes. 0 for what is only told.
    make
        ``make(alpha) -> drafts``: the checks, each of its bounds failing on fresh rows with chance `alpha`.
    """

    sides: int
    make: Callable[[float], Sequence[Draft]]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of single values.

    Parameters
    ----------
    name
        Its name.
    kind
        ``number``, ``text``, ``boolean``, ``time`` (a date or moment) or ``other`` (a time of day, a duration).
    rows
        Rows of the table.
    values
        Shape (n,): the values that are not missing, in the order of the rows. Texts are plain strings.
    half
        Shape (n,) bool: which of the two halves each value is in.
    there
        Shape (rows,) bool: where a value is.
    distinct
        How many different values there are.
    whole
        Whether they are whole numbers, all of them.
    """

    name: str
    kind: str
    rows: int
    values: pl.Series
    half: np.ndarray
    there: np.ndarray
    distinct: int
    whole: bool

    @property
    def n(self) -> int:
        """How many values are there."""
        return self.values.len()

    @property
    def missing(self) -> int:
        """How many are missing."""
        return self.rows - self.n

    @property
    def scarce(self) -> str | None:
        """Doubt about checks of the values, where a small fresh table may hold hardly any; else None."""
        expected = self.n / self.rows * _bounds.smallest(self.rows)
        if expected >= min(FEWEST_VALUES, self.rows):
            return None
        return f"only {counted(self.n, self.rows)} hold a value: a fresh table may hold none"

    @property
    def numbers(self) -> np.ndarray:
        """Shape (n,) float64: the values as numbers, finite ones only, in the order of the rows."""
        found = self.values.cast(pl.Float64, strict=False).to_numpy()
        return found[np.isfinite(found)] if len(found) else found

    @property
    def identifies(self) -> bool:
        """Whether no value stands twice, in a column that can name rows: integers or text, not measurements."""
        nameable = self.kind == "text" or (self.kind == "number" and self.whole)
        return nameable and self.n >= FEWEST_VALUES and self.distinct == self.n

    @property
    def ordered(self) -> bool:
        """Whether the values never fall along the rows, and do rise."""
        return self.n > 1 and self.distinct > 1 and self.kind in ("number", "time") and self.values.is_sorted()


def is_text(kind: pl.DataType) -> bool:
    """Whether a column holds text (plain, categorical or of a fixed set)."""
    return kind in (pl.String, pl.Categorical, pl.Enum)


def nameable(name: str) -> bool:
    """Whether a promise can name the column: ``*`` means every column, and ``^...$`` is a pattern to Polars."""
    return name != EVERY_COLUMN and not (name.startswith("^") and name.endswith("$"))


def column_of(rows: pl.DataFrame, name: str, half: np.ndarray) -> Column | None:
    """Look at a column; None where it is passed over (nested, binary, Python objects, or not `nameable`)."""
    kind = rows.schema[name]
    if not nameable(name) or kind.is_nested() or kind in (pl.Binary, pl.Object, pl.Null):
        return None
    series = rows[name]
    if kind.is_float():
        series = series.fill_nan(None)
    if is_text(kind) and kind != pl.String:
        series = series.cast(pl.String)
    there = series.is_not_null().to_numpy()
    values = series.drop_nulls()
    return Column(
        name=name,
        kind=_kind(kind),
        rows=rows.height,
        values=values,
        half=half[there],
        there=there,
        distinct=values.n_unique(),
        whole=_whole(values, kind),
    )


def _kind(kind: pl.DataType) -> str:
    if is_text(kind):
        return "text"
    if kind == pl.Boolean:
        return "boolean"
    if kind.is_numeric():
        return "number"
    return "time" if kind in (pl.Date, pl.Datetime) else "other"


def _whole(values: pl.Series, kind: pl.DataType) -> bool:
    if kind.is_integer():
        return True
    if kind.is_decimal():
        values = values.cast(pl.Float64)
    if not values.dtype.is_float():
        return False
    # Beyond 2^53 every float is whole: that says nothing.
    return bool(((values == values.floor()) & (values.abs() < EXACT)).all())


def promise(measure: str, args: Sequence[Argument], op: str, bound: float, symbol: str = "") -> Promise:
    """Put a promise together; a whole number is written as one."""
    return Promise(measure, op, Quantity(bound, symbol), args=tuple(args))


def share(
    kind: str,
    measure: str,
    columns: Sequence[str],
    args: Sequence[Argument] = (),
    *,
    failing: float,
    n: int,
    support: str,
    doubt: str | None = None,
    between: tuple[float, int] = (0.0, 0),
    about: Sequence[str] | None = None,
) -> Candidate:
    """Candidate for a check whose value is a share of passing rows.

    Parameters
    ----------
    failing
        Rows that failed, of `n`.
    between
        Variance of block means beyond chance, and the blocks (see `_bounds.moving`).
    about
        The columns that it concerns, where they are no arguments of their own.
    """

    def make(alpha: float) -> list[Draft]:
        floor = _bounds.share_floor(min(failing, n), n, alpha)
        if between[0] > 0:
            floor = min(floor, 1.0 - failing / n - _bounds.block_margin(*between, alpha))
        bound = _bounds.written_floor(floor) if floor > 0 else 0.0
        if bound <= 0.0:
            about_nothing = f"{measure}: {support}; fresh rows may show anything"
            return [Draft(None, kind, tuple(columns if about is None else about), about_nothing, n, "no bound holds")]
        claim = promise(measure, [*columns, *args], ">=", bound)
        return [Draft(claim, kind, tuple(columns if about is None else about), support, n, doubt)]

    return Candidate(0 if doubt else 1, make)


def told(kind: str, columns: Sequence[str], support: str, n: int) -> Candidate:
    """Candidate for a finding that no measure holds: it is only told."""
    return Candidate(0, lambda _: [Draft(None, kind, tuple(columns), support, n, "no check can hold it")])


def counted(part: float, whole: int) -> str:
    """Words for a part of a whole: ``12 of 3400 (0.35 %)``."""
    return f"{part:g} of {whole} ({percent(part / whole if whole else 0.0)})" if part else f"0 of {whole}"


def percent(share_of: float) -> str:
    """Share in percent, with two digits that count."""
    if share_of >= 1.0:
        return "100 %"
    if share_of > 0.9:
        return f"{100 - float(f'{100 * (1 - share_of):.2g}'):.10g} %"
    return f"{float(f'{100 * share_of:.2g}'):.10g} %"


def shown(value: object) -> str:
    """Text of a value in a comment: short, on one line."""
    found = " ".join("".join(each if each.isprintable() else " " for each in str(value)).split())
    return found if len(found) <= 40 else f"{found[:37]}..."
