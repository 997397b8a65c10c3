"""Live: what the prediction log says of the champion, as the subjects of live promises."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.digests import digest_of, iso
from holdfast.core.errors import NotMeasurable
from holdfast.core.models import CLASSIFICATION, ModelSchema, ModelVersion
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored, Traffic, Window
from holdfast.core.units import Quantity
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import View
from holdfast.keeper.observe import looked, verdict_of
from holdfast.keeper.plan import ROLLBACK
from holdfast.keeper.subjects import scored
from holdfast.serve import LoadedModel, PredictionLog, load_model
from holdfast.serve.tables import features_of, labels_table, latest_labels, predictions_table, scores_of

if TYPE_CHECKING:
    import polars as pl

#: A window with fewer rows than this proves nothing about a distribution.
MIN_ROWS = 30

#: So many deployments are looked back at for earlier champions.
EARLIER = 200

#: A window is looked at again when one in so many of its rows, or labels, is new: each look costs certainty.
RENEWED = 10

#: Window of a live promise that names none.
DAY = Quantity(1, "d")


def ingest_log(keeping: Keeping) -> None:
    """Move what the servers logged into the tables; nothing is moved twice."""
    folder = keeping.log_folder
    if folder.exists():
        PredictionLog(folder).mover(keeping.store).run()


def logged(keeping: Keeping, *, since: datetime | None = None, version: str | None = None) -> pl.DataFrame | None:
    """Answered rows (shadows left out), oldest first, each with its label where one came; None before the first.

    Parameters
    ----------
    keeping
        The model's keeping.
    since
        Only rows answered from then on.
    version
        Only rows answered by that model version.

    Returns
    -------
    polars.DataFrame or None
        Columns as in `serve.tables`, and ``truth`` (text or number, null while no label came).
    """
    import polars as pl

    name = predictions_table(keeping.name)
    if keeping.store.tables.version(name) is None:
        return None
    where = pl.col("role") != "shadow"
    if since is not None:
        where = where & (pl.col("time") >= since)
    if version is not None:
        where = where & (pl.col("version") == version)
    frame = keeping.store.tables.read(name, where=where).sort("time", "id", "row")
    truth = "label" if keeping.contract.task in CLASSIFICATION else "value"
    labels = labels_table(keeping.name)
    if keeping.store.tables.version(labels) is None:
        kind = pl.String if truth == "label" else pl.Float64
        return frame.with_columns(truth=pl.lit(None, dtype=kind))
    known = latest_labels(keeping.store.tables.read(labels)).select("id", "row", pl.col(truth).alias("truth"))
    return frame.join(known, on=["id", "row"], how="left", maintain_order="left")


def fresh_labels(keeping: Keeping) -> int:
    """How many rows were answered and labelled since the champion was let out."""
    champion = keeping.champion()
    frame = logged(keeping, since=champion.since) if champion is not None else None
    return 0 if frame is None else frame["truth"].count()


def labelled_rows(keeping: Keeping, *, since: datetime | None) -> pl.DataFrame:
    """Logged rows whose labels came: features, the columns that came beside them, the target, and an id."""
    import polars as pl

    champion = keeping.champion()
    frame = logged(keeping, since=since) if champion is not None else None
    if champion is None or frame is None:
        return pl.DataFrame({keeping.contract.target: pl.Series([], dtype=pl.String)})
    known = frame.filter(pl.col("truth").is_not_null())
    schema = keeping.model(champion.model).schema
    rows = _rows(keeping, known, schema).with_columns(known["truth"].alias(keeping.contract.target))
    identity = keeping.contract.data.roles.id
    if identity is None:
        return rows
    # A row that came as a request is named by it, so that it is told apart in the data it is added to.
    return rows.with_columns(known.select(pl.format("{}:{}", "id", "row")).to_series().alias(identity))


def _rows(keeping: Keeping, frame: pl.DataFrame, schema: ModelSchema) -> pl.DataFrame:
    """Features of logged rows and, from the JSON that came beside each row, further columns that are asked for.

    These are the sensitive columns, the group, and what live promises are sliced by.
    """
    import json

    import polars as pl

    features = _as_missing(features_of(frame, schema), schema)
    roles = keeping.contract.data.roles
    sliced = [column for promise in keeping.contract.at("live") for column in promise.by]
    asked = [each for each in (*roles.sensitive, roles.group, *sliced) if each is not None]
    wanted = [each for each in dict.fromkeys(asked) if each not in features.columns]
    if not wanted:
        return features
    beside = [json.loads(text) if text else {} for text in frame["context"].to_list()]
    return features.with_columns(
        pl.Series(column, [_word(each.get(column)) for each in beside], dtype=pl.String) for column in wanted
    )


def _word(value: Any) -> str | None:
    """A value from JSON as the word that names its slice: as a column of such values is written as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return None if value is None else str(value)


