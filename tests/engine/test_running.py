from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from engine_sample import (
    MEMO,
    always,
    an_object,
    chain,
    dies,
    everything,
    fails,
    flaky,
    inc,
    meet,
    noted,
    reads,
    spoils,
    total,
    until_file,
    up_to,
    writes,
)

from holdfast.core.errors import Cancelled, InvalidValue, NotFound, StepFailed, StoreUnavailable, Uncacheable
from holdfast.engine import Engine, pipeline, step
from holdfast.engine._schedule import backoff_s
from holdfast.engine.steps import Settings
from holdfast.store import open_store


def states(run):
    return [record.state for record in run.steps]


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.005)


# The cache ----------------------------------------------------------------------------------------------------------


def test_a_second_run_does_no_work_and_has_the_same_digests(engine, notes):
    first = engine.run(chain, {"x": 0, "notes": notes})
    second = engine.run(chain, {"x": 0, "notes": notes})
    assert (first.value, second.value) == (5, 5)
    assert noted(notes) == ["inc0", "inc1", "inc2", "inc3", "inc4"]
    assert states(first) == ["done"] * 5
    assert states(second) == ["cached"] * 5
    assert [each.output for each in first.steps] == [each.output for each in second.steps]


def test_a_cached_run_loads_no_value_until_one_is_asked_for(engine, monkeypatch):
    engine.run(chain, {"x": 0})
    loaded = []
    load = engine.cache.load
    monkeypatch.setattr(engine.cache, "load", lambda digest: loaded.append(digest) or load(digest))
    run = engine.run(chain, {"x": 0})
    assert loaded == []
    assert run.results["inc#5"].value == 5
    assert len(loaded) == 1


def test_a_changed_parameter_runs_only_what_depends_on_it(engine, notes):
    @pipeline
    def two(a: int, b: int) -> int:
        return total([inc(a, notes), inc(b, notes)])

    engine.run(two, {"a": 1, "b": 10})
    run = engine.run(two, {"a": 1, "b": 20})
    assert noted(notes) == ["inc1", "inc10", "inc20"]
    assert run.step("inc").state == "cached"
    assert run.step("inc#2").state == "done"


def test_a_step_whose_input_came_out_the_same_is_not_run_again(engine):
    @step
    def half(x: int) -> int:
        return x // 2

    @pipeline
    def halves(x: int) -> int:
        return inc(half(x))

    engine.run(halves, {"x": 4})
    run = engine.run(halves, {"x": 5})
    assert [(record.name, record.state) for record in run.steps] == [("half", "done"), ("inc", "cached")]


def test_another_version_is_another_key(engine, notes):
    def body(x: int) -> int:
        return x

    keys = {engine.run(step(version=version)(body), {"x": 1}).steps[0].key for version in (None, "1", "2")}
    assert len(keys) == 3


def test_the_versions_of_declared_libraries_are_in_the_key(engine, monkeypatch):
    from holdfast.engine import _plan

    def body(x: int) -> int:
        return x

    made = step(libraries=("numpy",))(body)
    before = engine.run(made, {"x": 1}).steps[0].key
    monkeypatch.setattr(_plan, "library_version", lambda _name, _step: "99")
    assert engine.run(made, {"x": 1}).steps[0].key != before


def test_a_library_that_is_not_installed_is_named(engine):
    made = step(libraries=("lightgmb",))(lambda: 1)
    with pytest.raises(InvalidValue, match="library 'lightgmb' is not installed"):
        engine.run(made)


def test_an_argument_at_its_default_has_the_key_of_one_that_is_given(engine):
    assert engine.run(inc, {"x": 1}).steps[0].key == engine.run(inc, {"x": 1, "by": 1}).steps[0].key


def test_a_step_without_a_cache_runs_each_time(engine, notes):
    for _ in range(2):
        assert engine.run(always, {"x": 1, "notes": notes}).value == 2
    assert noted(notes) == ["always1", "always1"]


def test_two_equal_calls_in_one_run_are_one_piece_of_work(engine, notes):
    @pipeline
    def twice(n: int) -> int:
        return total([inc(n, notes), inc(n, notes)])

    run = engine.run(twice, {"n": 1})
    assert run.value == 4
    assert noted(notes) == ["inc1"]
    assert sorted(states(run)) == ["cached", "done", "done"]


