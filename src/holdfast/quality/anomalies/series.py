"""Anomalies of a time series: each row scored by how little it follows from the rows before it.

A value is foreseen from a season (day, week, or a period found in the series itself, learned anew again and again from
the past) and from the last values. What is left, and its level over 4, 16, 64 and 256 rows against the level before,
and its spread over 24 and 96 rows, are each held against what they used to be: a Student tail fitted to their own past
says how seldom such a value is (`holdfast.stats.tails`). Runs of one value and times without values are weighed in the
same way. The most surprising of these is the surprise of the row.

One event is one alarm: what was told is not told again while it lasts, and what keeps happening at the same strength
loses weight. The score is 1 - 2^(-surprise / bar); the bar follows from the time between rows and the alarms a week
that are bearable, so that a score of 0.5 is an alarm (or makes clearer one that began at most 6 rows before).

Nothing looks ahead. Every estimate that a row is held against was made from earlier rows, at rows whose numbers do not
depend on how many follow.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.core.units import UNITS
from holdfast.quality.anomalies._series_alarms import LEAST_BAR, sound
from holdfast.quality.anomalies._series_clock import Clock, read_clock, read_values
from holdfast.quality.anomalies._series_evidence import FIRST_ROWS, WAYS, Evidence, Stated, gather
from holdfast.stats._arrays import Bools, Floats

__all__ = ["KINDS", "SeriesAnomalies", "score_series"]

#: What an alarm may be: a single value; a level that moved within 16 rows, or more slowly; a value that is ordinary
#: at another place of the season; more or less spread than before; a value that does not move any more; missing rows.
KINDS = ("spike", "level", "trend", "season", "spread", "flat", "gap")
_KIND_OF = {"step": "spike", "level 4": "level", "level 16": "level", "level 64": "trend", "level 256": "trend"}
_LARGEST = 1e100
Kept = TypeVar("Kept", bound=np.generic)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesAnomalies:
    """How little each row follows from those before it.

    Parameters
    ----------
    score
        Shape (n,), float64 in [0, 1], in the order of the rows; 0 where nothing can be told (the first rows, missing
        values, rows without a time), 0.5 and more where there is an alarm, or the one just told is made clearer.
    flag
        Shape (n,), bool: the row at which an alarm begins. The rows after it, of the same event, are not flagged.
    kind
        Shape (n,), text: one of `KINDS` where flagged, else "".
    notes
        What was decided and left out, in words.
    """

    score: Floats
    flag: Bools
    kind: npt.NDArray[np.str_]
    notes: tuple[str, ...]


def score_series(
    times: pl.Series, values: pl.Series, *, season: str | None = None, alarms_per_week: float = 1.0
) -> SeriesAnomalies:
    """Score each row of a series by how little it follows from the rows before it.

    Parameters
    ----------
    times
        Shape (n,): dates, datetimes (the day is that of their own time zone), text (ISO 8601 or a common format), or
        numbers (an index, or seconds, milli-, micro- or nanoseconds since 1970). Steps may be irregular, times may
        occur twice. A table that is not in the order of time is scored in that order, equal times in the order of
        their rows; where time only seldom steps back (a clock set back) the order of the table is kept.
    values
        Shape (n,): numbers. Null, NaN and infinities are missing.
    season
        Length of the season, such as ``24 h``, ``7 d`` or ``50 rows``; ``none`` for a series without; looked for where
        it is not stated.
    alarms_per_week
        Alarms a week that are bearable, above 0. The false ones are meant to stay below it.

    Returns
    -------
    SeriesAnomalies
        In the order of the rows.

    Raises
    ------
    InvalidValue
        If the columns differ in length, do not hold times and numbers, or an option is out of its range.

    References
    ----------
    What an alarm is worth in operation, and the aim to find events early, in one pass, without look-ahead: A. Lavin,
    S. Ahmad (2015), "Evaluating real-time anomaly detection algorithms: the Numenta anomaly benchmark", IEEE ICMLA.
    Alarms from the tail of past scores: A. Siffer et al. (2017), "Anomaly detection in streams with extreme value
    theory", KDD.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> values = rng.normal(20.0, 1.0, 500)
    >>> values[400] = 35.0
    >>> found = score_series(pl.Series(range(500)), pl.Series(values))
    >>> found.flag.nonzero()[0].tolist(), str(found.kind[400])
    ([400], 'spike')
    """
    if len(times) != len(values):
        raise InvalidValue(f"{len(times)} times and {len(values)} values", expected="as many times as values")
    if not (math.isfinite(alarms_per_week) and alarms_per_week > 0):
        raise InvalidValue(f"alarms_per_week {alarms_per_week}", expected="a finite number above 0, such as 1")
    numbers, notes = read_values(values)
    clock = read_clock(times)
    stated = _stated(season, clock)
    ordered = numbers[clock.order]
    evidence = gather(_scaled(ordered), clock.instants, clock.wall, stated=stated, known=clock.known)
    scores, alarms, sorts = sound(
        evidence.surprise, clock.instants, evidence.steps, known=clock.known, alarms_per_week=alarms_per_week
    )
    notes += [*clock.notes, *_told(evidence, ordered)]
    return SeriesAnomalies(
        _placed(scores, clock, numbers.size, 0.0),
        _placed(alarms, clock, numbers.size, False),
        _placed(_kinds(evidence, sorts, alarms), clock, numbers.size, ""),
        tuple(notes),
    )


def _stated(season: str | None, clock: Clock) -> Stated | None:
    if season is None:
        return None
    if season.strip().lower() == "none":
        return Stated(0.0)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", season)
    unit = UNITS.get(found[2]) if found else None
    if found is None or unit is None or unit.dimension not in ("time", "rows") or float(found[1]) <= 0:
        raise InvalidValue(f"season {season!r}", expected="a length above 0 such as 24 h, 7 d or 50 rows; or none")
    if unit.dimension == "time" and not clock.known:
        raise InvalidValue(f"season {season!r} of an index", expected="a number of rows, such as 50 rows")
    return Stated(float(found[1]) * unit.factor, in_rows=unit.dimension == "rows")


def _scaled(values: Floats) -> Floats:
    """Values from the first one on, in units of the first move (a power of two, so that nothing is rounded)."""
    there = values[np.isfinite(values)]
    if not there.size:
        return values
    # Halves, so that the difference of the largest numbers is one.
    moved = values / 2.0 - there[0] / 2.0
    moves = moved[np.isfinite(moved) & (moved != 0)]
    unit = math.frexp(float(moves[0]))[1] if moves.size else 0
    with np.errstate(over="ignore"):
        scaled: Floats = np.clip(np.ldexp(moved, -unit), -_LARGEST, _LARGEST)
    return scaled


def _kinds(evidence: Evidence, sorts: npt.NDArray[np.int64], alarms: Bools) -> npt.NDArray[np.str_]:
    kinds = np.full(alarms.size, "", dtype="U6")
    for row in np.flatnonzero(alarms):
        way = WAYS[evidence.way[sorts[row], row]]
        kind = _KIND_OF.get(way, way.split()[0])
        if way == "level 4" and evidence.surprise[0, row] >= LEAST_BAR:
            # Whether a value stays where it went, its own row does not know.
            kind = "spike"
        if evidence.still[row] and kind != "gap":
            kind = "flat"
        kinds[row] = "season" if kind in ("spike", "level") and evidence.ordinary[row] else kind
    return kinds


def _told(evidence: Evidence, ordered: Floats) -> list[str]:
    there = ordered[np.isfinite(ordered)]
    if ordered.size < FIRST_ROWS:
        return [f"{ordered.size} rows: fewer than {FIRST_ROWS} are too few to tell what is usual, nothing is flagged"]
    notes = ["the value never changes"] if there.size and (there == there[0]).all() else []
    if not there.size:
        notes.append("no row holds a value")
    if evidence.seasons:
        row, name, period = evidence.seasons[-1]
        rows = period / evidence.steps[row] if period else 0.0
        length = {"none": "none", "day": "a day", "week": "a week"}.get(name, f"{rows:.0f} rows")
        notes.append(f"season: {length}, from row {row} on (in the order of time)")
    return notes


def _placed(found: npt.NDArray[Kept], clock: Clock, size: int, empty: object) -> npt.NDArray[Kept]:
    """Answers in the order of the table; rows without a time get `empty`."""
    placed = np.full(size, empty, dtype=found.dtype)
    placed[clock.order] = found
    return placed
