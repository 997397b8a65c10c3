"""Champion, canary, shadow: routes that change while requests run."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from holdfast.cloud.targets.local import Local
from holdfast.core.errors import InvalidRequest, ModelNotReady, UnreadableData
from holdfast.serve import PredictionLog
from holdfast.serve._frames import read_content
from holdfast.serve._routes import Table, load_table, read_routes
from holdfast.serve._segment import segment_files

ROW = {"age": 40, "dose": 1.5, "sex": "f"}
ONE, TWO, THREE = f"{1:064x}", f"{2:064x}", f"{3:064x}"


def load(place: Path, before: Table | None = None) -> Table:
    return load_table(place, {}, before=before or Table(), max_rows=100)


def logged(folder: Path) -> list[tuple[str, str, str]]:
    found = []
    for path in segment_files(folder):
        for each in read_content(path.read_bytes()).predictions:
            found += [(id, each.source.role, each.source.version) for id in each.ids]
    return found


def test_a_canary_gets_its_share_and_a_key_always_the_same_version(tmp_path: Path, shelf: Any, deployer: Any) -> None:
    deployer(tmp_path, shelf["one"])
    deployer(tmp_path, shelf["two"], number=2, role="canary", share=0.2)
    route = load(tmp_path).route("tumour")
    keys = [f"key-{index}".encode() for index in range(4000)]
    chosen = [route.choose(key).post.role for key in keys]
    assert abs(chosen.count("canary") / len(keys) - 0.2) < 0.03
    assert [route.choose(key).post.role for key in keys] == chosen


def test_a_larger_share_keeps_those_that_had_the_canary(tmp_path: Path, shelf: Any, deployer: Any) -> None:
    deployer(tmp_path, shelf["one"])
    deployer(tmp_path, shelf["two"], number=2, role="canary", share=0.1)
    before = load(tmp_path)
    deployer(tmp_path, shelf["two"], number=2, role="canary", share=0.5)
    after = load(tmp_path, before)
    keys = [f"key-{index}".encode() for index in range(500)]
    had = [key for key in keys if before.route("tumour").choose(key).post.role == "canary"]
    assert had
    assert all(after.route("tumour").choose(key).post.role == "canary" for key in had)


def test_a_version_that_did_not_change_is_not_loaded_again(tmp_path: Path, shelf: Any, deployer: Any) -> None:
    deployer(tmp_path, shelf["one"])
    before = load(tmp_path)
    deployer(tmp_path, shelf["two"], number=2, role="shadow", share=0.0)
    after = load(tmp_path, before)
    assert after.route("tumour").champion is before.route("tumour").champion
    assert after.route("tumour").shadow is not None


def test_a_tampered_package_is_not_loaded_and_the_old_one_goes_on(tmp_path: Path, shelf: Any, deployer: Any) -> None:
    deployer(tmp_path, shelf["one"])
    before = load(tmp_path)
    made = deployer(tmp_path, shelf["two"], number=2)
    file = tmp_path / "models" / made.package / "model.onnx"
    file.write_bytes(file.read_bytes() + b"\0")
    after = load(tmp_path, before)
    assert after.route("tumour").champion is before.route("tumour").champion
    assert "digest" in after.errors["tumour:champion"]
    assert load(tmp_path).routes == {}


@pytest.mark.parametrize("name", ["model.onnx", "package.json", "schema.json"])
def test_a_package_that_lacks_a_file_is_not_loaded(tmp_path: Path, shelf: Any, deployer: Any, name: str) -> None:
    made = deployer(tmp_path, shelf["one"])
    (tmp_path / "models" / made.package / name).unlink()
    assert "tumour:champion" in load(tmp_path).errors


def test_a_route_out_of_the_place_is_refused(tmp_path: Path, shelf: Any) -> None:
    entry = {"model": ONE, "package": "p", "folder": "../../shelf", "share": 1}
    (tmp_path / "routes.json").write_text(json.dumps({"models": {"tumour": {"champion": entry}}}))
    assert "inside the place" in load(tmp_path).errors["tumour:champion"]


@pytest.mark.parametrize("text", ["{", "[]", '{"models": []}', '{"models": {"a": 1}}'])
def test_routes_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "routes.json").write_text(text)
    with pytest.raises(UnreadableData, match="no routes"):
        read_routes(tmp_path / "routes.json")


@pytest.mark.parametrize("entry", [{}, 5, {"model": ONE, "package": "p", "folder": "f", "share": "much"}])
def test_an_entry_that_is_none_is_an_error_of_its_own(tmp_path: Path, entry: Any) -> None:
    (tmp_path / "routes.json").write_text(json.dumps({"models": {"tumour": {"champion": entry or {"x": 1}}}}))
    assert "tumour" in load(tmp_path).errors["tumour:champion"]


def test_a_table_says_what_it_has() -> None:
    with pytest.raises(ModelNotReady, match="no model is served"):
        Table().route(None)
    with pytest.raises(ModelNotReady, match="none is there"):
        Table().route("tumour")


def test_several_models_need_a_name(tmp_path: Path, shelf: Any, deployer: Any) -> None:
    deployer(tmp_path, shelf["one"])
    deployer(tmp_path, shelf["amount"], name="amount", number=2)
    with pytest.raises(InvalidRequest, match="amount"):
        load(tmp_path).route(None)


def test_a_new_champion_answers_without_a_dropped_request(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    place = tmp_path / "place"
    deployer(place, shelf["one"])
    running = serve()
    seen: list[tuple[int, str]] = []
    stop = threading.Event()

    def traffic() -> None:
        connection = running.connect()
        while not stop.is_set():
            connection.request("POST", "/predict", json.dumps({"rows": [ROW]}), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            seen.append((answer.status, json.loads(answer.read())["version"]))
        connection.close()

    clients = [threading.Thread(target=traffic, daemon=True) for _ in range(3)]
    for each in clients:
        each.start()
    try:
        for number in (2, 3):
            deployer(place, shelf["two"], number=number)
            waiting(lambda number=number: seen and seen[-1][1] == f"{number:064x}", "the new champion")
        (place / "routes.json").write_text("{")
        waiting(lambda: b"holdfast_route_errors 1" in running.get("/metrics")[1], "the broken routes to be seen")
    finally:
        stop.set()
        for each in clients:
            each.join()
    assert {status for status, _ in seen} == {200}
    assert [version for version in dict.fromkeys(version for _, version in seen)] == [ONE, TWO, THREE]


def test_the_header_decides_for_a_client_and_the_shadow_is_logged_and_answers_nobody(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    place = tmp_path / "place"
    deployer(place, shelf["one"])
    deployer(place, shelf["two"], number=2, role="canary", share=0.5)
    deployer(place, shelf["two"], number=3, role="shadow", share=0.0)
    running = serve()
    for client in range(8):
        headers = {"X-Holdfast-Key": f"client-{client}"}
        versions = {running.post("/predict", {"rows": [ROW]}, headers)[1]["version"] for _ in range(4)}
        assert len(versions) == 1
        assert versions <= {ONE, TWO}
    waiting(lambda: PredictionLog(running.log).count() == 64, "the shadow")
    found = logged(running.log)
    answered = {id: version for id, role, version in found if role != "shadow"}
    shadowed = {id: version for id, role, version in found if role == "shadow"}
    assert answered.keys() == shadowed.keys()
    assert set(answered.values()) == {ONE, TWO}
    assert set(shadowed.values()) == {THREE}


def test_a_request_to_a_version_is_for_that_version_alone(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    deployer(place, shelf["one"])
    deployer(place, shelf["two"], number=2, role="shadow", share=0.0)
    running = serve()
    found = running.post(f"/predict/tumour/versions/{TWO}", {"id": "x", "rows": [ROW]})[1]
    assert found["version"] == TWO
    running.stop()
    assert logged(running.log) == [("x", "shadow", TWO)]


def test_the_target_is_told_by_the_server_what_runs(
    serve: Any, shelf: Any, deployer: Any, tmp_path: Path, waiting: Any
) -> None:
    place = tmp_path / "place"
    champion = deployer(place, shelf["one"])
    running = serve()
    assert Local().running(place) == (champion,)
    shadow = deployer(place, shelf["two"], number=2, role="shadow", share=0.0)
    waiting(lambda: Local().running(place) == (champion, shadow), "the shadow to run")
    Local().withdraw(shadow, place)
    waiting(lambda: Local().running(place) == (champion,), "the shadow to be gone")
    running.stop(9)
    assert Local().running(place) == ()


def test_nothing_deployed_is_not_ready(serve: Any) -> None:
    running = serve()
    assert running.get("/v2/health/live")[0] == 200
    assert running.get("/v2/health/ready") == (503, {"ready": False})
    assert running.post("/predict", {"rows": [ROW]})[0] == 404
