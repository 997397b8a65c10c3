"""The conformance suites, run over everything that is registered."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.core import registry
from holdfast.core.models import TASKS
from holdfast.testing import (
    check_measure,
    check_packager,
    check_remedy,
    check_scanner,
    check_source,
    check_target,
    check_trainer,
)


def _registered(kind: str) -> list[str]:
    try:
        return registry.names(kind)
    except Exception as error:  # the test itself reports why the rooms do not load
        return [f"(the rooms do not load: {type(error).__name__})"]


@pytest.mark.parametrize("name", _registered("measure"))
def test_every_measure_conforms(name: str) -> None:
    check_measure(registry.get("measure", name))


@pytest.mark.parametrize("name", _registered("remedy"))
def test_every_remedy_conforms(name: str) -> None:
    check_remedy(registry.get("remedy", name))


#: Trainers that need another library's own environment: tests/automl/test_adapters.py is theirs.
FOREIGN = ("autogluon", "flaml")
#: A search that ends by itself, so that it ends alike twice.
SETTINGS = {"automl": {"max_trials": 3, "features": False, "learners": ["linear", "lightgbm"]}}


@pytest.mark.slow
@pytest.mark.parametrize("task", [each for each in TASKS if each != "forecasting"])
@pytest.mark.parametrize("name", [each for each in _registered("trainer") if each not in FOREIGN])
def test_every_trainer_conforms(name: str, task: str) -> None:
    check_trainer(registry.get("trainer", name), task=task, budget_s=20.0, settings=SETTINGS.get(name))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("name", _registered("packager"))
def test_every_packager_conforms(name: str, task: str) -> None:
    check_packager(registry.get("packager", name), task=task)


@pytest.mark.parametrize("name", _registered("target"))
def test_every_target_conforms(name: str, alive: Any) -> None:
    check_target(registry.get("target", name), alive=alive)


#: Sources that read no files: what they keep of the port is tested beside them.
NO_FILES = ("objects", "sql")


@pytest.mark.parametrize("name", [each for each in _registered("source") if each not in NO_FILES])
def test_every_source_conforms(name: str) -> None:
    check_source(registry.get("source", name))


@pytest.mark.parametrize("name", _registered("scanner"))
def test_every_scanner_conforms(name: str) -> None:
    check_scanner(registry.get("scanner", name))


@pytest.mark.parametrize("kind", sorted(registry.FOLDERS))
def test_every_entry_is_registered_under_its_own_name(kind: str) -> None:
    own_name = "measure" if kind == "row_check" else "name"
    assert [getattr(entry, own_name) for entry in registry.every(kind)] == registry.names(kind)
