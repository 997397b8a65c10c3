from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from engine_sample import busy as uses_cpu
from engine_sample import (
    chain,
    dies,
    dies_once,
    everything,
    greedy,
    inc,
    leaves_a_thread,
    noted,
    remembers,
    sleepy,
    total,
    until_killed,
    who,
    who_alone,
)

from holdfast.core.errors import StepFailed, StepTimeout
from holdfast.engine import Engine, _processes, pipeline, step


def alive(pid: int) -> bool:
    """Whether a process runs (one that ended and was not waited for does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


def test_the_pool_keeps_its_processes(processes):
    @pipeline
    def asked() -> list[int]:
        return who.map([1, 2, 3])

    found = set(processes.run(asked).value)
    assert os.getpid() not in found
    assert len(found) <= 2


def test_an_isolated_step_has_a_process_that_is_gone_afterwards(engine):
    pid = engine.run(who_alone).value
    assert pid != os.getpid()
    wait_for(lambda: not alive(pid))


def test_threads_that_a_step_leaves_behind_do_not_hold_the_run(engine):
    assert engine.run(leaves_a_thread).value == "done"


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("kill", r"killed by SIGKILL \(ended from outside, or out of memory\)"),
        ("segv", "killed by SIGSEGV"),
        ("exit", "SystemExit: 3"),
        ("_exit", "exited with code 4 without an answer"),
        ("interrupt", "KeyboardInterrupt"),
    ],
)
def test_the_end_of_a_process_is_a_failure_that_says_how_and_the_pool_heals(processes, how, said):
    run = processes.run(dies, {"how": how})
    with pytest.raises(StepFailed, match=said):
        _ = run.value
    assert processes.run(dies, {"how": f"not {how}"}).state == "done"


def test_a_step_whose_process_was_killed_is_tried_again(processes, notes):
    run = processes.run(dies_once, {"notes": notes})
    assert (run.value, run.steps[0].attempts) == ("alive", 2)


def test_a_killed_nursery_is_replaced(engine):
    first = engine.run(who_alone).value
    current = _processes.nursery()
    current.process.kill()
    current.process.wait()
    engine.clear_cache()
    assert engine.run(who_alone).value != first


def test_a_limit_on_memory_holds(engine):
    run = engine.run(greedy)
    assert "MemoryError" in str(run.error)


def test_a_limit_on_cpu_time_holds(engine):
    run = engine.run(uses_cpu)
    assert "SIGXCPU (its CPU time was used up)" in str(run.error)


@pytest.mark.parametrize("executor", ["local", "processes"])
def test_a_step_that_takes_too_long_is_ended(store, tmp_path, executor):
    pid_file = tmp_path / "pid"
    with Engine(store, executor) as engine:
        run = engine.run(sleepy, {"pid_file": str(pid_file)})
    with pytest.raises(StepTimeout, match=r"step 'sleepy': it took longer than 2\.5 s"):
        _ = run.value
    wait_for(lambda: not alive(int(pid_file.read_text())))


def test_a_step_in_a_process_is_ended_when_its_run_is_cancelled(processes, notes):
    found = []
    thread = threading.Thread(target=lambda: found.append(processes.run(until_killed, {"notes": notes})))
    thread.start()
    wait_for(lambda: noted(notes) == ["begun"])
    (started,) = processes.store.journal.events(types=("run.started",))
    assert processes.cancel(started.payload["id"])
    thread.join(20)
    assert (found[0].state, found[0].steps[0].state) == ("cancelled", "cancelled")


def test_a_function_inside_another_cannot_run_in_another_process(processes):
    @step
    def inner() -> int:
        return 1

    run = processes.run(inner)
    with pytest.raises(StepFailed, match="cannot run in another process: it is defined inside another function"):
        _ = run.value
    assert run.steps[0].attempts == 1


def test_a_function_of_the_started_script_cannot_run_in_another_process(processes, monkeypatch):
    monkeypatch.setattr(inc.function, "__module__", "__main__")
    assert "the script that was started" in str(processes.run(inc, {"x": 1}).error)


def test_a_module_that_is_not_there_in_the_other_process_is_named(processes, monkeypatch):
    monkeypatch.setattr(inc.function, "__module__", "no_such_module")
    assert "No module named 'no_such_module'" in str(processes.run(inc, {"x": 1}).error)


def test_a_value_that_was_changed_in_this_process_only_is_noticed(processes, monkeypatch):
    import engine_sample

    monkeypatch.setattr(engine_sample, "MEMO", {1: 2})
    run = processes.run(remembers, {"x": 5})
    assert "is another in the new process" in str(run.error)


def test_what_a_step_keeps_in_its_module_does_not_stop_the_next_one(processes):
    @pipeline
    def several() -> list[int]:
        return remembers.map([1, 2, 3, 4])

    import engine_sample

    engine_sample.MEMO.clear()
    assert processes.run(several).state == "done"


def test_a_changed_environment_reaches_the_next_job(processes, monkeypatch):
    first = processes.run(who, {"x": 1}).value
    monkeypatch.setenv("HOLDFAST_TEST_SETTING", "1")
    assert processes.run(who, {"x": 1}).value != first


def test_what_a_step_prints_does_not_reach_standard_output(tmp_path):
    words = (
        "import sys; sys.path.append(sys.argv[1])\n"
        "from pathlib import Path\n"
        "from engine_sample import prints\n"
        "from holdfast.engine import Engine\n"
        "from holdfast.store import open_store\n"
        "store = open_store(Path(sys.argv[2]))\n"
        "with Engine(store, 'processes') as engine:\n"
        "    print(engine.run(prints, {'x': 3}).value)\n"
        "store.close()\n"
    )
    done = _python(words, str(tmp_path / "s"))
    assert (done.stdout, "from a step" in done.stderr) == ("3\n", True)


def test_the_same_pipeline_has_the_same_keys_and_digests_in_process_and_in_processes(tmp_path):
    from holdfast.store import open_store

    found = []
    for executor in ("local", "processes"):
        store = open_store(tmp_path / executor)
        with Engine(store, executor) as engine:
            run = engine.run(everything, {"n": 50})
            found.append({record.name: (record.key, record.output) for record in run.steps})
            assert run.value["summary"]["pair"] == (1, b"two")
        store.close()
    assert found[0] == found[1]


def test_many_steps_at_once_all_end(processes):
    @pipeline
    def wide() -> int:
        return total(inc.map(list(range(40))))

    assert processes.run(wide).value == sum(range(1, 41))


def _python(words: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    sample = str(Path(__file__).parent / "sample")
    return subprocess.run(
        [sys.executable, "-c", words, sample, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


RESUME = """
import json, sys
sys.path.append(sys.argv[1])
from pathlib import Path
from engine_sample import deadly
from holdfast.engine import Engine
from holdfast.store import open_store
store = open_store(Path(sys.argv[2]))
params = {"n": 6, "notes": sys.argv[3], "marker": sys.argv[4], "at": int(sys.argv[5])}
begun = [event.payload["id"] for event in store.journal.events(types=("run.started",))]
with Engine(store, sys.argv[6], workers=1) as engine:
    run = engine.run(deadly, params, resume=begun[0] if begun else None)
