"""Fixtures of the keeper: traffic written straight into the live tables, twins of the champion, remedies that obey."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core import registry
from holdfast.core.events import Action, Cost
from holdfast.core.ports import Refusal, RemedyContext
from holdfast.project import Project
from holdfast.serve import load_model
from holdfast.serve.tables import NUMBER, TEXT, labels_table, predictions_table

_numbers = count()


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@pytest.fixture
def clocked(trained: Project) -> Iterator[tuple[Project, Clock]]:
    """The project with a champion, and the clock it looks at: a minute after the champion was let out."""
    clock = Clock(trained.champion.since + timedelta(minutes=1))
    with Project(trained.folder, clock=clock) as project:
        yield project, clock


@pytest.fixture
def log() -> Callable[..., list[str]]:
    """Write rows into the live tables as the champion's server would have; ids of the requests."""

    def write(
        project: Project,
        rows: pl.DataFrame,
        *,
        at: datetime | None = None,
        labels: bool = True,
        beside: dict[str, list[Any]] | None = None,
        answers: pl.Series | None = None,
    ) -> list[str]:
        keeping = project.keeping()
        champion = keeping.champion()
        schema = keeping.model(champion.model).schema
        loaded = load_model(keeping.store.models.package_folder(champion.package), schema)
        score, decision = loaded.decide(rows)
        moment = at or project.clock()
        ids = [f"request-{next(_numbers):08d}" for _ in range(rows.height)]
        wide = np.asarray(score).reshape(rows.height, -1)
        context = [json.dumps({k: v[i] for k, v in beside.items()}) if beside else None for i in range(rows.height)]
        said = None if decision is None else [str(each) for each in decision]
        columns = {
            "id": ids,
            "row": pl.Series([0] * rows.height, dtype=pl.Int32),
            "version": [champion.model] * rows.height,
            "role": ["champion"] * rows.height,
            "time": pl.Series([moment] * rows.height, dtype=pl.Datetime("us", "UTC")),
            "latency_s": [0.001] * rows.height,
            "decision": pl.Series(said if answers is None else answers.to_list(), dtype=pl.String)
            if decision is not None
            else pl.Series([None] * rows.height, dtype=pl.String),
            "score": pl.Series(wide.tolist(), dtype=pl.List(pl.Float64)),
            "classes": pl.Series([list(schema.classes)] * rows.height, dtype=pl.List(pl.String)),
            "context": pl.Series(context, dtype=pl.String),
        }
        for column in schema.columns:
            kind, name = (pl.Float64, NUMBER) if column.dtype == "float32" else (pl.String, TEXT)
            columns[name + column.name] = rows[column.name].cast(kind)
        store = project.store
        store.tables.append(predictions_table(keeping.name), pl.DataFrame(columns))
        if labels:
            truth = rows[keeping.contract.target]
            told = {
                "id": ids,
                "row": columns["row"],
                "time": columns["time"],
                "label": truth.cast(pl.String)
                if decision is not None
                else pl.Series([None] * len(ids), dtype=pl.String),
                "value": pl.Series([None] * len(ids), dtype=pl.Float64) if decision is not None else truth.cast(float),
                "correction": [False] * rows.height,
            }
            store.tables.append(labels_table(keeping.name), pl.DataFrame(told))
        return ids

    return write


@pytest.fixture
def twin() -> Callable[..., str]:
    """Register another model with the champion's files; its id. As a remedy would, but in milliseconds."""

    def make(project: Project, reason: str = "a twin") -> str:
        keeping = project.keeping()
        store = keeping.store
        champion = keeping.champion()
        old, package = keeping.model(champion.model), store.models.get_package(champion.package)
        version = replace(old, reason=reason, parent=old.id)
        store.models.register(version, _paths(store.models.folder(old.id), version.files))
        store.models.pack(
            replace(package, model=version.id),
            _paths(store.models.package_folder(champion.package), package.files),
        )
        keeping.remember_split(version.id, old.id)
        return version.id

    return make


def _paths(folder: Path, files: Any) -> dict[str, Path]:
    return {name: folder / name for name in files}


@dataclass(slots=True)
class Obedient:
    """A remedy that does what the test says; its steps are kept."""

    does: Callable[[Action, Any], str | None]
    name: str = "obey"
    stages: tuple[str, ...] = ("live",)
    measures: tuple[str, ...] = ()
    seen: list[Action] = field(default_factory=list)

    def propose(self, context: RemedyContext) -> Action | Refusal:
        promise = context.verdict.promise
        if promise.stage not in self.stages or (self.measures and promise.measure not in self.measures):
            return Refusal(f"not for {promise.stage}")
        deciding = context.verdict.deciding
        subject = deciding.subject if promise.stage == "data" else str(context.champion)
        return Action(self.name, subject, promise.claim, cost=Cost(seconds=1), reason="the test says so")

    def carry_out(self, action: Action, bench: Any) -> str | None:
        self.seen.append(action)
        return self.does(action, bench)


@dataclass(slots=True)
class Silent:
    """A remedy that proposes nothing."""

    name: str

    def propose(self, context: RemedyContext) -> Refusal:
        return Refusal("the test says so")

    def carry_out(self, action: Action, bench: Any) -> None:
        """Nothing."""


@pytest.fixture
def remedies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make these the only remedies that propose anything."""
    silent = {name: Silent(name) for name in registry.names("remedy")}

    def only(*given: Any) -> None:
        chosen = {**silent, **{each.name: each for each in given}}
        monkeypatch.setitem(registry._entries, "remedy", {name: (each, type(each)) for name, each in chosen.items()})

    return only


@pytest.fixture
def obedient() -> Callable[..., Obedient]:
    """Make a remedy that does what the test says."""
    return Obedient
