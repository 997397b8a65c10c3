"""What cleaning needs of a table, whatever file it stands in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from holdfast.core.errors import UnreadableData
from holdfast.quality.sources._files import opened

if TYPE_CHECKING:
    import polars as pl

    from holdfast.quality.repair import Change


@dataclass(frozen=True, slots=True)
class Edit:
    """A change that can be written.

    Parameters
    ----------
    change
        The change.
    raw_before, raw_after
        The field as it stands in a CSV text, quotes included; None in a typed table.
    start, end
        First byte of the field in the text, and the one after its last; (0, 0) in a typed table.
    """

    change: Change
    raw_before: str | None = None
    raw_after: str | None = None
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Digests:
    """SHA-256 of a file's bytes, and of its content: a CSV's unpacked text, a typed table's schema and values."""

    sha256: str
    content_sha256: str


class Table(Protocol):
    """A table in a file, cell by cell."""

    @property
    def kind(self) -> str:
        """Either csv or parquet."""

    @property
    def location(self) -> str:
        """How to name it in errors."""

    @property
    def rows(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, also those that have no cells of text."""

    @property
    def digests(self) -> Digests:
        """Digests of the file."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Plain sentences about what was left as it is."""

    def cells(self) -> pl.DataFrame:
        """Cells as text, shape (rows, columns with text); null is an empty cell."""

    def edits(self, changes: Sequence[Change]) -> list[Edit | str | None]:
        """For each change (sorted by row) how it is written, why it cannot be, or None where it changes no value."""

    def written(self, edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:
        """Bytes of the file with these edits."""

    def excerpt(self, rows: Sequence[int], edits: Sequence[Edit], *, out: Path) -> Iterator[bytes]:
        """Bytes of a file of the same format with only these rows, edits made."""

    def dialect_dict(self) -> dict[str, Any]:
        """What is needed to read the file again, as plain data."""


CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")


def open_table(path: Path, settings: Mapping[str, Any]) -> Table:
    """Open a file as a table of cells.

    Raises
    ------
    UnreadableData
        If it is not there, no file, empty, neither CSV nor Parquet by its name, or does not hold what its name says.
    UnknownField, InvalidValue
        If a setting is not one.
    """
    location = str(path)
    opened(location)
    kind = kind_of(path, what=location)
    if kind == "parquet":
        from holdfast.quality.cleaning._typed_table import read_typed

        return read_typed(path, settings)
    from holdfast.quality.cleaning._text_table import read_text

    return read_text(path, settings)


def kind_of(path: Path, *, what: str) -> str:
    """Kind of table that a name stands for: csv or parquet.

    Raises
    ------
    UnreadableData
        If it stands for neither.
    """
    name = path.name.lower()
    if name.endswith(CSV):
        return "csv"
    if name.endswith(PARQUET):
        return "parquet"
    raise UnreadableData(
        f"{path.name!r} is neither CSV nor Parquet by its name",
        where=what,
        expected="a name that ends in " + ", ".join((*CSV, *PARQUET)),
    )
