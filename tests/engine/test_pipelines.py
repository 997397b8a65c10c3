from __future__ import annotations

import pytest
from engine_sample import chain, inc, noted, split, total, up_to

from holdfast.core.errors import InvalidValue
from holdfast.engine import Engine, pipeline
from holdfast.engine._plan import Plan


def test_tracing_writes_the_calls_down_and_runs_nothing(notes):
    graph = chain.trace({"x": 1, "n": 3, "notes": notes})
    assert [node.label for node in graph.nodes] == ["inc", "inc#2", "inc#3"]
    assert noted(notes) == []


def test_a_pipeline_called_as_usual_runs_its_steps_as_functions():
    assert chain(1, n=3) == 4


def test_a_pipeline_inside_another_joins_its_graph(engine):
    @pipeline
    def outer(x: int) -> int:
        return inc(chain(x, n=2), by=100)

    run = engine.run(outer, {"x": 1})
    assert run.value == 103
    assert [record.name for record in run.steps] == ["inc", "inc#2", "inc#3"]


def test_handles_pass_in_lists_tuples_mappings_and_parts(engine):
    @pipeline
    def parts(n: int) -> dict[str, object]:
        both = split(n)
        return {"sum": total([inc(1), both["test"][0], both["train"][1]]), "all": (both, [both["test"]]), "plain": 7}

    assert engine.run(parts, {"n": 3}).value == {
        "sum": 2 + 3 + 1,
        "all": ({"train": [0, 1, 2], "test": [3]}, [[3]]),
        "plain": 7,
    }


def test_a_list_is_mapped_when_it_is_there(engine):
    @pipeline
    def fan(n: int) -> int:
        return total(inc.map(up_to(n), by=10))

    run = engine.run(fan, {"n": 4})
    assert run.value == 46
    assert {"inc[0]", "inc[3]", "inc.map", "total"} <= {record.name for record in run.steps}


def test_a_map_over_an_empty_list_is_an_empty_list(engine):
    @pipeline
    def fan(n: int) -> int:
        return total(inc.map(up_to(n)))

    assert engine.run(fan, {"n": 0}).value == 0


def test_a_map_over_something_else_than_a_list_fails_that_step(engine):
    @pipeline
    def fan() -> list[int]:
        return inc.map(inc(1))

    run = engine.run(fan)
    assert run.state == "failed"
    assert "a map over a int" in str(run.error)


def test_two_maps_over_one_list_keep_apart(engine):
    @pipeline
    def fan(n: int) -> tuple[list[int], list[int]]:
        xs = up_to(n)
        return inc.map(xs), inc.map(xs, by=2)

    assert engine.run(fan, {"n": 2}).value == ([1, 2], [2, 3])


def test_a_pipeline_without_steps_returns_what_it_returns(engine):
    @pipeline
    def empty(x: int) -> list[int]:
        return [x]

    run = engine.run(empty, {"x": 5})
    assert (run.state, run.steps, run.value) == ("done", (), [5])


def test_a_wrong_parameter_names_the_pipeline_and_the_nearest(engine):
    with pytest.raises(InvalidValue, match=r"pipeline 'chain' has no argument 'note'.*'notes'"):
        engine.run(chain, {"x": 1, "note": ""})


def test_a_missing_parameter_names_the_pipeline(engine):
    with pytest.raises(InvalidValue, match="pipeline 'chain': missing a required argument: 'x'"):
        engine.run(chain, {})


def test_a_handle_of_another_pipeline_is_refused():
    kept = []

    @pipeline
    def first() -> int:
        kept.append(inc(1))
        return kept[0]

    @pipeline
    def second() -> int:
        return inc(kept[0])

    first.trace({})
    with pytest.raises(InvalidValue, match="of another pipeline"):
        second.trace({})


def test_an_error_while_tracing_leaves_steps_callable():
    @pipeline
    def broken() -> int:
        raise RuntimeError("while tracing")

    with pytest.raises(RuntimeError, match="while tracing"):
        broken.trace({})
    assert inc(1) == 2


def test_something_that_is_no_pipeline_is_refused(engine: Engine):
    with pytest.raises(InvalidValue, match="a function cannot be run"):
        engine.run(lambda: 1)


def test_a_single_step_is_run_as_a_pipeline_of_one(engine):
    run = engine.run(inc, {"x": 1, "by": 5})
    assert (run.name, run.value) == ("inc", 6)


def test_the_digest_of_a_pipeline_tells_pipelines_apart():
    three, four = (Plan(chain.trace({"x": 1, "n": n})).digest for n in (3, 4))
    assert three != four
    assert three == Plan(chain.trace({"x": 1, "n": 3})).digest
