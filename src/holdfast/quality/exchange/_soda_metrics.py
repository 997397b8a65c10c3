"""Soda's metrics with their thresholds, as promises; shared by SodaCL and the contracts of Soda 4."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from holdfast.quality.exchange import _patterns as patterns
from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._gx_table import extreme, quantile
from holdfast.quality.exchange._kinds import kind_of_type
from holdfast.quality.exchange._suite import Draft, Unmapped

_TURNED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
_TIMES = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}
_NUMBER = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?"
_COMPARED = re.compile(r"(?:must be\s+)?(?P<op><=|>=|!=|<>|<|>|=)\s*(?P<value>.+?)\s*\Z")
_BETWEEN = re.compile(
    rf"(?P<negated>not\s+)?between\s*(?P<open>[(\[])?\s*(?P<low>{_NUMBER})\s*%?\s*and\s*(?P<high>{_NUMBER})\s*%?\s*(?P<close>[)\]])?\s*\Z"
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """What a metric must be: its ends, each in or out; a time in seconds where it has a unit of time.

    Parameters
    ----------
    low, high
        The ends; None for no end.
    strict_low, strict_high
        Whether an end is out.
    """

    low: float | None = None
    high: float | None = None
    strict_low: bool = False
    strict_high: bool = False

    @classmethod
    def of(cls, text: str) -> Threshold:
        """Threshold of the end of a line, such as ``< 5 %``, ``between 1 and 10`` or ``< 1d``."""
        text = " ".join(text.split())[:200]
        if found := _BETWEEN.match(text):
            if found["negated"]:
                raise Unmapped("not between: two ranges, which one promise does not say")
            return cls(
                float(found["low"]),
                float(found["high"]),
                strict_low=found["open"] == "(",
                strict_high=found["close"] == ")",
            )
        found = _COMPARED.match(text)
        if found is None:
            raise Unmapped(f"the threshold {text!r}")
        return cls.compared(found["op"], _amount(found["value"]))

    @classmethod
    def failing(cls, given: object) -> Threshold:
        """Threshold of an alert such as ``when > 5`` (a check fails when it is), turned round."""
        if isinstance(given, list) and len(given) == 1:
            given = given[0]
        if not isinstance(given, str):
            raise Unmapped("alerts with several conditions")
        text = " ".join(given.split())[:200].removeprefix("when ")
        if found := _BETWEEN.match(text):
            if not found["negated"]:
                raise Unmapped("fails when between: two ranges, which one promise does not say")
            return cls.of(text[text.index("between") :])
        found = _COMPARED.match(text)
        if found is None:
            raise Unmapped(f"the alert {text!r}")
        return cls.compared(_TURNED[found["op"].replace("<>", "!=")], _amount(found["value"]))

    @classmethod
    def compared(cls, op: str, value: float) -> Threshold:
        """Threshold of one comparison."""
        match op:
            case "=":
                return cls(value, value)
            case "<" | "<=":
                return cls(high=value, strict_high=op == "<")
            case ">" | ">=":
                return cls(low=value, strict_low=op == ">")
        raise Unmapped(f"a threshold with {op}")

    def ends(self) -> dict[str, Any]:
        """The ends, as `bounded` takes them."""
        return {
            "low": self.low,
            "high": self.high,
            "strict_low": self.strict_low,
            "strict_high": self.strict_high,
        }

    def least_share(self, *, percent: bool) -> tuple[float, bool]:
        """The share of rows that must be right, and whether strictly more, where this bounds those that are wrong.

        Raises
        ------
        Unmapped
            If it is a count other than 0, or demands that rows are wrong.
        """
        if self.low is not None and (self.low > 0 or self.strict_low):
            raise Unmapped("it demands that rows are wrong")
        if self.high is None:
            raise Unmapped("it bounds nothing")
        if not percent:
            if (self.high == 0 and not self.strict_high) or (self.high == 1 and self.strict_high):
                return 1.0, False
            raise Unmapped("a number of rows; a promise is of a share (write a percentage)")
        if self.strict_high and self.high == 0:
            raise Unmapped("less than 0 percent")
        return promises.complement(_hundredth(self.high)), self.strict_high


def _hundredth(percent: float) -> float:
    from decimal import Decimal

    return float(Decimal(repr(percent)) / 100)


def _amount(text: str) -> float:
    text = text.strip()
    if re.fullmatch(rf"{_NUMBER}\s*%?", text):
        return float(text.rstrip("% "))
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([dhms])", text)
    if parts and re.fullmatch(r"(?:\d+(?:\.\d+)?\s*[dhms]\s*)+", text):
        return sum(float(number) * _TIMES[unit] for number, unit in parts)
    raise Unmapped(f"the threshold {text!r}")


def metric(
    draft: Draft, what: str, kind: str, columns: list[str], *, threshold: Threshold, settings: Mapping[str, Any]
) -> list[str]:
    """Promises for a metric with its threshold.

    Raises
    ------
    Unmapped
        If no promise says the same.
    """
    given = Arguments(settings)
    if kind != "row_count" and not columns:
        raise Unmapped(f"the metric {kind} without a column")
    name, _, unit = kind.rpartition("_")
    if name in ("missing", "duplicate", "invalid") and unit in ("count", "percent"):
        share, strict = threshold.least_share(percent=unit == "percent")
        made = _wrong(draft, what, name, columns, given=given, share=share, strict=strict)
    else:
        made = _figure(kind, columns, threshold)
    given.rest()
    return made


def _wrong(
    draft: Draft, what: str, name: str, columns: list[str], *, given: Arguments, share: float, strict: bool
) -> list[str]:
    """Promises about the share of rows that are right, where the metric is of those that are wrong."""
    if name == "missing":
        _missing_values(draft, given)
        return promises.completeness(columns[0], at_least=share, strictly=strict)
    if name == "duplicate":
        draft.note(what, "a missing value is a value of a key here, and passed over there")
        if share < 1.0:
            draft.note(what, "rows that repeat a key are counted here, and keys that stand more than once there")
        return [promises.promise("unique", *columns, op=">" if strict else ">=", bound=share)]
    if strict:
        draft.note(what, "the bound itself is let through here")
    return valid(columns[0], given, at_least=share)


def _figure(kind: str, columns: list[str], threshold: Threshold) -> list[str]:
    """Promises about a figure of the table or of a column."""
    match kind:
        case "row_count":
            return promises.bounded("row_count", (), **threshold.ends(), unit="rows")
        case "min" | "max":
            return extreme(columns[0], greatest=kind == "max", **threshold.ends())
        case "avg" | "stddev" | "stddev_samp":
            measure = "mean" if kind == "avg" else "standard_deviation"
            return promises.bounded(measure, (columns[0],), **threshold.ends())
        case "percentile" if len(columns) == 2:
            level = promises.share(_float(columns[1]), "percentile")
            return quantile(columns[0], level, threshold.ends())
        case "min_length" | "max_length":
            return _length(columns[0], threshold, greatest=kind == "max_length")
    raise Unmapped(f"the metric {kind}: no promise says this")


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise Unmapped(f"{text!r} is no number") from None


def _missing_values(draft: Draft, given: Arguments) -> None:
    """Texts that stand for missing are for the reader of the file."""
    values = given.get("missing values")
    if isinstance(values, list) and values:
        kept = draft.reading.setdefault("missing", [])
        kept += [str(each) for each in values if str(each) not in kept]
    if given.has("missing regex") or given.has("missing format"):
        raise Unmapped("missing values by a pattern; list the texts under `reading: {missing: [...]}`")


def _length(column: str, threshold: Threshold, *, greatest: bool) -> list[str]:
    outer, strict = (threshold.high, threshold.strict_high) if greatest else (threshold.low, threshold.strict_low)
    if outer is None or (threshold.low if greatest else threshold.high) is not None:
        raise Unmapped("that some text is so long: no promise says this")
    if outer != int(outer):
        raise Unmapped(f"a length of {outer}")
    whole = int(outer) - strict if greatest else int(outer) + strict
    return promises.lengths(column, None if greatest else whole, whole if greatest else None)


_FORMATS = {
    "integer": ("typed", "integer"),
    "positive integer": ("matches", r"\+?[0-9]+"),
    "negative integer": ("matches", r"-[0-9]+"),
    "decimal": ("typed", "number"),
    "positive decimal": ("matches", r"\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"),
    "date iso 8601": ("typed", "date"),
    "uuid": ("matches", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"),
    "email": (
        "matches",
        r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9-]+)+",
    ),
    "ip address": ("matches", r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"),
    "percentage": ("matches", r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)\s*%"),
}


def valid(column: str, given: Arguments, *, at_least: float) -> list[str]:
    """Promises that values are valid, one for each setting (of SodaCL, or with underscores of a contract)."""
    made: list[str] = []
    ends = {"low": _number_or(given.get("valid min")), "high": _number_or(given.get("valid max"))}
    if ends != {"low": None, "high": None}:
        made += promises.between(column, **ends, at_least=at_least)
    if given.has("valid values"):
        made += promises.allowed(column, given.get("valid values"), at_least=at_least)
    if given.has("invalid values"):
        made += promises.forbidden(column, given.get("invalid values"), at_least=at_least)
    if given.has("valid regex"):
        made += promises.matching(column, patterns.searched(given.get("valid regex"), posix=True), at_least=at_least)
    if given.has("invalid regex"):
        made += promises.not_matching(
            column, patterns.searched(given.get("invalid regex"), posix=True), at_least=at_least
        )
    if given.has("valid format"):
        made += _format(column, given.get("valid format"), at_least=at_least)
    lengths = [given.get(each) for each in ("valid min length", "valid max length")]
    if given.has("valid length"):
        lengths = [given.get("valid length")] * 2
    if lengths != [None, None]:
        made += promises.lengths(column, *map(_number_or, lengths), at_least=at_least)
    given.rest()
    if not made:
        raise Unmapped("no setting says what is valid")
    if len(made) > 1 and at_least < 1.0:
        # A row that breaks two of them counts once there.
        raise Unmapped("a share of rows that break any of several settings")
    return made


def _number_or(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(_NUMBER, value.strip()):
        return float(value)
    return value


def _format(column: str, name: object, *, at_least: float) -> list[str]:
    found = _FORMATS.get(str(name).lower())
    if found is None:
        raise Unmapped(f"the format {name!r}; write a regular expression")
    return [promises.promise(found[0], column, found[1], bound=at_least)]


def freshness(columns: list[str], threshold: Threshold, settings: Mapping[str, Any]) -> list[str]:
    """Promise that the newest value of a column is young; the threshold is in seconds."""
    Arguments(settings).rest()
    if len(columns) != 1:
        raise Unmapped("freshness with a time of its own; here it is measured when it is judged")
    if threshold.high is None or threshold.low is not None:
        raise Unmapped("freshness without an upper bound")
    seconds = threshold.high
    unit, factor = next(
        (each for each in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)) if seconds % each[1] == 0), ("s", 1.0)
    )
    op = "<" if threshold.strict_high else "<="
    return [promises.promise("freshness", columns[0], op=op, bound=seconds / factor, unit=unit)]


def reference(draft: Draft, found: re.Match[str], settings: Mapping[str, Any]) -> list[str]:
    """Promise that values stand in another table, whose file is beside the contract."""
    Arguments(settings).rest()
    if found["negated"]:
        raise Unmapped("that values do not exist in another table: no promise says this")
    columns, others = ([each.strip() for each in found[key].split(",")] for key in ("columns", "others"))
    if len(columns) != 1 or len(others) != 1:
        raise Unmapped("a reference of several columns")
    return [promises.promise("references", columns[0], draft.related(found["other"]), others[0])]


def schema_parts(draft: Draft, given: Mapping[str, Any]) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """The parts of a SodaCL schema check, each with what makes its promises."""
    for key, value in given.items():
        if key == "when required column missing" and isinstance(value, list):
            yield key, partial(_required, value)
        elif key == "when wrong column type" and isinstance(value, Mapping):
            for column, kind in value.items():
                yield f"{key} {column}", partial(column_type, draft, str(column), kind)
        else:
            yield key, _no_part


def _required(columns: list[Any]) -> list[str]:
    return promises.present([_plain(str(each)) for each in columns])


def _plain(column: str) -> str:
    if any(each in column for each in "*%"):
        raise Unmapped(f"columns by a pattern ({column}); name each")
    return column


def _no_part() -> list[str]:
    raise Unmapped("no measure of columns that are not wanted, or of their order")


def column_type(draft: Draft, column: str, kind: object) -> list[str]:
    """Promise of a column's type; a column of text is read as text, so there is nothing to promise."""
    found = kind_of_type(kind)
    if found == "text":
        draft.types.setdefault(column, "text")
        return promises.present([column])
    return promises.typed(column, found)
