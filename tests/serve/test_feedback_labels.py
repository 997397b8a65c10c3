"""Labels that come late: in any order, twice without harm."""

from __future__ import annotations

from typing import Any

import pytest

ROW = {"age": 40, "dose": 1.5, "sex": "f"}


def test_a_label_is_taken_by_the_id_of_its_prediction(server: Any) -> None:
    id = server.post("/predict/tumour", {"rows": [ROW]})[1]["id"]
    assert server.post("/feedback", {"id": id, "label": "benign"}) == (200, {"received": 1, "repeated": 0})


def test_the_same_label_twice_does_no_harm_and_a_changed_one_is_taken(server: Any) -> None:
    id = server.post("/predict/tumour", {"rows": [ROW]})[1]["id"]
    server.post("/feedback", {"id": id, "label": "benign"})
    assert server.post("/feedback", {"id": id, "label": "benign"})[1] == {"received": 1, "repeated": 1}
    assert server.post("/feedback", {"id": id, "label": "malignant"})[1] == {"received": 1, "repeated": 0}


def test_labels_come_for_rows_of_a_batch_three_ways(server: Any) -> None:
    id = server.post("/predict/tumour", {"rows": [ROW] * 3})[1]["id"]
    entries = [{"id": f"{id}:2", "label": "benign"}, {"id": id, "row": 1, "label": "benign"}]
    assert server.post("/feedback", entries)[1]["received"] == 2
    whole = {"id": id, "labels": ["malignant", "benign", None]}
    assert server.post("/feedback", whole)[1] == {"received": 2, "repeated": 1}


def test_a_label_may_come_before_anybody_knows_its_id(server: Any) -> None:
    body = {"id": "from-another-system", "label": 3.5, "model": "amount"}
    assert server.post("/feedback", body) == (200, {"received": 1, "repeated": 0})
    assert server.post("/feedback/amount", {"id": "another", "label": 3})[0] == 200


WRONG = {
    "a class that is none": ({"id": "a", "model": "tumour", "label": "benin"}, "did you mean 'benign'?"),
    "a number for a class": ({"id": "a", "model": "tumour", "label": 1}, "one of 'benign', 'malignant'"),
    "text for a number": ({"id": "a", "model": "amount", "label": "3"}, "a number (amount)"),
    "a truth value for a number": ({"id": "a", "model": "amount", "label": True}, "a number (amount)"),
    "no label": ({"id": "a", "model": "tumour"}, "neither label nor labels"),
    "no id": ({"label": "benign"}, "id None"),
    "a field nobody reads": ({"id": "a", "lable": "benign"}, "did you mean 'label'?"),
    "a row of no number": ({"id": "a", "row": -1, "label": "benign"}, "the index of a row"),
    "an id that names no model": ({"id": "a", "label": "benign"}, "does not say which model"),
    "an empty list": ([], "no labels"),
    "a list of no objects": ([1], "[0]: 1"),
    "text": ("abc", "'abc'"),
    "labels of no list": ({"id": "a", "model": "tumour", "labels": "benign"}, "no list of labels"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_label_is_told_what_was_expected(server: Any, name: str) -> None:
    body, expected = WRONG[name]
    status, found = server.post("/feedback", body)
    assert status == 400
    assert expected in found["error"]


def test_labels_of_an_unknown_model_are_a_404(server: Any) -> None:
    assert server.post("/feedback", {"id": "a", "model": "tumor", "label": "benign"})[0] == 404


def test_one_wrong_label_in_a_list_keeps_all_of_them_out(server: Any) -> None:
    good = {"id": "together", "model": "tumour", "label": "benign"}
    assert server.post("/feedback", [good, {**good, "label": "nothing"}])[0] == 400
    assert server.post("/feedback", [good])[1] == {"received": 1, "repeated": 0}
