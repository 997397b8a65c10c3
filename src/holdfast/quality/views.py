"""What quality shows: the checks of a dataset, worst first."""

from __future__ import annotations

from collections.abc import Iterable

from holdfast.core import registry
from holdfast.core.evidence import State, Verdict
from holdfast.core.ports import MeasureSpec
from holdfast.core.views import Table

_ORDER = {State.BROKEN: 0, State.UNPROVEN: 1, State.HELD: 2}


def checks(verdicts: Iterable[Verdict]) -> Table:
    """Table of the checks of rows, one line for each promise, broken ones first.

    Parameters
    ----------
    verdicts
        Verdicts on promises; those of measures whose subject is not rows are passed over.

    Returns
    -------
    Table
        Check, verdict, value, rows failing, rows, and where the first of them stand (positions, never values).
    """
    chosen = [each for each in verdicts if _about_rows(each)]
    chosen.sort(key=lambda each: (_ORDER[each.state], each.promise.claim))
    return Table(
        title="Checks of the data",
        columns=("check", "verdict", "value", "rows failing", "rows", "first rows"),
        rows=tuple(_line(each) for each in chosen),
    )


def _about_rows(verdict: Verdict) -> bool:
    spec: MeasureSpec | None = registry.find("measure", verdict.promise.measure)
    return spec is not None and spec.subject == "rows"


def _line(verdict: Verdict) -> tuple[str | int, ...]:
    evidence = verdict.deciding
    if evidence is None or evidence.value is None:
        return (verdict.promise.claim, verdict.state.value, "not measured", "", "", "")
    spec: MeasureSpec = registry.get("measure", verdict.promise.measure)
    notes = evidence.notes
    places = ", ".join(str(each) for each in notes.get("first_rows", ()))
    return (
        verdict.promise.claim,
        verdict.state.value,
        spec.show(evidence.value),
        notes.get("rows_failing", ""),
        notes.get("rows", evidence.n),
        places,
    )
