"""The checks file: the promises about rows of a contract, with or without a model; what `check DATA` judges by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.core import registry
from holdfast.core.contract import Roles
from holdfast.core.errors import InvalidValue, MalformedContract, one_of
from holdfast.core.grammar import parse
from holdfast.core.promises import Promise, from_mapping
from holdfast.store._document import Document, Place
from holdfast.store.contract_file import check_promise, contract_bytes, parse_contract

_EXPECTED = "a contract or checks: holdfast profile DATA --out checks.yaml"


@dataclass(frozen=True, slots=True)
class Checks:
    """Promises about rows, and how the rows are read.

    Parameters
    ----------
    promises
        Promises of stage data, in the order of the file.
    lines
        Line that each promise stands in, by promise id.
    excluded
        Columns that ``*`` does not stand for, where the contract has a model: its target and roles.
    types, reading
        As in `DataSpec`.
    name
        Name of the file.
    folder
        Folder of the file: other tables that a promise names are beside it.
    """

    promises: tuple[Promise, ...]
    lines: Mapping[str, int]
    excluded: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    reading: Mapping[str, Any] = field(default_factory=dict)
    name: str = "checks.yaml"
    folder: Path = field(default_factory=Path)


class _Rows(BaseModel):
    """How the rows are read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    train: str | None = Field(None, description="File that the checks were learned from; not read again.")
    reading: dict[str, Any] = Field(default_factory=dict)
    types: dict[str, Literal["number", "category", "text", "time", "boolean"]] = Field(default_factory=dict)


class _Data(BaseModel):
    """Promises about rows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    data: list[str | dict[str, Any]]


class _ChecksFile(BaseModel):
    """A contract without a model."""

    model_config = ConfigDict(extra="forbid", strict=True)

    holdfast: Literal[1]
    data: _Rows = Field(default_factory=lambda: _Rows.model_validate({}))
    promises: _Data | list[str | dict[str, Any]]


def read_checks(path: Path) -> Checks:
    """Promises about rows in a file: a whole contract, or one with only `data` and `promises`.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    NotFound
        If there is no such file.
    ContractError
        If anything in it is wrong, or it holds no promise about rows. Says file, line, column and what is expected.
    """
    return parse_checks(contract_bytes(path, expected=_EXPECTED), name=path.name, folder=path.parent)


def parse_checks(data: bytes, *, name: str = "checks.yaml", folder: Path | None = None) -> Checks:
    """Promises about rows in the bytes of a file; `name` stands in errors. Raises as `read_checks` does."""
    document = Document.of(data, name)
    beside = folder if folder is not None else Path()
    found = _of_contract(data, document, beside) if "model" in document.content else _of_checks(document, beside)
    if not found.promises:
        raise InvalidValue(
            "no promise about rows", where=document.where(("promises",)), expected="such as unique(id) >= 1"
        )
    return found


def _of_contract(data: bytes, document: Document, folder: Path) -> Checks:
    contract = parse_contract(data, name=document.name)
    promises = contract.at("data")
    staged = document.content["promises"]
    lines: dict[str, int] = {}
    at: Place = ("promises", "data") if isinstance(staged, dict) else ("promises",)
    written = (staged.get("data") or ()) if isinstance(staged, dict) else staged
    texts = {each.text: each.id for each in promises}
    for index, each in enumerate(written):
        made = parse(each) if isinstance(each, str) else from_mapping(each)
        if made.text in texts:
            lines[texts[made.text]] = document.line((*at, index))
    return Checks(
        promises,
        lines,
        excluded=_others(contract.target, contract.data.roles),
        types=contract.data.types,
        reading=contract.data.reading,
        name=document.name,
        folder=folder,
    )


def _others(target: str, roles: Roles) -> tuple[str, ...]:
    """Columns that are no features, as the keeper tells them."""
    named = (target, roles.id, roles.time, roles.group, roles.weight, *roles.exclude)
    return tuple(dict.fromkeys(each for each in named if each is not None))


def _of_checks(document: Document, folder: Path) -> Checks:
    try:
        parsed = _ChecksFile.model_validate(document.content)
    except ValidationError as error:
        raise document.error(error.errors(), _fields) from None
    at: Place = ("promises", "data") if isinstance(parsed.promises, _Data) else ("promises",)
    written = parsed.promises.data if isinstance(parsed.promises, _Data) else parsed.promises
    promises: list[Promise] = []
    lines: dict[str, int] = {}
    for index, each in enumerate(written):
        where = document.where((*at, index))
        made = parse(each, where=where) if isinstance(each, str) else from_mapping(each, where=where)
        spec = registry.get("measure", made.measure, where=where)
        if spec.subject != "rows":
            raise InvalidValue(f"{made.measure} is not of rows", where=where, expected=one_of(_of_rows(), made.measure))
        promise = check_promise(made, stage="data", where=where)
        if promise.id in lines:
            raise MalformedContract(f"promise {promise.claim!r} stands twice", where=where, expected="each once")
        promises.append(promise)
        lines[promise.id] = document.line((*at, index))
    return Checks(
        tuple(promises),
        lines,
        types=dict(parsed.data.types),
        reading=dict(parsed.data.reading),
        name=document.name,
        folder=folder,
    )


def _of_rows() -> list[str]:
    return [each.name for each in registry.every("measure") if each.subject == "rows"]


def _fields(place: Place) -> list[str]:
    part: Any = _ChecksFile
    for name in place[:-1]:
        part = {"data": _Rows, "promises": _Data}.get(str(name), part)
    return list(part.model_fields)
