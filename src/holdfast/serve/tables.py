"""Logged predictions and labels as tables: their columns, and how to read them back as features, scores and truth.

``predictions:<model>`` has one row for each predicted row: ``id``, ``row`` (index in the request), ``version``,
``role``, ``time``, ``latency_s``, ``decision`` (null for a task that does not classify), ``score`` (list of the class
probabilities, or of one prediction), ``classes`` (their names), ``context`` (JSON text that came beside the row, or
null), and for each feature ``number:<column>`` or ``text:<column>``.

``labels:<model>`` has one row for each label that said something new: ``id``, ``row``, ``time``, ``label`` (text) or
``value`` (number), ``correction`` (whether another label came before).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import polars as pl

from holdfast.core.errors import ColumnNotFound, one_of

if TYPE_CHECKING:
    from holdfast.core.models import ModelSchema
    from holdfast.serve._frames import Answered

NUMBER, TEXT = "number:", "text:"
LABEL_TYPES = {
    "id": pl.String(),
    "row": pl.Int32(),
    "time": pl.Datetime("us", "UTC"),
    "label": pl.String(),
    "value": pl.Float64(),
    "correction": pl.Boolean(),
}


def predictions_table(name: str) -> str:
    """Name of the table of a model's predictions."""
    return f"predictions:{name}"


def labels_table(name: str) -> str:
    """Name of the table of a model's labels."""
    return f"labels:{name}"


def prediction_frame(answered: Sequence[Answered]) -> pl.DataFrame:
    """Table of logged predictions, one row for each predicted row, in their order.

    Parameters
    ----------
    answered
        Predictions of one model; their versions may have different features (what a version lacks is null).
    """
    frames = [_one_source(list(group)) for group in _runs(answered)]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame()


def _runs(answered: Iterable[Answered]) -> list[list[Answered]]:
    groups: list[list[Answered]] = []
    for each in answered:
        if groups and groups[-1][0].source == each.source:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _one_source(group: list[Answered]) -> pl.DataFrame:
    source = group[0].source
    sizes = np.array([size for each in group for size in each.sizes], dtype=np.int64)
    total = int(sizes.sum())
    request = np.repeat(np.arange(len(sizes)), sizes)

    def repeated(values: Iterable[Any], dtype: Any) -> pl.Series:
        return pl.Series(list(values), dtype=dtype).gather(request)

    score = np.concatenate([each.score for each in group]).astype(np.float64)
    time = repeated((each for one in group for each in one.times), pl.Float64)
    columns: dict[str, Any] = {
        "id": repeated((each for one in group for each in one.ids), pl.String),
        "row": (np.arange(total) - np.repeat(np.cumsum(sizes) - sizes, sizes)).astype(np.int32),
        "version": pl.repeat(source.version, total, eager=True),
        "role": pl.repeat(source.role, total, eager=True),
        "time": (time * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC")),
        "latency_s": repeated((each for one in group for each in one.latencies), pl.Float64),
        "decision": _decisions(group),
        "score": pl.Series(score, dtype=pl.Array(pl.Float64, source.width)).cast(pl.List(pl.Float64)),
        "classes": pl.Series([list(source.classes)], dtype=pl.List(pl.String)).new_from_index(0, total),
        "context": pl.Series([text for one in group for text in _contexts(one)], dtype=pl.String),
    }
    numbers = np.concatenate([each.numbers for each in group])
    for index, name in enumerate(source.numbers):
        columns[NUMBER + name] = pl.Series(np.ascontiguousarray(numbers[:, index])).fill_nan(None)
    for index, name in enumerate(source.texts):
        columns[TEXT + name] = pl.Series([text for each in group for text in each.texts[index]], dtype=pl.String)
    return pl.DataFrame(columns)


def _contexts(answered: Answered) -> list[str | None]:
    """Context of each row, as JSON text."""
    if answered.contexts is None:
        return [None] * answered.n
    rows: list[str | None] = []
    for size, context in zip(answered.sizes, answered.contexts, strict=True):
        rows += [orjson.dumps(each).decode() for each in orjson.loads(context)] if context else [None] * size
    return rows


def _decisions(group: list[Answered]) -> pl.Series:
    classes = group[0].source.classes
    if not classes:
        return pl.repeat(None, sum(each.n for each in group), dtype=pl.String, eager=True)
    index = np.concatenate([each.decision for each in group if each.decision is not None])
    # An index beyond the classes stands for a decision that is none of them.
    names = pl.Series([*classes, None], dtype=pl.String)
    return names.gather(np.minimum(index, len(classes)).astype(np.int64))


def features_of(frame: pl.DataFrame, schema: ModelSchema) -> pl.DataFrame:
    """Feature columns of logged predictions, named and ordered as in a model's schema.

    Raises
    ------
    ColumnNotFound
        If a column of the schema was never logged.
    """
    columns = []
    for column in schema.columns:
        logged = (NUMBER if column.dtype == "float32" else TEXT) + column.name
        if logged not in frame.columns:
            there = [each.partition(":")[2] for each in frame.columns if each.startswith((NUMBER, TEXT))]
            raise ColumnNotFound(
                f"no feature {column.name!r}", where="predictions", expected=one_of(there, column.name)
            )
        columns.append(pl.col(logged).alias(column.name))
    return frame.select(columns)


def scores_of(frame: pl.DataFrame) -> np.ndarray:
    """Scores of logged predictions: shape (n, classes) float64 for a classification, (n,) for another task."""
    if frame.height == 0:
        return np.empty(0)
    width = int(frame.get_column("score").list.len().max())  # type: ignore[arg-type]  # a count of a list column
    flat = frame.get_column("score").explode().to_numpy()
    classified = frame.get_column("decision").null_count() < frame.height
    return flat.reshape(frame.height, width) if classified or width > 1 else flat


def label_frame(labels: Sequence[dict[str, Any]], known: pl.DataFrame) -> pl.DataFrame:
    """Labels that say something new: a repeated one is left out, a changed one is marked as a correction.

    Parameters
    ----------
    labels
        Logged labels of one model, in the order they came.
    known
        Labels of the same ids that are in the table already (columns of `LABEL_TYPES`).
    """
    last: dict[tuple[str, int], tuple[str | None, float | None]] = {}
    for row in known.sort("time", maintain_order=True).iter_rows(named=True):
        last[row["id"], row["row"]] = row["label"], row["value"]
    kept = []
    for each in labels:
        place, said = (each["id"], each["row"]), (each["label"], each["value"])
        before = last.get(place)
        if before == said:
            continue
        kept.append({**each, "correction": before is not None})
        last[place] = said
    frame = pl.DataFrame(kept, schema={**LABEL_TYPES, "time": pl.Float64, "model": pl.String}, orient="row")
    stamp = (pl.col("time") * 1e6).round().cast(pl.Int64).cast(LABEL_TYPES["time"])
    return frame.with_columns(time=stamp).select(list(LABEL_TYPES))


def latest_labels(frame: pl.DataFrame) -> pl.DataFrame:
    """The last label of each predicted row: columns ``id``, ``row``, ``time``, ``label``, ``value``."""
    if frame.height == 0:
        return pl.DataFrame(schema={name: kind for name, kind in LABEL_TYPES.items() if name != "correction"})
    ordered = frame.sort("time", maintain_order=True).unique(["id", "row"], keep="last", maintain_order=True)
    return ordered.drop("correction")
