"""Observe: what is seen of a model in production, and what is done about it.

Measures of subjects ``window`` (drift, estimated performance) and ``traffic`` (latency, errors) in `measures/`; the
remedies retrain, recalibrate and rollback in `remedies/`.
"""

from __future__ import annotations

__all__: list[str] = []
