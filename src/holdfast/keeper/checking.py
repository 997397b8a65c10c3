"""Checking: the data promises alone, and which rows break them."""

from __future__ import annotations

from holdfast.core import registry
from holdfast.core.errors import HoldfastError
from holdfast.core.evidence import State, Verdict
from holdfast.core.ports import RowCheck
from holdfast.keeper.cases import argument_sets
from holdfast.keeper.keeping import Keeping
from holdfast.keeper.observe import judge_all, observe, record_verdicts
from holdfast.keeper.subjects import data_view


def check_data(keeping: Keeping) -> tuple[tuple[Verdict, ...], dict[str, int], int]:
    """Judge the data promises on the current rows.

    Returns
    -------
    tuple
        The verdicts; the number of rows that break each promise that is not held, by claim; the number of rows.
    """
    keeping.accept()
    dataset = keeping.ingest()
    view = data_view(keeping, dataset)
    verdicts = judge_all(keeping, observe(keeping, keeping.contract.at("data"), view))
    record_verdicts(keeping, verdicts, view)
    failing = {
        each.promise.claim: count
        for each in verdicts
        if each.state is not State.HELD and (count := failing_rows(keeping, each, dataset.digest)) is not None
    }
    return tuple(verdicts), failing, dataset.rows


def failing_rows(keeping: Keeping, verdict: Verdict, dataset: str) -> int | None:
    """How many rows break a promise in one case at least; None where its measure does not speak of single rows."""
    check = registry.find("row_check", verdict.promise.measure)
    if not isinstance(check, RowCheck):
        return None
    rows = keeping.rows(dataset)
    broken = None
    for args in argument_sets(verdict.promise, keeping.features(rows)):
        try:
            mask = check.failing(rows, *args, **dict(verdict.promise.options))
        except HoldfastError:
            # What cannot be evaluated is told by the verdict's own reason.
            return None
        broken = mask if broken is None else broken | mask
    return int(broken.sum()) if broken is not None else 0
