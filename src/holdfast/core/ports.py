"""Ports: how a room joins the house. A room registers by decorator; the keeper knows only what stands here."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from holdfast.core.contract import Contract
from holdfast.core.errors import InvalidValue, UnitMismatch, one_of
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import Value, Verdict
from holdfast.core.models import Deployment, ModelSchema, ModelVersion, Package
from holdfast.core.promises import STAGES, Promise, is_name
from holdfast.core.subjects import SUBJECTS
from holdfast.core.units import MEASURE_UNITS, number_text, show

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

Progress = Callable[[float, str], None]
"""Told the share done, in [0, 1], and what is being done."""


@dataclass(frozen=True, slots=True)
class MeasureSpec:
    """A registered measure: the function, and what a promise may say about it.

    Parameters
    ----------
    name
        Name in promises.
    compute
        ``compute(subject, *args, confidence=..., rng=..., anytime=..., **options) -> Value``. `confidence` (of the
        interval), `rng` (a `numpy.random.Generator`) and `anytime` (True asks for an interval that may be looked at
        again and again) are keyword-only and passed only to functions that take them.
    unit
        Key of `MEASURE_UNITS`.
    range
        Least and greatest value it can have; None for no end.
    better
        ``higher``, ``lower`` or ``target``.
    stages
        Stages it can be judged at; the first is where a promise without a stage belongs.
    subject
        What it is given: ``rows``, ``scores``, ``window``, ``model`` or ``traffic``.
    source
        Paper or standard that defines it.
    cost
        Rough seconds for 10,000 rows.
    arguments
        Least and greatest number of arguments (``*`` counts as one; greatest None for no end).
    estimates
        Names of measures that this one estimates while labels are missing; it is then called as
        ``compute(window, name, ...)`` and its evidence is marked estimated.
    """

    name: str
    compute: Callable[..., Value]
    unit: str
    range: tuple[float | None, float | None]
    better: str
    stages: tuple[str, ...]
    subject: str
    source: str
    cost: float = 0.1
    arguments: tuple[int, int | None] = (0, 0)
    estimates: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that the name can stand in a promise, and that unit, direction, stages and subject are known."""
        if not is_name(self.name):
            raise InvalidValue(f"{self.name!r} is no name of a measure", expected="a name such as roc_auc")
        for word, valid in ((self.unit, tuple(MEASURE_UNITS)), (self.subject, SUBJECTS)):
            if word not in valid:
                raise InvalidValue(f"measure {self.name!r}: {word!r}", expected=one_of(valid, word))
        if self.better not in ("higher", "lower", "target"):
            raise InvalidValue(f"measure {self.name!r}: better {self.better!r}", expected="higher, lower or target")
        if not self.stages or not set(self.stages) <= set(STAGES):
            raise InvalidValue(f"measure {self.name!r}: stages {self.stages}", expected=one_of(STAGES))
        if not self.source:
            raise InvalidValue(
                f"measure {self.name!r} names no source", expected="the paper or standard that defines it"
            )

    def check(self, promise: Promise, *, where: str | None = None) -> None:
        """Check that a promise can be made about this measure.

        Raises
        ------
        UnitMismatch
            If the bound is in the wrong unit.
        InvalidValue
            If the bound is outside the measure's range, the stage is not one of its stages, or the number of
            arguments is wrong.
        """
        dimension = MEASURE_UNITS[self.unit]
        if promise.bound.dimension != dimension:
            raise UnitMismatch(
                f"{promise.bound} is a bound of dimension {promise.bound.dimension}, {self.name} is a {dimension}",
                where=where,
                expected=f"a bound such as {self._example()}",
            )
        low, high = self.range
        base = promise.bound.base
        if (low is not None and base < low) or (high is not None and base > high):
            ends = " to ".join(number_text(end) if end is not None else "any" for end in (low, high))
            raise InvalidValue(f"bound {promise.bound} of {self.name}", where=where, expected=f"a number from {ends}")
        if promise.stage is not None and promise.stage not in self.stages:
            raise InvalidValue(
                f"{self.name} cannot be judged at stage {promise.stage}", where=where, expected=one_of(self.stages)
            )
        least, most = self.arguments
        if len(promise.args) < least or (most is not None and len(promise.args) > most):
            wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
            raise InvalidValue(
                f"{self.name} with {len(promise.args)} arguments", where=where, expected=f"{wanted} (a column, or *)"
            )

    @property
    def anytime(self) -> bool:
        """Whether it can make an interval that stays valid however often it is looked at."""
        return "anytime" in inspect.signature(self.compute).parameters

    def measure(
        self,
        subject: Any,
        args: Sequence[Any] = (),
        options: Mapping[str, Any] | None = None,
        *,
        confidence: float = 0.95,
        rng: np.random.Generator,
        anytime: bool = False,
    ) -> Value:
        """Measure a subject; `confidence`, `rng` and `anytime` reach only a function that takes them.

        Raises
        ------
        InvalidValue
            If an option is not one of the measure's, or the arguments are too few or too many.
        NotMeasurable
            If the measure says so.
        """
        signature = inspect.signature(self.compute)
        takes = signature.parameters
        given = {"confidence": confidence, "rng": rng, "anytime": anytime}
        extra = {name: value for name, value in given.items() if name in takes}
        for name in options or {}:
            if name not in takes or name in given:
                valid = [each for each in list(takes)[1:] if each not in given]
                raise InvalidValue(f"{self.name} has no option {name!r}", expected=one_of(valid, name))
        named = {**dict(options or {}), **extra}
        try:
            signature.bind(subject, *args, **named)
        except TypeError as error:
            raise InvalidValue(f"{self.name} cannot take these arguments: {error}") from error
        return self.compute(subject, *args, **named)

    def _example(self) -> str:
        return {"time": "20 ms", "size": "5 MB", "money": "0.02 USD", "rows": "1000 rows"}.get(
            MEASURE_UNITS[self.unit], "0.9"
        )

    def show(self, base: float) -> str:
        """Text for a value of this measure, in a unit a person would choose."""
        return show(base, self.unit)


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
        Seconds of wall time.
    seed
        Seed of everything random.
    folder
        Empty folder for the files of the model.
    warm_start
        Parameters of the model that this one follows.
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
    seed: int = 0
    warm_start: Mapping[str, Any] | None = None
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
    """

    schema: ModelSchema
    files: Mapping[str, Path]
    parameters: Mapping[str, Any]
    original: np.ndarray
    trials: tuple[Mapping[str, Any], ...] = ()
    notes: tuple[str, ...] = ()


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


__all__ = [
    "Cost",
    "DomainPack",
    "MeasureSpec",
    "Packager",
    "Packed",
    "Progress",
    "Refusal",
    "Remedy",
    "RemedyContext",
    "RowCheck",
    "Source",
    "Target",
    "TrainRequest",
    "Trained",
    "Trainer",
    "Workbench",
]
