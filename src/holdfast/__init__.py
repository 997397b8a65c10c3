"""Holdfast: a model in production makes promises; Holdfast keeps them.

>>> import holdfast as hf  # doctest: +SKIP
>>> project = hf.init("churn", data="customers.parquet", target="left")  # doctest: +SKIP
>>> project.apply()  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from holdfast.project import Project, init, open_project

__all__ = ["Project", "__version__", "init", "open_project"]


def __getattr__(name: str) -> Any:
    """Import the SDK when it is first asked for, so that `import holdfast` stays light."""
    if name in ("Project", "init", "open_project"):
        import importlib

        return getattr(importlib.import_module("holdfast.project"), name)
    raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
