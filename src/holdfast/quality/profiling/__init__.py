"""Learned checks: what a table promises of the tables to come, each check with its support."""

from __future__ import annotations

from holdfast.quality.profiling._columns import codes
from holdfast.quality.profiling._profile import Finding, Profile, profile

__all__ = ["Finding", "Profile", "codes", "profile"]
