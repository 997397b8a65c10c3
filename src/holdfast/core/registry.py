"""The registry: decorators that a room's files use, and look-ups that import the rooms' port folders on first use.

No list is kept by hand, nothing is scanned as text, and no module is imported by a name from a user's data: the
first look-up of a kind imports the files of the folder of that name in every room of this package, and the packages
that installed distributions name under the entry point ``holdfast.rooms``.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import threading
from collections.abc import Callable, Iterable
from importlib.machinery import PathFinder
from typing import Any, TypeVar, cast

from holdfast.core.errors import InvalidValue, UnknownName, one_of
from holdfast.core.ports import DomainPack, MeasureSpec, Packager, Remedy, RowCheck, Scanner, Source, Target, Trainer

ENTRY_POINT = "holdfast.rooms"
FOLDERS = {
    "measure": "measures",
    "row_check": "measures",
    "trainer": "trainers",
    "remedy": "remedies",
    "packager": "packagers",
    "target": "targets",
    "source": "sources",
    "scanner": "scanners",
    "domain": "packs",
}

_entries: dict[str, dict[str, Any]] = {kind: {} for kind in FOLDERS}
_loaded: set[str] = set()
_lock = threading.RLock()

Made = TypeVar("Made", bound=type)
Function = TypeVar("Function", bound=Callable[..., Any])


def measure(
    name: str,
    *,
    unit: str,
    range: tuple[float | None, float | None],
    better: str,
    stages: tuple[str, ...],
    source: str,
    subject: str = "rows",
    cost: float = 0.1,
    estimates: tuple[str, ...] = (),
) -> Callable[[Function], Function]:
    """Register a function as the measure `name`; the arguments are those of `MeasureSpec`."""

    def register(function: Function) -> Function:
        spec = MeasureSpec(
            name=name,
            compute=function,
            unit=unit,
            range=range,
            better=better,
            stages=stages,
            subject=subject,
            source=source,
            cost=cost,
            arguments=_arguments(function),
            estimates=estimates,
        )
        _add("measure", name, spec, function)
        return function

    return register


def _arguments(function: Callable[..., Any]) -> tuple[int, int | None]:
    parameters = list(inspect.signature(function).parameters.values())[1:]
    positional = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    least = sum(1 for each in positional if each.default is each.empty)
    endless = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return least, None if endless else len(positional)


def row_check(name: str) -> Callable[[Function], Function]:
    """Register ``failing(rows, *args, **options) -> mask`` for the measure `name` of subject rows."""

    def register(function: Function) -> Function:
        _add("row_check", name, RowCheck(measure=name, failing=function), function)
        return function

    return register


def _class_decorator(kind: str, port: type) -> Callable[[Made], Made]:
    def register(made: Made) -> Made:
        instance = made()
        if not isinstance(instance, port):
            raise InvalidValue(f"{made.__name__} is no {port.__name__}", expected=f"the members of {port.__name__}")
        _add(kind, str(cast("Any", instance).name), instance, made)
        return made

    return register


def trainer(made: Made) -> Made:
    """Register a class as a `Trainer`, under its `name`."""
    return _class_decorator("trainer", Trainer)(made)


def remedy(made: Made) -> Made:
    """Register a class as a `Remedy`, under its `name`."""
    return _class_decorator("remedy", Remedy)(made)


def packager(made: Made) -> Made:
    """Register a class as a `Packager`, under its `name`."""
    return _class_decorator("packager", Packager)(made)


def target(made: Made) -> Made:
    """Register a class as a `Target`, under its `name`."""
    return _class_decorator("target", Target)(made)


def source(made: Made) -> Made:
    """Register a class as a `Source`, under its `name`."""
    return _class_decorator("source", Source)(made)


def scanner(made: Made) -> Made:
    """Register a class as a `Scanner`, under its `name`."""
    return _class_decorator("scanner", Scanner)(made)


def domain(pack: DomainPack) -> DomainPack:
    """Register a `DomainPack`."""
    _add("domain", pack.name, pack, pack)
    return pack


def _add(kind: str, name: str, entry: Any, origin: Any) -> None:
    with _lock:
        known = _entries[kind].get(name)
        if known is not None and _place(known[1]) != _place(origin):
            raise InvalidValue(
                f"{kind} {name!r} is registered twice", expected=f"another name than in {_place(known[1])}"
            )
        _entries[kind][name] = (entry, origin)


def _place(origin: Any) -> str:
    return f"{getattr(origin, '__module__', '?')}.{getattr(origin, '__qualname__', origin)}"


def get(kind: str, name: str, *, where: str | None = None) -> Any:
    """Entry registered under a name.

    Parameters
    ----------
    kind
        Key of `FOLDERS`: ``measure``, ``trainer``, ``remedy``, ``packager``, ``target``, ``source``, ...
    name
        Its name.
    where
        Place to name in the error.

    Raises
    ------
    UnknownName
        If nothing is registered under that name; suggests the nearest.
    """
    load(kind)
    found = _entries[kind].get(name)
    if found is None:
        raise UnknownName(f"no {kind} {name!r}", where=where, expected=one_of(_entries[kind], name))
    return found[0]


def find(kind: str, name: str) -> Any | None:
    """Entry registered under a name, or None."""
    load(kind)
    found = _entries[kind].get(name)
    return None if found is None else found[0]


def names(kind: str) -> list[str]:
    """Names registered of a kind, sorted."""
    load(kind)
    return sorted(_entries[kind])


def every(kind: str) -> list[Any]:
    """Entries registered of a kind, sorted by name."""
    load(kind)
    return [_entries[kind][name][0] for name in sorted(_entries[kind])]


def estimator_of(measure_name: str) -> MeasureSpec | None:
    """Measure that estimates another one while labels are missing, or None."""
    found = [spec for spec in every("measure") if measure_name in spec.estimates]
    return found[0] if found else None


def load(kind: str) -> None:
    """Import the port folder of that kind in every room, once."""
    folder = FOLDERS.get(kind)
    if folder is None:
        raise UnknownName(f"no kind {kind!r}", expected=one_of(FOLDERS, kind))
    with _lock:
        if folder in _loaded:
            return
        _loaded.add(folder)
        try:
            for room, path in _rooms():
                _import_folder(room, path, folder)
        except BaseException:
            _loaded.discard(folder)
            raise


def _rooms() -> Iterable[tuple[str, Iterable[str]]]:
    # A room is looked into, not imported: one without the folder asked for costs nothing.
    house = importlib.import_module(__name__.partition(".")[0])
    for found in sorted(pkgutil.iter_modules(house.__path__), key=lambda each: each.name):
        spec = PathFinder.find_spec(f"{house.__name__}.{found.name}", house.__path__) if found.ispkg else None
        if spec is not None:
            yield spec.name, spec.submodule_search_locations or ()
    from importlib.metadata import entry_points

    for point in sorted(entry_points(group=ENTRY_POINT), key=lambda each: each.name):
        room = point.load()
        yield room.__name__, getattr(room, "__path__", ())


def _import_folder(room: str, path: Iterable[str], folder: str) -> None:
    # A room's own search path, not a name from data, says what is imported.
    for found in pkgutil.iter_modules(path):
        if found.name == folder and found.ispkg:
            package = importlib.import_module(f"{room}.{folder}")
            for inner in sorted(pkgutil.iter_modules(package.__path__), key=lambda each: each.name):
                if not inner.name.startswith("_"):
                    importlib.import_module(f"{package.__name__}.{inner.name}")
