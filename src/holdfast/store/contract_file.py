"""The contract file: `holdfast.yaml` read into a `Contract`, with errors that name file, line, column and field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from holdfast.core import registry
from holdfast.core.contract import Contract, DataSpec, PolicySpec, Roles, TrainSpec
from holdfast.core.errors import HoldfastError, InvalidValue, MalformedContract, NotFound, one_of
from holdfast.core.grammar import parse
from holdfast.core.locations import has_secret
from holdfast.core.models import TASKS
from holdfast.core.promises import DATASETS, STAGES, Promise, from_mapping
from holdfast.core.units import quantity
from holdfast.store._document import Document, Place

FILE_NAME = "holdfast.yaml"
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,63}$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Model(_Part):
    """What the model is for."""

    name: str = Field(pattern=_NAME, description="Name of the model: letters, digits, - and _.")
    task: Literal["binary", "multiclass", "regression", "ranking", "forecasting", "quantile", "count", "survival"]
    target: str = Field(min_length=1, description="Column that the model predicts.")
    positive: str | int | float | bool | None = Field(None, description="Positive class of a binary task.")


class _Data(_Part):
    """Where the rows come from, and what the columns are for."""

    train: str = Field(min_length=1, description="File or URL of the labelled rows, relative to the contract.")
    test: str | None = Field(None, description="File of held-out rows; else a share of the rows is held out.")
    holdout: float = Field(0.25, gt=0, le=0.9, description="Share of the rows held out to judge candidates.")
    id: str | None = Field(None, description="Column that identifies a row.")
    time: str | None = Field(None, description="Column with the time of a row.")
    group: str | None = Field(None, description="Column of the query (ranking), series (forecasting) or entity.")
    weight: str | None = Field(None, description="Column with a row's weight.")
    sensitive: list[str] = Field(default_factory=list, description="Columns that groups of people are made of.")
    exclude: list[str] = Field(default_factory=list, description="Columns that the model may not look at.")
    label_delay: str | None = Field(None, description="How late labels come, such as 7 d.")
    reading: dict[str, Any] = Field(
        default_factory=dict, description="What the source takes to read the file, such as encoding: latin-1."
    )
    types: dict[str, Literal["number", "category", "text", "time", "boolean"]] = Field(
        default_factory=dict, description="Types that must not be inferred, by column."
    )


class _PromiseMapping(_Part):
    """A promise, written as a mapping."""

    model_config = ConfigDict(extra="allow", strict=False)

    measure: str
    op: str
    bound: str | float | int


_Promises = list[str | _PromiseMapping]


class _Staged(_Part):
    """Promises by stage."""

    data: _Promises = Field(default_factory=list)
    candidate: _Promises = Field(default_factory=list)
    package: _Promises = Field(default_factory=list)
    live: _Promises = Field(default_factory=list)


class _Train(_Part):
    """Which trainer, and within what."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)

    trainer: str = Field("automl", alias="with", description="Registered trainer.")
    budget: str = Field("60 s", description="Time that a training may take.")
    seed: int = Field(0, ge=0, lt=2**31)
    settings: dict[str, Any] = Field(default_factory=dict, description="What else the trainer takes.")


class _Policy(_Part):
    """Who may say yes, and how often the keeper may try."""

    approve: Literal["auto", "person", "four-eyes"] = "auto"
    ask_for: list[str] = Field(default_factory=list, description="Remedies that need a person even under auto.")
    attempts: int = Field(3, ge=1, le=100)
    backoff: str = Field("10 min", description="Wait before a remedy is tried again.")
    author: str | None = Field(None, description="Author of the contract, who may not approve under four-eyes.")


class _Store(_Part):
    """Where everything is remembered; by default all of it in the project's folder. Holds no secret."""

    url: str | None = Field(None, description="postgresql://... ; default SQLite in .holdfast")
    artifacts: str | None = Field(None, description="Folder, or s3://, gs://, az:// URL; default in .holdfast")
    mlflow: str | None = Field(None, description="Mirror: sqlite:///file, http://host, or none; default in .holdfast")


class _File(_Part):
    """A Holdfast contract: what must hold of a model, on which data, in which places."""

    holdfast: Literal[1] = Field(description="Version of this format.")
    model: _Model
    data: _Data
    promises: _Staged | _Promises = Field(description="By stage, or a list whose stages follow from the measures.")
    train: _Train = Field(default_factory=lambda: _Train.model_validate({}))
    packages: list[str] = Field(default_factory=lambda: ["onnx"])
    targets: list[str] = Field(default_factory=lambda: ["local"])
    policy: _Policy = Field(default_factory=lambda: _Policy.model_validate({}))
    min_labels: int = Field(50, ge=1, description="Labels needed before realised quality replaces the estimate.")
    domain: str | None = Field(None, description="Domain pack.")
    store: _Store = Field(default_factory=lambda: _Store.model_validate({}))


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the store is: the journal's database, the artifacts, the mirror (None for the default or none)."""

    url: str | None = None
    artifacts: str | None = None
    mlflow: str | None = None


