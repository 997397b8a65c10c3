from __future__ import annotations

import pytest
from engine_sample import fails, inc, split, total

from holdfast.core.errors import InvalidValue
from holdfast.engine import Engine, Step, StepCall, pipeline, step


def test_a_step_called_outside_a_pipeline_is_its_function():
    assert inc(1) == 2
    assert inc(x=1, by=3) == 4


def test_a_step_that_raises_outside_a_pipeline_raises_its_own_error():
    with pytest.raises(ValueError, match="no 3"):
        fails(3)


def test_a_step_keeps_name_docstring_and_signature():
    @step(retries=1)
    def documented(a: int) -> int:
        """Say what it does."""
        return a

    assert isinstance(documented, Step)
    assert documented.__name__ == "documented"
    assert documented.__doc__ == "Say what it does."
    assert list(documented.signature.parameters) == ["a"]


def test_a_map_outside_a_pipeline_calls_the_function_for_each_item():
    assert inc.map([1, 2, 3], by=10) == [11, 12, 13]
    assert inc.map([], by=10) == []


def test_a_map_takes_several_lists_of_one_length():
    assert inc.map([1, 2], ["", ""]) == [2, 3]


@pytest.mark.parametrize(
    ("columns", "said"),
    [((), "mapped over nothing"), (([1], ["", ""]), "lists of 1, 2 items")],
)
def test_a_map_over_nothing_or_over_lists_of_two_lengths_is_refused(columns, said):
    with pytest.raises(InvalidValue, match=said):
        inc.map(*columns)


def test_a_map_with_a_wrong_fixed_argument_names_the_nearest():
    with pytest.raises(InvalidValue, match=r"step 'inc' has no argument 'bye'.*did you mean 'by'"):
        inc.map([1], bye=2)


def test_inside_a_pipeline_a_wrong_argument_names_the_step_and_the_nearest():
    @pipeline
    def wrong() -> int:
        return inc(1, bye=2)

    with pytest.raises(InvalidValue, match=r"step 'inc' has no argument 'bye'.*did you mean 'by'"):
        wrong.trace({})


def test_inside_a_pipeline_a_missing_argument_names_the_step():
    @pipeline
    def wrong() -> int:
        return inc()

    with pytest.raises(InvalidValue, match="step 'inc': missing a required argument: 'x'"):
        wrong.trace({})


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"retries": -1}, "retries=-1"),
        ({"retries": True}, "retries=True"),
        ({"backoff_s": -0.1}, "backoff_s"),
        ({"timeout_s": 0}, "timeout_s=0"),
        ({"timeout_s": float("nan")}, "timeout_s=nan"),
        ({"cpu_s": 0}, "cpu_s=0"),
        ({"memory_mb": -5}, "memory_mb=-5"),
        ({"libraries": "lightgbm"}, "libraries='lightgbm'"),
    ],
)
def test_a_setting_out_of_range_is_refused(setting, said):
    with pytest.raises(InvalidValue, match=said):
        step(**setting)(lambda: None)


def test_only_an_ordinary_function_can_be_a_step():
    async def later() -> None: ...

    def many():
        yield 1

    for wrong in (later, many, print, 3, Engine):
        with pytest.raises(InvalidValue, match="@step on"):
            step(wrong)


def test_a_step_in_a_class_is_refused_where_it_is_called_on_an_instance():
    class Holder:
        @step
        def method(self) -> int:
            return 1

    with pytest.raises(InvalidValue, match="called on an instance"):
        Holder().method()


def _handle(name: str) -> StepCall:
    found = {}

    @pipeline
    def traced(n: int) -> int:
        found["split"] = split(n)
        found["total"] = total(found["split"]["train"])
        return found["total"]

    traced.trace({"n": 3})
    return found[name]


@pytest.mark.parametrize(
    "use", [bool, list, len, lambda handle: 3 in handle, lambda handle: handle[1:2], lambda handle: handle[1.5]]
)
def test_a_handle_has_no_value_while_the_pipeline_is_traced(use):
    with pytest.raises(InvalidValue, match="result of split"):
        use(_handle("split"))


def test_a_handle_says_which_part_of_which_step_it_is():
    assert repr(_handle("split")["train"][0]) == "<result of split['train'][0]>"
