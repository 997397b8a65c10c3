"""Act: run decided actions; journalled, leased, idempotent by key. Nothing here runs without a decision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holdfast.core import registry
from holdfast.core.digests import iso, plain
from holdfast.core.errors import HoldfastError, LeaseLost, NotAllowed, NotFound, StoreUnavailable
from holdfast.core.events import Action, Decision
from holdfast.core.evidence import State, Verdict
from holdfast.keeper import live
from holdfast.keeper.bench import Bench
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.observe import View, record_verdicts
from holdfast.keeper.plan import ROLLBACK, TRAIN
from holdfast.keeper.training import train
from holdfast.keeper.verify import Gate, gate


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Parameters
    ----------
    action
        The action.
    state
        ``restored`` (done, verified, let out), ``not restored`` (done, but a gate was not held: nothing was let out),
        ``failed`` (an error stopped it), or ``already done``.
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


def act(keeping: Keeping, action: Action, decision: Decision, verdicts: Sequence[Verdict]) -> Outcome:
    """Carry an action out, verify what it made, and let it out if every gate is held.

    A crash at any point leaves the action started but not finished: the next keeper carries it out again under the
    same key, its engine steps answer from their cache, and what was registered or deployed is not done twice.

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
    journal.append("decision.made", {"decision": plain(decision)}, model=keeping.name, key=f"decision:{action.key}")
    journal.append(
        "action.started", {"key": action.key, "action": plain(action)}, model=keeping.name, key=f"started:{action.key}"
    )
    try:
        outcome = _carry_out(keeping, action, decision, verdicts)
    except HoldfastError as error:
        # The engine wraps what a step raised; a person wants to know what it was.
        cause = error.__cause__ if isinstance(error.__cause__, HoldfastError) else error
        if isinstance(cause, LeaseLost | StoreUnavailable):
            # The action did not fail, the ground under its keeper did: it stays started, for the next look.
            raise cause from error
        outcome = Outcome(action, "failed", text=str(cause))
    kind = "action.failed" if outcome.state == "failed" else "action.finished"
    journal.append(
        kind,
        {
            "key": action.key,
            "action": plain(action),
            "outcome": {
                "state": outcome.state,
                "model": outcome.model,
                "text": outcome.text,
                "failed": [each.promise.claim for each in outcome.failed],
            },
        },
        model=keeping.name,
        key=f"ended:{action.key}",
    )
    return outcome


def _carry_out(keeping: Keeping, action: Action, decision: Decision, verdicts: Sequence[Verdict]) -> Outcome:
    dataset = keeping.dataset()
    if dataset is None:
        raise NotFound("no dataset version yet", expected="holdfast check")
    bench = Bench(keeping, dataset, newest=_newest(action, verdicts))
    if action.remedy == TRAIN:
        parent = None
        made: str | None = train(
            keeping, dataset=dataset.digest, settings={}, weights=None, parent=parent, reason=action.reason
        ).id
    else:
        made = registry.get("remedy", action.remedy).carry_out(action, bench)
    if made is None:
        keeping.choose(bench.dataset)
        return Outcome(action, "restored", text=f"{action.remedy} done; judged again at the next look")
    judged = bench.dataset.digest if action.remedy != ROLLBACK else keeping.model(made).dataset
    return _let_out(keeping, action, decision, verdicts=verdicts, made=made, dataset=judged)


def _newest(action: Action, verdicts: Sequence[Verdict]) -> datetime | None:
    """Begin of the window in which the promise broke: rows from then on are the world that the remedy is for."""
    deciding = next((each.deciding for each in verdicts if each.promise.claim == action.promise), None)
    return deciding.window[0] if deciding is not None and deciding.window is not None else None


def _let_out(
    keeping: Keeping, action: Action, decision: Decision, *, verdicts: Sequence[Verdict], made: str, dataset: str
) -> Outcome:
    replayed = live.replay_view(keeping, made, dataset)
    promises = [each.promise for each in verdicts if each.promise.stage == "live" and _worth_replaying(each, action)]
    found = gate(keeping, made, dataset=dataset, action=action.key, replayed=replayed, live=promises)
    if not found.passed and action.remedy != ROLLBACK:
        _remember_failure(keeping, found)
        worst = found.failed[0]
        text = f"{len(found.failed)} promises would not be held, first: {worst.promise.claim} ({worst.reason})"
        return Outcome(action, "not restored", model=made, text=text, failed=found.failed)
    promote(keeping, found, decision, key=action.key, reason=action.reason)
    if action.remedy != ROLLBACK:
        keeping.choose(keeping.store.datasets.get(dataset))
    return Outcome(action, "restored", model=made, text=f"model {made[:12]} passed every gate and is champion")


def _worth_replaying(verdict: Verdict, action: Action) -> bool:
    return verdict.state is State.HELD or verdict.promise.claim == action.promise


def _remember_failure(keeping: Keeping, found: Gate) -> None:
    # Without a champion, what the last candidate missed is what status has to show; a champion's verdicts stand.
    if keeping.champion() is None:
        record_verdicts(keeping, found.verdicts, _subject(found))


def _subject(found: Gate) -> View:
    def give(_kind: str) -> Any:
        raise NotFound("these verdicts are made already")

    return View(stage="candidate", subject=found.model, inputs=(), columns=(), give=give)


def promote(keeping: Keeping, found: Gate, decision: Decision, *, key: str, reason: str) -> None:
    """Make a model the champion on every target of the contract, by a recorded decision that names what was seen.

    The journal says so first; then the targets are told. A crash between the two is mended by `reconcile`.
    """
    keeping.still_mine()
    seen = tuple(f"{each.promise.stage}: {each.promise.claim}: {each.state.value}" for each in found.verdicts)
    let_out = replace(decision, action=f"promote:{key}", seen=seen, time=keeping.now, reason=reason)
    keeping.store.journal.append(
        "decision.made", {"decision": plain(let_out)}, model=keeping.name, key=f"decision:promote:{key}"
    )
    for target in keeping.contract.targets:
        since = keeping.now
        keeping.store.journal.append(
            "deployment.changed",
            {
                "name": keeping.name,
                "model": found.model,
                "package": found.package,
                "target": target,
                "role": "champion",
                "share": 1.0,
                "since": iso(since),
                "decision": let_out.action,
                "withdrawn": False,
            },
            model=keeping.name,
            key=f"deploy:{key}:{target}",
        )
    record_verdicts(keeping, found.verdicts, _subject(found))
    reconcile(keeping)


def reconcile(keeping: Keeping) -> list[str]:
    """Make every target run what the journal says it runs; in words, what had to be done.

    Telling a target twice does nothing twice, so this may run at every start.
    """
    done = []
    for name in keeping.contract.targets:
        wanted = keeping.champion(name)
        if wanted is None:
            continue
        place = keeping.place(name)
        place.mkdir(parents=True, exist_ok=True)
        target = registry.get("target", name)
        package = keeping.store.models.get_package(wanted.package)
        target.deploy(wanted, package, keeping.store.models.package_folder(wanted.package), place)
        done.append(f"{name} runs {wanted.model[:12]} as champion")
    return done
