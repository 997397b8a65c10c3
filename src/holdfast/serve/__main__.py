"""``python -m holdfast.serve``: the inference server as a process of its own."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from holdfast.core.errors import HoldfastError
from holdfast.serve._server import run_server
from holdfast.serve._settings import ServerSettings


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m holdfast.serve", description=__doc__)
    parser.add_argument("--place", type=Path, required=True, help="folder of the target")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one; it stands in server.json")
    parser.add_argument("--log", type=Path, help="folder of the prediction log; nothing is logged without")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FOLDER", help="serve this folder besides")
    parser.add_argument("--max-body-bytes", type=int, default=16 << 20)
    parser.add_argument("--max-rows", type=int, default=10_000)
    parser.add_argument("--behind-proxy", action="store_true")
    parser.add_argument("--allow-host", action="append", default=[])
    parser.add_argument("--sync", choices=("commit", "tick"), default="commit")
    parser.add_argument("--asgi", action="store_true", help="plain ASGI instead of the fast protocol")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the server; the exit code."""
    given = _arguments().parse_args(arguments)
    models = dict(each.split("=", 1) for each in given.model)
    try:
        settings = ServerSettings(
            place=given.place,
            host=given.host,
            port=given.port,
            log_folder=given.log,
            workers=given.workers,
            models={name: Path(folder) for name, folder in models.items()},
            max_body_bytes=given.max_body_bytes,
            max_rows=given.max_rows,
            behind_proxy=given.behind_proxy,
            allowed_hosts=tuple(given.allow_host),
            sync=given.sync,
            fast=not given.asgi,
        )
        run_server(settings)
    except HoldfastError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this is a command
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
