"""A small algebra of checks: each is told once here, and rendered to Polars expressions or to SQL by an engine.

Three kinds of nodes, all plain frozen values: *terms* (one value a row, missing where it cannot be had), *conditions*
(true, false or unknown a row, with Kleene's three-valued logic: what is compared with a missing value is unknown) and
*aggregates* (one number of a relation). A *relation* is the table itself, some of its rows, or groups of them.

References
----------
S. C. Kleene (1952), Introduction to Metamathematics, section 64. E. F. Codd (1979), "Extending the database relational
model to capture more meaning", ACM TODS 4(4).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

Plain = bool | int | float | str | date | datetime


class Node:
    """A node of the algebra; nodes compare and hash by what they hold."""

    __slots__ = ()


# --- terms: one value a row ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column(Node):
    """A column. With `nan`, NaN is read as missing (only a column of floats can hold one)."""

    name: str
    nan: bool = False


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A constant; a time with a zone is compared as a moment."""

    value: Plain


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """``left op right`` in 64-bit floats, op one of ``+ - * /``; missing where the result is no number (x / 0)."""

    op: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function of terms; `FUNCTIONS` says which there are."""

    function: str
    arguments: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Previous(Node):
    """Value of the row above that has one, within the rows that agree on the terms `within`; needs an order of rows."""

    value: Term
    within: tuple[Term, ...] = ()


@dataclass(frozen=True, slots=True)
class Commonest(Node):
    """Commonest value among the rows that agree on `within`; of several, the one that comes first. Needs an order."""

    value: Term
    within: tuple[Term, ...]


#: Functions of `Call`: what each gives.
FUNCTIONS = {
    "text": "the value as text",
    "number": "the value as a 64-bit float, missing where it is none",
    "integer": "the value as a 64-bit integer, missing where it is none",
    "finite": "the number, missing where it is infinite",
    "length": "characters (code points) of a text",
    "lower": "the text in lower case",
    "upper": "the text in upper case",
    "trim": "the text without blanks, tabs and line ends around it",
    "abs": "the number without its sign",
    "floor": "the greatest whole number that is not above it",
    "micros": "microseconds since 1970-01-01 (UTC)",
    "utc": "a time with a zone, told in UTC",
    "year": "year of a day or time",
    "month": "month, 1 to 12",
    "day": "day of the month, 1 to 31",
    "weekday": "day of the week, Monday is 1",
    "hour": "hour, 0 to 23",
    "minute": "minute, 0 to 59",
}


# --- conditions: true, false or unknown a row -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """``left op right``, op one of ``== != < <= > >=``; texts by code point."""

    op: str
    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Between(Node):
    """``low <= value <= high``."""

    value: Term
    low: Plain
    high: Plain


@dataclass(frozen=True, slots=True)
class Among(Node):
    """Whether the value is one of `values`."""

    value: Term
    values: tuple[Plain, ...]


@dataclass(frozen=True, slots=True)
class Matches(Node):
    """Whether the text matches the regular expression of Rust's syntax (linear time)."""

    value: Term
    pattern: str


@dataclass(frozen=True, slots=True)
class Every(Node):
    """All of the conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some(Node):
    """At least one of the conditions."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Negated(Node):
    """Not the condition."""

    part: Condition


@dataclass(frozen=True, slots=True)
class Always(Node):
    """The same answer for every row."""

    answer: bool


@dataclass(frozen=True, slots=True)
class IsMissing(Node):
    """Whether a term is missing, or a condition unknown; never unknown itself."""

    value: Term | Condition


@dataclass(frozen=True, slots=True)
class IsNan(Node):
    """Whether a number of a float column is NaN; unknown where it is missing."""

    value: Column


@dataclass(frozen=True, slots=True)
class IsInfinite(Node):
    """Whether a number of a float column is infinite; unknown where it is missing."""

    value: Column


@dataclass(frozen=True, slots=True)
class Repeats(Node):
    """Whether an earlier row agrees on all the terms (missing agrees with missing). Needs an order of rows."""

    keys: tuple[Term, ...]


@dataclass(frozen=True, slots=True)
class Absent(Node):
    """Whether the value is there, and is none of the values of `other` over the relation `among`."""

    value: Term
    among: Relation
    other: Term


