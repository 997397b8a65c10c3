"""Environments of the peers: each in a folder under ``.bench/envs``, made when the bench first runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PINS = {"dagster": "dagster==1.13.29", "metaflow": "metaflow==2.19.39"}
ROOT = Path(__file__).resolve().parents[2] / ".bench" / "envs"
INSTALL_S = 150


class Unavailable(Exception):
    """A peer cannot be measured here; says why."""


def python_of(peer: str) -> Path:
    """Interpreter of a peer's environment, made if it is not there yet.

    Raises
    ------
    Unavailable
        If it cannot be made within the time.
    """
    folder = ROOT / peer
    stamp = folder / PINS[peer].replace("==", "-")
    python = folder / "bin" / "python"
    if stamp.exists():
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise Unavailable("uv is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    for words in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), PINS[peer]],
    ):
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{words[1]} took longer than {INSTALL_S} s") from error
        if done.returncode:
            raise Unavailable(f"{' '.join(words[1:3])}: {done.stderr.strip()[-300:]}")
    stamp.touch()
    return python