def read_store_settings(path: Path, *, root: Path, environment: Mapping[str, str]) -> StoreSettings:
    """Store settings of a contract file.

    `HOLDFAST_STORE_URL`, `HOLDFAST_ARTIFACTS` and `HOLDFAST_MLFLOW` of the environment come before the file, so that
    a password stands in neither. Without a word about MLflow, its mirror is a SQLite file in the store's folder
    where MLflow is installed.
    """
    document = Document.of(path.read_bytes(), path.name)
    given = document.content.get("store") or {}
    try:
        found = _Store.model_validate(given)
    except ValidationError as error:
        raise document.error([{**each, "loc": ("store", *each["loc"])} for each in error.errors()], _fields) from None
    mlflow = environment.get("HOLDFAST_MLFLOW") or found.mlflow
    if mlflow is None and find_spec("mlflow") is not None:
        mlflow = f"sqlite:///{(root / 'mlflow.db').resolve()}"
    return StoreSettings(
        url=environment.get("HOLDFAST_STORE_URL") or found.url,
        artifacts=environment.get("HOLDFAST_ARTIFACTS") or found.artifacts,
        mlflow=None if mlflow in (None, "none") else mlflow,
    )


def contract_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the contract file, for editors."""
    schema = _File.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Holdfast contract"}


def read_contract(path: Path) -> Contract:
    """Contract in a file, validated whole.

    Parameters
    ----------
    path
        The file, usually ``holdfast.yaml``.

    Raises
    ------
    NotFound
        If there is no such file.
    ContractError
        If anything in it is wrong: not YAML, an unknown field, a wrong value, a promise that does not follow the
        grammar, an unknown measure, a bound in the wrong unit. Says file, line, column, field and what is expected.
    """
    return parse_contract(contract_bytes(path), name=path.name)


def contract_bytes(path: Path, *, expected: str = "a project folder: holdfast init DIR") -> bytes:
    """Bytes of a contract file.

    Raises
    ------
    NotFound, MalformedContract
        If there is no such file, or it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise NotFound("no contract", where=str(path), expected=expected) from error
    except OSError as error:
        raise MalformedContract(f"cannot be read: {error.strerror}", where=str(path)) from error


def parse_contract(data: bytes, *, name: str = FILE_NAME) -> Contract:
    """Contract from the bytes of a contract file; `name` stands in errors. Raises as `read_contract` does."""
    document = Document.of(data, name)
    try:
        parsed = _File.model_validate(document.content)
    except ValidationError as error:
        raise document.error(error.errors(), _fields) from None
    return _contract(parsed, document)


def _fields(path: Place) -> list[str]:
    part: Any = _File
    for name in path[:-1]:
        part = {
            "model": _Model,
            "data": _Data,
            "promises": _Staged,
            "train": _Train,
            "policy": _Policy,
            "store": _Store,
        }.get(str(name), part)
    return [field.alias or name for name, field in part.model_fields.items()]


def _contract(parsed: _File, document: Document) -> Contract:
    data, train, policy = parsed.data, parsed.train, parsed.policy
    _known(parsed, document)
    delay = _seconds(data.label_delay, document, ("data", "label_delay")) if data.label_delay else 0.0
    budget = _seconds(train.budget, document, ("train", "budget"))
    backoff = _seconds(policy.backoff, document, ("policy", "backoff"))
    try:
        return Contract(
            name=parsed.model.name,
            task=parsed.model.task,
            target=parsed.model.target,
            positive=None if parsed.model.positive is None else _class_name(parsed.model.positive),
            data=DataSpec(
                train=data.train,
                test=data.test,
                holdout=data.holdout,
                types=dict(data.types),
                reading=dict(data.reading),
                roles=Roles(
                    id=data.id,
                    time=data.time,
                    group=data.group,
                    weight=data.weight,
                    sensitive=tuple(data.sensitive),
                    exclude=tuple(data.exclude),
                    label_delay_s=delay,
                ),
            ),
            promises=tuple(_promises(parsed.promises, document, data.test)),
            train=TrainSpec(trainer=train.trainer, budget_s=budget, seed=train.seed, settings=dict(train.settings)),
            packages=tuple(parsed.packages),
            targets=tuple(parsed.targets),
            policy=PolicySpec(
                approve=policy.approve,
                ask_for=tuple(policy.ask_for),
                attempts=policy.attempts,
                backoff_s=backoff,
                author=policy.author,
            ),
            min_labels=parsed.min_labels,
            domain=parsed.domain,
        )
    except HoldfastError as error:
        if error.where is None:
            error.where = document.where(("promises",))
        raise


