"""What a check of a table found: one result for each promise, the report of all, and what changed since another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.evidence import State
from holdfast.core.locations import public

if TYPE_CHECKING:
    from holdfast.quality.reports.difference import TableDiff

#: Worst first: how results are sorted where a person reads them.
ORDER = {"broken": 0, "unproven": 1, "held": 2}

#: Kinds of `Change`, worst first.
CHANGES = (
    "newly broken",
    "newly unproven",
    "still broken",
    "still unproven",
    "no longer checked",
    "new check",
    "mended",
)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was found for one promise about a table.

    Parameters
    ----------
    check
        The claim, as in the contract: ``completeness(age) >= 0.99``.
    verdict
        ``held``, ``broken`` or ``unproven`` (a `State` is taken as well).
    value
        In the measure's base unit; None where it could not be measured.
    low, high
        Interval of the value; both None for a number that is exact.
    n
        Observations that the value stands on.
    rows_failing
        Rows that break the check; None where no single row is to blame.
    rows
        Rows of the table.
    reason
        One sentence for a person: why it is not held. Empty where it is.
    first_rows
        Positions of the first rows that break it, counted from 0.
    measure
        Registered name of the measure.
    column
        The column that decided (the worst one where the check was of ``*``); None for a check of whole rows.
    shown
        The value and its interval in the unit that a person would choose.
    line
        Line of the promise in the contract, counted from 1; None where it is not known.
    data
        The file that was checked, in a report of several; empty in a report of one.

    Raises
    ------
    InvalidValue
        If the verdict is none of the three, or a count is negative.
    """

    check: str
    verdict: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    rows_failing: int | None = None
    rows: int = 0
    reason: str = ""
    first_rows: tuple[int, ...] = ()
    measure: str = ""
    column: str | None = None
    shown: str = ""
    line: int | None = None
    data: str = ""

    def __post_init__(self) -> None:
        """Check the invariants; a `State` becomes its text."""
        if self.verdict not in ORDER:
            raise InvalidValue(f"verdict {self.verdict!r}", where=self.check, expected=one_of(ORDER, self.verdict))
        object.__setattr__(self, "verdict", str(State(self.verdict)))
        object.__setattr__(self, "reason", public(self.reason))
        object.__setattr__(self, "first_rows", tuple(int(each) for each in self.first_rows))
        for name in ("n", "rows_failing", "rows"):
            count = getattr(self, name)
            if count is not None and count < 0:
                raise InvalidValue(f"{name} is {count}", where=self.check, expected="a count of at least 0")


