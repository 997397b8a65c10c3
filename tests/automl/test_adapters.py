"""The trainers `flaml` and `autogluon`: our side with a child of the test's own, and the libraries where they are."""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.automl import _foreign, _foreign_child, _foreign_model
from holdfast.automl._foreign_child import Library
from holdfast.automl._graph import Graph
from holdfast.automl._session import run
from holdfast.automl.trainers import autogluon, flaml
from holdfast.core import registry
from holdfast.core.errors import ExportFailed, InvalidValue, MissingExtra, TrainingFailed, UnusableTarget
from holdfast.core.grammar import parse
from holdfast.core.ports import Trained, Trainer, TrainRequest

ROOT = Path(__file__).parents[2]
Ask = Callable[..., TrainRequest]

#: A child that has no library: a tree of one split, whose answers it knows. What it does else stands in `{more}`.
CHILD = """
import json, os, sys
from pathlib import Path
import numpy as np
folder = Path(sys.argv[1])
asked = json.loads((folder / "request.json").read_text())
stump = json.loads({stump!r})
check = np.load(folder / "check.npy", allow_pickle=False)
side = np.where(np.nan_to_num(check[:, 0]) <= stump["threshold"], stump["left"], stump["right"])
share = 1.0 / (1.0 + np.exp(-side))
answers = side if asked["objective"] == "squared" else np.column_stack([1.0 - share, share])
result = dict(
    format="holdfast.foreign/1", engine="a child", blend="margin", score=0.5,
    members=[dict(kind="lightgbm", file="member.txt", weight=2.0, name="stump")],
    trials=[dict(name="one", learner="lightgbm", parameters=dict(leaves=2, what=[1]), score=0.5, seconds=0.1)],
)
(folder / "member.txt").write_text(stump["text"])
{more}
np.save(folder / "answers.npy", answers, allow_pickle=False)
(folder / "result.json").write_text(json.dumps(result))
"""


def grown(target: np.ndarray, objective: str, *, width: int = 4, rounds: int = 1, seed: int = 0, **params: Any) -> Any:
    """A LightGBM booster on random numbers."""
    import lightgbm as lgb

    rows = np.random.default_rng(seed).normal(size=(len(target), width))
    rows[:, 0] = np.abs(rows[:, 0]) * np.where(target > np.median(target), 1.0, -1.0)
    fixed = {"objective": objective, "num_leaves": 2, "verbosity": -1, "num_threads": 1, "seed": seed, **params}
    return lgb.train(fixed, lgb.Dataset(rows, target), num_boost_round=rounds)


@pytest.fixture(scope="module")
def stump() -> str:
    """A tree with one split on the first of four features, as JSON."""
    booster = grown(np.repeat([0.0, 1.0], 100), "binary")
    root = booster.dump_model()["tree_info"][0]["tree_structure"]
    left, right = (root[each]["leaf_value"] for each in ("left_child", "right_child"))
    text = booster.model_to_string()
    return json.dumps({"text": text, "threshold": root["threshold"], "left": left, "right": right})


@pytest.fixture
def child(tmp_path: Path, stump: str) -> Callable[[str], Library]:
    """A library whose script is that child, with something more."""

    def make(more: str = "") -> Library:
        script = tmp_path / "child.py"
        script.write_text(CHILD.format(stump=stump, more=more))
        return Library("other", "no_such_module_anywhere", "'other'", script)

    return make


@pytest.fixture
def train(child: Callable[[str], Library], ask: Ask, toy: pl.DataFrame) -> Callable[..., Trained]:
    """Train the toy rows with that child."""

    def go(more: str = "", **given: Any) -> Trained:
        request = ask(given.pop("table", toy), **given)
        used = {"python": sys.executable, **given.get("settings", {})}
        return _foreign.train(child(more), replace(request, settings=used))

    return go


# The parent's path -------------------------------------------------------------------------------------------------


def test_what_comes_back_is_one_graph_that_answers_as_the_library_did(
    train: Callable[..., Trained], toy: pl.DataFrame
) -> None:
    trained = train()

    from holdfast.stats.tensors import to_tensors

    tensors = to_tensors(toy[180:].select("a", "b", "noise", "text"), trained.schema)
    found = run(str(trained.files["model.onnx"]), tensors)[-1]

    assert trained.original.shape == (60, 2)
    assert np.abs(found - trained.original).max() < 1e-6
    assert trained.schema.classes == ("no", "yes")


def test_a_single_booster_can_be_explained(train: Callable[..., Trained]) -> None:
    trained = train()

    assert {"booster.txt", "contributions.json", "encoder.onnx"} <= set(trained.files)


