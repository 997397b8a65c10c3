"""Ports: how a room joins the house. A room registers by decorator; the keeper knows only what stands here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from holdfast.core.contract import Contract
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import Verdict
from holdfast.core.measures import MeasureSpec, Related, RowCase, Scanner
from holdfast.core.models import Deployment, ModelSchema, ModelVersion, Package
from holdfast.core.promises import Promise

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Progress = Callable[[float, str], None]
"""Told the share done, in [0, 1], and what is being done."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainRequest:
    """What a trainer is asked for.

    Parameters
    ----------
    rows
        Training rows: features, target, sensitive columns. Quarantined rows are not among them.
    dataset
        Digest of the dataset version that the rows are of.
    task, target, positive
        As in the contract.
    features
        Columns that the model may look at.
    sensitive
        Columns that groups are made of; not features unless they are also in `features`.
    holdout
        Rows that the parity of export and original is measured on; never trained on.
    promises
        Promises of the stages candidate and package.
    settings
        Plain data from the contract, or from the remedy that asks for the training.
    budget_s
        Seconds to spend, on the clock below.
    clock
        ``wall``, or ``cpu``: processor seconds of the process and its workers.
    spent_s
        Seconds of the budget that were spent before the trainer was called.
    seed
        Seed of everything random.
    folder
        Empty folder for the files of the model.
    warm_start
        Parameters of the model that this one follows.
    trials
        Folder where finished trials are kept, so that a search that was killed carries on; None to keep none.
    weights
        Shape (n,) float64, positive: weight of each training row; None for equal weights.
    progress
        Told how far it is.
    """

    rows: pl.DataFrame
    dataset: str
    task: str
    target: str
    features: tuple[str, ...]
    holdout: pl.DataFrame
    folder: Path
    positive: str | None = None
    sensitive: tuple[str, ...] = ()
    promises: tuple[Promise, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    budget_s: float = 60.0
    clock: str = "wall"
    spent_s: float = 0.0
    seed: int = 0
    warm_start: Mapping[str, Any] | None = None
    trials: Path | None = None
    weights: np.ndarray | None = None
    progress: Progress | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What a trainer gives back.

    Parameters
    ----------
    schema
        What the model takes and gives.
    files
        Files that the trainer wrote into the request's folder, by name; `model.onnx` is one of them.
    parameters
        Plain data that would make this model again.
    original
        Answers of the original (not exported) model on the request's holdout rows: (n, classes) or (n,) float64.
    trials
        Plain data of each configuration that was tried: name, parameters, score, seconds, state.
    notes
        Sentences for a person.
    report
        Plain data of how the model was found; empty where a trainer has nothing to tell.
    """

    schema: ModelSchema
    files: Mapping[str, Path]
    parameters: Mapping[str, Any]
    original: np.ndarray
    trials: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    report: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Trainer(Protocol):
    """Dataset and settings -> model."""

    name: str

    def train(self, request: TrainRequest) -> Trained:
        """Train a model.

        Raises
        ------
        DataError
            If the rows cannot be learnt from.
        TrainingFailed
            If no candidate could be trained within the budget.
        """
        ...


@dataclass(frozen=True, slots=True)
class RemedyContext:
    """What a remedy knows when it is asked what it would do; everything is plain and pure.

    Parameters
    ----------
    contract
        The contract.
    verdict
        The verdict on the promise to restore.
    others
        Verdicts on the other promises, the latest of each.
    champion
        Id of the champion, or None.
    previous
        Ids of earlier champions whose promises held, latest first.
    fresh_rows
        Labelled rows that came since the champion was trained.
    rows
        Rows that the champion was trained on.
    attempts
        How often each remedy was tried for this promise since it last held, by name.
    train_seconds
        Seconds that the last training took (the budget where there was none).
    """

    contract: Contract
    verdict: Verdict
    others: tuple[Verdict, ...] = ()
    champion: str | None = None
    previous: tuple[str, ...] = ()
    fresh_rows: int = 0
    rows: int = 0
    attempts: Mapping[str, int] = field(default_factory=dict)
    train_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A remedy's no: its precondition does not hold, and why."""

    reason: str


class Workbench(Protocol):
    """What a remedy may use to carry an action out. Everything is journalled by the keeper."""

    contract: Contract

    def labelled(self, *, since_champion: bool) -> pl.DataFrame:
        """Read the logged rows whose labels came: features, target and sensitive columns."""
        ...

    def rows(self) -> pl.DataFrame:
        """All rows of the current dataset version, held out or not: what `quarantine` masks."""
        ...

    def training_rows(self) -> pl.DataFrame:
        """Rows that the current dataset version trains on: what `retrain` weighs."""
        ...

    def holdout_rows(self) -> pl.DataFrame:
        """Rows held out of training; `register` takes the original's answers on these, in their order."""
        ...

    def retrain(
        self,
        *,
        reason: str,
        extra: pl.DataFrame | None = None,
        settings: Mapping[str, Any] | None = None,
        weights: np.ndarray | None = None,
    ) -> ModelVersion:
        """Train, package and register a model on the training rows.

        `extra` rows are added first, as a new dataset version; `weights` has one entry for each of the training rows
        (and the extra ones behind them); `settings` are laid over the contract's.
        """
        ...

    def model_folder(self, model: str) -> Path:
        """Folder with the verified files of a model version (read only)."""
        ...

    def model_version(self, model: str) -> ModelVersion:
        """Look up the model version with that id."""
        ...

    def register(self, trained: Trained, *, trainer: str, parent: str | None, reason: str) -> ModelVersion:
        """Package and register a model that the remedy made itself."""
        ...

    def scored(self, model: str, rows: pl.DataFrame) -> Any:
        """`Scored` answers of a model version on labelled rows."""
        ...

    def quarantine(self, mask: np.ndarray, *, reason: str) -> int:
        """Set the rows of a mask over `rows()`, shape (n,), aside as a new dataset version; how many they were."""
        ...

    def repair(self, rows: pl.DataFrame, *, trail: Sequence[Mapping[str, Any]], reason: str) -> int:
        """Put repaired rows in the place of `rows()`, as a new dataset version; the number of cells changed.

        `trail` says of each changed cell its row, column, before, after (as text), rule and confidence.
        """
        ...

    def hold(self, promise: Promise, *, reason: str) -> None:
        """Hold the pipeline: nothing is trained until the promise holds, or other data came."""
        ...

    def ask_source(self, *, claim: str, found: str, mask: np.ndarray | None) -> str:
        """Write a request to whoever delivers the data, with the rows of a mask over `rows()`; its name."""
        ...

    @property
    def related(self) -> Related | None:
        """Name of another table -> its rows, for measures that look into one."""
        ...

    def scratch(self) -> Path:
        """Make a new empty folder."""
        ...


@runtime_checkable
class Remedy(Protocol):
    """Broken promise -> an action, with precondition and cost; and the carrying out of it."""

    name: str

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Say what this remedy would do, or why it would not. Pure."""
        ...

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Do it; the id of the model version to judge and promote, or None when no model changed."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """What a packager gives back: files in the folder it was given, and their measured parity with the original."""

    files: Mapping[str, Path]
    parity: Mapping[str, float]
    size_bytes: int
    settings: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Packager(Protocol):
    """Model version -> package."""

    name: str

    def pack(
        self,
        model: ModelVersion,
        source: Path,
        folder: Path,
        *,
        sample: pl.DataFrame,
        original: np.ndarray | None,
        settings: Mapping[str, Any],
    ) -> Packed:
        """Write the package's files into `folder` and measure their answers on `sample` against `original`.

        `source` holds the model's verified files; `original` are the original's answers on `sample`, None to take
        those of ``model.onnx`` itself.
        """
        ...


@runtime_checkable
class Target(Protocol):
    """A place that runs packages."""

    name: str

    def deploy(self, deployment: Deployment, package: Package, source: Path, place: Path) -> None:
        """Make the place run `package` (its verified files lie in `source`) in the deployment's role. Idempotent.

        `place` is the project's folder for this target.
        """
        ...

    def withdraw(self, deployment: Deployment, place: Path) -> None:
        """Make the place stop running it. Idempotent."""
        ...

    def running(self, place: Path) -> tuple[Deployment, ...]:
        """Ask what the place runs now; the answer is true, and holds nothing that cannot be confirmed."""
        ...


@runtime_checkable
class Source(Protocol):
    """Where rows come from."""

    name: str

    def matches(self, location: str) -> bool:
        """Whether this source reads that file or URL."""
        ...

    def read(self, location: str, settings: Mapping[str, Any]) -> pl.DataFrame:
        """Rows as a table.

        Raises
        ------
        UnreadableData
            If the bytes are not what they should be; says which and where.
        """
        ...


@dataclass(frozen=True, slots=True)
class DomainPack:
    """A bundle for a field of work: roles, promises to start from, constraints, and sections of the report."""

    name: str
    sensitive: tuple[str, ...] = ()
    promises: tuple[str, ...] = ()
    constraints: Mapping[str, Any] = field(default_factory=dict)
    sections: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class RowCheck:
    """What a measure of subject rows can do besides: point at the rows that break it.

    `failing` gives a boolean mask of shape (n,): True where the row breaks the promise.
    """

    measure: str
    failing: Callable[..., Any]

    def marked(
        self,
        rows: pl.DataFrame,
        args: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
        *,
        related: Related | None = None,
    ) -> np.ndarray:
        """Mask of shape (n,) bool; `related` reaches only a function that takes it."""
        import numpy as np

        extra = {"related": related} if "related" in inspect.signature(self.failing).parameters else {}
        return np.asarray(self.failing(rows, *args, **dict(options or {}), **extra), dtype=bool)


__all__ = [
    "Cost",
    "DomainPack",
    "MeasureSpec",
    "Packager",
    "Packed",
    "Progress",
    "Refusal",
    "Related",
    "Remedy",
    "RemedyContext",
    "RowCase",
    "RowCheck",
    "Scanner",
    "Source",
    "Target",
    "TrainRequest",
    "Trained",
    "Trainer",
    "Workbench",
]
