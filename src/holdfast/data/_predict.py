"""The use-case of asking a trained model: a table goes in, a Parquet file of answers comes out, row by row."""

from __future__ import annotations

import io
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import ColumnNotFound, InvalidValue, StoreUnavailable, UnreadableData, one_of
from holdfast.core.models import CLASSIFICATION
from holdfast.data._dates import as_dates, is_sure, text_file
from holdfast.data._manifest import MODEL, NAME, Manifest, read_manifest

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.models import ModelSchema
    from holdfast.core.ports import Progress
    from holdfast.serve import LoadedModel

#: Rows that are asked about at a time.
BATCH = 1 << 17

#: A Parquet file of more bytes is read in batches, not held in memory.
_LARGE = 8 << 20


@dataclass(frozen=True, slots=True)
class Predicted:
    """Answers that were written.

    Parameters
    ----------
    out
        The file.
    rows
        How many rows it has: those of the table, in their order.
    columns
        Its columns: ``p_<class>`` for each class and ``label``, or ``prediction``.
    """

    out: Path
    rows: int
    columns: tuple[str, ...]


def predict(
    folder: str | Path,
    data: Any,
    *,
    out: str | Path,
    reading: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Predicted:
    """Answer every row of a table with the model in a folder.

    Parameters
    ----------
    folder
        Folder that `train` wrote. Its files are verified against the manifest before the model is loaded.
    data
        File or URL of the rows, or a `polars.DataFrame`. Columns that the model does not look at are left out.
    out
        Parquet file to write, whole or not at all: ``p_<class>`` (float64) for each class and ``label``, or
        ``prediction`` (float64); one row for each of the table's, in their order.
    reading
        What the source takes to read the rows.
    progress
        Told how far it is.

    Raises
    ------
    NotFound, DigestMismatch, UnreadableData
        If there is no model in the folder, a file of it was changed, or the rows cannot be read.
    ColumnNotFound
        If a column that the model looks at is not there; names the nearest.
    DataError
        If a cell cannot be what it was in training.
    InvalidValue, UnsafePath, StoreUnavailable
        If `out` is no name of a Parquet file, is one of the files that are read, or cannot be written.
    """
    from holdfast.data._tables import check_out
    from holdfast.serve import load_model

    folder, out = Path(folder), Path(out)
    if out.suffix.lower() not in (".parquet", ".pq"):
        raise InvalidValue(f"answers in {out.name!r}", where="--out", expected="the name of a Parquet file (.parquet)")
    manifest = read_manifest(folder)
    own = [str(folder / each) for each in (NAME, MODEL)]
    check_out(out, [*own, *([data] if isinstance(data, str) else [])])
    model = load_model(folder, manifest.schema)
    rows, batches = _batches(data, reading, manifest)
    answers = (_answers(model, each, manifest, first=first, data=data) for first, each in batches)
    written = _write(out, _told(answers, rows, progress), empty=_empty(manifest.schema))
    return Predicted(out, written, tuple(_empty(manifest.schema).columns))


def like_training(
    data: Any, reading: Mapping[str, Any] | None, *, texts: Sequence[str], parses: Mapping[str, Mapping[str, str]]
) -> pl.DataFrame:
    """Rows of a table, read as the training table was: what was text there is text, and the same texts are dates.

    Parameters
    ----------
    data
        File or URL, or a `polars.DataFrame`.
    reading
        What the source takes.
    texts
        Columns that were text: 01 and 1 are two words there, though a file that holds only such looks like numbers.
    parses
        Formats of dates, by column.
    """
    rows = _as_text(data, reading, texts=texts, parses=parses)
    return as_dates(rows, parses, where=_where(data))


def _as_text(
    data: Any, reading: Mapping[str, Any] | None, *, texts: Sequence[str], parses: Mapping[str, Mapping[str, str]]
) -> pl.DataFrame:
    import polars as pl

    from holdfast.data._check import read_table

    if isinstance(data, pl.DataFrame):
        return data
    rows = read_table(data, reading)
    right = [name for name, kind in rows.schema.items() if kind == pl.String]
    right += [name for name, each in parses.items() if is_sure(each) and rows.schema.get(name, pl.String).is_temporal()]
    other = [name for name in texts if name in rows.columns and name not in right]
    if not other or not text_file(data):
        return rows
    given = dict(reading or {})
    types = {**dict(given.get("types") or {}), **dict.fromkeys(other, "text")}
    written = read_table(data, {**given, "types": types})
    return rows.with_columns(written[name] for name in other)


def _where(data: Any) -> str:
    return data if isinstance(data, str) else "rows"


def _batches(
    data: Any, reading: Mapping[str, Any] | None, manifest: Manifest
) -> tuple[int, Iterator[tuple[int, pl.DataFrame]]]:
    """Number of rows; and the rows in batches, each with the number of its first."""
    if manifest.series is None and isinstance(data, str) and _streams(data, reading):
        return _streamed(data, manifest)
    rows = _as_text(data, reading, texts=manifest.texts, parses=manifest.parses)
    chosen = _chosen(rows.columns, manifest, _where(data))
    rows = rows.select(chosen) if manifest.series is None else _derived(rows, chosen, manifest, _where(data))
    return rows.height, ((first, rows[first : first + BATCH]) for first in range(0, rows.height, BATCH))


def _derived(rows: pl.DataFrame, chosen: Sequence[str], manifest: Manifest, where: str) -> pl.DataFrame:
    """Rows of a forecast with what is derived from the past; a target that is known tells of later rows."""
    if manifest.series is None:
        return rows
    known = [each for each in (manifest.schema.target,) if each in rows.columns and each not in chosen]
    rows = as_dates(rows, manifest.parses, where=where)
    return manifest.series.derived(rows.select(*chosen, *known)).select(manifest.schema.names)


def _streams(data: str, reading: Mapping[str, Any] | None) -> bool:
    path = Path(data)
    return (
        not reading
        and "://" not in data
        and path.suffix.lower() in (".parquet", ".pq")
        and path.is_file()
        and path.stat().st_size > _LARGE
    )


def _streamed(data: str, manifest: Manifest) -> tuple[int, Iterator[tuple[int, pl.DataFrame]]]:
    import polars as pl

    try:
        lazy = pl.scan_parquet(data, glob=False)
        names = lazy.collect_schema().names()
        rows = int(lazy.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError) as error:
        raise _damaged(data, error) from error
    lazy = lazy.select(_chosen(names, manifest, data))

    def batches() -> Iterator[tuple[int, pl.DataFrame]]:
        for first in range(0, rows, BATCH):
            try:
                yield first, lazy.slice(first, BATCH).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise _damaged(data, error) from error

    return rows, batches()


def _damaged(data: str, error: Exception) -> UnreadableData:
    why = str(error).splitlines()[0] if str(error) else type(error).__name__
    return UnreadableData(f"the Parquet file is damaged: {why}", where=data, expected="a whole file")


def _chosen(columns: Sequence[str], manifest: Manifest, where: str) -> list[str]:
    """Columns to read: those that the model looks at.

    Raises
    ------
    ColumnNotFound
        If some are not there.
    """
    needed = list(manifest.needed)
    missing = [each for each in needed if each not in columns]
    if missing:
        more = f", nor {', '.join(map(repr, missing[1:6]))}" if missing[1:] else ""
        more += f" and {len(missing) - 6} more" if len(missing) > 6 else ""
        raise ColumnNotFound(f"no column {missing[0]!r}{more}", where=where, expected=one_of(columns, missing[0]))
    return needed


def _answers(model: LoadedModel, rows: pl.DataFrame, manifest: Manifest, *, first: int, data: Any) -> pl.DataFrame:
    """Answers to a batch of rows, whose first has that number in the table."""
    import polars as pl

    where = _where(data) if first == 0 else f"{_where(data)}: rows from {first}"
    score, decision = model.decide(as_dates(rows, manifest.parses, where=where))
    if decision is None:
        return pl.DataFrame({"prediction": score})
    columns = {f"p_{name}": score[:, place] for place, name in enumerate(manifest.schema.classes)}
    return pl.DataFrame({**columns, "label": pl.Series(decision, dtype=pl.String)})


def _empty(schema: ModelSchema) -> pl.DataFrame:
    import polars as pl

    if schema.task not in CLASSIFICATION:
        return pl.DataFrame(schema={"prediction": pl.Float64})
    return pl.DataFrame(schema={**{f"p_{name}": pl.Float64 for name in schema.classes}, "label": pl.String})


def _told(answers: Iterator[pl.DataFrame], rows: int, progress: Progress | None) -> Iterator[pl.DataFrame]:
    done = 0
    for each in answers:
        done += each.height
        if progress is not None:
            progress(done / max(rows, 1), f"answered {done} of {rows} rows")
        yield each


def _write(out: Path, answers: Iterator[pl.DataFrame], *, empty: pl.DataFrame) -> int:
    """Write the answers into one file, whole or not at all; how many they are."""
    draft = out.with_name(f".{out.name[:60]}.{secrets.token_hex(8)}")
    draft.mkdir()
    try:
        rows, parts = 0, []
        for number, each in enumerate(answers):
            rows += each.height
            parts.append(_part(draft, number, each))
        if not parts:
            parts.append(_part(draft, 0, empty))
        whole = parts[0] if len(parts) == 1 else _joined(draft, parts)
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        whole.replace(out)
        return rows
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _part(folder: Path, number: int, rows: pl.DataFrame) -> Path:
    # Through memory: what the disk refuses is then an error of this process, with its number.
    data = io.BytesIO()
    rows.write_parquet(data)
    path = folder / f"{number:08d}.parquet"
    path.write_bytes(data.getvalue())
    return path


def _joined(folder: Path, parts: Sequence[Path]) -> Path:
    import polars as pl

    whole = folder / "whole.parquet"
    try:
        pl.scan_parquet(list(parts), glob=False).sink_parquet(whole, maintain_order=True)
    except (pl.exceptions.PolarsError, OSError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise StoreUnavailable(f"the answers cannot be written: {why}", expected="room on the disk") from error
    return whole
