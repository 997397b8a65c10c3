"""What a rule that looks at the values of one column hands back."""

from __future__ import annotations

from dataclasses import dataclass, field

from holdfast.quality.repair._table import Edit


@dataclass(slots=True)
class Found:
    """Edits and doubts, by value.

    Parameters
    ----------
    edits
        What a value is to become, wherever it stands in the column.
    doubts
        (rule, confidence that it is wrong, reason) of values that no repair is sure enough for.
    """

    edits: dict[str, Edit] = field(default_factory=dict)
    doubts: dict[str, tuple[str, float, str]] = field(default_factory=dict)
