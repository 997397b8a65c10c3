"""Frictionless: Table Schema and Data Package (1 and 2), as promises and as how the file is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from holdfast.quality.exchange import _patterns as patterns
from holdfast.quality.exchange import _promises as promises
from holdfast.quality.exchange._arguments import Arguments
from holdfast.quality.exchange._suite import Draft, Imported, Kind, Unmapped

__all__ = ["matches", "read"]

KIND: Kind = "frictionless"

_TYPES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "date",
    "year": "integer",
}
_RANGED = ("integer", "number", "date", "datetime", "year")


def matches(content: Mapping[str, Any]) -> bool:
    """Whether a document is a Table Schema, a Data Resource or a Data Package."""
    return (
        _is_schema(content)
        or any(_is_resource(each) for each in content.get("resources") or ())
        or _is_resource(content)
    )


def _is_schema(content: object) -> bool:
    fields = content.get("fields") if isinstance(content, Mapping) else None
    return isinstance(fields, list) and all(isinstance(each, Mapping) and "name" in each for each in fields)


def _is_resource(content: object) -> bool:
    return isinstance(content, Mapping) and _is_schema(content.get("schema"))


def read(
    content: Mapping[str, Any], *, name: str = "schema", table: str | None = None, folder: Path | None = None
) -> Imported:
    """Promises for the fields, constraints and keys of a schema.

    Parameters
    ----------
    content
        A Table Schema, or a Data Package (or Resource) with the schema in it.
    name
        Name of the file.
    table
        Name of the resource, where the package has several.

    folder
        Folder of the file; other tables that it names are looked for there.

    Returns
    -------
    Imported
        Types of text, missing values, encoding and dialect say how the file is read.
    """
    from holdfast.quality.exchange._choice import chosen

    resources = dict(_resources(content))
    title, resource = chosen(resources, table, name=name, what="resource")
    draft = Draft(KIND, folder=folder)
    schema = resource["schema"]
    _reading(draft, resource, schema)
    names = [str(each["name"]) for each in schema["fields"]]
    if names and schema.get("fieldsMatch", "exact") not in ("superset", "partial"):
        draft.check("fields", lambda: promises.present(names))
    if schema.get("fieldsMatch", "exact") == "exact":
        draft.note("fields", "their order, and that there is no other, is not promised")
    for each in schema["fields"]:
        _field(draft, each)
    _keys(draft, schema)
    return draft.finished(table=title, tables=resources, name=name)


def _resources(content: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if _is_schema(content):
        yield str(content.get("name") or "schema"), {"schema": content}
        return
    parts = [content] if _is_resource(content) else [each for each in content.get("resources") or ()]
    for index, each in enumerate(parts):
        if _is_resource(each):
            yield str(each.get("name") or f"resource {index + 1}"), each


def _reading(draft: Draft, resource: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    encoding = resource.get("encoding")
    if isinstance(encoding, str) and encoding.lower().replace("-", "") != "utf8":
        draft.reading["encoding"] = encoding
    given = resource.get("dialect")
    dialect: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
    if isinstance(dialect.get("csv"), Mapping):
        dialect |= dialect.pop("csv")
    if isinstance(dialect.get("delimiter"), str) and dialect["delimiter"] != ",":
        draft.reading["delimiter"] = dialect["delimiter"]
    if dialect.get("header") is False:
        draft.check("dialect: header: false", _no("a file without a heading has no names to promise about"))
    for key, right in (("quoteChar", '"'), ("doubleQuote", True), ("skipInitialSpace", False)):
        if key in dialect and dialect[key] not in (right, None):
            draft.check(f"dialect: {key}", _no("the reader of CSV does not take it"))
    missing = schema.get("missingValues")
    words = [each.get("value") if isinstance(each, Mapping) else each for each in missing or ()]
    kept = [str(each) for each in words if each not in ("", None)]
    if kept:
        draft.reading["missing"] = kept
    if any(each.get("decimalChar") == "," for each in schema["fields"]):
        draft.reading["decimal_comma"] = True


def _no(why: str) -> Any:
    def refuse() -> list[str]:
        raise Unmapped(why)

    return refuse


def _field(draft: Draft, field: Mapping[str, Any]) -> None:
    column, kind = str(field["name"]), str(field.get("type") or "any")
    if kind == "string":
        draft.types.setdefault(column, "text")
    elif kind != "any":
        draft.check(f"{column}: {kind}", lambda: _typed(column, kind, field))
    if kind == "string" and field.get("format") not in (None, "default"):
        draft.check(f"{column}: {field['format']}", lambda: _format(column, str(field["format"])))
    categories = field.get("categories")
    if isinstance(categories, list):
        words = [each.get("value") if isinstance(each, Mapping) else each for each in categories]
        draft.check(f"{column}: categories", lambda: promises.allowed(column, words))
    constraints = field.get("constraints")
    for key, value in constraints.items() if isinstance(constraints, Mapping) else ():
        if value is None or value is False:
            continue
        draft.check(f"{column}: {key}", partial(_constraint, column, kind, key, value))
        if key == "unique":
            draft.note(f"{column}: unique", "a missing value is a value of a key here, and passed over there")


def _typed(column: str, kind: str, field: Mapping[str, Any]) -> list[str]:
    if kind not in _TYPES:
        raise Unmapped(f"no measure of the type {kind}")
    if kind in ("date", "datetime") and field.get("format") not in (None, "default"):
        raise Unmapped(f"the format {field['format']}; typed(column, date) takes ISO 8601 only")
    if kind == "boolean" and ("trueValues" in field or "falseValues" in field):
        raise Unmapped("words of its own for true and false")
    if field.get("bareNumber") is False or field.get("groupChar"):
        raise Unmapped("numbers with signs around them, or in groups of digits")
    return promises.typed(column, _TYPES[kind])


def _format(column: str, name: str) -> list[str]:
    from holdfast.quality.exchange._soda_metrics import valid

    if name not in ("email", "uuid"):
        raise Unmapped(f"the format {name}; write a pattern")
    return valid(column, Arguments({"valid format": name}), at_least=1.0)


def _constraint(column: str, kind: str, key: str, value: Any) -> list[str]:
    if key == "enum" and kind in ("date", "datetime"):
        raise Unmapped("a list of dates: allowed() takes text, numbers, or true and false")
    if key not in _CONSTRAINTS or (key.endswith("Length") and kind not in ("string", "any")):
        raise Unmapped("no promise says this")
    return _CONSTRAINTS[key](column, _end(kind, value) if "imum" in key else value)


_CONSTRAINTS: dict[str, Callable[[str, Any], list[str]]] = {
    "required": lambda column, _: promises.completeness(column),
    "unique": lambda column, _: promises.unique(column),
    "enum": promises.allowed,
    "pattern": lambda column, value: promises.matching(column, patterns.full(value)),
    "minLength": promises.lengths,
    "maxLength": lambda column, value: promises.lengths(column, None, value),
    "minimum": promises.between,
    "maximum": lambda column, value: promises.between(column, None, value),
    "exclusiveMinimum": lambda column, value: promises.between(column, value, strict_low=True),
    "exclusiveMaximum": lambda column, value: promises.between(column, None, value, strict_high=True),
}


def _end(kind: str, value: Any) -> Any:
    """An end of a range; numbers may be written as text."""
    if kind not in _RANGED:
        raise Unmapped(f"a range of the type {kind}")
    if isinstance(value, str) and kind in ("integer", "number", "year"):
        try:
            return float(value)
        except ValueError:
            raise Unmapped(f"bound {value!r} is no number") from None
    return value


def _keys(draft: Draft, schema: Mapping[str, Any]) -> None:
    key = _names(schema.get("primaryKey"))
    if key:
        draft.check(
            f"primaryKey: {', '.join(key)}",
            lambda: [*promises.unique(*key), *(each for name in key for each in promises.completeness(name))],
        )
    for each in schema.get("uniqueKeys") or ():
        names = _names(each)
        draft.check(f"uniqueKeys: {', '.join(names)}", partial(promises.unique, *names))
    for each in schema.get("foreignKeys") or ():
        draft.check("foreignKeys", partial(_foreign, draft, each))


def _names(given: object) -> list[str]:
    if isinstance(given, str):
        return [given]
    return [str(each) for each in given] if isinstance(given, list) else []


def _foreign(draft: Draft, given: object) -> list[str]:
    reference = given.get("reference") if isinstance(given, Mapping) else None
    if not isinstance(given, Mapping) or not isinstance(reference, Mapping):
        raise Unmapped("a foreign key without a reference")
    names, others = _names(given.get("fields")), _names(reference.get("fields"))
    if len(names) != 1 or len(others) != 1:
        raise Unmapped(f"a foreign key of several columns ({', '.join(names)})")
    resource = reference.get("resource")
    if not resource:
        return [promises.promise("references", names[0], others[0])]
    return [promises.promise("references", names[0], draft.related(str(resource)), others[0])]
