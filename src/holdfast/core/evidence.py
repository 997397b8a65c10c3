"""Value, Evidence, Verdict: what was measured, the record of it, and what it means for a promise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from holdfast.core.digests import digest_of, plain
from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.promises import EVERY_COLUMN, Argument, Promise
from holdfast.core.units import number_text

STATUSES = ("measured", "estimated", "simulated", "failed")


@dataclass(frozen=True, slots=True)
class Value:
    """What a measure found: a number, the interval around it, and how many observations it stands on.

    Parameters
    ----------
    value
        In the measure's base unit (seconds, bytes, or a plain number).
    low, high
        The interval; both None for a number that is exact (a size, a count).
    n
        Observations that it stands on, at least 1.
    method
        How the interval was made, such as ``"Wilson"``.
    notes
        Plain data to keep with the evidence: bins, the worst rows, what was left out.

    Raises
    ------
    InvalidValue
        If ``low <= value <= high`` does not hold, or n is below 1.
    """

    value: float
    low: float | None = None
    high: float | None = None
    n: int = 1
    method: str = "exact"
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the invariants."""
        if not math.isfinite(self.value):
            raise InvalidValue(f"value {self.value} is not finite", expected="a finite number, or NotMeasurable raised")
        if (self.low is None) != (self.high is None):
            raise InvalidValue("an interval needs both ends", expected="low and high, or neither")
        if self.low is not None and self.high is not None:
            slack = 1e-9 * max(1.0, abs(self.value))
            if not self.low - slack <= self.value <= self.high + slack:
                raise InvalidValue(
                    f"low <= value <= high must hold, got low={self.low}, value={self.value}, high={self.high}"
                )
        if self.n < 1:
            raise InvalidValue(f"n >= 1 must hold, got n={self.n}", expected="NotMeasurable raised where n is 0")

    def __repr__(self) -> str:
        """Value, interval and n; the method and the notes are left out."""
        ends = "" if self.low is None else f", low={self.low:.12g}, high={self.high:.12g}"
        return f"Value(value={self.value:.12g}{ends}, n={self.n})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One measurement of one subject; immutable, identified by its content.

    Parameters
    ----------
    subject
        Digest of what was measured: a dataset version, a model version, a package, a window of predictions.
    measure
        Registered name of the measure.
    stage
        When it was measured.
    time
        When; not part of the id, so that two runs on the same inputs give the same id.
    args, options
        Arguments of the measure (a wildcard is already resolved to a column).
    slice
        Column and value pairs that choose the rows; empty for all.
    value, low, high, confidence, n, method
        As in `Value`; value is None when the measurement failed. `confidence` is that of the interval.
    status
        ``measured``, ``estimated`` (no labels yet), ``simulated`` (no real traffic), ``failed``.
    window
        First and last moment of the observations, for live evidence.
    inputs
        Digests of everything that was read.
    code
        Version of the code that measured.
    reason
        Why it failed, or what must be known to read it.
    notes
        Plain data from the measure.
    """

    subject: str
    measure: str
    stage: str
    time: datetime
    args: tuple[Argument, ...] = ()
    options: tuple[tuple[str, Argument], ...] = ()
    slice: tuple[tuple[str, str], ...] = ()
    value: float | None = None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.95
    n: int = 0
    method: str = ""
    status: str = "measured"
    window: tuple[datetime, datetime] | None = None
    inputs: tuple[str, ...] = ()
    code: str = ""
    reason: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the invariants."""
        if self.status not in STATUSES:
            raise InvalidValue(f"status {self.status!r}", expected=one_of(STATUSES, self.status))
        if (self.value is None) != (self.status == "failed"):
            raise InvalidValue("evidence has a value unless it failed", expected="status failed, or a value")
        if self.status == "failed" and not self.reason:
            raise InvalidValue("failed evidence without a reason", expected="a reason")

    @property
    def id(self) -> str:
        """Digest of everything but the time."""
        return digest_of({key: each for key, each in plain(self).items() if key != "time"})

    @property
    def subject_text(self) -> str:
        """Arguments and slice in words, such as ``age`` or ``sex=Female``."""
        words = [each if isinstance(each, str) else number_text(each) for each in self.args]
        return ", ".join([*words, *(f"{column}={value}" for column, value in self.slice)])

    def case_of(self, promise: Promise) -> str:
        """Which case of a promise this is, in words: the columns that ``*`` stood for, the slice; often nothing."""
        pairs = zip(promise.args, self.args, strict=False)
        words = [str(found) for asked, found in pairs if asked == EVERY_COLUMN]
        return ", ".join([*words, *(f"{column}={value}" for column, value in self.slice)])


class State(StrEnum):
    """The three verdicts; unproven is never treated as held."""

    HELD = "held"
    BROKEN = "broken"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What evidence says of a promise.

    Parameters
    ----------
    promise
        The promise, with its stage.
    state
        Held, broken or unproven.
    evidence
        Ids of all the evidence looked at.
    deciding
        The evidence that decided (the worst case), or None when there was none.
    reason
        One sentence for a person.
    cases
        How many cases (slices, columns) were judged.
    """

    promise: Promise
    state: State
    evidence: tuple[str, ...] = ()
    deciding: Evidence | None = None
    reason: str = ""
    cases: int = 1
