"""Freshness: how old the newest row is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.quality import algebra as a
from holdfast.quality._expressions import Certainty, Check, Figures, Schema, check, kind_of, refuse
from holdfast.quality._values import measured


@check("freshness")
def build(schema: Schema, column: str, now: datetime | None = None) -> Check:
    """Find the newest time that is not after `now`."""
    kind = kind_of(schema, column, "freshness")
    if kind not in (pl.Date, pl.Datetime):
        raise refuse("freshness", column, kind, expected="a column of days or times")
    if now is None:
        raise NotMeasurable("the time of the measurement is not given", where="freshness", expected="now, in UTC")
    if now.tzinfo is None:
        raise NotMeasurable("the time of the measurement has no zone", where="freshness", expected="now, in UTC")
    moment = int(now.timestamp() * 1_000_000)
    micros = a.Call("micros", (a.Column(column),))
    past = a.Compare("<=", micros, a.Literal(moment))
    newest = a.Of(a.Filter(a.Source(), past), a.Statistic("max", micros))

    def value(figures: Figures, _: Certainty) -> Value:
        if figures["newest"] is None:
            raise NotMeasurable(
                f"every time in {column!r} lies after {now.isoformat()}", where="freshness", expected="one before it"
            )
        notes: dict[str, Any] = {"rows": figures["rows"], "rows_looked_at": figures["looked"]}
        if figures["bad"]:
            notes["rows_in_the_future"] = figures["bad"]
        return Value(value=(moment - int(figures["newest"])) / 1e6, n=figures["looked"], notes=notes)

    return Check(
        measure="freshness",
        bad=a.CountIf(a.Compare(">", micros, a.Literal(moment))),
        looked=a.present(a.Column(column)),
        column=column,
        kind="figure",
        also={"newest": newest},
        value=value,
    )


@measure(
    "freshness",
    unit="seconds",
    range=(0, None),
    better="lower",
    stages=("data", "live"),
    source="ISO/IEC 25012:2008, currentness",
)
def freshness(rows: pl.DataFrame, column: str, *, now: datetime | None = None) -> Value:
    """Age of the newest row: `now` less the latest time in `column` that is not after it.

    Parameters
    ----------
    rows
        Shape (n, columns).
    column
        A column of days or times. One without a zone is taken as UTC; a day begins at midnight UTC. Times after `now`
        prove nothing: one wrong year would make a dead table look fresh for ever. They are counted in the notes.
    now
        Time of the measurement, with its zone.

    Returns
    -------
    Value
        Seconds, to the microsecond, exact; n is the number of values that are not missing.

    Raises
    ------
    ColumnNotFound
        If `rows` has no such column.
    NotMeasurable
        If `now` is not given, the column holds no time up to it, or no times at all.

    Examples
    --------
    >>> from datetime import UTC
    >>> rows = pl.DataFrame({"at": [datetime(2026, 1, 1, 11), datetime(2026, 1, 1, 12), datetime(2099, 1, 1)]})
    >>> freshness(rows, "at", now=datetime(2026, 1, 1, 12, 30, tzinfo=UTC)).value
    1800.0
    """
    return measured("freshness", rows, column, now=now)
