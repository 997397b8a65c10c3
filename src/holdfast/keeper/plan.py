"""Plan: broken promises -> ordered actions with reasons. Pure: the same state gives the same plan, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from holdfast.core.contract import Contract
from holdfast.core.digests import iso
from holdfast.core.events import Action, Cost, Plan
from holdfast.core.evidence import State, Verdict
from holdfast.core.ports import Refusal, Remedy, RemedyContext
from holdfast.core.units import show

#: The keeper's own first action: there is no champion yet.
TRAIN = "train"

#: The remedy that always comes last.
ROLLBACK = "rollback"

_ORDER = ("data", "candidate", "package", "live")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One earlier try of a remedy for a claim.

    What one that was interrupted would have done nobody knows: it is no reason to wait, or to give the remedy up. But
    it ended, so the next try is another action.
    """

    remedy: str
    claim: str
    time: datetime
    restored: bool
    cause: str = ""
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """Everything that a plan depends on.

    Parameters
    ----------
    contract
        The contract.
    verdicts
        The latest verdict on each promise.
    now
        Time of the plan; decides only whether a back-off is over.
    dataset
        Digest of the dataset version to train on.
    champion
        Id of the champion, or None.
    contender
        Id of a candidate that failed its gates while there is no champion, or None.
    previous
        Earlier champions whose promises held, latest first.
    fresh_rows, rows
        Labelled rows since the champion was trained; rows it was trained on.
    attempts
        Earlier tries, oldest first; only those since the promise last held count.
    held
        When each promise last held, by its id.
    holds
        What holds the pipeline on the current dataset version: since when, by promise id.
    train_seconds
        Seconds that the last training took.
    """

    contract: Contract
    verdicts: tuple[Verdict, ...]
    now: datetime
    dataset: str
    champion: str | None = None
    contender: str | None = None
    previous: tuple[str, ...] = ()
    fresh_rows: int = 0
    rows: int = 0
    attempts: tuple[Attempt, ...] = field(default_factory=tuple)
    held: Mapping[str, datetime] = field(default_factory=dict)
    holds: Mapping[str, str] = field(default_factory=dict)
    train_seconds: float = 60.0


def plan(situation: Situation, remedies: Mapping[str, Remedy]) -> Plan:
    """Ordered actions, cheapest first, with the reason for each and what was set aside.

    Broken data promises come first: nothing is trained on data that break their promises. One action is planned for
    each broken promise; an action that would do the same as another is planned once.

    Parameters
    ----------
    situation
        The state of the world.
    remedies
        The registered remedies, by name.

    Returns
    -------
    Plan
        Empty when every promise is held, or nothing can be done; the notes then say why.
    """
    broken = [each for each in situation.verdicts if each.state is State.BROKEN]
    data = [each for each in broken if each.promise.stage == "data"]
    if data:
        return _remedies(situation, data, remedies)
    if situation.champion is None and situation.contender is None:
        return _first_training(situation)
    return _remedies(situation, sorted(broken, key=lambda each: _ORDER.index(str(each.promise.stage))), remedies)


def _first_training(situation: Situation) -> Plan:
    contract = situation.contract
    about = f"{contract.id}:{situation.dataset}"
    tries = [each for each in situation.attempts if each.remedy == TRAIN and each.cause.startswith(about)]
    failed = [each for each in tries if not each.interrupted]
    waiting = _waiting(situation, failed, failed)
    if waiting is not None:
        return Plan(notes=(f"{TRAIN} not now: {waiting}",))
    action = Action(
        remedy=TRAIN,
        subject=situation.dataset,
        promise="",
        params={"trainer": contract.train.trainer, "budget_s": contract.train.budget_s, "seed": contract.train.seed},
        precondition="every data promise holds",
        undo="withdraw the deployment; the registry keeps the model",
        reason=f"{contract.name} has no champion yet: search a model under the promises, package it, judge it",
        cost=Cost(seconds=contract.train.budget_s),
        cause=_again(about, tries),
    )
    return Plan(actions=(action,))


def _remedies(situation: Situation, broken: Sequence[Verdict], remedies: Mapping[str, Remedy]) -> Plan:
    actions: dict[str, Action] = {}
    notes: list[str] = []
    if situation.champion is None and not broken:
        missed = [each for each in situation.verdicts if each.state is State.UNPROVEN and each.promise.stage != "live"]
        notes = [f"{each.promise.claim}: the last candidate did not prove it; a person is needed" for each in missed]
    for verdict in broken:
        since = situation.holds.get(verdict.promise.id)
        if since is not None:
            notes.append(f"{verdict.promise.claim}: the pipeline is held since {since}, until the data are mended")
            continue
        action, considered = _remedy_for(situation, verdict, remedies)
        notes.extend(considered)
        if action is None:
            notes.append(f"{verdict.promise.claim}: no remedy is left; a person is needed")
        else:
            # Two promises cured by the same deed need it once.
            actions.setdefault(f"{action.remedy}:{action.subject}", action)
    return Plan(actions=tuple(actions.values()), notes=tuple(notes))


