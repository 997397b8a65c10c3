"""A library of another house in an interpreter of its own: which one, and the process that it runs in."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidValue, MissingExtra, TrainingFailed

if TYPE_CHECKING:
    from holdfast.automl._budget import Budget
    from holdfast.core.ports import Progress

#: Exit code of a child that cannot import its library.
ABSENT = 3
#: Seconds after the budget at which a child is ended, and of the budget, whichever is more.
LATE_S, LATE = 15.0, 0.5
#: Times as long on the wall where CPU seconds are counted.
PATIENT = 10.0
#: Seconds between looks at the child.
_POLL_S = 0.02
#: How much of what a child said is told.
_TAIL = 1500
#: Variables that a child needs; it gets no others, so no secret goes over.
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PATH", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Library:
    """A library that trains in an interpreter of its own.

    Parameters
    ----------
    name
        Of the trainer, and what is imported.
    module
        Module that is looked for here where no interpreter is named.
    package
        What to install.
    script
        What runs there.
    """

    name: str
    module: str
    package: str
    script: Path

    @property
    def variable(self) -> str:
        """Environment variable that names the interpreter."""
        return f"HOLDFAST_{self.name.upper()}_PYTHON"

    def python(self, settings: Mapping[str, Any]) -> Path:
        """Interpreter that has the library: the setting, the variable, or this one.

        Raises
        ------
        InvalidValue
            If what is named is no interpreter.
        MissingExtra
            If none is named and this one has no such library.
        """
        given, where = settings.get("python"), "settings.python"
        if given is None:
            given, where = os.environ.get(self.variable) or None, self.variable
        if given is None:
            try:
                here = importlib.util.find_spec(self.module) is not None
            except ModuleNotFoundError:
                here = False
            if not here:
                raise self.missing()
            return Path(sys.executable)
        path = Path(str(given))
        if not path.is_absolute() or not path.name.startswith("python") or not os.access(path, os.X_OK):
            expected = "the absolute path of an interpreter that can be run, such as /opt/env/bin/python"
            raise InvalidValue(f"interpreter {str(given)!r}", where=where, expected=expected)
        return path

    def missing(self) -> MissingExtra:
        """Error that says what to type."""
        steps = (
            f"python -m venv ENV && ENV/bin/pip install {self.package} && export {self.variable}=$PWD/ENV/bin/python"
        )
        return MissingExtra(
            f"the trainer {self.name!r} needs {self.package} in an environment of its own", expected=steps
        )


@dataclass(frozen=True, slots=True)
class Child:
    """The script in the other interpreter: started, watched, and ended with all that it started."""

    library: Library
    python: Path
    folder: Path
    threads: int

    def run(self, budget: Budget, progress: Progress | None) -> None:
        """Wait for it, and charge what it cost.

        Raises
        ------
        MissingExtra
            If the library is not there.
        TrainingFailed
            If it fails, or is ended for being late.
        """
        words = [str(self.python), "-I", "-W", "ignore", str(self.library.script), str(self.folder)]
        late = max(1.0, budget.left_s) + max(LATE_S, LATE * budget.seconds)
        # CPU seconds may be long in coming on a busy machine; the child itself is ended by the system at its CPU limit.
        end = budget.wall_s + late * (PATIENT if budget.clock == "cpu" else 1.0)
        with (self.folder / "said.txt").open("wb") as said:
            process = subprocess.Popen(  # noqa: S603 -- an interpreter that the user names, and a script of ours
                words, cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
            try:
                code, cpu_s = self._wait(process, budget, end, progress)
            finally:
                _end(process)
        budget.charge(cpu_s)
        if code is None:
            raise TrainingFailed(
                f"{self.library.name} was ended after {budget.wall_s:.0f} s", where=self._tail(),
                expected=f"an answer within the budget of {budget.seconds:g} s",
            )  # fmt: skip
        if code == ABSENT:
            raise self.library.missing()
        if code:
            what = f"{self.library.name} ended with exit code {code}"
            raise TrainingFailed(what, where=self._tail(), expected="a model; see what it said")

    def _wait(
        self, process: subprocess.Popen[bytes], budget: Budget, end: float, progress: Progress | None
    ) -> tuple[int | None, float]:
        """Exit code, None where it is late; CPU seconds of the child and of what it waited for."""
        told = budget.wall_s
        while True:
            pid, status, spent = os.wait4(process.pid, os.WNOHANG)
            if pid:
                process.returncode = os.waitstatus_to_exitcode(status)
                return process.returncode, spent.ru_utime + spent.ru_stime
            if budget.wall_s > end:
                return None, 0.0
            if progress is not None and budget.wall_s > told + 0.5:
                told = budget.wall_s
                progress(min(0.95, budget.wall_s / budget.seconds), f"{self.library.name} searches")
            time.sleep(_POLL_S)

    def _environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        counts = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
        return passed | dict.fromkeys(counts, str(self.threads))

    def _tail(self) -> str:
        text = (self.folder / "said.txt").read_text(encoding="utf-8", errors="replace").strip()
        return text[-_TAIL:] or "it said nothing"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started: its group outlives it where it left something behind."""
    # Where nobody is left (on some systems: only the dead) there is nothing to end.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.returncode is None:
        process.wait()
