"""`kill -9` at random moments of `holdfast up`: the next start carries on, nothing is lost, nothing is done twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from holdfast.demo.traffic import Sent, label, send, served
from holdfast.demo.tumour import second_clinic
from holdfast.project import Project

KILLS = 20
SEED = 20261124


class Traffic(threading.Thread):
    """Asks and labels until it is told to stop; keeps what was acknowledged."""

    def __init__(self, port: int, rows: pl.DataFrame) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.rows = rows.drop("case")
        self.stop = threading.Event()
        self.sent: list[Sent] = []
        self.labelled = 0

    def run(self) -> None:
        for round_ in range(400):
            if self.stop.wait(0.25):
                return
            chosen = self.rows[round_ * 5 % 200 : round_ * 5 % 200 + 5]
            self.sent.append(
                send(self.port, "tumour", chosen, target="diagnosis", beside=(), batch=1, told=lambda share, text: None)
            )
            self.labelled += label(self.port, self.sent[-1])

    @property
    def ids(self) -> list[str]:
        return [each for sent in self.sent for each in sent.ids]


def start_up(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "holdfast.cli.main", "up", "--every", "0.1", "--project", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_keeper_killed_twenty_times_loses_nothing_and_does_nothing_twice(
    trained: Project, tumours: pl.DataFrame
) -> None:
    moments = random.Random(SEED)
    folder = trained.folder
    first = trained.champion.model
    trained.close()
    with served(folder) as port:
        # Twice: a change so large that it is proven however often a keeper looked.
        traffic = Traffic(port, second_clinic(second_clinic(tumours.slice(300))))
        traffic.start()
        for _ in range(KILLS):
            keeper = start_up(folder)
            time.sleep(moments.uniform(0.2, 3.5))
            keeper.send_signal(signal.SIGKILL)
            _, words = keeper.communicate(timeout=20)
            assert b"bug in Holdfast" not in words
        traffic.stop.set()
        traffic.join(timeout=30)
        with Project(folder) as project:
            project.up(once=True)
            project.up(once=True)
    with Project(folder) as project:
        check(project, traffic, first)


def check(project: Project, traffic: Traffic, first: str) -> None:
    assert project.verify_journal() > 0
    events = list(project.store.journal.events())
    started = Counter(str(each.payload["key"]) for each in events if each.type == "action.started")
    ended = Counter(str(each.payload["key"]) for each in events if each.type in ("action.finished", "action.failed"))
    deployed = Counter(str(each.payload["decision"]) for each in events if each.type == "deployment.changed")
    assert {*started.values(), *ended.values(), *deployed.values()} == {1}
    assert set(started) == set(ended)
    assert project.champion.model != first
    project.store.models.folder(project.champion.model)
    answered = project.store.tables.read("predictions:tumour")
    assert Counter(answered["id"].to_list()) == Counter(traffic.ids)
    labels = project.store.tables.read("labels:tumour")
    assert labels.select("id", "row").is_unique().all()
    assert labels.height == traffic.labelled
