"""Responsible: whether a model treats groups of people alike, with intervals, and what is done where it does not.

Measures of subject ``scores`` by one or more sensitive columns (`measures/`), and the remedy `reweigh`.
"""

from __future__ import annotations

__all__: list[str] = []