def test_trials_parameters_and_report_are_plain(train: Callable[..., Trained]) -> None:
    trained = train()

    told = json.loads(json.dumps([trained.trials, trained.parameters, trained.report]))
    assert told[0][0]["parameters"] == {"leaves": 2}
    assert told[1]["members"] == [{"name": "stump", "learner": "lightgbm", "weight": 2.0}]
    assert told[2]["budget"]["cpu_s"] > 0.0
    assert any("differ by at most" in note for note in trained.notes)


def test_numbers_come_back_in_their_own_unit(train: Callable[..., Trained], toy: pl.DataFrame, stump: str) -> None:
    rows = toy.with_columns(y=1000.0 + 100.0 * toy["a"])
    known = rows[:180]["y"].to_numpy().astype(np.float32).astype(np.float64)

    trained = train(table=rows, task="regression")

    sides = sorted(known.mean() + known.std() * json.loads(stump)[each] for each in ("left", "right"))
    assert np.unique(trained.original) == pytest.approx(sides, rel=1e-6)


def test_rows_are_laid_in_the_order_of_time(train: Callable[..., Trained], toy: pl.DataFrame) -> None:
    rows = toy.with_columns(when=pl.int_range(240, 0, -1).cast(pl.Float64))
    more = (
        'moment = np.load(folder / "matrix.npy")[:, 3]\n'
        'result["notes"] = [f"{asked[\'split\']} {bool((np.diff(moment) > 0).all())}"]\n'
        'stump["text"] = stump["text"].replace("max_feature_idx=3", "max_feature_idx=4")\n'
        'stump["text"] = stump["text"].replace("Column_3", "Column_3 Column_4")\n'
        'stump["text"] = stump["text"].replace("feature_infos=", "feature_infos=none ")\n'
        '(folder / "member.txt").write_text(stump["text"])'
    )

    trained = train(more, table=rows, settings={"time": "when"})

    assert "time True" in trained.notes


