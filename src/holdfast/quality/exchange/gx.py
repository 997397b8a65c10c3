"""Great Expectations: suites of 0.x and 1.x (and checkpoints that hold one) as promises, and results in its shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holdfast.core.errors import MalformedContract
from holdfast.quality.exchange._gx_results import to_gx
from holdfast.quality.exchange._suite import Draft, Imported, Kind, Unmapped

__all__ = ["matches", "read", "to_gx"]

KIND: Kind = "great-expectations"

#: Arguments that change nothing about what is checked.
IGNORED = (
    "meta",
    "notes",
    "batch_id",
    "result_format",
    "catch_exceptions",
    "include_config",
    "condition_parser",
    "parse_strings_as_datetimes",
    "output_strftime_format",
    "description",
    "severity",
    "windows",
    "id",
    "profiler_config",
)


def matches(content: Mapping[str, Any]) -> bool:
    """Whether a document is a suite of Great Expectations (or a list of them in a checkpoint or validation result)."""
    if isinstance(content.get("expectations"), list):
        return True
    return any(isinstance(each.get("expectations"), list) for each in _suites(content))


def read(
    content: Mapping[str, Any], *, name: str = "suite", table: str | None = None, folder: Path | None = None
) -> Imported:
    """Promises for the expectations of a suite.

    Parameters
    ----------
    content
        The suite, as it is saved: ``expectations`` with ``type`` (1.x) or ``expectation_type`` (0.x) and ``kwargs``.
    name
        Name of the file.
    table
        Name of the suite to take, where the file holds several.

    folder
        Folder of the file; other tables that it names are looked for there.

    Returns
    -------
    Imported
        ``mostly`` is the share that a promise holds to; a two-sided bound is two promises; a row condition is a rule.

    Raises
    ------
    MalformedContract
        If there is no such suite.
    """
    from holdfast.quality.exchange._choice import chosen

    suites = {str(each.get("name") or each.get("expectation_suite_name") or "suite"): each for each in _suites(content)}
    title, suite = chosen(suites, table, name=name, what="suite")
    expectations = suite.get("expectations")
    if not isinstance(expectations, list):
        raise MalformedContract("expectations that are no list", where=name, expected="a list of expectations")
    draft = Draft(KIND, folder=folder)
    for each in expectations:
        _expectation(draft, each)
    return draft.finished(table=title, tables=suites, name=name)


def _suites(content: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The suite that the document is, or those that stand in it (a checkpoint, a list of suites)."""
    if isinstance(content.get("expectations"), list):
        yield content
        return
    for key in ("suite", "expectation_suite"):
        if isinstance(content.get(key), Mapping):
            yield from _suites(content[key])
    for key in ("suites", "validation_definitions", "validations"):
        for each in content[key] if isinstance(content.get(key), list) else ():
            if isinstance(each, Mapping):
                yield from _suites(each)


def _expectation(draft: Draft, given: object) -> None:
    if not isinstance(given, Mapping):
        draft.check("an expectation", lambda: _refused("it is no mapping"))
        return
    kind = given.get("type") or given.get("expectation_type")
    inner = given.get("kwargs")
    kwargs: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {}
    severity = given.get("severity")
    what = expectation_name(str(kind), kwargs)
    draft.check(what, lambda: mapped(str(kind), kwargs, draft=draft, what=what))
    if severity in ("info", "warning"):
        draft.note(what, f"its severity is {severity}; a promise is held or broken")


def expectation_name(kind: str, kwargs: Mapping[str, Any]) -> str:
    """How an expectation is named for a person: its type, and the columns it is of."""
    named = [
        str(each)
        for key in ("column", "column_A", "column_B", "column_list")
        for each in (kwargs[key] if isinstance(kwargs.get(key), list) else [kwargs.get(key)])
        if each is not None
    ]
    return f"{kind}({', '.join(named)})"


def mapped(
    kind: str, kwargs: Mapping[str, Any], *, draft: Draft, what: str, rule: str | None = None, posix: bool = False
) -> list[str]:
    """Promises for one expectation.

    Parameters
    ----------
    kind, kwargs
        Its type and its arguments.
    draft, what
        Where notes go, and the name of the expectation.
    rule
        A condition on the rows, in the language of `holds`; besides the row condition of the arguments.
    posix
        Whether its patterns are a database's, where ``[[:alpha:]]`` is a class.

    Raises
    ------
    Unmapped
        If no promise says the same; the text is the reason.
    """
    from holdfast.quality.exchange import _gx_table, _gx_values
    from holdfast.quality.exchange import _rules as rules
    from holdfast.quality.exchange._arguments import Arguments

    arguments = Arguments({**kwargs, "posix": posix}, ignored=(*IGNORED, "posix"))
    condition = arguments.get("row_condition")
    if condition not in (None, ""):
        rule = rules.gx_condition(condition)
    if kind in _gx_values.ROWS:
        made = _gx_values.ROWS[kind](arguments, draft, what)
        arguments.rest()
        return _gx_values.texts(made, rule)
    if kind not in _gx_table.TABLES:
        raise Unmapped(_WHY_NOT.get(kind, "no promise says this"))
    if rule is not None:
        raise Unmapped("a row condition on a figure of the whole column")
    found = _gx_table.TABLES[kind](arguments, draft, what)
    arguments.rest()
    return found


def _refused(why: str) -> list[str]:
    raise Unmapped(why)


_SQL = "its SQL is not run"

_WHY_NOT = {
    "expect_column_sum_to_be_between": "no measure of a sum; promise a mean and a row count",
    "expect_column_most_common_value_to_be_in_set": "no measure of the commonest value; promise its frequency",
    "expect_column_kl_divergence_to_be_less_than": "its partition is no distribution that a promise can name; see psi",
    "expect_column_value_z_scores_to_be_less_than": "z-scores depend on the rows themselves; promise a range",
    "expect_column_values_to_not_be_outliers": "outliers depend on the rows themselves; promise a range",
    "expect_column_values_to_be_json_parseable": "no measure reads JSON inside of a cell",
    "expect_column_values_to_match_json_schema": "no measure reads JSON inside of a cell",
    "expect_column_values_to_be_dateutil_parseable": "dateutil guesses formats; typed(x, date) takes ISO 8601 only",
    "expect_column_values_to_match_strftime_format": "a strftime format; typed(column, date) takes ISO 8601 only",
    "expect_table_column_count_to_equal": "no measure of the number of columns; promise columns_present",
    "expect_table_column_count_to_be_between": "no measure of the number of columns; promise columns_present",
    "expect_table_row_count_to_equal_other_table": "the other table is named in a database, not as a file",
    "expect_query_results_to_match_comparison": _SQL,
    "unexpected_rows_expectation": _SQL,
    "expect_column_values_to_be_decreasing": "monotone() is of values that grow; promise it of the other order",
}
