"""Newline-delimited JSON files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.core.errors import UnreadableData
from holdfast.core.registry import source
from holdfast.quality.sources._csv_text import utf8_bytes
from holdfast.quality.sources._files import ends_with, known, opened
from holdfast.quality.sources._types import typed


@source
class NdjsonSource:
    """Rows of a file of JSON objects, one a line, packed with gzip or not.

    Settings: ``types`` by column (number, category, text, time, boolean).
    """

    name = "ndjson"

    def matches(self, location: str) -> bool:
        """Whether it is a local path that ends in .ndjson, .jsonl, or one of these and .gz."""
        return ends_with(location, (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz"))

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table; a key that an object lacks is missing there.

        Parameters
        ----------
        location
            Path of the file.
        settings
            As above.

        Returns
        -------
        polars.DataFrame
            Shape (n, columns).

        Raises
        ------
        UnreadableData
            If there is no such file, or it is a folder, empty, not UTF-8, or a line is no JSON object.
        UnknownField
            If a setting is not one.
        """
        known(settings, {"types": Mapping}, where=location)
        data = utf8_bytes(opened(location), location, None)
        if not data.strip():
            raise UnreadableData("the file holds only blank lines", where=location, expected="a JSON object a line")
        try:
            rows = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
        except pl.exceptions.PolarsError as error:
            raise UnreadableData(
                f"no newline-delimited JSON: {_first_wrong(data) or str(error).splitlines()[0]}",
                where=location,
                expected="a JSON object a line",
            ) from error
        return typed(rows, settings.get("types") or {}, location)


def _first_wrong(data: bytes) -> str | None:
    """Line of the first text that is no JSON object."""
    import json

    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            if not isinstance(json.loads(line), dict):
                return f"line {number} is no object"
        except ValueError as error:
            return f"line {number}: {error}"
    return None
