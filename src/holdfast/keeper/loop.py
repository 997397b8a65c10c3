"""The loop: observe, judge, plan, decide, act, verify; once around is a tick."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from holdfast.core import registry
from holdfast.core.digests import parse_iso
from holdfast.core.events import Action, Decision, Plan
from holdfast.core.evidence import Evidence, State, Verdict
from holdfast.core.ports import Remedy
from holdfast.core.promises import Promise
from holdfast.keeper import live
from holdfast.keeper.act import Outcome, act, ended, reconcile
from holdfast.keeper.alone import alone
from holdfast.keeper.decide import Approval, decide
from holdfast.keeper.handling import holds, release
from holdfast.keeper.judge import longest_age, observed
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import View
from holdfast.keeper.observe import judge_all, observe, record_verdicts, unproven, verdict_of, worth_a_look
from holdfast.keeper.plan import Attempt, Situation, plan
from holdfast.keeper.subjects import data_view, gate_view
from holdfast.keeper.verify import GATED
from holdfast.store import codec

if TYPE_CHECKING:
    from holdfast.store import DatasetVersion


@dataclass(slots=True)
class Tick:
    """What one time around the loop saw and did.

    Parameters
    ----------
    verdicts
        On every promise of the contract, in its order.
    plan
        What would be done next.
    decisions
        By action key; an action without one waits for a person.
    outcomes
        Of the actions that were carried out.
    """

    verdicts: tuple[Verdict, ...]
    plan: Plan
    decisions: dict[str, Decision] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    @property
    def waiting(self) -> tuple[Action, ...]:
        """Actions that wait for a person's approval."""
        return tuple(each for each in self.plan.actions if each.key not in self.decisions)

    @property
    def state(self) -> State:
        """Broken if a promise is, else unproven if one is, else held."""
        states = [each.state for each in self.verdicts]
        return next((each for each in (State.BROKEN, State.UNPROVEN) if each in states), State.HELD)


def look(keeping: Keeping) -> tuple[Verdict, ...]:
    """Observe and judge: the verdict on every promise, from evidence collected now where something is new."""
    keeping.accept()
    live.ingest_log(keeping)
    _judge_stage(keeping, keeping.contract.at("data"), data_view(keeping, keeping.ingest()))
    _judge_champion(keeping)
    for promises, live_view in live.live_views(keeping):
        _judge_stage(keeping, promises, live_view)
    verdicts = current_verdicts(keeping)
    release(keeping, verdicts)
    return verdicts


def _judge_stage(keeping: Keeping, asked: Sequence[Promise], view: View) -> None:
    promises = [each for each in asked if not _known(keeping, each, view)]
    if promises:
        record_verdicts(keeping, judge_all(keeping, observe(keeping, promises, view)), view)


def _judge_champion(keeping: Keeping) -> None:
    """Judge promises of candidate and package that the contract did not make when the champion was let out."""
    champion = keeping.champion()
    if champion is None:
        return
    dataset = keeping.model(champion.model).dataset
    for stage in GATED:
        asked = keeping.contract.at(stage)
        if any((verdict_of(keeping, each.id) or {}).get("subject") != champion.model for each in asked):
            view = gate_view(keeping, champion.model, dataset, stage=stage, package=champion.package)
            _judge_stage(keeping, asked, view)


def _known(keeping: Keeping, promise: Promise, view: View) -> bool:
    """Whether the same subject was judged on the same inputs before: then there is nothing new to see."""
    known = verdict_of(keeping, promise.id)
    if known is None or known.get("subject") != view.subject:
        return False
    if view.stage == "live":
        return not worth_a_look(known, view)
    return view.stage != "data" or not _moved(keeping, promise, known)


def _moved(keeping: Keeping, promise: Promise, known: Mapping[str, object]) -> bool:
    """Whether a verdict on the same rows may be another by now: another table changed, or an age outgrew its bound."""
    spec = keeping.spec(promise)
    if spec.takes("related"):
        return True
    value, since = known.get("value"), known.get("held")
    if not spec.takes("now") or known.get("state") != State.HELD or value is None or since is None:
        return False
    return not promise.within(float(str(value)) + (keeping.now - parse_iso(str(since))).total_seconds())


