"""How many threads may really run: affinity, the cgroup's quota, and what others are using."""

from __future__ import annotations

import os
from pathlib import Path

_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def free_cores() -> int:
    """Cores that this process may use and that are free now, at least 1.

    The least of the scheduler's affinity and the cgroup's CPU quota, less the load of the last minute: two boosting
    threads on one busy core are a hundred times slower than one, so a core that is half busy is not counted.
    """
    allowed = min(_affinity(), _quota())
    try:
        load = os.getloadavg()[0]
    except OSError:  # Not every system keeps one.
        load = 0.0
    return max(1, min(allowed, int(allowed - load)))


def _affinity() -> int:
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def _quota() -> int:
    try:
        quota, period = _QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):  # No cgroup v2 here.
        return 1 << 16
    if quota == "max" or not period.isdigit() or not quota.isdigit():
        return 1 << 16
    return max(1, int(quota) // max(1, int(period)))
