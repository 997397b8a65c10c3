"""Results of a check in the shape of Great Expectations' validation results (1.x)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from holdfast.core.errors import HoldfastError
from holdfast.core.grammar import parse
from holdfast.core.promises import EVERY_COLUMN, Promise

if TYPE_CHECKING:
    from holdfast.quality.reports import CheckResult, Report

#: Expectations about rows, by measure: the results say how many rows are unexpected.
_ROWS = {
    "completeness": "expect_column_values_to_not_be_null",
    "unique": "expect_column_values_to_be_unique",
    "in_range": "expect_column_values_to_be_between",
    "allowed": "expect_column_values_to_be_in_set",
    "matches": "expect_column_values_to_match_regex",
    "has_length": "expect_column_value_lengths_to_be_between",
    "monotone": "expect_column_values_to_be_increasing",
}

#: Expectations about a figure, by measure: the results say what was observed.
_FIGURES = {
    "row_count": "expect_table_row_count_to_be_between",
    "distinct_count": "expect_column_unique_value_count_to_be_between",
    "mean": "expect_column_mean_to_be_between",
    "standard_deviation": "expect_column_stdev_to_be_between",
}

#: A promise that Great Expectations has no expectation for.
OTHER = "expect_promise_to_be_held"


def to_gx(report: Report) -> dict[str, Any]:
    """Validation result, in the JSON shape of Great Expectations 1.x, that says what a report says.

    Parameters
    ----------
    report
        Results of the checks of one table (or of several).

    Returns
    -------
    dict
        Plain data: ``success``, ``statistics``, ``results`` (one for each check: ``expectation_config``, ``success``,
        ``result``, ``exception_info``, ``meta``), ``suite_name``, ``meta``. A check that is unproven is no success,
        and its reason is the message of ``exception_info``. ``partial_unexpected_list`` is empty: positions of rows
        are told, never what stands in them. What a promise has more than an expectation (interval, verdict) is under
        ``meta.holdfast``.
    """
    results = [_result(each, report) for each in report.results]
    kept = sum(each["success"] for each in results)
    return {
        "success": report.state == "held",
        "results": results,
        "suite_name": report.contract,
        "suite_parameters": {},
        "statistics": {
            "evaluated_expectations": len(results),
            "successful_expectations": kept,
            "unsuccessful_expectations": len(results) - kept,
            "success_percent": 100.0 * kept / len(results) if results else None,
        },
        "meta": {
            "run_id": {"run_name": None, "run_time": report.time.isoformat()},
            "active_batch_definition": {
                "datasource_name": "holdfast",
                "data_connector_name": "file",
                "data_asset_name": report.data,
                "batch_identifiers": {},
            },
            "validation_time": report.time.isoformat(),
            "holdfast": {"state": report.state, "rows": report.rows, "columns": report.columns},
        },
        "id": None,
    }


def _result(found: CheckResult, report: Report) -> dict[str, Any]:
    kind, kwargs = expectation_of(found.check)
    unproven = found.verdict == "unproven"
    data = found.data or report.data
    return {
        "success": found.verdict == "held",
        "expectation_config": {
            "type": kind,
            "kwargs": {**kwargs, "batch_id": data},
            "meta": {"holdfast": {"promise": found.check}},
            "severity": "critical",
        },
        "result": _figures(found, kind),
        "meta": {
            "holdfast": {
                "verdict": found.verdict,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "n": found.n,
                "reason": found.reason,
                "line": found.line,
            }
        },
        "exception_info": {
            "raised_exception": unproven,
            "exception_message": (found.reason or "unproven") if unproven else None,
            "exception_traceback": None,
        },
    }


def _figures(found: CheckResult, kind: str) -> dict[str, Any]:
    if found.value is None:
        return {}
    if found.rows_failing is None or kind in _FIGURES.values():
        return {"observed_value": found.value}
    # A share of rows: the rows that were not looked at hold no value.
    looked = found.n if kind in _ROWS.values() else found.rows
    missing = max(0, found.rows - looked)
    bad = found.rows_failing
    return {
        "element_count": found.rows,
        "unexpected_count": bad,
        "unexpected_percent": _percent(bad, looked),
        "partial_unexpected_list": [],
        "missing_count": missing,
        "missing_percent": _percent(missing, found.rows),
        "unexpected_percent_total": _percent(bad, found.rows),
        "unexpected_percent_nonmissing": _percent(bad, looked),
        "partial_unexpected_counts": [],
        "partial_unexpected_index_list": list(found.first_rows),
        "observed_value": found.value,
    }


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else 0.0


def expectation_of(claim: str) -> tuple[str, dict[str, Any]]:
    """Type and arguments of the expectation that says what a claim says.

    Parameters
    ----------
    claim
        A promise, as in a contract.

    Returns
    -------
    tuple
        An expectation of Great Expectations where there is one that says the same (``mostly`` is the bound); else
        ``expect_promise_to_be_held`` with the promise as its argument.

    Examples
    --------
    >>> expectation_of("completeness(age) >= 0.99")
    ('expect_column_values_to_not_be_null', {'column': 'age', 'mostly': 0.99})
    """
    other = (OTHER, {"promise": claim})
    try:
        promise = parse(claim)
    except HoldfastError:
        return other
    plain = not (promise.by or promise.on or promise.over or promise.confidence or EVERY_COLUMN in promise.args)
    if not plain:
        return other
    if promise.measure in _ROWS and promise.op in (">=", "==") and 0.0 <= promise.bound.base <= 1.0:
        kwargs = _row_arguments(promise)
        mostly = {"mostly": promise.bound.base} if promise.bound.base < 1.0 else {}
        exact = promise.op == ">=" or promise.bound.base == 1.0
        return (_row_kind(promise), {**kwargs, **mostly}) if kwargs and exact else other
    if promise.measure in _FIGURES:
        ends = _ends(promise)
        column = {} if promise.measure == "row_count" else {"column": str(promise.args[0])} if promise.args else {}
        return (_FIGURES[promise.measure], {**column, **ends}) if ends else other
    if promise.measure == "columns_present" and promise.op in (">=", "==") and promise.bound.base == 1.0:
        kind = "expect_table_columns_to_match_set"
        return kind, {"column_set": [str(each) for each in promise.args], "exact_match": False}
    return other


def _row_kind(promise: Promise) -> str:
    several = promise.measure == "unique" and len(promise.args) > 1
    return "expect_compound_columns_to_be_unique" if several else _ROWS[promise.measure]


def _row_arguments(promise: Promise) -> dict[str, Any]:
    """Arguments of the expectation; empty where it has none that says the same."""
    options, args = dict(promise.options), promise.args
    if not args:
        return {}
    column: dict[str, Any] = {"column": str(args[0])}
    ends = {"min_value": args[1] if len(args) > 1 else options.get("low")}
    ends["max_value"] = args[2] if len(args) > 2 else options.get("high")
    if promise.measure == "completeness":
        made: dict[str, Any] = column
    elif promise.measure == "unique":
        made = column if len(args) == 1 else {"column_list": [str(each) for each in args]}
    elif promise.measure in ("in_range", "has_length"):
        made = column | {name: value for name, value in ends.items() if value is not None}
    elif promise.measure == "allowed":
        made = column | {"value_set": list(args[1:])}
    elif promise.measure == "matches":
        # The whole text here, a part of it there.
        made = column | {"regex": f"^(?:{args[1]})$"} if len(args) > 1 else {}
    else:
        strictly = str(options.get("strictly", "")).lower() in ("true", "1")
        made = (column | ({"strictly": True} if strictly else {})) if len(args) == 1 else {}
    return made


def _ends(promise: Promise) -> dict[str, Any]:
    bound: Any = promise.bound.base
    if promise.measure in ("row_count", "distinct_count") and bound == int(bound):
        bound = int(bound)
    match promise.op:
        case "==":
            return {"min_value": bound, "max_value": bound}
        case ">=" | ">":
            return {"min_value": bound} | ({"strict_min": True} if promise.op == ">" else {})
        case "<=" | "<":
            return {"max_value": bound} | ({"strict_max": True} if promise.op == "<" else {})
    return {}
