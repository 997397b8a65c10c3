"""Promises that say what checks of other tools say: one function for each kind of check, shared by all formats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from holdfast.core.promises import EVERY_COLUMN, Argument, Promise
from holdfast.core.units import Quantity
from holdfast.quality.exchange import _rules as rules
from holdfast.quality.exchange._suite import Unmapped

MAX_VALUES = 1_000


def promise(
    measure: str,
    *args: Argument,
    op: str = ">=",
    bound: float = 1.0,
    unit: str = "",
    options: dict[str, Argument] | None = None,
) -> str:
    """Text of a promise in its canonical form."""
    if any(each == EVERY_COLUMN for each in args):
        raise Unmapped("a column or a value named * cannot be named in a promise")
    if not math.isfinite(bound):
        raise Unmapped(f"a bound of {bound}")
    return Promise(measure, op, Quantity(bound, unit), tuple(args), tuple((options or {}).items())).text


def confirmed(text: str) -> str:
    """The promise, read back and checked against its measure; raises what a contract with it would raise."""
    from holdfast.core import registry
    from holdfast.core.grammar import parse

    found = parse(text)
    registry.get("measure", found.measure).check(found.at("data"))
    if found.measure == "holds":
        rules.confirm(str(found.args[0]))
    return found.text


def number(value: object, what: str = "value") -> float:
    """A finite number that survives being a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Unmapped(f"{what} {value!r} is no number")
    try:
        found = float(value)
    except OverflowError:
        raise Unmapped(f"{what} is too large") from None
    if not math.isfinite(found):
        raise Unmapped(f"{what} is {found}")
    if isinstance(value, int) and int(found) != value:
        raise Unmapped(f"{what} {value} has no exact floating-point number")
    return found


def count(value: object, what: str = "count") -> int:
    """A whole number of at least 0."""
    found = number(value, what)
    if found < 0 or found != int(found):
        raise Unmapped(f"{what} {value!r} is no whole number of at least 0")
    return int(found)


def share(value: object, what: str = "mostly") -> float:
    """A share in [0, 1]."""
    found = number(value, what)
    if not 0.0 <= found <= 1.0:
        raise Unmapped(f"{what} {value!r} lies outside of 0 to 1")
    return found


def complement(share_: float) -> float:
    """One minus a share, without the noise of the last digit: 0.95 for 0.05."""
    from decimal import Decimal

    return float(1 - Decimal(repr(share_)))


def end(value: object, what: str = "bound") -> Argument | None:
    """An end of a range: a number, the ISO 8601 text of a date, or None."""
    from datetime import datetime

    if value is None:
        return None
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value)
        except ValueError:
            raise Unmapped(f"{what} {value!r} is neither a number nor an ISO 8601 date") from None
        return value
    return number(value, what)


def members(values: object, what: str = "values") -> list[Argument]:
    """Values of a set, each once; missing ones are left out, for a missing value is never looked at."""
    if not isinstance(values, (list, tuple)) or not values:
        raise Unmapped(f"no {what}")
    if len(values) > MAX_VALUES:
        raise Unmapped(f"{len(values)} {what}; expected at most {MAX_VALUES}, or a table of them and references()")
    found: dict[Argument, None] = {}
    for each in values:
        if isinstance(each, bool):
            found["true" if each else "false"] = None
        elif isinstance(each, str):
            found[each] = None
        elif each is not None:
            found[number(each)] = None
    if not found:
        raise Unmapped(f"no {what} but missing ones")
    return list(found)


def completeness(column: str, *, at_least: float = 1.0, strictly: bool = False) -> list[str]:
    """Values are there."""
    return [promise("completeness", column, op=">" if strictly else ">=", bound=at_least)]


def missing(column: str, *, at_least: float = 1.0) -> list[str]:
    """Values are missing."""
    return [promise("completeness", column, op="<=", bound=complement(at_least))]


def unique(*columns: str, at_least: float = 1.0) -> list[str]:
    """No key stands twice."""
    return [promise("unique", *columns, bound=at_least)]


def allowed(column: str, values: object, *, at_least: float = 1.0) -> list[str]:
    """Values are of a set."""
    return [promise("allowed", column, *members(values), bound=at_least)]


def forbidden(column: str, values: object, *, at_least: float = 1.0) -> list[str]:
    """Values are none of a set."""
    return [holds(rules.none_of(column, members(values)), at_least=at_least)]


def between(
    column: str,
    low: object = None,
    high: object = None,
    *,
    strict_low: bool = False,
    strict_high: bool = False,
    at_least: float = 1.0,
) -> list[str]:
    """Values lie in a range; a strict end is a rule, for `in_range` takes its ends in."""
    ends = end(low, "lower bound"), end(high, "upper bound")
    if ends == (None, None):
        raise Unmapped("a range without an end")
    if (strict_low and ends[0] is not None) or (strict_high and ends[1] is not None):
        rule = rules.between(column, *ends, strict_low=strict_low, strict_high=strict_high)
        return [holds(rule, at_least=at_least)]
    return [_ranged("in_range", column, *ends, at_least=at_least)]


def matching(column: str, pattern: str, *, at_least: float = 1.0) -> list[str]:
    """Texts match a pattern of our dialect from their first character to their last."""
    return [promise("matches", column, pattern, bound=at_least)]


def not_matching(column: str, pattern: str, *, at_least: float = 1.0) -> list[str]:
    """Texts do not match a pattern: at most the rest may."""
    return [promise("matches", column, pattern, op="<=", bound=complement(at_least))]


def lengths(column: str, low: object = None, high: object = None, *, at_least: float = 1.0) -> list[str]:
    """Texts have a length in a range."""
    ends = [None if each is None else float(count(each, "length")) for each in (low, high)]
    if ends == [None, None]:
        raise Unmapped("a length without a bound")
    return [_ranged("has_length", column, ends[0], ends[1], at_least=at_least)]


def _ranged(measure: str, column: str, low: Argument | None, high: Argument | None, *, at_least: float) -> str:
    """Promise of a measure that takes a low and a high end, either of which may be left out."""
    options = {"high": high} if low is None and high is not None else {}
    args = () if low is None else (low,) if high is None else (low, high)
    return promise(measure, column, *args, bound=at_least, options=options)


def typed(column: str, kind: str, *, at_least: float = 1.0) -> list[str]:
    """Values are of a kind."""
    return [promise("typed", column, kind, bound=at_least)]


def present(columns: Sequence[str]) -> list[str]:
    """Columns are there."""
    if not columns:
        raise Unmapped("no columns")
    return [promise("columns_present", *dict.fromkeys(columns))]


def bounded(
    measure: str,
    args: Iterable[Argument],
    low: object = None,
    high: object = None,
    *,
    strict_low: bool = False,
    strict_high: bool = False,
    unit: str = "",
) -> list[str]:
    """A number of the table lies in a range: one promise for each end, one of equality where both are the same."""
    given = tuple(args)
    low_, high_ = (None if each is None else number(each, "bound") for each in (low, high))
    if low_ is None and high_ is None:
        raise Unmapped("a range without an end")
    if low_ == high_ and low_ is not None and not (strict_low or strict_high):
        return [promise(measure, *given, op="==", bound=low_, unit=unit)]
    made = []
    if low_ is not None:
        made.append(promise(measure, *given, op=">" if strict_low else ">=", bound=low_, unit=unit))
    if high_ is not None:
        made.append(promise(measure, *given, op="<" if strict_high else "<=", bound=high_, unit=unit))
    return made


def holds(rule: str, *, at_least: float = 1.0) -> str:
    """A rule holds in (almost) all rows."""
    return promise("holds", rule, bound=at_least)
