"""What an import finds: promises, what did not map and why, and how the rows are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Kind = Literal["great-expectations", "pandera", "soda", "dbt", "frictionless"]


class Unmapped(Exception):
    """A check that no promise says the same as; the text is the reason, for a person."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A check of the suite that did not map, and why; or (in `Imported.notes`) one that maps with a difference.

    Parameters
    ----------
    what
        The check, as its tool names it.
    why
        One clause for a person.
    """

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Checks of another tool, as promises.

    Parameters
    ----------
    promises
        Promises about rows in their canonical form, each once, in the order of the suite.
    skipped
        What did not map, each with its reason.
    kind
        The tool whose file it is.
    types
        Types that must not be inferred, by column: as `data.types` of a contract.
    reading
        What the source takes to read the file: as `data.reading` of a contract.
    notes
        What maps, but not to the last detail (a warning that becomes a promise, missing values counted otherwise).
    origins
        The check that each promise is for, in the order of `promises`.
    checks
        How many checks the suite holds for this table.
    table
        Name of the table in the suite, where it names one.
    tables
        Names of all tables that the file has checks for.
    name
        Name of the file.
    """

    promises: tuple[str, ...]
    skipped: tuple[Skipped, ...] = ()
    kind: Kind = "great-expectations"
    types: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[Skipped, ...] = ()
    origins: tuple[str, ...] = ()
    checks: int = 0
    table: str | None = None
    tables: tuple[str, ...] = ()
    name: str = "suite"

    @property
    def mapped(self) -> int:
        """How many checks of the suite are said by the promises, whole."""
        return self.checks - len({each.what for each in self.skipped})

    def to_dict(self) -> dict[str, Any]:
        """Plain data that says the same."""
        return {
            "kind": self.kind,
            "table": self.table,
            "checks": self.checks,
            "promises": list(self.promises),
            "origins": list(self.origins),
            "skipped": [{"what": each.what, "why": each.why} for each in self.skipped],
            "notes": [{"what": each.what, "why": each.why} for each in self.notes],
            "types": dict(self.types),
            "reading": dict(self.reading),
        }


class Draft:
    """An import in the making: each check either becomes promises, or is skipped with a reason."""

    def __init__(self, kind: Kind, *, folder: Path | None = None) -> None:
        self.kind: Kind = kind
        self.folder = folder
        self.checks = 0
        self.types: dict[str, str] = {}
        self.reading: dict[str, Any] = {}
        self._promises: dict[str, str] = {}
        self._skipped: dict[Skipped, None] = {}
        self._notes: dict[Skipped, None] = {}
        self._whats: dict[str, int] = {}

    def check(self, what: str, make: Callable[[], Iterable[str]]) -> None:
        """Add the promises that `make` gives for the check `what`; all of them, or none and the reason."""
        from holdfast.core.errors import HoldfastError
        from holdfast.quality.exchange._promises import confirmed

        self.checks += 1
        what = self._told_apart(what)
        try:
            found = [confirmed(each) for each in make()]
        except Unmapped as error:
            self.skip(what, str(error))
        except HoldfastError as error:
            right = f"; expected {error.expected}" if error.expected else ""
            self.skip(what, f"{error.message}{right}")
        else:
            for each in found:
                self._promises.setdefault(each, what)

    def skip(self, what: str, why: str) -> None:
        """Say that (a part of) a check has no promise."""
        self._skipped[Skipped(shown(what), shown(why))] = None

    def note(self, what: str, why: str) -> None:
        """Say what is different in the promise of a check."""
        self._notes[Skipped(shown(what), shown(why))] = None

    def related(self, table: str) -> str:
        """Name of the file of another table: the one that lies beside the suite, or the CSV that should."""
        from holdfast.quality.exchange._choice import file_of

        found, there = file_of(table, self.folder)
        if not there:
            self.note(f"table {table}", f"it is looked for in {found}, beside the checks")
        return found

    def finished(self, *, table: str | None = None, tables: Iterable[str] = (), name: str = "suite") -> Imported:
        """The import, whole."""
        return Imported(
            promises=tuple(self._promises),
            skipped=tuple(self._skipped),
            kind=self.kind,
            types=dict(self.types),
            reading=dict(self.reading),
            notes=tuple(self._notes),
            origins=tuple(self._promises.values()),
            checks=self.checks,
            table=table,
            tables=tuple(tables),
            name=name,
        )

    def _told_apart(self, what: str) -> str:
        """The name of a check; one that stands there again gets its number."""
        what = shown(what)
        self._whats[what] = self._whats.get(what, 0) + 1
        return what if self._whats[what] == 1 else f"{what} [{self._whats[what]}]"


def shown(text: str, *, most: int = 300) -> str:
    """Text on one line that can be written anywhere: no control characters, no half of a surrogate pair."""
    line = "".join(each if each.isprintable() else " " for each in str(text)[: most + 1])
    line = " ".join(line.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= most else f"{line[: most - 3]}..."
