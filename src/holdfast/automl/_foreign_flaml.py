"""What runs in FLAML's own interpreter: reads a request, searches, writes plain files. Imports nothing of holdfast.

Started as ``python -I _foreign_flaml.py FOLDER``. FOLDER holds `request.json`, `matrix.npy` (n, d), `target.npy`,
`weights.npy`, `group.npy` (n,) and `check.npy` (m, d); it gets `result.json`, the model's own file, and `answers.npy`:
probabilities (m, classes), or numbers (m,), for the rows of the check.
"""

from __future__ import annotations

import importlib
import importlib.util
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
#: Our learner -> FLAML's estimators with the same kind of booster.
ESTIMATORS = {"lightgbm": ["lgbm"], "xgboost": ["xgboost", "xgb_limitdepth"], "catboost": ["catboost"]}
OURS = {name: ours for ours, names in ESTIMATORS.items() for name in names}
#: Of the time left, what the search gets; the fit of the winner to all rows, which FLAML does not count, comes after.
SEARCH = 0.75


def main() -> int:
    """Read, search, write; the exit code."""
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    if asked["clock"] == "cpu":
        _count_cpu(asked["limit_s"])
    given = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("matrix", "target", "check")}
    try:
        # No types, and not installed where types are checked.
        flaml: Any = importlib.import_module("flaml")
        automl: Any = flaml.AutoML()
    except (ImportError, AttributeError) as error:
        sys.stderr.write(f"{error}\n")
        return ABSENT
    automl.fit(given["matrix"], given["target"], **_settings(asked, folder, flaml.tune))
    if automl.best_estimator is None:
        sys.stderr.write("no configuration could be fitted in the time\n")
        return 1
    kind, file = _written(automl, folder)
    np.save(folder / "answers.npy", _answers(automl, asked, given["check"]), allow_pickle=False)
    member = {"kind": kind, "file": file, "weight": 1.0, "name": str(automl.best_estimator)}
    result = {
        "format": FORMAT,
        "engine": f"FLAML {flaml.__version__}",
        "members": [member],
        "blend": "margin",
        "score": float(automl.best_loss),
        "trials": _trials(folder / "flaml.log"),
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


def _settings(asked: dict[str, Any], folder: Path, tune: Any) -> dict[str, Any]:
    classifies = asked["objective"] != "squared"
    names = [name for learner in asked["learners"] for name in ESTIMATORS[learner]]
    left = asked["budget_s"] - _spent_s(asked)
    settings: dict[str, Any] = {
        "task": "classification" if classifies else "regression",
        "metric": "log_loss" if classifies else "mse",
        "time_budget": max(0.5, SEARCH * left),
        "estimator_list": [name for name in names if importlib.util.find_spec(OURS[name]) is not None],
        "n_jobs": asked["threads"],
        "seed": asked["seed"],
        "verbose": 0,
        "log_file_name": str(folder / "flaml.log"),
        "log_type": "all",
    }
    # Its own spaces go up to a tree for each row.
    most = max(5, min(asked["rounds"], asked["rows"]))
    domain = {"domain": tune.lograndint(lower=4, upper=most), "init_value": 4, "low_cost_init_value": 4}
    settings["custom_hp"] = {
        name: {"n_estimators": domain} for name in settings["estimator_list"] if name != "catboost"
    }
    if asked["max_trials"]:
        settings["max_iter"] = asked["max_trials"]
    if asked["weighted"]:
        settings["sample_weight"] = np.load(folder / "weights.npy", allow_pickle=False)
    if asked["split"] == "group":
        settings |= {"split_type": "group", "groups": np.load(folder / "group.npy", allow_pickle=False)}
    if asked["split"] == "time":
        settings["split_type"] = "time"
    return settings


def _written(automl: Any, folder: Path) -> tuple[str, str]:
    """Write the winner's booster as its own library's plain file; its kind, and the file's name."""
    model = automl.model.estimator
    if automl.best_estimator == "lgbm":
        booster = model.booster_
        # What the estimator answers with: its best round, where it knows one.
        best = getattr(model, "best_iteration_", None) or -1
        text = booster.model_to_string(num_iteration=best if best > 0 else -1)
        (folder / "member.txt").write_text(text, encoding="utf-8")
        return "lightgbm", "member.txt"
    if automl.best_estimator == "catboost":
        model.save_model(str(folder / "member.json"), format="json")
        return "catboost", "member.json"
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    last = booster.attr("best_iteration")
    if last is not None and int(last) + 1 < booster.num_boosted_rounds():
        booster = booster[: int(last) + 1]
    (folder / "member.json").write_bytes(bytes(booster.save_raw("json")))
    return "xgboost", "member.json"


def _answers(automl: Any, asked: dict[str, Any], check: np.ndarray) -> np.ndarray:
    if asked["objective"] == "squared":
        return np.asarray(automl.predict(check), dtype=np.float64).ravel()
    return np.asarray(automl.predict_proba(check), dtype=np.float64)


def _trials(log: Path) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for line in log.read_text(encoding="utf-8").splitlines() if log.exists() else []:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if "validation_loss" in found:
            made.append(
                {
                    "name": f"{found['learner']} {found.get('record_id', len(made))}",
                    "learner": OURS.get(found["learner"], found["learner"]),
                    "parameters": found.get("config") or {},
                    "score": found["validation_loss"],
                    "seconds": found.get("trial_time"),
                    "state": "done",
                }
            )
    return made


if __name__ == "__main__":
    sys.exit(main())
