"""Faults: a full disk, a database that goes away, a mirror that is down, two at once, an end in the middle."""

from __future__ import annotations

import json
import os
import pwd
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import IO

import pytest

from holdfast.core.errors import LeaseLost, StoreUnavailable
from holdfast.keeper.act import act
from holdfast.keeper.loop import tick
from holdfast.project import CONTRACT, Project, open_project

HOLDFAST = (sys.executable, "-m", "holdfast.cli.main")
DEADLINE_S = 60.0


def run(
    folder: Path, *arguments: str, file_limit: int | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; no file that it writes may become larger than `file_limit`."""

    def limited() -> None:
        if file_limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_limit, file_limit))

    return subprocess.run(
        [*HOLDFAST, *arguments, "--project", str(folder)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env={**os.environ, **environment},
        preexec_fn=limited,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def kinds(folder: Path) -> Counter[str]:
    with open_project(folder) as project:
        assert project.verify_journal() >= 0
        return Counter(each.type for each in project.store.journal.events())


class Up:
    """`holdfast up --json` in a process of its own; its lines are read as they come."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [*HOLDFAST, "up", "--json", "--every", "0.1", "--project", str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
        )
        self.looks: Queue[str] = Queue()
        self.problems: Queue[str] = Queue()
        for pipe, lines in ((self.process.stdout, self.looks), (self.process.stderr, self.problems)):
            threading.Thread(target=_read, args=(pipe, lines), daemon=True).start()

    def problem(self) -> str:
        """The next problem that it tells."""
        return self.problems.get(timeout=DEADLINE_S)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=DEADLINE_S)


def _read(pipe: IO[str], lines: Queue[str]) -> None:
    with pipe:
        for each in pipe:
            lines.put(each)


@pytest.fixture
def started() -> Iterator[Callable[..., Up]]:
    made: list[Up] = []

    def start(folder: Path, **environment: str) -> Up:
        made.append(Up(folder, **environment))
        return made[-1]

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()


def next_look(up: Up) -> dict[str, object]:
    """A look that is taken from now on: what was said before is passed over."""
    while True:
        try:
            up.looks.get_nowait()
        except Empty:
            break
    found: dict[str, object] = json.loads(up.looks.get(timeout=DEADLINE_S))
    return found


# ------------------------------------------------------------------------------------------------ a full disk


@pytest.mark.parametrize("room", [10_000, 90_000])
def test_a_full_disk_stops_a_check_with_one_line_and_the_next_one_works(
    room: int, new_project: Callable[..., Project]
) -> None:
    folder = new_project().folder
    ended = run(folder, "check", "--json", file_limit=room)
    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["code"] == "HF301"
    first, second = ended.stderr.splitlines()
    assert "nothing was acknowledged" in first
    assert second.startswith("next: ")
    assert kinds(folder)["verdict.reached"] == 0
    assert run(folder, "check").returncode == 0


@pytest.mark.slow
def test_a_disk_that_fills_in_the_middle_of_an_action_fails_no_action_and_the_next_keeper_carries_on(
    new_project: Callable[..., Project],
) -> None:
    folder = new_project().folder
    ended = run(folder, "apply", "--yes", file_limit=400_000)
    assert ended.returncode == 2
    assert "HF301" in ended.stderr
    assert "bug" not in ended.stderr
    before = kinds(folder)
    assert (before["action.started"], before["action.finished"], before["action.failed"]) == (1, 0, 0)
    again = run(folder, "apply", "--yes", "--json")
    assert again.returncode == 4
    assert [each["state"] for each in json.loads(again.stdout)["outcomes"]] == ["restored"]
    after = kinds(folder)
    assert (after["action.started"], after["action.finished"], after["model.registered"]) == (1, 1, 1)


