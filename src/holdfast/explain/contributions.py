"""Contributions: how much each column moved an answer, exact where the model's own code can say, else sampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from holdfast.core.errors import EmptyTable, InvalidValue, NotMeasurable, ParityFailed, one_of
from holdfast.explain._exact import FILE, exact
from holdfast.explain._margin import answer_of
from holdfast.explain._sampled import sampled

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.models import ModelSchema

#: Greatest difference of the sum of contributions from the margin, relative to what is summed.
ADDITIVITY = 1e-6
#: Greatest difference of the explained margin's answer from the graph's, relative to the answer's size.
ANSWER = 1e-3
#: Rows that a sampled explanation takes as background, at most.
BACKGROUND = 100


@dataclass(frozen=True, slots=True, eq=False)
class Contributions:
    """What each column added to the margin of each row: ``base + sum over columns of values == margin``.

    Parameters
    ----------
    columns
        Source columns, in the order of the model's schema.
    outputs
        What is explained: the positive class, each of several classes, or the target.
    values
        Shape (n, columns) float64; (n, columns, outputs) for several classes. In logits (binary), logarithms
        (several classes) or the target's unit.
    base
        Shape (outputs,): the margin when no column is known.
    margin
        Shape (n,) float64; (n, outputs) for several classes.
    estimated
        Whether they were sampled, not computed.
    error
        Shape of `values`: standard error of a sampled value; None when exact.
    """

    columns: tuple[str, ...]
    outputs: tuple[str, ...]
    values: np.ndarray
    base: np.ndarray
    margin: np.ndarray
    estimated: bool = False
    error: np.ndarray | None = None

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.values)

    def of(self, output: str | None = None) -> np.ndarray:
        """Contributions to one output, shape (n, columns); the only one when None.

        Raises
        ------
        InvalidValue
            If there is no such output, or there are several and none is named.
        """
        if output is None and len(self.outputs) == 1:
            return self.values
        if output not in self.outputs:
            raise InvalidValue(f"output {output!r}", expected=one_of(self.outputs, output))
        return self.values if self.values.ndim == 2 else self.values[:, :, self.outputs.index(output)]

    def size(self) -> np.ndarray:
        """Absolute contribution of each column, shape (n, columns), summed over outputs."""
        whole = np.abs(self.values)
        return np.asarray(whole if whole.ndim == 2 else whole.sum(axis=2))


def contributions(
    folder: Path,
    schema: ModelSchema,
    rows: pl.DataFrame,
    *,
    predict: Callable[[pl.DataFrame], np.ndarray] | None = None,
    background: pl.DataFrame | None = None,
    rng: np.random.Generator | None = None,
    permutations: int = 64,
) -> Contributions:
    """Contributions of each column to the answers on rows.

    With ``contributions.json`` in the folder they are exact: coefficients times what a feature differs from its
    mean, or LightGBM's own path-dependent Shapley values, summed to source columns. Without it they are sampled from
    `predict` and marked estimated.

    Parameters
    ----------
    folder
        Folder with the model's verified files.
    schema
        What the model takes and gives.
    rows
        Shape (n, columns).
    predict
        Rows -> score; None to ask the folder's model. Used only for sampling.
    background
        Rows that stand for the unknown when sampling; None for the explained rows themselves.
    rng
        Seeds the sampling; None for seed 0.
    permutations
        Permutations of a sampled explanation, an even number.

    Raises
    ------
    ColumnNotFound
        If a column of the model is not among the rows'.
    ParityFailed
        If the contributions do not add up to the margin, or the margin is not the model's: they are then not given.
    EmptyTable
        If there are no rows to sample from.

    References
    ----------
    S. Lundberg, G. Erion, S.-I. Lee (2018), "Consistent individualized feature attribution for tree ensembles",
    arXiv:1802.03888. E. Strumbelj, I. Kononenko (2014), Knowledge and Information Systems 41, for the sampling.
    """
    from holdfast.serve.models import load_model

    estimated = not (folder / FILE).is_file()
    ask = predict if predict is not None else load_model(folder, schema).predict
    error = None
    if estimated:
        values, base, margin, error = sampled(
            ask,
            schema,
            rows,
            background=(rows if background is None else background).head(BACKGROUND),
            rng=np.random.default_rng(0) if rng is None else rng,
            permutations=permutations,
        )
    else:
        values, base, margin = exact(folder, schema, rows)
        if rows.height:
            _check_answers(margin, ask(rows), schema)
    _check_sum(values, base, margin)
    single = values.shape[2] == 1
    return Contributions(
        columns=schema.names,
        outputs=_outputs(schema),
        values=values[:, :, 0] if single else values,
        base=base,
        margin=margin[:, 0] if single else margin,
        estimated=estimated,
        error=error if error is None or not single else error[:, :, 0],
    )


def _outputs(schema: ModelSchema) -> tuple[str, ...]:
    if schema.task == "binary":
        return (schema.positive if schema.positive is not None else schema.classes[1],)
    return schema.classes if schema.task == "multiclass" else (schema.target,)


def additivity_error(values: np.ndarray, base: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Difference of base plus contributions from the margin, relative to what is summed; shape (n, outputs).

    Parameters
    ----------
    values, base, margin
        Shapes (n, columns, outputs), (outputs,) and (n, outputs).

    Raises
    ------
    NotMeasurable
        If one of them is not finite: an infinite margin has no finite parts.
    """
    if not (np.isfinite(values).all() and np.isfinite(margin).all()):
        raise NotMeasurable(
            "an infinite margin has no finite parts", where="explanation", expected="rows without infinities"
        )
    size = np.maximum(1.0, np.abs(values).sum(axis=1) + np.abs(base))
    return np.asarray(np.abs(values.sum(axis=1) + base - margin) / size)


