"""The use-cases, as a program calls them: making, opening, asking, keeping on through trouble."""

from __future__ import annotations

import getpass
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

import holdfast.keeper.loop
import holdfast.serve
from holdfast.core.errors import (
    ContractError,
    DataError,
    HoldfastError,
    InvalidValue,
    LeaseHeld,
    NotFound,
    StoreUnavailable,
    UnknownName,
    UnsafePath,
)
from holdfast.core.evidence import State, Verdict
from holdfast.core.grammar import parse
from holdfast.project import (
    Project,
    check_promise,
    contract_schema,
    init,
    open_project,
    verdict_row,
    worst,
)


def test_a_project_is_made_whole_or_not_at_all(tmp_path: Path, small_contract: str) -> None:
    with pytest.raises(ContractError):
        init(tmp_path / "bad", contract="holdfast: 1\n")
    assert not (tmp_path / "bad").exists()
    with pytest.raises(UnsafePath):
        init(tmp_path / "odd", contract=small_contract, files={"../out.txt": b""})
    assert not (tmp_path / "out.txt").exists()
    with pytest.raises(NotFound, match="no project here"):
        open_project(tmp_path / "odd")


def test_a_project_is_not_made_over_another(trained: Project, small_contract: str) -> None:
    with pytest.raises(InvalidValue, match="holds a project already"):
        init(trained.folder, contract=small_contract)


def test_a_project_is_opened_where_one_is(trained: Project, tmp_path: Path) -> None:
    with open_project(trained.folder, actor="ann") as project:
        assert project.actor == "ann"
        assert project.champion.model == trained.champion.model
    with pytest.raises(NotFound, match="no project here"):
        open_project(tmp_path / "nowhere")


def test_who_acts_is_named_by_the_environment_or_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_ACTOR", "eve")
    assert Project(tmp_path).actor == "eve"
    monkeypatch.delenv("HOLDFAST_ACTOR")
    monkeypatch.setattr(getpass, "getuser", lambda: "dan")
    assert Project(tmp_path).actor == "dan"

    def nameless() -> str:
        raise KeyError("no name")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert Project(tmp_path).actor == f"uid-{os.getuid()}"


