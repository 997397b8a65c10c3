"""Verify: the same gates, on what an action produced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdfast.core.evidence import State, Verdict
from holdfast.core.promises import Promise
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.measuring import View
from holdfast.keeper.observe import judge_all, observe, verdict_payload
from holdfast.keeper.subjects import gate_view

GATED = ("candidate", "package")


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gates say of a candidate.

    Parameters
    ----------
    model, package, dataset
        What was judged, and the dataset version whose held-out rows it was judged on.
    verdicts
        On each promise of the stages candidate and package.
    replayed
        On live promises, judged on the live window as the candidate would have answered it. A replay can show that
        a candidate breaks a promise; that it keeps one is for real traffic to prove, after the promotion.
    """

    model: str
    package: str
    dataset: str
    verdicts: tuple[Verdict, ...]
    replayed: tuple[Verdict, ...] = ()

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The verdicts that keep it from being promoted: gates that are not held, replays that are broken."""
        gates = tuple(each for each in self.verdicts if each.state is not State.HELD)
        return gates + tuple(each for each in self.replayed if each.state is State.BROKEN)

    @property
    def passed(self) -> bool:
        """Whether nothing keeps it from being promoted; an unproven gate does."""
        return not self.failed


def gate(
    keeping: Keeping, model: str, *, dataset: str, action: str, replayed: View | None, live: Sequence[Promise]
) -> Gate:
    """Judge a candidate: promises of candidate and package on held-out rows, live ones on the window replayed.

    Parameters
    ----------
    keeping
        The model's keeping.
    model
        Id of the candidate.
    dataset
        Digest of the dataset version whose held-out rows it is judged on.
    action
        Key of the action that produced it.
    replayed
        The live window as the candidate would have answered it; None where there is no live traffic.
    live
        Live promises to judge on it: the one to restore, and those that hold now.

    Returns
    -------
    Gate
        Also journalled as ``gate.judged``.
    """
    package = keeping.package_of(model, keeping.contract.packages[0])
    verdicts: list[Verdict] = []
    for stage in GATED:
        promises = keeping.contract.at(stage)
        if promises:
            view = gate_view(keeping, model, dataset, stage=stage, package=package)
            verdicts += judge_all(keeping, observe(keeping, promises, view))
    again = judge_all(keeping, observe(keeping, live, replayed)) if replayed is not None and live else []
    found = Gate(model=model, package=package, dataset=dataset, verdicts=tuple(verdicts), replayed=tuple(again))
    keeping.store.journal.append(
        "gate.judged",
        {
            "model": model,
            "package": package,
            "dataset": dataset,
            "contract": keeping.contract.id,
            "action": action,
            "passed": found.passed,
            "verdicts": [verdict_payload(each, subject=model) for each in verdicts],
            "replayed": [verdict_payload(each, subject=model) for each in again],
        },
        model=keeping.name,
        key=f"gate:{action}:{model}",
    )
    return found
