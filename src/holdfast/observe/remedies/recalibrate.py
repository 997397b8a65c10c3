"""Recalibrate: the model ranks as before, but its probabilities are made true again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from holdfast.core.errors import NotMeasurable, ParityFailed, RemedyFailed
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import State
from holdfast.core.ports import Refusal, RemedyContext, Trained, Workbench
from holdfast.core.registry import remedy
from holdfast.observe._recalibration import fit, margin, write
from holdfast.observe.remedies._live import cause_of, found, refused

if TYPE_CHECKING:
    from holdfast.stats.calibration import Platt

#: What a new line through the margins mends by itself.
CALIBRATION = ("brier", "log_loss", "expected_calibration_error", "calibration_slope")

#: What it mends where the base rate has moved: a decision is a probability beyond a threshold.
DECISIONS = ("accuracy", "balanced_accuracy", "f1", "mcc", "precision", "recall", "specificity", "selection_rate")

SECONDS = 5.0
RISK = 0.03

#: Greatest difference between the new model's answers and those of the line, as for any export.
PARITY = 1e-4

#: Logits closer to 0 than this are known from a 32-bit probability to five digits.
EXACT = 6.0


@remedy
class Recalibrate:
    """Fit Platt's scale and offset anew on labelled live rows, and write them into a copy of the champion.

    Precondition: a live promise about calibration is broken (or one about decisions, while one about calibration or
    drifted predictions is broken too), the task has two classes, and at least `min_labels` labelled rows came.
    """

    name = "recalibrate"

    def propose(self, context: RemedyContext) -> Action | Refusal:
        """Recalibrate with the fresh labelled rows, or why not. Pure."""
        no = refused(self.name, context)
        if no is not None:
            return no
        reason = _unfit(context)
        if reason is not None:
            return Refusal(reason)
        wanted = context.contract.min_labels
        promise = context.verdict.promise
        return Action(
            remedy=self.name,
            subject=str(context.champion),
            promise=promise.claim,
            params={"min_labels": wanted},
            precondition=f"at least {wanted} labelled rows since the champion was trained, of both classes",
            undo="roll back: the champion of before stays in the registry",
            reason=f"{found(context)}; {context.fresh_rows} labelled rows came; only the scale is refitted",
            cost=Cost(seconds=SECONDS, risk=RISK),
            cause=cause_of(context),
        )

    def carry_out(self, action: Action, bench: Workbench) -> str | None:
        """Fit, write, check and register; the id of the new model version.

        Raises
        ------
        RemedyFailed
            If by now there are too few labelled rows, or a new line is no better than none.
        ParityFailed
            If the written model does not answer as the line says.
        ExportFailed
            If the model's graph is not one that a line can be written into.
        """
        from holdfast.serve import load_model

        rows = bench.labelled(since_champion=True)
        wanted = int(action.params["min_labels"])
        if rows.height < wanted:
            raise RemedyFailed(f"{rows.height} labelled rows", where=self.name, expected=f"at least {wanted}")
        version = bench.model_version(action.subject)
        classes = version.schema.classes
        scored = bench.scored(action.subject, rows)
        try:
            line = fit(scored.score, np.asarray(scored.truth == classes[1], dtype=bool))
        except NotMeasurable as error:
            raise RemedyFailed(
                f"no new calibration: {error.message}", where=self.name, expected=error.expected
            ) from error
        folder = bench.scratch()
        files = write(bench.model_folder(action.subject), folder, line, files=version.files, classes=classes)
        made = load_model(folder, version.schema)
        _check(made.predict(rows), line, margin(scored.score))
        trained = Trained(
            schema=version.schema,
            files=files,
            parameters={**version.parameters, "recalibrated": {"scale": line.scale, "offset": line.offset}},
            original=made.predict(bench.holdout_rows()),
            notes=(f"margins of {action.subject[:12]} scaled by {line.scale:.4g} and moved by {line.offset:.4g}",),
        )
        return bench.register(trained, trainer=version.trainer, parent=action.subject, reason=action.reason).id


def _unfit(context: RemedyContext) -> str | None:
    contract, promise = context.contract, context.verdict.promise
    if promise.stage != "live":
        return f"{promise.claim} is judged at stage {promise.stage}: what came live does not change it"
    if contract.task != "binary":
        return f"a line through one margin needs two classes, the task is {contract.task}"
    if promise.measure not in (*CALIBRATION, *DECISIONS):
        return f"the ranking stays as it is, so {promise.measure} does too"
    if promise.measure in DECISIONS and not _moved(context):
        return f"no promise about calibration or drifted predictions is broken beside {promise.claim}"
    if context.fresh_rows < contract.min_labels:
        return f"{context.fresh_rows} labelled rows since the champion was trained, {contract.min_labels} are needed"
    return None


def _moved(context: RemedyContext) -> bool:
    """Whether calibration or the answers themselves are known to have moved."""
    return any(
        each.state is State.BROKEN and each.promise.measure in (*CALIBRATION, "prediction_drift")
        for each in context.others
    )


def _check(answers: np.ndarray, line: Platt, margins: np.ndarray) -> None:
    """Check the written model against the line, where a probability in 32 bits still gives its margin exactly.

    Raises
    ------
    ParityFailed
        If a probability differs.
    """
    inside = np.abs(margins) < EXACT
    difference = float(np.abs(answers[:, 1] - line.apply(margins))[inside].max(initial=0.0))
    if not difference <= PARITY:
        raise ParityFailed(
            f"the recalibrated model differs by {difference:.3g}", where="model.onnx", expected=f"at most {PARITY}"
        )
