"""The contract: what it may not say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from holdfast.core.contract import Contract, DataSpec, PolicySpec, TrainSpec
from holdfast.core.errors import InvalidValue
from holdfast.core.grammar import parse

RECALL = parse("recall >= 0.8").at("candidate")
CONTRACT = Contract("tumour", "binary", "malignant", DataSpec("rows.parquet"), (RECALL,))


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (DataSpec, {"train": "a", "holdout": 0.0}, "holdout 0.0"),
        (DataSpec, {"train": "a", "holdout": 0.95}, "holdout 0.95"),
        (DataSpec, {"train": "a", "holdout": math.nan}, "holdout nan"),
        (TrainSpec, {"budget_s": 0.0}, "budget of 0.0 s"),
        (TrainSpec, {"budget_s": math.nan}, "budget of nan s"),
        (PolicySpec, {"approve": "four eyes"}, "did you mean 'four-eyes'"),
        (PolicySpec, {"attempts": 0}, "0 attempts"),
        (PolicySpec, {"backoff_s": -1.0}, "back-off -1.0 s"),
        (PolicySpec, {"backoff_s": math.nan}, "back-off nan s"),
    ],
)
def test_a_part_out_of_range_is_refused(kind: type, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        kind(**given)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "regresion"}, "did you mean 'regression'"),
        ({"promises": (parse("recall >= 0.8"),)}, "has no stage"),
        (
            {"promises": (RECALL, parse("recall >= 0.80 else retrain").at("candidate"))},
            "stands twice at stage candidate",
        ),
    ],
)
def test_a_contract_that_cannot_be_kept_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(CONTRACT, **changes)


def test_the_promises_of_a_stage_come_in_the_order_of_the_file() -> None:
    live = parse("recall >= 0.8").at("live")
    first = parse("accuracy >= 0.8").at("candidate")
    contract = replace(CONTRACT, promises=(first, live, RECALL))
    assert contract.at("candidate") == (first, RECALL)
    assert contract.at("data") == ()


def test_the_id_of_a_contract_is_its_content() -> None:
    assert replace(CONTRACT).id == CONTRACT.id
    assert replace(CONTRACT, min_labels=51).id != CONTRACT.id