def _check_sum(values: np.ndarray, base: np.ndarray, margin: np.ndarray) -> None:
    found = float(additivity_error(values, base, margin).max(initial=0.0))
    if not found <= ADDITIVITY:
        raise ParityFailed(
            f"contributions miss the margin by {found:.3g}", where="explanation", expected=f"at most {ADDITIVITY}"
        )


def _check_answers(margin: np.ndarray, score: np.ndarray, schema: ModelSchema) -> None:
    wanted = answer_of(margin, schema)
    found = float(np.max(np.abs(wanted - score) / np.maximum(1.0, np.abs(wanted)), initial=0.0))
    if not found <= ANSWER:
        raise ParityFailed(
            f"the explained model is not the graph: off by {found:.3g}", where=FILE, expected="one model"
        )


@dataclass(frozen=True, slots=True, eq=False)
class Importance:
    """Mean absolute contribution of each column, with the interval around it; shape (columns,) each."""

    columns: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    n: int
    estimated: bool = False

    def order(self) -> np.ndarray:
        """Indices of the columns by falling importance."""
        return np.argsort(-self.value, kind="stable")


def global_importance(
    found: Contributions,
    *,
    confidence: float = 0.95,
    rng: np.random.Generator | None = None,
    resamples: int = 500,
) -> Importance:
    """Mean absolute contribution of each column, with percentile bootstrap intervals over rows.

    Parameters
    ----------
    found
        Contributions of the rows.
    confidence
        Of each interval, in (0, 1).
    rng
        Draws the resamples; None for seed 0.
    resamples
        How many.

    Raises
    ------
    EmptyTable
        If there are no rows.
    InvalidValue
        If the confidence is not in (0, 1).

    References
    ----------
    S. Lundberg, S.-I. Lee (2017), "A unified approach to interpreting model predictions", NeurIPS 30.
    B. Efron, R. Tibshirani (1993), "An introduction to the bootstrap".
    """
    if not 0.0 < confidence < 1.0:
        raise InvalidValue(f"confidence {confidence}", expected="a number between 0 and 1")
    if found.n == 0:
        raise EmptyTable("no rows to take the importance of", where="contributions", expected="at least one row")
    rng = np.random.default_rng(0) if rng is None else rng
    size = found.size()
    # How often each row is drawn is all that a mean needs: one matrix product for all resamples and columns.
    drawn = rng.multinomial(found.n, np.full(found.n, 1.0 / found.n), size=resamples) @ size / found.n
    tail = (1.0 - confidence) / 2.0
    value = size.mean(axis=0)
    low, high = np.quantile(drawn, [tail, 1.0 - tail], axis=0)
    return Importance(
        found.columns, value, np.minimum(low, value), np.maximum(high, value), found.n, estimated=found.estimated
    )
