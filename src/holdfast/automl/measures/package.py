"""Measures of a package: its size, and how far it is from the model it was made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure

if TYPE_CHECKING:
    from holdfast.core.subjects import Model


@measure(
    "model_size",
    unit="bytes",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source="IEC 80000-13:2008 (the byte)",
    cost=0.0,
)
def model_size(model: Model) -> Value:
    """Size of the file that answers, in bytes; exact.

    Raises
    ------
    NotMeasurable
        If the package has no such file.
    """
    if model.size_bytes <= 0:
        raise NotMeasurable("the package has no file that answers", where=str(model.folder.name), expected="model.onnx")
    return Value(float(model.size_bytes))


@measure(
    "parity",
    unit="target",
    range=(0, None),
    better="lower",
    stages=("package",),
    subject="model",
    source="ISO/IEC 25010:2023 (functional correctness)",
    cost=0.0,
)
def parity(model: Model) -> Value:
    """Greatest difference of an answer from the original's: of a probability, or of a prediction in their spread.

    Exact on the rows it was measured on. The spread is the standard deviation of the original's predictions.

    Raises
    ------
    NotMeasurable
        If it was not measured when the package was made.
    """
    return _measured(model, "max_difference")


@measure(
    "label_flips",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("package",),
    subject="model",
    source="ISO/IEC 25010:2023 (functional correctness)",
    cost=0.0,
)
def label_flips(model: Model, *, confidence: float = 0.95) -> Value:
    """Share of the rows that the package answers with another class than the original; Clopper and Pearson's interval.

    Raises
    ------
    NotMeasurable
        If it was not measured when the package was made.
    """
    from holdfast.stats.intervals import clopper_pearson

    found = _measured(model, "label_flips")
    low, high = clopper_pearson(round(found.value * found.n), found.n, confidence=confidence)
    return Value(found.value, float(low), float(high), n=found.n, method="Clopper-Pearson")


def _measured(model: Model, name: str) -> Value:
    rows = int(model.parity.get("rows", 0))
    if name not in model.parity or rows < 1:
        raise NotMeasurable(f"{name} was not measured", where="package", expected="a packager that measures parity")
    return Value(float(model.parity[name]), n=rows)