kinds = [event.type for event in store.journal.events()]
print(json.dumps([run.id, begun, run.value, [record.state for record in run.steps], kinds, store.journal.verify()]))
store.close()
"""


@pytest.mark.parametrize("at", [0, 4])
def test_a_run_that_was_killed_goes_on_where_it_was(tmp_path, notes, at):
    words = (RESUME, str(tmp_path / "s"), notes, str(tmp_path / "marker"), str(at), "local")
    assert _python(*words).returncode == -signal.SIGKILL
    done = _python(*words)
    run, begun, value, states, kinds, _ = json.loads(done.stdout)
    assert begun == [run]
    assert value == 6
    assert states == ["cached"] * at + ["done"] * (6 - at)
    assert noted(notes) == [f"step{x}" for x in (*range(at + 1), *range(at, 6))]
    # What the killed run had done and could not journal, the second one did.
    assert kinds.count("step.finished") == 6
    assert (kinds.count("run.started"), kinds.count("run.finished")) == (2, 1)


def test_the_processes_end_when_the_engine_is_killed(tmp_path, notes):
    words = (
        "import os, sys, threading, signal; sys.path.append(sys.argv[1])\n"
        "from pathlib import Path\n"
        "from engine_sample import sleepy_long\n"
        "from holdfast.engine import Engine\n"
        "from holdfast.store import open_store\n"
        "store = open_store(Path(sys.argv[2]))\n"
        "Engine(store, 'processes').run(sleepy_long, {'pid_file': sys.argv[3]})\n"
    )
    sample = str(Path(__file__).parent / "sample")
    pid_file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", words, sample, str(tmp_path / "s"), str(pid_file)]) as started:
        wait_for(lambda: pid_file.exists() and pid_file.read_text())
        started.kill()
    wait_for(lambda: not alive(int(pid_file.read_text())))


def test_a_chain_in_the_pool_is_cached_for_the_local_executor(store):
    with Engine(store, "processes") as first, Engine(store) as second:
        first.run(chain, {"x": 0})
        assert {record.state for record in second.run(chain, {"x": 0}).steps} == {"cached"}
