"""Dates and times in text columns: found when a model is trained, read the same way when it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import DataError

if TYPE_CHECKING:
    import polars as pl

#: Values of a column that are looked at before all of them are.
_SAMPLE = 1000

#: Endings of files whose source makes dates of text itself, without telling the format.
_TEXT_FILES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")

_YEAR_FIRST = re.compile(r"\d{4}([-/.])\d{1,2}\1\d{1,2}(?P<rest>.*)\Z")
_YEAR_LAST = re.compile(r"\d{1,2}([-/.])\d{1,2}\1\d{4}(?P<rest>.*)\Z")
_NAMED = re.compile(r"(?P<form>\d{1,2}([ -])[A-Za-z]{3,9}\2\d{4}|[A-Za-z]{3,9} \d{1,2}, \d{4})(?P<rest>.*)\Z")
_REST = re.compile(
    r"(?P<mark>[T ])(?P<hours>\d{1,2}):\d{2}(?P<seconds>:\d{2}(?:[.]\d{1,9})?)?(?P<half> ?[AaPp][Mm])?"
    r"(?P<zone>Z|[+-]\d{2}:?\d{2})?\Z"
)


def read_dates(
    rows: pl.DataFrame, columns: Sequence[str], hints: Mapping[str, pl.Series] | None = None
) -> tuple[pl.DataFrame, dict[str, dict[str, str]], list[str]]:
    """Make dates of the text columns whose every value is one.

    ISO 8601, year first with ``-``, ``/`` or ``.``, names of months, and the numbers of a day-first or a month-first
    date where only one of the two readings fits every value.

    Parameters
    ----------
    rows
        Shape (n, columns).
    columns
        Columns to look at; those that are not text are left alone.
    hints
        What a source reads in a column, where both orders fit: the one that gives the same is taken.

    Returns
    -------
    tuple
        The rows; ``{"kind": "date" | "time", "format": ...}`` by column; sentences on what was left as text.
    """
    found: dict[str, dict[str, str]] = {}
    notes: list[str] = []
    for name in columns:
        kind = rows.schema[name]
        if not kind.is_(_text()):
            continue
        parse, note = _format_of(rows[name], None if hints is None else hints.get(name))
        if note:
            notes.append(note)
        if parse is not None:
            found[name] = parse
    return as_dates(rows, found), found, notes


def sure_formats(head: pl.DataFrame | None, columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Formats of those columns, text in the first rows of a table, that can be read in one way only.

    Parameters
    ----------
    head
        Shape (k, columns); None where they are not known.
    columns
        Columns that are dates all the way down.
    """
    found: dict[str, dict[str, str]] = {}
    for name in columns:
        if head is None or name not in head.columns or not head.schema[name].is_(_text()):
            continue
        parse, _ = _format_of(head[name], None)
        if parse is not None and is_sure(parse):
            found[name] = parse
    return found


def is_sure(parse: Mapping[str, str]) -> bool:
    """Whether a format has the year first, or names the month: a source that makes dates of it makes the same ones."""
    return parse["format"].startswith("%Y") or "%B" in parse["format"]


def as_dates(rows: pl.DataFrame, parses: Mapping[str, Mapping[str, str]], *, where: str = "rows") -> pl.DataFrame:
    """Read text columns as dates by known formats; a column that is no text, or not there, is passed over.

    Raises
    ------
    DataError
        If a value is none; names the column, the row and the value.
    """
    for name, parse in parses.items():
        if name not in rows.columns or not rows.schema[name].is_(_text()):
            continue
        text = _filled(rows[name])
        made = _read(text, parse["format"])
        lost = (made.is_null() & text.is_not_null()).arg_true()
        if len(lost):
            row = int(lost[0])
            raise DataError(
                f"{text[row]!r} is no {parse['kind']} ({len(lost)} such cell{'s' if len(lost) > 1 else ''})",
                where=f"{where}: column {name!r}, row {row}",
                expected=f"the format {parse['format']} of the training rows, or nothing",
            )
        rows = rows.with_columns(made.alias(name))
    return rows


def text_file(location: str) -> bool:
    """Whether a location is a file whose source makes dates of text itself."""
    return "://" not in location and location.lower().endswith(_TEXT_FILES)


def _text() -> Any:
    import polars as pl

    return pl.String()


def _format_of(column: pl.Series, hint: pl.Series | None) -> tuple[dict[str, str] | None, str | None]:
    text = _filled(column)
    values = text.drop_nulls()
    if values.is_empty() or not (formats := _candidates(values.head(_SAMPLE).to_list())):
        return None, None
    read = [(each, made) for each in formats if not (made := _read(text, each)).null_count() > text.null_count()]
    if not read:
        return None, None
    if len(read) > 1 and not read[0][1].equals(read[1][1]):
        same = [] if hint is None else [pair for pair in read if _agree(pair[1], hint)]
        if len(same) != 1:
            why = "its dates read day-first and month-first alike (write them as 2026-11-24)"
            return None, f"{column.name} is left as text: {why}"
        read = same
    form, made = read[0]
    return {"kind": "date" if made.dtype == _date() else "time", "format": form}, None


def _date() -> Any:
    import polars as pl

    return pl.Date


def _agree(made: pl.Series, hint: pl.Series) -> bool:
    import polars as pl

    return bool((made.cast(pl.Datetime("us")).eq_missing(hint.cast(pl.Datetime("us")))).all())


def _filled(column: pl.Series) -> pl.Series:
    import polars as pl

    text = column.str.strip_chars()
    return pl.select(pl.when(text != "").then(text)).to_series().alias(column.name)


def _read(text: pl.Series, form: str) -> pl.Series:
    import polars as pl

    if form.endswith("%z"):
        text = text.str.replace("Z$", "+00:00")
    return text.str.strptime(pl.Datetime("us") if "%H" in form or "%I" in form else pl.Date, form, strict=False)


def _candidates(sample: Sequence[str]) -> list[str]:
    """Formats that every value of a sample may have, by its look; at most two."""
    forms: set[tuple[str, ...]] = set()
    rests: list[str] = []
    for each in sample:
        days, rest = _days(each)
        if not days:
            return []
        forms.add(days)
        rests.append(rest)
    time = _time(rests)
    return [] if len(forms) != 1 or time is None else [day + time for day in next(iter(forms))]


def _days(text: str) -> tuple[tuple[str, ...], str]:
    if match := _YEAR_FIRST.match(text):
        mark = match.group(1)
        return (f"%Y{mark}%m{mark}%d",), match["rest"]
    if match := _YEAR_LAST.match(text):
        mark = match.group(1)
        # With dots the day comes first wherever dates are written so.
        orders = ("%d.%m.%Y",) if mark == "." else (f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y")
        return orders, match["rest"]
    if match := _NAMED.match(text):
        mark = match.group(2)
        return (f"%d{mark}%B{mark}%Y" if mark else "%B %d, %Y",), match["rest"]
    return (), ""


def _time(rests: Sequence[str]) -> str | None:
    """Format of the time of day behind the dates: nothing where there is none, None where it is not one for all."""
    if not any(rests):
        return ""
    found: set[str] = set()
    for each in rests:
        match = _REST.match(each)
        if match is None:
            return None
        hours = "%I" if match["half"] else "%H"
        half = "" if not match["half"] else " %p" if match["half"].startswith(" ") else "%p"
        # A fraction may be there in some values and not in others.
        seconds = ":%S%.f" if match["seconds"] else ""
        found.add(f"{match['mark']}{hours}:%M{seconds}{half}{'%z' if match['zone'] else ''}")
    return found.pop() if len(found) == 1 else None
