"""Great Expectations' expectations of figures: of a column as a whole, and of the table."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.core.promises import Argument
from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._suite import Draft, Unmapped

Mapper = Callable[[Arguments, Draft, str], list[str]]

_MANY = 50


def ends(given: Arguments) -> dict[str, object]:
    """The two ends of a range, and which of them are out."""
    return {
        "low": given.get("min_value"),
        "high": given.get("max_value"),
        "strict_low": given.flag("strict_min"),
        "strict_high": given.flag("strict_max"),
    }


def _bounded(measure: str, *more: Argument) -> Mapper:
    def made(given: Arguments, _draft: Draft, _what: str) -> list[str]:
        return promises.bounded(measure, (given.column(), *more), **ends(given))  # type: ignore[arg-type]  # by name

    return made


def _quantiles(given: Arguments, draft: Draft, what: str) -> list[str]:
    column, ranges = given.column(), given.get("quantile_ranges")
    given.get("allow_relative_error")
    if not isinstance(ranges, dict):
        raise Unmapped("no quantile_ranges")
    shares, pairs = ranges.get("quantiles"), ranges.get("value_ranges")
    if not isinstance(shares, list) or not isinstance(pairs, list) or len(shares) != len(pairs) or not shares:
        raise Unmapped("quantile_ranges without a range for each quantile")
    draft.note(what, "a quantile between two values is interpolated here, and the nearest value there")
    made: list[str] = []
    for share, each in zip(shares, pairs, strict=True):
        if not isinstance(each, list) or len(each) != 2:
            raise Unmapped("a quantile's range that is no pair")
        made += quantile(column, promises.share(share, "quantile"), {"low": each[0], "high": each[1]})
    return made


def _exists(given: Arguments, draft: Draft, what: str) -> list[str]:
    if given.has("column_index"):
        draft.skip(what, "column_index: no measure of the order of columns")
    given.get("column_index")
    return promises.present([given.column()])


def _columns(given: Arguments, draft: Draft, what: str) -> list[str]:
    name = "column_set" if given.has("column_set") else "column_list"
    exact = given.flag("exact_match", default=True)
    wanted = given.columns(name)
    if name == "column_list":
        draft.skip(what, "the order of the columns, and that there is no other: no measure of it")
    elif exact:
        draft.skip(what, "that there is no other column: no measure of it (or exact_match: false)")
    return promises.present(wanted)


def _distinct_in_set(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    return promises.allowed(given.column(), given.get("value_set"))


def _distinct_equal(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    column, values = given.column(), given.get("value_set")
    count = promises.promise("distinct_count", column, op="==", bound=float(len(promises.members(values))))
    return [*promises.allowed(column, values), count]


def _distinct_contain(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    column, values = given.column(), promises.members(given.get("value_set"))
    if len(values) > _MANY:
        raise Unmapped(f"{len(values)} values, a promise for each; expected at most {_MANY}")
    return [promises.promise("frequency", column, each, op=">", bound=0.0) for each in values]


def _proportion_unique(given: Arguments, draft: Draft, what: str) -> list[str]:
    draft.note(what, "missing values count as one more value here, and are passed over there")
    return promises.bounded("unique", (given.column(),), **ends(given))  # type: ignore[arg-type]  # by name


def _row_count(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    if given.has("value"):
        value = promises.count(given.get("value"), "value")
        return promises.bounded("row_count", (), value, value, unit="rows")
    return promises.bounded("row_count", (), **ends(given), unit="rows")  # type: ignore[arg-type]  # by name


def _max(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    return extreme(given.column(), greatest=True, **ends(given))  # type: ignore[arg-type]  # by name


def _min(given: Arguments, _draft: Draft, _what: str) -> list[str]:
    return extreme(given.column(), greatest=False, **ends(given))  # type: ignore[arg-type]  # by name


def extreme(
    column: str,
    *,
    greatest: bool,
    low: object = None,
    high: object = None,
    strict_low: bool = False,
    strict_high: bool = False,
) -> list[str]:
    """The greatest (or least) value lies in a range.

    That the greatest is at most 9 is that all are; that it is at least 5 is that some are, so a share above 0. Both are
    ranges of the values, exact and of dates as well.
    """
    least, most = promises.end(low), promises.end(high)
    made = []
    if least is not None:
        made += _above(column, least, strictly=strict_low, every=not greatest)
    if most is not None:
        made += _below(column, most, strictly=strict_high, every=greatest)
    if not made:
        raise Unmapped("a range without an end")
    return made


def _above(column: str, low: Argument, *, strictly: bool, every: bool) -> list[str]:
    """All (or some) values are above."""
    if every:
        return promises.between(column, low, strict_low=strictly)
    if strictly:
        return [promises.promise("in_range", column, op="<", options={"high": low})]
    return [promises.promise("in_range", column, low, op=">", bound=0.0)]


def _below(column: str, high: Argument, *, strictly: bool, every: bool) -> list[str]:
    """All (or some) values are below."""
    if every:
        return promises.between(column, None, high, strict_high=strictly)
    if strictly:
        return [promises.promise("in_range", column, high, op="<")]
    return [promises.promise("in_range", column, op=">", bound=0.0, options={"high": high})]


def quantile(column: str, level: float, within: dict[str, object]) -> list[str]:
    """A quantile lies in a range; the first and the last are the least and the greatest value."""
    if level in (0.0, 1.0):
        return extreme(column, greatest=level == 1.0, **within)  # type: ignore[arg-type]  # by name
    return promises.bounded("quantile", (column, level), **within)  # type: ignore[arg-type]  # by name


TABLES: dict[str, Mapper] = {
    "expect_column_to_exist": _exists,
    "expect_table_columns_to_match_set": _columns,
    "expect_table_columns_to_match_ordered_list": _columns,
    "expect_table_row_count_to_equal": _row_count,
    "expect_table_row_count_to_be_between": _row_count,
    "expect_column_max_to_be_between": _max,
    "expect_column_min_to_be_between": _min,
    "expect_column_mean_to_be_between": _bounded("mean"),
    "expect_column_median_to_be_between": _bounded("quantile", 0.5),
    "expect_column_stdev_to_be_between": _bounded("standard_deviation"),
    "expect_column_quantile_values_to_be_between": _quantiles,
    "expect_column_unique_value_count_to_be_between": _bounded("distinct_count"),
    "expect_column_proportion_of_unique_values_to_be_between": _proportion_unique,
    "expect_column_proportion_of_non_null_values_to_be_between": _bounded("completeness"),
    "expect_column_distinct_values_to_be_in_set": _distinct_in_set,
    "expect_column_distinct_values_to_equal_set": _distinct_equal,
    "expect_column_distinct_values_to_contain_set": _distinct_contain,
}