def _remedy_for(
    situation: Situation, verdict: Verdict, remedies: Mapping[str, Remedy]
) -> tuple[Action | None, list[str]]:
    earlier = [each for each in situation.attempts if each.claim == verdict.promise.claim]
    failed = _failed(earlier)
    tried = _since(failed, situation.held.get(verdict.promise.id))
    context = RemedyContext(
        contract=situation.contract,
        verdict=verdict,
        others=tuple(each for each in situation.verdicts if each.promise.id != verdict.promise.id),
        champion=situation.champion or situation.contender,
        previous=situation.previous,
        fresh_rows=situation.fresh_rows,
        rows=situation.rows,
        attempts={name: len(times) for name, times in tried.items()},
        train_seconds=situation.train_seconds,
    )
    notes: list[str] = []
    proposed: list[Action] = []
    for name in sorted(remedies):
        answer = remedies[name].propose(context)
        if isinstance(answer, Refusal):
            notes.append(f"{verdict.promise.claim}: {name} not now: {answer.reason}")
            continue
        # A promise that held for a moment gives a remedy its attempts back, but not its next try at once.
        waiting = _waiting(situation, tried.get(name, []), failed.get(name, []))
        if waiting is not None:
            notes.append(f"{verdict.promise.claim}: {name} not now: {waiting}")
        else:
            proposed.append(replace(answer, cause=_cause(verdict, [each for each in earlier if each.remedy == name])))
    if not proposed:
        return None, notes
    chosen = min(proposed, key=_preference(verdict.promise.remedies, tried))
    notes.extend(
        f"{verdict.promise.claim}: {each.remedy} would do too "
        f"({show(each.cost.seconds, 'seconds')}, risk {each.cost.risk:g})"
        for each in proposed
        if each is not chosen
    )
    return chosen, notes


def _preference(asked: Sequence[str], tried: Mapping[str, list[Attempt]]) -> Callable[[Action], tuple[object, ...]]:
    """What was tried less comes first, then what the contract asks for, then the cheapest; rollback is always last."""

    def key(action: Action) -> tuple[object, ...]:
        place = asked.index(action.remedy) if action.remedy in asked else len(asked)
        return (action.remedy == ROLLBACK, len(tried.get(action.remedy, [])), place, action.cost.weight, action.remedy)

    return key


def _failed(attempts: Sequence[Attempt]) -> dict[str, list[Attempt]]:
    """Failed tries since one succeeded, by remedy."""
    found: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        if attempt.restored:
            found.clear()
        elif not attempt.interrupted:
            found.setdefault(attempt.remedy, []).append(attempt)
    return found


def _since(tried: Mapping[str, list[Attempt]], held: datetime | None) -> dict[str, list[Attempt]]:
    """Tries since the promise last held, by remedy."""
    later = {name: [each for each in tries if held is None or each.time > held] for name, tries in tried.items()}
    return {name: tries for name, tries in later.items() if tries}


def _waiting(situation: Situation, tries: Sequence[Attempt], failed: Sequence[Attempt]) -> str | None:
    """Why a remedy may not be tried again now: its attempts are spent, or its back-off (doubling) is not over.

    `tries` are those that count, the last of `failed` begins the back-off.
    """
    policy = situation.contract.policy
    if len(tries) >= policy.attempts:
        return f"{len(tries)} tries did not restore the promise"
    if not failed:
        return None
    until = failed[-1].time + timedelta(seconds=policy.backoff_s * 2 ** max(0, len(tries) - 1))
    return f"tried {len(failed)} times; again after {until:%Y-%m-%d %H:%M:%S} UTC" if situation.now < until else None


def _cause(verdict: Verdict, tries: Sequence[Attempt]) -> str:
    return _again(verdict.deciding.id if verdict.deciding is not None else "", tries)


def _again(about: str, tries: Sequence[Attempt]) -> str:
    """A cause that is another one after each try: what ended is never mistaken for what is to be done again."""
    return f"{about}:{iso(tries[-1].time)}" if tries else f"{about}:"
