"""Act: run decided actions; journalled, leased, idempotent by key. Nothing here runs without a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.core import registry
from holdfast.core.digests import iso, plain
from holdfast.core.errors import HoldfastError, LeaseLost, NotAllowed, NotFound, StoreUnavailable
from holdfast.core.events import Action, Decision
from holdfast.core.evidence import State, Verdict
from holdfast.keeper import live
from holdfast.keeper.bench import Bench
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.observe import judge_all, observe, verdict_events
from holdfast.keeper.plan import ROLLBACK, TRAIN
from holdfast.keeper.subjects import data_view
from holdfast.keeper.training import train
from holdfast.keeper.verify import Gate, gate

if TYPE_CHECKING:
    from holdfast.store import NewEvent


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Parameters
    ----------
    action
        The action.
    state
        ``restored`` (done, verified, let out), ``not restored`` (done, but a gate was not held: nothing was let out),
        ``failed`` (an error stopped it), ``interrupted`` (its keeper was ended), ``already done``, or ``stale`` (what
        it would act on was replaced since it was planned: not begun).
    model
        Id of the model version that it made, if any.
    text
        One sentence for a person.
    failed
        The verdicts that kept it from being let out.
    """

    action: Action
    state: str
    model: str | None = None
    text: str = ""
    failed: tuple[Verdict, ...] = ()

    @property
    def begun(self) -> bool:
        """Whether anything was done."""
        return self.state not in ("already done", "stale")


def act(keeping: Keeping, action: Action, decision: Decision, verdicts: Sequence[Verdict]) -> Outcome:
    """Carry an action out, verify what it made, and let it out if every gate is held.

    What follows from it (the promotion, its verdicts, the dataset that trains the next model) is journalled together
    with its end, all or nothing. So a crash at any point leaves the action either ended or started with nothing let
    out: the next keeper then carries it out again under the same key, its engine steps answer from their cache, and
    what was registered is not registered twice. A target that could not be told is told by `reconcile`.

    Raises
    ------
    NotAllowed
        If the decision is not a yes to this action.
    StoreUnavailable, LeaseLost
        If the store went away, or another keeper took over: the action is then started and not ended, as by a crash.
    """
    if not decision.allowed or decision.action != action.key:
        raise NotAllowed(
            f"no decision allows {action.remedy}", expected="an approval: holdfast approve " + action.key[:12]
        )
    journal, known = keeping.store.journal, keeping.store.state.get("action", action.key)
    if known is not None and known.get("state") in ("finished", "failed"):
        return Outcome(action, "already done", text="done before under this key")
    if action.subject not in subjects(keeping):
        return Outcome(action, "stale", text="what it would act on was replaced since it was planned")
    journal.append("decision.made", {"decision": plain(decision)}, model=keeping.name, key=f"decision:{action.key}")
    journal.append(
        "action.started", {"key": action.key, "action": plain(action)}, model=keeping.name, key=f"started:{action.key}"
    )
    try:
        outcome, news = _carry_out(keeping, action, decision, verdicts)
    except HoldfastError as error:
        # The engine wraps what a step raised; a person wants to know what it was.
        cause = error.__cause__ if isinstance(error.__cause__, HoldfastError) else error
        if isinstance(cause, LeaseLost | StoreUnavailable):
            # The action did not fail, the ground under its keeper did: it stays started, for the next look.
            raise cause from error
        outcome, news = Outcome(action, "failed", text=str(cause)), []
    keeping.still_mine()
    journal.append_all([*news, ended(keeping, outcome)])
    if all(each.type != "deployment.changed" for each in news):
        return outcome
    return replace(outcome, text="; ".join([outcome.text, *_told(keeping)]))


def subjects(keeping: Keeping) -> set[str]:
    """What an action may act on now: the dataset version, and the champion or, without one, the last candidate."""
    champion, dataset = keeping.champion(), keeping.dataset()
    contender = keeping.store.state.get("contender", keeping.name)
    model = champion.model if champion is not None else (contender or {}).get("model")
    return {str(each) for each in (model, dataset.digest if dataset is not None else None) if each is not None}


def ended(keeping: Keeping, outcome: Outcome) -> NewEvent:
    """The event that ends an action."""
    from holdfast.store import NewEvent

    return NewEvent(
        "action.failed" if outcome.state in ("failed", "interrupted") else "action.finished",
        {
            "key": outcome.action.key,
            "action": plain(outcome.action),
            "outcome": {
                "state": outcome.state,
                "model": outcome.model,
                "text": outcome.text,
                "failed": [each.promise.claim for each in outcome.failed],
            },
        },
        model=keeping.name,
        key=f"ended:{outcome.action.key}",
    )


def _told(keeping: Keeping) -> list[str]:
    """Tell the targets; in words, which of them could not be told and will be at the next look."""
    try:
        reconcile(keeping)
    except HoldfastError as error:
        return [f"not every target could be told yet: {error}"]
    return []


def _carry_out(
    keeping: Keeping, action: Action, decision: Decision, verdicts: Sequence[Verdict]
) -> tuple[Outcome, list[NewEvent]]:
    """Do it: what came of it, and what is to be journalled with its end."""
    dataset = keeping.dataset()
    if dataset is None:
        raise NotFound("no dataset version yet", expected="holdfast check")
    bench = Bench(keeping, dataset, newest=_newest(action, verdicts))
    if action.remedy == TRAIN:
        made: str | None = train(
            keeping, dataset=dataset.digest, settings={}, weights=None, parent=None, reason=action.reason
        ).id
    else:
        made = registry.get("remedy", action.remedy).carry_out(action, bench)
    if made is None:
        return _handled(keeping, action, bench, verdicts)
    judged = bench.dataset.digest if action.remedy != ROLLBACK else keeping.model(made).dataset
    return _let_out(keeping, action, decision, verdicts=verdicts, made=made, dataset=judged)


