"""The use-cases, which are the SDK: what a person or a program does with a project.

>>> import holdfast as hf  # doctest: +SKIP
>>> project = hf.open_project("tumours")  # doctest: +SKIP
>>> project.plan().plan.actions  # doctest: +SKIP
"""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import plain
from holdfast.core.errors import (
    ContractError,
    DataError,
    HoldfastError,
    InvalidValue,
    LeaseHeld,
    LeaseLost,
    NotFound,
    StoreError,
    StoreUnavailable,
)
from holdfast.core.evidence import State, Verdict
from holdfast.core.grammar import parse
from holdfast.core.models import Deployment
from holdfast.core.ports import Progress
from holdfast.core.promises import Promise

if TYPE_CHECKING:
    import polars as pl

    from holdfast.core.contract import Contract
    from holdfast.keeper.act import Outcome
    from holdfast.keeper.keeping import Keeping
    from holdfast.keeper.loop import Tick
    from holdfast.store import Store
    from holdfast.store.contract_file import StoreSettings

CONTRACT = "holdfast.yaml"
STORE = ".holdfast"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container, the number often has no name.
        return f"uid-{os.getuid()}"


def init(
    folder: str | Path,
    *,
    contract: str | None = None,
    files: Mapping[str, bytes] | None = None,
    data: str | Path | None = None,
    target: str | None = None,
    task: str | None = None,
    positive: str | None = None,
) -> Project:
    """Make a project: a folder with a contract, its data files, and a store.

    Parameters
    ----------
    folder
        The folder; made when it is not there.
    contract
        Text of `holdfast.yaml`; validated before anything is written. None: one to begin from is made for `data`.
    files
        Further files by relative name.
    data, target, task, positive
        File of the labelled rows and what is to be predicted, where there is no contract yet; task and positive class
        are inferred where they are not given.

    Raises
    ------
    InvalidValue
        If the folder holds a project already, or neither a contract nor data and target are given.
    DataError
        If the data cannot be read or learnt from.
    ContractError
        If the contract is wrong.
    UnsafePath
        If a file's name leads out of the folder.
    """
    from holdfast.store.contract_file import parse_contract
    from holdfast.store.files import inside, write_atomic

    place = Path(folder)
    if (place / CONTRACT).exists():
        raise InvalidValue(f"{place} holds a project already", expected="another folder, or holdfast status")
    if contract is None:
        contract = _starter(place, data, target=target, task=task, positive=positive)
    parse_contract(contract.encode())
    place.mkdir(parents=True, exist_ok=True)
    for name, content in (files or {}).items():
        path = inside(place, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    # The contract comes last: a folder with one is a whole project.
    write_atomic(place / CONTRACT, contract.encode())
    project = Project(place)
    project.store.journal.head()
    return project


def _starter(
    folder: Path, data: str | Path | None, *, target: str | None, task: str | None, positive: str | None
) -> str:
    from holdfast.keeper.starting import starter_contract

    if data is None or target is None:
        raise InvalidValue(
            "neither a contract nor data with a target", expected="contract=..., or data=... and target=..."
        )
    letters = "".join(each if each.isalnum() and each.isascii() else "-" for each in folder.resolve().name).strip("-")
    name = letters if letters[:1].isalpha() else f"model-{letters}".rstrip("-")
    return starter_contract(str(data), target=target, name=name[:64], folder=folder, task=task, positive=positive)


def open_project(folder: str | Path = ".", *, actor: str | None = None) -> Project:
    """Project in a folder.

    Raises
    ------
    NotFound
        If the folder holds no `holdfast.yaml`.
    """
    place = Path(folder)
    if not (place / CONTRACT).is_file():
        raise NotFound("no project here", where=str(place), expected=f"a folder with {CONTRACT}: holdfast init DIR")
    return Project(place, actor=actor)


def check_promise(text: str) -> Promise:
    """The promise that a line of text makes, with its stage.

    Raises
    ------
    ContractError
        If it does not follow the grammar, its measure is unknown, or its bound is in the wrong unit.
    """
    from holdfast.store.contract_file import check_promise as check

    return check(parse(text))


def contract_schema() -> dict[str, Any]:
    """JSON Schema of the contract file."""
    from holdfast.store.contract_file import contract_schema as schema

    return schema()


@dataclass(frozen=True, slots=True)
class Checked:
    """What `Project.check` found: verdicts on the data promises, and the rows that break each one."""

    verdicts: tuple[Verdict, ...]
    failing: Mapping[str, int]
    rows: int

    @property
    def state(self) -> State:
        """Broken if a promise is, else unproven if one is, else held."""
        return worst(self.verdicts)


def verdict_row(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data: promise, stage, verdict, value, low, high, n, evidence, ..."""
    from holdfast.keeper.telling import row

    return row(verdict)


def worst(verdicts: tuple[Verdict, ...]) -> State:
    """Broken if a verdict is, else unproven if one is, else held."""
    states = [each.state for each in verdicts]
    return next((each for each in (State.BROKEN, State.UNPROVEN) if each in states), State.HELD)


class Project:
    """One contract, kept.

    Parameters
    ----------
    folder
        Folder with `holdfast.yaml`.
    actor
        Who acts: the environment's `HOLDFAST_ACTOR`, else the user of the operating system.
    progress
        Told how far a long piece of work is.
    clock
        Gives the time, UTC-aware; for worlds that are simulated.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        actor: str | None = None,
        progress: Progress | None = None,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.folder = Path(folder)
        self.actor = actor or os.environ.get("HOLDFAST_ACTOR") or _user()
        self.progress = progress
        self.clock = clock

    # -- what it stands on ----------------------------------------------------------------------------------------

    @property
    def contract(self) -> Contract:
        """The contract as it stands in the file now."""
        from holdfast.store.contract_file import read_contract

        return read_contract(self.folder / CONTRACT)

    @property
    def settings(self) -> StoreSettings:
        """Where the store is."""
        from holdfast.store.contract_file import read_store_settings

        return read_store_settings(self.folder / CONTRACT, root=self.folder / STORE, environment=os.environ)

    @cached_property
    def store(self) -> Store:
        """Where everything is remembered."""
        from holdfast.store import open_store

        settings = self.settings
        return open_store(
            self.folder / STORE,
            url=settings.url,
            artifacts=settings.artifacts,
            mlflow=settings.mlflow,
            actor=self.actor,
            clock=self.clock,
        )

    def keeping(self) -> Keeping:
        """The keeper's view of the project, with the contract as it stands now."""
        from holdfast.keeper.keeping import Keeping, silent

        return Keeping(self.contract, self.store, self.folder, progress=self.progress or silent)

    def close(self) -> None:
        """Let go of the store's connections."""
        if "store" in self.__dict__:
            self.store.close()
            del self.__dict__["store"]

    def __enter__(self) -> Project:
        """Project, closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    # -- the contract ---------------------------------------------------------------------------------------------

    def promise(self, text: str, *, stage: str | None = None) -> Promise:
        """Add a promise to the contract file; its comments and layout stay.

        Raises
        ------
        ContractError
            If the promise is wrong; the file is then as it was.
        """
        from holdfast.store.contract_file import add_promise, parse_contract
        from holdfast.store.contract_file import check_promise as check
        from holdfast.store.files import write_atomic

        made = check(parse(text), stage=stage)
        path = self.folder / CONTRACT
        before = path.read_bytes()
        parse_contract(before, name=path.name)
        changed = add_promise(before.decode("utf-8-sig"), made).encode()
        parse_contract(changed, name=path.name)
        write_atomic(path, changed)
        return made

    # -- the loop -------------------------------------------------------------------------------------------------

    def check(self) -> Checked:
        """Read the data and judge the data promises; nothing is trained, nothing set aside.

        Raises
        ------
        DataError
            If the data cannot be read or used.
        """
        from holdfast.keeper.checking import check_data

        verdicts, failing, rows = check_data(self.keeping())
        return Checked(verdicts, failing, rows)

    def plan(self) -> Tick:
        """Observe, judge and plan; nothing is done."""
        from holdfast.keeper.loop import tick

        return tick(self.keeping(), actions=False)

    def apply(self, *, person: str | None = None) -> Tick:
        """Go around the loop until nothing is left to do, or only a person can go on.

        Parameters
        ----------
        person
            Who has seen the plan and said yes to it; None leaves it to the policy. A later plan, made after the first
            was carried out, is not covered.

        Raises
        ------
        LeaseHeld
            If another keeper acts for this model now.
        """
        from holdfast.keeper.alone import alone
        from holdfast.keeper.loop import tick

        done: list[Outcome] = []
        keeping = self.keeping()
        # Alone for all of it: nobody comes in between two rounds.
        with alone(keeping):
            while True:
                seen = tick(keeping, person=person)
                # A yes is to the plan that was seen; what follows from it is for the policy, or for another yes.
                person = None
                done.extend(seen.outcomes)
                # Every round either did something new or is the last one: an action's key is never used twice.
                if not any(each.begun for each in seen.outcomes):
                    break
        seen.outcomes = done
        self.mirror()
        return seen

    def up(
        self,
        *,
        every_s: float = 10.0,
        once: bool = False,
        stop: threading.Event | None = None,
        on_tick: Callable[[Tick], None] | None = None,
        on_problem: Callable[[HoldfastError], None] | None = None,
    ) -> Tick:
        """Keep the promises: around the loop again and again, the policy deciding.

        A database that goes away, another keeper at work, or a contract or data that somebody is writing just now do
        not end the loop: they are told, and looked at again at the next look.

        Parameters
        ----------
        every_s
            Seconds between two looks.
        once
            Once around only.
        stop
            Ends the loop when it is set.
        on_tick
            Told what each time around saw and did.
        on_problem
            Told what kept a look from being taken.

        Returns
        -------
        Tick
            The last one.

        Raises
        ------
        ContractError, DataError
            If the first look finds the contract or the data unusable.
        LeaseHeld, LeaseLost, StoreUnavailable
            If the last look was not taken, and the loop is ended.
        """
        from holdfast.keeper.loop import tick

        stopping = stop or threading.Event()
        looked = False
        while True:
            last: Tick | HoldfastError
            try:
                last = tick(self.keeping())
                self.mirror()
            except (ContractError, DataError, LeaseHeld, LeaseLost, StoreUnavailable) as error:
                if once or not (looked or isinstance(error, StoreError)):
                    raise
                last = error
                if on_problem is not None:
                    on_problem(error)
            else:
                looked = True
                if on_tick is not None:
                    on_tick(last)
            if once or stopping.wait(every_s):
                if isinstance(last, HoldfastError):
                    raise last
                return last

    def mirror(self) -> int:
        """Tell MLflow what is new; how many things it was told. MLflow being down or absent blocks nothing."""
        if self.progress is not None and self.store.outbox.mirror is not None:
            self.progress(0.99, "telling MLflow what is new")
        told: int = self.store.outbox.sync()
        return told

    # -- asking ---------------------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """What holds of the model now, from the store alone."""
        from holdfast.keeper.telling import status

        return status(self.keeping())

    def why(self, promise: str) -> dict[str, Any]:
        """The evidence trail of the verdict on a promise.

        Raises
        ------
        UnknownName
            If no promise, or more than one, fits the words.
        """
        from holdfast.keeper.telling import find, why

        keeping = self.keeping()
        return why(keeping, find(keeping, promise))

    def history(self, *, at: datetime | None = None, limit: int = 50) -> dict[str, Any]:
        """What happened, newest first; with `at`, what was in production then, who let it out and on which verdicts."""
        from holdfast.keeper.telling import history, in_production

        keeping = self.keeping()
        moment = at or self.clock()
        return {
            "model": keeping.name,
            "at": plain(moment),
            "production": in_production(keeping, moment),
            "events": history(keeping, limit=limit, at=at),
        }

    @property
    def champion(self) -> Deployment | None:
        """The champion's deployment, or None."""
        return self.keeping().champion()

    def predict(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Answers of the champion, in process and not logged: probabilities by class and the label, or predictions.

        Raises
        ------
        NotFound
            If there is no champion.
        """
        from holdfast.keeper.asking import answers

        return answers(self.keeping(), rows)

    # -- deciding -------------------------------------------------------------------------------------------------

    def approve(self, key: str, *, allowed: bool = True, decider: str | None = None, reason: str = "") -> str:
        """A person's yes or no to a planned action; returns the action's key.

        Raises
        ------
        UnknownName
            If no planned action begins with `key`.
        NotAllowed
            If the policy wants four eyes and the decider wrote the contract; the attempt is journalled.
        """
        from holdfast.keeper.asking import approve

        return approve(self.keeping(), key, allowed=allowed, decider=decider or self.actor, reason=reason)

    def rollback(self, to: str | None = None, *, reason: str = "asked for by a person") -> Outcome:
        """Make an earlier champion the champion again.

        Parameters
        ----------
        to
            Beginning of its model id; None takes the last one.
        reason
            Why, for the record.

        Raises
        ------
        NotFound
            If there is no earlier champion.
        """
        from holdfast.keeper.asking import rollback

        return rollback(self.keeping(), to, decider=self.actor, reason=reason)

    def serve(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 8080,
        workers: int = 1,
        log: bool = True,
        sync: str = "commit",
        behind_proxy: bool = False,
    ) -> None:
        """Answer over HTTP until SIGTERM or SIGINT.

        With ``sync="commit"`` a prediction is on the disk before its answer; with ``"tick"`` it is written before its
        answer, which survives a kill, and on the disk within 250 ms, which may not survive a power cut.

        Raises
        ------
        ForbiddenBind
            If `host` is not loopback and no proxy is said to stand in front.
        """
        from holdfast.keeper.act import reconcile
        from holdfast.serve import ServerSettings, run_server

        keeping = self.keeping()
        settings = ServerSettings(
            place=keeping.place("local"),
            host=host,
            port=port,
            workers=workers,
            log_folder=keeping.log_folder if log else None,
            sync=sync,
            behind_proxy=behind_proxy,
        )
        settings.place.mkdir(parents=True, exist_ok=True)
        reconcile(keeping)
        # Worker processes are forked from here: no connection may be open in two of them.
        self.close()
        run_server(settings)

    # -- taking out -----------------------------------------------------------------------------------------------

    def export(self, model: str, folder: str | Path) -> Path:
        """Write a model's files, manifest and signature into a folder.

        Parameters
        ----------
        model
            Beginning of a model or package id, the model's name, or ``champion``.
        folder
            The folder; must be empty or not there.
        """
        from holdfast.keeper.asking import find_model

        return self.store.models.export(find_model(self.keeping(), model), Path(folder))

    def verify_journal(self) -> int:
        """Check the journal's chain; the number of events.

        Raises
        ------
        JournalBroken
            If an event was tampered with, is missing or out of order; its sequence number is in `seq`.
        """
        return self.store.journal.verify()


__all__ = ["Checked", "Project", "check_promise", "contract_schema", "init", "open_project", "verdict_row", "worst"]
