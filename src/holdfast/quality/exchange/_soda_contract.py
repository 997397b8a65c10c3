"""Data contracts of Soda 4: ``dataset``, ``columns`` with checks, ``checks`` of the table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._choice import chosen
from holdfast.quality.exchange._gx_table import extreme
from holdfast.quality.exchange._soda_metrics import Threshold, column_type, freshness, metric, valid
from holdfast.quality.exchange._suite import Draft, Imported, Unmapped

_NAMES = ("name", "attributes", "qualifier", "store_failed_rows", "path")
_COMPARED = {
    "must_be": "=",
    "must_not_be": "!=",
    "must_be_greater_than": ">",
    "must_be_greater_than_or_equal": ">=",
    "must_be_less_than": "<",
    "must_be_less_than_or_equal": "<=",
}
_BETWEEN = {"greater_than": ">", "greater_than_or_equal": ">=", "less_than": "<", "less_than_or_equal": "<="}
_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}


def is_contract(content: Mapping[str, Any]) -> bool:
    """Whether a document is a data contract of Soda."""
    return isinstance(content.get("dataset"), str) and any(
        isinstance(content.get(each), list) for each in ("columns", "checks")
    )


def read_contract(content: Mapping[str, Any], draft: Draft, *, name: str, table: str | None) -> Imported:
    """Promises for a data contract of Soda 4.

    A check without a threshold must find no row that is wrong. A filter (of the dataset, or of a check) is SQL, which
    is not run.
    """
    dataset = str(content["dataset"])
    title, _ = chosen({dataset.rsplit("/", 1)[-1]: content}, table, name=name, what="dataset")
    filtered = content.get("filter") is not None
    columns = [each for each in content.get("columns") or () if isinstance(each, Mapping) and each.get("name")]
    for each in columns:
        for kind, given in _listed(each.get("checks")):
            _check(draft, f"{each['name']}: {kind}", kind, given, [str(each["name"])], filtered=filtered)
    for kind, given in _listed(content.get("checks")):
        if kind == "schema":
            _schema(draft, columns, given)
        else:
            _check(draft, kind, kind, given, _columns(given), filtered=filtered)
    return draft.finished(table=title, tables=[title], name=name)


def _listed(checks: object) -> list[tuple[str, dict[str, Any]]]:
    """Kind and settings of each check; in the older layout the kind stands under ``type``."""
    made: list[tuple[str, dict[str, Any]]] = []
    for each in checks if isinstance(checks, list) else []:
        if isinstance(each, str):
            made.append((each, {}))
        elif isinstance(each, Mapping) and isinstance(each.get("type"), str):
            made.append((each["type"], {k: v for k, v in each.items() if k != "type"}))
        elif isinstance(each, Mapping) and len(each) == 1:
            kind, given = next(iter(each.items()))
            made.append((kind, dict(given) if isinstance(given, Mapping) else {}))
        else:
            made.append(("a check of an unknown form", {}))
    return made


def _columns(given: Mapping[str, Any]) -> list[str]:
    listed = given.get("columns")
    return [str(each) for each in listed] if isinstance(listed, list) else []


def _check(draft: Draft, what: str, kind: str, given: dict[str, Any], columns: list[str], *, filtered: bool) -> None:
    given = {key: value for key, value in given.items() if key not in _NAMES}

    def made() -> list[str]:
        if filtered or given.get("filter") is not None:
            raise Unmapped("a filter in SQL; check a file of the filtered rows")
        return _mapped(draft, what, kind, given, columns)

    draft.check(what, made)


def _mapped(draft: Draft, what: str, kind: str, given: dict[str, Any], columns: list[str]) -> list[str]:
    bound = given.pop("threshold", None) or {key: given.pop(key) for key in list(given) if key.startswith("must_")}
    if not isinstance(bound, Mapping):
        raise Unmapped("a threshold of an unknown form")
    if bound.get("level") == "warn":
        draft.note(what, "it only warns there; a promise is held or broken")
    settings = {key.replace("_", " "): value for key, value in given.items() if key not in ("columns", "column")}
    named = columns or [str(given[key]) for key in ("column",) if given.get(key)]
    percent = bound.get("metric") == "percent"
    match kind:
        case "missing" | "duplicate":
            threshold = _threshold(bound, default=Threshold(0.0, 0.0))
            return metric(
                draft,
                what,
                f"{kind}_{'percent' if percent else 'count'}",
                named,
                threshold=threshold,
                settings=settings,
            )
        case "invalid":
            return _invalid(draft, named, settings, _threshold(bound, default=Threshold(0.0, 0.0)), percent=percent)
        case "row_count":
            return metric(
                draft,
                what,
                kind,
                [],
                threshold=_threshold(bound, default=Threshold(low=0.0, strict_low=True)),
                settings=settings,
            )
        case "freshness":
            unit = _UNITS.get(str(bound.get("unit", "hour")), 3600.0)
            return freshness(named, _threshold(bound, factor=unit), settings)
        case "aggregate":
            return _aggregate(draft, what, named, settings, _threshold(bound))
    return _older(draft, what, kind, named, settings=settings, bound=bound)


def _invalid(
    draft: Draft, columns: list[str], settings: dict[str, Any], threshold: Threshold, *, percent: bool
) -> list[str]:
    for key in ("valid format", "invalid format"):
        each = settings.pop(key, None)
        if isinstance(each, Mapping):
            settings[key.replace("format", "regex")] = each.get("regex")
        elif each is not None:
            settings[key] = each
    other = settings.pop("valid reference data", None)
    share, _ = threshold.least_share(percent=percent)
    if isinstance(other, Mapping) and not settings and columns:
        table = str(other.get("dataset")).rsplit("/", 1)[-1]
        return [promises.promise("references", columns[0], draft.related(table), str(other.get("column")), bound=share)]
    if other is not None or not columns:
        raise Unmapped("reference data with other settings")
    given = Arguments(settings)
    found = valid(columns[0], given, at_least=share)
    given.rest()
    return found


def _aggregate(
    draft: Draft, what: str, columns: list[str], settings: dict[str, Any], threshold: Threshold
) -> list[str]:
    function = str(settings.pop("function", None))
    kinds = {"minLength": "min_length", "maxLength": "max_length"}
    if function in ("min", "max") and columns:
        Arguments(settings).rest()
        return extreme(columns[0], greatest=function == "max", **threshold.ends())
    return metric(draft, what, kinds.get(function, function), columns, threshold=threshold, settings=settings)


_OLDER = {
    "no_missing_values": "missing_count",
    "no_invalid_values": "invalid_count",
    "no_duplicate_values": "duplicate_count",
}


def _older(
    draft: Draft, what: str, kind: str, columns: list[str], *, settings: dict[str, Any], bound: Mapping[str, Any]
) -> list[str]:
    """Checks of the contracts of Soda 3, which had one type for each metric."""
    if kind in _OLDER:
        return metric(draft, what, _OLDER[kind], columns, threshold=Threshold(0.0, 0.0), settings=settings)
    if kind == "rows_exist":
        return metric(draft, what, "row_count", [], threshold=Threshold(low=0.0, strict_low=True), settings=settings)
    if kind.startswith("freshness_in_"):
        unit = _UNITS.get(kind.removeprefix("freshness_in_").rstrip("s"), 3600.0)
        return freshness(columns, _threshold(bound, factor=unit), settings)
    if kind.endswith(("_count", "_percent")) or kind in ("avg", "min", "max"):
        return metric(draft, what, kind, columns, threshold=_threshold(bound), settings=settings)
    if "sql" in kind or kind in ("metric", "failed_rows"):
        raise Unmapped("its SQL is not run")
    raise Unmapped("no promise says this")


def _threshold(bound: Mapping[str, Any], *, default: Threshold | None = None, factor: float = 1.0) -> Threshold:
    keys = [key for key in bound if key.startswith("must_")]
    if not keys:
        if default is None:
            raise Unmapped("no threshold")
        return default
    if len(keys) > 1 or keys[0] not in (*_COMPARED, "must_be_between"):
        raise Unmapped(f"the threshold {', '.join(keys)}")
    value = bound[keys[0]]
    if keys[0] != "must_be_between":
        return Threshold.compared(_COMPARED[keys[0]], factor * promises.number(value, "threshold"))
    if isinstance(value, list) and len(value) == 2:
        low_, high_ = (factor * promises.number(each, "threshold") for each in value)
        return Threshold(low_, high_)
    if not isinstance(value, Mapping) or not value or set(value) - set(_BETWEEN):
        raise Unmapped("must_be_between without its ends")
    parts = [
        Threshold.compared(_BETWEEN[key], factor * promises.number(each, "threshold")) for key, each in value.items()
    ]
    low = next((each for each in parts if each.low is not None), Threshold())
    high = next((each for each in parts if each.high is not None), Threshold())
    return Threshold(low.low, high.high, strict_low=low.strict_low, strict_high=high.strict_high)


def _schema(draft: Draft, columns: list[Any], given: Mapping[str, Any]) -> None:
    wanted = [str(each["name"]) for each in columns if not each.get("optional")]
    if wanted:
        draft.check("schema: columns", lambda: promises.present(wanted))
    for each in columns:
        if each.get("data_type") is not None:
            name, kind = str(each["name"]), each["data_type"]
            draft.check(f"schema: {name} {kind}", partial(column_type, draft, name, kind))
        if each.get("character_maximum_length") is not None:
            draft.note(f"schema: {each['name']}", "the length of the database's type; promise has_length of the values")
    if not given.get("allow_extra_columns"):
        draft.skip("schema: no other columns", "no measure of columns that are not wanted")
