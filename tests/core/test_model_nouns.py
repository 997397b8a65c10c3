"""Column, schema, model version, package, deployment: each with bad input."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from holdfast.core.errors import InvalidValue
from holdfast.core.models import Column, Deployment, ModelSchema, ModelVersion, Package

DIGEST = "a" * 64
SCHEMA = ModelSchema(
    "binary", "ill", (Column("age", "float32"), Column("sex", "string")), ("no", "yes"), positive="yes"
)
VERSION = ModelVersion("tumour", SCHEMA, {"model.onnx": DIGEST}, DIGEST, "automl")
PACKAGE = Package(VERSION.id, "onnx", {"model.onnx": DIGEST}, {"rows": 10.0}, 100)
DEPLOYED = Deployment("tumour", VERSION.id, PACKAGE.id, "local", "canary", 0.1, datetime(2026, 1, 2, tzinfo=UTC))


def test_a_column_is_a_float_or_a_text() -> None:
    with pytest.raises(InvalidValue, match=r"column 'age' has type 'float64'.*did you mean 'float32'"):
        Column("age", "float64")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "binery"}, "did you mean 'binary'"),
        ({"classes": (), "positive": None}, "with 0 classes"),
        ({"task": "regression"}, "with 2 classes"),
        ({"positive": "maybe"}, "positive class 'maybe'"),
        ({"columns": (Column("age", "float32"), Column("age", "string"))}, "stands twice"),
    ],
)
def test_a_schema_that_contradicts_itself_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(SCHEMA, **changes)


def test_a_schema_names_its_columns_in_the_graphs_order() -> None:
    assert SCHEMA.names == ("age", "sex")


@pytest.mark.parametrize(
    ("files", "message"),
    [({}, "without a model file"), ({"a": DIGEST}, "without a model"), ({"model.onnx": "abc"}, "digest 'abc'")],
)
def test_a_model_version_has_a_model_and_digests(files: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(VERSION, files=files)


def test_a_language_model_version_has_safetensors() -> None:
    assert replace(VERSION, files={"model.safetensors": DIGEST}).id != VERSION.id


def test_the_id_of_a_model_is_its_content() -> None:
    assert replace(VERSION).id == VERSION.id
    assert replace(VERSION, parent=DIGEST).id != VERSION.id
    assert replace(PACKAGE, size_bytes=101).id != PACKAGE.id


def test_a_package_carries_the_digest_of_its_model() -> None:
    with pytest.raises(InvalidValue, match="package of model 'tumour'"):
        replace(PACKAGE, model="tumour")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"role": "champ"}, "did you mean 'champion'"),
        ({"share": 1.5}, "share 1.5"),
        ({"share": -0.1}, "share -0.1"),
        ({"share": math.nan}, "share nan"),
        ({"role": "shadow", "share": 0.1}, "a shadow with share"),
    ],
)
def test_a_deployment_has_a_role_and_a_share(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        replace(DEPLOYED, **changes)


def test_a_shadow_answers_nobody() -> None:
    assert replace(DEPLOYED, role="shadow", share=0.0).share == 0.0