def current_verdicts(keeping: Keeping) -> tuple[Verdict, ...]:
    """The latest verdict on every promise of the contract; one about an earlier model or dataset proves nothing now.

    Nor does one about traffic whose last observation is older than the promise's window.
    """
    champion, dataset = keeping.champion(), keeping.dataset()
    judged = champion.model if champion is not None else contender(keeping)
    found = []
    for promise in keeping.contract.promises:
        known = verdict_of(keeping, promise.id)
        if known is None:
            found.append(unproven(promise, "no evidence yet"))
        elif promise.stage == "data" and (dataset is None or known["subject"] != dataset.digest):
            found.append(unproven(promise, "the data are new since it was judged"))
        elif promise.stage != "data" and known["subject"] != judged:
            what = "champion" if champion is not None else "contract, or the data,"
            found.append(unproven(promise, f"the {what} is new since it was judged"))
        else:
            found.append(_fresh(keeping, _verdict(keeping, promise, known)))
    return tuple(found)


def _fresh(keeping: Keeping, verdict: Verdict) -> Verdict:
    """The verdict, unproven if what was observed is too old to tell of now."""
    age, deciding = longest_age(verdict.promise, late=keeping.late(verdict.promise)), verdict.deciding
    if age is None or deciding is None or keeping.now - observed(deciding) <= age:
        return verdict
    reason = f"stale: the last observation is of {observed(deciding):%Y-%m-%d %H:%M:%S} UTC"
    return replace(verdict, state=State.UNPROVEN, reason=reason)


def _verdict(keeping: Keeping, promise: Promise, known: Mapping[str, object]) -> Verdict:
    deciding: Evidence | None = None
    if known.get("deciding"):
        deciding = keeping.store.evidence.get(str(known["deciding"]))
    ids = known.get("evidence")
    return Verdict(
        promise,
        State(str(known["state"])),
        evidence=tuple(str(each) for each in ids) if isinstance(ids, list) else (),
        deciding=deciding,
        reason=str(known.get("reason") or ""),
        cases=int(str(known.get("cases") or 0)),
    )


def situation(keeping: Keeping, verdicts: tuple[Verdict, ...]) -> Situation:
    """Everything that a plan depends on, read from the store."""
    champion = keeping.champion()
    dataset = keeping.dataset()
    learnt = keeping.store.datasets.get(keeping.model(champion.model).dataset) if champion is not None else dataset
    return Situation(
        contract=keeping.contract,
        verdicts=verdicts,
        now=keeping.now,
        dataset=dataset.digest if dataset is not None else "",
        champion=champion.model if champion is not None else None,
        contender=contender(keeping),
        previous=live.previous_champions(keeping),
        fresh_rows=live.fresh_labels(keeping),
        rows=learnt.rows if learnt is not None else 0,
        attempts=attempts(keeping),
        held=last_held(keeping),
        holds=_holds(keeping, dataset),
        train_seconds=keeping.contract.train.budget_s,
    )


def _holds(keeping: Keeping, dataset: DatasetVersion | None) -> dict[str, str]:
    """Since when the pipeline is held, by promise id; other data are judged anew."""
    found = holds(keeping).items()
    return {key: str(each["since"]) for key, each in found if dataset is not None and each["dataset"] == dataset.digest}


def contender(keeping: Keeping) -> str | None:
    """Id of the last candidate, if it failed under this contract and on this dataset version; then None stands in."""
    dataset, known = keeping.dataset(), keeping.store.state.get("contender", keeping.name)
    if known is None or dataset is None or known.get("passed") or known.get("dataset") != dataset.digest:
        return None
    return str(known["model"]) if known.get("contract") == keeping.contract.id else None


def last_held(keeping: Keeping) -> dict[str, datetime]:
    """When each promise of the contract last held, by its id."""
    known = {each.id: (verdict_of(keeping, each.id) or {}).get("held") for each in keeping.contract.promises}
    return {key: parse_iso(str(moment)) for key, moment in known.items() if moment is not None}


#: So many tries of remedies are remembered: far more than a policy allows before a person is asked.
TRIES = 200


