"""Soda: SodaCL files (``checks for TABLE:``) and the data contracts of Soda 4, as promises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdfast.quality.exchange._soda_contract import is_contract, read_contract
from holdfast.quality.exchange._soda_metrics import Threshold, freshness, metric, reference, schema_parts
from holdfast.quality.exchange._suite import Draft, Imported, Kind, Unmapped

__all__ = ["matches", "read"]

KIND: Kind = "soda"

#: A check is a line that a person reads.
MAX_LINE = 500

_SECTION = re.compile(r"checks for (?P<table>.+)\Z")

#: Settings of a check that change nothing about what is checked.
_NAMES = frozenset(
    ("name", "attributes", "samples limit", "samples columns", "collect failed rows", "identity", "title")
)


def matches(content: Mapping[str, Any]) -> bool:
    """Whether a document is a SodaCL file or a Soda contract."""
    return any(_SECTION.match(key) for key in content) or is_contract(content)


def read(
    content: Mapping[str, Any], *, name: str = "checks", table: str | None = None, folder: Path | None = None
) -> Imported:
    """Promises for the checks of a SodaCL file, or of a Soda contract.

    Parameters
    ----------
    content
        The file.
    name
        Name of the file.
    table
        The dataset to take, where the file has checks of several.

    folder
        Folder of the file; other tables that it names are looked for there.

    Returns
    -------
    Imported
        Of ``warn`` and ``fail`` thresholds, the one that fails is taken. Shares (``missing_percent``) become promises,
        and of counts those that must be 0.
    """
    from holdfast.quality.exchange._choice import chosen

    draft = Draft(KIND, folder=folder)
    if is_contract(content):
        return read_contract(content, draft, name=name, table=table)
    sections: dict[str, list[tuple[str | None, Any]]] = {}
    for key, given in content.items():
        found = _SECTION.match(key)
        if found:
            title, condition = _section(found["table"])
            sections.setdefault(title, []).append((condition, given))
    title, parts = chosen(sections, table, name=name, what="dataset")
    for condition, given in parts:
        _checks(draft, given, f" [{condition}]" if condition else "")
    for key in content:
        if not _SECTION.match(key) and not key.startswith("filter "):
            draft.note(key, "is no list of checks of a dataset")
    return draft.finished(table=title, tables=sections, name=name)


def _section(text: str) -> tuple[str, str | None]:
    if len(text) > MAX_LINE:
        return text[:MAX_LINE], "too long"
    found = re.match(r"(?P<table>.+?)\s*\[(?P<filter>.+)\]\s*\Z", text)
    return (found["table"].strip('"'), found["filter"]) if found else (text.strip().strip('"'), None)


def _checks(draft: Draft, given: object, condition: str) -> None:
    if not isinstance(given, list):
        draft.check("checks", _refusal("they are no list"))
        return
    for each in given:
        if isinstance(each, str):
            _check(draft, each, {}, condition)
        elif isinstance(each, Mapping) and len(each) == 1:
            text, settings = next(iter(each.items()))
            _check(draft, text, settings, condition)
        else:
            draft.check("a check", _refusal("it is neither a line nor a line with settings"))


def _refusal(why: str) -> Any:
    def refuse() -> list[str]:
        raise Unmapped(why)

    return refuse


def _check(draft: Draft, text: str, settings: object, condition: str) -> None:
    what = " ".join(text.split()) + condition
    if text == "schema":
        _schema(draft, settings)
        return
    given = {k: v for k, v in settings.items() if k not in _NAMES} if isinstance(settings, Mapping) else {}
    if condition or given.get("filter") is not None:
        draft.check(what, _refusal("a filter in SQL; check a file of the filtered rows"))
        return
    given.pop("filter", None)
    draft.check(what, lambda: _mapped(draft, what, text, given))


_LINE = re.compile(
    r"""(?P<change>change\s.*?for\s+)?(?P<metric>[a-z_ ]+?)\s*(?:\(\s*(?P<columns>[^)]*)\))?\s*
        (?P<rest>(?:<=|>=|!=|<>|<|>|=|not\s+between\b|between\b).*)?\Z""",
    re.VERBOSE,
)
_REFERENCE = re.compile(
    r"values in \(?(?P<columns>[^)]+?)\)?\s+must (?P<negated>not )?exist in\s+"
    r"(?P<other>\S+)\s+\(?(?P<others>[^)]+?)\)?\s*\Z"
)
_UNREAD = {
    "failed rows": "its SQL is not run",
    "anomaly": "learned from earlier scans; see `holdfast profile` and `holdfast anomalies`",
    "distribution": "a reference distribution in another file; promise quantiles",
    "group by": "a check by groups; write one for each slice with 'by'",
    "group evolution": "it compares with an earlier scan; see `holdfast check --against`",
    "reconciliation": "it compares two databases",
    "for each": "it names tables by a pattern",
}


def _mapped(draft: Draft, what: str, text: str, given: dict[str, Any]) -> list[str]:
    if len(text) > MAX_LINE:
        raise Unmapped(f"a line of {len(text)} characters")
    for start, why in _UNREAD.items():
        if text.startswith(start):
            raise Unmapped(why)
    if "${" in text:
        raise Unmapped("a variable, which is filled in when it runs")
    if found := _REFERENCE.match(text):
        return reference(draft, found, given)
    line = _LINE.match(text.strip())
    if line is None or line["metric"] is None:
        raise Unmapped("a check of an unknown form")
    if line["change"] or "change over time" in text or " same as " in text:
        raise Unmapped("it compares with an earlier scan")
    threshold = _threshold(draft, what, line["rest"], given)
    columns = [each.strip().strip('"`') for each in (line["columns"] or "").split(",") if each.strip()]
    if line["metric"] == "freshness":
        return freshness(columns, threshold, given)
    return metric(draft, what, line["metric"].strip(), columns, threshold=threshold, settings=given)


def _threshold(draft: Draft, what: str, rest: str | None, given: dict[str, Any]) -> Threshold:
    """The bound: in the line, or under ``fail:`` (what only warns is told)."""
    alerts = {level: given.pop(level, None) for level in ("warn", "fail")}
    if rest is not None:
        return Threshold.of(rest)
    if alerts["fail"] is not None:
        if alerts["warn"] is not None:
            draft.note(what, f"its warning ({alerts['warn']}) is left out; a promise is held or broken")
        return Threshold.failing(alerts["fail"])
    if alerts["warn"] is not None:
        draft.note(what, "it only warns there; a promise is held or broken")
        return Threshold.failing(alerts["warn"])
    raise Unmapped("no threshold")


def _schema(draft: Draft, settings: object) -> None:
    given = settings if isinstance(settings, Mapping) else {}
    for level in ("fail", "warn"):
        parts = given.get(level)
        for what, make in schema_parts(draft, parts if isinstance(parts, Mapping) else {}):
            draft.check(f"schema: {what}", make)
            if level == "warn":
                draft.note(f"schema: {what}", "it only warns there; a promise is held or broken")
