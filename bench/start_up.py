"""Start-up: the command line and the import, in bare Python starts; and what the base install weighs.

Both sides are started by turns in one run, so that whatever else the machine does falls on both; figures are medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
BASE = ROOT / ".bench" / "envs" / "base"
SIDES = {
    "bare": [PYTHON, "-c", "pass"],
    "help": [str(Path(PYTHON).with_name("holdfast")), "--help"],
    "import": [PYTHON, "-c", "import holdfast"],
}


def start(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of one process from start to end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return wall, usage.ru_utime + usage.ru_stime


def starts() -> dict[str, dict[str, float]]:
    """Medians of wall and CPU seconds of each side, started by turns."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in SIDES}
    for command in SIDES.values():
        start(command)  # once, so that byte code is written and files are in memory
    for _ in range(ROUNDS):
        for name, command in SIDES.items():
            taken[name].append(start(command))
    return {
        name: {
            "wall_s": statistics.median(wall for wall, _ in each),
            "cpu_s": statistics.median(cpu for _, cpu in each),
        }
        for name, each in taken.items()
    }


def say(figure: str, value: float, unit: str, **more: object) -> None:
    """Print one figure as a line of JSON."""
    print(json.dumps({"figure": figure, "value": round(value, 4), "unit": unit, **more}), flush=True)


def start_figures() -> None:
    """The command line and the import against a bare Python start."""
    found = starts()
    bare = found["bare"]
    say("bare_python_start", bare["wall_s"], "s", cpu_s=round(bare["cpu_s"], 4), rounds=ROUNDS)
    for name, label, bounds in (
        ("help", "holdfast --help", {"wall_s": 0.3, "starts": 12}),
        ("import", "import holdfast", {}),
    ):
        wall, cpu = found[name]["wall_s"], found[name]["cpu_s"]
        kept = not bounds or (wall <= bounds["wall_s"] and cpu / bare["cpu_s"] <= bounds["starts"])
        say(
            f"{name}_start",
            wall,
            "s",
            what=label,
            cpu_s=round(cpu, 4),
            bare_starts_wall=round(wall / bare["wall_s"], 2),
            bare_starts_cpu=round(cpu / bare["cpu_s"], 2),
            bound=bounds or None,
            kept=kept,
        )


def uv() -> str:
    """Path of uv, which `make setup` put beside Python."""
    found = Path(PYTHON).with_name("uv")
    if not found.exists():
        raise SystemExit(f"no uv at {found}: run make setup")
    return str(found)


def quiet(command: list[str]) -> None:
    """Run a command in the checkout without a word; it must succeed."""
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)


def install_base() -> Path:
    """Make an environment with the base install alone, as `pip install .` would; give back its packages' folder."""
    quiet([uv(), "venv", "--quiet", "--clear", "--python", PYTHON, str(BASE)])
    python = str(BASE / "bin" / "python")
    quiet([uv(), "pip", "install", "--quiet", "--python", python, "-c", "constraints.txt", "."])
    return next((BASE / "lib").glob("python*/site-packages"))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files under a folder; byte code aside, which an install need not have."""
    if path.is_file():
        return path.stat().st_size
    return sum(each.stat().st_size for each in path.rglob("*") if each.is_file() and "__pycache__" not in each.parts)


def sizes(packages: Path) -> dict[str, int]:
    """Bytes by distribution, from the files that each says it installed."""
    from importlib.metadata import distributions

    found: dict[str, int] = {}
    for each in distributions(path=[str(packages)]):
        paths = [Path(str(each.locate_file(file))) for file in each.files or ()]
        total = sum(path.stat().st_size for path in paths if path.is_file() and "__pycache__" not in path.parts)
        found[each.metadata["Name"]] = total
    return found


def size_figures() -> None:
    """What the base install weighs, and its ten largest packages."""
    packages = install_base()
    found = sizes(packages)
    largest = sorted(found.items(), key=lambda each: -each[1])[:10]
    say(
        "base_install",
        size_of(packages) / 1e6,
        "MB",
        packages=len(found),
        largest_mb={name: round(size / 1e6, 1) for name, size in largest},
    )


if __name__ == "__main__":
    start_figures()
    try:
        size_figures()
    except subprocess.CalledProcessError as error:
        raise SystemExit(f"the base install could not be made: {(error.stderr or '').strip()[-500:]}") from error
