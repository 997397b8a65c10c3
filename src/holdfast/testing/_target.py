"""The suite of targets."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

from holdfast.core.models import Deployment, Package
from holdfast.core.ports import Target
from holdfast.testing._conformance import digests_of, must_refuse, must_work, require, resolve
from holdfast.testing.data import START
from holdfast.testing.model import tiny_model, tiny_version

Alive = Callable[[Path], AbstractContextManager[object]]


def check_target(target: Target | str, *, alive: Alive | None = None, patience_s: float = 10.0) -> None:
    """Check a target: deploying twice is deploying once, what runs is told truthfully, withdrawing is idempotent.

    Parameters
    ----------
    target
        The target, or the name that it is registered under.
    alive
        What brings the place to life while it is looked at (a server, a cluster), given its folder; None when the
        target needs nothing of the kind.
    patience_s
        How long a change may take to be seen.

    Raises
    ------
    ConformanceError
        If the target breaks a rule of the port; says which, and what was seen.
    """
    made: Target = resolve("target", target)
    require(isinstance(made, Target), f"{made!r} lacks members of Target")
    with tempfile.TemporaryDirectory() as root:
        folder, place = Path(root) / "package", Path(root) / "place"
        folder.mkdir()
        place.mkdir()
        with (alive or _nothing)(place):
            _Stay(made, folder, place, patience_s=patience_s).check()


def _nothing(place: Path) -> AbstractContextManager[object]:  # noqa: ARG001 - the signature of `alive`
    return nullcontext()


class _Stay:
    """One target, one place, and two packages that come and go."""

    def __init__(self, target: Target, folder: Path, place: Path, *, patience_s: float) -> None:
        self.target, self.folder, self.place, self.patience_s = target, folder, place, patience_s
        self.what = f"target {target.name!r}"
        size = tiny_model(folder).size_bytes
        self.model = tiny_version(folder)
        self.package = Package(
            self.model.id, "onnx", digests_of(folder), {"max_difference": 0.0, "label_flips": 0.0, "rows": 50.0}, size
        )
        self.champion = self._deployment("champion", share=1.0)

    def _deployment(self, role: str, *, share: float) -> Deployment:
        return Deployment(self.model.name, self.model.id, self.package.id, self.target.name, role, share, START)

    def _deploy(self, deployment: Deployment, source: Path | None = None) -> None:
        self.target.deploy(deployment, self.package, source or self.folder, self.place)

    def _runs(self) -> list[tuple[str, str, str, float]]:
        found = must_work(f"{self.what}, asked what runs,", partial(self.target.running, self.place))
        require(isinstance(found, tuple), f"{self.what} says what runs as a {type(found).__name__}, not a tuple")
        for each in found:
            require(isinstance(each, Deployment), f"{self.what} says that a {type(each).__name__} runs")
            require(each.target == self.target.name, f"{self.what} says that {each.target!r} runs something")
        return sorted((each.model, each.package, each.role, each.share) for each in found)

    def _expect(self, *deployments: Deployment, after: str) -> None:
        wanted = sorted((each.model, each.package, each.role, each.share) for each in deployments)
        deadline = time.monotonic() + self.patience_s
        while (found := self._runs()) != wanted and time.monotonic() < deadline:
            time.sleep(0.02)
        require(found == wanted, f"{self.what} runs {found} {after}; expected {wanted}")

    def check(self) -> None:
        """Walk through a stay from the first deployment to the place being gone."""
        self._expect(after="at a place where nothing was deployed")
        must_work(
            f"{self.what}: withdrawing what was never deployed",
            partial(self.target.withdraw, self.champion, self.place),
        )
        self._check_deploying()
        self._check_roles()
        self._check_withdrawing()
        self._check_truth()

    def _check_deploying(self) -> None:
        gone = self.folder.parent / "nothing"
        gone.mkdir()
        must_refuse(
            f"{self.what}: deploying a package whose files are gone", partial(self._deploy, self.champion, gone)
        )
        self._expect(after="after a deployment that failed")
        before = digests_of(self.folder)
        must_work(f"{self.what}: deploying", partial(self._deploy, self.champion))
        self._expect(self.champion, after="after one deployment")
        must_work(f"{self.what}: deploying again", partial(self._deploy, self.champion))
        self._expect(self.champion, after="after the same deployment twice")
        require(digests_of(self.folder) == before, f"{self.what} changed the files of the package")

    def _check_roles(self) -> None:
        canary = self._deployment("canary", share=0.1)
        must_work(f"{self.what}: deploying a canary", partial(self._deploy, canary))
        self._expect(self.champion, canary, after="after a champion and a canary")
        more = replace(canary, share=0.5)
        must_work(f"{self.what}: giving the canary more", partial(self._deploy, more))
        self._expect(self.champion, more, after="after the canary was given half")
        must_work(f"{self.what}: withdrawing the canary", partial(self.target.withdraw, more, self.place))
        self._expect(self.champion, after="after the canary was withdrawn")
        package = replace(self.package, model="e" * 64)
        later = replace(self.champion, model=package.model, package=package.id)
        must_work(
            f"{self.what}: deploying another champion",
            lambda: self.target.deploy(later, package, self.folder, self.place),
        )
        self._expect(later, after="after a second champion")
        must_work(f"{self.what}: deploying the first champion again", partial(self._deploy, self.champion))
        self._expect(self.champion, after="after the first champion came back")

    def _check_withdrawing(self) -> None:
        for often in ("once", "twice"):
            must_work(f"{self.what}: withdrawing {often}", partial(self.target.withdraw, self.champion, self.place))
            self._expect(after=f"after withdrawing {often}")

    def _check_truth(self) -> None:
        must_work(f"{self.what}: deploying", partial(self._deploy, self.champion))
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self._expect(after="after everything in its place was deleted")
