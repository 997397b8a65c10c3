"""The tree of errors: each with a stable code, what is wrong, where, and what would be right.

HoldfastError
├── ContractError               HF100
│   ├── MalformedContract       HF101   the file is not YAML, or not a mapping
│   ├── UnknownField            HF102
│   ├── PromiseSyntaxError      HF104
│   ├── UnitMismatch            HF105
│   ├── UnknownName             HF106   a measure, remedy, trainer, target ... that nobody registered
│   └── InvalidValue            HF107
├── DataError                   HF200
│   ├── ColumnNotFound          HF103
│   ├── UnreadableData          HF201
│   ├── EmptyTable              HF202
│   ├── UnusableTarget          HF203
│   ├── DuplicateIds            HF204
│   └── NotMeasurable           HF205
├── StoreError                  HF300
│   ├── StoreUnavailable        HF301
│   ├── JournalBroken           HF302
│   ├── DigestMismatch          HF303
│   ├── SignatureInvalid        HF304
│   ├── LeaseHeld               HF305
│   ├── LeaseLost               HF306
│   ├── NotFound                HF307
│   └── UnsafePath              HF308
├── EngineError                 HF400
│   ├── StepFailed              HF401
│   ├── StepTimeout             HF402
│   ├── Cancelled               HF403
│   └── Uncacheable             HF404
├── ServeError                  HF500
│   ├── InvalidRequest          HF501
│   ├── ModelNotReady           HF502
│   ├── PayloadTooLarge         HF503
│   └── ForbiddenBind           HF504
├── KeeperError                 HF600
│   ├── ApprovalNeeded          HF601
│   ├── NotAllowed              HF602
│   └── RemedyFailed            HF603
├── ModelError                  HF700
│   ├── TrainingFailed          HF701
│   ├── ExportFailed            HF702
│   └── ParityFailed            HF703
└── MissingExtra                HF800   an optional dependency is not installed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from holdfast.core.locations import public


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Nearest valid word to a mistyped one, or None when nothing is near.

    Parameters
    ----------
    word
        The word that came.
    valid
        The words that would have been right.

    Returns
    -------
    str or None
        The word that differs only in case, else the closest one (Ratcliff/Obershelp ratio of at least 0.6).

    Examples
    --------
    >>> nearest("roc_auk", ["roc_auc", "recall"])
    'roc_auc'
    """
    words = list(valid)
    same = [each for each in words if each.casefold() == word.casefold()]
    found = same or difflib.get_close_matches(word, words, n=1, cutoff=0.6)
    return found[0] if found else None


def one_of(valid: Iterable[str], word: str | None = None) -> str:
    """Text for `expected=`: the nearest valid word first, else the words there are (at most twelve).

    Examples
    --------
    >>> one_of(["age", "sex"], "agee")
    "'age' (did you mean 'age'?)"
    >>> one_of(["age", "sex"])
    "one of 'age', 'sex'"
    """
    words = sorted(valid)
    near = nearest(word, words) if word is not None else None
    if near is not None:
        return f"{near!r} (did you mean {near!r}?)"
    shown = ", ".join(repr(each) for each in words[:12])
    more = f" and {len(words) - 12} more" if len(words) > 12 else ""
    return f"one of {shown}{more}" if words else "nothing is registered here"