def attempts(keeping: Keeping) -> tuple[Attempt, ...]:
    """The latest tries of remedies, oldest first."""
    found = []
    events = keeping.store.journal.events(
        types=("action.finished", "action.failed"), model=keeping.name, newest_first=True, limit=TRIES
    )
    for event in reversed(list(events)):
        action = event.payload["action"]
        found.append(
            Attempt(
                remedy=str(action["remedy"]),
                claim=str(action["promise"]),
                time=event.time,
                restored=event.payload["outcome"]["state"] == "restored",
                interrupted=event.payload["outcome"]["state"] == "interrupted",
                cause=str(action["cause"]),
            )
        )
    return tuple(found)


def make_plan(keeping: Keeping, verdicts: tuple[Verdict, ...]) -> Plan:
    """Plan for the verdicts, journalled when it is not the last one again; an empty one only after another."""
    from holdfast.core.digests import plain

    remedies: dict[str, Remedy] = {each.name: each for each in registry.every("remedy")}
    found = plan(situation(keeping, verdicts), remedies)
    last = keeping.store.state.get("plan", keeping.name) or {}
    if last.get("id") != found.id and (found.actions or last.get("plan", {}).get("actions")):
        keeping.store.journal.append("plan.made", {"id": found.id, "plan": plain(found)}, model=keeping.name)
    return found


def decide_all(
    keeping: Keeping, found: Plan, verdicts: tuple[Verdict, ...], *, person: str | None
) -> dict[str, Decision]:
    """Decisions by action key. `person` has seen the plan and said yes to all of it; None when nobody looked."""
    said = approvals(keeping, found)
    decisions: dict[str, Decision] = {}
    for action in found.actions:
        given = dict(said)
        if person is not None and action.key not in given:
            given[action.key] = Approval(action.key, person, allowed=True, reason="applied the plan")
        made = decide(
            action,
            contract=keeping.contract,
            verdicts=verdicts,
            approvals=given,
            now=keeping.now,
            author=keeping.author,
        )
        if made is not None:
            decisions[action.key] = made
    return decisions


def approvals(keeping: Keeping, found: Plan) -> dict[str, Approval]:
    """What people said so far of the actions of a plan, by action key."""
    said = {each.key: keeping.store.state.get("approval", each.key) for each in found.actions}
    return {
        key: Approval(key, str(data["decider"]), allowed=bool(data["allowed"]), reason=str(data.get("reason") or ""))
        for key, data in said.items()
        if data is not None
    }


def end_interrupted(keeping: Keeping, found: Plan) -> list[Outcome]:
    """End the actions that a killed keeper started and that are not planned any more; they let nothing out.

    Those that still are planned are carried out again, under the same key.
    """
    planned = {each.key for each in found.actions}
    outcomes = []
    for data in keeping.store.state.latest("action", model=keeping.name, limit=TRIES):
        if data["state"] == "started" and data["key"] not in planned:
            action = codec.decode(Action, data["action"])
            outcomes.append(Outcome(action, "interrupted", text="interrupted, and by now no longer planned"))
    keeping.store.journal.append_all(ended(keeping, each) for each in outcomes)
    return outcomes


def tick(keeping: Keeping, *, person: str | None = None, actions: bool = True) -> Tick:
    """Once around the loop.

    Parameters
    ----------
    keeping
        The model's keeping.
    person
        Who has seen the plan and said yes to it; None when the policy alone decides.
    actions
        Whether to act; without, the tick ends with the decisions.

    Returns
    -------
    Tick
        Verdicts are those after the actions.

    Raises
    ------
    LeaseHeld
        If another keeper acts for this model now.
    """
    with alone(keeping):
        if actions:
            reconcile(keeping)
        verdicts = look(keeping)
        found = make_plan(keeping, verdicts)
        seen = Tick(verdicts, found, decide_all(keeping, found, verdicts, person=person))
        if not actions:
            return seen
        end_interrupted(keeping, found)
        for action in found.actions:
            decision = seen.decisions.get(action.key)
            if decision is not None and decision.allowed:
                seen.outcomes.append(act(keeping, action, decision, verdicts))
        if seen.outcomes:
            seen.verdicts = look(keeping)
        return seen
