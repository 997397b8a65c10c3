from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import threading
import time
import warnings

import pytest
from engine_sample import always, dies, dies_once, everything, inc, noted, sleepy, until_killed, up_to, who_alone

from holdfast.core.errors import EngineError, InvalidValue, MissingExtra, StepFailed, StepTimeout
from holdfast.engine import Engine, pipeline, step
from holdfast.engine.on_ray import RayExecutor, refuse_open
from holdfast.store import open_store

pytest.importorskip("ray", reason="the extra 'ray' is not installed")

pytestmark = [
    pytest.mark.xdist_group("ray"),
    # Ray leaves sockets and processes of its own to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    executor = RayExecutor(workers=2)
    yield executor
    executor.close()


@pytest.fixture
def on_ray(store, cluster):
    # The cluster outlives the engines of the single tests.
    engine = Engine(store, cluster)
    yield engine
    engine.cache.close()


def test_a_pipeline_has_the_same_keys_and_digests_on_ray_as_in_process(on_ray, tmp_path):
    run = on_ray.run(everything, {"n": 50})
    store = open_store(tmp_path / "local")
    with Engine(store) as local:
        expected = local.run(everything, {"n": 50})
    store.close()
    assert run.state == "done"
    assert {each.name: (each.key, each.output) for each in run.steps} == {
        each.name: (each.key, each.output) for each in expected.steps
    }


def test_the_cluster_wants_a_token_and_has_no_dashboard(on_ray):
    import ray

    on_ray.run(inc, {"x": 1})
    assert not ray._private.worker.global_worker.node.webui_url
    # A caller without a token is turned away: this would raise otherwise.
    refuse_open(ray.get_runtime_context().gcs_address)


def test_a_failed_step_on_ray_says_what_it_raised(on_ray):
    run = on_ray.run(dies, {"how": "exit"})
    with pytest.raises(StepFailed, match="SystemExit: 3"):
        _ = run.value


def test_a_ray_worker_that_is_killed_fails_the_attempt_and_the_next_one_works(on_ray, notes):
    run = on_ray.run(dies_once, {"notes": notes})
    assert (run.value, run.steps[0].attempts) == ("alive", 2)


def test_a_step_on_ray_that_takes_too_long_is_ended(on_ray):
    with pytest.raises(StepTimeout):
        _ = on_ray.run(sleepy).value


def test_an_isolated_step_on_ray_has_a_process_of_its_own(on_ray):
    assert on_ray.run(who_alone).value != os.getpid()


def test_a_map_without_a_cache_runs_on_ray(on_ray, notes):
    @pipeline
    def fan(n: int) -> list[int]:
        return always.map(up_to(n), notes=notes)

    assert on_ray.run(fan, {"n": 3}).value == [1, 2, 3]
    assert sorted(noted(notes)) == ["always0", "always1", "always2"]


def test_a_run_on_ray_can_be_cancelled(on_ray, notes):
    found = []
    thread = threading.Thread(target=lambda: found.append(on_ray.run(until_killed, {"notes": notes})))
    thread.start()
    deadline = time.monotonic() + 30
    while noted(notes) != ["begun"]:
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    (started,) = on_ray.store.journal.events(types=("run.started",))
    assert on_ray.cancel(started.payload["id"])
    thread.join(30)
    assert found[0].state == "cancelled"


def test_a_function_that_a_worker_cannot_import_is_refused(on_ray):
    @step
    def inner() -> int:
        return 1

    assert "defined inside another function" in str(on_ray.run(inner).error)


def test_a_missing_ray_says_what_to_type(store, monkeypatch):
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    with pytest.raises(MissingExtra, match=r"pip install 'holdfast\[ray\]'"):
        Engine(store, "ray")


def test_a_ray_without_tokens_is_too_old(store, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "2.51.1")
    with pytest.raises(MissingExtra, match=r"older than 2\.55"):
        Engine(store, "ray")


@pytest.mark.parametrize("address", ["auto", "ray://host:10001", "host", "host:port", "-x:1 --y"])
def test_an_address_that_is_no_host_and_port_is_refused(address):
    with pytest.raises(InvalidValue, match="Ray address"):
        RayExecutor(address=address)


def test_open_authentication_in_the_environment_is_refused(store, monkeypatch):
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with Engine(store, RayExecutor()) as engine, pytest.raises(EngineError, match="RAY_AUTH_MODE is 'disabled'"):
        engine.run(inc, {"x": 1})


def test_a_cluster_that_is_not_there_is_an_error():
    with pytest.raises(EngineError, match="does not answer"):
        refuse_open("127.0.0.1:1")


OPEN = """
import sys, ray
context = ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""


@pytest.mark.slow
def test_a_cluster_that_answers_without_a_token_is_refused(store):
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with (
        warnings.catch_warnings(),
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", OPEN],
            env={**env, "RAY_AUTH_MODE": "disabled"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as started,
    ):
        address = started.stdout.readline().strip()
        with pytest.raises(EngineError, match="answers callers without a token"):
            refuse_open(address)
        started.stdin.close()
        started.wait(60)