def _as_missing(rows: pl.DataFrame, schema: ModelSchema) -> pl.DataFrame:
    """Rows with null for the empty text, which is how a missing text reaches a model and its log."""
    import polars as pl

    texts = [column.name for column in schema.columns if column.dtype == "string"]
    return rows.with_columns(pl.col(each).cast(pl.String).replace("", None) for each in texts)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A window of logged rows, and the model that is judged by it."""

    keeping: Keeping
    version: ModelVersion
    model: LoadedModel
    frame: pl.DataFrame
    dataset: str
    replayed: bool
    since: datetime | None = None
    observed: int = 0


def live_views(keeping: Keeping) -> list[tuple[list[Promise], View]]:
    """Views of the champion's traffic, one for each window that the contract's live promises ask for."""
    champion = keeping.champion()
    if champion is None:
        return []
    version = keeping.model(champion.model)
    frame = logged(keeping, since=champion.since, version=champion.model)
    if frame is None or frame.height == 0:
        return []
    loaded = load_model(keeping.store.models.package_folder(champion.package), version.schema)
    by_window: dict[tuple[str, timedelta], list[Promise]] = {}
    for promise in keeping.contract.at("live"):
        by_window.setdefault((str(promise.over or DAY), keeping.late(promise)), []).append(promise)
    views = []
    for (_, late), promises in by_window.items():
        chosen = _labelled_window(keeping, frame, promises[0].over or DAY, late)
        if chosen.height:
            whole = champion.since if chosen.height == frame.height else None
            labels = frame["truth"].len() - frame["truth"].null_count()
            count = frame.height + labels
            seen = _Seen(keeping, version, loaded, chosen, version.dataset, replayed=False, since=whole, observed=count)
            views.append((promises, _view(seen, str(promises[0].over or DAY))))
    return views


def replay_view(keeping: Keeping, model: str, dataset: str) -> View | None:
    """The last day's traffic as another model would have answered it; None where there is none.

    Its labels are not used: the rows that came with one may be among those it was trained on.
    """
    champion = keeping.champion()
    if champion is None or champion.model == model:
        return None
    frame = logged(keeping, since=champion.since)
    if frame is None or frame.height < MIN_ROWS:
        return None
    version = keeping.model(model)
    package = keeping.package_of(model, keeping.contract.packages[0])
    loaded = load_model(keeping.store.models.package_folder(package), version.schema)
    chosen = _window_rows(frame, DAY, keeping.now)
    return _view(_Seen(keeping, version, loaded, chosen, dataset, replayed=True), "replay") if chosen.height else None


def _labelled_window(keeping: Keeping, frame: pl.DataFrame, over: Quantity, late: timedelta) -> pl.DataFrame:
    """Rows of the window that ended when labels had had the time to come; the current ones while there are too few.

    Without a delay of the labels it is the current window.
    """
    import polars as pl

    then = keeping.now - late
    earlier = _window_rows(frame.filter(pl.col("time") <= then), over, then)
    if earlier["truth"].len() - earlier["truth"].null_count() >= keeping.contract.min_labels:
        return earlier
    return _window_rows(frame, over, keeping.now)


def _window_rows(frame: pl.DataFrame, over: Quantity, now: datetime) -> pl.DataFrame:
    import polars as pl

    if over.dimension == "rows":
        return frame.tail(int(over.number))
    return frame.filter(pl.col("time") >= now - timedelta(seconds=over.base))


def _view(seen: _Seen, window: str) -> View:
    keeping, frame = seen.keeping, seen.frame
    labels = 0 if seen.replayed else frame["truth"].len() - frame["truth"].null_count()
    rows = digest_of(
        {"ids": frame["id"].to_list(), "rows": frame["row"].to_list(), "labels": [str(e) for e in frame["truth"]]}
    )
    inputs = (seen.version.id, seen.dataset, rows, digest_of(window))
    looks = {each.id: looked(verdict_of(keeping, each.id), seen.version.id) for each in keeping.contract.at("live")}

    @functools.cache
    def give(kind: str) -> Any:
        return _subject(seen, kind)

    return View(
        stage="live",
        subject=seen.version.id,
        inputs=inputs,
        columns=seen.version.schema.names,
        give=give,
        status="simulated" if seen.replayed else "measured",
        window=(frame["time"].min(), frame["time"].max()),  # type: ignore[arg-type]  # a datetime column
        looks=looks,
        labels=labels,
        grows=None if seen.since is None else iso(seen.since),
        observed=seen.observed,
        renewed=max(1, frame.height // RENEWED),
        realised=labels >= keeping.contract.min_labels,
    )


def _subject(seen: _Seen, kind: str) -> Any:
    if kind == "traffic":
        return _traffic(seen)
    if kind == "scores":
        return _realised(seen)
    if kind == "window":
        return _window(seen)
    if kind == "rows":
        return _rows(seen.keeping, seen.frame, seen.version.schema)
    raise NotMeasurable(f"live traffic has no {kind}", expected="a promise of stage package")


def _traffic(seen: _Seen) -> Traffic:
    import polars as pl

    if seen.replayed:
        raise NotMeasurable("a replay has no latency", expected="real traffic")
    requests = seen.frame.filter(pl.col("row") == 0)
    first, last = requests["time"].min(), requests["time"].max()
    # The log holds what was answered: how many requests were not is not known from it.
    return Traffic(
        failed=None,
        latency_s=requests["latency_s"].to_numpy(),
        seconds=(last - first).total_seconds(),  # type: ignore[operator, union-attr]  # a datetime column
        notes={"where": "logged by the server, until the prediction was durable"},
    )


def _realised(seen: _Seen) -> Scored:
    import polars as pl

    if seen.replayed:
        raise NotMeasurable("a replay has no labels that the model has not seen", expected="real traffic")
    frame = seen.frame.filter(pl.col("truth").is_not_null())
    if frame.height == 0:
        raise NotMeasurable("no labels have come yet", expected="labels sent to /feedback")
    classify = seen.version.schema.task in CLASSIFICATION
    return Scored(
        task=seen.version.schema.task,
        truth=frame["truth"].to_numpy().astype(object) if classify else frame["truth"].to_numpy(),
        score=scores_of(frame),
        rows=_rows(seen.keeping, frame, seen.version.schema),
        decision=frame["decision"].to_numpy().astype(object) if classify else None,
        classes=seen.version.schema.classes,
        positive=seen.keeping.contract.positive,
    )


def _window(seen: _Seen) -> Window:
    keeping, schema = seen.keeping, seen.version.schema
    if seen.frame.height < MIN_ROWS:
        raise NotMeasurable(f"{seen.frame.height} rows in the window", expected=f"at least {MIN_ROWS}")
    current = _rows(keeping, seen.frame, schema)
    _, held = keeping.split(seen.dataset, model=seen.version.id)
    reference = keeping.reference(seen.dataset)
    classify = schema.task in CLASSIFICATION
    score: np.ndarray
    if seen.replayed:
        score, decision = seen.model.decide(current)
    else:
        score = scores_of(seen.frame)
        decision = seen.frame["decision"].to_numpy().astype(object) if classify else None
    return Window(
        # What only came beside the requests is no column of the reference.
        reference=_as_missing(reference.select(each for each in current.columns if each in reference.columns), schema),
        current=current,
        reference_scored=scored(seen.model, held, contract=keeping.contract),
        current_score=score,
        current_decision=decision,
    )


def previous_champions(keeping: Keeping) -> tuple[str, ...]:
    """Earlier champions whose promises held, latest first.

    A champion that a remedy or a person's rollback replaced had a broken promise, so it is not among them.
    """
    events = keeping.store.journal.events(
        types=("deployment.changed",), model=keeping.name, newest_first=True, limit=EARLIER
    )
    champions = [
        each.payload for each in events if each.payload["role"] == "champion" and not each.payload["withdrawn"]
    ]
    found: list[str] = []
    for later, earlier in pairwise(champions):
        current = champions[0]["model"]
        if earlier["model"] not in (current, *found) and not _cured(keeping, later):
            found.append(str(earlier["model"]))
    return tuple(found)


def _cured(keeping: Keeping, deployment: Mapping[str, Any]) -> bool:
    """Whether a deployment came about to restore a broken promise, or took another back."""
    key = str(deployment.get("decision") or "").removeprefix("promote:")
    action = (keeping.store.state.get("action", key) or {}).get("action", {})
    return bool(action.get("promise")) or action.get("remedy") == ROLLBACK