class HoldfastError(Exception):
    """Root of every error that Holdfast raises on purpose.

    Parameters
    ----------
    message
        What is wrong, with the value that came.
    where
        File, line, column, field, event or step that it concerns.
    expected
        What would have been right.
    """

    code = "HF000"
    exit_code = 2

    def __init__(self, message: str, *, where: str | None = None, expected: str | None = None) -> None:
        # A location may hold a password: none reaches a message, and so no log, report or journal.
        self.message = public(message)
        self.where = None if where is None else public(where)
        self.expected = None if expected is None else public(expected)
        super().__init__(self.message)

    def __str__(self) -> str:
        """One line: where, what, what would be right, the code."""
        place = f"{self.where}: " if self.where else ""
        right = f" Expected {self.expected}." if self.expected else ""
        return f"{place}{self.message.rstrip('.')}.{right} ({self.code})"

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild across a process border (a worker's error reaches its caller whole)."""
        return (_rebuild, (type(self), self.message, self.where, self.expected), dict(self.__dict__))


def _rebuild(kind: type[HoldfastError], message: str, where: str | None, expected: str | None) -> HoldfastError:
    return kind(message, where=where, expected=expected)


class ContractError(HoldfastError):
    """The contract cannot be used as it stands."""

    code = "HF100"


class MalformedContract(ContractError):
    """The contract file is not YAML, or not a mapping."""

    code = "HF101"


class UnknownField(ContractError):
    """The contract has a field that nobody reads."""

    code = "HF102"


class PromiseSyntaxError(ContractError):
    """A promise does not follow the grammar."""

    code = "HF104"


class UnitMismatch(ContractError):
    """A bound is written in a unit that its measure does not have."""

    code = "HF105"


class UnknownName(ContractError):
    """A measure, remedy, trainer, target or the like that nobody registered."""

    code = "HF106"


class InvalidValue(ContractError):
    """A field of the contract, or an argument, has a value outside its range."""

    code = "HF107"


class DataError(HoldfastError):
    """The data cannot be used as they are."""

    code = "HF200"


class ColumnNotFound(DataError):
    """A column that is named is not there."""

    code = "HF103"


class UnreadableData(DataError):
    """A file or table cannot be read: truncated, wrong encoding, wrong format, not there."""

    code = "HF201"


class EmptyTable(DataError):
    """A table without rows where rows are needed."""

    code = "HF202"


class UnusableTarget(DataError):
    """The target column cannot be learnt: constant, all missing, or of the wrong kind."""

    code = "HF203"


class DuplicateIds(DataError):
    """A column that identifies rows holds a value twice."""

    code = "HF204"


class NotMeasurable(DataError):
    """A measure cannot be computed on this subject; the promise is unproven, never held."""

    code = "HF205"


class StoreError(HoldfastError):
    """What is remembered cannot be read or written."""

    code = "HF300"


class StoreUnavailable(StoreError):
    """The database or object store does not answer, or its disk is full. Nothing was acknowledged."""

    code = "HF301"


class JournalBroken(StoreError):
    """The journal's chain does not hold: an event was tampered with, is missing, or out of order."""

    code = "HF302"
    exit_code = 3


class DigestMismatch(StoreError):
    """Bytes do not have the digest they are stored under."""

    code = "HF303"


class SignatureInvalid(StoreError):
    """A manifest's signature does not verify with a trusted key."""

    code = "HF304"


class LeaseHeld(StoreError):
    """Somebody else holds the lease."""

    code = "HF305"


class LeaseLost(StoreError):
    """A lease ran out or was taken while work went on under it."""

    code = "HF306"


class NotFound(StoreError):
    """No such artifact, model, event, table or project."""

    code = "HF307"


class UnsafePath(StoreError):
    """A name or path would leave the folder that it belongs in."""

    code = "HF308"


class EngineError(HoldfastError):
    """A pipeline did not finish."""

    code = "HF400"
    exit_code = 1


class StepFailed(EngineError):
    """A step raised an error on each of its attempts."""

    code = "HF401"


class StepTimeout(EngineError):
    """A step took longer than it may."""

    code = "HF402"


class Cancelled(EngineError):
    """A run was cancelled."""

    code = "HF403"


class Uncacheable(EngineError):
    """A step's parameter or result has no canonical form, so it cannot be cached."""

    code = "HF404"


class ServeError(HoldfastError):
    """The inference server refuses."""

    code = "HF500"


class InvalidRequest(ServeError):
    """A request does not match the model's schema or the protocol."""

    code = "HF501"


class ModelNotReady(ServeError):
    """No such model, or it is not loaded."""

    code = "HF502"


class PayloadTooLarge(ServeError):
    """A request is larger than the server takes."""

    code = "HF503"


class ForbiddenBind(ServeError):
    """A non-loopback address without authentication and TLS."""

    code = "HF504"


class KeeperError(HoldfastError):
    """The loop cannot go on by itself."""

    code = "HF600"


class ApprovalNeeded(KeeperError):
    """The policy asks for a person's decision first."""

    code = "HF601"
    exit_code = 6


class NotAllowed(KeeperError):
    """An actor may not do that: four eyes, role, or policy."""

    code = "HF602"


class RemedyFailed(KeeperError):
    """A remedy was carried out and did not restore its promise, or broke another."""

    code = "HF603"
    exit_code = 3


class ModelError(HoldfastError):
    """A model could not be made, exported or loaded."""

    code = "HF700"


class TrainingFailed(ModelError):
    """No candidate could be trained."""

    code = "HF701"


class ExportFailed(ModelError):
    """A model has no ONNX form that this exporter can write."""

    code = "HF702"


class ParityFailed(ModelError):
    """The exported model does not answer as the original does."""

    code = "HF703"


class MissingExtra(HoldfastError):
    """An optional dependency is needed and not installed."""

    code = "HF800"

    @classmethod
    def of(cls, extra: str, *, what: str) -> MissingExtra:
        """Error that says what to type, for the extra `extra` needed by `what`."""
        return cls(f"{what} needs the extra {extra!r}", expected=f"pip install 'holdfast[{extra}]'")


def explained() -> dict[str, tuple[str, str]]:
    """Every error code with the name and the description of its class, sorted by code.

    Examples
    --------
    >>> explained()["HF103"]
    ('ColumnNotFound', 'A column that is named is not there.')
    """
    found: dict[str, tuple[str, str]] = {}
    waiting: list[type[HoldfastError]] = [HoldfastError]
    while waiting:
        each = waiting.pop()
        # A room's own error that has no code of its own stands under that of its parent, which came first.
        found.setdefault(each.code, (each.__name__, (each.__doc__ or "").partition("\n")[0]))
        waiting.extend(each.__subclasses__())
    return dict(sorted(found.items()))
