"""Asking: what a person asks of the keeper outside the loop: answers, approvals, a rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.digests import digest_of, iso
from holdfast.core.errors import NotAllowed, NotFound, UnknownName, one_of
from holdfast.core.events import Action, Cost, Decision
from holdfast.keeper.act import Outcome, act
from holdfast.keeper.alone import alone
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.loop import current_verdicts
from holdfast.keeper.plan import ROLLBACK
from holdfast.serve import load_model

if TYPE_CHECKING:
    import polars as pl


def answers(keeping: Keeping, rows: pl.DataFrame) -> pl.DataFrame:
    """Answers of the champion on rows: ``p_<class>`` columns and ``label``, or ``prediction``."""
    import polars as pl

    champion = keeping.champion()
    if champion is None:
        raise NotFound("no champion yet", expected="holdfast apply")
    loaded = load_model(keeping.store.models.package_folder(champion.package), keeping.model(champion.model).schema)
    score, decision = loaded.decide(rows)
    if decision is None:
        return pl.DataFrame({"prediction": score})
    columns = {f"p_{name}": score[:, index] for index, name in enumerate(loaded.schema.classes)}
    return pl.DataFrame({**columns, "label": [str(each) for each in decision]})


def planned(keeping: Keeping) -> dict[str, dict[str, object]]:
    """Actions of the last plan, by key."""
    from holdfast.store import codec

    latest = keeping.store.state.get("plan", keeping.name) or {}
    found = [codec.decode(Action, each) for each in latest.get("plan", {}).get("actions", [])]
    return {each.key: {"action": each} for each in found}


def approve(keeping: Keeping, key: str, *, allowed: bool, decider: str, reason: str) -> str:
    """A person's yes or no to a planned action; returns its key."""
    known = planned(keeping)
    fitting = [each for each in known if each.startswith(key)]
    if len(fitting) != 1:
        raise UnknownName(
            f"{len(fitting)} planned actions begin with {key!r}",
            expected=one_of(each[:12] for each in known) if known else "an action of a plan: holdfast plan",
        )
    chosen = fitting[0]
    _four_eyes(keeping, chosen, decider)
    keeping.store.journal.append(
        "approval.given",
        {"action": chosen, "decider": decider, "allowed": allowed, "reason": reason},
        model=keeping.name,
    )
    return chosen


def _four_eyes(keeping: Keeping, action: str, decider: str) -> None:
    if keeping.contract.policy.approve == "four-eyes" and decider == keeping.author:
        why = f"{decider} wrote the contract, and the policy wants four eyes"
        keeping.store.journal.append(
            "access.denied", {"action": action, "decider": decider, "reason": why}, model=keeping.name
        )
        raise NotAllowed(why, expected="an approval by somebody else")


def champions(keeping: Keeping) -> list[str]:
    """Every model that was champion, latest first, each once."""
    events = keeping.store.journal.events(types=("deployment.changed",), model=keeping.name, newest_first=True)
    return list(dict.fromkeys(str(each.payload["model"]) for each in events if each.payload["role"] == "champion"))


def rollback(keeping: Keeping, to: str | None, *, decider: str, reason: str) -> Outcome:
    """Make an earlier champion the champion again, by a person's decision."""
    current = keeping.champion()
    earlier = [each for each in champions(keeping) if current is None or each != current.model]
    fitting = earlier[:1] if to is None else [each for each in earlier if each.startswith(to)]
    if current is None or not fitting:
        raise NotFound(
            "no earlier champion" + (f" {to!r}" if to else ""),
            expected=one_of(each[:12] for each in earlier) if earlier else "a second model that was let out",
        )
    _four_eyes(keeping, f"rollback to {fitting[0]}", decider)
    verdicts = current_verdicts(keeping)
    action = Action(
        remedy=ROLLBACK,
        subject=current.model,
        promise="",
        params={"to": fitting[0]},
        precondition="it was champion before",
        undo=f"holdfast rollback {current.model[:12]}",
        reason=reason,
        cost=Cost(risk=0.5),
        # Asked for again, it is another action.
        cause=digest_of({"at": iso(keeping.now), "model": current.model}),
    )
    decision = Decision(
        action=action.key,
        allowed=True,
        decider=decider,
        policy="person",
        seen=tuple(f"{each.promise.stage}: {each.promise.claim}: {each.state.value}" for each in verdicts),
        time=keeping.now,
        reason=reason,
    )
    with alone(keeping):
        return act(keeping, action, decision, verdicts)


def find_model(keeping: Keeping, words: str) -> str:
    """Id of the model or package that a person means: an id's beginning, the model's name, or ``champion``."""
    champion = keeping.champion()
    if words in ("champion", keeping.name):
        if champion is None:
            raise NotFound("no champion yet", expected="holdfast apply")
        return champion.model
    ids = [
        *keeping.store.state.all("model", model=keeping.name),
        *keeping.store.state.all("package", model=keeping.name),
    ]
    fitting = [each for each in ids if each.startswith(words)]
    if len(fitting) != 1:
        raise NotFound(
            f"{len(fitting)} models begin with {words!r}", expected=one_of([*(e[:12] for e in ids), "champion"])
        )
    return fitting[0]
