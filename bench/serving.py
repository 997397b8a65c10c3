"""Requests per second of the inference server beside a bare raw-ASGI endpoint with the same model, interleaved.

Prints one JSON line per figure. Four servers run at once, one is asked at a time, round after round:

- the bare endpoint, which checks and logs nothing (the yardstick);
- the bare endpoint that appends to a file and syncs it before each answer (the same durability, barely);
- holdfast, with durable logging as it is by default: every answer waits for the disk (`sync=commit`);
- holdfast with `sync=tick`: an answer survives a kill at once, a power cut a quarter of a second later.

The load comes from `wrk` where it is installed, else from a generator of our own (`--load`, bounded in time).
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
COLUMNS, TREES, DEPTH = 30, 100, 4
CLIENTS = (1, 32)
ROUNDS = int(os.environ.get("HOLDFAST_BENCH_ROUNDS", "4"))
SECONDS = 2
PATH = "/v2/models/m/infer"
BAR = 0.8


def tree_ensemble() -> dict[str, list[Any]]:
    """Complete trees with random splits: as many, as deep and as wide as a usual LightGBM model."""
    random = np.random.default_rng(0)
    inner = 2**DEPTH - 1
    made: dict[str, list[Any]] = {
        f"nodes_{name}": []
        for name in ("treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids")
    } | {f"class_{name}": [] for name in ("treeids", "nodeids", "ids", "weights")}
    for tree in range(TREES):
        for node in range(2 * inner + 1):
            leaf = node >= inner
            made["nodes_treeids"].append(tree)
            made["nodes_nodeids"].append(node)
            made["nodes_featureids"].append(0 if leaf else int(random.integers(COLUMNS)))
            made["nodes_values"].append(0.0 if leaf else float(random.normal()))
            made["nodes_modes"].append("LEAF" if leaf else "BRANCH_LEQ")
            made["nodes_truenodeids"].append(0 if leaf else 2 * node + 1)
            made["nodes_falsenodeids"].append(0 if leaf else 2 * node + 2)
            if leaf:
                made["class_treeids"].append(tree)
                made["class_nodeids"].append(node)
                made["class_ids"].append(0)
                made["class_weights"].append(float(random.normal()) * 0.05)
    return made


def write_model(folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    names = [f"c{index}" for index in range(COLUMNS)]
    nodes = [
        helper.make_node("Concat", names, ["x"], axis=1),
        helper.make_node(
            "TreeEnsembleClassifier",
            ["x"],
            ["label", "probabilities"],
            domain="ai.onnx.ml",
            classlabels_strings=["no", "yes"],
            post_transform="LOGISTIC",
            **tree_ensemble(),
        ),
    ]
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in names]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.STRING, [None]),
        helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2]),
    ]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(helper.make_graph(nodes, "g", inputs, outputs), opset_imports=opsets, ir_version=8)
    folder.mkdir()
    onnx.save(model, str(folder / "model.onnx"))
    columns = [{"name": name, "dtype": "float32"} for name in names]
    schema = {"task": "binary", "target": "y", "columns": columns, "classes": ["no", "yes"], "positive": "yes"}
    (folder / "schema.json").write_text(json.dumps(schema))


def body() -> bytes:
    inputs = [
        {"name": f"c{index}", "shape": [1, 1], "datatype": "FP32", "data": [round(math.sin(index), 3)]}
        for index in range(COLUMNS)
    ]
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """Run a server until it answers, and while the block lasts."""
    process = subprocess.Popen([sys.executable, *command])
    try:
        deadline = time.monotonic() + 60
        while not answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"a server did not start: {command}")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", PATH, body(), {"Content-Type": "application/json"})
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def measure(port: int, clients: int, folder: Path) -> dict[str, float]:
    """Requests per second, latency at the median and the 99th percentile in ms, failed requests."""
    wrk = shutil.which("wrk")
    if wrk is None:
        command = [sys.executable, str(Path(__file__)), "--load", str(port), str(clients)]
        found: dict[str, float] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        return found
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method="POST"; wrk.headers["Content-Type"]="application/json"; wrk.body=[[{body().decode()}]]'
    )
    url = f"http://127.0.0.1:{port}{PATH}"
    command = [wrk, "-t1", f"-c{clients}", f"-d{SECONDS}s", "--latency", "-s", str(script), url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rps = re.search(r"Requests/sec:\s+([\d.]+)", text)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return {
        "rps": float(rps.group(1)) if rps else 0.0,
        "p50_ms": milliseconds(text, "50%"),
        "p99_ms": milliseconds(text, "99%"),
        "failed": float(failed.group(1)) if failed else 0.0,
    }


def milliseconds(text: str, line: str) -> float:
    found = re.search(rf"{line}\s+([\d.]+)(us|ms|s)", text)
    return float(found.group(1)) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found.group(2)] if found else math.nan


def load(port: int, clients: int) -> None:
    """Our own generator: each connection asks again as soon as it is answered, until the time is over."""
    data = body()
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    request = f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data
    chooser = selectors.DefaultSelector()
    for _ in range(clients):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(connection, selectors.EVENT_READ, [b"", 0.0])
    began = time.perf_counter()
    for key in list(chooser.get_map().values()):
        key.data[1] = time.perf_counter()
        key.fileobj.sendall(request)  # type: ignore[union-attr]  # every file object here is a socket
    latencies: list[float] = []
    failed = 0
    while time.perf_counter() - began < SECONDS:
        for key, _ in chooser.select(timeout=1):
            state = key.data
            state[0] += key.fileobj.recv(65536)  # type: ignore[union-attr]  # every file object here is a socket
            if not whole(state[0]):
                continue
            failed += not state[0].startswith(b"HTTP/1.1 200")
            latencies.append(time.perf_counter() - state[1])
            state[0], state[1] = b"", time.perf_counter()
            key.fileobj.sendall(request)  # type: ignore[union-attr]  # every file object here is a socket
    seconds = time.perf_counter() - began
    low, high = np.quantile(latencies, [0.5, 0.99]) * 1e3
    print(json.dumps({"rps": len(latencies) / seconds, "p50_ms": low, "p99_ms": high, "failed": failed}))


def whole(answer: bytes) -> bool:
    head, end, rest = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and length is not None and len(rest) >= int(length.group(1))


def main() -> None:
    with tempfile.TemporaryDirectory() as root, contextlib.ExitStack() as servers:
        folder = Path(root)
        write_model(folder / "model")
        model, log = str(folder / "model" / "model.onnx"), folder / "log"
        ports = {name: free_port() for name in ("bare", "bare_durable", "holdfast", "holdfast_tick")}
        baseline = str(HERE / "serving_baseline.py")
        commands = {
            "bare": [baseline, model, str(ports["bare"])],
            "bare_durable": [baseline, model, str(ports["bare_durable"]), str(folder / "bare.log")],
            "holdfast": holdfast(folder, "commit", ports["holdfast"], log),
            "holdfast_tick": holdfast(folder, "tick", ports["holdfast_tick"], folder / "log_tick"),
        }
        for name, command in commands.items():
            servers.enter_context(running(command, ports[name]))
        rounds = [
            {(name, clients): measure(ports[name], clients, folder) for clients in CLIENTS for name in ports}
            for _ in range(ROUNDS)
        ]
        for clients in CLIENTS:
            report(rounds, clients)


def holdfast(folder: Path, sync: str, port: int, log: Path) -> list[str]:
    place = folder / f"place_{sync}"
    place.mkdir()
    model = f"m={folder / 'model'}"
    settings = ["--place", str(place), "--port", str(port), "--log", str(log), "--model", model, "--sync", sync]
    return ["-m", "holdfast.serve", *settings]


def report(rounds: list[dict[tuple[str, int], dict[str, float]]], clients: int) -> None:
    def median(name: str, field: str = "rps") -> float:
        return statistics.median(each[name, clients][field] for each in rounds)

    def ratio(name: str, base: str) -> float:
        return statistics.median(each[name, clients]["rps"] / each[base, clients]["rps"] for each in rounds)

    what = f"{clients} client{'s' if clients > 1 else ''}"
    pairs = [
        ("durable logging, beside the bare endpoint", "holdfast", "bare", BAR),
        ("durable logging, beside the bare endpoint with the same durability", "holdfast", "bare_durable", BAR),
        ("logging that survives a kill (sync=tick), beside the bare endpoint", "holdfast_tick", "bare", BAR),
    ]
    for about, name, base, bar in pairs:
        line = {
            "figure": f"serving, {what}: {about}",
            "value": round(median(name), 1),
            "unit": "requests/s",
            "baseline": round(median(base), 1),
            "ratio": round(ratio(name, base), 3),
            "bar": f">= {bar}",
            "p50_ms": round(median(name, "p50_ms"), 3),
            "p99_ms": round(median(name, "p99_ms"), 3),
            "failed": int(sum(each[name, clients]["failed"] for each in rounds)),
            "rounds": len(rounds),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        load(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
