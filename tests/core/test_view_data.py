"""View data: lengths agree, or the view is refused."""

from __future__ import annotations

import pytest

from holdfast.core.errors import InvalidValue
from holdfast.core.views import Bars, Diff, Series, Table, Text


def test_a_row_is_as_wide_as_the_headings() -> None:
    assert Table("t", ("a", "b"), ((1, 2), (3, 4))).rows[1] == (3, 4)
    with pytest.raises(InvalidValue, match=r"a row of 1 cells under 2 headings in 't'"):
        Table("t", ("a", "b"), ((1, 2), (3,)))


@pytest.mark.parametrize(
    "given", [{"y": (1.0,)}, {"y": (1.0, 2.0), "low": (0.0,)}, {"y": (1.0, 2.0), "high": (0.0, 1.0, 2.0)}]
)
def test_a_series_has_one_value_for_each_place(given: dict[str, tuple[float, ...]]) -> None:
    with pytest.raises(InvalidValue, match="for 2 places in 's'"):
        Series("s", (1, 2), **given)


def test_a_series_may_have_a_band() -> None:
    assert Series("s", (1, 2), (1.0, 2.0), low=(0.0, 1.0), high=(2.0, 3.0)).low == (0.0, 1.0)
    assert Series("s", (), ()).y == ()


def test_bars_have_a_label_each() -> None:
    assert Bars("b", ("x",), (1.0,)).values == (1.0,)
    with pytest.raises(InvalidValue, match="2 values for 1 labels"):
        Bars("b", ("x",), (1.0, 2.0))


def test_a_diff_and_a_text_are_plain() -> None:
    assert Diff("d", (("a", "1"),), (("a", "2"),)).after == (("a", "2"),)
    assert Text("t", "words").body == "words"
