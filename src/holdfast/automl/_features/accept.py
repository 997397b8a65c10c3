"""Acceptance: which proposals pay out of fold, of several that were tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.automl._answers import mean_and_error
from holdfast.core.errors import InvalidValue
from holdfast.stats.multiplicity import benjamini_hochberg

#: Standard errors by which a single proposal must be better.
ERRORS = 1.0
#: Share of accepted proposals that may be idle: what chance passes at `ERRORS`, so that one proposal alone is held to
#: that rule and nothing more.
RATE = 0.5 * math.erfc(ERRORS / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proposal brought.

    Parameters
    ----------
    gain
        Mean fall of the out-of-fold loss, weighted; in the loss's own unit.
    error
        Standard error of the gain, of the paired rows.
    p
        Probability of so great a gain, or a greater one, where there is none (one-sided, normal).
    kept
        Whether it pays.
    """

    gain: float
    error: float
    p: float
    kept: bool


def judge(
    proposals: Mapping[str, np.ndarray], base: np.ndarray, weights: np.ndarray, *, tried: int | None = None
) -> dict[str, Verdict]:
    """Verdict on each of several proposals against one base.

    A proposal is kept when its paired gain is more than `ERRORS` standard errors above 0 and it passes the procedure of
    Benjamini and Hochberg at `RATE`. The more are tried, the more a lucky one must show: among 20 idle ones, three pass
    one standard error. Not Holm's: he keeps every single false acceptance rare, while an idle feature costs a little
    time and a missed one costs the gain; it is the share of idle ones that is to be small.

    Parameters
    ----------
    proposals
        Name -> loss of each row out of fold with the proposal's features, shape (n,); NaN rows (of folds that were not
        run) are left out.
    base
        Shape (n,): loss of each row without them, from the same folds.
    weights
        Shape (n,): weight of each row.
    tried
        Number of proposals that were tried in all; None for those given. (Those that failed on the way count too.)

    Returns
    -------
    dict of str to Verdict
        In the order of `proposals`.

    Raises
    ------
    InvalidValue
        If the losses are not of one length, or no row has both.

    References
    ----------
    Y. Benjamini and Y. Hochberg (1995), "Controlling the false discovery rate", JRSS B 57. It holds under the positive
    dependence that a shared base brings (Benjamini and Yekutieli 2001).
    """
    found = {name: _gain(name, losses, base, weights) for name, losses in proposals.items()}
    if not found:
        return {}
    p = [_tail(gain, error) for gain, error in found.values()]
    # Those that were tried and have no losses brought nothing.
    adjusted = benjamini_hochberg(p + [1.0] * max(0, (tried or 0) - len(p)))
    return {
        name: Verdict(gain, error, p[index], kept=gain > ERRORS * error and bool(adjusted[index] <= RATE))
        for index, (name, (gain, error)) in enumerate(found.items())
    }


def order(costs: Mapping[str, float], verdicts: Mapping[str, Verdict]) -> tuple[str, ...]:
    """Kept proposals in the order in which they are to be joined: the cheapest first, then the surest.

    Each is to be judged again beside those joined before it: what one brought, another may bring as well.
    """
    kept = [name for name, verdict in verdicts.items() if verdict.kept]
    return tuple(sorted(kept, key=lambda name: (costs[name], verdicts[name].p, name)))


def pays(losses: np.ndarray, base: np.ndarray, weights: np.ndarray) -> bool:
    """Whether one more step (a proposal beside those joined, a column less) is better by more than `ERRORS`."""
    return judge({"": losses}, base, weights)[""].kept


def worse(losses: np.ndarray, base: np.ndarray, weights: np.ndarray) -> bool:
    """Whether a step made it worse by more than `ERRORS`: what is not worse and simpler is taken."""
    gain, error = _gain("step", losses, base, weights)
    return gain < -ERRORS * error


def _gain(name: str, losses: np.ndarray, base: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    shapes: Sequence[tuple[int, ...]] = (np.shape(losses), np.shape(base), np.shape(weights))
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise InvalidValue(
            f"losses of shapes {shapes}", where=f"proposal {name!r}", expected="three of one length (n,)"
        )
    both = np.isfinite(losses) & np.isfinite(base)
    if not both.any():
        raise InvalidValue("no row with both losses", where=f"proposal {name!r}", expected="losses of the same folds")
    return mean_and_error((base - losses)[both], weights[both])


def _tail(gain: float, error: float) -> float:
    if error <= 0.0:
        return 0.0 if gain > 0.0 else 1.0
    return 0.5 * math.erfc(gain / error / math.sqrt(2.0))
