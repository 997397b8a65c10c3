"""Fixtures of the conformance suites: a server that brings a target's place to life."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

DEADLINE_S = 60.0


@contextmanager
def _server(place: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "holdfast.serve", "--place", str(place), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + DEADLINE_S
        while not (place / "server.json").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                pytest.fail(f"the inference server did not start: {process.communicate()[1]}")
            time.sleep(0.02)
        try:
            yield
        finally:
            process.terminate()
            process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def alive() -> Callable[[Path], AbstractContextManager[None]]:
    """Starter of an inference server at a place."""
    return _server
