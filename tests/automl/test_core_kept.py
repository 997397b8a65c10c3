"""Kept trials: what comes back of them, what is never read, and a search that was killed and carries on."""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl import _kept
from holdfast.automl._answers import Calibration
from holdfast.automl._bench import FeatureSet
from holdfast.automl._features import Recipe
from holdfast.automl._kept import Kept, key_of, known_as
from holdfast.automl._learners import Config
from holdfast.automl._trial import Trial
from holdfast.automl.trainers.automl import AutoML

sys.path.append(str(Path(__file__).parent))
parts = importlib.import_module("core_parts")
KEY = "k" * 64

PARAMS = st.dictionaries(
    st.text("abc_", min_size=1, max_size=3),
    st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), st.text(max_size=3)),
    max_size=4,
)


def trial(config: Config, n: int = 5, outputs: int = 1) -> Trial:
    rng = np.random.default_rng(0)
    margin = rng.normal(size=(n, outputs))
    margin[0] = np.nan
    rows = np.where(np.isnan(margin[:, 0]), np.nan, margin[:, 0] ** 2)
    return Trial(
        config,
        "done",
        score=0.1 + 0.2,
        error=1e-17,
        seconds=1.5,
        cpu_s=2.0,
        rounds=7,
        margin=margin,
        rows=rows,
        raw=rows + 1.0,
        calibration=Calibration(1.0, -0.25),
        size_bytes=1234,
        curve=(1.0, 0.5, 1 / 3),
        steps=(0.5, 0.25),
    )


def one(kept: Kept) -> Path:
    (path,) = kept.folder.glob("*.npz")
    return path


@settings(max_examples=40, deadline=None)
@given(PARAMS, st.one_of(st.none(), st.integers(1, 99)), st.sampled_from(["done", "pruned", "failed"]))
def test_a_trial_comes_back_as_it_was(tmp_path_factory, params, rounds, state) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"), KEY)
    config = Config("a, b\\c", "lightgbm", params, rounds)
    made = trial(config) if state == "done" else Trial(config, state, reason="why", steps=(float("nan"), 0.5))
    kept.keep(made)
    ((name, found),) = kept.read().items()
    assert name == known_as(config) == repr(config.plain())
    assert repr(found.config.plain()) == repr(config.plain())
    assert found.resumed
    assert repr(replace(found, resumed=False, margin=None, rows=None, raw=None)) == repr(
        replace(made, margin=None, rows=None, raw=None)
    )
    for array in ("margin", "rows", "raw"):
        if state == "done":
            assert getattr(found, array).tobytes() == getattr(made, array).tobytes()
        else:
            assert getattr(found, array) is None


@pytest.mark.parametrize("state", ["cut", "lost"])
def test_what_may_do_better_next_time_is_not_kept(tmp_path, state) -> None:
    kept = Kept(tmp_path / "trials", KEY)
    kept.keep(Trial(parts.FIXED, state))
    kept.keep(replace(trial(parts.FIXED), resumed=True))
    assert not kept.folder.exists()
    assert kept.read() == {}


def test_a_feature_set_of_the_same_name_is_another_where_it_holds_something_else(tmp_path) -> None:
    sets = {"plain": FeatureSet(), "made": FeatureSet((Recipe("frequency", ("text",)),))}
    config = replace(parts.FIXED, features="made")
    Kept(tmp_path, KEY, sets=sets).keep(trial(config))
    found = Kept(tmp_path, KEY, sets=sets).read()
    assert list(found) == [known_as(config, sets)]
    other = {**sets, "made": FeatureSet((Recipe("frequency", ("side",)),))}
    assert known_as(config, other) not in found
    Kept(tmp_path, KEY, sets=other).keep(trial(config))
    assert set(Kept(tmp_path, KEY).read()) == {known_as(config, sets), known_as(config, other)}


def test_trials_of_another_problem_or_program_are_not_read(tmp_path, monkeypatch) -> None:
    Kept(tmp_path, KEY).keep(trial(parts.FIXED))
    assert Kept(tmp_path, "o" * 64).read() == {}
    monkeypatch.setattr(_kept, "_FORMAT", 99)
    assert Kept(tmp_path, KEY).read() == {}


