"""The report of a training: what was tried, chosen and promised, as plain data and as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import iso, plain
from holdfast.data import _verdicts

if TYPE_CHECKING:
    from holdfast.core.evidence import Verdict
    from holdfast.core.ports import Trained
    from holdfast.data._ready import Ready

FORMAT = "holdfast.report/1"


def report_data(
    made: Ready,
    trained: Trained,
    verdicts: Sequence[Verdict],
    *,
    name: str,
    trainer: str,
    seed: int,
    budget: Mapping[str, Any],
) -> dict[str, Any]:
    """Plain data of a report: what the trainer tells, and what was promised, measured and spent.

    Parameters
    ----------
    made
        Rows that were learnt from and held out.
    trained
        What the trainer gave back.
    verdicts
        Verdict on each promise.
    name
        Of the table.
    trainer, seed, budget
        Who trained, with which seed, and the seconds that the whole run took.
    """
    import holdfast

    search = dict(trained.report)
    state = _verdicts.state_of(verdicts)
    broken = [each for each in verdicts if each.state == "broken"]
    found = {
        "trials": list(trained.trials),
        "chosen": {"name": trained.parameters.get("name", trainer), "score": trained.parameters.get("score")},
        **search,
        "format": FORMAT,
        "holdfast": holdfast.__version__,
        "created": iso(datetime.now(UTC)),
        "state": state,
        "answer": answer(verdicts),
        "task": made.task.name,
        "target": made.roles.target,
        "positive": made.positive,
        "classes": list(trained.schema.classes),
        "features": list(made.features),
        "sensitive": list(made.sensitive),
        "trainer": trainer,
        "parameters": trained.parameters,
        "seed": seed,
        "data": {"name": name, "rows": made.read.rows.height, "sha256": made.read.digest},
        "learnt_rows": made.learnt.height,
        "held_rows": made.held.height,
        "promises": [_verdicts.verdict_row(each) for each in verdicts],
        "feasible": False if broken else True if verdicts and state == "held" else None,
        "nearest": [_verdicts.miss(each) for each in broken],
        "budget": budget,
        "notes": [*made.notes, *(search.get("notes") or trained.notes)],
    }
    data: dict[str, Any] = plain(found)
    return data


def answer(verdicts: Sequence[Verdict]) -> str:
    """One sentence on all promises: held, unproven and why, or infeasible with the nearest miss."""
    missed = _verdicts.nearest_miss(verdicts)
    if missed is not None:
        return missed
    left_open = [f"{each.promise.claim}: {each.reason}" for each in verdicts if each.state == "unproven"]
    if left_open:
        return f"unproven; {'; '.join(left_open)}"
    if not verdicts:
        return "nothing was promised"
    return f"held: {len(verdicts)} promise{'s' if len(verdicts) > 1 else ''} kept"


def page(report: Mapping[str, Any]) -> str:
    """The report as one page of HTML that needs nothing else."""
    from holdfast.automl.reports import render

    return render(report)
