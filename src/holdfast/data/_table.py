"""The table of a training: rows read, dates made of text, the features, the rows that have a target."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import (
    ColumnNotFound,
    DataError,
    EmptyTable,
    HoldfastError,
    InvalidValue,
    UnusableTarget,
    one_of,
)
from holdfast.data._dates import read_dates, sure_formats, text_file

if TYPE_CHECKING:
    import polars as pl


#: Names of what a model answers with; no column can have one of them.
CLASS_ANSWERS, NUMBER_ANSWERS = ("label", "probabilities"), ("prediction",)


#: Bytes of a text file whose values tell how its dates are written.
_HEAD = 1 << 17


@dataclass(frozen=True, slots=True)
class Roles:
    """What columns are for, beside the features.

    Parameters
    ----------
    target
        Column to learn.
    time, group, id, event, weight
        Columns of the moment, of what must not be torn apart, of the series, of the event that came, and of weights.
    sensitive
        Columns that groups of people are made of.
    features, drop
        Columns to look at, and not to; None for all.
    """

    target: str
    time: str | None = None
    group: str | None = None
    id: str | None = None
    event: str | None = None
    weight: str | None = None
    sensitive: tuple[str, ...] = ()
    features: tuple[str, ...] | None = None
    drop: tuple[str, ...] = ()

    def named(self) -> tuple[tuple[str, str], ...]:
        """Every column that is named, with its role."""
        one = [(name, getattr(self, name)) for name in ("target", "time", "group", "id", "event", "weight")]
        many = [(name, each) for name in ("sensitive", "features", "drop") for each in getattr(self, name) or ()]
        return tuple((role, column) for role, column in (*one, *many) if column is not None)

    def kept_out(self) -> dict[str, str]:
        """Columns that are no features unless they are asked for, with the role that keeps them out."""
        found = {getattr(self, role): role for role in ("weight", "time", "group", "id", "event")}
        found |= dict.fromkeys(self.sensitive, "sensitive")
        return {column: role for column, role in found.items() if column is not None} | {self.target: "target"}


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """A table as it was read.

    Parameters
    ----------
    rows
        Shape (n, columns); dates are dates.
    digest
        SHA-256 of the file, or of the content where the rows came from elsewhere.
    sources
        Type of each column before dates were made of text.
    parses
        Formats of the dates.
    notes
        Sentences for a person.
    """

    rows: pl.DataFrame
    digest: str
    where: str
    sources: Mapping[str, str]
    parses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_table(data: Any, reading: Mapping[str, Any] | None, *, but: Iterable[str]) -> Read:
    """Read a table for training; text columns whose every value is a date become dates, those in `but` aside.

    Parameters
    ----------
    data
        File or URL, or a `polars.DataFrame`.
    reading
        What the source takes to read it.

    Raises
    ------
    UnreadableData
        If it cannot be read.
    EmptyTable
        If it has no rows.
    """
    import polars as pl

    from holdfast.data._check import read_table as rows_of

    hints: dict[str, pl.Series] = {}
    sure: dict[str, dict[str, str]] = {}
    if isinstance(data, pl.DataFrame):
        rows, where, digest = data, "rows", _content(data)
    else:
        where = str(data)
        rows = rows_of(where, reading)
        rows, hints, sure = _as_written(where, rows, reading)
        digest = _digest(where, rows)
    if rows.height == 0:
        raise EmptyTable("the table has no rows", where=where, expected="rows to learn from")
    if "" in rows.columns:
        raise DataError(f"column {rows.columns.index('') + 1} has no name", where=where, expected="a name")
    sources = {name: "String" if name in sure else str(kind) for name, kind in rows.schema.items()}
    left_out = set(but)
    rows, parses, notes = read_dates(rows, [each for each in rows.columns if each not in left_out], hints)
    for name, hint in hints.items():
        if name not in parses:
            # The source reads it, in whatever format; it will when the model is asked.
            rows, sources[name] = rows.with_columns(hint), str(hint.dtype)
            notes = [each for each in notes if not each.startswith(f"{name} is left as text")]
    return Read(rows, digest, where, sources, {**parses, **sure}, tuple(notes))


def _as_written(
    where: str, rows: pl.DataFrame, reading: Mapping[str, Any] | None
) -> tuple[pl.DataFrame, dict[str, pl.Series], dict[str, dict[str, str]]]:
    """What stands in a file where its source made dates of text: the format is to be known, to read other files alike.

    Returns
    -------
    tuple
        The rows, with text for dates whose format all of it has to tell (03/04/2020 says nothing of itself); those
        dates; the formats of the others, which their first values tell.
    """
    from holdfast.data._check import read_table as rows_of

    dated = [name for name, kind in rows.schema.items() if kind.is_temporal()]
    if not dated or not text_file(where):
        return rows, {}, {}
    given = dict(reading or {})
    types = dict(given.get("types") or {})
    sure = sure_formats(_head(where, {**given, "types": {**types, **dict.fromkeys(dated, "text")}}), dated)
    open_ones = [each for each in dated if each not in sure]
    if not open_ones:
        return rows, {}, sure
    written = rows_of(where, {**given, "types": {**types, **dict.fromkeys(open_ones, "text")}})
    return rows.with_columns(written[name] for name in open_ones), {name: rows[name] for name in open_ones}, sure


def _head(where: str, reading: Mapping[str, Any]) -> pl.DataFrame | None:
    """First rows of a text file; None where they cannot be read by themselves."""
    from holdfast.data._check import read_table as rows_of

    if where.lower().endswith(".gz"):
        return None
    with tempfile.TemporaryDirectory(prefix="holdfast-head-") as folder:
        part = Path(folder) / f"head{Path(where).suffix}"
        with Path(where).open("rb") as file:
            part.write_bytes(file.read(_HEAD).rpartition(b"\n")[0])
        try:
            return rows_of(str(part), reading)
        except HoldfastError:
            return None


def _digest(where: str, rows: pl.DataFrame) -> str:
    from holdfast.data._manifest import file_digest

    path = Path(where)
    return file_digest(path) if "://" not in where and path.is_file() else _content(rows)


def _content(rows: pl.DataFrame) -> str:
    """SHA-256 of the rows as Arrow writes them."""
    made = hashlib.sha256()
    for each in rows.iter_slices(100_000):
        made.update(each.write_ipc(None).getvalue())
    return made.hexdigest()


def words(given: Sequence[str] | None, columns: Sequence[str]) -> tuple[str, ...] | None:
    """Names of columns, each given alone or several with commas between; None where none is given.

    A column whose own name has a comma is one.
    """
    if given is None:
        return None
    found: list[str] = []
    for each in given:
        found += [each] if each in columns else [part.strip() for part in each.split(",") if part.strip()]
    return tuple(dict.fromkeys(found))


def check_roles(roles: Roles, columns: Sequence[str], *, where: str) -> None:
    """Check that every column that is named is there, and that none has two roles that exclude each other.

    Raises
    ------
    ColumnNotFound
        If one is not there; suggests the nearest.
    InvalidValue
        If the target is named for something else too.
    """
    for role, column in roles.named():
        if column not in columns:
            raise ColumnNotFound(f"no column {column!r}", where=f"{where}: --{role}", expected=one_of(columns, column))
        if role != "target" and column == roles.target:
            raise InvalidValue(
                f"column {column!r} is the target", where=f"--{role}", expected="another column than the target"
            )
    both = sorted(set(roles.features or ()) & set(roles.drop))
    if both:
        raise InvalidValue(f"column {both[0]!r}", where="--drop", expected="a column that --features does not name")


def features_of(rows: pl.DataFrame, roles: Roles, *, classifies: bool, where: str) -> tuple[tuple[str, ...], list[str]]:
    """Columns that the model may look at, and sentences on those that it may not.

    Raises
    ------
    EmptyTable
        If there is none.
    DataError
        If one has the name of an answer.
    """
    import polars as pl

    notes: list[str] = []
    if roles.features is not None:
        chosen = list(roles.features)
    else:
        out = roles.kept_out()
        chosen = []
        for name, kind in rows.schema.items():
            if name in out or name in roles.drop:
                continue
            if kind.is_nested() or kind in (pl.Binary, pl.Object):
                notes.append(f"{name} is left out: a model cannot look at {kind}")
                continue
            chosen.append(name)
        why = "it is sensitive (--features names it to make it one)"
        notes += [f"{each} is no feature: {why}" for each in roles.sensitive]
    if not chosen:
        raise EmptyTable("no column is left to learn from", where=where, expected="a feature beside the target")
    for name in chosen:
        if name in (CLASS_ANSWERS if classifies else NUMBER_ANSWERS):
            raise DataError(
                f"column {name!r} has the name of an answer: in a graph the two would be one",
                where=where,
                expected=f"another name for it, or --drop {name}",
            )
    return tuple(chosen), notes


def check_time(rows: pl.DataFrame, column: str | None, *, where: str) -> None:
    """Refuse a column of moments that holds neither dates nor numbers.

    Raises
    ------
    DataError
        If it is text.
    """
    if column is None or rows.schema[column].is_temporal() or rows.schema[column].is_numeric():
        return
    raise DataError(
        f"column {column!r} holds no moments: it is {rows.schema[column]}",
        where=f"{where}: --time",
        expected="dates that can be read in one way, such as 2026-11-24, or numbers",
    )


def with_target(rows: pl.DataFrame, target: str, *, classifies: bool | None, where: str) -> pl.DataFrame:
    """Rows whose target is known: neither missing nor NaN; no empty text.

    Parameters
    ----------
    classifies
        Whether the target is a class, else a number, and then of type float64; None where that is not known yet.

    Raises
    ------
    DataError
        If a target is no number where it has to be.
    UnusableTarget
        If there is none.
    """
    import polars as pl

    there = pl.col(target).is_not_null()
    if rows.schema[target] == pl.String:
        there = there & (pl.col(target) != "")
    found = rows.filter(there)
    if classifies is False:
        found = with_numbers(found, target, where=where)
    if found.schema[target].is_float():
        sound = pl.col(target).is_finite() if classifies is False else pl.col(target).is_not_nan()
        found = found.filter(sound)
    if found.height == 0:
        raise UnusableTarget(
            f"target {target!r} is missing in every row", where=where, expected="rows whose target is known"
        )
    return found


def with_numbers(rows: pl.DataFrame, target: str, *, where: str) -> pl.DataFrame:
    """Rows whose target is of type float64.

    Raises
    ------
    UnusableTarget
        If a target is no number; names its row.
    """
    from holdfast.keeper.splits import typed

    try:
        return typed(rows, {target: "number"}, where=where)
    except DataError as error:
        expected = "numbers, or a task of classes"
        raise UnusableTarget(f"the target: {error.message}", where=error.where, expected=expected) from None
