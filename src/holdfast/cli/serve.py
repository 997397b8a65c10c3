"""Command serve: the inference server of the project's local target."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from holdfast.cli.common import with_project

if TYPE_CHECKING:
    from holdfast.project import Project


@click.command()
@click.option("--host", default="127.0.0.1", help="Address to bind; another than loopback needs --behind-proxy.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, help="Port; 0 takes a free one.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Processes that answer.")
@click.option("--no-log", is_flag=True, help="Do not log predictions; live promises are then unproven.")
@click.option(
    "--sync",
    type=click.Choice(["commit", "tick"]),
    default="commit",
    help="commit: on the disk before each answer. tick: written before it, on the disk within 250 ms.",
)
@click.option("--behind-proxy", is_flag=True, help="A proxy with authentication and TLS stands in front.")
@with_project
def serve(
    project: Project, *, as_json: bool, host: str, port: int, workers: int, no_log: bool, sync: str, behind_proxy: bool
) -> int:
    """Answer over HTTP: Open Inference Protocol v2, and /predict; a prediction is durable before it is acknowledged."""
    del as_json  # what it prints is the server's log
    project.serve(host=host, port=port, workers=workers, log=not no_log, sync=sync, behind_proxy=behind_proxy)
    return 0
