from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from holdfast.core.evidence import Evidence
from holdfast.core.subjects import Scored
from holdfast.responsible.measures.demographic_parity_difference import demographic_parity_difference
from holdfast.responsible.measures.group_auc_gap import group_auc_gap
from holdfast.responsible.views import groups


def evidence(measure: str, notes: dict[str, Any]) -> Evidence:
    return Evidence(
        subject="c" * 64,
        measure=measure,
        stage="candidate",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        args=("sex",),
        value=0.2,
        n=300,
        notes=notes,
    )


def test_the_groups_are_listed_with_the_small_ones_last(answered: Callable[..., Scored]) -> None:
    scored = answered({"f": (30, 10, 5, 55), "m": (90, 10, 20, 80), "x": (0, 0, 0, 5)})
    table = groups(evidence("demographic_parity_difference", demographic_parity_difference(scored, "sex").notes))
    assert [row[1] for row in table.rows] == ["m", "f", "x"]
    assert table.rows[0][2:] == (0.55, 200)
    assert table.rows[-1][2] == "left out: too small"
    ranked = groups(evidence("group_auc_gap", group_auc_gap(scored, "sex").notes))
    assert {row[1] for row in ranked.rows} == {"f", "m", "x"}


def test_evidence_without_groups_is_an_empty_table() -> None:
    assert groups(evidence("roc_auc", {"classes": 2})).rows == ()
