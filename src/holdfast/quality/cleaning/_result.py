"""What a cleaning, or its undoing, comes back with."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.quality.cleaning._effect import Effect
    from holdfast.quality.repair import Change, Duplicates, Suspect


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A table that was looked through, and what was done to it.

    Parameters
    ----------
    source, out
        The file, and where the repaired one is; None where nothing was written.
    rows, columns
        Size of the table; nothing of it is ever added or taken away.
    applied
        Changes that are made, or would be, by row and then by column.
    held_back
        Changes that are not made; the reason says why.
    suspects
        Cells that look wrong and have no repair.
    duplicates
        Rows that are one thing; all are kept.
    notes
        Plain sentences about the table.
    digests
        SHA-256 by name: ``source`` and ``source_content``, ``fixed`` and ``fixed_content`` where something was written.
    report, quarantine
        The other files that were written.
    quarantined
        Number of rows that hold a cell which is not made right: suspects and changes held back.
    effect
        What a model that is trained on the repaired rows makes of them; None without a target.
    """

    source: Path
    out: Path | None
    rows: int
    columns: int
    applied: tuple[Change, ...]
    held_back: tuple[Change, ...]
    suspects: tuple[Suspect, ...]
    duplicates: tuple[Duplicates, ...]
    notes: tuple[str, ...]
    digests: dict[str, str]
    report: Path | None = None
    quarantine: Path | None = None
    quarantined: int = 0
    effect: Effect | None = None

    def counts(self) -> dict[str, dict[str, int]]:
        """Cells by rule: applied, held back, suspected."""
        return counts_of(self.applied, self.held_back, self.suspects)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "source": str(self.source),
            "out": _text(self.out),
            "report": _text(self.report),
            "quarantine": _text(self.quarantine),
            "rows": self.rows,
            "columns": self.columns,
            "applied": [asdict(each) for each in self.applied],
            "held_back": [asdict(each) for each in self.held_back],
            "suspects": [asdict(each) for each in self.suspects],
            "duplicates": [asdict(each) for each in self.duplicates],
            "quarantined": self.quarantined,
            "counts": self.counts(),
            "notes": list(self.notes),
            "digests": dict(self.digests),
            "effect": None if self.effect is None else self.effect.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Undone:
    """A cleaning that was taken back.

    Parameters
    ----------
    report, fixed, out
        The trail, the repaired file, and where the table as it was is.
    rows
        Number of rows.
    restored
        Number of cells that were put back.
    sha256, content_sha256
        Of the file written, and of its content: a CSV's text, a Parquet's schema and values.
    identical
        Whether the file itself is the source bit for bit; else its content is (a gzip or Parquet written anew).
    """

    report: Path
    fixed: Path
    out: Path
    rows: int
    restored: int
    sha256: str
    content_sha256: str
    identical: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def counts_of(
    applied: tuple[Change, ...], held_back: tuple[Change, ...], suspects: tuple[Suspect, ...]
) -> dict[str, dict[str, int]]:
    """Cells by rule, the most applied first."""
    groups = {
        "applied": Counter(each.rule for each in applied),
        "held_back": Counter(each.rule for each in held_back),
        "suspects": Counter(each.rule for each in suspects),
    }
    rules = sorted(
        {rule for each in groups.values() for rule in each}, key=lambda rule: (-groups["applied"][rule], rule)
    )
    return {rule: {name: each[rule] for name, each in groups.items()} for rule in rules}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
