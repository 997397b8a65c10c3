"""CSV files."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.core.registry import source
from holdfast.quality.sources._csv_shape import Shape, shape_of
from holdfast.quality.sources._csv_text import utf8_bytes
from holdfast.quality.sources._csv_times import with_times
from holdfast.quality.sources._files import ends_with, known, opened
from holdfast.quality.sources._types import as_text, typed

SETTINGS: dict[str, type] = {
    "encoding": str,
    "delimiter": str,
    "quotes": bool,
    "missing": list,
    "decimal_comma": bool,
    "infer": bool,
    "types": Mapping,
}

#: What polars says of digits that are a number by their look, and too many for one.
_NO_NUMBER = re.compile(r"could not parse `\s*[+-]?[0-9]{19,}\s*` as dtype `i[0-9]+` .*\(column number ([0-9]+)\)")


@source
class CsvSource:
    """Rows of a CSV file on this machine, packed with gzip or not.

    Settings: ``encoding`` (UTF-8 where none is stated), ``delimiter`` (comma, semicolon, tab or bar where none is
    stated: the one that splits all the first lines alike), ``quotes: false`` (a quote is text), ``missing`` (texts
    that stand for a missing value; the empty field always does), ``decimal_comma``, ``infer: false`` to keep every
    cell as text, and ``types`` by column (number, category, text, time, boolean).
    """

    name = "csv"

    def matches(self, location: str) -> bool:
        """Whether it is a local path that ends in .csv, .tsv, .csv.gz or .tsv.gz."""
        return ends_with(location, (".csv", ".tsv", ".csv.gz", ".tsv.gz"))

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table; types are those that every value of the column fits.

        Parameters
        ----------
        location
            Path of the file.
        settings
            As above.

        Returns
        -------
        polars.DataFrame
            Shape (n, columns); n may be 0. A column that mixes numbers and text is text. A heading without a name
            becomes ``unnamed_<position>``.

        Raises
        ------
        UnreadableData
            If there is no such file, or it is a folder, empty, binary, in another encoding (names the byte), has a
            column name twice, or a record of another width (names the line).
        UnknownField
            If a setting is not one.
        InvalidValue
            If a setting's value is not one.
        """
        known(settings, SETTINGS, where=location)
        path = opened(location)
        data = utf8_bytes(path, location, settings.get("encoding"))
        if not data.strip():
            raise UnreadableData("the file holds only blank lines", where=location, expected="a heading and rows")
        tabbed = location.lower().removesuffix(".gz").endswith(".tsv")
        delimiter = settings.get("delimiter") or ("\t" if tabbed else None)
        shape = shape_of(data, location, delimiter=delimiter, quotes=bool(settings.get("quotes", True)))
        rows = _parsed(shape, location, settings)
        if rows.height != shape.records:
            raise UnreadableData(
                f"{rows.height} rows were read of {shape.records} records: its quotes can be read in two ways",
                where=location,
                expected='quotes that begin and end a field, or settings {"quotes": false}',
            )
        types = settings.get("types") or {}
        if settings.get("infer", True):
            rows = with_times(rows, but=as_text(types))
        return typed(_storable(rows), types, location)


def _parsed(shape: Shape, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
    texts = {each for each in as_text(settings.get("types") or {}) if each in shape.names}
    while True:
        try:
            return _read(shape, settings, texts)
        except pl.exceptions.PolarsError as error:
            # Digits that no number type holds (more than 38) are an identifier: the column is read as text.
            too_long = _NO_NUMBER.search(str(error))
            name = shape.names[int(too_long[1]) - 1] if too_long else None
            if name is None or name in texts:
                why = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise UnreadableData(
                    f"the CSV cannot be parsed: {why}", where=location, expected="CSV (RFC 4180)"
                ) from error
            texts.add(name)


def _read(shape: Shape, settings: Mapping[str, Any], texts: Collection[str]) -> pl.DataFrame:
    return pl.read_csv(
        io.BytesIO(shape.data),
        separator=shape.dialect.delimiter,
        quote_char='"' if shape.dialect.quotes else None,
        has_header=True,
        new_columns=list(shape.names),
        schema_overrides=dict.fromkeys(texts, pl.String),
        n_rows=shape.records,
        infer_schema=bool(settings.get("infer", True)),
        infer_schema_length=None,
        null_values=["", *(str(each) for each in settings.get("missing") or ())],
        decimal_comma=bool(settings.get("decimal_comma", False)),
    )


def _storable(rows: pl.DataFrame) -> pl.DataFrame:
    """Types that tables are kept in: a number too long for 64 bits is an identifier, so text."""
    return rows.with_columns(pl.col(name).cast(pl.String) for name, kind in rows.schema.items() if kind == pl.Int128)
