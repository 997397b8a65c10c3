"""Pandera: schemas as `to_yaml()` and `to_json()` write them (all layouts since 0.6), as promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.quality.exchange import _patterns as patterns
from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._kinds import kind_of_type
from holdfast.quality.exchange._suite import Draft, Imported, Kind, Unmapped

__all__ = ["matches", "read"]

KIND: Kind = "pandera"

#: Fields of a column that are no checks.
FIELDS = frozenset(
    {
        *("title", "description", "name", "dtype", "nullable", "checks", "unique", "coerce", "required", "regex"),
        *("default", "report_duplicates", "metadata", "drop_invalid_rows", "dims", "alias", "ordered_dims", "sizes"),
        *("shape", "coords", "schema_type", "version"),
    }
)

#: Options of a check, which are none of its statistics.
OPTIONS = frozenset(
    {
        *("check_name", "ignore_na", "raise_warning", "n_failure_cases", "groupby", "groups", "error", "name"),
        *("title", "description"),
    }
)

_ALIASES = {"eq": "equal_to", "ne": "not_equal_to", "gt": "greater_than", "ge": "greater_than_or_equal_to"}
_ALIASES |= {"lt": "less_than", "le": "less_than_or_equal_to", "between": "in_range"}


def matches(content: Mapping[str, Any]) -> bool:
    """Whether a document is a schema that Pandera wrote."""
    return isinstance(content.get("schema_type"), str) and ("columns" in content or "dtype" in content)


def read(
    content: Mapping[str, Any], *, name: str = "schema", table: str | None = None, folder: Path | None = None
) -> Imported:
    """Promises for the columns and checks of a schema.

    Parameters
    ----------
    content
        The schema, as `DataFrameSchema.to_yaml()` or `to_json()` writes it.
    name
        Name of the file.
    table
        Name of the schema; only the one that there is will do.

    folder
        Folder of the file; other tables that it names are looked for there.

    Returns
    -------
    Imported
        A column is not nullable unless it says so. Each column that is required must be there.
    """
    from holdfast.quality.exchange._choice import chosen

    title, schema = chosen({str(content.get("name") or "schema"): content}, table, name=name, what="schema")
    draft = Draft(KIND, folder=folder)
    if schema.get("schema_type") != "dataframe":
        draft.check(f"schema of type {schema.get('schema_type')}", _no("only schemas of tables are read"))
        return draft.finished(table=title, tables=[title], name=name)
    columns = schema.get("columns")
    required = _required(columns)
    if required:
        draft.check("required columns", lambda: promises.present(required))
    for column, given in columns.items() if isinstance(columns, Mapping) else ():
        _column(draft, str(column), given if isinstance(given, Mapping) else {})
    _table(draft, schema)
    return draft.finished(table=title, tables=[title], name=name)


def _required(columns: object) -> list[str]:
    """Names of the columns that must be there."""
    named = columns.items() if isinstance(columns, Mapping) else ()
    given = [(str(column), each if isinstance(each, Mapping) else {}) for column, each in named]
    return [column for column, each in given if each.get("required") is not False and not each.get("regex")]


def _no(why: str) -> Any:
    def refuse() -> list[str]:
        raise Unmapped(why)

    return refuse


def _column(draft: Draft, column: str, given: Mapping[str, Any]) -> None:
    checks = list(_checks(given))
    if given.get("regex"):
        draft.check(f"columns that match {column}", _no("columns by a pattern; name each column"))
        return
    if given.get("required") is False:
        draft.note(f"{column}: required: false", "where the column is not there, its promises are unproven")
    if given.get("dtype") is not None:
        draft.check(f"{column}: dtype {given['dtype']}", lambda: _dtype(draft, column, given))
    if given.get("nullable") is not True:
        draft.check(f"{column}: nullable: false", lambda: promises.completeness(column))
    if given.get("unique"):
        draft.check(f"{column}: unique", lambda: promises.unique(column))
    if given.get("coerce"):
        draft.note(f"{column}: coerce", "values are read as they are, and checked; none is changed")
    if given.get("default") is not None:
        draft.check(f"{column}: default", _no("a missing value is never filled in by a check"))
    for check, statistics, options in checks:
        _check(draft, column, check, statistics, options)


def _dtype(draft: Draft, column: str, given: Mapping[str, Any]) -> list[str]:
    kind = kind_of_type(given["dtype"])
    if kind == "text":
        # A column that may not be there has no type to state: the reader would look for it.
        if given.get("required") is not False:
            draft.types.setdefault(column, "text")
        return []
    return promises.typed(column, kind)


def _checks(given: Mapping[str, Any]) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """Name, statistics and options of each check, in any of the three layouts."""
    listed = given.get("checks")
    if isinstance(listed, Mapping):
        for check, value in listed.items():
            yield _split(str(check), value)
    elif isinstance(listed, list):
        for each in listed:
            options = each.get("options") if isinstance(each, Mapping) else None
            named = options.get("check_name") if isinstance(options, Mapping) else None
            yield _split(str(named or "a check without a name"), each)
    for check, value in given.items():
        if check not in FIELDS:
            yield _split(str(check), value)


def _split(check: str, value: Any) -> tuple[str, Any, Mapping[str, Any]]:
    check = _ALIASES.get(check, check)
    if not isinstance(value, Mapping):
        return check, value, {}
    inner = value.get("options")
    options = dict(inner) if isinstance(inner, Mapping) else {}
    options |= {key: each for key, each in value.items() if key in OPTIONS}
    return check, {key: each for key, each in value.items() if key not in OPTIONS and key != "options"}, options


def _check(draft: Draft, column: str, check: str, statistics: Any, options: Mapping[str, Any]) -> None:
    what = f"{column}: {check}"
    draft.check(what, lambda: _mapped(column, check, statistics, options))
    if options.get("raise_warning"):
        draft.note(what, "it only warns there; a promise is held or broken")
    if options.get("ignore_na") is False:
        draft.note(what, "a missing value fails it there; here completeness says so")


def _mapped(column: str, check: str, statistics: Any, options: Mapping[str, Any]) -> list[str]:
    if options.get("groupby"):
        raise Unmapped("a check by groups; write one for each slice")
    given = Arguments(statistics if isinstance(statistics, Mapping) else {"value": statistics})
    if check not in _CHECKS:
        raise Unmapped("a check written in Python, which is not run")
    made = _CHECKS[check](column, given)
    given.rest()
    return made


def _one(given: Arguments, *names: str) -> Any:
    """The one statistic of a check, under its own name or as a bare value."""
    for each in names:
        if given.has(each):
            return given.get(each)
    return given.get("value")


def _in_range(column: str, given: Arguments) -> list[str]:
    return promises.between(
        column,
        given.get("min_value"),
        given.get("max_value"),
        strict_low=not given.flag("include_min", default=True),
        strict_high=not given.flag("include_max", default=True),
    )


def _equal(column: str, given: Arguments) -> list[str]:
    value = given.get("value")
    return promises.allowed(column, [value])


def _lengths(column: str, given: Arguments) -> list[str]:
    exact = given.get("exact_value")
    low, high = (exact, exact) if exact is not None else (given.get("min_value"), given.get("max_value"))
    if given.has("value"):
        low = high = given.get("value")
    return promises.lengths(column, low, high)


def _distinct(column: str, given: Arguments) -> list[str]:
    values = _one(given, "values")
    count = promises.promise("distinct_count", column, op="==", bound=float(len(promises.members(values))))
    return [*promises.allowed(column, values), count]


_CHECKS: dict[str, Callable[[str, Arguments], list[str]]] = {
    "equal_to": _equal,
    "not_equal_to": lambda column, given: promises.forbidden(column, [_one(given)]),
    "greater_than": lambda column, given: promises.between(column, _one(given, "min_value"), strict_low=True),
    "greater_than_or_equal_to": lambda column, given: promises.between(column, _one(given, "min_value")),
    "less_than": lambda column, given: promises.between(column, None, _one(given, "max_value"), strict_high=True),
    "less_than_or_equal_to": lambda column, given: promises.between(column, None, _one(given, "max_value")),
    "in_range": _in_range,
    "isin": lambda column, given: promises.allowed(column, _one(given, "allowed_values")),
    "notin": lambda column, given: promises.forbidden(column, _one(given, "forbidden_values")),
    "str_matches": lambda column, given: promises.matching(column, patterns.matched(_one(given, "pattern"))),
    "str_contains": lambda column, given: promises.matching(column, patterns.searched(_one(given, "pattern"))),
    "str_startswith": lambda column, given: promises.matching(column, patterns.starting(_one(given, "string"))),
    "str_endswith": lambda column, given: promises.matching(column, patterns.ending(_one(given, "string"))),
    "str_length": _lengths,
    "unique_values_eq": _distinct,
}


def _table(draft: Draft, schema: Mapping[str, Any]) -> None:
    """What a schema says of the table as a whole."""
    columns = [str(each) for each in schema["columns"]] if isinstance(schema.get("columns"), Mapping) else []
    for check, statistics, options in _checks({"checks": schema.get("checks")}):
        draft.check(f"table: {check}", partial(_whole, columns, check, statistics, options))
    unique = schema.get("unique")
    if unique:
        keys = [unique] if isinstance(unique, str) else [str(each) for each in unique]
        draft.check(f"table: unique({', '.join(keys)})", lambda: promises.unique(*keys))
    if schema.get("index"):
        draft.check("table: index", _no("an index is no column of a file; make it a column"))
    for field, why in (
        ("strict", "that there is no other column: no measure of it"),
        ("ordered", "the order of the columns: no measure of it"),
    ):
        if schema.get(field):
            draft.check(f"table: {field}", _no(why))
    if schema.get("coerce"):
        draft.note("table: coerce", "values are read as they are, and checked; none is changed")
    if schema.get("dtype") is not None:
        draft.check(
            "table: dtype",
            lambda: [each for name in columns for each in promises.typed(name, kind_of_type(schema["dtype"]))],
        )


def _whole(columns: list[str], check: str, statistics: Any, options: Mapping[str, Any]) -> list[str]:
    """A check of every column at once."""
    if check not in _CHECKS:
        raise Unmapped("a check written in Python, which is not run")
    if not columns:
        raise Unmapped("no columns")
    return [each for column in columns for each in _mapped(column, check, statistics, options)]
