"""AutoML: the best deployable model that a contract allows, in the time it allows.

The trainer `automl`, the packager `onnx`, and the measures of answers and packages join the house through the registry.
"""

from __future__ import annotations

__all__: list[str] = []
