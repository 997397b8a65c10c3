"""Rows of a linear model: products with a matrix that may be thin, and with what it costs to hold it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Cells from which a matrix is multiplied as it is, in 32 bits, instead of copied to 64.
MOST_WIDE = 20_000_000
#: Cells from which it pays to look whether most of them are alike.
LEAST_THIN = 200_000
#: Greatest share of cells that differ from the usual value of their column in a thin matrix.
THIN = 0.1
#: Rows that are worked on at a time where a copy of them is needed.
BLOCK = 16_384
#: Rows that vote on the usual value of a column.
_VOTERS = 31


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A matrix (n, d) to multiply with.

    A thin one is kept as the usual value of each column and a sparse matrix of what differs from it: words that a text
    does not hold lie at one value, which standardising has moved away from 0.

    Parameters
    ----------
    matrix
        Dense float64 or float32, or a sparse matrix of scipy (`Any`: the library has no types).
    usual
        Shape (d,) float64: what every row of a column is before `matrix` is added; None where that is 0.
    """

    matrix: Any
    usual: np.ndarray | None = None

    @classmethod
    def of(cls, matrix: np.ndarray) -> Rows:
        """Look at a matrix and keep it in the form that is quickest to multiply with."""
        if matrix.size >= LEAST_THIN:
            usual = _usual(matrix)
            differs = matrix != usual
            if np.count_nonzero(differs) <= THIN * matrix.size:
                return cls(_sparse(matrix, differs, usual), usual.astype(np.float64))
        return cls(matrix if matrix.size > MOST_WIDE else matrix.astype(np.float64))

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    @property
    def width(self) -> int:
        """Number of features."""
        return int(self.matrix.shape[1])

    @property
    def thin(self) -> bool:
        """Whether most cells are the usual one."""
        return self.usual is not None

    def times(self, coefficients: np.ndarray) -> np.ndarray:
        """Matrix times coefficients: (n, outputs) float64 for (outputs, d)."""
        made = np.asarray(self.matrix @ self._like(coefficients).T, dtype=np.float64)
        return made if self.usual is None else made + coefficients @ self.usual

    def pulled(self, slopes: np.ndarray) -> np.ndarray:
        """Slopes of the rows summed over their features: (outputs, d) float64 for (n, outputs)."""
        made = np.asarray(self.matrix.T @ self._like(slopes), dtype=np.float64).T
        return made if self.usual is None else made + np.outer(slopes.sum(axis=0), self.usual)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Dense rows in float64, some at a time, and where they stand."""
        for first in range(0, self.n, BLOCK):
            part = slice(first, first + BLOCK)
            yield part, np.asarray(self.matrix[part], dtype=np.float64)

    def _like(self, values: np.ndarray) -> np.ndarray:
        # A product of 32 and 64 bits would copy the whole matrix.
        return values.astype(np.float32) if self.matrix.dtype == np.float32 else values


def _usual(matrix: np.ndarray) -> np.ndarray:
    # The median of a few rows is the value of nearly all rows wherever there is one; elsewhere it does not matter.
    voters = matrix[np.linspace(0, len(matrix) - 1, _VOTERS).astype(np.int64)]
    return np.asarray(np.sort(voters, axis=0)[_VOTERS // 2])


def _sparse(matrix: np.ndarray, differs: np.ndarray, usual: np.ndarray) -> Any:
    from scipy.sparse import csr_array

    row, column = np.nonzero(differs)
    values = matrix[row, column].astype(np.float64) - usual[column]
    return csr_array((values, (row, column)), shape=matrix.shape)