@pytest.mark.parametrize("error", [StoreUnavailable("gone"), LeaseLost("taken")])
def test_an_action_under_whose_keeper_the_ground_goes_away_stays_started(
    error: Exception, new_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    project = new_project()
    monkeypatch.setattr("holdfast.keeper.act.train", fails)
    keeping = project.keeping()
    seen = tick(keeping, actions=False)
    action = seen.plan.actions[0]
    with pytest.raises(type(error)):
        act(keeping, action, seen.decisions[action.key], seen.verdicts)
    assert project.store.state.get("action", action.key)["state"] == "started"


# ------------------------------------------------------------------------------------------------ damaged stores


def test_a_journal_that_is_no_database_is_told_and_left_alone(new_project: Callable[..., Project]) -> None:
    project = new_project()
    project.close()
    journal = project.folder / ".holdfast" / "journal.db"
    for each in journal.parent.glob("journal.db-*"):
        each.unlink()
    journal.write_bytes(b"this is no database at all" * 1000)
    for command in (["check"], ["journal", "verify"], ["status"]):
        ended = run(project.folder, *command)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "not a database" in ended.stderr.splitlines()[0]
    assert journal.read_bytes().startswith(b"this is no database")


def test_a_file_where_the_store_should_be_is_told(new_project: Callable[..., Project]) -> None:
    project = new_project()
    project.close()
    shutil.rmtree(project.folder / ".holdfast")
    (project.folder / ".holdfast").write_text("not a folder")
    ended = run(project.folder, "check")
    assert ended.returncode == 2
    assert ".holdfast" in ended.stderr.splitlines()[0]
    assert "bug" not in ended.stderr


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("mysql://somewhere/x", "postgresql://"),
        ("nonsense", "postgresql://"),
        ("postgresql://h@127.0.0.1:1/x", "HF301"),
    ],
)
def test_a_store_that_cannot_be_is_told_without_its_password(
    url: str, word: str, new_project: Callable[..., Project]
) -> None:
    project = new_project()
    project.close()
    ended = run(project.folder, "status", HOLDFAST_STORE_URL=url.replace("h@", "h:secret@"))
    assert ended.returncode == 2
    assert word in ended.stderr.splitlines()[0]
    assert "secret" not in ended.stderr


# ------------------------------------------------------------------------------------------------ two at once