def test_margins_of_other_rows_are_not_read(tmp_path) -> None:
    Kept(tmp_path, KEY).keep(trial(parts.FIXED, n=5))
    assert len(Kept(tmp_path, KEY, shape=(5, 1)).read()) == 1
    assert Kept(tmp_path, KEY, shape=(6, 1)).read() == {}
    assert Kept(tmp_path, KEY, shape=(5, 2)).read() == {}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_off_or_changed_is_left_alone(tmp_path_factory, data) -> None:
    kept = Kept(tmp_path_factory.mktemp("kept"), KEY)
    kept.keep(trial(parts.FIXED))
    path = one(kept)
    whole = path.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    broken = whole[:at] if data.draw(st.booleans()) else whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
    path.write_bytes(broken)
    found = kept.read()
    # A changed byte that nothing reads (a time stamp) changes nothing.
    for each in found.values():
        assert each.margin.tobytes() == trial(parts.FIXED).margin.tobytes()
    assert path.read_bytes() == broken


class Attack:
    def __reduce__(self):
        return (Path.touch, (Path(os.environ["HOLDFAST_ATTACKED"]),))


@pytest.mark.parametrize("member", ["told", "margin", "rows"])
def test_no_pickle_is_ever_loaded(tmp_path, monkeypatch, member) -> None:
    attacked = tmp_path / "attacked"
    monkeypatch.setenv("HOLDFAST_ATTACKED", str(attacked))
    kept = Kept(tmp_path / "trials", KEY)
    kept.keep(trial(parts.FIXED))
    with np.load(one(kept), allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    np.savez(one(kept), **{**arrays, member: np.array([Attack()], dtype=object)})
    assert kept.read() == {}
    assert not attacked.exists()


def rewritten(path: Path, change) -> None:
    with np.load(path, allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files}
    told = json.loads(arrays["told"].tobytes())
    change(told, arrays)
    text = told if isinstance(told, bytes) else json.dumps(told).encode()
    arrays["told"] = np.frombuffer(arrays.pop("text", text), np.uint8)
    np.savez(path, **arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda told, _: told["trial"].update(score="0.1"),
        lambda told, _: told["trial"].update(state="cut"),
        lambda told, _: told["trial"].update(calibration=["a", 0.0]),
        lambda told, _: told["trial"].update(config=[1]),
        lambda told, _: told["trial"].update(curve=["a"]),
        lambda told, _: told["trial"].update(size_bytes=None),
        lambda told, _: told["trial"].update(calibration=[1.0, 0.0, 0.0]),
        lambda told, _: told.pop("name"),
        lambda told, _: told["trial"]["config"].update(surprise=1),
        lambda _, arrays: arrays.pop("margin"),
        lambda _, arrays: arrays.update(margin=arrays["margin"].astype(np.float32)),
        lambda _, arrays: arrays.update(rows=arrays["rows"][:-1]),
        lambda _, arrays: arrays.update(margin=arrays["margin"].ravel()),
        lambda _, arrays: arrays.update(text=b"[" * 200_000),
        lambda _, arrays: arrays.update(text=b"[]"),
        lambda _, arrays: arrays.update(text=b"\xff\xfe"),
    ],
)
def test_a_file_that_says_what_no_trial_would_is_left_alone(tmp_path, change) -> None:
    kept = Kept(tmp_path, KEY)
    kept.keep(trial(parts.FIXED))
    rewritten(one(kept), change)
    assert kept.read() == {}


def test_an_array_that_claims_to_be_endless_is_left_alone(tmp_path) -> None:
    kept = Kept(tmp_path, KEY)
    kept.keep(trial(parts.FIXED))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**45, 1)})
    changed = io.BytesIO()
    with zipfile.ZipFile(one(kept)) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            after.writestr(name, header.getvalue() if name == "margin.npy" else before.read(name))
    one(kept).write_bytes(changed.getvalue())
    assert kept.read() == {}


def test_what_is_no_file_or_no_trial_is_left_alone(tmp_path) -> None:
    kept = Kept(tmp_path, KEY)
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "text.npz").write_text("trials")
    (tmp_path / "gone.npz").symlink_to(tmp_path / "nowhere")
    np.save(tmp_path / "array.npy", np.zeros(3))
    shutil.copy(tmp_path / "array.npy", tmp_path / "array.npz")
    kept.keep(trial(parts.FIXED))
    (tmp_path / "x.1.part").write_text("half")
    assert len(kept.read()) == 1


def test_a_trial_is_written_whole_or_not_at_all(tmp_path, monkeypatch) -> None:
    kept = Kept(tmp_path, KEY)

    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        kept.keep(trial(parts.FIXED))
    assert list(tmp_path.iterdir()) == []


