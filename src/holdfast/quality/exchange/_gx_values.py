"""Great Expectations' expectations of values, row by row: each as a check that can stand alone or under a condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.quality.exchange import _patterns as patterns
from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange import _rules as rules
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._suite import Draft, Unmapped


@dataclass(frozen=True, slots=True)
class Rows:
    """A check of rows in both forms: the promises of its measure, and (where there is one) its rule.

    Parameters
    ----------
    plain
        Makes the promises where there is no condition.
    rule
        Makes the rule; None where the language of rules does not say it.
    at_least
        Share of the rows that must keep it.
    """

    plain: Callable[[], list[str]]
    rule: Callable[[], str] | None
    at_least: float = 1.0


Mapper = Callable[[Arguments, Draft, str], Rows]


def texts(made: Rows, condition: str | None) -> list[str]:
    """Promises of a check; under a condition (a rule of `holds`) where there is one."""
    if condition is None:
        return made.plain()
    if made.rule is None:
        raise Unmapped("a row condition, and no rule says what is checked under it")
    if made.at_least < 1.0:
        raise Unmapped("a share of the rows that a condition holds of; check a file of these rows")
    return [promises.holds(rules.implied(condition, made.rule()))]


def _not_null(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, share = given.column(), given.share()
    return Rows(
        lambda: promises.completeness(column, at_least=share), lambda: rules.is_there(rules.name(column)), share
    )


def _null(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, share = given.column(), given.share()
    return Rows(lambda: promises.missing(column, at_least=share), lambda: rules.is_missing(rules.name(column)), share)


def _unique(given: Arguments, draft: Draft, what: str) -> Rows:
    column, share = given.column(), given.share()
    draft.note(what, "a missing value is a value of a key here, and passed over there")
    if share < 1.0:
        draft.note(what, "of the rows with one key, the first is not counted here, and all of them are there")
    return Rows(lambda: promises.unique(column, at_least=share), None, share)


def _in_set(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, values, share = given.column(), given.get("value_set"), given.share()
    return Rows(
        lambda: promises.allowed(column, values, at_least=share),
        lambda: rules.one_of(column, promises.members(values)),
        share,
    )


def _not_in_set(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, values, share = given.column(), given.get("value_set"), given.share()
    return Rows(
        lambda: promises.forbidden(column, values, at_least=share),
        lambda: rules.none_of(column, promises.members(values)),
        share,
    )


def _between(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, share = given.column(), given.share()
    low, high = given.get("min_value"), given.get("max_value")
    strict = {"strict_low": given.flag("strict_min"), "strict_high": given.flag("strict_max")}
    return Rows(
        lambda: promises.between(column, low, high, **strict, at_least=share),
        lambda: rules.between(column, promises.end(low), promises.end(high), **strict),
        share,
    )


def _matching(find: Callable[[Arguments], str]) -> Mapper:
    def made(given: Arguments, _draft: Draft, _what: str) -> Rows:
        column, share, pattern = given.column(), given.share(), find(given)
        return Rows(lambda: promises.matching(column, pattern, at_least=share), None, share)

    return made


def _not_matching(find: Callable[[Arguments], str]) -> Mapper:
    def made(given: Arguments, _draft: Draft, _what: str) -> Rows:
        column, share, pattern = given.column(), given.share(), find(given)
        return Rows(lambda: promises.not_matching(column, pattern, at_least=share), None, share)

    return made


def _regex(given: Arguments) -> str:
    return patterns.searched(given.get("regex"), posix=bool(given.get("posix")))


def _like(given: Arguments) -> str:
    return patterns.like(given.get("like_pattern"))


def _any_regex(given: Arguments) -> str:
    if given.get("match_on") == "all":
        raise Unmapped("match_on: all; write an expectation for each pattern")
    return _any([patterns.searched(each, posix=bool(given.get("posix"))) for each in _list(given, "regex_list")])


def _any_regex_of_none(given: Arguments) -> str:
    return _any([patterns.searched(each, posix=bool(given.get("posix"))) for each in _list(given, "regex_list")])


def _any_like(given: Arguments) -> str:
    if given.get("match_on") == "all":
        raise Unmapped("match_on: all; write an expectation for each pattern")
    return _any([patterns.like(each) for each in _list(given, "like_pattern_list")])


def _any(found: list[str]) -> str:
    return found[0] if len(found) == 1 else "|".join(f"(?:{each})" for each in found)


def _list(given: Arguments, name: str) -> list[object]:
    value = given.get(name)
    if not isinstance(value, list) or not value:
        raise Unmapped(f"no {name}")
    return value


def _lengths(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, share = given.column(), given.share()
    low, high = given.get("min_value"), given.get("max_value")
    if given.has("value"):
        low = high = given.get("value")
    # Lengths are whole numbers: a strict bound is the next one.
    low = promises.count(low, "length") + given.flag("strict_min") if low is not None else None
    high = promises.count(high, "length") - given.flag("strict_max") if high is not None else None
    return Rows(
        lambda: promises.lengths(column, low, high, at_least=share),
        lambda: rules.length_between(column, low, high),
        share,
    )


def _of_type(given: Arguments, draft: Draft, what: str) -> Rows:
    from holdfast.quality.exchange._kinds import kind_of_types

    column, share = given.column(), given.share()
    names = given.get("type_list") if given.has("type_list") else [given.get("type_")]
    kind = kind_of_types(names)
    if kind == "text":
        draft.types.setdefault(column, "text")
        draft.note(what, "the column is read as text, so there is nothing to promise")
        return Rows(lambda: promises.present([column]), None, share)
    return Rows(lambda: promises.typed(column, kind, at_least=share), None, share)


def _increasing(given: Arguments, _draft: Draft, _what: str) -> Rows:
    column, share = given.column(), given.share()
    options: dict[str, str | float] = {"strictly": "true"} if given.flag("strictly") else {}
    return Rows(lambda: [promises.promise("monotone", column, bound=share, options=options)], None, share)


def _pair(rule: Callable[[str, str, Arguments], str]) -> Mapper:
    def made(given: Arguments, _draft: Draft, _what: str) -> Rows:
        left, right, share = given.column("column_A"), given.column("column_B"), given.share()
        text = _looked_at(rule(rules.name(left), rules.name(right), given), (left, right), given)
        return Rows(lambda: [promises.holds(text, at_least=share)], lambda: text, share)

    return made


def _looked_at(
    rule: str, columns: tuple[str, ...], given: Arguments, *, default: str = "both_values_are_missing"
) -> str:
    """The rule in the rows that are looked at; a comparison with a missing value is no violation in ours."""
    ignored = given.get("ignore_row_if", default)
    if ignored in ("either_value_is_missing", "any_value_is_missing"):
        return rule
    if ignored in ("both_values_are_missing", "all_values_are_missing"):
        # Where some are missing, it is broken; where all are, the comparison is unknown, and so is the rule.
        there = " and ".join(rules.is_there(rules.name(each)) for each in columns)
        none = " and ".join(rules.is_missing(rules.name(each)) for each in columns)
        return f"({none} or {there}) and {rule}"
    raise Unmapped(f"ignore_row_if: {ignored}")


def _pair_in_set(left: str, right: str, given: Arguments) -> str:
    pairs = given.get("value_pairs_set")
    if not isinstance(pairs, list) or not pairs or not all(isinstance(each, list) and len(each) == 2 for each in pairs):
        raise Unmapped("no value_pairs_set")
    if len(pairs) > 50:
        raise Unmapped(f"{len(pairs)} pairs; a rule names at most 50")
    each = [f"({left} == {rules.literal(one)} and {right} == {rules.literal(two)})" for one, two in pairs]
    return "(" + " or ".join(each) + ")"


def _greater(left: str, right: str, given: Arguments) -> str:
    return f"{left} {'>=' if given.flag('or_equal') else '>'} {right}"


def _sum(given: Arguments, _draft: Draft, _what: str) -> Rows:
    columns, share = given.columns("column_list"), given.share()
    total = promises.number(given.get("sum_total"), "sum_total")
    rule = f"{' + '.join(rules.name(each) for each in columns)} == {rules.literal(total)}"
    text = _looked_at(rule, tuple(columns), given, default="all_values_are_missing")
    return Rows(lambda: [promises.holds(text, at_least=share)], lambda: text, share)


def _apart(given: Arguments, _draft: Draft, _what: str) -> Rows:
    columns, share = given.columns("column_list"), given.share()
    if len(columns) > 10:
        raise Unmapped(f"{len(columns)} columns to compare with each other; a rule takes at most 10")
    named = [rules.name(each) for each in columns]
    pairs = [f"{one} != {two}" for k, one in enumerate(named) for two in named[k + 1 :]]
    text = _looked_at(" and ".join(pairs), tuple(columns), given, default="any_value_is_missing")
    return Rows(lambda: [promises.holds(text, at_least=share)], lambda: text, share)


def _equal(given: Arguments, _draft: Draft, _what: str) -> Rows:
    columns, share = given.columns("column_list"), given.share()
    named = [rules.name(each) for each in columns]
    rule = " and ".join(f"{named[0]} == {each}" for each in named[1:])
    text = _looked_at(rule, tuple(columns), given, default="all_values_are_missing")
    return Rows(lambda: [promises.holds(text, at_least=share)], lambda: text, share)


def _compound(given: Arguments, draft: Draft, what: str) -> Rows:
    columns, share = given.columns("column_list"), given.share()
    given.get("ignore_row_if")
    draft.note(what, "a missing value is a value of a key here; rows without any of it are passed over there")
    return Rows(lambda: promises.unique(*columns, at_least=share), None, share)


ROWS: dict[str, Mapper] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": _not_in_set,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_match_regex": _matching(_regex),
    "expect_column_values_to_not_match_regex": _not_matching(_regex),
    "expect_column_values_to_match_regex_list": _matching(_any_regex),
    "expect_column_values_to_not_match_regex_list": _not_matching(_any_regex_of_none),
    "expect_column_values_to_match_like_pattern": _matching(_like),
    "expect_column_values_to_not_match_like_pattern": _not_matching(_like),
    "expect_column_values_to_match_like_pattern_list": _matching(_any_like),
    "expect_column_values_to_not_match_like_pattern_list": _not_matching(_any_like),
    "expect_column_value_lengths_to_be_between": _lengths,
    "expect_column_value_lengths_to_equal": _lengths,
    "expect_column_values_to_be_of_type": _of_type,
    "expect_column_values_to_be_in_type_list": _of_type,
    "expect_column_values_to_be_increasing": _increasing,
    "expect_column_pair_values_to_be_equal": _pair(lambda left, right, _: f"{left} == {right}"),
    "expect_column_pair_values_a_to_be_greater_than_b": _pair(_greater),
    "expect_column_pair_values_to_be_in_set": _pair(_pair_in_set),
    "expect_multicolumn_sum_to_equal": _sum,
    "expect_multicolumn_values_to_be_equal": _equal,
    "expect_select_column_values_to_be_unique_within_record": _apart,
    "expect_multicolumn_values_to_be_unique": _apart,
}
