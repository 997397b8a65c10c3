"""HyperLogLog: about how many distinct values there are, in four kilobytes, and it merges exactly."""

from __future__ import annotations

import base64
import math
import zlib
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import polars as pl

from holdfast.core.errors import InvalidValue
from holdfast.stats._arrays import Floats

Hashes = npt.NDArray[np.uint64]

_BITS = 12
_SIZE = 1 << _BITS
_REST = 64 - _BITS
_PRIME = 0x100000001B3
_UNPRIME = pow(_PRIME, -1, 1 << 64)


class Distinct:
    """About how many distinct values there are; the standard error is 1.6 %.

    References
    ----------
    P. Flajolet, E. Fusy, O. Gandouet, F. Meunier (2007), "HyperLogLog", AofA; O. Ertl (2017), "New cardinality
    estimation algorithms for HyperLogLog sketches", arXiv 1702.01284 (the estimator, which needs no table of
    corrections).

    Examples
    --------
    >>> distinct = Distinct()
    >>> distinct.update(hash_numbers(np.arange(10_000.0)))
    >>> abs(distinct.estimate - 10_000) < 500
    True
    """

    __slots__ = ("_registers",)

    def __init__(self) -> None:
        self._registers = np.zeros(_SIZE, dtype=np.uint8)

    def update(self, hashes: Hashes) -> None:
        """Take in 64-bit hashes, shape (n,)."""
        place = (hashes >> np.uint64(_REST)).astype(np.int64)
        rest = hashes & np.uint64((1 << _REST) - 1)
        # Places of the leading one from the top of the rest: exact, because 52 bits fit into a float64.
        _, exponent = np.frexp(rest.astype(np.float64))
        np.maximum.at(self._registers, place, (_REST + 1 - exponent).astype(np.uint8))

    def merge(self, other: Distinct) -> Distinct:
        """Estimate of both; neither is changed."""
        made = Distinct()
        made._registers = np.maximum(self._registers, other._registers)
        return made

    @property
    def estimate(self) -> int:
        """About how many distinct hashes there were."""
        held = np.bincount(self._registers, minlength=_REST + 2).astype(np.float64)
        tail = _SIZE * _tau(1.0 - held[_REST + 1] / _SIZE)
        for rank in range(_REST, 0, -1):
            tail = 0.5 * (tail + held[rank])
        bottom = tail + _SIZE * _sigma(held[0] / _SIZE)
        return round(_SIZE * _SIZE / (2.0 * math.log(2.0) * bottom)) if math.isfinite(bottom) else 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON data that `from_dict` makes the same estimate of."""
        return {"registers": base64.b64encode(zlib.compress(self._registers.tobytes())).decode("ascii")}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Estimate that `to_dict` described.

        Raises
        ------
        InvalidValue
            If the registers are missing or no registers.
        """
        made = cls()
        try:
            packed = base64.b64decode(data["registers"], validate=True)
            raw = zlib.decompressobj().decompress(packed, _SIZE + 1)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise InvalidValue(f"no registers: {error}", expected="the data that to_dict() gave") from error
        if len(raw) != _SIZE or max(raw) > _REST + 1:
            raise InvalidValue(f"{len(raw)} registers", expected=f"{_SIZE}, each at most {_REST + 1}")
        made._registers = np.frombuffer(raw, dtype=np.uint8).copy()
        return made


def hash_numbers(values: Floats) -> Hashes:
    """Hashes of numbers, shape (n,): SplitMix64 of their bits, the same everywhere."""
    return _mixed((np.asarray(values, dtype=np.float64) + 0.0).view(np.uint64))


def hash_text(values: pl.Series) -> Hashes:
    """Hashes of text without nulls, shape (n,): a polynomial of the UTF-8 bytes, mixed; the same everywhere."""
    lengths = values.str.len_bytes().to_numpy().astype(np.int64)
    joined = np.frombuffer("".join(values.to_list()).encode("utf-8"), dtype=np.uint8).astype(np.uint64)
    ends = np.cumsum(lengths)
    with np.errstate(over="ignore"):
        powers = np.cumprod(np.full(len(joined), _PRIME, dtype=np.uint64))
        sums = np.concatenate(([np.uint64(0)], np.cumsum((joined + np.uint64(1)) * powers)))
        backs = np.concatenate(([np.uint64(1)], np.cumprod(np.full(len(joined), _UNPRIME, dtype=np.uint64))))
        own = (sums[ends] - sums[ends - lengths]) * backs[ends - lengths]
        return _mixed(own + lengths.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15))


def _mixed(bits: Hashes) -> Hashes:
    with np.errstate(over="ignore"):
        mixed = bits + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        made: Hashes = mixed ^ (mixed >> np.uint64(31))
        return made


def _sigma(x: float) -> float:
    if x == 1.0:
        return math.inf
    weight, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * weight
        weight += weight
    return total


def _tau(x: float) -> float:
    if x in (0.0, 1.0):
        return 0.0
    weight, total, before = 1.0, 1.0 - x, -1.0
    while total != before:
        x = math.sqrt(x)
        before = total
        weight *= 0.5
        total -= (1.0 - x) ** 2 * weight
    return total / 3.0
