"""Fixtures of the serving floor: tiny models made by hand, places, and real server processes."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from holdfast.cloud.targets.local import Local
from holdfast.core.digests import plain
from holdfast.core.models import Column, Deployment, ModelSchema, Package

CLASSES = ("benign", "malignant")
SCHEMA = ModelSchema(
    "binary",
    "diagnosis",
    (Column("age", "float32"), Column("dose", "float32"), Column("sex", "string")),
    classes=CLASSES,
    positive="malignant",
)
NUMBERS = ModelSchema(
    "binary", "y", tuple(Column(f"c{index}", "float32") for index in range(6)), classes=("no", "yes"), positive="yes"
)
AMOUNT = ModelSchema("regression", "amount", (Column("age", "float32"), Column("dose", "float32")))
DEADLINE_S = 60.0


def _graph(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> onnx.ModelProto:
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model


def _column(name: str, kind: int = TensorProto.FLOAT) -> Any:
    return helper.make_tensor_value_info(name, kind, [None, 1])


def _filled(name: str) -> list[Any]:
    zero = helper.make_tensor("value", TensorProto.FLOAT, [1], [0.0])
    return [
        helper.make_node("Constant", [], [f"{name}.zero"], value=zero),
        helper.make_node("IsNaN", [name], [f"{name}.missing"]),
        helper.make_node("Where", [f"{name}.missing", f"{name}.zero", name], [f"{name}.filled"]),
    ]


def classifier(weight: float) -> onnx.ModelProto:
    """age, dose, sex -> label, probabilities; larger `weight`, larger probability of the second class."""
    nodes = [
        *_filled("age"),
        *_filled("dose"),
        helper.make_node(
            "LabelEncoder",
            ["sex"],
            ["sex.code"],
            domain="ai.onnx.ml",
            keys_strings=["f", "m"],
            values_floats=[1.0, 2.0],
            default_float=0.0,
        ),
        helper.make_node("Concat", ["age.filled", "dose.filled", "sex.code"], ["x"], axis=1),
        helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            coefficients=[-weight, 0.0, 0.0, weight, 0.01, 0.1],
            intercepts=[0.0, 0.0],
            classlabels_strings=list(CLASSES),
            post_transform="SOFTMAX",
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ]
    return _graph(nodes, [_column("age"), _column("dose"), _column("sex", TensorProto.STRING)], outputs)


def numbers_classifier() -> onnx.ModelProto:
    """c0 .. c5 -> label, probabilities."""
    names = [column.name for column in NUMBERS.columns]
    nodes = [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node(
            "LinearClassifier",
            ["x"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            coefficients=[0.0] * 6 + [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
            intercepts=[0.0, 0.0],
            classlabels_strings=["no", "yes"],
            post_transform="SOFTMAX",
        ),
    ]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ]
    return _graph(nodes, [_column(name) for name in names], outputs)


def regressor() -> onnx.ModelProto:
    """2 * age + dose -> prediction."""
    two = helper.make_tensor("value", TensorProto.FLOAT, [1], [2.0])
    flat = helper.make_tensor("value", TensorProto.INT64, [1], [-1])
    nodes = [
        helper.make_node("Constant", [], ["two"], value=two),
        helper.make_node("Constant", [], ["flat"], value=flat),
        helper.make_node("Mul", ["age", "two"], ["twice"]),
        helper.make_node("Add", ["twice", "dose"], ["sum"]),
        helper.make_node("Reshape", ["sum", "flat"], ["prediction"]),
    ]
    outputs = [helper.make_tensor_value_info("prediction", TensorProto.FLOAT, [None])]
    return _graph(nodes, [_column("age"), _column("dose")], outputs)


def doubler() -> onnx.ModelProto:
    """Any graph: x [n, 3] FP32 and k [1] INT64 -> y = x * k."""
    nodes = [
        helper.make_node("Cast", ["k"], ["factor"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["x", "factor"], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3]),
        helper.make_tensor_value_info("k", TensorProto.INT64, [1]),
    ]
    return _graph(nodes, inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])])


def write_model(folder: Path, model: onnx.ModelProto, schema: ModelSchema | None) -> Path:
    """A model's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(folder / "model.onnx"))
    if schema is not None:
        (folder / "schema.json").write_text(json.dumps(plain(schema)))
    return folder


