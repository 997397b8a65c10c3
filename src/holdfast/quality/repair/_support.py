"""How often the others of a group tell a value rightly, measured on cells like the one that is to be filled."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from holdfast.quality.repair._dependencies import Groups
from holdfast.quality.repair._kinds import kind_of
from holdfast.quality.repair._table import Column, Floats

# Groups of one, two, and three or more other rows are measured each for themselves.
MOST_OTHERS = 3
UNANIMOUS = 0.75
ERROR = 0.05


def wilson_lower(share: float, n: float, z: float) -> float:
    """Lower end of Wilson's interval for a share of `n` trials; 0 without trials.

    References
    ----------
    E. B. Wilson (1927), "Probable inference, the law of succession, and statistical inference", JASA 22.

    Examples
    --------
    >>> round(wilson_lower(1.0, 100, 1.96), 3)
    0.963
    """
    if n <= 0:
        return 0.0
    middle = share + z * z / (2 * n)
    spread = z * float(np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)))
    return max(0.0, (middle - spread) / (1 + z * z / n))


def is_measured(column: Column) -> bool:
    """Whether a column holds measured numbers: with decimals or of many values, so that equal ones are no evidence."""
    if kind_of(column).name != "number":
        return False
    return column.share(lambda text: "." in text) > 0.05 or len(column.values) > max(50, 0.05 * column.filled)


def told_rightly(groups: Groups, column: Column, tried: int) -> Floats:
    """Lower bounds of how often the other rows of a group tell the value that a row holds.

    Every filled cell is left out in turn and told by the others of its group, where three quarters of them agree; a
    group of m rows counts as m - 1 trials, since its rows are told by each other. The level of the bound is shared
    among the sets of columns that were tried for this target (Bonferroni): the best of many looks good by chance.
    Measured numbers are told by three other rows or more, or not at all: two rows may be one thing written twice.

    Parameters
    ----------
    groups
        Of the determinant.
    column
        The target.
    tried
        Number of determinant sets tried for the target, at least 1.

    Returns
    -------
    numpy array of float64
        Shape (4,): the bound for 0, 1, 2, and 3 or more other filled rows; in [0, 1].
    """
    bounds = np.zeros(MOST_OTHERS + 1)
    filled = groups.keys % groups.width != groups.width - 1
    owner, target = groups.keys[filled] // groups.width, groups.keys[filled] % groups.width
    counts = groups.counts[filled]
    sizes = np.bincount(owner, weights=counts, minlength=len(groups.sizes))
    top = groups.tops[owner] == target
    second = np.zeros(len(groups.sizes), dtype=np.int64)
    np.maximum.at(second, owner[~top], counts[~top])
    others = sizes[owner] - 1
    leading = np.where(top, np.maximum(counts - 1, second[owner]), groups.top_counts[owner])
    agreed = (others > 0) & (leading >= UNANIMOUS * others)
    right = top & (counts - 1 >= second[owner])
    z = NormalDist().inv_cdf(1 - ERROR / max(tried, 1))
    for few in range(1, MOST_OTHERS + 1):
        asked = agreed & ((others == few) if few < MOST_OTHERS else (others >= few))
        rows = float(counts[asked].sum())
        if rows and (few == MOST_OTHERS or not is_measured(column)):
            share = float(counts[asked & right].sum()) / rows
            bounds[few] = wilson_lower(share, rows - len(np.unique(owner[asked])), z)
    return bounds
