"""Engines that checks run on: Polars in memory or streaming, DuckDB, PostgreSQL.

A check is told once (`holdfast.quality.algebra`); each engine renders it. `open_table` picks one by a location.
"""

from __future__ import annotations

from holdfast.quality.engines._duckdb import DuckTable, duckdb_table
from holdfast.quality.engines._frames import FrameTable, table_of
from holdfast.quality.engines._open import open_table
from holdfast.quality.engines._postgres import PostgresTable, postgres_table
from holdfast.quality.engines._table import Mark, Question, Table

__all__ = [
    "DuckTable",
    "FrameTable",
    "Mark",
    "PostgresTable",
    "Question",
    "Table",
    "duckdb_table",
    "open_table",
    "postgres_table",
    "table_of",
]
