"""The mirror: MLflow shows what the journal says; being down, absent or changed by hand harms nothing."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import InvalidValue
from holdfast.core.evidence import Evidence
from holdfast.core.models import Column, ModelSchema, ModelVersion, Package
from holdfast.store import Store, _mlflow, open_store
from holdfast.store._mirror_names import key_name, model_name
from holdfast.store._mlflow import Tracking, quiet
from holdfast.store.mirror import Outbox

pytest.importorskip("mlflow", reason="the extra 'mlflow' is not installed")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCHEMA = ModelSchema("binary", "malignant", (Column("radius", "float32"),), ("no", "yes"), "yes")
RUN = "e" * 64


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database: making one takes seconds, copying it does not. One for all workers."""
    import fcntl

    shared = tmp_path_factory.getbasetemp().parent
    made = shared / "mlflow-template.db"
    with (shared / "mlflow-template.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            draft = shared / "mlflow-draft.db"
            with open_store(tmp_path_factory.mktemp("template"), mlflow=f"sqlite:///{draft}") as store, quiet():
                assert Tracking(store, f"sqlite:///{draft}").client is not None
            draft.rename(made)
    return made


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    shutil.copy(template, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def store(
    opened: Callable[..., Store], sqlite_url: str, uri: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Store:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return opened(sqlite_url, mlflow=uri)


@pytest.fixture
def client(uri: str) -> Any:
    with quiet():
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=uri, registry_uri=uri)


def register(store: Store, tmp_path: Path, *, reason: str = "first", name: str = "tumour") -> str:
    (tmp_path / "model.onnx").write_bytes(b"a graph")
    version = ModelVersion(
        name=name,
        schema=SCHEMA,
        files={"model.onnx": digest_bytes(b"a graph")},
        dataset="d" * 64,
        trainer="automl",
        parameters={"rate": 0.1, "odd (name)": "x" * 999},
        reason=reason,
    )
    return store.models.register(version, {"model.onnx": tmp_path / "model.onnx"})


def pack(store: Store, tmp_path: Path, model: str) -> str:
    files = {"model.onnx": digest_bytes(b"a graph")}
    package = Package(model=model, kind="onnx", files=files, parity={"max_difference": 1e-7}, size_bytes=7)
    return store.models.pack(package, {"model.onnx": tmp_path / "model.onnx"})


def deploy(store: Store, model: str, *, role: str = "champion", withdrawn: bool = False, name: str = "tumour") -> None:
    store.journal.append(
        "deployment.changed",
        {
            "name": name,
            "model": model,
            "package": "b" * 64,
            "target": "local",
            "role": role,
            "share": 1.0,
            "since": "2026-01-01T12:00:00.000000Z",
            "decision": "promote",
            "withdrawn": withdrawn,
        },
        model=name,
    )


def found_of(model: str, **more: Any) -> Evidence:
    values = {
        "measure": "recall",
        "stage": "candidate",
        "time": NOON,
        "value": 0.9,
        "low": 0.85,
        "high": 0.94,
        "n": 120,
    }
    return Evidence(**{"subject": model, **values, **more})


def run_steps(store: Store, *, state: str = "done", model: str | None = "tumour") -> None:
    store.journal.append("run.started", {"id": RUN, "name": "train tumour", "pipeline": "p"}, model=model, key="run:e")
    step = {"run": RUN, "step": "fit[0]", "state": "done", "seconds": 1.5}
    store.journal.append("step.finished", step, model=model)
    store.journal.append("run.finished", {"id": RUN, "state": state, "seconds": 2.0}, model=model)


def runs(client: Any, experiment: str = "tumour") -> dict[str, Any]:
    place = client.get_experiment_by_name(experiment)
    return {run.info.run_name: run for run in client.search_runs([place.experiment_id])}


def fill(store: Store, tmp_path: Path) -> str:
    model = register(store, tmp_path)
    pack(store, tmp_path, model)
    store.evidence.record(found_of(model), model="tumour", promise_id="p")
    run_steps(store)
    deploy(store, model)
    return model


def test_without_a_mirror_nothing_waits_and_nothing_happens(sqlite_store: Store) -> None:
    run_steps(sqlite_store)
    outbox = sqlite_store.outbox
    assert (outbox.mirror, outbox.last_error, outbox.pending()) == (None, None, 0)
    assert (outbox.sync(), outbox.differences(), outbox.repair()) == (0, [], 0)


def test_everything_that_waits_is_mirrored(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    assert store.outbox.pending() == 7
    assert store.outbox.sync() == 7
    assert (store.outbox.pending(), store.outbox.last_error, store.outbox.differences()) == (0, None, [])
    assert store.outbox.sync() == 0


def test_only_so_many_are_mirrored_as_are_asked_for(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    assert (store.outbox.sync(limit=3), store.outbox.pending(), store.outbox.sync(limit=0)) == (3, 4, 0)
    with pytest.raises(InvalidValue, match="limit -1"):
        store.outbox.sync(limit=-1)


def test_a_model_version_is_a_logged_model_and_a_registered_version(store: Store, client: Any, tmp_path: Path) -> None:
    model = register(store, tmp_path)
    package = pack(store, tmp_path, model)
    store.outbox.sync()
    (version,) = client.search_model_versions("name = 'tumour'")
    assert version.status == "READY"
    assert version.tags["holdfast.id"] == model
    assert version.tags["holdfast.key"] == f"model:{model}"
    assert version.tags["holdfast.dataset"] == "d" * 64
    assert version.tags["holdfast.sha256.model.onnx"] == digest_bytes(b"a graph")
    assert version.tags["holdfast.package.onnx"] == package
    place = client.get_experiment_by_name("tumour").experiment_id
    (logged,) = client.search_logged_models([place])
    assert (str(logged.status), logged.params["rate"]) == ("READY", "0.1")
    assert (logged.tags["holdfast.id"], logged.source_run_id) == (model, version.run_id)


def test_evidence_is_metrics_of_a_run_and_of_the_model(store: Store, client: Any, tmp_path: Path) -> None:
    model = register(store, tmp_path)
    name = store.evidence.record(found_of(model), model="tumour", promise_id="p")
    sliced = found_of(model, slice=(("sex", "Female"),), args=("age",), value=0.8)
    store.evidence.record(sliced, model="tumour", promise_id="p")
    store.outbox.sync()
    run = runs(client)[f"candidate {model[:12]}"]
    assert (run.info.status, run.data.tags["holdfast.stage"]) == ("FINISHED", "candidate")
    assert run.data.metrics["recall"] == 0.9
    assert (run.data.metrics["recall.low"], run.data.metrics["recall.high"]) == (0.85, 0.94)
    assert run.data.metrics["recall/age/sex:Female"] == 0.8
    assert run.data.tags["holdfast.evidence.recall"] == name
    assert run.data.tags["holdfast.status.recall"] == "measured"
    (logged,) = client.search_logged_models([run.info.experiment_id])
    assert {metric.key for metric in logged.metrics} >= {"recall", "recall/age/sex:Female"}


def test_a_failed_measurement_is_a_reason_and_no_metric(store: Store, client: Any) -> None:
    failed = Evidence("s" * 64, "psi", "live", NOON, status="failed", reason="no rows", args=("age",))
    store.evidence.record(failed, model=None)
    store.outbox.sync()
    run = runs(client, "holdfast")["live ssssssssssss"]
    assert run.data.metrics == {}
    assert run.data.tags["holdfast.reason.psi/age"] == "no rows"


def test_a_verdict_stands_beside_the_evidence_that_decided(store: Store, client: Any) -> None:
    name = store.evidence.record(found_of("s" * 64), model="tumour", promise_id="p")
    verdict = {
        "promise": "recall >= 0.8",
        "claim": "recall >= 0.8",
        "promise_id": "p",
        "state": "held",
        "deciding": name,
    }
    event = store.journal.append("verdict.reached", verdict, model="tumour")
    store.queue.enqueue([event.seq])
    store.outbox.sync()
    assert runs(client)["candidate ssssssssssss"].data.tags["holdfast.verdict.recall"] == "held"


def test_a_verdict_that_was_reached_before_the_mirror_is_told_with_the_evidence(store: Store, client: Any) -> None:
    name = store.evidence.record(found_of("s" * 64), model="tumour", promise_id="p")
    verdict = {
        "promise": "recall >= 0.8",
        "claim": "recall >= 0.8",
        "promise_id": "p",
        "state": "held",
        "deciding": name,
    }
    store.journal.append("verdict.reached", verdict, model="tumour")
    store.outbox.sync()
    tags = runs(client)["candidate ssssssssssss"].data.tags
    assert (tags["holdfast.verdict.recall"], tags["holdfast.promise.recall"]) == ("held", "recall >= 0.8")


def test_a_verdict_without_evidence_is_left_out(store: Store) -> None:
    verdict = {"promise_id": "p", "state": "unproven", "deciding": None}
    store.queue.enqueue([store.journal.append("verdict.reached", verdict, model="tumour").seq])
    assert (store.outbox.sync(), store.outbox.last_error) == (1, None)


@pytest.mark.parametrize(("state", "status"), [("done", "FINISHED"), ("failed", "FAILED"), ("cancelled", "KILLED")])
def test_a_run_is_a_run(store: Store, client: Any, state: str, status: str) -> None:
    run_steps(store, state=state, model=None)
    store.outbox.sync()
    run = runs(client, "holdfast")["train tumour"]
    assert (run.info.status, run.data.tags["holdfast.run"], run.data.tags["holdfast.key"]) == (status, RUN, "run:e")
    assert run.data.metrics == {key_name("seconds/fit[0]"): 1.5}
    assert run.data.tags[key_name("holdfast.step.fit[0]")] == "done"


@pytest.mark.parametrize("role", ["champion", "canary", "shadow"])
def test_a_deployment_is_an_alias_until_it_is_withdrawn(store: Store, client: Any, tmp_path: Path, role: str) -> None:
    first, second = (register(store, tmp_path, reason=why) for why in ("one", "two"))
    deploy(store, first, role=role)
    deploy(store, second, role=role)
    store.outbox.sync()
    assert client.get_model_version_by_alias("tumour", role).tags["holdfast.id"] == second
    assert second in client.get_registered_model("tumour").tags[f"holdfast.deployment.local.{role}"]
    deploy(store, second, role=role, withdrawn=True)
    store.outbox.sync()
    registered = client.get_registered_model("tumour")
    assert (registered.aliases, [tag for tag in registered.tags if "deployment" in tag]) == ({}, [])


def test_a_deployment_of_a_model_that_was_never_registered_is_left_out(store: Store) -> None:
    deploy(store, "0" * 64)
    assert (store.outbox.sync(), store.outbox.last_error) == (1, None)


def test_mirroring_again_changes_nothing(store: Store, client: Any, tmp_path: Path) -> None:
    fill(store, tmp_path)
    store.outbox.sync()
    assert store.queue.enqueue_all() == 7
    assert Outbox(store, store.mlflow).sync() == 7
    place = client.get_experiment_by_name("tumour").experiment_id
    assert sorted(runs(client)) == [f"candidate {store.models.ids()[0][:12]}", "train tumour"]
    assert (len(client.search_model_versions("")), len(client.search_logged_models([place]))) == (1, 1)
    run = runs(client)[f"candidate {store.models.ids()[0][:12]}"]
    assert len(client.get_metric_history(run.info.run_id, "recall")) == 1


@pytest.mark.parametrize("moment", ["create_model_version", "finalize_logged_model", "create_registered_model"])
def test_a_crash_in_the_middle_of_an_event_doubles_nothing(
    store: Store, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    def killed(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    register(store, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(f"mlflow.MlflowClient.{moment}", killed)
        with pytest.raises(KeyboardInterrupt):
            store.outbox.sync()
    assert store.outbox.pending() == 1
    assert store.outbox.sync() == 1
    place = client.get_experiment_by_name("tumour").experiment_id
    assert (len(client.search_model_versions("")), len(client.search_logged_models([place]))) == (1, 1)
    assert [str(model.status) for model in client.search_logged_models([place])] == ["READY"]


def test_a_worker_that_died_is_followed_by_another(
    store: Store, clock: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(store, tmp_path)
    store.queue.claim(holder="dead", ttl_s=60)
    assert (store.outbox.sync(), store.outbox.pending()) == (0, 7)
    clock.move(61)
    assert (store.outbox.sync(), store.outbox.pending()) == (7, 0)


def test_mlflow_that_is_not_installed_delays_and_blocks_nothing(
    opened: Callable[..., Store], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened(sqlite_url, mlflow=f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setitem(sys.modules, "mlflow", None)
    run_steps(store)
    assert (store.outbox.sync(), store.outbox.pending(), store.outbox.repair()) == (0, 3, 0)
    assert "pip install 'holdfast[mlflow]'" in str(store.outbox.last_error)
    assert "pip install 'holdfast[mlflow]'" in store.outbox.differences()[1]
    assert "pip install" in str(Outbox(store, store.mlflow).last_error)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_server_that_is_down_delays_and_blocks_nothing(opened: Callable[..., Store], sqlite_url: str) -> None:
    store = opened(sqlite_url, mlflow=f"http://user:secret@127.0.0.1:{closed_port()}")
    run_steps(store)
    assert (store.outbox.sync(), store.outbox.pending(), store.outbox.repair()) == (0, 3, 0)
    assert "does not answer" in str(store.outbox.last_error)
    assert "does not answer" in store.outbox.differences()[1]
    assert "secret" not in f"{store.outbox.last_error} {store.outbox.mirror}"
    run_steps(store, state="failed")
    assert store.journal.count() == 5


@pytest.mark.parametrize("url", ["file:///tmp/mlruns", "ftp://host", "nonsense"])
def test_a_place_that_is_no_mlflow_is_said(opened: Callable[..., Store], sqlite_url: str, url: str) -> None:
    store = opened(sqlite_url, mlflow=url)
    run_steps(store)
    assert store.outbox.sync() == 0
    assert "no MLflow at" in str(store.outbox.last_error)


def test_a_lost_connection_is_made_up_for(
    store: Store, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*args: Any, **kwargs: Any) -> None:
        raise ConnectionResetError("connection reset by peer")

    fill(store, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("mlflow.MlflowClient.log_batch", lost)
        assert (store.outbox.sync(), store.outbox.pending()) == (0, 7)
    assert "connection reset by peer" in str(store.outbox.last_error)
    assert (store.outbox.sync(), store.outbox.last_error, store.outbox.differences()) == (7, None, [])
    assert len(client.search_model_versions("")) == 1


def test_an_event_that_mlflow_can_never_take_is_set_aside_and_named(store: Store, client: Any, tmp_path: Path) -> None:
    register(store, tmp_path)
    bad = store.journal.append("evidence.recorded", {"id": "x", "evidence": {"measure": 3}, "promise": "p"})
    worse = store.journal.append("step.finished", {"run": "r", "step": "fit", "seconds": "long"})
    run_steps(store)
    assert (store.outbox.sync(), store.outbox.pending()) == (4, 0)
    assert f"event {worse.seq} was set aside" in str(store.outbox.last_error)
    assert bad.seq < worse.seq
    assert "train tumour" in runs(client)


def test_what_mlflow_refuses_is_set_aside(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*args: Any, **kwargs: Any) -> None:
        from mlflow.exceptions import MlflowException
        from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE

        raise MlflowException("no such thing", error_code=INVALID_PARAMETER_VALUE)

    run_steps(store)
    monkeypatch.setattr("mlflow.MlflowClient.set_terminated", refuses)
    assert (store.outbox.sync(), store.outbox.pending()) == (2, 0)
    assert "no such thing" in str(store.outbox.last_error)


def test_a_run_that_somebody_deleted_is_made_again(store: Store, client: Any) -> None:
    store.evidence.record(found_of("s" * 64), model="tumour", promise_id="p")
    store.outbox.sync()
    client.delete_run(runs(client)["candidate ssssssssssss"].info.run_id)
    store.evidence.record(found_of("s" * 64, value=0.7, low=None), model="tumour", promise_id="p")
    assert (store.outbox.sync(), store.outbox.last_error) == (1, None)
    assert runs(client)["candidate ssssssssssss"].data.metrics["recall"] == 0.7


def test_an_alias_that_somebody_moved_is_found_and_mended(store: Store, client: Any, tmp_path: Path) -> None:
    first, second = (register(store, tmp_path, reason=why) for why in ("one", "two"))
    deploy(store, first)
    store.outbox.sync()
    client.set_registered_model_alias("tumour", "champion", "2")
    client.set_registered_model_alias("tumour", "canary", "2")
    client.set_registered_model_alias("tumour", "theirs", "2")
    assert store.outbox.differences() == [
        f"alias champion of tumour points to version 2 in MLflow; the journal says model {first[:12]}",
        "alias canary of tumour points to version 2 in MLflow; the journal says nothing",
    ]
    assert (store.outbox.repair(), store.outbox.differences()) == (2, [])
    aliases = {alias: str(version) for alias, version in client.get_registered_model("tumour").aliases.items()}
    assert aliases == {"champion": "1", "theirs": "2"}
    assert client.get_model_version("tumour", "2").tags["holdfast.id"] == second


def test_an_alias_that_somebody_deleted_is_found_and_mended(store: Store, client: Any, tmp_path: Path) -> None:
    model = register(store, tmp_path)
    deploy(store, model)
    store.outbox.sync()
    client.delete_registered_model_alias("tumour", "champion")
    assert "points to nothing" in store.outbox.differences()[0]
    assert (store.outbox.repair(), store.outbox.differences(), store.outbox.repair()) == (1, [], 0)


@pytest.mark.parametrize("deleted", ["version", "model", "experiment"])
def test_what_somebody_deleted_comes_back_from_the_journal(
    store: Store, client: Any, tmp_path: Path, deleted: str
) -> None:
    model = fill(store, tmp_path)
    store.outbox.sync()
    place = client.get_experiment_by_name("tumour").experiment_id
    by_hand = {
        "version": lambda: client.delete_model_version("tumour", "1"),
        "model": lambda: client.delete_registered_model("tumour"),
        "experiment": lambda: (client.delete_experiment(place), client.delete_registered_model("tumour")),
    }
    by_hand[deleted]()
    other = Outbox(store, store.mlflow)
    assert f"model tumour {model[:12]} is not in MLflow" in other.differences()
    assert other.repair() > 0
    assert store.outbox.differences() == []
    version = client.get_model_version_by_alias("tumour", "champion")
    assert version.tags["holdfast.id"] == model
    assert len(version.tags["holdfast.package.onnx"]) == 64
    assert "holdfast.deployment.local.champion" in client.get_registered_model("tumour").tags


def test_a_repair_mirrors_what_waits_first(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    assert store.outbox.differences()[0] == "7 events wait to be mirrored"
    assert (store.outbox.repair(), store.outbox.differences()) == (7, [])


def test_the_registered_model_says_which_event_made_it(store: Store, client: Any, tmp_path: Path) -> None:
    model = register(store, tmp_path)
    store.outbox.sync()
    assert client.get_registered_model("tumour").tags["holdfast.key"] == f"model:{model}"


def test_names_that_mlflow_refuses_are_mirrored_under_others(store: Store, client: Any, tmp_path: Path) -> None:
    model = register(store, tmp_path, name="clinic/a: 100% \"odd\" 'name'")
    deploy(store, model, name="clinic/a: 100% \"odd\" 'name'")
    store.outbox.sync()
    assert (store.outbox.last_error, store.outbox.differences()) == (None, [])
    (version,) = client.search_model_versions("")
    assert version.name == model_name("clinic/a: 100% \"odd\" 'name'")


def test_mlflow_is_kept_from_unpickling_and_from_telling_others(store: Store, tmp_path: Path) -> None:
    run_steps(store)
    store.outbox.sync()
    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_nothing_is_written_where_the_process_stands(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    store.outbox.sync()
    assert list(Path.cwd().iterdir()) == []


def test_a_database_that_is_being_set_up_elsewhere_is_waited_for(store: Store) -> None:
    run_steps(store)
    name = f"mlflow:{digest_bytes(str(store.mlflow).encode())[:16]}"
    with store.leases.acquire(name, holder="another process", ttl_s=60):
        assert (store.outbox.sync(), store.outbox.pending()) == (0, 3)
        assert "another process" in str(store.outbox.last_error)
    assert store.outbox.sync() == 3


def test_an_older_database_is_copied_then_upgraded(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow.exceptions import MlflowException

    def old(self: Tracking) -> Any:
        monkeypatch.setattr(Tracking, "_open", opens)
        raise MlflowException("Detected out-of-date database schema (found version 1)")

    opens = Tracking._open
    run_steps(store)
    monkeypatch.setattr(Tracking, "_open", old)
    assert (store.outbox.sync(), store.outbox.last_error) == (3, None)
    assert (tmp_path / "mlflow.db.before-upgrade").stat().st_size > 100_000


def test_a_damaged_database_is_said(store: Store, tmp_path: Path) -> None:
    run_steps(store)
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    assert (store.outbox.sync(), store.outbox.pending()) == (0, 3)
    assert "does not answer" in str(store.outbox.last_error)


@pytest.fixture
def server(uri: str, tmp_path: Path) -> Iterator[str]:
    port = closed_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--artifacts-destination", str(tmp_path / "artifacts")]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # a second and third process, for nothing here
    with (tmp_path / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=tmp_path, env=environment, start_new_session=True
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", process, tmp_path / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(server: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 400
    while time.monotonic() < deadline and process.poll() is None:
        try:
            asked(server, "/health")
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"mlflow server did not come up: {log.read_text()[-2000:]}")


def asked(server: str, path: str, **body: Any) -> str:
    with contextlib.closing(http.client.HTTPConnection(server.removeprefix("http://"), timeout=60)) as connection:
        headers = {"Content-Type": "application/json"}
        connection.request("POST" if body else "GET", path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_real_server_shows_what_holdfast_wrote(
    server: str, opened: Callable[..., Store], sqlite_url: str, tmp_path: Path
) -> None:
    store = opened(sqlite_url, mlflow=server)
    model = fill(store, tmp_path)
    assert (store.outbox.sync(), store.outbox.last_error, store.outbox.differences()) == (7, None, [])
    api = "/api/2.0/mlflow"
    version = json.loads(asked(server, f"{api}/registered-models/alias?name=tumour&alias=champion"))["model_version"]
    assert {"key": "holdfast.id", "value": model} in version["tags"]
    experiment = json.loads(asked(server, f"{api}/experiments/get-by-name?experiment_name=tumour"))["experiment"]
    place = [experiment["experiment_id"]]
    found = asked(server, f"{api}/runs/search", experiment_ids=place, filter="metrics.recall > 0.8")
    assert [run["info"]["run_name"] for run in json.loads(found)["runs"]] == [f"candidate {model[:12]}"]
    logged = json.loads(asked(server, f"{api}/logged-models/search", experiment_ids=place))["models"]
    assert [each["info"]["status"] for each in logged] == ["LOGGED_MODEL_READY"]
    assert "MLflow" in asked(server, "/")
    assert store.queue.enqueue_all() == 7
    assert (Outbox(store, server).sync(), Outbox(store, server).differences()) == (7, [])
    assert len(json.loads(asked(server, f"{api}/runs/search", experiment_ids=place))["runs"]) == 2


def test_a_path_of_the_setup_is_named(store: Store) -> None:
    assert store.outbox.mirror == store.mlflow
    assert _mlflow.milliseconds(NOON) == 1767268800000