def test_closing_a_project_that_was_not_used_does_nothing(tmp_path: Path) -> None:
    Project(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


def test_a_line_of_text_is_a_promise_or_an_error() -> None:
    assert check_promise("roc_auc>=90%").text == "roc_auc >= 0.9"
    assert check_promise("psi(*) <= 0.2 over 1 d").stage == "live"
    with pytest.raises(UnknownName, match="roc_auk"):
        check_promise("roc_auk >= 0.9")


def test_the_schema_of_the_contract_is_json_schema() -> None:
    assert contract_schema()["title"] == "Holdfast contract"


def test_the_worst_verdict_is_that_of_all() -> None:
    promise = parse("recall >= 0.8").at("candidate")
    held, broken, unproven = (Verdict(promise, state) for state in (State.HELD, State.BROKEN, State.UNPROVEN))
    assert worst((held, held)) is State.HELD
    assert worst((held, unproven)) is State.UNPROVEN
    assert worst((unproven, broken, held)) is State.BROKEN
    assert verdict_row(broken)["verdict"] == "broken"


def test_checking_judges_the_data_and_says_which_rows_are_wrong(
    new_project: Callable[..., Project], tumours: pl.DataFrame
) -> None:
    odd = pl.when(pl.int_range(pl.len()) < 2).then(1400.0).otherwise("mean_radius").alias("mean_radius")
    holes = pl.when(pl.int_range(pl.len()) < 20).then(None).otherwise("mean_texture").alias("mean_texture")
    checked = new_project(rows=tumours.head(300).with_columns(odd, holes)).check()
    assert checked.state is State.BROKEN
    assert checked.rows == 300
    assert checked.failing == {"completeness(*) >= 0.95": 20, "in_range(mean_radius, 5, 40) >= 1": 2}


def test_rows_are_blamed_only_where_a_promise_speaks_of_rows(
    new_project: Callable[..., Project], small_contract: str
) -> None:
    contract = small_contract.replace("unique(case) >= 1", "row_count >= 1000 rows")
    contract = contract.replace("completeness(*) >= 0.95", "in_range(nothing, 0, 1) >= 1")
    checked = new_project(contract=contract).check()
    assert {each.state for each in checked.verdicts} == {State.BROKEN, State.UNPROVEN, State.HELD}
    assert checked.failing == {}


def test_a_promise_is_added_to_the_file_and_a_wrong_one_leaves_it_as_it_was(trained: Project) -> None:
    before = (trained.folder / "holdfast.yaml").read_bytes()
    with pytest.raises(ContractError):
        trained.promise("recall >= 7")
    with pytest.raises(ContractError, match="stands twice"):
        trained.promise("recall >= 0.7")
    assert (trained.folder / "holdfast.yaml").read_bytes() == before
    assert trained.promise("f1 >= 0.5").text == "f1 >= 0.5"
    assert any(each.claim == "f1 >= 0.5" for each in trained.contract.promises)


def test_history_at_a_time_is_told_by_the_projects_clock(trained: Project) -> None:
    early = datetime(2000, 1, 1, tzinfo=UTC)
    with Project(trained.folder, clock=lambda: early) as before:
        assert before.history()["production"] is None
        assert before.history()["at"].startswith("2000-01-01")
    assert trained.history(at=early)["events"] == []
    assert len(trained.history(limit=3)["events"]) == 3


def test_a_model_is_taken_out_with_its_manifest(trained: Project, tmp_path: Path) -> None:
    out = trained.export("champion", tmp_path / "out")
    assert {"model.onnx", "manifest.json"} <= {each.name for each in out.iterdir()}


def test_serving_starts_where_the_champion_was_put(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[object] = []
    monkeypatch.setattr(holdfast.serve, "run_server", started.append)
    trained.serve(port=0, workers=2, log=False)
    (settings,) = started
    assert (settings.place / "routes.json").is_file()
    assert settings.log_folder is None
    assert "store" not in trained.__dict__
    trained.serve(port=0)
    assert started[1].log_folder == trained.folder / ".holdfast/log"


def trouble(monkeypatch: pytest.MonkeyPatch, *answers: HoldfastError | None) -> list[int]:
    """Looks that end as the test says; the last answer is given again and again."""
    taken: list[int] = []
    real = holdfast.keeper.loop.tick

    def tick(keeping: object, **more: object) -> object:
        answer = answers[min(len(taken), len(answers) - 1)]
        taken.append(1)
        if answer is not None:
            raise answer
        return real(keeping, **more)

    monkeypatch.setattr(holdfast.keeper.loop, "tick", tick)
    return taken


class Rounds(threading.Event):
    """Stops the loop after so many looks, without waiting."""

    def __init__(self, rounds: int) -> None:
        super().__init__()
        self.rounds = rounds

    def wait(self, timeout: float | None = None) -> bool:
        self.rounds -= 1
        return self.rounds <= 0


@pytest.mark.parametrize(
    "error", [StoreUnavailable("away"), LeaseHeld("busy"), ContractError("being written"), DataError("being written")]
)
def test_trouble_between_two_looks_does_not_end_the_loop(
    trained: Project, monkeypatch: pytest.MonkeyPatch, error: HoldfastError
) -> None:
    taken = trouble(monkeypatch, None, error, None)
    told: list[HoldfastError] = []
    seen: list[object] = []
    last = trained.up(every_s=0.0, stop=Rounds(3), on_tick=seen.append, on_problem=told.append)
    assert len(taken) == 3
    assert told == [error]
    assert seen[-1] is last
    assert len(seen) == 2


@pytest.mark.parametrize("error", [ContractError("wrong"), DataError("unusable")])
def test_what_is_wrong_at_the_first_look_is_raised(
    trained: Project, monkeypatch: pytest.MonkeyPatch, error: HoldfastError
) -> None:
    taken = trouble(monkeypatch, error)
    with pytest.raises(type(error)):
        trained.up(stop=Rounds(3))
    assert len(taken) == 1


def test_another_keeper_at_the_first_look_is_waited_for(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = trouble(monkeypatch, LeaseHeld("busy"), None)
    assert trained.up(every_s=0.0, stop=Rounds(2)).verdicts
    assert len(taken) == 2


def test_a_loop_that_ends_without_a_last_look_says_so(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    trouble(monkeypatch, StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        trained.up(every_s=0.0, stop=Rounds(2))
    with pytest.raises(StoreUnavailable):
        trained.up(once=True)


def test_a_person_who_saw_the_plan_says_yes_by_applying_it(trained: Project, tumours: pl.DataFrame) -> None:
    path = trained.folder / "holdfast.yaml"
    path.write_text(path.read_text() + "policy:\n  approve: person\n")
    odd = pl.when(pl.int_range(pl.len()) < 2).then(1400.0).otherwise("mean_radius").alias("mean_radius")
    tumours.head(300).with_columns(odd).write_parquet(trained.folder / "data/history.parquet")
    waiting = trained.apply()
    assert [each.remedy for each in waiting.waiting] == ["quarantine"]
    assert waiting.outcomes == []
    done = trained.apply(person="bob")
    assert [each.state for each in done.outcomes] == ["restored"]
    decided = [each.payload["decision"]["decider"] for each in trained.store.journal.events(types=("decision.made",))]
    assert decided[-1] == "bob"


def test_under_four_eyes_the_author_cannot_apply(trained: Project, tumours: pl.DataFrame) -> None:
    path = trained.folder / "holdfast.yaml"
    path.write_text(path.read_text() + "policy:\n  approve: four-eyes\n  author: ann\n")
    odd = pl.when(pl.int_range(pl.len()) < 2).then(1400.0).otherwise("mean_radius").alias("mean_radius")
    tumours.head(300).with_columns(odd).write_parquet(trained.folder / "data/history.parquet")
    assert trained.apply(person="ann").outcomes == []
    assert [each.state for each in trained.apply(person="bob").outcomes] == ["restored"]


def test_telling_the_mirror_is_a_piece_of_progress(trained: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    trained.progress = lambda share, text: told.append(text)
    assert trained.mirror() == 0
    assert told == []
    monkeypatch.setattr(type(trained.store.outbox), "mirror", object())
    monkeypatch.setattr(type(trained.store.outbox), "sync", lambda self: 3)
    assert trained.mirror() == 3
    assert told == ["telling MLflow what is new"]