@dataclass(frozen=True, slots=True)
class InSlice(Node):
    """Whether the row is in the slice of a column that a word names: ``(missing)``, or the value in words.

    `kind` is ``text``, ``words`` (categories), ``boolean``, ``integer``, ``float``, ``float32``, ``date`` or ``other``.
    """

    column: str
    kind: str
    word: str


# --- relations ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source(Node):
    """The table that is checked."""


@dataclass(frozen=True, slots=True)
class Related(Node):
    """Another table, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """The rows that a condition is true of."""

    over: Relation
    condition: Condition


@dataclass(frozen=True, slots=True)
class Group(Node):
    """One row for each combination of `keys`, with `figures` of its rows; both by name."""

    over: Relation
    keys: tuple[tuple[str, Term], ...]
    figures: tuple[tuple[str, Aggregate], ...]


@dataclass(frozen=True, slots=True)
class Without(Node):
    """The rows of `over` whose column `key` is none of the values of `other` over `among`."""

    over: Relation
    key: str
    among: Relation
    other: Term


# --- aggregates: one number of a relation ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number that needs no row."""

    number: int


@dataclass(frozen=True, slots=True)
class Rows(Node):
    """How many rows there are."""


@dataclass(frozen=True, slots=True)
class Missing(Node):
    """How many rows hold no value in a column (null, and NaN where it says so)."""

    column: Column


@dataclass(frozen=True, slots=True)
class CountIf(Node):
    """How many rows a condition is true of."""

    condition: Condition


@dataclass(frozen=True, slots=True)
class Distinct(Node):
    """How many different combinations there are; missing is a value unless `missing` is False (one key only)."""

    keys: tuple[Term, ...]
    missing: bool = True


@dataclass(frozen=True, slots=True)
class Statistic(Node):
    """``sum``, ``min``, ``max``, ``mean`` or ``deviation`` (n - 1) of a term, over the rows that have it."""

    name: str
    value: Term


@dataclass(frozen=True, slots=True)
class Quantile(Node):
    """The quantile of a level in [0, 1]: type 7 of Hyndman and Fan, or with `step` an order statistic (type 1)."""

    value: Term
    level: float
    step: bool = False


@dataclass(frozen=True, slots=True)
class Correlation(Node):
    """Pearson's correlation of two terms over the rows that have both."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True)
class Steps(Node):
    """How many neighbours, in the order of an integer term, are exactly `step` apart."""

    value: Term
    step: int


@dataclass(frozen=True, slots=True)
class Difference(Node):
    """One aggregate less another."""

    left: Aggregate
    right: Aggregate


@dataclass(frozen=True, slots=True)
class Of(Node):
    """An aggregate over another relation than the table; it stands at the top, never inside another aggregate."""

    over: Relation
    figure: Aggregate


Term = Column | Literal | Arithmetic | Call | Previous | Commonest
Condition = (
    Compare
    | Between
    | Among
    | Matches
    | Every
    | Some
    | Negated
    | Always
    | IsMissing
    | IsNan
    | IsInfinite
    | Repeats
    | Absent
    | InSlice
    | Column
)
Relation = Source | Related | Filter | Group | Without
Aggregate = (
    Constant | Rows | Missing | CountIf | Distinct | Statistic | Quantile | Correlation | Steps | Difference | Of
)

#: Nodes whose answer depends on the order of the rows.
ORDERED = (Previous, Commonest, Repeats)


def every(*parts: Condition) -> Condition:
    """All of the conditions; one stands for itself."""
    return parts[0] if len(parts) == 1 else Every(parts)


def some(*parts: Condition) -> Condition:
    """At least one of the conditions; one stands for itself."""
    return parts[0] if len(parts) == 1 else Some(parts)


def present(column: Column) -> Difference:
    """How many rows hold a value."""
    return Difference(Rows(), Missing(column))


# fmt: off
__all__ = [
    "FUNCTIONS", "ORDERED", "Absent", "Aggregate", "Always", "Among", "Arithmetic", "Between", "Call", "Column",
    "Commonest", "Compare", "Condition", "Constant", "Correlation", "CountIf", "Difference", "Distinct", "Every",
    "Filter", "Group", "InSlice", "IsInfinite", "IsMissing", "IsNan", "Literal", "Matches", "Missing", "Negated",
    "Node", "Of", "Plain", "Previous", "Quantile", "Related", "Relation", "Repeats", "Rows", "Some", "Source",
    "Statistic", "Steps", "Term", "Without", "every", "present", "some",
]
# fmt: on
