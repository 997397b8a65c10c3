"""What every file source checks first: the file is there, is one, and is not empty."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from holdfast.core.errors import InvalidValue, UnknownField, UnreadableData, nearest, one_of


def ends_with(location: str, endings: tuple[str, ...]) -> bool:
    """Whether the location is a local path with one of these endings."""
    return "://" not in location and location.lower().endswith(endings)


def opened(location: str) -> Path:
    """Path of a file that can be read and holds bytes.

    Raises
    ------
    UnreadableData
        If there is none, or it is a folder, may not be read, or is empty.
    """
    path = Path(location)
    try:
        if path.is_dir():
            raise UnreadableData("it is a folder", where=location, expected="a file")
        if path.is_symlink() and not path.exists():
            raise UnreadableData("it is a link that leads nowhere", where=location, expected="a file")
        if not path.exists():
            near = nearest(path.name, _beside(path))
            raise UnreadableData(
                "no such file", where=location, expected=f"such as {near!r} beside it" if near else "a file of rows"
            )
        if path.stat().st_size == 0:
            raise UnreadableData("the file is empty (0 bytes)", where=location, expected="a heading and rows")
        with path.open("rb"):
            return path
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UnreadableData(f"the file cannot be opened: {why}", where=location) from error


def _beside(path: Path) -> Iterable[str]:
    return (each.name for each in path.parent.iterdir()) if path.parent.is_dir() else ()


def known(settings: Mapping[str, Any], valid: Mapping[str, type], *, where: str) -> None:
    """Check the names and the types of settings.

    Raises
    ------
    UnknownField
        If a setting has no such name.
    InvalidValue
        If a setting is of another type.
    """
    for name, value in settings.items():
        if name not in valid:
            raise UnknownField(f"unknown setting {name!r}", where=where, expected=one_of(valid, name))
        if not isinstance(value, valid[name]):
            raise InvalidValue(f"setting {name}: {value!r}", where=where, expected=f"a {valid[name].__name__}")
