"""What runs in AutoGluon's own interpreter: reads a request, trains, writes plain files. Imports nothing of holdfast.

Started as ``python -I _foreign_autogluon.py FOLDER``. FOLDER holds `request.json`, `matrix.npy` (n, d), `target.npy`,
`weights.npy`, `held.npy` (n,) and `check.npy` (m, d); it gets `result.json`, a file for each booster, and
`answers.npy`: probabilities (m, classes), or numbers (m,), for the rows of the check.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

STARTED = time.monotonic()
FORMAT = "holdfast.foreign/1"
ABSENT = 3
#: Our learner -> AutoGluon's key and its configurations. XGBoost sees the numbers themselves: by default AutoGluon
#: hands it a sparse matrix, in which a 0 is missing.
MODELS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "lightgbm": ("GBM", [{"extra_trees": True, "ag_args": {"name_suffix": "XT"}}, {}]),
    "catboost": ("CAT", [{}]),
    "xgboost": ("XGB", [{"enable_categorical": True}]),
}
#: What each calls its number of rounds.
ROUNDS = {"lightgbm": "num_boost_round", "catboost": "iterations", "xgboost": "n_estimators"}
#: Of the time left, what its fits get; scoring and answering come after.
FITTING = 0.75


def main() -> int:
    """Read, train, write; the exit code."""
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    if asked["clock"] == "cpu":
        _count_cpu(asked["limit_s"])
    names = ("matrix", "target", "weights", "held", "check")
    given = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in names}
    try:
        # No types, and not installed where types are checked.
        tabular: Any = importlib.import_module("autogluon.tabular")
        generators: Any = importlib.import_module("autogluon.features.generators")
        pandas: Any = importlib.import_module("pandas")
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return ABSENT
    columns = [f"f{each}" for each in range(given["matrix"].shape[1])]
    predictor = _predictor(tabular, asked, folder)
    _fit(predictor, asked, pandas.DataFrame(given["matrix"], columns=columns), given, generators)
    best = predictor.model_best
    members, blend = _members(predictor, best, folder, columns)
    check = pandas.DataFrame(given["check"], columns=columns)
    answers = predictor.predict(check) if asked["objective"] == "squared" else predictor.predict_proba(check)
    np.save(folder / "answers.npy", np.asarray(answers.to_numpy(), dtype=np.float64), allow_pickle=False)
    board = predictor.leaderboard(silent=True)
    result = {
        "format": FORMAT,
        "engine": f"AutoGluon {importlib.import_module('autogluon.tabular.version').__version__}",
        "members": members,
        "blend": blend,
        "refit": False,
        "score": -float(board.set_index("model").loc[best, "score_val"]),
        "trials": _trials(predictor, board),
    }
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    return 0


def _count_cpu(limit_s: int) -> None:
    """Let Python's clocks tell CPU seconds, by which the library then ends; and let the system end what goes on."""
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s))
    for name in ("time", "monotonic", "perf_counter"):
        offset = getattr(time, name)() - _cpu_s()
        setattr(time, name, lambda offset=offset: offset + _cpu_s())


def _spent_s(asked: dict[str, Any]) -> float:
    """Seconds since this process began, on the budget's clock."""
    return _cpu_s() if asked["clock"] == "cpu" else time.monotonic() - STARTED


def _cpu_s() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _predictor(tabular: Any, asked: dict[str, Any], folder: Path) -> Any:
    metric = "root_mean_squared_error" if asked["objective"] == "squared" else "log_loss"
    kind = "regression" if asked["objective"] == "squared" else asked["objective"]
    weights = {"sample_weight": "weight"} if asked["weighted"] else {}
    return tabular.TabularPredictor(
        "target", problem_type=kind, eval_metric=metric, path=str(folder / "autogluon"), verbosity=0, **weights
    )


def _fit(predictor: Any, asked: dict[str, Any], rows: Any, given: dict[str, np.ndarray], generators: Any) -> None:
    rows = rows.assign(target=given["target"])
    if asked["weighted"]:
        rows["weight"] = given["weights"]
    settings: dict[str, Any] = {
        "hyperparameters": {
            MODELS[name][0]: [{**each, ROUNDS[name]: asked["rounds"]} for each in MODELS[name][1]]
            for name in asked["learners"]
        },
        # The numbers reach the boosters as they are: what a column looks like is no business of AutoGluon's here.
        "feature_generator": generators.IdentityFeatureGenerator(),
        "num_cpus": asked["threads"],
        "num_gpus": 0,
        "calibrate": False,
        "calibrate_decision_threshold": False,
    }
    if asked["split"] != "stratified":
        # Its own holdout would tear groups apart, or look ahead.
        settings["tuning_data"] = rows[given["held"]]
        rows = rows[~given["held"]]
    settings["time_limit"] = max(1.0, FITTING * (asked["budget_s"] - _spent_s(asked)))
    predictor.fit(rows, **settings)


def _members(predictor: Any, best: str, folder: Path, columns: list[str]) -> tuple[list[dict[str, Any]], str]:
    """Write the boosters of the best model; its members, and how they are brought together."""
    trainer = predictor._trainer
    model = trainer.load_model(best)
    weights = {best: 1.0}
    if hasattr(model, "_get_model_weights"):
        weights = {name: float(weight) for name, weight in model._get_model_weights().items() if weight > 0.0}
    members = []
    for index, (name, weight) in enumerate(weights.items()):
        kind, file, seen = _written(trainer.load_model(name), folder, index)
        places = [columns.index(each) for each in seen]
        members.append(
            {
                "kind": kind,
                "file": file,
                "name": name,
                "weight": weight,
                "columns": None if places == list(range(len(columns))) else places,
            }
        )
    # It averages what its models answer: probabilities, or numbers.
    return members, "margin" if predictor.problem_type == "regression" else "probability"


def _written(model: Any, folder: Path, index: int) -> tuple[str, str, list[str]]:
    """Write one booster as its own library's plain file; its kind, the file's name, and the columns it was given.

    Constant columns are not among them: AutoGluon drops them for each model.
    """
    inner = model.model
    if model.ag_key == "GBM":
        best = int(getattr(inner, "best_iteration", 0) or 0)
        text = inner.model_to_string(num_iteration=best if best > 0 else -1)
        (folder / f"member-{index}.txt").write_text(text, encoding="utf-8")
        return "lightgbm", f"member-{index}.txt", list(inner.feature_name())
    file = f"member-{index}.json"
    if model.ag_key == "CAT":
        inner.save_model(str(folder / file), format="json")
        return "catboost", file, list(inner.feature_names_)
    booster = inner.get_booster()
    last = booster.attr("best_iteration")
    if last is not None and int(last) + 1 < booster.num_boosted_rounds():
        booster = booster[: int(last) + 1]
    (folder / file).write_bytes(bytes(booster.save_raw("json")))
    return "xgboost", file, list(booster.feature_names)


def _trials(predictor: Any, board: Any) -> list[dict[str, Any]]:
    kinds = {"GBM": "lightgbm", "CAT": "catboost", "XGB": "xgboost"}
    made = []
    for row in board.to_dict("records"):
        model = predictor._trainer.load_model(row["model"])
        plain = {key: each for key, each in model.params.items() if isinstance(each, str | int | float | bool)}
        made.append(
            {
                "name": row["model"],
                "learner": kinds.get(str(getattr(model, "ag_key", "")), "ensemble"),
                "parameters": plain,
                "score": -float(row["score_val"]),
                "seconds": float(row["fit_time"]),
                "state": "done",
            }
        )
    return made


if __name__ == "__main__":
    sys.exit(main())