def test_groups_are_told(train: Callable[..., Trained], toy: pl.DataFrame) -> None:
    rows = toy.with_columns(unit=pl.int_range(240) // 10)
    more = (
        'group, held = np.load(folder / "group.npy"), np.load(folder / "held.npy")\n'
        "apart = not set(group[held]) & set(group[~held])\n"
        'result["notes"] = [f"{asked[\'split\']} {len(set(group))} {apart and held.any()}"]'
    )

    trained = train(more, table=rows, features=("a", "b", "noise", "text"), settings={"group": "unit"})

    assert "group 18 True" in trained.notes


def test_secrets_do_not_go_over(train: Callable[..., Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")

    trained = train('result["notes"] = sorted(os.environ)')

    assert "AWS_SECRET_ACCESS_KEY" not in trained.notes
    assert "OMP_NUM_THREADS" in trained.notes


def test_a_graph_that_breaks_a_promise_of_size_is_told(train: Callable[..., Trained]) -> None:
    trained = train(promises=(parse("model_size <= 100 B"),))

    assert any("which breaks" in note for note in trained.notes)


def test_progress_is_told(train: Callable[..., Trained]) -> None:
    told: list[tuple[float, str]] = []

    train("import time; time.sleep(0.7)", progress=lambda share, text: told.append((share, text)))

    assert told[-1] == (1.0, "exported")
    assert any("other searches" in text for _, text in told)


# Bad children ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("sys.stderr.write('no memory left'); sys.exit(7)", "exit code 7.*|no memory left"),
        ("sys.exit(0)", "left no result"),
        ("(folder / 'result.json').write_text('{'); sys.exit(0)", "no JSON"),
        ("(folder / 'result.json').write_text('[1]'); sys.exit(0)", "another format"),
        ("result['format'] = 'other/9'", "another format"),
        ("answers = answers[1:]", "answers of shape"),
        ("answers = np.full_like(answers, np.nan)", "answers of shape"),
        ("answers = answers.astype(np.int64)", "answers of shape"),
        ("np.save = lambda *a, **b: None", "left no answers"),
        (
            "import pickle\nnp.save(folder / 'answers.npy', np.array([{}]), allow_pickle=True)\n"
            "np.save = lambda *a, **b: None",
            "left no answers",
        ),
    ],
)
def test_bad_output_is_one_clear_error(train: Callable[..., Trained], more: str, said: str) -> None:
    with pytest.raises(TrainingFailed, match=said):
        train(more)


def test_answers_that_the_model_does_not_give_are_refused(train: Callable[..., Trained]) -> None:
    with pytest.raises(ExportFailed, match="differs by"):
        train("answers = answers[:, ::-1].copy()")


def test_a_child_without_its_library_says_what_to_type(train: Callable[..., Trained]) -> None:
    with pytest.raises(MissingExtra, match="HOLDFAST_OTHER_PYTHON"):
        train(f"sys.exit({_foreign_child.ABSENT})")


def test_a_late_child_is_ended_with_all_that_it_started(
    train: Callable[..., Trained], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_foreign_child, "LATE_S", 0.0)
    monkeypatch.setattr(_foreign_child, "LATE", 0.0)
    left = tmp_path / "left"
    more = (
        "import subprocess, time\n"
        f"other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"Path({str(left)!r}).write_text(f'{{os.getpid()}} {{other.pid}}')\n"
        "print('begun', flush=True)\n"
        "time.sleep(600)"
    )

    with pytest.raises(TrainingFailed, match="was ended after"):
        train(more, budget_s=3.0)

    until = time.monotonic() + 10.0
    pids = [int(each) for each in left.read_text().split()]
    while any(alive(each) for each in pids) and time.monotonic() < until:
        time.sleep(0.02)
    assert not any(alive(each) for each in pids)


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# What is read ------------------------------------------------------------------------------------------------------


@pytest.fixture
def member(tmp_path: Path, stump: str) -> dict[str, Any]:
    """A member, its file in place."""
    (tmp_path / "member.txt").write_text(json.loads(stump)["text"])
    return {"kind": "lightgbm", "file": "member.txt", "weight": 1.0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": "pickle"}, "kind 'pickle'"),
        ({"file": "../member.txt"}, "no file"),
        ({"file": "/etc/passwd"}, "no file"),
        ({"file": "nothing.txt"}, "no file"),
        ({"file": "link.txt"}, "no file"),
        ({"weight": 0.0}, "weight 0.0"),
        ({"weight": -1.0}, "weight -1.0"),
        ({"weight": float("nan")}, "weight nan"),
        ({"weight": True}, "weight True"),
        ({"weight": "1"}, "weight '1'"),
        ({"columns": []}, "not there"),
        ({"columns": [0, 4]}, "not there"),
        ({"columns": [0.0]}, "not there"),
        ({"columns": [0, 1]}, "4 features"),
        ({"kind": "xgboost"}, "XGBoost model without"),
        ({"kind": "catboost"}, "CatBoost does not read"),
    ],
)
def test_a_member_that_makes_no_sense_is_refused(
    member: dict[str, Any], tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    if changes.get("kind") in ("xgboost", "catboost"):
        pytest.importorskip(changes["kind"])
    (tmp_path / "link.txt").symlink_to(tmp_path / "member.txt")

    with pytest.raises(TrainingFailed, match=said):
        _foreign_model.read_blend({"members": [{**member, **changes}]}, tmp_path, outputs=1, width=4)


@pytest.mark.parametrize("found", [{}, {"members": []}, {"members": "x"}, {"members": [1]}, {"members": None}])
def test_no_members_are_refused(found: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed):
        _foreign_model.read_blend(found, tmp_path, outputs=1, width=4)


def test_an_unknown_blend_is_refused(member: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="blend 'median'"):
        _foreign_model.read_blend({"members": [member], "blend": "median"}, tmp_path, outputs=1, width=4)


@pytest.mark.parametrize("cut", [0, 100, 0.9])
def test_a_text_that_is_cut_short_is_refused(member: dict[str, Any], tmp_path: Path, cut: float) -> None:
    text = (tmp_path / "member.txt").read_text()
    end = text.index("end of trees")
    (tmp_path / "member.txt").write_text(text[: int(cut * end) if cut < 1 else int(cut)])

    with pytest.raises(TrainingFailed, match="cut short"):
        _foreign_model.read_blend({"members": [member]}, tmp_path, outputs=1, width=4)


def test_a_text_without_its_head_is_refused(member: dict[str, Any], tmp_path: Path) -> None:
    text = (tmp_path / "member.txt").read_text()
    (tmp_path / "member.txt").write_text(text.replace("num_class=1\n", ""))

    with pytest.raises(TrainingFailed, match="does not read it"):
        _foreign_model.read_blend({"members": [member]}, tmp_path, outputs=1, width=4)


def test_a_linear_booster_of_xgboost_is_refused(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    rows = np.random.default_rng(0).normal(size=(40, 4))
    made = xgboost.train({"booster": "dart", "nthread": 1}, xgboost.DMatrix(rows, rows[:, 0]), 2)
    (tmp_path / "member.json").write_bytes(bytes(made.save_raw("json")))

    with pytest.raises(TrainingFailed, match=r"of 'dart'|without"):
        _foreign_model.read_blend(
            {"members": [{"kind": "xgboost", "file": "member.json"}]}, tmp_path, outputs=1, width=4
        )


def answered(blend: _foreign_model.Blend, matrix: np.ndarray) -> np.ndarray:
    """Margin of the nodes."""
    from onnx import TensorProto, helper

    graph = Graph()
    name = graph.add("Identity", blend.nodes(graph, "x"), to="margin")
    given_x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", matrix.shape[1]])
    made = helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", blend.outputs])
    (found,) = run(graph.model([given_x], [made], name="t").SerializeToString(), {"x": matrix})
    return np.asarray(found)


def links(outputs: int) -> Callable[[np.ndarray], np.ndarray]:
    """Margin -> probabilities."""
    return _foreign_model.sigmoid if outputs == 1 else _foreign_model.softmax


@pytest.fixture(scope="module")
def boosters() -> dict[int, list[Any]]:
    """Three boosters for one output, and three for three classes; on 4, 4 and 2 features."""
    codes = np.arange(120) % 3
    shared = {"learning_rate": 0.9, "num_leaves": 8, "min_data_in_leaf": 5, "rounds": 20}
    return {
        1: [
            grown((codes > 0).astype(float), "binary", seed=each, width=(4, 4, 2)[each], **shared) for each in range(3)
        ],
        3: [
            grown(codes.astype(float), "multiclass", seed=each, width=(4, 4, 2)[each], num_class=3, **shared)
            for each in range(3)
        ],
    }


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    outputs=st.sampled_from([1, 3]),
    how=st.sampled_from(_foreign_model.BLENDS),
    weights=st.lists(st.floats(0.01, 100.0), min_size=1, max_size=3),
)
def test_a_weighted_mean_is_what_its_nodes_answer(
    boosters: dict[int, list[Any]], tmp_path: Path, outputs: int, how: str, weights: list[float]
) -> None:
    members = []
    for each, weight in enumerate(weights):
        (tmp_path / f"{each}.txt").write_text(boosters[outputs][each].model_to_string())
        columns = [3, 1] if each == 2 else None
        members.append({"kind": "lightgbm", "file": f"{each}.txt", "weight": weight, "columns": columns})
    matrix = np.random.default_rng(1).normal(size=(50, 4)).astype(np.float32)
    matrix[::7, 1] = np.nan

    blend = _foreign_model.read_blend({"members": members, "blend": how}, tmp_path, outputs=outputs, width=4)

    link = links(outputs)
    raw = [
        np.asarray(booster.predict(matrix[:, [3, 1]] if each == 2 else matrix, raw_score=True)).reshape(50, outputs)
        for each, booster in enumerate(boosters[outputs][: len(weights)])
    ]
    shares = np.array(weights) / sum(weights)
    mean = sum(share * (each if how == "margin" else link(each)) for share, each in zip(shares, raw, strict=True))
    wanted = link(mean) if how == "margin" else mean
    assert np.abs(link(blend.margin(matrix)) - wanted).max() < 2e-7
    assert np.abs(link(answered(blend, matrix)) - wanted).max() < 2e-6
    assert blend.size() > 0


@pytest.mark.parametrize(
    ("objective", "outputs"), [("binary:logistic", 1), ("multi:softprob", 3), ("reg:squarederror", 1)]
)
def test_an_xgboost_model_keeps_its_base_score(tmp_path: Path, objective: str, outputs: int) -> None:
    xgboost = pytest.importorskip("xgboost")
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[::5, 2] = np.nan
    target = rng.integers(0, 3, 200) if outputs == 3 else (rows[:, 0] > 0.8).astype(float)
    params = {"objective": objective, "nthread": 1, "max_depth": 3} | ({"num_class": 3} if outputs == 3 else {})
    made = xgboost.train(params, xgboost.DMatrix(rows, target), 5)
    (tmp_path / "member.json").write_bytes(bytes(made.save_raw("json")))

    found = {"members": [{"kind": "xgboost", "file": "member.json"}]}
    blend = _foreign_model.read_blend(found, tmp_path, outputs=outputs, width=4)

    wanted = np.asarray(made.predict(xgboost.DMatrix(rows), output_margin=True)).reshape(200, outputs)
    assert np.abs(blend.margin(rows) - wanted).max() < 1e-5
    assert np.abs(answered(blend, rows) - wanted).max() < 1e-5
    assert blend.rounds == 5


@pytest.mark.parametrize(("classes", "outputs"), [(2, 1), (3, 3), (0, 1)])
def test_a_catboost_model_answers_the_same(tmp_path: Path, classes: int, outputs: int) -> None:
    catboost = pytest.importorskip("catboost")
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[::5, 2] = np.nan
    target = rng.integers(0, classes, 200) if classes else rows[:, 0]
    kind = catboost.CatBoostClassifier if classes else catboost.CatBoostRegressor
    made = kind(iterations=5, depth=3, logging_level="Silent", allow_writing_files=False, thread_count=1)
    made.fit(rows, target).save_model(str(tmp_path / "member.json"), format="json")

    found = {"members": [{"kind": "catboost", "file": "member.json"}]}
    blend = _foreign_model.read_blend(found, tmp_path, outputs=outputs, width=4)

    wanted = np.asarray(made.predict(rows, prediction_type="RawFormulaVal")).reshape(200, outputs)
    assert np.abs(blend.margin(rows) - wanted).max() < 1e-6
    assert np.abs(answered(blend, rows) - wanted).max() < 1e-5


# What is asked -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["flaml", "autogluon"])
def test_both_are_trainers_of_the_port(name: str) -> None:
    assert isinstance(registry.get("trainer", name), Trainer)


@pytest.mark.parametrize("module", [flaml, autogluon])
def test_what_runs_elsewhere_imports_nothing_of_ours_and_reads_no_pickle(module: Any) -> None:
    source = module.LIBRARY.script.read_text()
    tree = ast.parse(source)
    names = {each.module or "" for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)}
    names |= {alias.name for each in ast.walk(tree) if isinstance(each, ast.Import) for alias in each.names}

    assert not {each for each in names if each.split(".")[0] in ("holdfast", "pickle", "joblib", "dill")}
    assert "allow_pickle=True" not in source


