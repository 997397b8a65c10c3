"""Fixtures of the command line: commands run in this process, and in one of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.main import main


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Said]]:
    """Run a command in this process, in a project's folder; signals are then handled as before."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def run(folder: Path | None, *arguments: str) -> Said:
        capsys.readouterr()
        place = () if folder is None else ("--project", str(folder))
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *place])
        said = capsys.readouterr()
        return Said(int(str(ended.value.code)), said.out, said.err)

    yield run
    for each, handler in handlers.items():
        signal.signal(each, handler)


@pytest.fixture
def process() -> Callable[..., Said]:
    """Run a command in a process of its own, without a terminal."""

    def run(*arguments: str, cwd: Path | None = None, **environment: str) -> Said:
        ended = subprocess.run(
            [sys.executable, "-m", "holdfast.cli.main", *arguments],
            capture_output=True,
            text=True,
            timeout=100,
            cwd=cwd,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return Said(ended.returncode, ended.stdout, ended.stderr)

    return run
