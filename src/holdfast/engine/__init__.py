"""The engine: how work runs. Steps, pipelines, a cache by content, and executors.

>>> from holdfast.engine import pipeline, step
>>> @step
... def add(a: int, b: int = 1) -> int:
...     return a + b
>>> @pipeline
... def sums(x: int) -> int:
...     return add(add(x), b=2)
>>> sums(1)
4

``Engine(store).run(sums, {"x": 1})`` runs the same through the cache, and journals it.
"""

from __future__ import annotations

from holdfast.engine._engine import Engine
from holdfast.engine.executors import Executor
from holdfast.engine.pipelines import Pipeline, pipeline
from holdfast.engine.runs import Result, Run, StepRecord
from holdfast.engine.steps import Limits, Step, StepCall, step

__all__ = [
    "Engine",
    "Executor",
    "Limits",
    "Pipeline",
    "Result",
    "Run",
    "Step",
    "StepCall",
    "StepRecord",
    "pipeline",
    "step",
]
