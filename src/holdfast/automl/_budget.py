"""The budget: seconds to spend, by the clock on the wall or by the processor's, and the deadlines within it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.core.errors import InvalidValue, one_of

CLOCKS = ("wall", "cpu")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A time on a clock to be done by."""

    clock: Callable[[], float]
    at: float

    @property
    def left(self) -> float:
        """Seconds left, below 0 when it has passed."""
        return self.at - self.clock()

    @property
    def passed(self) -> bool:
        """Whether it has passed."""
        return self.left <= 0.0

    def within(self, seconds: float) -> Deadline:
        """Return the deadline in so many seconds, or this one where that is earlier."""
        return Deadline(self.clock, min(self.at, self.clock() + seconds))

    def earlier(self, seconds: float) -> Deadline:
        """Return the deadline so many seconds before this one."""
        return Deadline(self.clock, self.at - seconds)


class Budget:
    """Seconds to spend.

    Parameters
    ----------
    seconds
        How many, above 0.
    clock
        ``wall``, or ``cpu``: the processor seconds of this process and, as they are charged, of its workers. A busy
        machine does not change what a CPU budget finds.
    spent_s
        Seconds that were spent before (of an interpreter's start, of an earlier run that is resumed).

    Raises
    ------
    InvalidValue
        If the seconds are not above 0 or there is no such clock.
    """

    def __init__(self, seconds: float, *, clock: str = "wall", spent_s: float = 0.0) -> None:
        if clock not in CLOCKS:
            raise InvalidValue(f"clock {clock!r}", where="budget", expected=one_of(CLOCKS, clock))
        if not 0.0 < seconds < float("inf"):
            raise InvalidValue(f"a budget of {seconds} s", where="budget", expected="seconds above 0")
        self.seconds = float(seconds)
        self.clock = clock
        self._wall, self._cpu = time.monotonic() - (spent_s if clock == "wall" else 0.0), time.process_time()
        self._before = spent_s if clock == "cpu" else 0.0
        self._charged = 0.0

    def charge(self, cpu_s: float) -> None:
        """Add the CPU seconds of a worker."""
        self._charged += cpu_s

    @property
    def wall_s(self) -> float:
        """Wall seconds since it began."""
        return time.monotonic() - self._wall

    @property
    def cpu_s(self) -> float:
        """CPU seconds since it began, those of workers among them."""
        return time.process_time() - self._cpu + self._before + self._charged

    @property
    def spent_s(self) -> float:
        """Seconds spent, on the budget's own clock."""
        return self.wall_s if self.clock == "wall" else self.cpu_s

    @property
    def left_s(self) -> float:
        """Seconds left, below 0 when it is overspent."""
        return self.seconds - self.spent_s

    def end(self, *, reserve_s: float = 0.0) -> Deadline:
        """Return the deadline that leaves so many seconds of the budget unspent."""
        return Deadline(lambda: self.spent_s, self.seconds - reserve_s)
