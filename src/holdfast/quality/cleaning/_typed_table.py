"""A Parquet file: its cells as text for the planner, and back in the types of its columns."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.quality.cleaning._content import content_digest
from holdfast.quality.cleaning._packing import seen
from holdfast.quality.cleaning._tables import Digests, Edit
from holdfast.quality.sources._files import known
from holdfast.quality.sources.parquet import ParquetSource

if TYPE_CHECKING:
    from holdfast.quality.repair import Change

_PIECE = 1 << 20
_BOOLEANS = {"true": True, "false": False, "True": True, "False": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class TypedTable:
    """A Parquet file, cell by cell.

    Parameters
    ----------
    location
        How to name it in errors.
    frame
        Its rows, as typed as they are.
    texts
        Shape (rows, columns whose values have an exact text): the same cells as text.
    digests
        Of the file, and of schema and values.
    metadata
        What its writer noted in the file, by key.
    """

    location: str
    frame: pl.DataFrame
    texts: pl.DataFrame
    digests: Digests
    metadata: dict[str, str]

    @property
    def kind(self) -> str:
        """It is a Parquet file."""
        return "parquet"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.height

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column."""
        return tuple(self.frame.columns)

    @property
    def notes(self) -> tuple[str, ...]:
        """Columns that pass through untouched."""
        return tuple(
            f"column {name!r} ({dtype}) is left as it is: its values have no exact text"
            for name, dtype in self.frame.schema.items()
            if name not in self.texts.columns
        )

    def cells(self) -> pl.DataFrame:
        """Cells as text; null is an empty cell, and so is an empty text."""
        return self.texts

    def edits(self, changes: Sequence[Change]) -> list[Edit | str | None]:
        """For each change how it is written, why it cannot be, or None where its text is of the same value.

        Raises
        ------
        UnreadableData
            If a cell does not hold what the change says it does.
        """
        found: dict[int, Edit | str | None] = {}
        for column in dict.fromkeys(each.column for each in changes):
            places = [place for place, each in enumerate(changes) if each.column == column]
            mine = [changes[place] for place in places]
            self._check(column, mine)
            made = from_text(pl.Series(column, [each.after for each in mine], dtype=pl.String), self._type(column))
            before = self.frame[column].gather([each.row for each in mine])
            same = made.eq_missing(before)
            empty = [value == "" for value in before]
            for place, change, lost, alike, blank in zip(places, mine, made.is_null(), same, empty, strict=True):
                if lost and change.after is not None:
                    found[place] = f"it is no {self._type(column)}, which the column holds"
                else:
                    found[place] = None if alike else Edit(change, raw_before="" if blank else None)
        return [found[place] for place in range(len(changes))]

    def field(self, row: int, column: str) -> str | None:
        """Text of a cell; None where it is empty or has no text."""
        return self.texts[column][row] if column in self.texts.columns else None

    def _check(self, column: str, changes: Sequence[Change]) -> None:
        held = self.texts[column].gather([each.row for each in changes])
        for change, value in zip(changes, held, strict=True):
            if value != change.before:
                raise UnreadableData(
                    f"the plan's cell is not the file's in column {column!r}",
                    where=f"{self.location}: row {change.row}",
                    expected="a plan of this table",
                )

    def _type(self, column: str) -> pl.DataType:
        return self.frame.schema[column]

    def edited(self, values: Mapping[str, Mapping[int, str | None]]) -> pl.DataFrame:
        """Frame with these texts put into cells, by column and row."""
        columns = []
        for column, by_row in values.items():
            typed = from_text(pl.Series(column, list(by_row.values()), dtype=pl.String), self._type(column))
            columns.append(_scattered(self.frame[column], list(by_row), typed))
        return self.frame.with_columns(columns)

    def fixed(self, edits: Sequence[Edit]) -> pl.DataFrame:
        """Frame with these edits."""
        values: dict[str, dict[int, str | None]] = {}
        for edit in edits:
            values.setdefault(edit.change.column, {})[edit.change.row] = edit.change.after
        return self.edited(values)

    def written(self, edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:  # noqa: ARG002 - as in a CSV
        """Bytes of a Parquet file with these edits."""
        return self.bytes_of(self.fixed(edits))

    def excerpt(self, rows: Sequence[int], edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:  # noqa: ARG002
        """Bytes of a Parquet file with these rows only, edits made."""
        return self.bytes_of(self.fixed(edits)[list(rows)])

    def bytes_of(self, frame: pl.DataFrame) -> Iterator[bytes]:
        """Bytes of a Parquet file, with the notes of the first writer."""
        buffer = io.BytesIO()
        frame.write_parquet(buffer, metadata=self.metadata or None)
        view = buffer.getbuffer()
        for start in range(0, len(view), _PIECE):
            yield bytes(view[start : start + _PIECE])

    def dialect_dict(self) -> dict[str, Any]:
        """Types by column."""
        return {"types": {name: str(dtype) for name, dtype in self.frame.schema.items()}}


def read_typed(path: Path, settings: Mapping[str, Any]) -> TypedTable:
    """Read a Parquet file as a table of cells.

    Raises
    ------
    UnreadableData
        If it is no Parquet file, truncated or damaged.
    UnknownField, InvalidValue
        If a setting is not one; columns cannot be left out, nor have other types: the table is given back whole.
    """
    location = str(path)
    known(settings, {}, where=location)
    frame = ParquetSource().read(location, {}).rechunk()
    metadata = pl.read_parquet_metadata(path)
    metadata.pop("ARROW:schema", None)
    found = seen(path, location)
    texts = {name: text for name in frame.columns if (text := to_text(frame[name])) is not None}
    return TypedTable(
        location,
        frame,
        pl.DataFrame(texts),
        Digests(found.file_sha256, content_digest(frame)),
        metadata,
    )


def to_text(column: pl.Series) -> pl.Series | None:
    """Text of each value, empty texts as null; None where the text does not lead back to the value.

    Parameters
    ----------
    column
        Shape (n,), of any type.
    """
    dtype = column.dtype
    if dtype.is_nested() or dtype.base_type() in (pl.Binary, pl.Duration, pl.Null, pl.Object):
        return None
    text = column.cast(pl.String)
    if not _equal(from_text(text, dtype), column):
        return None
    return text.replace("", None) if dtype == pl.String else text


def from_text(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Values of a type from texts, null where a text is none of it.

    Examples
    --------
    >>> from_text(pl.Series(["7", "7.0", "7.5", "x"]), pl.Int64()).to_list()
    [7, 7, None, None]
    """
    if isinstance(dtype, pl.Datetime):
        return text.str.to_datetime(time_unit=dtype.time_unit, time_zone=dtype.time_zone, strict=False)
    if dtype == pl.Date:
        return text.str.to_date(strict=False)
    if dtype == pl.Time:
        return text.str.to_time(strict=False)
    return _plainly(text, dtype)


def _plainly(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    if dtype == pl.Boolean:
        return text.replace_strict(_BOOLEANS, default=None, return_dtype=pl.Boolean)
    if dtype.is_integer():
        return text.str.replace(r"\.0+$", "").cast(dtype, strict=False)
    typed = text.cast(dtype, strict=False)
    if isinstance(dtype, pl.Decimal):
        # What does not fit the scale would be cut off.
        exact = typed.cast(pl.Float64) == text.cast(pl.Float64, strict=False)
        lost = pl.Series([None], dtype=dtype).new_from_index(0, len(typed))
        return typed.zip_with(exact.fill_null(value=False), lost)
    return typed


def _equal(made: pl.Series, column: pl.Series) -> bool:
    return made.dtype == column.dtype and bool(made.eq_missing(column).all())


def _scattered(column: pl.Series, rows: list[int], values: pl.Series) -> pl.Series:
    """Column with values put into rows; by a mask and a gather, which every type knows."""
    place = pl.Series([-1], dtype=pl.Int64).new_from_index(0, len(column)).scatter(rows, range(len(rows)))
    taken = values.gather(place.clip(0))
    return column.zip_with(place < 0, taken).alias(column.name)
