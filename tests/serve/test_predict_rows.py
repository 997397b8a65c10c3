"""Plain /predict: rows of JSON in, labels and numbers out; and who may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest

ROW = {"age": 40, "dose": 1.5, "sex": "f"}


def test_rows_are_answered_with_labels_and_probabilities(server: Any) -> None:
    status, found = server.post("/predict/tumour", {"rows": [ROW, {**ROW, "sex": None, "age": None}]})
    assert status == 200
    assert (found["model"], found["version"]) == ("tumour", f"{1:064x}")
    assert [each["label"] for each in found["predictions"]] == ["malignant", "malignant"]
    assert list(found["predictions"][0]["probabilities"]) == ["benign", "malignant"]


def test_a_regression_is_answered_with_numbers(server: Any) -> None:
    status, found = server.post("/predict/amount", {"rows": [{"age": 1, "dose": 2}, {"age": True, "dose": None}]})
    assert status == 200
    assert found["predictions"] == [4.0, None]


def test_the_same_rows_get_the_same_answer_both_ways(server: Any) -> None:
    rows = [{f"c{index}": index + row for index in range(6)} for row in range(3)]
    inputs = [
        {"name": f"c{index}", "shape": [3, 1], "datatype": "FP32", "data": [index + row for row in range(3)]}
        for index in range(6)
    ]
    plain = server.post("/predict/numbers", {"rows": rows})[1]["predictions"]
    tensors = server.post("/v2/models/numbers/infer", {"inputs": inputs})[1]["outputs"]
    assert [each["label"] for each in plain] == tensors[0]["data"]
    assert [value for each in plain for value in each["probabilities"].values()] == tensors[1]["data"]


def test_ids_are_echoed_or_made_and_never_the_same(server: Any) -> None:
    assert server.post("/predict/tumour", {"id": "mine", "rows": [ROW]})[1]["id"] == "mine"
    made = {server.post("/predict/tumour", {"rows": [ROW]})[1]["id"] for _ in range(20)}
    assert len(made) == 20


WRONG = {
    "an unknown column": ({"rows": [{**ROW, "agee": 1}]}, "no column 'agee'"),
    "a missing column": ({"rows": [ROW, {"age": 1, "sex": "f"}]}, "rows[1]: column 'dose' is missing"),
    "a near name": ({"rows": [{"agee": 1, "dose": 1, "sex": "f"}]}, "did you mean 'age'?"),
    "text for a number": ({"rows": [{**ROW, "age": "40"}]}, "'40' for column 'age'"),
    "a number for text": ({"rows": [{**ROW, "sex": 1}]}, "1 for column 'sex'"),
    "a list for a number": ({"rows": [{**ROW, "age": [40]}]}, "[40] for column 'age'"),
    "a number beyond 32 bits": ({"rows": [{**ROW, "age": 1e39}]}, "rows[0]['age']"),
    "no rows": ({"rows": []}, "at least one row"),
    "too many rows": ({"rows": [ROW] * 1001}, "at most 1000 rows"),
    "rows of no list": ({"rows": ROW}, "no rows"),
    "a row of no object": ({"rows": [[1, 2, "f"]]}, "an object"),
    "text for a row": ({"rows": ["abc"]}, "an object"),
    "a field nobody reads": ({"row": [ROW]}, "field 'row'"),
    "context of another length": ({"rows": [ROW], "context": []}, "a list of 1 objects"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_told_what_was_expected(server: Any, name: str) -> None:
    body, expected = WRONG[name]
    status, found = server.post("/predict/tumour", body)
    assert status == 400
    assert expected in found["error"]


def test_a_graph_without_columns_has_no_rows(server: Any) -> None:
    status, found = server.post("/predict/doubler", {"rows": [{"x": 1}]})
    assert status == 400
    assert "/v2/models/doubler/infer" in found["error"]


def test_a_model_must_be_named_where_there_are_several(server: Any) -> None:
    status, found = server.post("/predict", {"rows": [ROW]})
    assert status == 400
    assert "tumour" in found["error"]


def test_the_only_model_need_not_be_named(serve: Any, shelf: Any, deployer: Any, tmp_path: Any) -> None:
    deployer(tmp_path / "place", shelf["one"])
    running = serve()
    assert running.post("/predict", {"rows": [ROW]})[0] == 200
    assert running.post("/predict/", {"rows": [ROW]})[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_host_header_is_refused(server: Any, host: str) -> None:
    for method, path, body in (("GET", "/v2", None), ("POST", "/predict/tumour", {"rows": [ROW]})):
        status, found, _ = server.ask(method, path, body, {"Host": host})
        assert status == 400
        assert "Host" in found["error"]


def test_loopback_names_are_taken(server: Any) -> None:
    for host in (f"localhost:{server.port}", f"127.0.0.1:{server.port}", "LOCALHOST"):
        assert server.ask("GET", "/v2", None, {"Host": host})[0] == 200


def test_another_pages_script_may_not_send_anything(server: Any) -> None:
    body = {"rows": [ROW]}
    assert server.post("/predict/tumour", body, {"Origin": "http://evil.example"})[0] == 403
    assert server.post("/predict/tumour", body, {"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert server.post("/feedback", {}, {"Origin": "null"})[0] == 403
    own = {"Origin": f"http://127.0.0.1:{server.port}", "Sec-Fetch-Site": "same-origin"}
    assert server.post("/predict/tumour", body, own)[0] == 200


def test_many_clients_at_once_each_get_their_own_answer(server: Any) -> None:
    connections = [server.connect() for _ in range(24)]
    expected = []
    for index, connection in enumerate(connections):
        body = {"id": f"client-{index}", "rows": [{"age": index, "dose": 1}]}
        expected.append((f"client-{index}", [2.0 * index + 1]))
        connection.request("POST", "/predict/amount", json.dumps(body), {"Content-Type": "application/json"})
    found = [json.loads(each.getresponse().read()) for each in connections]
    for each in connections:
        each.close()
    assert [(each["id"], each["predictions"]) for each in found] == expected


def test_pipelined_requests_are_answered_in_order(server: Any) -> None:
    import socket

    bodies = [json.dumps({"id": f"p{index}", "rows": [{"age": index, "dose": 0}]}).encode() for index in range(5)]
    head = f"POST /predict/amount HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Type: application/json\r\n"
    wire = b"".join(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
        raw.sendall(wire)
        answer = b""
        while answer.count(b'"id":"p') < 5 and (part := raw.recv(65536)):
            answer += part
    order = [answer.index(f'"id":"p{index}"'.encode()) for index in range(5)]
    assert order == sorted(order)


def test_metrics_count_requests_and_name_the_models(server: Any) -> None:
    server.post("/predict/tumour", {"rows": [ROW]})
    status, text = server.get("/metrics")
    assert status == 200
    lines = text.decode().splitlines()
    assert any(
        line.startswith('holdfast_requests_total{model="tumour",role="champion",status="200"}') for line in lines
    )
    assert any(line.startswith("holdfast_request_seconds_bucket") for line in lines)
    assert "holdfast_in_flight 0" in lines
    assert any(line.startswith('holdfast_model_info{model="tumour"') for line in lines)
    assert any(line.startswith("holdfast_log_backlog_bytes") for line in lines)
