"""Examples: real data, a contract, and how the world changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.core.errors import UnknownName, one_of

if TYPE_CHECKING:
    import polars as pl

    from holdfast.project import Project


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A project to begin from, and the traffic that comes to it.

    Parameters
    ----------
    name
        Its name.
    contract
        Text of `holdfast.yaml`.
    history
        Labelled rows that the first model is trained on and judged by: `data/history.parquet`.
    before
        Rows that come while the world is as it was.
    during
        Rows that come after it changed.
    after
        Rows that come once the remedy is in place; the world stays changed.
    target
        Column that is predicted.
    beside
        Columns that a request brings beside the features: sensitive ones, for fairness promises.
    story
        Sentences: where the data come from, which faults are planted, how the world changes.
    batch
        Rows of one request.
    """

    name: str
    contract: str
    history: pl.DataFrame
    before: pl.DataFrame
    during: pl.DataFrame
    after: pl.DataFrame
    target: str
    beside: tuple[str, ...] = ()
    story: dict[str, str] = field(default_factory=dict)
    batch: int = 1


def _tumour() -> Example:
    from holdfast.demo.tumour import tumour

    return tumour()


def _income() -> Example:
    from holdfast.demo.income import income

    return income()


EXAMPLES: dict[str, Callable[[], Example]] = {"income": _income, "tumour": _tumour}


def find(name: str) -> Example:
    """Example with that name.

    Raises
    ------
    UnknownName
        If there is none.
    UnreadableData
        If its data are neither in a mirror folder nor to be had from their public source.
    """
    if name not in EXAMPLES:
        raise UnknownName(f"no example {name!r}", expected=one_of(EXAMPLES, name))
    return EXAMPLES[name]()


def start(folder: str | Path, *, example: str | Example = "tumour") -> Project:
    """Make a project of an example in a folder that its user can open and change.

    Raises
    ------
    InvalidValue
        If the folder holds a project already.
    """
    import io

    from holdfast.project import init

    chosen = example if isinstance(example, Example) else find(example)
    data = io.BytesIO()
    chosen.history.write_parquet(data)
    return init(folder, contract=chosen.contract, files={"data/history.parquet": data.getvalue()})
