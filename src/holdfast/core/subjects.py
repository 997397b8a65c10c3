"""Subjects: what a measure is given. The keeper builds them; a measure only reads.

=========  ==================================================  =========================================
subject    what it is                                          measures
=========  ==================================================  =========================================
rows       `polars.DataFrame` of a dataset                     completeness, unique, in_range
scores     `Scored`: truth beside answers                      roc_auc, recall, equalized_odds_difference
window     `Window`: reference beside current                  psi, ks, estimated performance
model      `Model`: a package that can be asked                model_size, explanation_stability, parity
traffic    `Traffic`: requests and how long they took          p99_latency, error_rate
=========  ==================================================  =========================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import InvalidValue
from holdfast.core.models import CLASSIFICATION, ModelSchema

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

SUBJECTS = ("rows", "scores", "window", "model", "traffic")


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Truth beside a model's answers, row by row.

    Parameters
    ----------
    task
        Task of the model.
    truth
        Shape (n,). Class names (object or str dtype) for classification, float64 for the others.
    score
        Shape (n, classes) float64 probabilities for classification, (n,) float64 predictions for the others.
    rows
        Shape (n, columns): the columns for slices and groups.
    decision
        Shape (n,), class names that the model answered with; None for the tasks that do not classify.
    classes
        Class names, in the order of `score`.
    positive
        Positive class of a binary task.
    group
        Shape (n,): query ids (ranking) or series ids (forecasting); None for one group.
    """

    task: str
    truth: np.ndarray
    score: np.ndarray
    rows: pl.DataFrame
    decision: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    positive: str | None = None
    group: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Check that everything has one length."""
        lengths = {len(self.truth), len(self.score)}
        # A table without columns has no rows of its own: there is nothing to slice by then.
        lengths |= {self.rows.height} if self.rows.width else set()
        lengths |= {len(each) for each in (self.decision, self.group) if each is not None}
        if len(lengths) != 1:
            raise InvalidValue(
                f"truth, score, rows, decision and group have lengths {sorted(lengths)}", expected="one length"
            )
        if self.task in CLASSIFICATION and (self.score.ndim != 2 or self.score.shape[1] != len(self.classes)):
            raise InvalidValue(f"score of shape {self.score.shape}", expected=f"(n, {len(self.classes)})")

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.truth)

    def take(self, chosen: np.ndarray) -> Scored:
        """Keep the rows that a boolean mask or an index array chooses."""
        import polars as pl

        index = chosen.nonzero()[0] if chosen.dtype == bool else chosen
        return Scored(
            task=self.task,
            truth=self.truth[index],
            score=self.score[index],
            rows=self.rows[pl.Series(index)] if self.rows.width else self.rows,
            decision=None if self.decision is None else self.decision[index],
            classes=self.classes,
            positive=self.positive,
            group=None if self.group is None else self.group[index],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """What came lately beside what the model was judged on.

    Parameters
    ----------
    reference, current
        Feature columns of the reference rows and of the window's rows.
    reference_scored
        The model's answers on reference rows whose truth is known (the held-out rows).
    current_score
        Shape (m, classes) or (m,): the answers in the window; labels are not needed.
    current_decision
        Shape (m,): class names answered in the window; None for the tasks that do not classify.
    """

    reference: pl.DataFrame
    current: pl.DataFrame
    reference_scored: Scored | None = None
    current_score: np.ndarray | None = None
    current_decision: np.ndarray | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A package that can be asked.

    Parameters
    ----------
    folder
        Folder with the verified files of the package (read only).
    schema
        What the model takes and gives.
    predict
        Rows -> score of shape (n, classes) or (n,).
    sample
        Rows to ask it about: feature columns, some of the held-out rows.
    size_bytes
        Size of the file that answers.
    parity
        Parity with the model it was made from, as measured when it was packed.
    """

    folder: Path
    schema: ModelSchema
    predict: Callable[[pl.DataFrame], np.ndarray]
    sample: pl.DataFrame
    size_bytes: int
    parity: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Requests and how they went.

    Parameters
    ----------
    latency_s
        Shape (n,) float64: seconds of each answered request.
    failed
        Requests that were not answered; None where that is not known.
    seconds
        Length of the window.
    notes
        Where it was measured.
    """

    latency_s: np.ndarray
    failed: int | None = 0
    seconds: float = 0.0
    notes: Mapping[str, Any] = field(default_factory=dict)
