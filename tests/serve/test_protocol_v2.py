"""The Open Inference Protocol v2 over real HTTP."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest

INFER = "/v2/models/tumour/infer"


def tensors(**columns: list[Any]) -> list[dict[str, Any]]:
    kinds = {str: "BYTES"}
    return [
        {"name": name, "shape": [len(data), 1], "datatype": kinds.get(type(data[0]), "FP32"), "data": data}
        for name, data in columns.items()
    ]


def test_the_server_says_what_it_is(server: Any) -> None:
    status, found = server.get("/v2")
    assert status == 200
    assert found["name"] == "holdfast"
    assert found["extensions"] == ["binary_tensor_data"]


def test_it_is_live_and_ready(server: Any) -> None:
    assert server.get("/v2/health/live") == (200, {"live": True})
    assert server.get("/v2/health/ready") == (200, {"ready": True})
    assert server.get("/v2/models/tumour/ready") == (200, {"name": "tumour", "ready": True})


def test_a_model_describes_its_tensors(server: Any) -> None:
    status, found = server.get("/v2/models/tumour")
    assert status == 200
    assert found["versions"] == [f"{1:064x}"]
    assert found["platform"] == "onnxruntime_onnx"
    assert found["inputs"][0] == {"name": "age", "datatype": "FP32", "shape": [-1, 1]}
    assert found["outputs"][0] == {"name": "label", "datatype": "BYTES", "shape": [-1]}
    assert found["holdfast"]["champion"] == f"{1:064x}"


def test_infer_answers_every_output_and_echoes_the_id(server: Any) -> None:
    body = {"id": "mine", "inputs": tensors(age=[1.0, 900.0], dose=[1.0, 2.0], sex=["f", "m"])}
    status, found = server.post(INFER, body)
    assert status == 200
    assert (found["id"], found["model_name"], found["model_version"]) == ("mine", "tumour", f"{1:064x}")
    label, probabilities = found["outputs"]
    assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [2])
    assert label["data"] == ["malignant", "malignant"]
    assert probabilities["shape"] == [2, 2]
    assert np.allclose(np.sum(np.reshape(probabilities["data"], (2, 2)), axis=1), 1, atol=1e-6)


def test_flat_and_nested_data_and_either_shape_are_one_request(server: Any) -> None:
    flat = tensors(age=[1.0, 2.0], dose=[1.0, 2.0], sex=["f", "m"])
    nested = [{**each, "data": [[value] for value in each["data"]]} for each in flat]
    short = [{**each, "shape": [2]} for each in flat]
    answers = [server.post(INFER, {"id": "x", "inputs": each}) for each in (flat, nested, short)]
    assert answers[0][0] == 200
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]


def test_a_lone_row_and_the_same_row_in_a_batch_get_the_same_answer(server: Any) -> None:
    rows = [[float(row + column) for row in range(40)] for column in range(6)]
    batch = tensors(**{f"c{index}": rows[index] for index in range(6)})
    lone = tensors(**{f"c{index}": rows[index][7:8] for index in range(6)})
    whole = server.post("/v2/models/numbers/infer", {"inputs": batch})[1]["outputs"][1]["data"]
    one = server.post("/v2/models/numbers/infer", {"inputs": lone})[1]["outputs"][1]["data"]
    assert np.allclose(one, whole[14:16], atol=1e-6)


def test_columns_may_come_in_any_order(server: Any) -> None:
    inputs = tensors(**{f"c{index}": [float(index)] for index in range(6)})
    first = server.post("/v2/models/numbers/infer", {"id": "x", "inputs": inputs})
    second = server.post("/v2/models/numbers/infer", {"id": "x", "inputs": inputs[::-1]})
    assert first[0] == 200
    assert first == second


def test_numbers_of_any_type_are_taken_for_a_number_column(server: Any) -> None:
    for datatype, value in (("INT64", 3), ("UINT8", 3), ("FP64", 3.0), ("FP16", 3.0), ("BOOL", True)):
        inputs = tensors(age=[1.0], dose=[1.0], sex=["f"])
        inputs[0] |= {"datatype": datatype, "data": [value]}
        assert server.post(INFER, {"inputs": inputs})[0] == 200


def test_null_is_a_missing_value(server: Any) -> None:
    inputs = tensors(age=[0.0], dose=[1.0], sex=["f"])
    filled = server.post(INFER, {"id": "x", "inputs": inputs})
    inputs[0]["data"] = [None]
    assert server.post(INFER, {"id": "x", "inputs": inputs}) == filled


def test_outputs_can_be_chosen(server: Any) -> None:
    body = {"inputs": tensors(age=[1.0], dose=[1.0], sex=["f"]), "outputs": [{"name": "probabilities"}]}
    status, found = server.post(INFER, body)
    assert status == 200
    assert [each["name"] for each in found["outputs"]] == ["probabilities"]


def test_a_version_can_be_addressed_by_its_id_or_the_beginning_of_it(server: Any) -> None:
    body = {"inputs": tensors(age=[1.0], dose=[1.0], sex=["f"])}
    assert server.post(f"/v2/models/tumour/versions/{1:064x}/infer", body)[0] == 200
    assert server.get(f"/v2/models/tumour/versions/{1:064x}/ready")[0] == 200
    status, found = server.post("/v2/models/tumour/versions/7777/infer", body)
    assert status == 404
    assert "no version '7777'" in found["error"]


def test_a_regression_answers_numbers(server: Any) -> None:
    status, found = server.post("/v2/models/amount/infer", {"inputs": tensors(age=[1.0, 2.0], dose=[3.0, 4.0])})
    assert status == 200
    assert found["outputs"] == [{"name": "prediction", "datatype": "FP32", "shape": [2], "data": [5.0, 8.0]}]


def test_a_graph_without_a_schema_is_taken_as_it_is(server: Any) -> None:
    x = {"name": "x", "shape": [2, 3], "datatype": "FP32", "data": [1, 2, 3, 4, 5, 6]}
    k = {"name": "k", "shape": [1], "datatype": "INT64", "data": [2]}
    status, found = server.post("/v2/models/doubler/infer", {"inputs": [x, k]})
    assert status == 200
    assert found["outputs"][0]["data"] == [2.0, 4.0, 6.0, 8.0, 10.0, 12.0]


def test_tensors_may_be_binary_both_ways(server: Any) -> None:
    text = struct.pack("<I", 1) + b"f"
    blobs = [np.array([1.0], np.float32).tobytes(), np.array([2], np.int64).tobytes(), text]
    kinds = ("FP32", "INT64", "BYTES")
    names = ("age", "dose", "sex")
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": kind, "parameters": {"binary_data_size": len(blob)}}
        for name, kind, blob in zip(names, kinds, blobs, strict=True)
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
    headers = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": str(len(head))}
    status, body, answered = server.ask("POST", INFER, head + b"".join(blobs), headers)
    assert status == 200
    length = int(answered["inference-header-content-length"])
    found = json.loads(body[:length])
    sizes = [each["parameters"]["binary_data_size"] for each in found["outputs"]]
    assert len(body) == length + sum(sizes)
    probabilities = np.frombuffer(body[length + sizes[0] :], np.float32)
    same = server.post(INFER, {"inputs": tensors(age=[1.0], dose=[2.0], sex=["f"])})[1]["outputs"][1]["data"]
    assert np.allclose(probabilities, same)


def wrong(**changes: Any) -> dict[str, Any]:
    inputs = tensors(age=[1.0], dose=[1.0], sex=["f"])
    inputs[0] |= changes
    return {"inputs": inputs}


WRONG = {
    "a wrong name": (wrong(name="agee"), "'age' (did you mean 'age'?)"),
    "a wrong datatype": (wrong(datatype="FP31"), "'FP32' (did you mean 'FP32'?)"),
    "text for a number": (wrong(datatype="BYTES", data=["1"]), "BYTES for a number column"),
    "text in a number tensor": (wrong(data=["1"]), "'1' in a FP32 tensor"),
    "a truth value in a number tensor": (wrong(data=[True]), "True in a FP32 tensor"),
    "a fraction in a whole-number tensor": (wrong(datatype="INT32", data=[1.5]), "1.5 in a INT32 tensor"),
    "a number beyond its datatype": (wrong(datatype="INT8", data=[300]), "a number from -128 to 127"),
    "a number that 32 bits cannot hold": (wrong(data=[1e300]), "a number within"),
    "a wrong shape": (wrong(shape=[1, 2], data=[1.0, 2.0]), "shape [1, 2]"),
    "a shape of no number": (wrong(shape=["1"]), "a list of sizes"),
    "a negative shape": (wrong(shape=[-1, 1]), "a list of sizes"),
    "too few values": (wrong(data=[]), "0 values for shape [1, 1]"),
    "data that is no list": (wrong(data=5), "a list of values"),
    "no rows": (wrong(shape=[0, 1], data=[]), "at least one row"),
    "too many rows": (wrong(shape=[1001, 1], data=[1.0] * 1001), "at most 1000 rows"),
    "another number of rows": (
        {"inputs": tensors(age=[1.0], dose=[1.0, 2.0], sex=["f"])},
        "2 rows, 1 in 'age'",
    ),
    "a number for a text column": ({"inputs": tensors(age=[1.0], dose=[1.0], sex=[3.0])}, "BYTES"),
    "a missing input": ({"inputs": tensors(age=[1.0], dose=[1.0])}, "input 'sex' is missing"),
    "an input twice": (
        {"inputs": tensors(age=[1.0], dose=[1.0], sex=["f"]) + tensors(age=[1.0])},
        "stands twice",
    ),
    "an unknown output": (
        {"inputs": tensors(age=[1.0], dose=[1.0], sex=["f"]), "outputs": [{"name": "labels"}]},
        "'label' (did you mean 'label'?)",
    ),
    "no inputs": ({}, "a list of the tensors age, dose, sex"),
    "inputs of no list": ({"inputs": {"age": 1}}, "a list of the tensors"),
    "a tensor that is no object": ({"inputs": [1]}, "an object"),
    "an id of a number": ({**wrong(), "id": 5}, "text"),
    "an id that is too long": ({**wrong(), "id": "x" * 200}, "at most 128"),
    "parameters of no object": ({**wrong(), "parameters": [1]}, "an object"),
    "a list for a body": ([1, 2], "a JSON object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_told_what_was_expected(server: Any, name: str) -> None:
    body, expected = WRONG[name]
    status, found = server.post(INFER, body)
    assert status == 400
    assert list(found) == ["error"]
    assert expected in found["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"inputs": NaN}', b"[" * 50_000, b'{"id": "\\ud800"}'])
def test_a_body_that_is_no_json_is_refused(server: Any, body: bytes) -> None:
    status, found = server.post(INFER, body)
    assert status == 400
    assert "no JSON" in found["error"]


def test_an_unknown_model_is_a_404_with_the_nearest_name(server: Any) -> None:
    status, found = server.post("/v2/models/tumor/infer", wrong())
    assert status == 404
    assert "did you mean 'tumour'?" in found["error"]
    assert server.get("/v2/models/nothing")[0] == 404
    assert server.get("/v2/models/..%2f..%2fetc%2fpasswd")[0] == 404


def test_a_wrong_method_is_a_405_with_the_right_one(server: Any) -> None:
    status, found, headers = server.ask("GET", INFER)
    assert (status, headers["allow"]) == (405, "POST")
    assert "method GET" in found["error"]
    assert server.ask("DELETE", "/v2")[0] == 405
    assert server.post("/v2/health/live", {})[0] == 405


def test_a_path_that_nothing_answers_is_a_404(server: Any) -> None:
    assert server.get("/v3")[0] == 404
    assert server.get("/v2/models/tumour/infer/more")[0] == 404


def test_a_wrong_content_type_is_a_415(server: Any) -> None:
    status, found = server.post(INFER, wrong(), {"Content-Type": "text/csv"})
    assert status == 415
    assert "application/json" in found["error"]
    assert server.post(INFER, wrong(), {"Content-Encoding": "gzip"})[0] == 415


def test_a_body_that_is_too_large_is_refused_before_it_is_read(server: Any) -> None:
    connection = server.connect()
    connection.putrequest("POST", INFER)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "400000")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert "at most 300000 bytes" in json.loads(answer.read())["error"]
    connection.close()


def test_a_chunked_body_is_taken_and_a_too_large_one_refused(server: Any) -> None:
    body = json.dumps({"inputs": tensors(age=[1.0], dose=[1.0], sex=["f"])}).encode()
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    for chunks, expected in (([body[:9], body[9:]], 200), ([b"x" * 100_000] * 4, 413)):
        connection = server.connect()
        connection.request("POST", INFER, iter(chunks), headers, encode_chunked=True)
        assert connection.getresponse().status == expected
        connection.close()
