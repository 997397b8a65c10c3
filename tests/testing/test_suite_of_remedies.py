"""The suite of remedies: what is well made passes, and every broken rule is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from holdfast.core.errors import NotMeasurable
from holdfast.core.events import Action
from holdfast.core.grammar import parse
from holdfast.core.ports import Refusal
from holdfast.testing import (
    ConformanceError,
    check_remedy,
    tiny_context,
)


class GoodRemedy:
    """Train again."""

    name = "good"

    def propose(self, context: Any) -> Action | Refusal:
        if context.champion is None:
            return Refusal("there is no champion")
        return Action(
            "good",
            context.champion,
            context.verdict.promise.claim,
            {"rows": context.rows},
            precondition="there is a champion",
            undo="roll back",
            reason="it is broken",
        )

    def carry_out(self, action: Action, bench: Any) -> str | None:
        return None


CONTEXTS = [
    tiny_context(parse("recall >= 0.8").at("live")),
    tiny_context(parse("recall >= 0.8").at("live"), champion=None),
]


def _remedy(propose: Callable[[Any, Any], Any]) -> Any:
    return type("Tried", (GoodRemedy,), {"__doc__": "Tried.", "propose": propose})()


def _changed(**changes: Any) -> Callable[[Any, Any], Any]:
    return lambda _self, context: replace(GoodRemedy().propose(replace(context, champion="c" * 64)), **changes)


def _raise(_self: Any, _context: Any) -> Any:
    raise KeyError("champion")


def _refuse_by_error(_self: Any, _context: Any) -> Any:
    raise NotMeasurable("no")


def _different(self: Any, context: Any, seen: list[int] = []) -> Any:  # noqa: B006 - the memory is the fault
    seen.append(1)
    return _changed(params={"n": len(seen)})(self, context)


def _meddle(self: Any, context: Any) -> Any:
    context.contract.data.types["x"] = str(len(context.contract.data.types))
    return _changed()(self, context)


def test_a_good_remedy_conforms() -> None:
    check_remedy(GoodRemedy(), contexts=CONTEXTS)
    check_remedy(GoodRemedy())


@pytest.mark.parametrize(
    ("propose", "sentence"),
    [
        (_changed(remedy="other"), "an action of the remedy 'other'"),
        (_changed(promise="x >= 1"), "proposes to restore 'x >= 1'"),
        (_changed(reason=" "), "whose reason is empty"),
        (_changed(undo=""), "whose undo is empty"),
        (_changed(params={"rows": {1, "a"}, "x": object()}), "params is no plain data"),
        (_raise, "raised KeyError"),
        (_refuse_by_error, "expected an Action or a Refusal"),
        (_different, "answers .* then"),
        (_meddle, "changed what it was asked about"),
        (lambda _self, _context: Refusal(" "), "refuses without a reason"),
        (lambda _self, _context: None, "answers with a NoneType"),
    ],
)
def test_a_remedy_that_breaks_a_rule_is_named_with_the_rule(propose: Callable[..., Any], sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_remedy(_remedy(propose), contexts=CONTEXTS)


def test_a_remedy_that_never_proposes_anything_is_found() -> None:
    with pytest.raises(ConformanceError, match="proposes nothing for any promise"):
        check_remedy(_remedy(lambda _self, _context: Refusal("not today")))
