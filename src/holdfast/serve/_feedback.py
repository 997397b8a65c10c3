"""Labels that come late: which rows they are of, and whether they can be."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from typing import Any

from holdfast.core.errors import InvalidRequest, one_of
from holdfast.serve._loading import AnyServed
from holdfast.serve._log import LabelRecord
from holdfast.serve._routes import Table

_MOST = 10_000
_REMEMBERED = 100_000
_FIELDS = ("id", "label", "labels", "row", "model")


def tag(name: str) -> str:
    """Eight digits that the ids of a model's predictions begin with."""
    return f"{zlib.crc32(name.encode()):08x}"


class Feedback:
    """Reads labels. Remembers the last ones, to say of a repeated one that it is (the mover knows them all)."""

    def __init__(self) -> None:
        self._last: OrderedDict[tuple[str, str, int], str | float] = OrderedDict()

    def read(self, found: Any, table: Table, model: str | None, *, time: float) -> list[LabelRecord]:
        """Labels of a feedback request: an object, or a list of them.

        Raises
        ------
        InvalidRequest
            If one is not as it should be: then none of them is taken.
        """
        entries = found if isinstance(found, list) else [found]
        if not entries:
            raise InvalidRequest("no labels", where="body", expected='{"id": ..., "label": ...}, or a list of such')
        if len(entries) > _MOST:
            raise InvalidRequest(f"{len(entries)} labels", where="body", expected=f"at most {_MOST}")
        records: list[LabelRecord] = []
        for index, entry in enumerate(entries):
            where = f"[{index}]" if isinstance(found, list) else "body"
            records += _entry(entry, table, model, time=time, where=where)
        return records

    def fresh(self, records: list[LabelRecord]) -> list[LabelRecord]:
        """Records that do not only repeat what came last."""
        return [each for each in records if self._last.get((each.model, each.id, each.row)) != each.label]

    def remember(self, records: list[LabelRecord]) -> None:
        """Remember labels that are durable now."""
        for each in records:
            self._last[each.model, each.id, each.row] = each.label
            self._last.move_to_end((each.model, each.id, each.row))
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)


def _entry(entry: Any, table: Table, model: str | None, *, time: float, where: str) -> list[LabelRecord]:
    if not isinstance(entry, dict):
        raise InvalidRequest(f"{entry!r:.40}", where=where, expected='{"id": ..., "label": ...}')
    for name in entry:
        if name not in _FIELDS:
            raise InvalidRequest(f"field {name!r}", where=where, expected=one_of(_FIELDS, name))
    id, row = _place(entry, where)
    if ("label" in entry) == ("labels" in entry):
        raise InvalidRequest("neither label nor labels, or both", where=where, expected="one of them")
    served = _served(entry.get("model", model), id, table, where)
    labels = [entry["label"]] if "label" in entry else entry["labels"]
    if not isinstance(labels, list) or not labels or len(labels) > _MOST:
        raise InvalidRequest(
            "labels is no list of labels", where=where, expected=f"a list of 1 to {_MOST}, null to skip"
        )
    records = []
    for offset, label in enumerate(labels):
        if label is None and "labels" in entry:
            continue
        checked = _label(label, served, where)
        records.append(LabelRecord(id, row + offset, served.post.name, checked, time))
    return records


def _place(entry: dict[str, Any], where: str) -> tuple[str, int]:
    id, row = entry.get("id"), entry.get("row")
    if type(id) is not str or not 0 < len(id) <= 160:
        raise InvalidRequest(f"id {id!r:.40}", where=where, expected="the id of a prediction, as it was answered")
    if row is None:
        # "id:3" is row 3 of a batch. An id may have a colon of its own: only digits behind the last one count.
        base, colon, suffix = id.rpartition(":")
        if colon and base and suffix.isascii() and suffix.isdigit() and len(suffix) < 9:
            return base, int(suffix)
        return id, 0
    if type(row) is not int or not 0 <= row < 1 << 30:
        raise InvalidRequest(f"row {row!r:.40}", where=where, expected="the index of a row in its request, from 0")
    return id, row


def _served(name: Any, id: str, table: Table, where: str) -> AnyServed:
    if name is None and len(table.routes) > 1:
        name = next((each for each in table.routes if id.startswith(tag(each))), None)
        if name is None:
            expected = f"a model: {one_of(table.routes)}"
            raise InvalidRequest(f"id {id!r} does not say which model answered", where=where, expected=expected)
    if name is not None and type(name) is not str:
        raise InvalidRequest(f"model {name!r:.40}", where=where, expected="the name of a model")
    route = table.route(name)
    return route.champion or route.every()[0]


def _label(label: Any, served: AnyServed, where: str) -> str | float:
    schema = served.model.schema if served.model.has_schema else None
    if schema is None:
        if type(label) in (str, int, float):
            return label if type(label) is str else float(label)
        raise InvalidRequest(f"label {label!r:.40}", where=where, expected="text or a number")
    if schema.classes:
        if type(label) is str and label in schema.classes:
            return label
        word = label if type(label) is str else None
        raise InvalidRequest(f"label {label!r:.60}", where=where, expected=one_of(schema.classes, word))
    if type(label) not in (int, float):
        raise InvalidRequest(f"label {label!r:.60}", where=where, expected=f"a number ({schema.target})")
    return float(label)