@dataclass(frozen=True, slots=True)
class Change:
    """How the verdict on one promise differs between two versions of a table.

    Parameters
    ----------
    check
        The claim.
    kind
        One of `CHANGES`: ``newly broken``, ``mended`` (not held before, held now), ``still broken`` ...
    before, after
        Verdicts on the old and the new table; None where the check was not there.
    value_before, value_after
        Values, in the measure's base unit.
    shown_before, shown_after
        The values in the unit that a person would choose.
    data
        The new file, in a report of several.
    """

    check: str
    kind: str
    before: str | None
    after: str | None
    value_before: float | None = None
    value_after: float | None = None
    shown_before: str = ""
    shown_after: str = ""
    data: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All results of the checks of one table (or, `combine`d, of several).

    Parameters
    ----------
    results
        One for each promise, in the order of the contract.
    data
        The file or URL that was checked; a login or a token in it is left out.
    contract
        The file that the promises stand in.
    rows, columns
        Size of the table.
    time
        When it was checked, UTC-aware.
    diff
        How the table differs from an older version, where it was compared with one.
    changes
        How the verdicts differ from those on the older version: ``report.compared(old)``.
    against
        The file of the older version; empty where there was none.
    seconds
        How long the check took.
    parts
        The single reports of a combined one; empty in a report of one table.
    notes
        What must be known to read the report, a sentence each (promises passed over, for instance).
    """

    results: tuple[CheckResult, ...]
    data: str
    contract: str
    rows: int
    columns: int
    time: datetime
    diff: TableDiff | None = None
    changes: tuple[Change, ...] = ()
    against: str = ""
    seconds: float = 0.0
    parts: tuple[Report, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the invariants."""
        if self.time.tzinfo is None:
            raise InvalidValue(f"time {self.time.isoformat()} has no zone", expected="a time in UTC")
        for name in ("data", "against", "contract"):
            object.__setattr__(self, name, public(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(public, self.notes)))
        object.__setattr__(self, "results", tuple(self.results))
        object.__setattr__(self, "changes", tuple(self.changes))

    @property
    def state(self) -> str:
        """The worst verdict. A report without a check is unproven: nothing was looked at, so nothing is held."""
        if not self.results:
            return "unproven"
        return min((each.verdict for each in self.results), key=ORDER.__getitem__)

    @property
    def counts(self) -> dict[str, int]:
        """How many checks are held, broken and unproven."""
        return {state: sum(each.verdict == state for each in self.results) for state in ("held", "broken", "unproven")}

    @property
    def summary(self) -> str:
        """The closing line: ``12 held, 1 broken, 1 unproven``."""
        return ", ".join(f"{count} {state}" for state, count in self.counts.items())

    @property
    def tables(self) -> tuple[Report, ...]:
        """The report of each table: the parts of a combined report, or the report itself."""
        return self.parts or (self,)

    def worst_first(self) -> list[CheckResult]:
        """The results, broken ones first, otherwise in the order of the contract."""
        return sorted(self.results, key=lambda each: ORDER[each.verdict])

    def compared(self, old: Report) -> tuple[Change, ...]:
        """How the verdicts differ from those of an older report, worst first; what was and is held is left out.

        Parameters
        ----------
        old
            Report of the older table, by the same contract (a check that only one of them has is told as such).

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> def report(verdict):
        ...     result = CheckResult("unique(id) >= 1", verdict)
        ...     return Report((result,), "a.csv", "c.yaml", 3, 2, datetime(2026, 1, 1, tzinfo=UTC))
        >>> [change.kind for change in report("broken").compared(report("held"))]
        ['newly broken']
        """
        return tuple(sorted(_changes(self, old), key=lambda each: CHANGES.index(each.kind)))


def combine(reports: Iterable[Report]) -> Report:
    """One report of several tables; each result says which file it is of.

    Parameters
    ----------
    reports
        Reports, at least one. A single one is given back as it is.

    Raises
    ------
    InvalidValue
        If there is none.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> def report(data):
    ...     result = CheckResult("unique(id) >= 1", "held")
    ...     return Report((result,), data, "c.yaml", 3, 2, datetime(2026, 1, 1, tzinfo=UTC))
    >>> both = combine([report("a.csv"), report("b.csv")])
    >>> both.data, both.rows, [result.data for result in both.results]
    ('a.csv, b.csv', 6, ['a.csv', 'b.csv'])
    """
    parts = tuple(table for each in reports for table in each.tables)
    if not parts:
        raise InvalidValue("no report to combine", expected="at least one")
    if len(parts) == 1:
        return parts[0]
    return Report(
        results=tuple(replace(result, data=part.data) for part in parts for result in part.results),
        data=", ".join(part.data for part in parts),
        contract=", ".join(dict.fromkeys(part.contract for part in parts)),
        rows=sum(part.rows for part in parts),
        columns=max(part.columns for part in parts),
        time=max(part.time for part in parts),
        changes=tuple(replace(change, data=part.data) for part in parts for change in part.changes),
        against=", ".join(dict.fromkeys(part.against for part in parts if part.against)),
        seconds=sum(part.seconds for part in parts),
        parts=parts,
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def _changes(new: Report, old: Report) -> Iterator[Change]:
    before = {each.check: each for each in old.results}
    after = {each.check: each for each in new.results}
    for check in dict.fromkeys((*before, *after)):
        was, now = before.get(check), after.get(check)
        kind = _kind(was, now)
        if kind is not None:
            yield Change(
                check=check,
                kind=kind,
                before=was.verdict if was else None,
                after=now.verdict if now else None,
                value_before=was.value if was else None,
                value_after=now.value if now else None,
                shown_before=was.shown if was else "",
                shown_after=now.shown if now else "",
            )


def _kind(was: CheckResult | None, now: CheckResult | None) -> str | None:
    if now is None:
        return "no longer checked"
    if was is None:
        return "new check" if now.verdict == "held" else f"newly {now.verdict}"
    if now.verdict == "held":
        return None if was.verdict == "held" else "mended"
    return f"{'still' if was.verdict == now.verdict else 'newly'} {now.verdict}"