@pytest.mark.parametrize(
    ("given_settings", "error"),
    [
        ({"python": "python3"}, InvalidValue),
        ({"python": "/no/such/python"}, InvalidValue),
        ({"python": "/bin/sh"}, InvalidValue),
        ({"workers": 2}, InvalidValue),
        ({"learners": []}, InvalidValue),
        ({"learners": ["forest"]}, InvalidValue),
        ({"learners": "lightgbm"}, InvalidValue),
        ({"threshold": 1.0}, InvalidValue),
        ({"threshold": True}, InvalidValue),
        ({"threads": 0}, InvalidValue),
        ({"max_trials": 0}, InvalidValue),
        ({}, MissingExtra),
    ],
)
def test_settings_out_of_range_are_refused(
    child: Callable[[str], Library], ask: Ask, toy: pl.DataFrame, given_settings: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        _foreign.train(child(""), replace(ask(toy), settings=given_settings))


def test_a_task_that_the_library_does_not_share_is_refused(train: Callable[..., Trained], toy: pl.DataFrame) -> None:
    with pytest.raises(InvalidValue, match="count task"):
        train(table=toy.with_columns(y=pl.int_range(240) % 5), task="count")


def test_a_constant_target_is_refused_before_anything_is_started(
    train: Callable[..., Trained], toy: pl.DataFrame
) -> None:
    with pytest.raises(UnusableTarget):
        train("raise SystemExit(9)", table=toy.with_columns(y=pl.lit("no")))


def test_the_variable_names_the_interpreter(
    child: Callable[[str], Library], ask: Ask, toy: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_OTHER_PYTHON", sys.executable)

    trained = _foreign.train(child(""), replace(ask(toy), settings={}))

    assert trained.parameters["engine"] == "a child"


# The libraries themselves ------------------------------------------------------------------------------------------


def interpreter(name: str) -> str:
    """Where the library is: the variable, or the bench's environment; skips where it is not."""
    given_path = os.environ.get(f"HOLDFAST_{name.upper()}_PYTHON")
    made = ROOT / ".bench" / "envs" / f"automl-{name}" / "bin" / "python"
    if not given_path and not made.exists():
        pytest.skip(f"no {name}: neither HOLDFAST_{name.upper()}_PYTHON nor an environment of the bench")
    return given_path or str(made)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "learners"), [("flaml", ["lightgbm", "xgboost"]), ("autogluon", ["lightgbm"])])
def test_the_library_itself_trains_and_is_exported(
    ask: Ask, tumours: pl.DataFrame, name: str, learners: list[str]
) -> None:
    request = ask(tumours, budget_s=12.0, clock="cpu")
    used = {"python": interpreter(name), "learners": learners}

    trained = registry.get("trainer", name).train(replace(request, settings=used))

    truth = (request.holdout["y"] == trained.schema.classes[1]).to_numpy()
    assert trained.trials
    assert ((trained.original[:, 1] > 0.5) == truth).mean() > 0.85
    assert any("differ by at most" in note for note in trained.notes)
