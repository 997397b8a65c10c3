"""Keeping: everything the keeper's verbs share about one model: its contract, its store, its places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import holdfast
from holdfast.core import registry
from holdfast.core.contract import Contract
from holdfast.core.digests import digest_of
from holdfast.core.errors import NotFound
from holdfast.core.models import Deployment, ModelVersion
from holdfast.core.ports import MeasureSpec, Progress
from holdfast.core.promises import Promise
from holdfast.keeper.reading import read_rows
from holdfast.keeper.splits import check_table, features_of, holdout_mask, known_labels, number_ids, typed

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

    from holdfast.keeper.measuring import Ground
    from holdfast.store import DatasetVersion, NewEvent, Store

CODE = f"holdfast {holdfast.__version__}"


def silent(share: float, text: str) -> None:
    """Progress that nobody looks at."""


@dataclass(slots=True)
class Keeping:
    """One model's contract, store and places.

    Parameters
    ----------
    contract
        The contract as it stands in the project.
    store
        Where everything is remembered.
    folder
        The project's folder; file names in the contract are relative to it.
    progress
        Told how far a long piece of work is.
    executor
        Executor of the engine that trainings run on.
    guard
        Asked before anything is let out; raises LeaseLost when another keeper took over. None outside a tick.
    """

    contract: Contract
    store: Store
    folder: Path
    progress: Progress = silent
    executor: str = "local"

    guard: Callable[[], None] | None = None
    _frames: dict[str, pl.DataFrame] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """The store's time."""
        return self.store.clock()

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.contract.name

    def place(self, target: str) -> Path:
        """Folder of a target's deployments."""
        return self.store.root / "places" / target

    @property
    def log_folder(self) -> Path:
        """Folder of the prediction log's segments."""
        return self.store.root / "log"

    def accept(self) -> None:
        """Journal the contract, if it is not the one that was accepted last."""
        from holdfast.core.digests import plain

        known = self.store.state.get("contract", self.name)
        if known is None or known.get("digest") != self.contract.id:
            self.store.journal.append(
                "contract.accepted",
                {
                    "contract": plain(self.contract),
                    "digest": self.contract.id,
                    "author": self.contract.policy.author or self.store.actor,
                },
                model=self.name,
            )

    @property
    def author(self) -> str:
        """Who wrote the contract: named in it, else who had it accepted first in this form."""
        known = self.store.state.get("contract", self.name) or {}
        return self.contract.policy.author or str(known.get("author") or self.store.actor)

    def still_mine(self) -> None:
        """Raise LeaseLost if another keeper took over while work went on."""
        if self.guard is not None:
            self.guard()

    # -- data ---------------------------------------------------------------------------------------------------

    def read(self, location: str) -> pl.DataFrame:
        """Rows of a file or URL, through the first source that reads it.

        Raises
        ------
        UnreadableData
            If no source reads such a file, or its bytes are not what they should be.
        """
        rows = read_rows(self._beside(location), dict(self.contract.data.reading), where=location)
        return known_labels(typed(rows, self.contract.data.types, where=location), self.contract.target)

    def _beside(self, location: str) -> str:
        return location if "://" in location else str((self.folder / location).resolve())

    def dataset(self) -> DatasetVersion | None:
        """The dataset version that trains the next model, or None before the first."""
        chosen = self.store.state.get("dataset_current", self.name)
        return None if chosen is None else self.store.datasets.get(str(chosen["digest"]))

    def choose(self, version: DatasetVersion) -> DatasetVersion:
        """Make a dataset version the one that trains the next model."""
        self.store.journal.append_all(self.choice(version.digest))
        return version

    def choice(self, digest: str) -> list[NewEvent]:
        """The event that makes a dataset version the one that trains the next model; none where it is that already."""
        from holdfast.store import NewEvent

        current = self.store.state.get("dataset_current", self.name)
        if current is not None and current["digest"] == digest:
            return []
        return [NewEvent("dataset.chosen", {"name": self.name, "digest": digest}, model=self.name)]

    def ingest(self) -> DatasetVersion:
        """Read the contract's file; a new dataset version if its rows are not known yet.

        Raises
        ------
        DataError
            If the file cannot be read, or its table cannot be the contract's training data.
        """
        rows = self.read(self.contract.data.train)
        check_table(rows, self.contract, where=self.contract.data.train)
        # Better now than in the middle of a training.
        self._held_out_file(self.contract.data.test)
        latest = self.dataset()
        raw = self.store.datasets.digest(rows)
        if latest is not None and latest.roles.get("source") == raw:
            return latest
        roles = {**self._roles(), "source": raw, "batches": [rows.height]}
        reason = f"read from {self.contract.data.train}"
        return self.choose(self.store.datasets.add(self.name, rows, roles=roles, reason=reason))

    def add_rows(self, parent: DatasetVersion, extra: pl.DataFrame, *, newest: int, reason: str) -> DatasetVersion:
        """A dataset version with `extra` rows behind the parent's; the last `newest` of them are its newest batch."""
        import polars as pl

        rows = self.rows(parent.digest)
        shared = [column for column in rows.columns if column in extra.columns]
        extra = number_ids(extra, self.contract.data.roles.id, rows.schema)
        fitted = extra.select([pl.col(each).cast(rows.schema[each], strict=False) for each in shared])
        both = pl.concat([rows, fitted], how="diagonal")
        batches = [*parent.roles["batches"], fitted.height - newest, newest]
        roles = {**parent.roles, "batches": [each for each in batches if each]}
        return self.store.datasets.add(self.name, both, roles=roles, reason=reason, parent=parent.digest)

    def set_aside(self, parent: DatasetVersion, mask: np.ndarray, *, reason: str) -> DatasetVersion:
        """A dataset version without the rows of `mask` (n,); these go to the quarantine table, with the reason."""
        import polars as pl

        rows = self.rows(parent.digest)
        table = f"quarantine:{self.name}"
        key = digest_of({"dataset": parent.digest, "rows": [int(each) for each in mask.nonzero()[0]]})
        bad = rows.filter(pl.Series(mask)).with_columns(
            pl.lit(reason).alias("_reason"), pl.lit(parent.digest).alias("_dataset")
        )
        version = self.store.tables.append(table, bad, key=key)
        batches, start = [], 0
        for count in parent.roles["batches"]:
            batches.append(int(count - mask[start : start + count].sum()))
            start += count
        kept = self.store.datasets.add(
            self.name,
            rows.filter(pl.Series(~mask)),
            roles={**parent.roles, "batches": batches},
            reason=reason,
            parent=parent.digest,
        )
        self.store.journal.append(
            "rows.quarantined",
            {
                "dataset": parent.digest,
                "rows": int(mask.sum()),
                "reason": reason,
                "table": table,
                "version": version,
                "kept": kept.digest,
            },
            model=self.name,
            key=f"quarantine:{key}",
        )
        return kept

    def _roles(self) -> dict[str, Any]:
        roles = self.contract.data.roles
        return {
            "target": self.contract.target,
            "id": roles.id,
            "time": roles.time,
            "sensitive": list(roles.sensitive),
            "label_delay_s": roles.label_delay_s,
        }

    def rows(self, digest: str) -> pl.DataFrame:
        """Rows of a dataset version; read once."""
        if digest not in self._frames:
            self._frames.clear()
            self._frames[digest] = self.store.datasets.read(digest)
        return self._frames[digest]

    def split(self, digest: str, *, model: str | None = None) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Training rows and held-out rows of a dataset version; rows without a label are in neither.

        With `model`, split as that model was trained: what it learnt from is never held out to judge it, whatever the
        contract says by now.
        """
        import polars as pl

        rows = self.rows(digest).filter(pl.col(self.contract.target).is_not_null())
        spec = self.split_spec(model)
        test = self._held_out_file(spec["test"])
        if test is not None:
            return rows, test.filter(pl.col(self.contract.target).is_not_null())
        held = holdout_mask(rows, share=spec["holdout"], seed=spec["seed"], by=spec["by"])
        return rows.filter(pl.Series(~held)), rows.filter(pl.Series(held))

    def split_spec(self, model: str | None = None) -> dict[str, Any]:
        """How rows are held out: for models to come as the contract says, for a `model` as it was trained."""
        made = self.store.journal.by_key(f"split:{model}") if model is not None else None
        if made is not None:
            return dict(made.payload["split"])
        spec, roles = self.contract.data, self.contract.data.roles
        by = [each for each in (roles.group or roles.id,) if each is not None]
        return {"holdout": spec.holdout, "seed": self.contract.train.seed, "by": by, "test": spec.test}

    def remember_split(self, model: str, parent: str | None) -> None:
        """Journal how the rows were held out of a model's training; one made of another keeps the other's split."""
        self.store.journal.append(
            "split.made", {"model": model, "split": self.split_spec(parent)}, model=self.name, key=f"split:{model}"
        )

    def split_digest(self, model: str) -> str:
        """Digest of how the rows were held out of a model's training, and of the file of held-out rows."""
        spec = self.split_spec(model)
        test = self._held_out_file(spec["test"])
        return digest_of({**spec, "rows": None if test is None else self.store.datasets.digest(test)})

    def _held_out_file(self, location: str | None) -> pl.DataFrame | None:
        if location is None:
            return None
        test = self.read(location)
        check_table(test, self.contract, where=location)
        return test

    def reference(self, digest: str) -> pl.DataFrame:
        """Rows that live traffic is compared with: the newest batch, the world that the version was made for."""
        version = self.store.datasets.get(digest)
        rows = self.rows(digest)
        newest = [count for count in version.roles.get("batches", [rows.height]) if count]
        return rows.tail(newest[-1]) if newest else rows

    def features(self, rows: pl.DataFrame) -> tuple[str, ...]:
        """Columns that the model may look at."""
        return features_of(rows.columns, self.contract)

    # -- models -------------------------------------------------------------------------------------------------

    def champion(self, target: str | None = None) -> Deployment | None:
        """The champion's deployment on a target (None for the one that was told last), or None."""
        from holdfast.store import codec

        kind, key = ("champion", self.name) if target is None else ("deployment", f"{self.name}:{target}:champion")
        found = self.store.state.get(kind, key)
        if found is None:
            return None
        # The event says more than the deployment: which decision, whether it was withdrawn.
        return codec.decode(Deployment, {each.name: found[each.name] for each in fields(Deployment)})

    def model(self, model_id: str) -> ModelVersion:
        """Model version with that id; its signature is verified."""
        return self.store.models.get(model_id)

    def package_of(self, model_id: str, kind: str) -> str:
        """Id of the package of a kind that was made from a model.

        Raises
        ------
        NotFound
            If there is none.
        """
        found = self.store.state.get("package_of", f"{model_id}:{kind}")
        if found is None:
            raise NotFound(f"no {kind} package of model {model_id[:12]}", expected="holdfast apply")
        return str(found["id"])

    def late(self, promise: Promise) -> timedelta:
        """How late the labels come that a promise needs; nothing for one that needs none."""
        needs = self.spec(promise).subject == "scores"
        return timedelta(seconds=self.contract.data.roles.label_delay_s if needs else 0.0)

    def ground(self) -> Ground:
        """What measuring stands on: the time, the measures, and the tables beside the contract."""
        from functools import cache

        from holdfast.keeper.measuring import Ground

        digests: dict[str, str] = {}

        # Read once: the digest is then of the rows that every measurement saw.
        @cache
        def related(name: str) -> pl.LazyFrame:
            rows = read_rows(self._beside(name), {}, where=name)
            digests[name] = self.store.datasets.digest(rows)
            return rows.lazy()

        return Ground(self.now, self.contract.min_labels, self.spec, related, digests)

    def spec(self, promise: Promise) -> MeasureSpec:
        """The measure of a promise."""
        found: MeasureSpec = registry.get("measure", promise.measure)
        return found
