"""dbt: the tests of models, sources, seeds and snapshots in a properties file (``schema.yml``), as promises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from holdfast.quality.exchange._dbt_tests import mapped
from holdfast.quality.exchange._suite import Draft, Imported, Kind, Unmapped

__all__ = ["matches", "read"]

KIND: Kind = "dbt"

_SECTIONS = ("models", "seeds", "snapshots", "sources")

#: Settings of a test that change nothing about what is checked.
_IGNORED = frozenset(
    ("name", "description", "tags", "meta", "store_failures", "store_failures_as", "limit", "group", "enabled")
)


def matches(content: Mapping[str, Any]) -> bool:
    """Whether a document is a properties file of dbt."""
    return any(isinstance(content.get(each), list) for each in _SECTIONS) and "promises" not in content


def read(
    content: Mapping[str, Any], *, name: str = "schema.yml", table: str | None = None, folder: Path | None = None
) -> Imported:
    """Promises for the tests of one model (source table, seed, snapshot).

    Parameters
    ----------
    content
        The properties file.
    name
        Name of the file.
    table
        Name of the model, where the file has tests of several; a source's table is ``source.table`` or ``table``.

    folder
        Folder of the file; other tables that it names are looked for there.

    Returns
    -------
    Imported
        SQL is not run: an expression maps where the rules of `holds` say the same. Templates are skipped.
    """
    from holdfast.quality.exchange._choice import chosen

    tables = dict(_tables(content))
    if table is not None and table not in tables:
        ends = [each for each in tables if each.endswith(f".{table}")]
        table = ends[0] if len(ends) == 1 else table
    tested = {each: given for each, given in tables.items() if _has_tests(given)}
    title, given = chosen(tables if table is not None else tested or tables, table, name=name, what="model")
    draft = Draft(KIND, folder=folder)
    for test in _tests(given):
        _test(draft, test, None)
    for column in given.get("columns") or ():
        if isinstance(column, Mapping) and column.get("name"):
            for test in (*_tests(column), *_constraints(column)):
                _test(draft, test, str(column["name"]))
    return draft.finished(table=title, tables=tables, name=name)


def _tables(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for section in _SECTIONS:
        for each in content.get(section) or ():
            if not isinstance(each, Mapping) or not each.get("name"):
                continue
            if section != "sources":
                yield str(each["name"]), each
                continue
            for inner in each.get("tables") or ():
                if isinstance(inner, Mapping) and inner.get("name"):
                    yield f"{each['name']}.{inner['name']}", inner


def _has_tests(given: Mapping[str, Any]) -> bool:
    parts = [given, *(each for each in given.get("columns") or () if isinstance(each, Mapping))]
    return any(_tests(each) or _constraints(each) for each in parts)


def _tests(given: Mapping[str, Any]) -> list[Any]:
    """Tests under either of their names (`data_tests` since 1.8)."""
    return [test for key in ("tests", "data_tests") if isinstance(given.get(key), list) for test in given[key]]


def _constraints(column: Mapping[str, Any]) -> list[Any]:
    """Constraints of a model's contract that are tests by another name."""
    found: list[Any] = []
    for each in column.get("constraints") or ():
        kind = each.get("type") if isinstance(each, Mapping) else None
        if kind == "primary_key":
            found += ["unique", "not_null"]
        elif kind in ("not_null", "unique"):
            found.append(kind)
        elif kind == "check":
            found.append({"dbt_utils.expression_is_true": {"expression": each.get("expression"), "whole": True}})
    return found


def _test(draft: Draft, test: object, column: str | None) -> None:
    kind, given = _parts(test)
    what = f"{column}: {kind}" if column is not None else kind
    config = given.pop("config", None)
    settings = {**(config if isinstance(config, Mapping) else {}), **{k: v for k, v in given.items() if k in _CONFIG}}
    arguments = {k: v for k, v in given.items() if k not in _CONFIG and k not in _IGNORED}
    # Since 1.10 the arguments stand by themselves.
    inner = arguments.pop("arguments", None)
    if isinstance(inner, Mapping):
        arguments |= inner

    def made() -> list[str]:
        for key in ("error_if", "fail_calc"):
            if settings.get(key) is not None:
                raise Unmapped(f"{key}: a number of rows that may fail; a promise is of a share")
        return mapped(draft, what, kind, column, arguments, where=settings.get("where"))

    draft.check(what, made)
    if str(settings.get("severity", "error")).lower() == "warn":
        draft.note(what, "it only warns there; a promise is held or broken")


_CONFIG = frozenset(("severity", "where", "error_if", "warn_if", "fail_calc"))


def _parts(test: object) -> tuple[str, dict[str, Any]]:
    """Name and arguments of a test, in any of its forms."""
    if isinstance(test, str):
        return test, {}
    if isinstance(test, Mapping):
        if isinstance(test.get("test_name"), str):
            return test["test_name"], {k: v for k, v in test.items() if k != "test_name"}
        for kind, given in test.items():
            if kind not in _CONFIG and kind not in _IGNORED and kind != "config":
                others = {k: v for k, v in test.items() if k != kind}
                return kind, {**(dict(given) if isinstance(given, Mapping) else {}), **others}
    return "a test of an unknown form", {}
