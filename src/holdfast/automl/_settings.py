"""Settings of the trainer: read and checked, each with its default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.automl._cores import free_cores
from holdfast.automl._learners import LEARNERS, usable
from holdfast.automl._problem import whole
from holdfast.automl._search import MOST_TRIALS
from holdfast.core.errors import InvalidValue, MissingExtra, one_of

if TYPE_CHECKING:
    from holdfast.core.ports import TrainRequest

#: Cells of a table that a second thread is not worth waking for.
SMALL = 50_000
#: Members of an ensemble, and bytes of a graph, unless told.
MEMBERS, MOST_BYTES = 4, 9_000_000
#: Trees of a graph: so many answer a row in well under a millisecond.
MOST_TREES = 5000
#: Rows up to which the models of the folds are shipped together instead of one fitted to all rows.
BAGGED = 3000
LEAKS = ("warn", "drop", "keep")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a training; see `holdfast.automl.trainers.automl.AutoML` for what each means."""

    learners: tuple[str, ...]
    threads: int
    max_trials: int = MOST_TRIALS
    members: int = MEMBERS
    most_bytes: float = MOST_BYTES
    rounds: int | None = None
    threshold: float | None = None
    calibrate: bool = True
    search: bool = True
    features: bool = True
    distil: bool = True
    bag: bool | None = None
    vectors: str | None = None
    leaks: str = "warn"
    executor: str = "local"
    workers: int = 1
    plain: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: TrainRequest) -> Settings:
        """Read those of a request.

        Raises
        ------
        InvalidValue
            If one is out of range.
        MissingExtra
            If the library of a learner that is named is not installed.
        """
        given = request.settings
        small = request.rows.height * len(request.features) < SMALL
        workers = whole(given, "workers", 1, least=1)
        executor = given.get("executor", "processes" if workers > 1 else "local")
        if executor == "local" and workers > 1:
            raise InvalidValue(
                f"{workers} workers of the executor 'local'", where="settings.workers", expected="processes, or ray"
            )
        return cls(
            learners=_learners(given),
            threads=whole(given, "threads", 1 if small else free_cores(), least=1),
            max_trials=whole(given, "max_trials", MOST_TRIALS, least=1),
            members=whole(given, "members", MEMBERS, least=1),
            most_bytes=_number(given, "most_bytes", MOST_BYTES),
            rounds=whole(given, "rounds", 1, least=1) if "rounds" in given else None,
            threshold=_threshold(given),
            calibrate=_flag(given, "calibrate"),
            search=_flag(given, "search"),
            features=_flag(given, "features"),
            distil=_flag(given, "distil"),
            bag=_flag(given, "bag") if "bag" in given else None,
            vectors=_text(given, "vectors"),
            leaks=_one(given, "leaks", "warn", LEAKS),
            executor=_one(given, "executor", str(executor), ("local", "processes", "ray")),
            workers=workers,
            plain=dict(given),
        )


def _flag(given: Mapping[str, Any], name: str) -> bool:
    value = given.get(name, True)
    if not isinstance(value, bool):
        raise InvalidValue(f"{name} {value!r}", where=f"settings.{name}", expected="true or false")
    return value


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise InvalidValue(f"{name} {value!r}", where=f"settings.{name}", expected="a number above 0")
    return float(value)


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidValue(f"{name} {value!r}", where=f"settings.{name}", expected="text")
    return value


def _one(given: Mapping[str, Any], name: str, default: str, known: tuple[str, ...]) -> str:
    value = given.get(name, default)
    if value not in known:
        raise InvalidValue(f"{name} {value!r}", where=f"settings.{name}", expected=one_of(known, str(value)))
    return str(value)


def _threshold(given: Mapping[str, Any]) -> float | None:
    value = given.get("threshold")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 < value < 1.0:
        raise InvalidValue(f"threshold {value!r}", where="settings.threshold", expected="a number between 0 and 1")
    return float(value)


def _learners(given: Mapping[str, Any]) -> tuple[str, ...]:
    asked = given.get("learners")
    if asked is None:
        return tuple(name for name in LEARNERS if usable(name))
    if not isinstance(asked, (list, tuple)) or not asked:
        raise InvalidValue(f"learners {asked!r}", where="settings.learners", expected="a list of names")
    for name in asked:
        if not isinstance(name, str) or name not in LEARNERS:
            raise InvalidValue(f"learner {name!r}", where="settings.learners", expected=one_of(LEARNERS, str(name)))
        if not usable(name):
            raise MissingExtra.of("automl", what=f"the learner {name!r}")
    return tuple(dict.fromkeys(asked))
