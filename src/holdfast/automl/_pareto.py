"""The Pareto set of a search: what can be had for what, what is taken under the promises, and why, in sentences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from holdfast.automl._promises import LATENCIES, SIZE, SPARSITY
from holdfast.core.errors import InvalidValue, one_of
from holdfast.core.units import show

if TYPE_CHECKING:
    from holdfast.automl._promises import Found

#: Sentences of an explanation, at most.
MOST_SENTENCES = 8
#: Standard errors of a difference that are still a tie.
TIE = 1.0
#: Share that a cost must fall by before it is told what that would cost.
CHEAPER = 0.8

#: What is said of a dominated point.
BEHIND = "another is at least as good in everything, and better in something"

Paired = Callable[[str, str], float]
"""Names of two points -> standard error of the difference of their losses, row by row."""


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate as a point in the space of what is wanted.

    Parameters
    ----------
    name
        For a person; no two points have the same.
    loss, error
        Held-out loss and its standard error.
    size_bytes, latency_s
        Size of its graph and seconds for one row; None where they are not known (then no better than any other's).
    gaps
        What was found for each promise, by claim.
    better
        1 for the claims whose value had better be small, -1 for those whose value had better be large; others are no
        axis.
    violation
        Summed relative distances from the bounds; 0 keeps them all.
    broken
        Claims that are broken -> what was found, in words.
    units
        Unit of each claim's value.
    """

    name: str
    loss: float
    error: float = 0.0
    size_bytes: float | None = None
    latency_s: float | None = None
    gaps: Mapping[str, float] = field(default_factory=dict)
    better: Mapping[str, int] = field(default_factory=dict)
    violation: float = 0.0
    broken: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        name: str,
        found: Sequence[Found],
        *,
        loss: float,
        error: float = 0.0,
        size_bytes: float | None = None,
        latency_s: float | None = None,
    ) -> Point:
        """Point of what `Constraints.found` said of a candidate."""
        sides = {"<": 1, ">": -1}
        return cls(
            name,
            loss,
            error,
            size_bytes,
            latency_s,
            gaps={each.promise.claim: each.value.value for each in found},
            better={each.promise.claim: sides[each.promise.op[0]] for each in found if each.promise.op[0] in sides},
            violation=sum(each.distance for each in found),
            broken={
                each.promise.claim: each.shown + (f" at {each.where}" if each.where else "")
                for each in found
                if each.distance > 0.0
            },
            units={each.promise.claim: each.unit for each in found},
        )

    @property
    def keeps(self) -> bool:
        """Whether it keeps every promise that was measured."""
        return self.violation == 0.0


@dataclass(frozen=True, slots=True)
class Chosen:
    """The point taken, those that it is in a tie with, and the reason."""

    point: Point
    ties: tuple[str, ...]
    reason: str


def frontier(points: Sequence[Point]) -> tuple[bool, ...]:
    """Whether no other point is at least as good in everything and better in something, point by point.

    The axes are loss, size, latency, and each promised value. Of points that are equal in everything all are kept.

    References
    ----------
    V. Pareto (1906), "Manuale di economia politica"; H. T. Kung, F. Luccio, F. P. Preparata (1975), "On finding the
    maxima of a set of vectors", JACM 22.
    """
    claims = sorted({claim for each in points for claim in each.better})
    axes = [_axes(each, claims) for each in points]
    return tuple(not any(_dominates(other, each) for other in axes) for each in axes)


def _axes(point: Point, claims: Sequence[str]) -> tuple[float, ...]:
    values = [point.loss, _known(point.size_bytes), _known(point.latency_s)]
    for claim in claims:
        # What was not found is taken for the worst.
        found = point.gaps.get(claim)
        values.append(math.inf if found is None else point.better.get(claim, 1) * found)
    return tuple(math.inf if math.isnan(each) else each for each in values)


def _known(number: float | None) -> float:
    return math.inf if number is None else number


def _dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a <= b for a, b in zip(one, other, strict=True))


def choose(points: Sequence[Point], *, paired: Paired | None = None, tie: float = TIE) -> Chosen:
    """Choose the point of the least loss among those that keep every promise, and of a tie the cheapest.

    Where none keeps them all, it is chosen among those that are nearest to it.

    Parameters
    ----------
    points
        At least one.
    paired
        Standard error of a difference of losses; None where rows are not at hand: the errors are then added up as if
        they were independent, which calls more a tie.
    tie
        Standard errors that are still a tie (one: Breiman et al. 1984); 0 takes the least loss whatever it costs.

    Raises
    ------
    InvalidValue
        If there is no point, two have one name, or a loss is no number.
    """
    _check(points)
    least = min(each.violation for each in points)
    near = [each for each in points if each.violation <= least * (1.0 + 1e-9)]
    best = min(near, key=lambda each: (each.loss, each.name))
    ties = [each for each in near if each is best or each.loss - best.loss <= tie * _error(each, best, paired)]
    taken = min(ties, key=lambda each: (_cost(each, ties), each.loss, each.name))
    others = tuple(each.name for each in ties if each is not taken)
    return Chosen(taken, others, _reason(taken, best, others, feasible=least == 0.0))