def _known(parsed: _File, document: Document) -> None:
    if parsed.model.task not in TASKS:
        raise InvalidValue(f"task {parsed.model.task!r}", expected=one_of(TASKS))
    if parsed.model.task == "binary" and parsed.model.positive is None:
        raise InvalidValue(
            "a binary task without a positive class", where=document.where(("model",)), expected="positive: CLASS"
        )
    for name, location in (("train", parsed.data.train), ("test", parsed.data.test)):
        if location is not None:
            _no_secret(location, where=document.where(("data", name)))
    registry.get("trainer", parsed.train.trainer, where=document.where(("train", "with")))
    for index, name in enumerate(parsed.packages):
        registry.get("packager", name, where=document.where(("packages", index)))
    for index, name in enumerate(parsed.targets):
        registry.get("target", name, where=document.where(("targets", index)))
    for index, name in enumerate(parsed.policy.ask_for):
        if name != "train":
            registry.get("remedy", name, where=document.where(("policy", "ask_for", index)))
    if parsed.domain is not None:
        registry.get("domain", parsed.domain, where=document.where(("domain",)))


def _no_secret(location: str, *, where: str | None) -> None:
    """Refuse a password where the journal would keep it for ever."""
    if has_secret(location):
        raise InvalidValue(
            "a password or token in a location", where=where, expected="none: PGPASSWORD and the like hold it"
        )


def _seconds(text: str, document: Document, path: Place) -> float:
    try:
        return quantity(text, dimension="time").base
    except HoldfastError as error:
        error.where = document.where(path)
        raise


def _class_name(value: str | float | bool) -> str:
    # A class is named as it stands in the data: true and 1 and "1" are words there.
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _promises(given: _Staged | _Promises, document: Document, test: str | None) -> Iterator[Promise]:
    if isinstance(given, _Staged):
        for stage in STAGES:
            for index, each in enumerate(getattr(given, stage)):
                yield _promise(each, stage, document.where(("promises", stage, index)), test)
    else:
        for index, each in enumerate(given):
            yield _promise(each, None, document.where(("promises", index)), test)


def _promise(given: str | _PromiseMapping, stage: str | None, where: str, test: str | None) -> Promise:
    if isinstance(given, str):
        promise = parse(given, where=where)
    else:
        promise = from_mapping({**given.model_dump(), **(given.model_extra or {})}, where=where)
    if promise.on == "test" and test is None:
        raise InvalidValue("the contract has no test rows", where=where, expected="a file in data.test, or on holdout")
    return check_promise(promise, stage=stage, where=where)


def check_promise(promise: Promise, *, stage: str | None = None, where: str | None = None) -> Promise:
    """The promise with its stage, once its measure, bound, arguments and remedies are known to be right.

    Without `stage`, a promise over a window is live, another belongs to the first stage of its measure.

    Raises
    ------
    UnknownName
        If nobody registered its measure or a remedy.
    UnitMismatch, InvalidValue
        As `MeasureSpec.check` raises them.
    InvalidValue
        If it is to be measured on rows that nobody keeps, or sliced where there are no rows; or if it names a table by
        a URL with a password in it.
    """
    spec = registry.get("measure", promise.measure, where=where)
    if stage is None:
        stage = "live" if promise.over is not None and "live" in spec.stages else spec.stages[0]
    promise = promise.at(stage)
    spec.check(promise, where=where)
    for each in promise.args:
        if isinstance(each, str):
            _no_secret(each, where=where)
    if promise.on is not None and promise.on not in DATASETS:
        raise InvalidValue(f"no dataset {promise.on!r}", where=where, expected=one_of(DATASETS, promise.on))
    if promise.on is not None and stage != "candidate":
        raise InvalidValue(f"'on {promise.on}' at stage {stage}", where=where, expected="a promise of stage candidate")
    if promise.by and spec.subject not in ("rows", "scores", "window"):
        raise InvalidValue(f"{spec.name} is not of rows: it has no slices", where=where, expected="no 'by'")
    for name in promise.remedies:
        registry.get("remedy", name, where=where)
    return promise


def add_promise(text: str, promise: Promise) -> str:
    """Text of a contract file with one more promise in it; comments and layout stay as they are.

    Raises
    ------
    MalformedContract
        If the file has no block-style list of promises to add to.
    """
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    promises = _child(node, "promises")
    staged = _child(promises, str(promise.stage)) if isinstance(promises, yaml.MappingNode) else promises
    line = f"- {promise.text}\n" if not _needs_quotes(promise.text) else f"- '{promise.text}'\n"
    if isinstance(staged, yaml.SequenceNode) and staged.value and not staged.flow_style:
        last = staged.value[-1]
        return _insert(
            text, last.end_mark.line + (1 if last.end_mark.column else 0), " " * staged.start_mark.column + line
        )
    if isinstance(promises, yaml.MappingNode) and not promises.flow_style and staged is None:
        at = promises.start_mark
        return _insert(text, at.line, f"{' ' * at.column}{promise.stage}:\n{' ' * (at.column + 2)}{line}")
    raise MalformedContract(
        "no list of promises to add to", where=FILE_NAME, expected="promises: with a list per stage"
    )


def _child(node: yaml.Node | None, name: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for key, value in node.value if key.value == name), None)


def _needs_quotes(text: str) -> bool:
    return ": " in text or " #" in text


def _insert(text: str, line: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    return "".join([*lines[:line], new, *lines[line:]])
