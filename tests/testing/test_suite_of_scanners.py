"""The suite of scanners: what is well made passes, and every broken rule is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from holdfast.core import registry
from holdfast.core.errors import HoldfastError, NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.ports import RowCase
from holdfast.testing import ConformanceError, check_scanner

Answers = list[Value | HoldfastError]


class Careful:
    """The registered scanner, for a few measures."""

    name = "tried"
    measures = ("completeness", "in_range", "row_count")

    def knows(self, measure: str) -> bool:
        return measure in self.measures

    def scan(self, rows: Any, cases: Sequence[RowCase], **given: Any) -> Answers:
        found: Answers = registry.get("scanner", "rows").scan(rows, cases, **given)
        return found


class Boastful(Careful):
    """Knows everything."""

    def knows(self, measure: str) -> bool:
        return True


class Idle(Careful):
    """Knows nothing."""

    measures = ()


class Forgetful(Careful):
    """Leaves the last case out."""

    def scan(self, rows: Any, cases: Sequence[RowCase], **given: Any) -> Answers:
        return super().scan(rows, cases, **given)[:-1]


class Wrong(Careful):
    """Forgets the slices."""

    def scan(self, rows: Any, cases: Sequence[RowCase], **given: Any) -> Answers:
        return super().scan(rows, [replace(each, slice=()) for each in cases], **given)


class Fragile(Careful):
    """One case spoils all."""

    def scan(self, rows: Any, cases: Sequence[RowCase], **given: Any) -> Answers:
        found = super().scan(rows, cases, **given)
        if any(isinstance(each, HoldfastError) for each in found):
            raise NotMeasurable("one of them", expected="none")
        return found


def test_a_careful_scanner_passes() -> None:
    check_scanner(Careful())


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (Boastful(), "nobody made"),
        (Idle(), "no registered measure"),
        (Forgetful(), "answers to"),
        (Wrong(), "alone the measure finds"),
        (Fragile(), "one of them"),
        (object(), "lacks members"),
    ],
)
def test_a_broken_rule_is_named(made: Any, told: str) -> None:
    with pytest.raises(ConformanceError, match=told):
        check_scanner(made)