def test_a_constant_that_a_step_uses_is_part_of_its_key(engine, monkeypatch):
    import engine_sample

    before = engine.run(engine_sample.remembers, {"x": 1}).steps[0].key
    monkeypatch.setattr(engine_sample, "MEMO", {7: 7})
    assert engine.run(engine_sample.remembers, {"x": 1}).steps[0].key != before
    assert MEMO == {1: 1}


def test_a_step_cannot_change_what_another_one_is_given(engine):
    @pipeline
    def shared(n: int) -> tuple[int, int]:
        xs = up_to(n)
        return spoils(xs), total(xs)

    assert engine.run(shared, {"n": 3}).value == (4, 3)


def test_a_file_passes_between_steps_by_content(engine, tmp_path):
    @pipeline
    def files(folder: str) -> str:
        return reads(writes(folder, "hello"))

    first = engine.run(files, {"folder": str(tmp_path)})
    (tmp_path / "out.txt").unlink()
    second = engine.run(files, {"folder": str(tmp_path)})
    assert (first.value, second.value) == ("hello", "hello")
    assert states(second) == ["cached", "cached"]
    assert second.results["writes"].value.read_text() == "hello"


# A damaged cache ----------------------------------------------------------------------------------------------------


def _damage(engine, statement):
    with engine.cache._session() as connection:
        connection.execute(statement)


def test_a_damaged_result_is_made_again_when_a_step_needs_it(engine, notes):
    engine.run(chain, {"x": 0, "n": 2, "notes": notes})
    _damage(engine, "UPDATE small SET data = CAST('HFV1damaged' AS BLOB)")
    run = engine.run(chain, {"x": 0, "n": 3, "notes": notes})
    assert run.value == 3
    assert noted(notes) == ["inc0", "inc1", "inc0", "inc1", "inc2"]


def test_results_that_were_lost_one_after_another_are_made_again(engine, notes):
    engine.run(chain, {"x": 0, "n": 3, "notes": notes})
    _damage(engine, "DELETE FROM small")
    run = engine.run(chain, {"x": 0, "n": 4, "notes": notes})
    assert run.value == 4


def test_a_damaged_result_is_made_again_when_it_is_asked_for(engine, notes):
    run = engine.run(chain, {"x": 0, "n": 2, "notes": notes})
    _damage(engine, "DELETE FROM small")
    assert run.value == 2
    assert engine.run(chain, {"x": 0, "n": 2, "notes": notes}).value == 2


def test_a_large_result_that_was_changed_on_disk_is_made_again(engine):
    run = engine.run(everything, {"n": 20_000})
    for path in engine.cache.files.glob("*/*"):
        path.write_bytes(b"changed")
    assert run.results["frame"].value.height == 20_000


def test_a_lost_item_of_a_map_is_made_again(engine, notes):
    @pipeline
    def fan(n: int) -> list[int]:
        return inc.map(up_to(n), notes=notes)

    engine.run(fan, {"n": 2})
    _damage(engine, "DELETE FROM small")
    _damage(engine, "DELETE FROM results WHERE key NOT IN (SELECT key FROM results ORDER BY key LIMIT 3)")
    assert engine.run(fan, {"n": 2}).value == [1, 2]


def test_an_index_that_is_no_database_is_begun_anew(store, notes):
    with Engine(store) as engine:
        engine.run(chain, {"x": 0, "n": 1, "notes": notes})
    for name in ("index.db-wal", "index.db-shm"):
        (store.root / "cache" / "steps" / name).unlink(missing_ok=True)
    (store.root / "cache" / "steps" / "index.db").write_bytes(b"not a database" * 100)
    with Engine(store) as engine:
        assert engine.run(chain, {"x": 0, "n": 1, "notes": notes}).value == 1
    assert noted(notes) == ["inc0", "inc0"]


def test_a_cache_that_cannot_be_written_is_an_error_that_names_the_folder(store):
    (store.root / "cache").mkdir(exist_ok=True)
    (store.root / "cache" / "steps").write_text("a file where the folder should be")
    with Engine(store) as engine, pytest.raises(StoreUnavailable, match="cache of steps cannot be used"):
        engine.run(chain, {"x": 0})


def test_the_cache_can_be_cleared(engine, notes):
    engine.run(chain, {"x": 0, "n": 1, "notes": notes})
    engine.run(everything, {"n": 20_000})
    engine.clear_cache()
    assert list(engine.cache.files.glob("*/*")) == []
    engine.run(chain, {"x": 0, "n": 1, "notes": notes})
    assert noted(notes) == ["inc0", "inc0"]


