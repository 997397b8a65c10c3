"""The state: what each event makes of it, and that the journal gives it again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.core.errors import InvalidValue
from holdfast.store import Store
from holdfast.store.journal import NewEvent
from holdfast.store.projections import PROJECTED

A, B = "a" * 64, "b" * 64


def deployment(
    role: str = "champion", *, package: str = A, target: str = "local", withdrawn: bool = False
) -> dict[str, Any]:
    return {
        "name": "m",
        "model": package,
        "package": package,
        "target": target,
        "role": role,
        "share": 1.0,
        "withdrawn": withdrawn,
    }


@pytest.mark.parametrize(
    ("kind", "payload", "places"),
    [
        ("contract.accepted", {"contract": {"name": "m"}, "digest": A, "text": "x"}, [("contract", "m")]),
        ("dataset.added", {"name": "d", "digest": A}, [("dataset", A), ("dataset_latest", "d")]),
        ("dataset.chosen", {"name": "d"}, [("dataset_current", "d")]),
        ("gate.judged", {"model": A}, [("contender", "m")]),
        ("rows.quarantined", {"dataset": A, "rows": 3}, [("quarantine", A)]),
        ("evidence.recorded", {"id": A}, [("evidence", A)]),
        ("verdict.reached", {"promise_id": A, "state": "held"}, [("verdict", f"m:{A}")]),
        ("model.registered", {"id": A}, [("model", A)]),
        (
            "package.made",
            {"id": B, "package": {"model": A, "kind": "onnx"}},
            [("package", B), ("package_of", f"{A}:onnx")],
        ),
        ("plan.made", {"id": A, "plan": {}}, [("plan", "m")]),
        ("decision.made", {"decision": {"action": A}}, [("decision", A)]),
        ("approval.given", {"action": A, "decider": "eve"}, [("approval", A)]),
        ("deployment.changed", deployment(), [("deployment", "m:local:champion"), ("champion", "m")]),
        ("deployment.changed", deployment("canary"), [("deployment", "m:local:canary")]),
    ],
)
def test_an_event_sets_its_values(
    store: Store, kind: str, payload: dict[str, Any], places: list[tuple[str, str]]
) -> None:
    store.journal.append(kind, payload, model="m")
    assert [store.state.get(*place) for place in places] == [payload] * len(places)
    assert store.state.get(places[0][0], "another") is None
    assert kind in PROJECTED


@pytest.mark.parametrize("kind", sorted(set(PROJECTED) - {"plan.made", "gate.judged", "contract.accepted"}))
def test_a_payload_without_what_its_type_needs_is_refused(store: Store, kind: str) -> None:
    with pytest.raises(InvalidValue, match=kind):
        store.journal.append(kind, {"decision": 3}, model="m")
    assert store.journal.count() == 0


@pytest.mark.parametrize("kind", ["plan.made", "gate.judged", "verdict.reached"])
def test_what_is_said_of_a_model_names_it(store: Store, kind: str) -> None:
    with pytest.raises(InvalidValue, match="model"):
        store.journal.append(kind, {"promise_id": A})


def test_a_later_event_replaces_the_value(store: Store) -> None:
    store.journal.append("verdict.reached", {"promise_id": "p", "state": "held"}, model="m")
    store.journal.append("verdict.reached", {"promise_id": "p", "state": "broken"}, model="m")
    assert store.state.get("verdict", "m:p") == {"promise_id": "p", "state": "broken"}


def test_an_action_keeps_what_it_was_started_with(store: Store) -> None:
    store.journal.append("action.started", {"key": A, "action": {"remedy": "retrain"}})
    store.journal.append("action.failed", {"key": A, "error": "no rows"})
    assert store.state.get("action", A) == {
        "key": A,
        "action": {"remedy": "retrain"},
        "error": "no rows",
        "state": "failed",
    }
    store.journal.append("action.started", {"key": A, "action": {"remedy": "retrain"}})
    store.journal.append("action.finished", {"key": A, "outcome": B})
    assert store.state.get("action", A) == {
        "key": A,
        "action": {"remedy": "retrain"},
        "outcome": B,
        "state": "finished",
    }


def test_an_action_may_finish_without_a_start(store: Store) -> None:
    store.journal.append("action.finished", {"key": A})
    assert store.state.get("action", A) == {"key": A, "state": "finished"}


def test_a_champion_is_replaced_then_its_withdrawal_changes_nothing(store: Store) -> None:
    store.journal.append("deployment.changed", deployment(package=A), model="m")
    store.journal.append("deployment.changed", deployment(package=B), model="m")
    store.journal.append("deployment.changed", deployment(package=A, withdrawn=True), model="m")
    assert store.state.get("champion", "m")["package"] == B
    store.journal.append("deployment.changed", deployment(package=B, withdrawn=True), model="m")
    assert store.state.get("champion", "m") is None
    assert store.state.all("deployment") == {}


def test_the_withdrawal_from_one_target_leaves_the_other(store: Store) -> None:
    store.journal.append("deployment.changed", deployment(target="edge"), model="m")
    store.journal.append("deployment.changed", deployment(target="local"), model="m")
    store.journal.append("deployment.changed", deployment(target="edge", withdrawn=True), model="m")
    assert list(store.state.all("deployment")) == ["m:local:champion"]
    assert store.state.get("champion", "m")["target"] == "local"


def test_a_value_set_and_taken_in_one_append_is_gone(store: Store) -> None:
    store.journal.append_all(
        NewEvent("deployment.changed", deployment(withdrawn=gone), model="m") for gone in (False, True)
    )
    assert store.state.get("champion", "m") is None


def test_a_run_gathers_its_steps(store: Store) -> None:
    store.journal.append("run.started", {"id": A, "name": "train"})
    steps = [{"run": A, "step": name, "state": "done"} for name in ("load", "fit")]
    store.journal.append_all(NewEvent("step.finished", each) for each in steps)
    assert store.state.get("run", A) == {
        "id": A,
        "name": "train",
        "state": "started",
        "steps": {"load": steps[0], "fit": steps[1]},
    }
    store.journal.append("run.finished", {"id": A, "state": "done"})
    assert store.state.get("run", A)["state"] == "done"
    assert set(store.state.get("run", A)["steps"]) == {"load", "fit"}


def test_a_step_of_a_run_that_nobody_started_is_kept(store: Store) -> None:
    store.journal.append("step.finished", {"run_id": A, "name": "load"})
    assert set(store.state.get("run", A)["steps"]) == {"load"}


def test_values_of_a_kind_come_by_key_and_by_model(store: Store) -> None:
    for i in range(6):
        store.journal.append("evidence.recorded", {"id": f"{i % 4}", "i": i}, model="mn"[i % 2])
    assert {key: value["i"] for key, value in store.state.all("evidence").items()} == {"0": 4, "1": 5, "2": 2, "3": 3}
    assert list(store.state.all("evidence", model="m")) == ["0", "2"]
    assert store.state.all("nothing") == {}
    assert [value["i"] for value in store.state.latest("evidence", limit=3)] == [5, 4, 3]
    assert [value["i"] for value in store.state.latest("evidence", model="m")] == [4, 2]
    assert store.state.latest("evidence", model="nobody") == []


def test_a_rebuild_repairs_a_state_that_was_tampered_with(store: Store) -> None:
    store.journal.append("verdict.reached", {"promise_id": "p", "state": "broken"}, model="m")
    with store.database.writing() as connection:
        connection.execute(sa.text('UPDATE state SET value = \'{"state":"held"}\''))
        connection.execute(sa.text("INSERT INTO state (kind, key, model, seq) VALUES ('champion', 'm', 'm', 1)"))
        connection.execute(sa.text("DELETE FROM streams"))
    assert store.state.rebuild() == 1
    assert store.state.get("verdict", "m:p")["state"] == "broken"
    assert store.state.get("champion", "m") is None
    assert len(list(store.journal.events(types=("verdict.reached",)))) == 1


def test_a_rebuild_goes_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.journal.append_all(NewEvent("evidence.recorded", {"id": f"{i}"}) for i in range(5))
    monkeypatch.setattr("holdfast.store._query.PAGE", 2)
    monkeypatch.setattr("holdfast.store.state._ROWS", 2)
    assert store.state.rebuild() == 5
    assert len(store.state.all("evidence")) == 5


def test_appends_go_on_after_a_rebuild(store: Store) -> None:
    store.journal.append("a.b", {})
    store.state.rebuild()
    store.journal.append("a.b", {})
    assert store.journal.verify() == 2


words = st.sampled_from(["x", "y", "z"])
models = st.sampled_from([None, "m", "n"])
deployments = st.builds(
    lambda role, package, target, gone: (
        "deployment.changed",
        deployment(role, package=package, target=target, withdrawn=gone),
    ),
    st.sampled_from(["champion", "canary"]),
    st.sampled_from([A, B]),
    st.sampled_from(["local", "edge"]),
    st.booleans(),
)
actions = st.builds(
    lambda word, key, more: (f"action.{word}", {"key": key, **more}),
    st.sampled_from(["started", "finished", "failed"]),
    words,
    st.dictionaries(st.sampled_from(["error", "outcome"]), words),
)
runs = st.builds(
    lambda word, run, step: (word, {"run": run, "step": step}),
    st.sampled_from(["run.started", "step.finished", "run.finished"]),
    words,
    words,
)
plain_ones = st.builds(
    lambda word, key, number: (word, {"id": key, "name": key, "digest": key, "number": number}),
    st.sampled_from(["evidence.recorded", "model.registered", "dataset.added", "note.made"]),
    words,
    st.floats(),
)
appended = st.lists(
    st.lists(st.tuples(st.one_of(deployments, actions, runs, plain_ones), models), min_size=1, max_size=4)
)


def everything(store: Store) -> tuple[list[Any], list[Any]]:
    with store.database.reading() as connection:
        state = connection.execute(sa.text("SELECT * FROM state ORDER BY kind, key")).all()
        streams = connection.execute(sa.text("SELECT * FROM streams ORDER BY type, model")).all()
    return list(state), list(streams)


def clear(store: Store) -> None:
    with store.database.writing() as connection:
        for table in ("events", "state", "streams"):
            connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 - constants
        connection.execute(sa.text(f"UPDATE head SET seq = 0, hash = '{'0' * 64}', latest = ''"))  # noqa: S608
    store.journal.close()
    store.journal._writer._known.clear()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=appended)
def test_the_rebuilt_state_is_the_kept_one(
    store: Store, batches: list[list[tuple[tuple[str, dict[str, Any]], str | None]]]
) -> None:
    clear(store)
    for batch in batches:
        store.journal.append_all(NewEvent(kind, payload, model=model) for (kind, payload), model in batch)
    kept = everything(store)
    store.state.rebuild()
    assert everything(store) == kept
    assert store.journal.verify() == sum(len(batch) for batch in batches)
    assert [event.digest() for event in store.journal.events()] == [event.hash for event in store.journal.events()]


def test_reading_while_nobody_wrote_gives_nothing(store: Store, clock: Callable[[], object]) -> None:
    assert store.state.get("verdict", "m:p") is None
    assert store.state.latest("verdict") == []
    assert store.state.rebuild() == 0
