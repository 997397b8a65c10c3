"""The arguments of one check of another tool: read by name, and none of them passed over in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._suite import Unmapped

_TEMPLATES = ("{{", "{%", "${")


class Arguments:
    """Arguments by name; `rest` refuses those that nobody asked for, since they might change what is checked.

    Parameters
    ----------
    given
        The arguments.
    ignored
        Names that change nothing about what is checked.
    """

    def __init__(self, given: Mapping[str, Any], *, ignored: Iterable[str] = ()) -> None:
        self._given = given
        self._read = set(ignored)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, as it stands there; a template is refused."""
        self._read.add(name)
        value = self._given.get(name, default)
        if isinstance(value, Mapping) and "$PARAMETER" in value:
            raise Unmapped(f"{name} is the parameter {value['$PARAMETER']!r}, which is known when it runs")
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, str) and any(mark in each for mark in _TEMPLATES):
                raise Unmapped(f"{name} is a template ({each}), which is filled in when it runs")
        return value

    def has(self, name: str) -> bool:
        """Whether it is given, and not None."""
        return self._given.get(name) is not None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """True or false."""
        value = self.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Unmapped(f"{name} {value!r} is neither true nor false")
        return value

    def text(self, name: str) -> str:
        """A text that is not empty."""
        value = self.get(name)
        if not isinstance(value, str) or not value:
            raise Unmapped(f"no {name}" if value is None else f"{name} {value!r} is no text")
        return value

    def column(self, name: str = "column") -> str:
        """Name of a column; a number in its place is the position of one, which is no name."""
        return self.text(name)

    def columns(self, name: str) -> list[str]:
        """Names of columns."""
        value = self.get(name)
        if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
            raise Unmapped(f"no {name}" if not value else f"{name} {value!r} are no names of columns")
        return [str(each) for each in value]

    def share(self, name: str = "mostly") -> float:
        """A share in [0, 1]; 1 where none is given."""
        value = self.get(name)
        return 1.0 if value is None else promises.share(value, name)

    def rest(self) -> None:
        """Refuse what nobody read.

        Raises
        ------
        Unmapped
            If there is an argument that was not asked for.
        """
        for name, value in self._given.items():
            if name not in self._read and value not in (None, False, {}, []):
                raise Unmapped(f"the argument {name} says more than a promise can")
