"""Reweigh: train again with weights under which the sensitive column says nothing about the label."""

from __future__ import annotations

import numpy as np
import polars as pl

from holdfast.core import registry
from holdfast.core.errors import NotMeasurable, RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import State
from holdfast.core.models import CLASSIFICATION
from holdfast.core.ports import MeasureSpec, Refusal, RemedyContext, Workbench
from holdfast.responsible._groups import groups_of

#: What weights can move: how often a group is decided for, and its errors. Not how well it is ranked within.
CURES = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
    "equalized_odds_ratio",
)

#: On adult, curing one parity made another three to five times worse: the gates decide whether it was worth it.
RISK = 0.2


@registry.remedy
class Reweigh:
    """Train with the weights of Kamiran and Calders (2012): as if sensitive column and label were independent.

    Precondition: the broken promise is about how groups by sensitive columns of the contract are treated. Curing one
    such promise may break another, which is for the gates to find.
    """

    name = "reweigh"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Train with weights by the promise's columns, or why not. Pure."""
        contract, promise, evidence = context.contract, context.verdict.promise, context.verdict.deciding
        columns = [str(each) for each in promise.args]
        refused = _refused(context, columns)
        if refused is not None:
            return Refusal(refused)
        if evidence is None or evidence.value is None:
            return Refusal(f"nothing was measured of {promise.claim}")
        spec: MeasureSpec | None = registry.find("measure", promise.measure)
        shown = f"{evidence.value:.4g}" if spec is None else spec.show(evidence.value)
        others = sorted(
            {each.promise.claim for each in context.others if each.promise.measure in CURES and each.promise != promise}
        )
        risk = "; it may break " + ", ".join(others) if others else ""
        return Action(
            remedy=self.name,
            subject=context.champion or evidence.subject,
            promise=promise.claim,
            params={"columns": columns, "target": contract.target},
            precondition=f"{promise.claim} is broken, and {', '.join(columns)} are sensitive columns of the contract",
            undo="the earlier model stays in the registry: train without weights, or roll back",
            reason=f"{promise.claim} is broken: {shown} (n = {evidence.n}); weights make {' & '.join(columns)} and "
            f"{contract.target} independent in training{risk}",
            cost=Cost(seconds=context.train_seconds, risk=RISK),
            cause=evidence.id,
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Train with the weights; the id of the new model version.

        Raises
        ------
        RemedyFailed
            If the training rows have no group and label to weigh against each other.
        """
        rows = bench.training_rows()
        columns = [str(each) for each in action.params["columns"]]
        try:
            weights = weights_of(rows, columns, str(action.params["target"]))
        except NotMeasurable as error:
            raise RemedyFailed(str(error), where=self.name) from error
        if np.allclose(weights, 1.0):
            raise RemedyFailed("group and label are independent already: every weight is 1", where=self.name)
        return bench.retrain(reason=action.reason, weights=weights).id


def _refused(context: RemedyContext, columns: list[str]) -> str | None:
    contract, promise = context.contract, context.verdict.promise
    tried = context.attempts.get(Reweigh.name, 0)
    if context.verdict.state is not State.BROKEN:
        return f"{promise.claim} is {context.verdict.state}, not broken: nothing is known to mend"
    if promise.measure not in CURES:
        return f"weights do not mend {promise.measure}"
    if contract.task not in CLASSIFICATION:
        return f"weights by label need classes, the task is {contract.task}"
    strange = [each for each in columns if each not in contract.data.roles.sensitive]
    if strange or not columns:
        return f"{', '.join(strange) or 'no column'} is no sensitive column of the contract"
    if tried >= contract.policy.attempts:
        return f"tried {tried} times since {promise.claim} last held, the policy allows {contract.policy.attempts}"
    return None


def weights_of(rows: pl.DataFrame, columns: list[str], target: str) -> np.ndarray:
    """Weight of each row: expected over observed frequency of its group and label.

    Parameters
    ----------
    rows
        Shape (n, columns); has the sensitive columns and the target.
    columns
        Sensitive columns; with several, their crossings are the groups.
    target
        Target column.

    Returns
    -------
    ndarray
        Shape (n,) float64, positive, of mean 1. Weighted so, group and label are independent: in every group each
        label has the share that it has in all the rows.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    NotMeasurable
        If there are no rows.

    References
    ----------
    F. Kamiran, T. Calders (2012), "Data preprocessing techniques for classification without discrimination",
    Knowledge and Information Systems 33, section 5.2: ``P(group) P(label) / P(group, label)``.

    Examples
    --------
    >>> people = pl.DataFrame({"sex": ["f", "f", "f", "m"], "hired": ["no", "no", "yes", "yes"]})
    >>> weights_of(people, ["sex"], "hired").tolist()
    [0.75, 0.75, 1.5, 0.5]
    """
    groups = groups_of(rows, columns)
    labels = groups_of(rows, [target])
    size = len(labels.names)
    both = groups.codes * size + labels.codes
    together = np.bincount(both, minlength=len(groups.names) * size)
    expected = np.outer(groups.count(), labels.count()).ravel() / rows.height
    weights: np.ndarray = (expected / np.maximum(together, 1))[both]
    return weights
