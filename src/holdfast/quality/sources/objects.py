"""Parquet in object stores: S3, Google Cloud Storage, Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from holdfast.core.errors import ColumnNotFound, UnreadableData, one_of
from holdfast.core.registry import source
from holdfast.quality.sources._files import known
from holdfast.quality.sources._types import typed

_SCHEMES = ("s3://", "s3a://", "gs://", "gcs://", "az://", "azure://", "abfs://", "abfss://")


@source
class ObjectSource:
    """Rows of Parquet in an object store: ``s3://bucket/key.parquet``, ``gs://...``, ``az://...``, or a pattern.

    Settings: ``columns``, a list of the columns to read; ``types`` by column; ``storage``, more options for the store.
    Credentials are taken from the environment, and so is an endpoint (``AWS_ENDPOINT_URL``).
    """

    name = "objects"

    def matches(self, location: str) -> bool:
        """Whether it is a URL of an object store."""
        return location.startswith(_SCHEMES)

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table, held in memory; `holdfast check` scans such a table where it lies.

        Parameters
        ----------
        location
            URL of the object.
        settings
            As above.

        Returns
        -------
        polars.DataFrame
            Shape (n, columns).

        Raises
        ------
        UnreadableData
            If the store does not answer, or there is no such object, or it is no Parquet.
        ColumnNotFound
            If a column that is asked for is not there.
        UnknownField
            If a setting is not one.
        """
        from holdfast.quality.engines import open_table

        known(settings, {"columns": list, "types": Mapping, "storage": Mapping}, where=location)
        rows = open_table(location, {"storage": settings.get("storage") or {}})
        if not isinstance(rows, pl.LazyFrame):
            raise UnreadableData(
                "no Parquet in an object store", where=location, expected="such as s3://bucket/a.parquet"
            )
        names = rows.collect_schema().names()
        chosen = [str(each) for each in settings.get("columns") or names]
        for each in chosen:
            if each not in names:
                raise ColumnNotFound(f"no column {each!r}", where=location, expected=one_of(names, each))
        try:
            found = rows.select(chosen).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UnreadableData(
                f"it cannot be read: {why}", where=location, expected="a whole Parquet file"
            ) from error
        return typed(found, settings.get("types") or {}, location)