def test_two_engines_share_a_cache_at_the_same_time(store, notes):
    engines = [Engine(store, workers=1) for _ in range(2)]
    found = []
    threads = [
        threading.Thread(target=lambda each=each: found.append(each.run(chain, {"x": 0, "n": 30}).value))
        for each in engines
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for each in engines:
        each.close()
    assert found == [30, 30]


# Failure ------------------------------------------------------------------------------------------------------------


def test_the_first_failure_stops_what_depends_on_it_and_nothing_else(engine, notes):
    @pipeline
    def partly() -> list[int]:
        bad = fails(1)
        return [inc(inc(bad, notes), notes), inc(inc(5, notes), notes)]

    run = engine.run(partly)
    assert run.state == "failed"
    assert {record.name: record.state for record in run.steps} == {
        "fails": "failed",
        "inc": "skipped",
        "inc#2": "skipped",
        "inc#3": "done",
        "inc#4": "done",
    }
    assert run.results["inc#4"].value == 7
    with pytest.raises(StepFailed, match=r"step 'fails': ValueError: no 1") as caught:
        _ = run.value
    assert "raise ValueError" in caught.value.__notes__[0]


def test_a_failed_item_of_a_map_fails_the_run(engine):
    @pipeline
    def fan(n: int) -> list[int]:
        return fails.map(up_to(n))

    run = engine.run(fan, {"n": 2})
    assert run.state == "failed"
    assert run.step("fails.map").state == "skipped"


def test_a_step_is_tried_again_as_often_as_it_says(engine, notes):
    run = engine.run(flaky, {"notes": notes, "good_at": 3})
    assert (run.value, run.steps[0].attempts) == (3, 3)


def test_when_the_retries_are_used_up_the_error_says_how_often(engine, notes):
    run = engine.run(flaky, {"notes": notes, "good_at": 10})
    assert run.steps[0].attempts == 4
    assert "OSError: not yet (tried 4 times)" in str(run.error)


def test_the_wait_doubles_within_its_jitter_and_the_seed_decides():
    settings = Settings(backoff_s=1.0)
    waits = [backoff_s(settings, attempt=attempt, rng=random.Random(attempt)) for attempt in (1, 2, 3, 40)]
    assert all(0.5 * 2**index <= wait < 1.5 * 2**index for index, wait in enumerate(waits[:3]))
    assert waits[3] < 2**31
    assert waits[0] == backoff_s(settings, attempt=1, rng=random.Random(1))


def test_a_result_that_cannot_pass_is_refused_once_and_names_step_and_type(engine):
    run = engine.run(an_object)
    with pytest.raises(Uncacheable, match=r"step 'an_object'.*_thread\.lock"):
        _ = run.value
    assert run.steps[0].attempts == 1


def test_a_parameter_that_cannot_pass_is_refused_before_anything_runs(engine):
    with pytest.raises(Uncacheable, match=r"pipeline 'chain'|step 'inc'"):
        engine.run(chain, {"x": threading.Lock()})
    assert engine.store.journal.count() == 0


def test_an_error_of_holdfast_in_a_step_is_the_cause(engine):
    @step
    def refuses() -> None:
        raise NotFound("no model 'm'", where="registry", expected="a model")

    error = engine.run(refuses).error
    assert isinstance(error, StepFailed)
    assert isinstance(error.__cause__, NotFound)
    assert error.__cause__.where == "registry"


def test_a_step_that_exits_fails_and_the_process_lives_on(engine):
    run = engine.run(dies, {"how": "exit"})
    assert run.state == "failed"
    assert "SystemExit: 3" in str(run.error)


def test_an_interrupt_ends_the_run_as_cancelled_and_is_raised(engine):
    with pytest.raises(KeyboardInterrupt):
        engine.run(dies, {"how": "interrupt"})
    last = list(engine.store.journal.events(types=("run.finished",)))[-1]
    assert last.payload["state"] == "cancelled"


def test_nan_and_infinity_are_results_like_others(engine):
    @step
    def odd() -> list[float]:
        return [float("nan"), float("inf")]

    assert str(engine.run(odd).value) == "[nan, inf]"


def test_a_wrong_step_name_suggests_the_nearest(engine):
    run = engine.run(chain, {"x": 0, "n": 1})
    with pytest.raises(StepFailed, match="did you mean 'inc'"):
        run.step("imc")


# Side by side, progress, cancelling ---------------------------------------------------------------------------------


def test_steps_that_do_not_need_each_other_run_side_by_side(engine, tmp_path):
    @pipeline
    def both(folder: str) -> list[bool]:
        return [meet(folder, "a", "b"), meet(folder, "b", "a")]

    assert engine.run(both, {"folder": str(tmp_path)}).value == [True, True]


def test_progress_is_told_each_step_and_ends_at_one(engine):
    told = []
    engine.run(chain, {"x": 0, "n": 4}, progress=lambda share, text: told.append((share, text)))
    assert [share for share, _ in told] == [0.25, 0.5, 0.75, 1.0]
    assert told[0][1] == "inc: done"


def _begun(engine, notes, tmp_path):
    """A run in another thread, in the middle of its first step; what it gives back, and the thread."""

    @pipeline
    def waits(path: str) -> int:
        return inc(until_file(path, notes), notes)

    found = []
    thread = threading.Thread(target=lambda: found.append(engine.run(waits, {"path": str(tmp_path / "go")}, key="k")))
    thread.start()
    wait_for(lambda: noted(notes) == ["begun"])
    (started,) = engine.store.journal.events(types=("run.started",))
    return waits, started.payload["id"], thread, found


def test_a_cancelled_run_begins_no_further_step_and_can_be_resumed(engine, notes, tmp_path):
    waits, run_id, thread, found = _begun(engine, notes, tmp_path)
    with Engine(engine.store) as other:
        assert other.cancel(run_id)
    (tmp_path / "go").touch()
    thread.join()
    run = found[0]
    assert run.state == "cancelled"
    assert {record.name: record.state for record in run.steps} == {"until_file": "done", "inc": "cancelled"}
    with pytest.raises(Cancelled):
        _ = run.value
    again = engine.run(waits, {"path": str(tmp_path / "go")}, resume=run_id)
    assert (again.id, again.state, again.value) == (run_id, "done", 2)
    assert again.step("until_file").state == "cached"
    assert noted(notes) == ["begun", "inc1"]


def test_a_run_that_was_cancelled_and_goes_on_can_be_cancelled_again(engine, notes, tmp_path):
    waits, run_id, thread, found = _begun(engine, notes, tmp_path)
    engine.cancel(run_id)
    (tmp_path / "go").touch()
    thread.join()
    (tmp_path / "go").unlink()
    Path(notes).write_text("")
    engine.clear_cache()
    again = threading.Thread(target=lambda: found.append(engine.run(waits, {"path": str(tmp_path / "go")}, key="k")))
    again.start()
    wait_for(lambda: noted(notes) == ["begun"])
    assert engine.cancel(run_id)
    (tmp_path / "go").touch()
    again.join()
    assert [run.state for run in found] == ["cancelled", "cancelled"]


def test_an_index_whose_pages_are_damaged_is_an_error_once_and_new_afterwards(store, notes):
    index = store.root / "cache" / "steps" / "index.db"
    with Engine(store) as engine:
        engine.run(chain, {"x": 0, "n": 50})
    data = bytearray(index.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    index.write_bytes(data)
    with Engine(store) as engine:
        with pytest.raises(StoreUnavailable, match="malformed"):
            engine.run(chain, {"x": 0, "n": 50})
        assert engine.run(chain, {"x": 0, "n": 50}).value == 50


def test_a_run_that_is_over_cannot_be_cancelled(engine):
    run = engine.run(chain, {"x": 0})
    assert engine.cancel(run.id) is False


@pytest.mark.parametrize(("run", "error"), [("../x", InvalidValue), ("a" * 64, NotFound), (None, InvalidValue)])
def test_cancelling_what_is_no_run_is_an_error(engine, run, error):
    with pytest.raises(error):
        engine.cancel(run)


# Resuming, ids ------------------------------------------------------------------------------------------------------


def test_a_run_with_a_key_that_was_done_does_nothing_again(engine, notes):
    first = engine.run(always, {"x": 1, "notes": notes}, key="action-1")
    second = engine.run(always, {"x": 1, "notes": notes}, key="action-1")
    third = engine.run(always, {"x": 1, "notes": notes}, key="action-2")
    assert first.id == second.id != third.id
    assert (second.value, states(second)) == (2, ["cached"])
    assert noted(notes) == ["always1", "always1"]


def test_a_resumed_run_repeats_only_what_failed(engine, notes, tmp_path):
    gate = tmp_path / "gate"

    @step
    def needs_gate(x: int, path: str) -> int:
        from pathlib import Path

        if not Path(path).exists():
            raise OSError("closed")
        return x

    @pipeline
    def gated(path: str) -> int:
        return needs_gate(always(1, notes), path)

    first = engine.run(gated, {"path": str(gate)})
    gate.touch()
    second = engine.run(gated, {"path": str(gate)}, resume=first.id)
    assert (first.state, second.state, second.id) == ("failed", "done", first.id)
    assert noted(notes) == ["always1"]


def test_resuming_with_other_parameters_is_refused(engine):
    run = engine.run(chain, {"x": 0})
    with pytest.raises(InvalidValue, match="another params"):
        engine.run(chain, {"x": 1}, resume=run.id)
    with pytest.raises(InvalidValue, match="another name"):
        engine.run(chain, {"x": 0}, resume=run.id, name="other")


@pytest.mark.parametrize(("resume", "error"), [("f" * 64, NotFound), ("../..", InvalidValue)])
def test_resuming_what_is_no_run_is_an_error(engine, resume, error):
    with pytest.raises(error):
        engine.run(chain, {"x": 0}, resume=resume)


def test_a_key_and_a_run_to_resume_exclude_each_other(engine):
    with pytest.raises(InvalidValue, match="one of them"):
        engine.run(chain, {"x": 0}, key="k", resume="a" * 64)


def test_the_same_clock_and_generator_give_the_same_ids(tmp_path):
    found = []
    for name in ("a", "b"):
        store = open_store(tmp_path / name, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        with Engine(store, rng=np.random.default_rng(3)) as engine:
            found.append([engine.run(chain, {"x": 0}).id for _ in range(2)])
        store.close()
    assert found[0] == found[1]
    assert found[0][0] != found[0][1]


# The journal --------------------------------------------------------------------------------------------------------


def test_a_run_is_journalled_with_its_lineage(engine):
    run = engine.run(chain, {"x": 0, "n": 2}, model="tumour", name="nightly")
    events = list(engine.store.journal.events())
    assert [event.type for event in events] == ["run.started", "step.finished", "step.finished", "run.finished"]
    assert {event.model for event in events} == {"tumour"}
    started, first, second, finished = (event.payload for event in events)
    assert (started["id"], started["name"], started["model"]) == (run.id, "nightly", "tumour")
    assert len(started["pipeline"]) == len(started["params"]) == 64
    assert (first["run"], first["step"], first["state"], first["attempts"]) == (run.id, "inc", "done", 1)
    assert (second["inputs"], second["key"]) == ([first["output"]], run.step("inc#2").key)
    assert second["executor"] == "local"
    assert (finished["id"], finished["state"], set(finished["steps"])) == (run.id, "done", {"inc", "inc#2"})


def test_a_run_that_is_cached_as_a_whole_costs_one_append_of_two_events(engine, monkeypatch):
    engine.run(chain, {"x": 0})
    appended = []
    append = engine.store.journal.append_all
    monkeypatch.setattr(engine.store.journal, "append_all", lambda events: appended.append(events) or append(events))
    engine.run(chain, {"x": 0})
    assert [[event.type for event in events] for events in appended] == [["run.started", "run.finished"]]


def test_a_failure_is_journalled_with_its_reason(engine):
    engine.run(fails, {"x": 2})
    (event,) = engine.store.journal.events(types=("step.finished",))
    assert event.payload["state"] == "failed"
    assert "ValueError: no 2" in event.payload["error"]


def test_the_state_of_a_run_can_be_looked_up(engine):
    run = engine.run(chain, {"x": 0, "n": 2})
    found = engine.store.state.get("run", run.id)
    assert found["state"] == "done"
    assert set(found["steps"]) == {"inc", "inc#2"}
    assert engine.store.journal.verify() == 4


# Executors by name --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"executor": "procesess"}, "did you mean 'processes'"),
        ({"workers": 0}, "workers=0"),
        ({"workers": 1.5}, "workers=1.5"),
    ],
)
def test_an_executor_that_is_not_there_is_refused(store, settings, said):
    with pytest.raises(InvalidValue, match=said):
        Engine(store, **settings)