CHANGES = {
    "rows": lambda rows, given: (rows.with_columns(a=pl.col("a") + 1e-3), given),
    "text": lambda rows, given: (rows.with_columns(text=pl.col("text").str.to_uppercase()), given),
    "target": lambda rows, given: (rows.with_columns(y=pl.col("y").reverse()), given),
    "sensitive": lambda rows, given: (rows.with_columns(side=pl.col("side").reverse()), given),
    "seed": lambda rows, given: (rows, {**given, "seed": 1}),
    "weights": lambda rows, given: (rows, {**given, "weights": np.linspace(1.0, 2.0, rows.height)}),
    "settings": lambda rows, given: (rows, {**given, "settings": {"folds": 4}}),
}


def key(rows: pl.DataFrame, tmp_path: Path, **given) -> str:
    asked = parts.request(rows, tmp_path, **{"features": ("a", "b", "text"), **given})
    return key_of(asked, parts.problem_of(asked))


@pytest.mark.parametrize("change", list(CHANGES))
def test_whatever_a_trial_depends_on_is_in_the_key(tmp_path, change) -> None:
    rows, given = CHANGES[change](parts.table(40), {})
    assert key(rows, tmp_path, **given) != key(parts.table(40), tmp_path)


def test_events_of_a_survival_are_in_the_key(tmp_path) -> None:
    rows = parts.table(40, task="regression").with_columns(e=(pl.int_range(40) % 3 > 0).cast(pl.Int64))
    given = {"task": "survival", "settings": {"event": "e"}}
    assert key(rows, tmp_path, **given) != key(rows.with_columns(e=1 - pl.col("e")), tmp_path, **given)


@pytest.mark.parametrize(
    "given",
    [{"budget_s": 5.0}, {"settings": {"max_trials": 9}}, {"settings": {"workers": 2, "executor": "processes"}}],
    ids=["budget", "trials", "workers"],
)
def test_how_long_and_where_is_not(tmp_path, given) -> None:
    rows = parts.table(40)
    assert key(rows, tmp_path, **given) == key(rows, tmp_path)


def test_what_was_kept_is_taken_and_not_run_again(tmp_path) -> None:
    bench = parts.bench()
    kept = Kept(tmp_path, KEY)
    first = parts.search(bench, most=6, learners=("linear",), keep=kept.keep).go()
    assert [each.state for each in first].count("done") >= 3
    told: list[str] = []
    again = parts.search(
        bench,
        most=8,
        learners=("linear",),
        keep=kept.keep,
        known=kept.read(),
        progress=lambda _, name: told.append(name),
    ).go()
    assert [each.config for each in again[:6]] == [each.config for each in first]
    assert [each.resumed for each in again] == [True] * 6 + [False] * 2
    assert len(told) == 2
    for one_, other in zip(first, again, strict=False):
        assert (one_.state, one_.score) == (other.state, other.score)
    assert len(kept.read()) == 8


CHILD = """
import importlib, sys
from dataclasses import replace
from pathlib import Path
sys.path.append(sys.argv[1])
parts = importlib.import_module("core_parts")
from holdfast.automl import _trial
from holdfast.automl.trainers.automl import AutoML
folder = Path(sys.argv[2])
request = parts.request(
    parts.table(), folder, trials=folder / "trials", settings={"max_trials": 9, "bag": False, "members": 3}
)
AutoML().train(replace(request, progress=lambda share, name: print(name, flush=True)))
"""


def test_a_search_that_is_killed_half_way_carries_on_and_ends_with_the_same_model(tmp_path) -> None:
    here = str(Path(__file__).parent)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, here, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=env
    ) as child:
        for line in child.stdout:
            if line.startswith("trial 6"):
                child.kill()
        assert child.wait() < 0
    asked = parts.request(
        parts.table(),
        tmp_path / "again",
        trials=tmp_path / "trials",
        settings={"max_trials": 9, "bag": False, "members": 3},
    )
    before = {path.name: path.stat().st_mtime_ns for path in asked.trials.glob("*.npz")}
    assert len(before) == 5
    begun: list[str] = []
    resumed = AutoML().train(replace(asked, progress=lambda _, name: begun.append(name)))
    straight = AutoML().train(replace(asked, trials=None, folder=tmp_path / "straight"))
    assert [each["resumed"] for each in resumed.trials] == [True] * 5 + [False] * 4
    assert len([name for name in begun if name.startswith("trial")]) == 4
    same = ("name", "parameters", "score", "rounds", "state")
    assert [[each[name] for name in same] for each in resumed.trials] == [
        [each[name] for name in same] for each in straight.trials
    ]
    assert resumed.files["model.onnx"].read_bytes() == straight.files["model.onnx"].read_bytes()
    after = {path.name: path.stat().st_mtime_ns for path in asked.trials.glob("*.npz")}
    assert after.items() >= before.items()
