"""Routes: which versions of which models answer, in which role; read from `routes.json`, swapped as a whole."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from holdfast.core.errors import HoldfastError, InvalidRequest, ModelNotReady, UnreadableData, UnsafePath, one_of
from holdfast.core.models import ROLES
from holdfast.serve._loading import AnyServed, load_served
from holdfast.serve._served import Post


@dataclass(slots=True, eq=False)
class Route:
    """Versions of one model that answer: at most one in each role."""

    name: str
    champion: AnyServed | None = None
    canary: AnyServed | None = None
    shadow: AnyServed | None = None

    def every(self) -> list[AnyServed]:
        """The versions that there are, champion first."""
        return [each for each in (self.champion, self.canary, self.shadow) if each is not None]

    def choose(self, key: bytes) -> AnyServed:
        """Version that answers a request with that key: always the same one for the same key and share.

        Raises
        ------
        ModelNotReady
            If there is no champion and the canary does not answer this one.
        """
        canary = self.canary
        if canary is not None and zlib.crc32(key, zlib.crc32(self.name.encode())) < canary.post.share * 4294967296:
            return canary
        if self.champion is None:
            raise ModelNotReady(f"model {self.name!r} has no champion", expected="a deployment in the role champion")
        return self.champion

    def version(self, version: str) -> AnyServed:
        """Version with that id, or with the one id that begins so (eight digits or more).

        Raises
        ------
        ModelNotReady
            If none or several have it.
        """
        found = {each.post.version: each for each in reversed(self.every()) if each.post.version == version}
        if not found and len(version) >= 8:
            found = {
                each.post.version: each for each in reversed(self.every()) if each.post.version.startswith(version)
            }
        if len(found) != 1:
            versions = [each.post.version for each in self.every()]
            raise ModelNotReady(f"model {self.name!r} has no version {version!r}", expected=one_of(versions, version))
        return next(iter(found.values()))


@dataclass(slots=True, eq=False)
class Table:
    """All routes at one time, and what could not be loaded."""

    routes: dict[str, Route] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def route(self, name: str | None) -> Route:
        """Route of a model; of the only one, when no name is given.

        Raises
        ------
        ModelNotReady
            If there is no such model.
        InvalidRequest
            If no name is given and there are several.
        """
        if name is None:
            if len(self.routes) == 1:
                return next(iter(self.routes.values()))
            if not self.routes:
                raise ModelNotReady("no model is served", expected="a deployment on this target")
            raise InvalidRequest("no model is named", where="path", expected=f"/predict/ and {one_of(self.routes)}")
        found = self.routes.get(name)
        if found is None:
            expected = one_of(self.routes, name) if self.routes else "a deployment on this target: none is there"
            raise ModelNotReady(f"no model {name!r}", expected=expected)
        return found


def read_routes(path: Path) -> dict[str, dict[str, Any]]:
    """Routes as the file has them: model name -> role -> entry.

    Raises
    ------
    UnreadableData
        If the file is no routes file.
    """
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (orjson.JSONDecodeError, OSError) as error:
        raise UnreadableData(f"no routes: {error}", where=str(path), expected='{"models": {...}}') from error
    models = found.get("models") if isinstance(found, dict) else None
    if not isinstance(models, dict) or not all(isinstance(each, dict) for each in models.values()):
        raise UnreadableData("no routes", where=str(path), expected='{"models": {name: {role: entry}}}')
    return models


def load_table(place: Path, models: Mapping[str, Path], *, before: Table, max_rows: int) -> Table:
    """Routes of a place, loaded; a version that `before` holds unchanged is taken over, not loaded again.

    Parameters
    ----------
    place
        Folder with `routes.json`.
    models
        Folders served besides, by model name.
    before
        The routes until now. Where a version cannot be loaded, the one that answered until now goes on in its role.
    max_rows
        Most rows of one request.
    """
    table = Table()
    loaded = {
        (each.post.package, each.post.version): each for route in before.routes.values() for each in route.every()
    }
    for name, roles in read_routes(place / "routes.json").items():
        route = Route(name)
        for role in ROLES:
            entry = roles.get(role)
            if not entry:
                continue
            try:
                post, relative = _post(name, role, entry)
                setattr(route, role, _entry(place, post, relative, loaded, max_rows))
            except HoldfastError as error:
                table.errors[f"{name}:{role}"] = str(error)
                kept = before.routes.get(name)
                setattr(route, role, getattr(kept, role) if kept else None)
        if route.every():
            table.routes[name] = route
    for name, folder in models.items():
        kept = before.routes.get(name)
        table.routes[name] = kept or Route(name, champion=_folder(folder, name, max_rows))
    return table


def _folder(folder: Path, name: str, max_rows: int) -> AnyServed:
    return load_served(folder, Post(name=name, version="1", package="", role="champion"), max_rows=max_rows)


def _entry(
    place: Path, post: Post, relative: str, loaded: Mapping[tuple[str, str], AnyServed], max_rows: int
) -> AnyServed:
    same = loaded.get((post.package, post.version))
    if same is not None and same.post == post:
        return same
    folder = (place / relative).resolve()
    if not folder.is_relative_to(place.resolve()):
        raise UnsafePath(
            f"folder {relative!r}", where=f"{post.name}: {post.role}", expected="a folder inside the place"
        )
    return load_served(folder, post, max_rows=max_rows)


def _post(name: str, role: str, entry: Any) -> tuple[Post, str]:
    """Read an entry of the file: where the version stands, and its folder."""
    try:
        post = Post(
            name=name,
            version=str(entry["model"]),
            package=str(entry["package"]),
            role=role,
            share=float(entry.get("share", 1.0)),
            since=str(entry.get("since", "")),
        )
        return post, str(entry["folder"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        expected = "model, package, folder, share"
        raise UnreadableData(f"a route's entry lacks {error}", where=f"{name}: {role}", expected=expected) from error