def _check(points: Sequence[Point]) -> None:
    names = [each.name for each in points]
    if not points or len(set(names)) < len(names):
        raise InvalidValue(f"points {names}", expected="at least one, each with a name of its own")
    if any(math.isnan(each.loss) or math.isnan(each.violation) for each in points):
        raise InvalidValue("a loss that is no number", expected="finite losses")


def _error(one: Point, other: Point, paired: Paired | None) -> float:
    return paired(one.name, other.name) if paired is not None else math.hypot(one.error, other.error)


def _cost(point: Point, among: Sequence[Point]) -> float:
    """Logarithm of size times latency, of what is known of all: no unit decides for itself."""
    cost = 0.0
    for name in ("size_bytes", "latency_s"):
        known = [getattr(each, name) for each in among]
        if all(each is not None for each in known):
            cost += math.log(max(getattr(point, name), 1e-12))
    return cost


def _reason(taken: Point, best: Point, others: Sequence[str], *, feasible: bool) -> str:
    among = "of those that keep every promise" if feasible else "of those that are nearest to keeping the promises"
    if taken is best and not others:
        return f"{taken.name!r} has the least held-out loss {among}, {taken.loss:.5g}"
    if taken is best:
        return f"{taken.name!r} has the least held-out loss {among}, {taken.loss:.5g}, and is the cheapest of a tie"
    return (
        f"{taken.name!r} ({taken.loss:.5g}) is within noise of the least held-out loss {among}, that of {best.name!r} "
        f"({best.loss:.5g}), and is the cheapest of them"
    )


def explain(
    points: Sequence[Point],
    chosen: str,
    *,
    loss: str = "log loss",
    quantile: float = 0.95,
    paired: Paired | None = None,
    tie: float = TIE,
) -> list[str]:
    """Explain a choice: why what is better was not taken, and what something cheaper would cost.

    Parameters
    ----------
    points
        All of them.
    chosen
        Name of the one that was taken.
    loss
        What the loss is called.
    quantile
        Which quantile the latencies are.
    paired, tie
        As for `choose`.

    Returns
    -------
    list of str
        At most `MOST_SENTENCES`, the better ones first, then the cheaper ones, then ties.

    Raises
    ------
    InvalidValue
        If no point has that name.
    """
    taken = next((each for each in points if each.name == chosen), None)
    if taken is None:
        raise InvalidValue(f"no point {chosen!r}", expected=one_of([each.name for each in points], chosen))
    said = _sentences(points, taken, _Said(taken, loss, quantile), paired=paired, tie=tie)
    return list(dict.fromkeys(sentence for _, sentence in said))[:MOST_SENTENCES]


def _sentences(
    points: Sequence[Point], taken: Point, said: _Said, *, paired: Paired | None, tie: float
) -> list[tuple[str, str]]:
    """Name of each other point of the Pareto set, and what is said of it."""
    edge = [each for each, kept in zip(points, frontier(points), strict=True) if kept and each is not taken]

    def apart(each: Point) -> bool:
        return abs(each.loss - taken.loss) > tie * _error(each, taken, paired)

    better = sorted((each for each in edge if each.loss < taken.loss and apart(each)), key=lambda each: each.loss)
    worse = sorted((each for each in edge if each.loss > taken.loss and apart(each)), key=lambda each: each.loss)
    level = sorted((each for each in edge if not apart(each)), key=lambda each: each.name)
    return [
        *((each.name, said.better(each)) for each in better),
        *said.cheaper(worse),
        *((each.name, said.level(each, _error(each, taken, paired))) for each in level),
    ]