@pytest.mark.slow
def test_of_two_applies_at_once_one_works_and_the_other_is_told(
    new_project: Callable[..., Project], small_contract: str
) -> None:
    # The first works for its whole budget: the second comes while it does.
    folder = new_project(contract=small_contract.replace("max_trials: 1", "max_trials: 100000")).folder
    first = subprocess.Popen(
        [*HOLDFAST, "apply", "--yes", "--project", str(folder)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        deadline = time.monotonic() + DEADLINE_S
        while "action.started" not in kinds(folder):
            assert time.monotonic() < deadline
            assert first.poll() is None
        second = run(folder, "apply", "--yes", "--json")
        _, words = first.communicate(timeout=DEADLINE_S)
    finally:
        first.kill()
        first.communicate()
    assert (second.returncode, json.loads(second.stdout)["error"]["code"]) == (2, "HF305")
    assert "another keeper works in this project" in second.stderr.splitlines()[0]
    assert (first.returncode, words) == (4, b"")
    found = kinds(folder)
    assert (found["action.started"], found["model.registered"], found["deployment.changed"]) == (1, 1, 1)


# ------------------------------------------------------------------------------------------------ the loop


def test_up_goes_on_over_a_broken_contract_and_ends_cleanly_when_it_is_told_to(
    trained: Project, started: Callable[..., Up]
) -> None:
    trained.close()
    up = started(trained.folder)
    assert next_look(up)["state"] == "unproven"
    path = trained.folder / CONTRACT
    right = path.read_text()
    path.write_text("half a contr")
    assert "HF101" in up.problem()
    path.write_text(right)
    assert next_look(up)["state"] == "unproven"
    data = trained.folder / "data" / "history.parquet"
    whole = data.read_bytes()
    data.write_bytes(whole[:1000])
    for told in iter(up.problem, None):
        if "HF201" in told:
            break
    data.write_bytes(whole)
    assert next_look(up)["state"] == "unproven"
    assert up.end() == 4
    assert kinds(trained.folder)["deployment.changed"] == 1
    assert run(trained.folder, "up", "--once").returncode == 4


def test_up_on_a_broken_contract_ends_at_once(new_project: Callable[..., Project]) -> None:
    project = new_project()
    project.close()
    (project.folder / CONTRACT).write_text("half a contr")
    ended = run(project.folder, "up")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "HF101" in ended.stderr


def test_up_waits_for_another_keeper_and_is_told_to_end(trained: Project, started: Callable[..., Up]) -> None:
    from holdfast.keeper.alone import alone

    with alone(trained.keeping()):
        up = started(trained.folder)
        assert "another keeper works" in up.problem()
    assert next_look(up)["state"] == "unproven"
    assert up.end() == 4


# ------------------------------------------------------------------------------------------------ PostgreSQL


class Cluster:
    """A PostgreSQL server of our own: trust on loopback, nothing synced to the disk."""

    def __init__(self, binaries: Path) -> None:
        self.binaries = binaries
        self.folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
        self.user: tuple[str, ...] = ()
        if os.geteuid() == 0:  # the server refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.user = ("runuser", "-u", "postgres", "--")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"postgresql://holdfast@127.0.0.1:{self.port}/postgres"

    def run(self, program: str, *arguments: str, check: bool = True) -> None:
        command = [*self.user, str(self.binaries / program), "-D", str(self.folder / "data"), *arguments]
        # No pipe: the server that pg_ctl starts would hold it open.
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd=self.folder)

    def start(self) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server here (/usr/lib/postgresql/*/bin): tools/services.sh installs it")
    made = Cluster(found[-1].parent)
    try:
        made.run("initdb", "-U", "holdfast", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
        made.start()
        yield made
    finally:
        made.run("pg_ctl", "-w", "-m", "immediate", "stop", check=False)
        shutil.rmtree(made.folder, ignore_errors=True)


@pytest.mark.slow
def test_a_project_on_postgresql_works_whole_and_its_loop_outlives_the_database(
    cluster: Cluster, new_project: Callable[..., Project], started: Callable[..., Up], tmp_path: Path
) -> None:
    project = new_project()
    project.close()
    shutil.rmtree(project.folder / ".holdfast")
    place = {"HOLDFAST_STORE_URL": cluster.url}
    assert run(project.folder, "apply", "--yes", **place).returncode == 4
    assert not (project.folder / ".holdfast" / "journal.db").exists()
    status = json.loads(run(project.folder, "status", "--json", **place).stdout)
    assert {each["verdict"] for each in status["promises"] if each["stage"] != "live"} == {"held"}
    assert run(project.folder, "export", "champion", str(tmp_path / "out"), **place).returncode == 0
    up = started(project.folder, **place)
    next_look(up)
    cluster.stop()
    told = up.problem()
    assert "HF301" in told
    assert "The loop goes on." in told
    cluster.start()
    assert next_look(up)["state"] == "unproven"
    assert up.end() == 4
    verified = json.loads(run(project.folder, "journal", "verify", "--json", **place).stdout)
    assert verified["holds"]
    assert verified["events"] >= status["events"]


# ------------------------------------------------------------------------------------------------ MLflow


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("kind", ["closed_port", "silent_port"])
def test_a_mirror_that_is_down_blocks_nothing_and_status_says_so(
    kind: str, trained: Project, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed: nothing is mirrored")
    place = {"HOLDFAST_MLFLOW": f"http://127.0.0.1:{request.getfixturevalue(kind)}"}
    trained.promise("f1 >= 0.5")
    trained.close()
    began = time.monotonic()
    assert run(trained.folder, "up", "--once", **place).returncode == 4
    # Five seconds for an answer, and the start of a process on a busy machine: minutes of retries would be more.
    assert time.monotonic() - began < 40
    told = run(trained.folder, "status", "--json", **place)
    mirror = json.loads(told.stdout)["mirror"]
    assert mirror["pending"] > 0
    assert "does not answer" in mirror["problem"]
    assert told.stderr == ""


def test_a_mirror_file_that_is_no_database_blocks_nothing(trained: Project) -> None:
    pytest.importorskip("mlflow", reason="MLflow is not installed: nothing is mirrored")
    file = trained.folder / "mlflow.db"
    file.write_bytes(b"no database" * 1000)
    trained.promise("f1 >= 0.5")
    trained.close()
    place = {"HOLDFAST_MLFLOW": f"sqlite:///{file}"}
    ended = run(trained.folder, "up", "--once", "--json", **place)
    assert ended.returncode == 4
    assert "f1 >= 0.5" in {each["promise"] for each in json.loads(ended.stdout)["promises"]}
    mirror = json.loads(run(trained.folder, "status", "--json", **place).stdout)["mirror"]
    assert mirror["pending"] > 0
    assert mirror["problem"]


# ------------------------------------------------------------------------------------------------ a tampered journal


def test_a_changed_payload_is_found_by_its_number(trained: Project) -> None:
    trained.close()
    with sqlite3.connect(trained.folder / ".holdfast" / "journal.db") as connection:
        connection.execute("UPDATE events SET payload = replace(payload, '\"held\"', '\"broken\"') WHERE seq = 12")
        changed = connection.execute("SELECT payload FROM events WHERE seq = 12").fetchone()[0]
    connection.close()
    assert "broken" in str(changed)
    ended = run(trained.folder, "journal", "verify", "--json")
    assert ended.returncode == 3
    assert json.loads(ended.stdout)["error"]["seq"] == 12
    assert "event 12" in ended.stderr
