"""Commands on a project: what they print, the exact shapes of their JSON, and their exit codes."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.core.digests import iso, parse_iso
from holdfast.project import CONTRACT, Project, open_project

ROW = {"promise", "stage", "verdict", "value", "low", "high", "n", "evidence"}
TICK = {"state", "promises", "plan", "decisions", "waiting", "outcomes"}


def kinds(folder: Path) -> list[str]:
    with open_project(folder) as project:
        return [each.type for each in project.store.journal.events()]


def edit(folder: Path, old: str, new: str) -> None:
    path = folder / CONTRACT
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


# ------------------------------------------------------------------------------------------------ status, why, history


def test_status_has_the_promised_shape(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    said = command(trained.folder, "status", "--json")
    assert (said.code, said.err) == (4, "")
    assert {"model", "promises", "champion", "dataset", "events", "mirror"} <= set(said.json)
    assert said.json["model"] == "tumour"
    assert all(set(each) >= ROW for each in said.json["promises"])
    rows = {each["promise"]: each for each in said.json["promises"]}
    auc = rows["roc_auc >= 0.9 with 95%"]
    assert (auc["stage"], auc["verdict"]) == ("candidate", "held")
    assert auc["low"] <= auc["value"] <= auc["high"]
    assert len(auc["evidence"]) == 64
    live = rows["accuracy >= 0.75 over 100 rows else retrain"]
    assert (live["verdict"], live["value"], live["n"], live["evidence"]) == ("unproven", None, 0, None)
    assert set(said.json["champion"]) == {"model", "package", "target", "since"}


def test_status_changes_nothing(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    before = kinds(trained.folder)
    command(trained.folder, "status")
    command(trained.folder, "history")
    command(trained.folder, "why", "recall")
    assert kinds(trained.folder) == before


def test_status_is_told_as_a_table_with_words_beside_the_marks(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    said = command(trained.folder, "status")
    assert said.err == ""
    lines = said.out.splitlines()
    assert lines[0].startswith("tumour: champion ")
    assert lines[1].split() == ["stage", "promise", "value", "[interval]", "n", "verdict", "evidence"]
    assert sum("✓ held" in each for each in lines) == 7
    assert sum("? unproven" in each for each in lines) == 2


@pytest.mark.parametrize(
    ("changed", "code"), [(("recall >= 0.7", "recall >= 1"), 3), (("min_labels: 40", "min_labels: 41"), 4)]
)
def test_status_exits_by_its_worst_promise(
    changed: tuple[str, str], code: int, trained: Project, command: Callable[..., Any]
) -> None:
    trained.close()
    edit(trained.folder, *changed)
    command(trained.folder, "plan")
    assert command(trained.folder, "status").code == code


def test_a_project_without_a_champion_says_so(new_project: Callable[..., Project], command: Callable[..., Any]) -> None:
    folder = new_project().folder
    said = command(folder, "status")
    assert said.code == 4
    assert "no champion yet" in said.out
    assert command(folder, "status", "--json").json["champion"] is None
    for arguments in (["export", "champion", str(folder / "out")], ["rollback"]):
        told = command(folder, *arguments)
        assert (told.code, told.out) == (2, "")
        assert "champion" in told.err
    assert not (folder / "out").exists()
    assert command(folder, "history", "--json").json["production"] is None


def test_why_tells_the_trail_of_evidence(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    said = command(trained.folder, "why", "roc_auc")
    assert said.code == 0
    assert said.out.startswith("✓ held  roc_auc >= 0.9 with 95%  (candidate)")
    assert "evidence  " in said.out
    told = command(trained.folder, "why", "roc_auc >= 0.9 with 95%", "--json").json
    assert set(told) >= ROW | {"measure", "evidence_trail", "actions", "reason"}
    piece = told["evidence_trail"][0]
    assert piece["id"] == told["evidence"]
    assert piece["low"] <= piece["value"] <= piece["high"]
    assert command(trained.folder, "why", "wasserstein").code == 4


@pytest.mark.parametrize(
    ("words", "right"),
    [
        ("recal >= 0.7", "did you mean"),
        ("roc_auk", "did you mean 'roc_auc'?"),
        ("nonsense", "one of"),
        ("", "9 promises fit"),
    ],
)
def test_why_of_no_promise_names_those_there_are(
    words: str, right: str, trained: Project, command: Callable[..., Any]
) -> None:
    trained.close()
    said = command(trained.folder, "why", words)
    assert (said.code, said.out) == (2, "")
    assert right in said.err


def test_history_tells_what_was_in_production_at_a_time(trained: Project, command: Callable[..., Any]) -> None:
    now = trained.history()
    since = parse_iso(now["production"]["since"])
    trained.close()
    said = command(trained.folder, "history", "--json")
    assert said.code == 0
    assert set(said.json) == {"model", "at", "production", "events"}
    assert said.json["production"]["decision"]["allowed"] is True
    assert [each["seq"] for each in said.json["events"]] == sorted(
        (e["seq"] for e in said.json["events"]), reverse=True
    )
    before = command(trained.folder, "history", "--at", iso(since - timedelta(seconds=1)), "--json").json
    assert before["production"] is None
    assert all(each["time"] < iso(since) for each in before["events"])
    assert command(trained.folder, "history", "--at", "2020-01-01", "--json").json["events"] == []
    text = command(trained.folder, "history", "--limit", "3")
    assert "in production at" in text.out
    assert "roc_auc >= 0.9 with 95%: held" in text.out
    assert len([each for each in text.out.splitlines() if each[:1].isdigit()]) == 3
    wrong = command(trained.folder, "history", "--at", "yesterday")
    assert (wrong.code, wrong.out) == (2, "")
    assert "ISO 8601" in wrong.err


# ------------------------------------------------------------------------------------------------ the loop


def test_a_plan_is_told_and_not_carried_out(new_project: Callable[..., Project], command: Callable[..., Any]) -> None:
    folder = new_project().folder
    said = command(folder, "plan", "--json")
    assert (said.code, said.err) == (5, "")
    assert set(said.json) == TICK
    action = said.json["plan"]["actions"][0]
    assert (action["remedy"], said.json["waiting"], said.json["outcomes"]) == ("train", [], [])
    assert set(said.json["decisions"]) == {action["key"]}
    again = command(folder, "plan")
    assert again.code == 5
    assert again.out.startswith(f"1. train  [{action['key'][:12]}, allowed by the policy]")
    assert command(folder, "plan", "--json").json["plan"]["id"] == said.json["plan"]["id"]
    assert "action.started" not in kinds(folder)


def test_apply_without_a_yes_and_without_a_terminal_does_nothing(
    new_project: Callable[..., Project], process: Callable[..., Any]
) -> None:
    folder = new_project().folder
    said = process("apply", "--project", str(folder))
    assert (said.code, said.err) == (5, "")
    assert said.out.splitlines()[-1] == "next: holdfast apply --yes"
    told = process("apply", "--json", "--project", str(folder))
    assert told.code == 5
    assert told.json["outcomes"] == []
    assert "action.started" not in kinds(folder)


class Terminal(io.StringIO):
    """A person at a terminal, who types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_a_person_who_does_not_say_yes_is_taken_at_their_word(
    typed: str, new_project: Callable[..., Project], command: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = new_project().folder
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = command(folder, "apply")
    assert said.code == (5 if typed else 130)
    assert "Carry this out?" in said.out
    assert "action.started" not in kinds(folder)


def test_a_held_project_has_nothing_to_do(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    edit(trained.folder, "    - wasserstein(*) <= 1 over 100 rows else retrain\n", "")
    edit(trained.folder, "    - accuracy >= 0.75 over 100 rows else retrain\n", "    - row_count >= 1 rows\n")
    edit(trained.folder, "  live:\n    - row_count >= 1 rows\n", "")
    said = command(trained.folder, "plan")
    assert (said.code, said.out, said.err) == (0, "nothing to do\n", "")
    assert command(trained.folder, "status").code == 0
    assert command(trained.folder, "apply").code == 0
    assert command(trained.folder, "apply", "--yes", "--json").json["outcomes"] == []


@pytest.mark.slow
def test_apply_quarantines_trains_and_lets_out(
    new_project: Callable[..., Project],
    command: Callable[..., Any],
    tumours: pl.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOLDFAST_ACTOR", "ann")
    rows = tumours.head(300)
    rows[5, "mean_radius"] = 1234.5
    folder = new_project(rows=rows).folder
    checked = command(folder, "check", "--json")
    assert checked.code == 3
    assert checked.json["state"] == "broken"
    assert checked.json["failing"] == {"in_range(mean_radius, 5, 40) >= 1": 1}
    text = command(folder, "check")
    assert "1 of 300 rows break in_range(mean_radius, 5, 40) >= 1" in text.out
    assert text.out.splitlines()[-1] == "next: holdfast plan"
    said = command(folder, "apply", "--yes")
    assert (said.code, said.err) == (4, "")
    assert "quarantine: restored" in said.out
    assert "train: restored: model " in said.out
    told = command(folder, "history", "--json").json
    # Ann saw the plan to set a row aside; the training that followed was the policy's to decide.
    assert told["production"]["decision"]["decider"] == "policy:auto"
    assert any("ann allowed the action" in each["text"] for each in told["events"])


@pytest.mark.parametrize("policy", ["person", "four-eyes"])
def test_an_action_that_waits_for_a_person_is_exit_6(
    policy: str, new_project: Callable[..., Project], command: Callable[..., Any], small_contract: str
) -> None:
    folder = new_project(contract=small_contract + f"policy:\n  approve: {policy}\n  author: ann\n").folder
    said = command(folder, "up", "--once", "--json")
    assert (said.code, said.err) == (6, "")
    (key,) = said.json["waiting"]
    assert command(folder, "up", "--once").code == 6
    assert "waits for approval" in command(folder, "plan").out
    own = command(folder, "approve", key[:12], "--as", "ann", "--json")
    assert own.code == (2 if policy == "four-eyes" else 0)
    refused = command(folder, "approve", key[:12], "--no", "--as", "bob", "--reason", "not today", "--json")
    assert (refused.code, refused.json) == (0, {"action": key, "allowed": False})
    ended = command(folder, "up", "--once", "--json")
    assert (ended.code, ended.json["outcomes"]) == (4, [])
    assert "approval.given" in kinds(folder)
    unknown = command(folder, "approve", "ffff")
    assert (unknown.code, unknown.out) == (2, "")
    assert key[:12] in unknown.err


def test_apply_under_four_eyes_by_the_author_waits(
    new_project: Callable[..., Project],
    command: Callable[..., Any],
    small_contract: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOLDFAST_ACTOR", "ann")
    folder = new_project(contract=small_contract + "policy:\n  approve: four-eyes\n  author: ann\n").folder
    said = command(folder, "apply", "--yes")
    assert said.code == 6
    assert "next: holdfast approve " in said.out
    assert "action.started" not in kinds(folder)


def test_approving_where_nothing_is_planned_says_where_plans_come_from(
    new_project: Callable[..., Project], command: Callable[..., Any]
) -> None:
    said = command(new_project().folder, "approve", "abc")
    assert (said.code, said.out) == (2, "")
    assert "holdfast plan" in said.err


# ------------------------------------------------------------------------------------------------ the contract


def test_a_promise_is_added_and_the_file_keeps_its_layout(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    edit(trained.folder, "  candidate:", "  candidate:  # judged on held-out rows")
    said = command(trained.folder, "promise", "f1>=0.5", "--json")
    assert said.code == 0
    assert said.json["promise"] == "f1 >= 0.5"
    text = (trained.folder / CONTRACT).read_text()
    assert "    - recall >= 0.7\n    - f1 >= 0.5\n" in text
    assert "# judged on held-out rows" in text
    staged = command(trained.folder, "promise", "p99_latency <= 1 s", "--stage", "live")
    assert (staged.code, staged.out) == (0, "live: p99_latency <= 1 s\n")


@pytest.mark.parametrize("text", ["recal >= 0.5", "recall >= ", "recall >= 0.7"])
def test_a_promise_that_cannot_be_added_leaves_the_file_as_it_was(
    text: str, trained: Project, command: Callable[..., Any]
) -> None:
    trained.close()
    before = (trained.folder / CONTRACT).read_bytes()
    said = command(trained.folder, "promise", text)
    assert (said.code, said.out) == (2, "")
    assert (trained.folder / CONTRACT).read_bytes() == before


# ------------------------------------------------------------------------------------------------ taking out


def test_an_export_verifies_without_holdfast(trained: Project, command: Callable[..., Any], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    model = trained.champion.model
    trained.close()
    out = tmp_path / "out"
    said = command(trained.folder, "export", "champion", str(out), "--json")
    assert said.code == 0
    assert said.json["folder"] == str(out)
    assert said.json["files"] == sorted(each.name for each in out.iterdir())
    assert {"model.onnx", "manifest.json", "manifest.sig"} <= set(said.json["files"])
    manifest = json.loads((out / "manifest.json").read_bytes())
    assert set(manifest["files"]) == {each.name for each in out.iterdir()} - {
        "manifest.json",
        "manifest.sig",
        "public.key",
    }
    for name, told in manifest["files"].items():
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == told["sha256"]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode((out / "public.key").read_text().split(":")[-1]))
    key.verify(
        base64.b64decode((out / "manifest.sig").read_text().split(":")[-1]), (out / "manifest.json").read_bytes()
    )
    by_name = command(trained.folder, "export", "tumour", str(tmp_path / "again"))
    assert (by_name.code, by_name.out) == (0, f"{tmp_path / 'again'}\n")
    assert command(trained.folder, "export", model[:10], str(tmp_path / "third")).code == 0


def test_an_export_of_no_model_or_into_another_folder_is_refused(
    trained: Project, command: Callable[..., Any], tmp_path: Path
) -> None:
    trained.close()
    unknown = command(trained.folder, "export", "ffff", str(tmp_path / "out"))
    assert (unknown.code, unknown.out) == (2, "")
    assert "'champion'" in unknown.err
    assert not (tmp_path / "out").exists()
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    refused = command(trained.folder, "export", "champion", str(full))
    assert (refused.code, refused.out) == (2, "")
    assert [each.name for each in full.iterdir()] == ["mine.txt"]
    (tmp_path / "file").write_text("")
    assert command(trained.folder, "export", "champion", str(tmp_path / "file")).code == 2


def test_a_whole_journal_verifies(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    said = command(trained.folder, "journal", "verify")
    assert (said.code, said.err) == (0, "")
    assert said.out == f"{len(kinds(trained.folder))} events, the chain holds\n"
    assert command(trained.folder, "journal", "verify", "--json").json == {
        "events": len(kinds(trained.folder)),
        "holds": True,
    }


# ------------------------------------------------------------------------------------------------ serve


def test_serve_answers_until_it_is_told_to_end(trained: Project, tumours: pl.DataFrame) -> None:
    model = trained.champion.model
    trained.close()
    told = trained.folder / ".holdfast" / "places" / "local" / "server.json"
    server = subprocess.Popen(
        [sys.executable, "-m", "holdfast.cli.main", "serve", "--port", "0", "--json", "--project", str(trained.folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while not told.exists():
            assert time.monotonic() < deadline
            assert server.poll() is None
            time.sleep(0.02)
        connection = http.client.HTTPConnection("127.0.0.1", json.loads(told.read_text())["port"], timeout=60)
        body = json.dumps({"rows": tumours.drop("case", "diagnosis").head(2).to_dicts()})
        connection.request("POST", "/predict/tumour", body, headers={"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        connection.close()
        server.send_signal(signal.SIGTERM)
        out, err = server.communicate(timeout=60)
    finally:
        server.kill()
        server.wait()
    assert (server.returncode, out, err) == (0, b"", b"")
    assert (answer["version"], len(answer["predictions"])) == (model, 2)
    assert not told.exists()


def test_serve_on_another_address_than_loopback_is_refused(trained: Project, command: Callable[..., Any]) -> None:
    trained.close()
    said = command(trained.folder, "serve", "--host", "192.0.2.1", "--port", "0", "--json")
    assert (said.code, said.json["error"]["code"]) == (2, "HF504")


# ------------------------------------------------------------------------------------------------ rollback


@pytest.mark.slow
def test_a_rollback_by_a_person_makes_the_first_champion_answer_again(
    trained: Project, command: Callable[..., Any]
) -> None:
    first = trained.champion
    second = let_out_another(trained)
    assert trained.champion.model == second
    trained.close()
    assert command(trained.folder, "rollback", "ffff").code == 2
    said = command(trained.folder, "rollback", "--reason", "the second is worse", "--json")
    assert (said.code, said.json["state"], said.json["model"]) == (0, "restored", first.model)
    status = command(trained.folder, "status", "--json").json
    assert status["champion"]["model"] == first.model
    back = command(trained.folder, "rollback", second[:10])
    assert (back.code, second[:12] in back.out) == (0, True)


def let_out_another(project: Project) -> str:
    """Make another model the champion, as the journal tells it."""
    from holdfast.keeper.training import train

    keeping = project.keeping()
    made = train(
        keeping,
        dataset=keeping.dataset().digest,
        settings={"max_trials": 2},
        weights=None,
        parent=None,
        reason="a second one",
    )
    (told,) = keeping.store.journal.events(types=("deployment.changed",))
    package = keeping.package_of(made.id, "onnx")
    keeping.store.journal.append(
        "deployment.changed",
        {**told.payload, "model": made.id, "package": package, "since": iso(keeping.now)},
        model="tumour",
    )
    return str(made.id)