def _handled(
    keeping: Keeping, action: Action, bench: Bench, verdicts: Sequence[Verdict]
) -> tuple[Outcome, list[NewEvent]]:
    """Judge what a remedy made of the data: it counts only when its promise holds, and no other broke."""
    before = {each.promise.id: each.state for each in verdicts}
    view = data_view(keeping, bench.dataset)
    judged = judge_all(keeping, observe(keeping, keeping.contract.at("data"), view))
    missed = tuple(
        each
        for each in judged
        if each.state is not State.HELD
        and (each.promise.claim == action.promise or before.get(each.promise.id) is State.HELD)
    )
    said = "; ".join(bench.said) or f"{action.remedy} done"
    if missed:
        text = f"{said}; {missed[0].promise.claim} is {missed[0].state.value}: {missed[0].reason}"
        return Outcome(action, "not restored", text=text, failed=missed), []
    news = [*keeping.choice(bench.dataset.digest), *verdict_events(keeping, judged, subject=bench.dataset.digest)]
    return Outcome(action, "restored", text=f"{said}; {action.promise} holds again"), news


def _newest(action: Action, verdicts: Sequence[Verdict]) -> datetime | None:
    """Begin of the window in which the promise broke: rows from then on are the world that the remedy is for."""
    windows = [
        each.deciding.window
        for each in verdicts
        if each.promise.claim == action.promise and each.deciding is not None and each.deciding.window is not None
    ]
    return windows[0][0] if windows else None


def _let_out(
    keeping: Keeping, action: Action, decision: Decision, *, verdicts: Sequence[Verdict], made: str, dataset: str
) -> tuple[Outcome, list[NewEvent]]:
    replayed = live.replay_view(keeping, made, dataset)
    promises = [each.promise for each in verdicts if each.promise.stage == "live" and _worth_replaying(each, action)]
    found = gate(keeping, made, dataset=dataset, action=action.key, replayed=replayed, live=promises)
    if found.passed or action.remedy == ROLLBACK:
        text = f"model {made[:12]} passed every gate and is champion"
        if not found.passed:
            # Going back is the last resort: it is done, and said, even where the way back is not without fault.
            text = f"model {made[:12]} is champion again; {_missed(found)}"
        news = promotion(keeping, found, decision, key=action.key, reason=action.reason)
        if action.remedy != ROLLBACK:
            news += keeping.choice(dataset)
        return Outcome(action, "restored", model=made, text=text, failed=found.failed), news
    # Without a champion, what the last candidate missed is what status has to show; a champion's verdicts stand.
    news = verdict_events(keeping, found.verdicts, subject=found.model) if keeping.champion() is None else []
    return Outcome(action, "not restored", model=made, text=_missed(found), failed=found.failed), news


def _missed(found: Gate) -> str:
    worst = found.failed[0]
    return f"{len(found.failed)} promises would not be held, first: {worst.promise.claim} ({worst.reason})"


def _worth_replaying(verdict: Verdict, action: Action) -> bool:
    return verdict.state is State.HELD or verdict.promise.claim == action.promise


def promotion(keeping: Keeping, found: Gate, decision: Decision, *, key: str, reason: str) -> list[NewEvent]:
    """Events that make a model the champion on every target of the contract, by a decision that names what was seen.

    The journal says so first; then the targets are told, by `reconcile`.
    """
    from holdfast.store import NewEvent

    seen = tuple(f"{each.promise.stage}: {each.promise.claim}: {each.state.value}" for each in found.verdicts)
    let_out = replace(decision, action=f"promote:{key}", seen=seen, time=keeping.now, reason=reason)
    deployment = {
        "name": keeping.name,
        "model": found.model,
        "package": found.package,
        "role": "champion",
        "share": 1.0,
        "since": iso(keeping.now),
        "decision": let_out.action,
        "withdrawn": False,
    }
    return [
        NewEvent("decision.made", {"decision": plain(let_out)}, model=keeping.name, key=f"decision:promote:{key}"),
        *(
            NewEvent("deployment.changed", {**deployment, "target": each}, keeping.name, f"deploy:{key}:{each}")
            for each in keeping.contract.targets
        ),
        *verdict_events(keeping, found.verdicts, subject=found.model),
    ]


def reconcile(keeping: Keeping) -> list[str]:
    """Make every target run what the journal says it runs; in words, what had to be done.

    Telling a target twice does nothing twice, so this may run at every start.

    Raises
    ------
    HoldfastError
        The first of what the targets raised, after all of them were told.
    """
    done: list[str] = []
    problems: list[HoldfastError] = []
    for name in keeping.contract.targets:
        wanted = keeping.champion(name)
        if wanted is None:
            continue
        place = keeping.place(name)
        try:
            place.mkdir(parents=True, exist_ok=True)
            package = keeping.store.models.get_package(wanted.package)
            folder = keeping.store.models.package_folder(wanted.package)
            registry.get("target", name).deploy(wanted, package, folder, place)
        except OSError as error:
            problems.append(StoreUnavailable(f"cannot write: {error.strerror or error}", where=str(place)))
        except HoldfastError as error:
            problems.append(error)
        else:
            done.append(f"{name} runs {wanted.model[:12]} as champion")
    if problems:
        raise problems[0]
    return done
