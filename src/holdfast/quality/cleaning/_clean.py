"""Cleaning a file: plan, decide, write everything or nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import ColumnNotFound, InvalidValue, UnreadableData, UnusableTarget, one_of
from holdfast.quality.cleaning._decide import Decided, decide
from holdfast.quality.cleaning._formulas import formula_suspects
from holdfast.quality.cleaning._publish import Publication, check_target, hashed
from holdfast.quality.cleaning._report import Watch, report_bytes
from holdfast.quality.cleaning._result import Cleaned
from holdfast.quality.cleaning._tables import Table, kind_of, open_table
from holdfast.quality.sources._files import opened

if TYPE_CHECKING:
    import polars as pl

    from holdfast.quality.cleaning._effect import Effect
    from holdfast.quality.repair import RepairPlan, Suspect

#: Plans the repairs of cells; called with ``cells`` and ``seed=``.
Planner = Callable[..., "RepairPlan"]


def clean_file(
    source: Path,
    *,
    out: Path | None,
    report: Path | None = None,
    min_confidence: float = 0.7,
    quarantine: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    target: str | None = None,
    repair_target: bool = False,
    planner: Planner | None = None,
    confirm: Callable[[Cleaned], bool] | None = None,
) -> Cleaned:
    """Repair the cells of a file; whatever is not repaired stays as it is, byte for byte.

    Parameters
    ----------
    source
        CSV (also gzipped) or Parquet; never written to.
    out
        Where the repaired file goes, in the same format; None only plans.
    report
        Where the trail goes, which `undo_file` takes.
    min_confidence
        Changes below it are held back, in (0, 1].
    quarantine
        Where copies of the rows go that hold a suspect or a change held back; they stay in `out` as well.
    settings
        What the source takes to read the file: ``encoding``, ``delimiter``, ``quotes``.
    seed
        Seed of the planner and of the models that `target` asks for.
    target
        Column that a model will be trained to predict: rules whose repairs make such a model worse are dropped, and
        the column itself is left as it is.
    repair_target
        Repair the target's cells as well.
    planner
        Plans the repairs; `holdfast.quality.repair.plan_repairs` where none is given.
    confirm
        Asked before anything is written, with what would be; nothing is written where it says no.

    Returns
    -------
    Cleaned
        What was changed, held back and suspected; its `out` is None where nothing was written.

    Raises
    ------
    UnreadableData
        If the file cannot be read: says what is wrong with it, and where.
    ColumnNotFound, UnusableTarget
        If there is no column `target`, or it is nested.
    InvalidValue
        If `min_confidence` is outside (0, 1].
    UnsafePath, StoreUnavailable
        If a file may not, or cannot, be written; then none is.
    """
    if not 0 < min_confidence <= 1:
        raise InvalidValue(f"min_confidence {min_confidence!r}", where="min_confidence", expected="a number in (0, 1]")
    _check_files(source, out=out, report=report, quarantine=quarantine)
    table = open_table(source, settings or {})
    planning = _Planning(min_confidence, seed, target, None if repair_target else target)
    plan, decided, effect = planning.of(table, planner)
    rows = _wrong_rows(decided, plan.suspects)
    cleaned = Cleaned(
        source=source,
        out=None,
        rows=table.rows,
        columns=len(table.columns),
        applied=tuple(each.change for each in decided.edits),
        held_back=decided.held_back,
        suspects=plan.suspects,
        duplicates=plan.duplicates,
        notes=(*plan.notes, *table.notes),
        digests={"source": table.digests.sha256, "source_content": table.digests.content_sha256},
        quarantined=len(rows),
        effect=effect,
    )
    if out is not None and confirm is not None and not confirm(cleaned):
        return cleaned
    asked = {
        "min_confidence": min_confidence,
        "seed": seed,
        "target": target,
        "repair_target": repair_target,
        "reading": dict(settings or {}),
    }
    return _Writing(table, decided, rows, asked).write(cleaned, out=out, report=report, quarantine=quarantine)


def _check_target(table: Table, cells: pl.DataFrame, target: str) -> None:
    if target not in table.columns:
        raise ColumnNotFound(f"no column {target!r}", where=table.location, expected=one_of(table.columns, target))
    if target not in cells.columns:
        raise UnusableTarget(f"the values of {target!r} have no text", where=table.location, expected="plain values")


def _check_files(source: Path, *, out: Path | None, report: Path | None, quarantine: Path | None) -> None:
    opened(str(source))
    kind = kind_of(source, what=str(source))
    taken: list[Path | None] = [source]
    for what, path in (("out", out), ("report", report), ("quarantine", quarantine)):
        if path is not None:
            check_target(path, what=what, taken=taken)
        taken.append(path)
    for what, path in (("out", out), ("quarantine", quarantine)):
        if path is not None and kind_of(path, what=what) != kind:
            raise UnreadableData(
                f"{path.name!r} is of another format than {source.name!r}", where=what, expected="the same format"
            )


@dataclass(frozen=True, slots=True)
class _Planning:
    """Plan, decide, and where there is a target drop the rules that do harm."""

    min_confidence: float
    seed: int
    target: str | None
    protected: str | None

    def of(self, table: Table, planner: Planner | None) -> tuple[RepairPlan, Decided, Effect | None]:
        cells = table.cells()
        if self.target is not None:
            _check_target(table, cells, self.target)
        plan = _plan(cells, planner, self.seed)
        decided = self._decided(table, plan)
        plan = _with_formulas(plan, cells, decided)
        if self.target is None:
            return plan, decided, None
        from holdfast.quality.cleaning._effect import effect_of_repairs

        changes = [each.change for each in decided.edits]
        wrong = _wrong_rows(decided, plan.suspects)
        effect = effect_of_repairs(cells, changes, target=self.target, wrong_rows=wrong, seed=self.seed)
        if effect.dropped:
            decided = self._decided(table, plan, frozenset(effect.dropped))
        return plan, decided, effect

    def _decided(self, table: Table, plan: RepairPlan, harmful: frozenset[str] = frozenset()) -> Decided:
        return decide(
            table, plan.changes, min_confidence=self.min_confidence, protected=self.protected, harmful=harmful
        )


def _plan(cells: pl.DataFrame, planner: Planner | None, seed: int) -> RepairPlan:
    from holdfast.quality.repair import RepairPlan

    if cells.height == 0 or cells.width == 0:
        return RepairPlan((), (), ("the table has no rows: there is nothing to repair",), ())
    if planner is None:
        from holdfast.quality.repair import plan_repairs

        return plan_repairs(cells, seed=seed)
    return planner(cells, seed=seed)


def _with_formulas(plan: RepairPlan, cells: pl.DataFrame, decided: Decided) -> RepairPlan:
    """Plan whose suspects tell of the cells that look like formulas and stay as they are."""
    told = {(each.row, each.column) for each in plan.suspects}
    told |= {(each.change.row, each.change.column) for each in decided.edits}
    more: list[Suspect] = [each for each in formula_suspects(cells) if (each.row, each.column) not in told]
    places = {name: place for place, name in enumerate(cells.columns)}
    suspects = sorted((*plan.suspects, *more), key=lambda each: (each.row, places[each.column]))
    return replace(plan, suspects=tuple(suspects))


def _wrong_rows(decided: Decided, suspects: Iterable[Suspect]) -> list[int]:
    return sorted({each.row for each in decided.held_back} | {each.row for each in suspects})


@dataclass(frozen=True, slots=True)
class _Writing:
    """The files of a cleaning, written together."""

    table: Table
    decided: Decided
    rows: list[int]
    asked: dict[str, Any]

    def write(self, cleaned: Cleaned, *, out: Path | None, report: Path | None, quarantine: Path | None) -> Cleaned:
        edits = self.decided.edits
        # The repaired file is no more open to others than the file was.
        with Publication(mode=cleaned.source.stat().st_mode & 0o666 | 0o200) as files:
            if quarantine is not None:
                files.write(quarantine, self.table.excerpt(self.rows, edits, out=quarantine))
                cleaned = replace(cleaned, quarantine=quarantine)
            watch = None
            if out is not None:
                digests, watch = self._write_fixed(files, out)
                cleaned = replace(cleaned, out=out, digests={**cleaned.digests, **digests})
            if report is not None:
                cleaned = replace(cleaned, report=report)
                files.write(report, (report_bytes(cleaned, self.table, edits, settings=self.asked, watch=watch),))
            files.publish()
        return cleaned

    def _write_fixed(self, files: Publication, out: Path) -> tuple[dict[str, str], Watch | None]:
        from holdfast.quality.cleaning._text_table import TextTable, sha256_of, splices_of
        from holdfast.quality.cleaning._typed_table import TypedTable

        digest, watch = hashlib.sha256(), None
        edits = self.decided.edits
        files.write(out, hashed(self.table.written(edits, out=out), digest))
        if isinstance(self.table, TextTable):
            watch = Watch.over(len(self.table.data))
            content = sha256_of(watch.passed(self.table.text(splices_of(edits))))
        elif isinstance(self.table, TypedTable):
            from holdfast.quality.cleaning._content import content_digest

            content = content_digest(self.table.fixed(edits))
        return {"fixed": digest.hexdigest(), "fixed_content": content}, watch
