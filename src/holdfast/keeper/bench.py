"""The workbench: what a remedy may use to carry an action out."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.contract import Contract
from holdfast.core.errors import NotFound
from holdfast.core.models import ModelVersion
from holdfast.core.ports import Related, Trained
from holdfast.core.promises import Promise
from holdfast.core.subjects import Scored
from holdfast.keeper import live
from holdfast.keeper.handling import ask_source, hold, repair_cells
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.subjects import SAMPLE, scored
from holdfast.keeper.training import as_value, register, train
from holdfast.serve import load_model

if TYPE_CHECKING:
    import polars as pl

    from holdfast.store import DatasetVersion


@dataclass(slots=True)
class Bench:
    """The keeper's `Workbench` (see `core.ports`); `dataset` is the version that the work ended on.

    Labelled rows from `newest` on are a batch of their own in a new version: what live traffic is compared with.
    """

    keeping: Keeping
    dataset: DatasetVersion
    newest: datetime | None = None
    said: list[str] = field(default_factory=list)

    @property
    def contract(self) -> Contract:
        """The contract."""
        return self.keeping.contract

    def labelled(self, *, since_champion: bool) -> pl.DataFrame:
        """Logged rows whose labels came: features, target and sensitive columns."""
        champion = self.keeping.champion()
        since = champion.since if since_champion and champion is not None else None
        return live.labelled_rows(self.keeping, since=since)

    def training_rows(self) -> pl.DataFrame:
        """Rows that the current dataset version trains on."""
        rows, _ = self.keeping.split(self.dataset.digest)
        return rows

    def retrain(
        self,
        *,
        reason: str,
        extra: pl.DataFrame | None = None,
        settings: Mapping[str, Any] | None = None,
        weights: np.ndarray | None = None,
    ) -> ModelVersion:
        """Train, package and register a model on the training rows, with `extra` rows added first."""
        if extra is not None and extra.height:
            self.dataset = self.keeping.add_rows(self.dataset, extra, newest=self._newest(extra.height), reason=reason)
        champion = self.keeping.champion()
        return train(
            self.keeping,
            dataset=self.dataset.digest,
            settings=settings or {},
            weights=weights,
            parent=self.keeping.model(champion.model) if champion is not None else None,
            reason=reason,
        )

    def _newest(self, rows: int) -> int:
        """How many of the labelled rows, which come in the order of time, lie in the window that broke."""
        if self.newest is None:
            return rows
        return min(rows, live.labelled_rows(self.keeping, since=self.newest).height) or rows

    def model_folder(self, model: str) -> Path:
        """Folder with the verified files of a model version (read only)."""
        return self.keeping.store.models.folder(model)

    def model_version(self, model: str) -> ModelVersion:
        """The model version with that id."""
        return self.keeping.model(model)

    def register(self, trained: Trained, *, trainer: str, parent: str | None, reason: str) -> ModelVersion:
        """Package and register a model that the remedy made itself."""
        _, held = self.keeping.split(self.dataset.digest)
        return register(
            self.keeping,
            as_value(trained),
            dataset=self.dataset.digest,
            trainer=trainer,
            parent=parent,
            reason=reason,
            sample=held.head(SAMPLE),
            split_of=parent,
        )

    def holdout_rows(self) -> pl.DataFrame:
        """Rows held out of training; the answers that `register` compares are those on the first of them."""
        _, held = self.keeping.split(self.dataset.digest)
        return held

    def scored(self, model: str, rows: pl.DataFrame) -> Scored:
        """Answers of a model version on labelled rows."""
        if rows.height == 0:
            raise NotFound("no labelled rows", expected="labels sent to /feedback")
        loaded = load_model(self.keeping.store.models.folder(model), self.keeping.model(model).schema)
        return scored(loaded, rows, contract=self.contract)

    def quarantine(self, mask: np.ndarray, *, reason: str) -> int:
        """Set rows of the current dataset version aside; the number of rows set aside."""
        self.dataset = self.keeping.set_aside(self.dataset, np.asarray(mask, dtype=bool), reason=reason)
        self.said.append(f"set aside: {reason}")
        return int(np.asarray(mask).sum())

    def repair(self, rows: pl.DataFrame, *, trail: Sequence[Mapping[str, Any]], reason: str) -> int:
        """Put repaired rows in the place of the current ones, as a new dataset version; the number of cells changed."""
        self.dataset = repair_cells(self.keeping, self.dataset, rows, trail=trail, reason=reason)
        self.said.append(reason)
        return len(trail)

    def hold(self, promise: Promise, *, reason: str) -> None:
        """Hold the pipeline until the promise holds, or other data came."""
        hold(self.keeping, promise.id, claim=promise.claim, dataset=self.dataset.digest, reason=reason)
        self.said.append(f"the pipeline is held: {reason}")

    def ask_source(self, *, claim: str, found: str, mask: np.ndarray | None) -> str:
        """Write a request to whoever delivers the data; the name of its folder."""
        name = ask_source(self.keeping, self.dataset, claim=claim, found=found, mask=mask)
        self.said.append(f"the source was asked (requests/{name})")
        return name

    @property
    def related(self) -> Related | None:
        """Name of another table -> its rows."""
        return self.keeping.ground().related

    def rows(self) -> pl.DataFrame:
        """All rows of the current dataset version."""
        return self.keeping.rows(self.dataset.digest)

    def scratch(self) -> Path:
        """A new empty folder."""
        return Path(tempfile.mkdtemp(prefix="holdfast-remedy-"))
