"""Trials: checks learned on one half of a table and tried on the other, at random and in the order of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from holdfast.core.errors import HoldfastError
from holdfast.core.promises import Promise
from holdfast.quality.compiler import compile_checks
from holdfast.quality.profiling._drafts import Draft
from holdfast.quality.profiling._halves import half_of, shuffled
from holdfast.quality.profiling._learning import learn

#: Rows below which halves are too small to teach anything, and rows that are tried at most.
FEWEST, MOST = 60, 40_000

Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """How the checks of one half did on the other.

    Parameters
    ----------
    split
        ``random`` or ``order``.
    checks
        Checks that were tried.
    fired
        Those that fired, by `key`.
    """

    split: str
    checks: int
    fired: frozenset[Key]


def key(promise: Promise) -> Key:
    """What a check is about, its learned numbers aside, so that it is known again in another half."""
    learned = {"in_range", "allowed", "matches", "has_length"}
    args = promise.args[:1] if promise.measure in learned else promise.args
    return (promise.measure, args, promise.op)


def fired(rows: pl.DataFrame, promises: Sequence[Promise]) -> list[Promise]:
    """Promises that a table breaks, or that cannot be judged on it."""
    found = compile_checks(promises).results(rows)
    values = [(each, found[each.id]) for each in promises]
    return [each for each, value in values if isinstance(value, HoldfastError) or not each.within(value.value)]


def trials(rows: pl.DataFrame, *, false_alarms: float, seed: int) -> tuple[Trial, ...]:
    """Try the checks on halves: both ways of a random split, and those of the earlier rows on the later ones."""
    if rows.height < FEWEST:
        return ()
    order = shuffled(rows, seed=seed + 1)
    if rows.height > MOST:
        rows = rows[np.sort(order[:MOST])]
        order = shuffled(rows, seed=seed + 1)
    half = half_of(order)
    first = np.arange(rows.height) < rows.height // 2
    splits = (("random", half), ("random", ~half), ("order", first))
    return tuple(_trial(rows, mask, split, false_alarms=false_alarms, seed=seed) for split, mask in splits)


def _trial(rows: pl.DataFrame, mask: np.ndarray, split: str, *, false_alarms: float, seed: int) -> Trial:
    taught, fresh = rows.filter(pl.Series(mask)), rows.filter(pl.Series(~mask))
    drafts = learn(taught, false_alarms=false_alarms, seed=seed).drafts
    promises = list(dict.fromkeys(each.promise for each in drafts if each.promise is not None and each.doubt is None))
    return Trial(split, len(promises), frozenset(key(each) for each in fired(fresh, promises)))


def doubted(draft: Draft, tried: Sequence[Trial]) -> str | None:
    """Why a draft is doubtful after the trials: its own doubt first; None where it stands."""
    if draft.doubt is not None or draft.promise is None:
        return draft.doubt
    splits = {each.split for each in tried if key(draft.promise) in each.fired}
    if "random" in splits:
        return "learned on one half, it fired on the other"
    return "learned on the earlier half of the rows, it fired on the later one" if splits else None
