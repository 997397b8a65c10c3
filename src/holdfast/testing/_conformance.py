"""What all suites share: the error they raise, and how a refusal is looked at."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from holdfast.core import registry
from holdfast.core.digests import canonical_json, digest_bytes
from holdfast.core.errors import HoldfastError

T = TypeVar("T")


class ConformanceError(AssertionError):
    """A port's promise is broken: says whose, which, and what was seen instead."""


def require(condition: object, sentence: str) -> None:
    """Raise `ConformanceError` with the sentence unless the condition holds."""
    if not condition:
        raise ConformanceError(sentence)


def resolve(kind: str, thing: Any) -> Any:
    """Entry registered under a name, or the thing itself."""
    return registry.get(kind, thing) if isinstance(thing, str) else thing


@contextmanager
def no_stranger(what: str) -> Iterator[None]:
    """Turn any error that is not Holdfast's own, and any warning, into a `ConformanceError`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            yield
    except (HoldfastError, ConformanceError):
        raise
    except Exception as error:
        raise ConformanceError(f"{what} raised {type(error).__name__}: {error}") from error


def attempt(what: str, call: Callable[[], T]) -> T | HoldfastError:
    """Call; give back the result, or Holdfast's own error. Any other error is a `ConformanceError`."""
    with no_stranger(what):
        try:
            return call()
        except HoldfastError as error:
            return error


def must_refuse(what: str, call: Callable[[], Any], *kinds: type[HoldfastError]) -> HoldfastError:
    """Call; it must raise one of Holdfast's errors of these kinds (any, when none is named)."""
    wanted = kinds or (HoldfastError,)
    names = " or ".join(kind.__name__ for kind in wanted)
    found = attempt(what, call)
    if not isinstance(found, HoldfastError):
        raise ConformanceError(f"{what} was taken without a word, and gave {found!r}; expected {names}")
    require(isinstance(found, wanted), f"{what} raised {type(found).__name__} ({found}); expected {names}")
    require(found.message, f"{what} raised a {type(found).__name__} that says nothing")
    return found


def must_work(what: str, call: Callable[[], T]) -> T:
    """Call; it must give a result."""
    found = attempt(what, call)
    if isinstance(found, HoldfastError):
        raise ConformanceError(f"{what} was refused: {type(found).__name__}: {found}") from found
    return found


def require_plain(value: Any, what: str) -> None:
    """Require that a value is plain data with a canonical form."""
    found = attempt(what, lambda: canonical_json(value))
    if isinstance(found, HoldfastError):
        raise ConformanceError(f"{what} is no plain data: {found}")


def digests_of(folder: Path) -> dict[str, str]:
    """Digest of every file under a folder, by its path within."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): digest_bytes(path.read_bytes()) for path in files}
