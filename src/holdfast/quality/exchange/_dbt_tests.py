"""The tests of dbt, dbt_utils and dbt_expectations, as promises."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange import _rules as rules
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._gx_table import ends as _ends
from holdfast.quality.exchange._gx_table import quantile
from holdfast.quality.exchange._gx_values import Rows, texts
from holdfast.quality.exchange._kinds import kind_of_types
from holdfast.quality.exchange._sql import sql_rule
from holdfast.quality.exchange._suite import Draft, Unmapped

_PARTS = {"minute": "min", "hour": "h", "day": "d"}
_REF = re.compile(r"\s*(?:ref|source)\(\s*(?:['\"][^'\"]+['\"]\s*,\s*)?['\"](?P<table>[^'\"]+)['\"]\s*\)\s*\Z")

#: A text with something else than blanks in it.
_SOMETHING = r"(?s:.*)\S(?s:.*)"


def mapped(
    draft: Draft, what: str, kind: str, column: str | None, arguments: dict[str, Any], *, where: object = None
) -> list[str]:
    """Promises for one test.

    Parameters
    ----------
    draft, what
        Where notes go, and the name of the test.
    kind
        Name of the test, with its package.
    column
        The column it stands under; None for a test of the model.
    arguments
        Its arguments.
    where
        SQL of the rows that it is of; a rule is made of it, where one can be.

    Raises
    ------
    Unmapped
        If no promise says the same; the text is the reason.
    """
    given = dict(arguments)
    name = given.pop("column_name", None) if column is None else column
    package, _, test = kind.rpartition(".")
    if package == "dbt_expectations":
        return _expectation(draft, what, test, name, given=given, where=where)
    found = _TESTS.get(test if package in ("", "dbt", "dbt_utils") else kind)
    if found is None:
        raise Unmapped(_WHY_NOT.get(test, "a test in SQL of its own, which is not run"))
    read = Arguments(given)
    made = found(draft, what, name, read)
    read.rest()
    return texts(made, None if where is None else sql_rule(where))


def _named(column: str | None) -> str:
    if column is None:
        raise Unmapped("a test of a column, without one")
    return column


def _not_null(_draft: Draft, _what: str, column: str | None, _given: Arguments) -> Rows:
    name = _named(column)
    return Rows(lambda: promises.completeness(name), lambda: rules.is_there(rules.name(name)))


def _unique(draft: Draft, what: str, column: str | None, _given: Arguments) -> Rows:
    name = _named(column)
    draft.note(what, "a missing value is a value of a key here, and passed over there")
    return Rows(lambda: promises.unique(name), None)


def _accepted_values(_draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    name, values = _named(column), given.get("values")
    given.get("quote")
    return Rows(lambda: promises.allowed(name, values), lambda: rules.one_of(name, promises.members(values)))


def _relationships(draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    name, field = _named(column), given.text("field")
    found = _REF.match(given.text("to"))
    if found is None:
        raise Unmapped(f"the other table {given.get('to')!r}")
    file = draft.related(found["table"])
    return Rows(lambda: [promises.promise("references", name, file, field)], None)


def _combination(draft: Draft, what: str, _column: str | None, given: Arguments) -> Rows:
    columns = given.columns("combination_of_columns")
    given.get("quote_columns")
    draft.note(what, "a missing value is a value of a key here")
    return Rows(lambda: promises.unique(*columns), None)


def _accepted_range(_draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    name, strict = _named(column), not given.flag("inclusive", default=True)
    low, high = given.get("min_value"), given.get("max_value")
    return Rows(
        lambda: promises.between(name, low, high, strict_low=strict, strict_high=strict),
        lambda: rules.between(name, promises.end(low), promises.end(high), strict_low=strict, strict_high=strict),
    )


def _not_constant(_draft: Draft, _what: str, column: str | None, _given: Arguments) -> Rows:
    name = _named(column)
    return Rows(lambda: [promises.promise("varies", name, op=">", bound=0.0)], None)


def _at_least_one(_draft: Draft, _what: str, column: str | None, _given: Arguments) -> Rows:
    name = _named(column)
    return Rows(lambda: [promises.promise("completeness", name, op=">", bound=0.0)], None)


def _not_empty(_draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    name = _named(column)
    if given.flag("trim_whitespace", default=True):
        return Rows(lambda: promises.matching(name, _SOMETHING), None)
    return Rows(lambda: promises.lengths(name, 1), lambda: rules.length_between(name, 1, None))


def _proportion(_draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    name, low, high = _named(column), given.get("at_least"), given.get("at_most", 1.0)
    ends = {"low": low, "high": None if high == 1.0 else high}
    return Rows(lambda: promises.bounded("completeness", (name,), **ends), None)


def _expression(_draft: Draft, _what: str, column: str | None, given: Arguments) -> Rows:
    whole = given.flag("whole")
    rule = sql_rule(given.get("expression"), column=None if whole else column)
    return Rows(lambda: [promises.holds(rule)], lambda: rule)


def _recency(_draft: Draft, _what: str, _column: str | None, given: Arguments) -> Rows:
    field = given.text("field")
    given.get("ignore_time_component")
    return Rows(lambda: _fresh(field, given.get("datepart"), given.get("interval")), None)


def _fresh(column: str, part: object, interval: object) -> list[str]:
    unit = _PARTS.get(str(part).lower())
    if unit is None:
        raise Unmapped(f"freshness in {part}s; write minutes, hours or days")
    return [promises.promise("freshness", column, op="<=", bound=promises.number(interval, "interval"), unit=unit)]


_TESTS: dict[str, Callable[[Draft, str, str | None, Arguments], Rows]] = {
    "not_null": _not_null,
    "unique": _unique,
    "accepted_values": _accepted_values,
    "relationships": _relationships,
    "unique_combination_of_columns": _combination,
    "accepted_range": _accepted_range,
    "not_accepted_values": lambda _draft, _what, column, given: _none_of(_named(column), given),
    "not_constant": _not_constant,
    "at_least_one": _at_least_one,
    "not_empty_string": _not_empty,
    "not_null_proportion": _proportion,
    "expression_is_true": _expression,
    "recency": _recency,
}


def _none_of(column: str, given: Arguments) -> Rows:
    values = given.get("values")
    given.get("quote")
    return Rows(lambda: promises.forbidden(column, values), lambda: rules.none_of(column, promises.members(values)))


_WHY_NOT = {
    "equal_rowcount": "the other table is named in a database, not as a file",
    "fewer_rows_than": "the other table is named in a database, not as a file",
    "equality": "the other table is named in a database; see `holdfast check --against`",
    "cardinality_equality": "the other table is named in a database, not as a file",
    "relationships_where": "conditions on another table",
    "sequential_values": "no measure of steps between values; promise regular() of times",
    "mutually_exclusive_ranges": "no measure of ranges that overlap",
}

#: Arguments of dbt_expectations, by the name that Great Expectations has for them.
_RENAMED = {"column_type": "type_", "column_type_list": "type_list", "column_name": "column"}

#: Arguments that only say how the SQL is written.
_SQL_ONLY = frozenset(("quote_values", "is_raw", "quote_columns", "group_by", "transform"))


def _expectation(
    draft: Draft, what: str, test: str, column: str | None, *, given: dict[str, Any], where: object
) -> list[str]:
    from holdfast.quality.exchange.gx import mapped as mapped_expectation

    test = test.lower()
    conditions = [each for each in (where, given.pop("row_condition", None)) if each is not None]
    found = [sql_rule(each) for each in conditions]
    rule = " and ".join(f"({each})" for each in found) if len(found) > 1 else found[0] if found else None
    if given.get("group_by"):
        raise Unmapped("a test by groups; write one for each slice with 'by'")
    kwargs = {_RENAMED.get(key, key): value for key, value in given.items() if key not in _SQL_ONLY}
    if column is not None:
        kwargs.setdefault("column", column)
    if test != "expect_column_values_to_be_increasing" and kwargs.pop("strictly", False):
        kwargs |= {"strict_min": True, "strict_max": True}
    if test in _OWN:
        if rule is not None:
            raise Unmapped("a row condition, and no rule says what is checked under it")
        return _OWN[test](kwargs)
    return mapped_expectation(test, kwargs, draft=draft, what=what, rule=rule, posix=True)


def _recent(kwargs: Mapping[str, Any]) -> list[str]:
    given = Arguments(kwargs)
    made = _fresh(given.column(), given.get("datepart"), given.get("interval"))
    given.rest()
    return made


def _quantile(kwargs: Mapping[str, Any]) -> list[str]:
    given = Arguments(kwargs)
    share = promises.share(given.get("quantile"), "quantile")
    made = quantile(given.column(), share, _ends(given))
    given.rest()
    return made


def _distinct(kwargs: Mapping[str, Any]) -> list[str]:
    given = Arguments(kwargs)
    value = given.get("value")
    made = promises.bounded("distinct_count", (given.column(),), value, value)
    given.rest()
    return made


def _types(kwargs: Mapping[str, Any]) -> list[str]:
    given = Arguments(kwargs)
    names = given.get("type_list") if given.has("type_list") else [given.get("type_")]
    kind = kind_of_types(names)
    column = given.column()
    given.rest()
    if kind == "text":
        raise Unmapped("that a column is text; state it under data.types")
    return promises.typed(column, kind)


_OWN: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "expect_row_values_to_have_recent_data": _recent,
    "expect_column_quantile_values_to_be_between": _quantile,
    "expect_column_distinct_count_to_equal": _distinct,
    "expect_column_values_to_be_of_type": _types,
    "expect_column_values_to_be_in_type_list": _types,
}
