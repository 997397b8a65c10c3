"""The steps and pipelines of our own side of the bench."""

from __future__ import annotations

from holdfast.engine import pipeline, step


@step
def inc(x: int) -> int:
    return x + 1


@step(isolated=True)
def inc_isolated(x: int) -> int:
    return x + 1


@pipeline
def chain(x: int, n: int) -> int:
    for _ in range(n):
        x = inc(x)
    return x


@pipeline
def chain_isolated(x: int, n: int) -> int:
    for _ in range(n):
        x = inc_isolated(x)
    return x
