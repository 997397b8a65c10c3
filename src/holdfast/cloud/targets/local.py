"""The target ``local``: an inference server on this machine, told by files what to run."""

from __future__ import annotations

import http.client
import json
import os
from pathlib import Path
from typing import Any

from holdfast.cloud._place import locked, package_is_whole, read_routes, sweep, write_package, write_routes
from holdfast.core.digests import iso, parse_iso
from holdfast.core.errors import HoldfastError, InvalidValue
from holdfast.core.models import Deployment, Package
from holdfast.core.registry import target

_TIMEOUT_S = 2.0
_LONGEST = 1 << 22


@target
class Local:
    """Runs packages in the inference server of this machine.

    `deploy` and `withdraw` write files (packages by digest, `routes.json` replaced as a whole); the server reads them
    anew within a fraction of a second, and at its start. `running` asks the server itself: what it does not confirm,
    is not said to run.
    """

    name = "local"

    def deploy(self, deployment: Deployment, package: Package, source: Path, place: Path) -> None:
        """Make the place run a package in the deployment's role. Idempotent.

        Parameters
        ----------
        deployment
            What is to run, and for which share of the traffic.
        package
            The package; its files lie in `source`.
        source
            Folder with the package's verified files; they are verified again while they are copied.
        place
            Folder of this target.

        Raises
        ------
        InvalidValue
            If deployment and package do not belong together.
        StoreError
            If a file is missing or not what the package says, or the place cannot be written: it is then as it was.
        """
        if deployment.package != package.id or deployment.model != package.model:
            raise InvalidValue(
                f"deployment of package {deployment.package[:12]}", expected=f"package {package.id[:12]} and its model"
            )
        place = Path(place)
        with locked(place):
            relative = write_package(package, Path(source), place)
            routes = read_routes(place)
            entry = _entry(deployment, relative)
            roles = dict(routes.get(deployment.name, {}))
            if roles.get(deployment.role) != entry:
                roles[deployment.role] = entry
                routes[deployment.name] = roles
                write_routes(place, routes)
            sweep(place, routes)

    def withdraw(self, deployment: Deployment, place: Path) -> None:
        """Make the place stop running a package in the deployment's role. Idempotent.

        A role that another package has by now is left as it is.

        Raises
        ------
        StoreError
            If the place cannot be written.
        """
        place = Path(place)
        with locked(place):
            routes = read_routes(place)
            roles = dict(routes.get(deployment.name, {}))
            entry = roles.get(deployment.role)
            if entry and entry.get("package") == deployment.package:
                roles[deployment.role] = None
                routes[deployment.name] = roles
                write_routes(place, routes)

    def running(self, place: Path) -> tuple[Deployment, ...]:
        """What the server of the place says that it runs now; empty when none answers, or another one does.

        A deployment counts when the server that the place's `server.json` names is alive, answers as the same start
        of the server, and its package lies in the place as it should.
        """
        place = Path(place)
        answer = _ask(place)
        if answer is None:
            return ()
        found = []
        for each in answer:
            deployment = _deployment(each)
            if deployment is not None and package_is_whole(place / "models" / deployment.package, deployment.package):
                found.append(deployment)
        return tuple(sorted(found, key=lambda each: (each.name, each.role)))


def _entry(deployment: Deployment, folder: Path) -> dict[str, Any]:
    return {
        "model": deployment.model,
        "package": deployment.package,
        "folder": folder.as_posix(),
        "share": deployment.share,
        "since": iso(deployment.since),
    }


def _deployment(plain: Any) -> Deployment | None:
    try:
        return Deployment(
            name=str(plain["name"]),
            model=str(plain["model"]),
            package=str(plain["package"]),
            target=Local.name,
            role=str(plain["role"]),
            share=float(plain["share"]),
            since=parse_iso(str(plain["since"])),
        )
    except (KeyError, TypeError, ValueError, HoldfastError):
        return None  # a model that the server was given by hand is no deployment


def _ask(place: Path) -> list[Any] | None:
    """What the server of the place answers; None when it cannot be reached, or is not the one that is named."""
    server = _server(place)
    if server is None:
        return None
    connection = http.client.HTTPConnection(server["host"], server["port"], timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/holdfast/running")
        response = connection.getresponse()
        found = json.loads(response.read(_LONGEST))
        if response.status != 200 or found["instance"] != server["instance"]:
            return None
        return list(found["running"])
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()


def _server(place: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((place / "server.json").read_bytes())
        server = {
            "host": _reachable(str(found["host"])),
            "port": int(found["port"]),
            "instance": str(found["instance"]),
        }
        os.kill(int(found["pid"]), 0)
    except PermissionError:
        return server  # it lives, and is somebody else's: its answer will tell
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    return server


def _reachable(host: str) -> str:
    """A server bound to every address is asked on loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared with, not bound to
