"""Fixtures of the floor: property tests have no deadline, because a busy machine breaks any."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
