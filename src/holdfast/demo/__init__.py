"""The main job, walked through on real data: `holdfast demo` and the examples that `holdfast init` begins from."""

from __future__ import annotations

from holdfast.demo.examples import EXAMPLES, Example, start
from holdfast.demo.story import run

__all__ = ["EXAMPLES", "Example", "run", "start"]
