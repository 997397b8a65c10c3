"""The suite of sources: what is well made passes, and every broken rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.errors import EmptyTable, UnreadableData
from holdfast.testing import (
    ConformanceError,
    check_source,
)


class Csv:
    """Comma-separated values."""

    name = "tried"

    def matches(self, location: str) -> bool:
        return location.endswith(".csv")

    def read(self, location: str, settings: Any) -> pl.DataFrame:
        if not Path(location).is_file():
            raise UnreadableData("not there", where=location)
        try:
            rows = pl.read_csv(location)
        except Exception as error:
            raise UnreadableData("no csv", where=location) from error
        if not rows.height:
            raise EmptyTable("no rows", where=location)
        return rows


class Forgetful(Csv):
    """Loses a row."""

    def read(self, location: str, settings: Any) -> pl.DataFrame:
        return super().read(location, settings).head(100)


class Shouting(Csv):
    """Changes text."""

    def read(self, location: str, settings: Any) -> pl.DataFrame:
        return super().read(location, settings).with_columns(pl.col("sex").str.to_uppercase())


class Careless(Csv):
    """Lets foreign errors through."""

    def read(self, location: str, settings: Any) -> pl.DataFrame:
        return pl.read_csv(location)


class Greedy(Csv):
    """Matches everything."""

    def matches(self, location: str) -> bool:
        return True


def test_a_good_source_conforms() -> None:
    check_source(Csv())
    check_source(Csv(), suffix=".csv", write=lambda rows, path: rows.write_csv(path), whole=False)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (Forgetful(), "read 100 rows; written were 120"),
        (Shouting(), "read other texts in 'sex'"),
        (Careless(), "a file that is not there, raised FileNotFoundError"),
        (Greedy(), "matches a suffix that nobody has heard of"),
        (type("Shy", (Csv,), {"matches": lambda _self, _location: False})(), "matches none of"),
    ],
)
def test_a_source_that_breaks_a_rule_is_named_with_the_rule(source: Any, sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_source(source)
