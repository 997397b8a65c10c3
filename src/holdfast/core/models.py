"""Schema, model version, package, deployment: what answers, and where it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from holdfast.core.digests import digest_of, is_digest, plain
from holdfast.core.errors import InvalidValue, one_of

TASKS = ("binary", "multiclass", "regression", "ranking", "forecasting", "quantile", "count", "survival")
CLASSIFICATION = ("binary", "multiclass")
ROLES = ("champion", "canary", "shadow")

#: What a column is to a model: a 32-bit float (missing is NaN) or text (missing is the empty string).
DTYPES = ("float32", "string")


@dataclass(frozen=True, slots=True)
class Column:
    """One input of a model: a tensor of shape (n, 1), named as the column.

    Parameters
    ----------
    name
        Name of the column.
    dtype
        ``float32`` or ``string``.
    levels
        For text: the values seen in training, sorted; another value is answered as an unseen one.
    low, high
        For numbers: the range seen in training.
    """

    name: str
    dtype: str
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Check the type."""
        if self.dtype not in DTYPES:
            raise InvalidValue(f"column {self.name!r} has type {self.dtype!r}", expected=one_of(DTYPES, self.dtype))


@dataclass(frozen=True, slots=True)
class ModelSchema:
    """What a model takes and gives.

    The ONNX graph has one input per column. For a classification task its outputs are ``probabilities``
    (n, classes) float32 and ``label`` (n,) string; for the others ``prediction`` (n,) float32.
    """

    task: str
    target: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...] = ()
    positive: str | None = None

    def __post_init__(self) -> None:
        """Check task, classes and columns."""
        if self.task not in TASKS:
            raise InvalidValue(f"task {self.task!r}", expected=one_of(TASKS, self.task))
        if (self.task in CLASSIFICATION) != bool(self.classes):
            raise InvalidValue(
                f"task {self.task!r} with {len(self.classes)} classes", expected="classes if it classifies"
            )
        if self.positive is not None and self.positive not in self.classes:
            raise InvalidValue(f"positive class {self.positive!r}", expected=one_of(self.classes, self.positive))
        names = [column.name for column in self.columns]
        if len(set(names)) != len(names):
            raise InvalidValue("a column stands twice in the schema", expected="each column once")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the input columns, in the graph's order."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A model in the registry: its files by digest, and where it came from. Its id is the digest of all of it.

    `files` maps a file's name (``model.onnx`` always; ``encoder.onnx``, ``contributions.json``, ``booster.txt`` for
    explanations) to the digest of its bytes.
    """

    name: str
    schema: ModelSchema
    files: Mapping[str, str]
    dataset: str
    trainer: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    code: str = ""
    parent: str | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        """Check that the model itself is among the files and that every digest is one."""
        if "model.onnx" not in self.files and "model.safetensors" not in self.files:
            raise InvalidValue("a model version without a model file", expected="model.onnx or model.safetensors")
        for name, digest in self.files.items():
            if not is_digest(digest):
                raise InvalidValue(f"file {name!r} has digest {digest!r}", expected="64 hexadecimal digits")

    @property
    def id(self) -> str:
        """Digest of the model version."""
        return digest_of(plain(self))


@dataclass(frozen=True, slots=True)
class Package:
    """A model version made fit for a kind of place; carries the model it came from and its parity with it.

    `parity` holds measured numbers: ``max_difference`` (of probabilities; of predictions in standard deviations of
    the original's), ``label_flips`` (share), ``rows``.
    """

    model: str
    kind: str
    files: Mapping[str, str]
    parity: Mapping[str, float]
    size_bytes: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the digest of the model it was made from."""
        if not is_digest(self.model):
            raise InvalidValue(f"package of model {self.model!r}", expected="the digest of a model version")

    @property
    def id(self) -> str:
        """Digest of the package."""
        return digest_of(plain(self))


@dataclass(frozen=True, slots=True)
class Deployment:
    """A package on a target, with a role and a share of the traffic."""

    name: str
    model: str
    package: str
    target: str
    role: str
    share: float
    since: datetime

    def __post_init__(self) -> None:
        """Check role and share: a shadow answers nobody, so its share is 0."""
        if self.role not in ROLES:
            raise InvalidValue(f"role {self.role!r}", expected=one_of(ROLES, self.role))
        if not 0.0 <= self.share <= 1.0:
            raise InvalidValue(f"share {self.share} of the traffic", expected="a number from 0 to 1")
        if self.role == "shadow" and self.share:
            raise InvalidValue(f"a shadow with share {self.share}", expected="share 0")
