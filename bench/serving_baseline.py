"""The yardstick: a bare raw-ASGI + onnxruntime endpoint of the Open Inference Protocol v2. No checks, no routing.

Run as ``serving_baseline.py MODEL.onnx PORT [LOG]``: one worker, one ORT thread, uvicorn with uvloop and httptools.
With LOG, request and answer are appended to that file and synced before it is answered: barely the same durability.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import onnxruntime as ort  # noqa: TID253 - this file is a program
import orjson
import uvicorn  # noqa: TID253 - this file is a program

DTYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "BYTES": object}
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def make_app(path: str, log: str | None = None) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    outputs = [each.name for each in session.get_outputs()]
    kinds = {"tensor(float)": "FP32", "tensor(string)": "BYTES", "tensor(int64)": "INT64"}
    types = [kinds[each.type] for each in session.get_outputs()]

    file = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        request = orjson.loads(body)
        feeds = {
            each["name"]: np.array(each["data"], DTYPES[each["datatype"]]).reshape(each["shape"])
            for each in request["inputs"]
        }
        found = session.run(None, feeds)
        answer = {
            "model_name": "m",
            "model_version": "1",
            "id": request.get("id", ""),
            "outputs": [
                {"name": name, "datatype": kind, "shape": list(array.shape), "data": array.ravel().tolist()}
                for name, kind, array in zip(outputs, types, found, strict=True)
            ],
        }
        made = orjson.dumps(answer)
        if file is not None:
            os.write(file, body + made + b"\n")
            os.fdatasync(file)
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(made)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": made})

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(sys.argv[1], sys.argv[3] if len(sys.argv) > 3 else None),  # type: ignore[arg-type]  # ASGI's own types are looser than uvicorn's
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="off",
    )
