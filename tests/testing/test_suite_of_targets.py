"""The suite of targets: what is well made passes, and every broken rule is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdfast.core.errors import NotFound
from holdfast.core.grammar import parse
from holdfast.core.models import Deployment
from holdfast.testing import (
    ConformanceError,
    check_target,
    tiny_context,
)


class Shelf:
    """A place that remembers in a file."""

    name = "tried"

    def _read(self, place: Path) -> dict[str, str]:
        return {path.name: path.read_text() for path in place.glob("*:*")}

    def deploy(self, deployment: Deployment, package: Any, source: Path, place: Path) -> None:
        if not (source / "model.onnx").is_file():
            raise NotFound("no model.onnx", where=str(source))
        (place / f"{deployment.name}:{deployment.role}").write_text(
            f"{deployment.model} {deployment.package} {deployment.share}"
        )

    def withdraw(self, deployment: Deployment, place: Path) -> None:
        (place / f"{deployment.name}:{deployment.role}").unlink(missing_ok=True)

    def running(self, place: Path) -> tuple[Deployment, ...]:
        found = []
        for name, text in self._read(place).items():
            model, package, share = text.split()
            since = tiny_context(parse("f >= 1").at("live")).verdict.deciding.time
            found.append(
                Deployment(name.split(":")[0], model, package, "tried", name.split(":")[1], float(share), since)
            )
        return tuple(found)


class Doubling(Shelf):
    """Says everything twice."""

    def running(self, place: Path) -> tuple[Deployment, ...]:
        return super().running(place) * 2


class Stubborn(Shelf):
    """Cannot withdraw twice."""

    def withdraw(self, deployment: Deployment, place: Path) -> None:
        (place / f"{deployment.name}:{deployment.role}").unlink()


class Trusting(Shelf):
    """Deploys what is not there."""

    def deploy(self, deployment: Deployment, package: Any, source: Path, place: Path) -> None:
        (place / f"{deployment.name}:{deployment.role}").write_text(f"{deployment.model} {deployment.package} 1.0")


class Boasting(Shelf):
    """Says what it was told, not what is there."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}

    def _read(self, place: Path) -> dict[str, str]:
        found = super()._read(place)
        self.told = found or (self.told if not any(place.iterdir()) and len(self.told) == 1 else {})
        return self.told


def test_a_good_target_conforms() -> None:
    check_target(Shelf(), patience_s=0.0)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        (Doubling(), "after one deployment"),
        (Stubborn(), "withdrawing what was never deployed raised FileNotFoundError"),
        (Trusting(), "whose files are gone was taken without a word"),
        (Boasting(), "after "),
    ],
)
def test_a_target_that_breaks_a_rule_is_named_with_the_rule(target: Any, sentence: str) -> None:
    with pytest.raises(ConformanceError, match=sentence):
        check_target(target, patience_s=0.0)