@dataclass(frozen=True, slots=True)
class _Said:
    """Sentences about the other points, seen from the one that was taken."""

    taken: Point
    loss: str
    quantile: float

    def better(self, other: Point) -> str:
        """Say why a point of less loss was not taken."""
        gain = f"{other.name!r} has {_difference(self.taken.loss - other.loss)} less {self.loss}{self._measured(other)}"
        extra = {claim: words for claim, words in other.broken.items() if claim not in self.taken.broken}
        if not extra:
            extra = dict(other.broken)
        if extra:
            return f"{gain} but {' and '.join(self._breaks(*each) for each in extra.items())}"
        return f"{gain}; it keeps every promise and costs {self._costs(other)}"

    def _breaks(self, claim: str, words: str) -> str:
        name = _measure(claim)
        if name in LATENCIES:
            return f"answers in {words} (p{100 * LATENCIES[name]:g}), over your promise {claim}"
        if name == SIZE:
            return f"has a size of {words}, over your promise {claim}"
        if name == SPARSITY:
            return f"reads {words} columns, over your promise {claim}"
        return f"has {name} {words}, which breaks your promise {claim}"

    def _costs(self, other: Point) -> str:
        parts = [
            f"{each / mine:.3g}x the {word}"
            for word, each, mine in (
                ("size", other.size_bytes, self.taken.size_bytes),
                ("latency", other.latency_s, self.taken.latency_s),
            )
            if each and mine
        ]
        return " and ".join(parts) or "more"

    def cheaper(self, worse: Sequence[Point]) -> Iterator[tuple[str, str]]:
        """Say what less of each cost would cost: the least loss that it can be had for."""
        for word, unit, name in (("a size", "bytes", "size_bytes"), ("a latency", "seconds", "latency_s")):
            mine = getattr(self.taken, name)
            found = next((each for each in worse if _less(getattr(each, name), mine)), None)
            if found is not None:
                what = f"{word} of {show(getattr(found, name), unit)}"
                what += f" (p{100 * self.quantile:g})" if unit == "seconds" else ""
                yield found.name, self._would_cost(what, mine=show(mine, unit), other=found)
        for claim, side in self.taken.better.items():
            if _measure(claim) in (SIZE, *LATENCIES):
                continue
            found = next((each for each in worse if self._nearer(each, claim, side)), None)
            if found is not None:
                unit = self.taken.units.get(claim, "number")
                what = f"{_call(claim)} {show(found.gaps[claim], unit)}"
                yield found.name, self._would_cost(what, mine=show(self.taken.gaps[claim], unit), other=found)

    def _nearer(self, other: Point, claim: str, side: int) -> bool:
        mine, found = self.taken.gaps.get(claim), other.gaps.get(claim)
        if mine is None or found is None or side * found >= side * mine:
            return False
        return abs(found - mine) > (1.0 - CHEAPER) * abs(mine) if side > 0 else found > mine

    def _would_cost(self, what: str, *, mine: str, other: Point) -> str:
        breaks = "" if other.keeps else ", and would break " + ", ".join(other.broken)
        loss = f"+{_difference(other.loss - self.taken.loss)} {self.loss}{self._measured(other)}"
        return f"{what} instead of {mine} would cost {loss} ({other.name!r}){breaks}"

    def _measured(self, other: Point) -> str:
        """Say the same difference in the units of the promised measures of quality."""
        parts = []
        for claim, side in self.taken.better.items():
            if side < 0 and claim in self.taken.gaps and claim in other.gaps:
                moved = other.gaps[claim] - self.taken.gaps[claim]
                if abs(moved) >= 5e-7:
                    parts.append(f"{'+' if moved > 0 else '-'}{_difference(abs(moved))} {_call(claim)}")
        return f" ({', '.join(parts)})" if parts else ""

    def plain(self, other: Point) -> str:
        """Say what a point is, beside the one that was taken."""
        moved = other.loss - self.taken.loss
        return f"{_difference(abs(moved))} {'more' if moved > 0 else 'less'} {self.loss}, with {self._costs(other)}"

    def level(self, other: Point, error: float) -> str:
        """Say that a point is no better and no worse."""
        moved = f"{_difference(abs(other.loss - self.taken.loss))} +- {_difference(error)} {self.loss}"
        if not other.keeps and self.taken.keeps:
            return f"{other.name!r} is a tie ({moved}) but breaks {', '.join(other.broken)}"
        return f"{other.name!r} is a tie ({moved}), and no cheaper in size and latency together"


def _less(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and one < CHEAPER * other


def _difference(number: float) -> str:
    return f"{number:.2g}"


def _measure(claim: str) -> str:
    return claim.split(" ", 1)[0].split("(", 1)[0]


def _call(claim: str) -> str:
    """Measure and arguments of a claim, without its bound."""
    for op in (" <= ", " >= ", " < ", " > ", " == ", " != "):
        if op in claim:
            return claim.split(op, 1)[0]
    return claim


def table(
    points: Sequence[Point],
    chosen: Chosen,
    *,
    loss: str = "log loss",
    quantile: float = 0.95,
    paired: Paired | None = None,
    tie: float = TIE,
) -> list[dict[str, Any]]:
    """Rows of the report, plain data: the Pareto set first, then by loss; arguments as for `explain`."""
    edge = dict(zip((each.name for each in points), frontier(points), strict=True))
    speak = _Said(chosen.point, loss, quantile)
    said = {each.name: speak.plain(each) if edge[each.name] else BEHIND for each in points}
    # The first sentence about a point is the one that matters most.
    said |= dict(reversed(_sentences(points, chosen.point, speak, paired=paired, tie=tie)))
    said[chosen.point.name] = chosen.reason
    return [
        {
            "name": each.name,
            "loss": each.loss,
            "error": each.error,
            "size_bytes": each.size_bytes,
            "latency_s": each.latency_s,
            "gaps": dict(each.gaps),
            "violation": each.violation,
            "keeps": each.keeps,
            "dominated": not edge[each.name],
            "chosen": each.name == chosen.point.name,
            "why": said[each.name],
        }
        for each in sorted(points, key=lambda each: (not edge[each.name], each.loss, each.name))
    ]
