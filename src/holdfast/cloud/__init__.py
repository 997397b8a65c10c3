"""Cloud: places that run packages. The first is this machine: see `holdfast.cloud.targets.local`."""

from __future__ import annotations

__all__: list[str] = []
