"""The clock of a run: seconds on the wall and of the processor since a call began, or since the process did."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

#: Fields of /proc/self/stat behind the name of the command: the time of the start, in ticks since the machine's own.
_START_FIELD = 19


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds spent since a moment.

    Parameters
    ----------
    wall
        Moment of the monotonic clock that wall seconds are counted from.
    cpu
        Processor seconds of the process and of its children that ended, which do not count.
    """

    wall: float
    cpu: float

    @classmethod
    def of_call(cls) -> Clock:
        """Clock that begins now."""
        return cls(time.monotonic(), _cpu_s())

    @classmethod
    def of_process(cls) -> Clock:
        """Clock that began with the process: the interpreter's start and the imports count."""
        return cls(time.monotonic() - _age_s(), 0.0)

    @property
    def wall_s(self) -> float:
        """Seconds on the wall."""
        return time.monotonic() - self.wall

    @property
    def cpu_s(self) -> float:
        """Processor seconds of this process and of its children that ended."""
        return _cpu_s() - self.cpu

    def spent_s(self, clock: str) -> float:
        """Seconds spent by one of them, ``wall`` or ``cpu``."""
        return self.wall_s if clock == "wall" else self.cpu_s


def _cpu_s() -> float:
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


def _age_s() -> float:
    """Seconds since the process began; where the system does not say, its processor seconds, which are fewer."""
    least = time.process_time()
    try:
        fields = Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        began = int(fields[_START_FIELD]) / os.sysconf("SC_CLK_TCK")
        return max(least, time.clock_gettime(time.CLOCK_BOOTTIME) - began)
    except (OSError, ValueError, IndexError, AttributeError):
        return least
