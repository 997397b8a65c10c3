"""One scan for all measures of rows that have a check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from holdfast.core import registry
from holdfast.core.errors import HoldfastError
from holdfast.core.evidence import Value
from holdfast.core.ports import Related, RowCase
from holdfast.core.registry import scanner
from holdfast.quality._expressions import builders


@scanner
class RowScanner:
    """The check compiler as a port: cases of every promise and slice are counted in one scan of the table."""

    name = "rows"

    def knows(self, measure: str) -> bool:
        """Whether the measure has a check of rows."""
        registry.load("measure")
        return measure in builders

    def scan(
        self,
        rows: Any,
        cases: Sequence[RowCase],
        *,
        now: datetime | None = None,
        related: Related | None = None,
    ) -> list[Value | HoldfastError]:
        """Find the value of each case, or the error why there is none.

        Parameters
        ----------
        rows
            Shape (n, columns): a `polars.DataFrame`, a `polars.LazyFrame` or a table of `quality.engines`.
        cases
            Measures with their arguments and slices.
        now
            Time of the measurement, UTC-aware.
        related
            Name of another table -> its rows.
        """
        from holdfast.quality.compiler import compile_cases

        return compile_cases(cases).results(rows, now=now, related=related)
