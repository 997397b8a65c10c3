"""Ranking by group: whether the model tells people apart as well in every group."""

from __future__ import annotations

import numpy as np

from holdfast.core.errors import NotMeasurable
from holdfast.core.evidence import Value
from holdfast.core.registry import measure
from holdfast.core.subjects import Scored
from holdfast.responsible._gaps import Bounded, pairs, widest
from holdfast.responsible._groups import MIN_GROUP, NAMED, groups_of, positive_of


@measure(
    "group_auc_gap",
    unit="share",
    range=(0, 1),
    better="lower",
    stages=("candidate", "live"),
    subject="scores",
    source="D. Borkan et al. (2019), Nuanced metrics for measuring unintended bias, WWW companion (subgroup AUC)",
)
def group_auc_gap(
    scored: Scored, column: str, *columns: str, min_group: float = MIN_GROUP, confidence: float = 0.95
) -> Value:
    """Largest gap between two groups' areas under the ROC curve, each within its own group.

    Parameters
    ----------
    scored
        Truth and probabilities of a binary task, with the sensitive columns.
    column, columns
        Sensitive column; with several, the groups are their crossings.
    min_group
        Groups with fewer rows of either class are left out, and listed in the notes.
    confidence
        Confidence of the interval, in (0, 1); it holds for all pairs of groups at once.

    Returns
    -------
    Value
        In [0, 1]. The interval joins DeLong's of the two groups (MOVER); n is the number of rows in the groups.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If fewer than two groups are large enough, or the task is not binary.

    References
    ----------
    E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson (1988), "Comparing the areas under two or more correlated ROC
    curves", Biometrics 44; G. Y. Zou, A. Donner (2008), Statistics in Medicine 27 (the difference of two estimates).
    """
    from holdfast.stats.intervals import delong

    if scored.task != "binary":
        raise NotMeasurable(f"task {scored.task!r} has no single ROC curve", expected="a binary task")
    groups = groups_of(scored.rows, (column, *columns))
    positive = positive_of(scored)
    truth = np.asarray(scored.truth == positive)
    score = scored.score[:, scored.classes.index(positive)]
    least = np.minimum(groups.count(truth), groups.count(~truth))
    kept = np.flatnonzero(least >= min_group)
    if len(kept) < 2:
        raise NotMeasurable(
            f"{len(kept)} groups by {', '.join(groups.columns)} have {min_group:g} rows of each class",
            expected="at least two such groups",
        )
    comparisons = pairs(len(kept))
    sure = 1.0 - (1.0 - confidence) / comparisons
    rows = [groups.codes == place for place in kept]
    found = [delong(score[mine & truth], score[mine & ~truth], confidence=sure) for mine in rows]
    names = tuple(groups.names[place] for place in kept)
    value, low, high = widest(Bounded(names, *(np.array(each) for each in zip(*found, strict=True))))
    small = {groups.names[place]: int(least[place]) for place in range(len(groups.names)) if least[place] < min_group}
    method = "DeLong, MOVER" if comparisons == 1 else f"DeLong, MOVER, Bonferroni over {comparisons} comparisons"
    return Value(
        value,
        min(low, value),
        max(high, value),
        n=int(sum(mine.sum() for mine in rows)),
        method=method,
        notes={
            "roc_auc": {name: float(each[0]) for name, each in list(zip(names, found, strict=True))[:NAMED]},
            "roc_auc: left out": {"groups": len(small), "largest": dict(list(small.items())[:NAMED])},
        },
    )
