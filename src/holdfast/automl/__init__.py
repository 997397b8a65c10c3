"""AutoML: the best deployable model that a contract allows, in the time it allows.

The trainer `automl`, the packager `onnx`, and the measures of answers and packages join the house through the registry.
`AutoClassifier` and `AutoRegressor` are the same trainer for scikit-learn; they are imported when they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.automl.estimators import AutoClassifier, AutoRegressor

__all__ = ["AutoClassifier", "AutoRegressor"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from holdfast.automl import estimators

        return getattr(estimators, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
