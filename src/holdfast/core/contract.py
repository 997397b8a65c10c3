"""The contract: one model's task and data, its promises, remedies, targets and policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from holdfast.core.digests import digest_of
from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.models import TASKS
from holdfast.core.promises import STAGES, Promise

POLICIES = ("auto", "person", "four-eyes")


@dataclass(frozen=True, slots=True)
class Roles:
    """What the columns of a dataset are for."""

    id: str | None = None
    time: str | None = None
    sensitive: tuple[str, ...] = ()
    group: str | None = None
    weight: str | None = None
    exclude: tuple[str, ...] = ()
    label_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DataSpec:
    """Where the rows come from, and how they are split.

    Parameters
    ----------
    train
        File or URL of the labelled rows.
    holdout
        Share of the rows held out to judge candidates, in (0, 0.9].
    test
        File of held-out rows; then `holdout` is not used.
    roles
        What the columns are for.
    types
        Type by column, where it must not be inferred: ``number``, ``category``, ``text``, ``time``, ``boolean``.
    reading
        What the source takes to read the file, such as ``encoding`` or ``delimiter``.
    """

    train: str
    holdout: float = 0.25
    test: str | None = None
    roles: Roles = field(default_factory=Roles)
    types: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the range of the held-out share."""
        if not 0.0 < self.holdout <= 0.9:
            raise InvalidValue(f"holdout {self.holdout}", expected="a share above 0 and at most 0.9")


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """Which trainer, and within what."""

    trainer: str = "automl"
    budget_s: float = 60.0
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that there is time to train in."""
        if not self.budget_s > 0:
            raise InvalidValue(f"budget of {self.budget_s} s", expected="a positive time, such as 60 s")


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """Who may say yes, and how often the keeper may try.

    `approve` is ``auto`` (held gates are enough), ``person`` (somebody must approve) or ``four-eyes`` (somebody who is
    not the author of the contract). `ask_for` names remedies that need a person even under ``auto``.
    """

    approve: str = "auto"
    ask_for: tuple[str, ...] = ()
    attempts: int = 3
    backoff_s: float = 600.0
    author: str | None = None

    def __post_init__(self) -> None:
        """Check the policy's name and its numbers."""
        if self.approve not in POLICIES:
            raise InvalidValue(f"policy {self.approve!r}", expected=one_of(POLICIES, self.approve))
        if self.attempts < 1 or not self.backoff_s >= 0:
            raise InvalidValue(
                f"{self.attempts} attempts, back-off {self.backoff_s} s", expected="at least 1, at least 0 s"
            )


@dataclass(frozen=True, slots=True)
class Contract:
    """One file, `holdfast.yaml`, validated whole before anything runs."""

    name: str
    task: str
    target: str
    data: DataSpec
    promises: tuple[Promise, ...]
    positive: str | None = None
    train: TrainSpec = field(default_factory=TrainSpec)
    packages: tuple[str, ...] = ("onnx",)
    targets: tuple[str, ...] = ("local",)
    policy: PolicySpec = field(default_factory=PolicySpec)
    min_labels: int = 50
    domain: str | None = None

    def __post_init__(self) -> None:
        """Check task and promises: every promise has a stage, and none stands twice."""
        if self.task not in TASKS:
            raise InvalidValue(f"task {self.task!r}", expected=one_of(TASKS, self.task))
        seen: set[str] = set()
        for promise in self.promises:
            if promise.stage is None:
                raise InvalidValue(f"promise {promise.text!r} has no stage", expected=one_of(STAGES))
            if promise.id in seen:
                raise InvalidValue(
                    f"promise {promise.claim!r} stands twice at stage {promise.stage}", expected="each once"
                )
            seen.add(promise.id)

    @property
    def id(self) -> str:
        """Digest of the contract."""
        return digest_of(self)

    def at(self, stage: str) -> tuple[Promise, ...]:
        """Promises of a stage, in the order of the file."""
        return tuple(promise for promise in self.promises if promise.stage == stage)
