"""The story: a project is made, its promises are kept, one breaks, and it is repaired; everything real is real."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from holdfast.core.ports import Progress
from holdfast.demo.examples import Example, find, start
from holdfast.demo.traffic import Sent, label, running_version, send, served
from holdfast.project import Project
from holdfast.tell import outcome_lines, plan_lines, promise_lines

Tell = Callable[[str], None]

#: The routes are looked at four times a second: a server that was told of a new champion runs it by then.
RELOAD_S = 20.0


def run(folder: Path | None, *, example: str, tell: Tell, progress: Progress) -> dict[str, Any]:
    """Walk through the main job; the status at the end.

    Parameters
    ----------
    folder
        Folder of the project, made anew; None for a new one in the temporary folder.
    example
        Name of the example.
    tell
        Given each line for a person to read.
    progress
        Told how far a long piece of work is.

    Returns
    -------
    dict
        As `Project.status`, with ``folder``.
    """
    began = time.monotonic()
    chosen = find(example)
    place = folder or Path(tempfile.mkdtemp(prefix=f"holdfast-{example}-"))
    with start(place, example=chosen) as project:
        project.progress = progress
        story = _Story(project, chosen, tell, progress)
        story.written()
        story.checked()
        story.trained()
        with served(place) as port:
            story.kept(port)
            story.changed(port)
            story.repaired()
            story.proven(port)
        found = story.ended(time.monotonic() - began)
    return found


class _Story:
    """The chapters, in order."""

    def __init__(self, project: Project, example: Example, tell: Tell, progress: Progress) -> None:
        self.project = project
        self.example = example
        self.tell = tell
        self.progress = progress

    def heading(self, number: int, text: str) -> None:
        self.tell(f"\n── {number}. {text}")

    def lines(self, lines: list[str]) -> None:
        for each in lines:
            self.tell("   " + each)

    def written(self) -> None:
        """A project that its user can open and change."""
        self.heading(1, f"A project: {self.project.folder}")
        contract = self.project.contract
        self.lines(
            [
                self.example.story["data"],
                self.example.story["faults"],
                f"holdfast.yaml makes {len(contract.promises)} promises about the model {contract.name!r}",
            ]
        )

    def checked(self) -> None:
        """The data against the contract."""
        self.heading(2, "The data against the contract")
        found = self.project.check()
        self.lines(promise_lines(found.verdicts))
        self.lines([f"{count} of {found.rows} rows break {claim}" for claim, count in found.failing.items()])

    def trained(self) -> None:
        """Quarantine, search, gates, promotion: what the plan says, by the policy's decision."""
        self.heading(3, "The plan, applied: rows set aside, a model searched, exported, judged, signed, let out")
        self.lines(plan_lines(self.project.plan()))
        seen = self.project.apply()
        self.lines(outcome_lines(seen))
        self.lines(promise_lines([each for each in seen.verdicts if each.promise.stage != "live"]))
        self.mirrored()

    def mirrored(self) -> None:
        """Whether MLflow was told."""
        outbox = self.project.store.outbox
        if outbox.mirror is None:
            self.lines(["MLflow is not installed: nothing is mirrored (pip install 'holdfast[mlflow]')"])
        elif outbox.last_error:
            self.lines([f"MLflow: {outbox.last_error}; {outbox.pending()} events wait"])
        else:
            self.lines([f"mirrored to MLflow: {self.project.settings.mlflow}"])

    def kept(self, port: int) -> None:
        """Real traffic over HTTP, labels late, live promises."""
        self.heading(4, f"Served on http://127.0.0.1:{port}: real traffic, each prediction durable before its answer")
        sent = self._send(port, self.example.before)
        seen = self.project.apply()
        self.lines([f"{sent.rows} rows answered by {_short(sent)}; no labels yet:"])
        self.lines(promise_lines([each for each in seen.verdicts if each.promise.stage == "live"]))
        count = label(port, sent)
        seen = self.project.apply()
        self.lines([f"{count} labels came late: quality is realised now, no longer estimated:"])
        self.lines(promise_lines([each for each in seen.verdicts if each.promise.stage == "live"]))

    def changed(self, port: int) -> None:
        """The world changes, and a promise breaks."""
        self.heading(5, "The world changes")
        self.lines([self.example.story["change"]])
        sent = self._send(port, self.example.during)
        count = label(port, sent)
        self.lines([f"{sent.rows} rows answered, {count} labels came"])
        seen = self.project.plan()
        self.lines(promise_lines([each for each in seen.verdicts if each.promise.stage == "live"]))
        self.tell("")
        self.lines(plan_lines(seen))

    def repaired(self) -> None:
        """The plan is carried out and verified."""
        self.heading(6, "The plan, applied and verified")
        self.lines(outcome_lines(self.project.apply()))

    def proven(self, port: int) -> None:
        """Traffic from the changed world proves the remedy."""
        self.heading(7, "The world stays changed; the new champion answers")
        self._wait_for_champion(port)
        sent = self._send(port, self.example.after)
        count = label(port, sent)
        self.lines([f"{sent.rows} rows answered by {_short(sent)}, {count} labels came"])
        self.project.apply()

    def ended(self, seconds: float) -> dict[str, Any]:
        """Every promise, where everything is, what to try next."""
        found = self.project.status()
        self.heading(8, f"Every promise, after {seconds:.0f} s")
        folder = self.project.folder
        found["folder"] = str(folder)
        found["seconds"] = round(seconds, 1)
        return found

    def _send(self, port: int, rows: Any) -> Any:
        return send(
            port,
            self.project.contract.name,
            rows,
            target=self.example.target,
            beside=self.example.beside,
            batch=self.example.batch,
            told=self.progress,
        )

    def _wait_for_champion(self, port: int) -> None:
        champion = self.project.champion
        deadline = time.monotonic() + RELOAD_S
        while champion is not None and time.monotonic() < deadline:
            if running_version(port, self.project.contract.name) == champion.model:
                return
            time.sleep(0.05)


def _short(sent: Sent) -> str:
    return ", ".join(each[:12] for each in sorted(sent.versions))