def make_package(folder: Path, number: int) -> Package:
    """Package of a model's folder; `number` makes its model's id."""
    files = {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in sorted(folder.iterdir())}
    size = sum(each.stat().st_size for each in folder.iterdir())
    return Package(model=f"{number:064x}", kind="onnx", files=files, parity={}, size_bytes=size)


def deploy(
    place: Path, folder: Path, *, name: str = "tumour", number: int = 1, role: str = "champion", share: float = 1.0
) -> Deployment:
    """Deploy a model's folder on a place."""
    package = make_package(folder, number)
    made = Deployment(
        name=name,
        model=package.model,
        package=package.id,
        target="local",
        role=role,
        share=share,
        since=datetime(2026, 1, 2, tzinfo=UTC),
    )
    Local().deploy(made, package, folder, place)
    return made


@dataclass
class Running:
    """A server process, and how to ask it."""

    process: subprocess.Popen[bytes]
    place: Path
    port: int
    log: Path
    connections: list[http.client.HTTPConnection] = field(default_factory=list)

    def connect(self) -> http.client.HTTPConnection:
        made = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        self.connections.append(made)
        return made

    def ask(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """Status, JSON (or bytes) and headers of an answer, over a connection of its own."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json"} if data is not None else {}
        connection = self.connect()
        try:
            connection.request(method, path, data, {**given, **(headers or {})})
            answer = connection.getresponse()
            content = answer.read()
            found = (
                json.loads(content) if answer.headers.get("content-type") == "application/json" and content else content
            )
            return answer.status, found, answer.headers
        finally:
            connection.close()
            self.connections.remove(connection)

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        return self.ask("POST", path, body, headers)[:2]

    def get(self, path: str) -> tuple[int, Any]:
        return self.ask("GET", path)[:2]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def wait_for(condition: Callable[[], Any], what: str) -> Any:
    """Wait until a condition holds, up to a deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited in vain for {what}")


def start_server(place: Path, log: Path, *arguments: str) -> Running:
    """Start a server on a free port and wait until it answers."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "server.json").unlink(missing_ok=True)
    errors = (place / "stderr.txt").open("ab")
    with errors:
        command = [sys.executable, "-m", "holdfast.serve", "--place", str(place), "--port", "0", "--log", str(log)]
        process = subprocess.Popen([*command, *arguments], stderr=errors)

    def answers() -> Running | None:
        if process.poll() is not None:
            raise AssertionError(f"the server ended: {(place / 'stderr.txt').read_text()}")
        try:
            port = json.loads((place / "server.json").read_bytes())["port"]
            found = Running(process, place, port, log)
            return found if found.get("/v2/health/live")[0] == 200 else None
        except (OSError, ValueError, http.client.HTTPException):
            return None

    found: Running = wait_for(answers, "the server")
    return found


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start servers on the test's own place and log; they end with the test."""
    started: list[Running] = []

    def start(*arguments: str, place: Path | None = None) -> Running:
        made = start_server(place or tmp_path / "place", tmp_path / "log", *arguments)
        started.append(made)
        return made

    yield start
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            each.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of the tiny models, by name."""
    root = tmp_path_factory.mktemp("shelf")
    return {
        "one": write_model(root / "one", classifier(0.01), SCHEMA),
        "two": write_model(root / "two", classifier(5.0), SCHEMA),
        "numbers": write_model(root / "numbers", numbers_classifier(), NUMBERS),
        "amount": write_model(root / "amount", regressor(), AMOUNT),
        "doubler": write_model(root / "doubler", doubler(), None),
    }


@pytest.fixture(scope="session")
def deployer() -> Callable[..., Deployment]:
    """See `deploy`."""
    return deploy


@pytest.fixture(scope="session")
def waiting() -> Callable[[Callable[[], Any], str], Any]:
    """See `wait_for`."""
    return wait_for


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, shelf: dict[str, Path]) -> Iterator[Running]:
    """One server with every tiny model, for the tests that only ask."""
    root = tmp_path_factory.mktemp("server")
    place = root / "place"
    deploy(place, shelf["one"])
    deploy(place, shelf["numbers"], name="numbers", number=2)
    deploy(place, shelf["amount"], name="amount", number=3)
    deploy(place, shelf["doubler"], name="doubler", number=4)
    running = start_server(place, root / "log", "--max-body-bytes", "300000", "--max-rows", "1000")
    yield running
    running.stop(signal.SIGKILL)
