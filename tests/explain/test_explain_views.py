"""What the room shows."""

from __future__ import annotations

import pytest

from holdfast.core.errors import InvalidValue
from holdfast.explain import contributions, global_importance, importance_bars, importance_table, local_table


def test_bars_and_table_show_the_weightiest_column_first(package) -> None:
    model = package("binary", "trees")
    importance = global_importance(contributions(model.folder, model.schema, model.sample))
    bars = importance_bars(importance, most=2)
    assert bars.labels[0] == "a"
    assert len(bars.labels) == 2
    assert bars.values[0] >= bars.values[1]
    table = importance_table(importance)
    assert table.rows[0][0] == "a"
    assert len(table.rows) == 4


def test_a_row_is_told_from_base_to_margin(package) -> None:
    model = package("binary", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    table = local_table(found, model.sample, row=1)
    assert table.rows[0][0] == "(base)"
    assert table.rows[-1][0] == "(margin)"
    assert sum(row[2] for row in table.rows[:-1]) == pytest.approx(table.rows[-1][2])
    assert {row[0] for row in table.rows[1:-1]} == {"a", "b", "noise", "text"}


def test_of_several_classes_the_answered_one_is_told(package) -> None:
    model = package("multiclass", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    answered = found.outputs[int(found.margin[0].argmax())]
    assert local_table(found, model.sample, row=0).title.endswith(answered)
    assert local_table(found, model.sample, row=0, output="low").title.endswith("low")


def test_rows_that_were_not_explained_are_refused(package) -> None:
    model = package("binary", "trees")
    found = contributions(model.folder, model.schema, model.sample)
    with pytest.raises(InvalidValue, match="row 60"):
        local_table(found, model.sample, row=60)
    with pytest.raises(InvalidValue, match="59 rows"):
        local_table(found, model.sample[1:], row=0)
