"""Peers of the bench of checks: each in an environment of its own under ``.bench/envs``, and a process that waits.

A peer reads the frame once and then validates it once for each line that it is sent, so that peers and we take turns.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent / ".bench" / "envs"
INSTALL_S = 240

PINS = {
    "checks-pandera": ("pandera[polars]==0.35.0", "polars==2.1.0", "pyarrow>=20"),
    "checks-gx": ("great-expectations==1.24.1", "pyarrow>=20"),
}
SCRIPTS = {"checks-pandera": "checks_pandera.py", "checks-gx": "checks_gx.py"}


class Unavailable(Exception):
    """A peer cannot be measured here; says why."""


def python_of(peer: str) -> Path:
    """Interpreter of a peer's environment, made if it is not there yet."""
    folder = ROOT / peer
    stamp = folder / "made"
    python = folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == " ".join(PINS[peer]):
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise Unavailable("uv is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    for words in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *PINS[peer]],
    ):
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{words[1]} took longer than {INSTALL_S} s") from error
        if done.returncode:
            raise Unavailable(f"{' '.join(words[1:3])}: {done.stderr.strip()[-300:]}")
    stamp.write_text(" ".join(PINS[peer]))
    return python


class Peer:
    """A peer's process: started, waiting for its turn."""

    def __init__(self, name: str, frame: Path) -> None:
        self.name = name
        words = [str(python_of(name)), "-W", "ignore", str(HERE / SCRIPTS[name]), str(frame)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.found = self._line()

    def seconds(self) -> float:
        """CPU seconds of its process (all threads) for one validation."""
        if self._process.stdin is None:
            raise Unavailable("no way to it")
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._line()["seconds"])

    def _line(self) -> dict[str, Any]:
        text = self._process.stdout.readline() if self._process.stdout else ""
        if not text:
            raise Unavailable(f"{self.name} ended with {self._process.wait()}")
        found: dict[str, Any] = json.loads(text)
        return found

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
