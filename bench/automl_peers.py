"""Engines of the AutoML bench but ours: the environments they live in, and what runs inside them.

Run as a script it is the engine itself, in a process of its own: `python automl_peers.py REQUEST.json` reads the
training and the test rows (which have no target), fits within the budget, writes the answers for the test rows into a
.npy file and prints one JSON line. It imports nothing of holdfast, so it runs wherever the engine and Polars are.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1] / ".bench" / "envs"
INSTALL_S = 900

#: Environment -> what is installed there.
PINS = {
    "automl-flaml": ("flaml[automl,catboost]==2.7.0", "polars==2.1.0", "pyarrow>=20"),
    "automl-autogluon": (
        "autogluon.tabular[lightgbm,catboost,xgboost]==1.6.3",
        "torch==2.13.0",
        "polars==2.1.0",
        "pyarrow>=20",
    ),
}
#: Engine -> its environment; None is ours.
ENGINES = {
    "flaml": "automl-flaml",
    "autogluon_medium": "automl-autogluon",
    "autogluon_good": "automl-autogluon",
    "lightgbm": None,
    "histgb": None,
    "logistic": None,
}


class Unavailable(Exception):
    """An engine cannot be measured here; says why."""


def python_of(engine: str) -> Path:
    """Interpreter of an engine, its environment made if it is not there yet."""
    name = ENGINES[engine]
    if name is None:
        return Path(sys.executable)
    folder = ROOT / name
    stamp, python = folder / "made", folder / "bin" / "python"
    if stamp.exists() and stamp.read_text() == " ".join(PINS[name]):
        return python
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise Unavailable("uv is not installed")
    shutil.rmtree(folder, ignore_errors=True)
    began = time.monotonic()
    for words in (
        [uv, "venv", "--quiet", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *PINS[name]],
    ):
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=INSTALL_S, check=False, env=_environment()
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"{words[1]} took longer than {INSTALL_S} s") from error
        if done.returncode:
            raise Unavailable(f"{' '.join(words[1:3])}: {done.stderr.strip()[-300:]}")
    print(f"{name}: made in {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    stamp.write_text(" ".join(PINS[name]))
    return python


def _environment() -> dict[str, str]:
    # What pip is told to find locally (a CPU build of torch, say) is offered to uv as well, as the Makefile does.
    found = os.environ.get("PIP_FIND_LINKS", "").split()
    return os.environ | ({"UV_FIND_LINKS": ",".join(found)} if found and "UV_FIND_LINKS" not in os.environ else {})


# What runs in the engine's environment ------------------------------------------------------------------------------

#: Mean number of words above which a column is text rather than a category; terms made of it for the defaults.
WORDS = 3.0
TERMS = 1000
#: Levels that histogram gradient boosting takes.
LEVELS = 254
#: Engine -> modules whose import is not counted as fitting.
IMPORTS = {
    "flaml": ("flaml", "flaml.automl.automl"), "autogluon_medium": ("autogluon.tabular",),
    "autogluon_good": ("autogluon.tabular",), "lightgbm": ("lightgbm.sklearn",), "histgb": ("sklearn.ensemble",),
    "logistic": ("sklearn.linear_model", "sklearn.compose"),
}  # fmt: skip
#: The real clock, whatever becomes of `time`.
CLOCK = time.monotonic


def engine(request: dict[str, Any]) -> dict[str, Any]:
    """Fit and answer; what was measured."""
    if request["clock"] == "cpu":
        by_cpu()
    for name in IMPORTS[request["engine"]]:
        importlib.import_module(name)
    train, test = _frame(request["train"]), _frame(request["test"])
    group = train.pop(request["group"]) if request["group"] else None
    target = train.pop(request["target"])
    wall, cpu = CLOCK(), _cpu()
    answer, facts = FITS[request["engine"]](request, train, target, group)
    wall, cpu = CLOCK() - wall, _cpu() - cpu
    began = CLOCK()
    _save(request, answer(test))
    answered = CLOCK() - began
    one = []
    for each in range(30):
        row = test.iloc[[each % len(test)]]
        began = CLOCK()
        answer(row)
        one.append(1000.0 * (CLOCK() - began))
    one.sort()
    return {
        "fit_wall_s": wall, "fit_cpu_s": cpu, "answer_s": answered, "one_row_ms": {"p50": one[14], "p95": one[28]},
        **(facts() if callable(facts) else facts),
    }  # fmt: skip


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def by_cpu() -> None:
    """Let Python's clocks tell the CPU seconds of this process and its children.

    A wall budget then means on a busy machine what it means on an idle core.
    """
    start = {name: getattr(time, name)() - _cpu() for name in ("time", "monotonic", "perf_counter")}
    for name, at in start.items():
        setattr(time, name, lambda at=at: at + _cpu())


def _frame(path: str) -> Any:
    import polars as pl

    rows = pl.read_parquet(path)
    return rows.with_columns(pl.col(pl.Date).cast(pl.Datetime("us"))).to_pandas()


def _save(request: dict[str, Any], answers: Any) -> None:
    import numpy as np

    np.save(request["answers"], np.asarray(answers, dtype=np.float64), allow_pickle=False)


def _ordered(request: dict[str, Any], table: Any, classes: Any) -> Any:
    """Probabilities with the columns in the order of the request's classes."""
    import numpy as np

    names = [str(each) for each in classes]
    table = np.asarray(table, dtype=np.float64)
    made = np.zeros((len(table), len(request["classes"])))
    for index, name in enumerate(request["classes"]):
        if name in names:
            made[:, index] = table[:, names.index(name)]
    return made


def _flaml(request: dict[str, Any], train: Any, target: Any, group: Any) -> Any:
    from flaml import AutoML

    task = "regression" if request["task"] == "regression" else "classification"
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[request["task"]]
    more = {} if group is None else {"split_type": "group", "groups": group.to_numpy()}
    model = AutoML()
    model.fit(
        train, target, task=task, metric=metric, time_budget=request["budget_s"], n_jobs=1, seed=request["seed"],
        verbose=0, log_file_name="", **more,
    )  # fmt: skip

    def answer(rows: Any) -> Any:
        if request["task"] == "regression":
            return model.predict(rows)
        return _ordered(request, model.predict_proba(rows), model.classes_)

    found = {"best": str(model.best_estimator), "trials": len(model.config_history or {})}
    return answer, found


def _autogluon(request: dict[str, Any], train: Any, target: Any, group: Any) -> Any:
    from autogluon.tabular import TabularPredictor

    del group  # Its holdout knows no groups (only bagged folds do).
    preset = {"autogluon_medium": "medium_quality", "autogluon_good": "good_quality"}[request["engine"]]
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[request["task"]]
    folder = Path(request["scratch"]) / "autogluon"
    model = TabularPredictor(
        request["target"], problem_type=request["task"], eval_metric=metric, path=str(folder), verbosity=0
    )
    bagged = {"ag_args_ensemble": {"fold_fitting_strategy": "sequential_local"}} if preset == "good_quality" else {}
    model.fit(
        train.assign(**{request["target"]: target}), presets=preset, time_limit=request["budget_s"], num_cpus=1,
        num_gpus=0, **bagged,
    )  # fmt: skip

    def answer(rows: Any) -> Any:
        if request["task"] == "regression":
            return model.predict(rows).to_numpy()
        table = model.predict_proba(rows)
        return _ordered(request, table.to_numpy(), table.columns)

    def facts() -> dict[str, Any]:
        clone = Path(model.clone_for_deployment(str(Path(request["scratch"]) / "deployed")))
        size = sum(each.stat().st_size for each in clone.rglob("*") if each.is_file())
        return {"best": str(model.model_best), "trials": len(model.model_names()), "size_bytes": size}

    return answer, facts


def _texts(train: Any) -> tuple[list[str], list[str]]:
    """Columns of text, and those of categories."""
    import pandas as pd

    words, categories = [], []
    for name in train.columns:
        if pd.api.types.is_numeric_dtype(train[name]) or pd.api.types.is_datetime64_any_dtype(train[name]):
            continue
        several = train[name].dropna().astype(str).str.split().str.len().mean()
        unlike = train[name].nunique() > 0.5 * len(train)
        (words if several > WORDS and unlike else categories).append(name)
    return words, categories


def _encoder(train: Any, *, most: int | None = None) -> Any:
    """Categories by the training rows' levels (others missing), dates as days, text as TF-IDF."""
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer

    words, categories = _texts(train)
    levels = {name: train[name].value_counts().index[:most].tolist() for name in categories}
    terms = {name: TfidfVectorizer(max_features=TERMS).fit(train[name].fillna("")) for name in words}

    def encode(rows: Any) -> Any:
        parts = []
        for name in rows.columns:
            if name in levels:
                parts.append(pd.Series(pd.Categorical(rows[name], categories=levels[name]), name=name))
            elif name in terms:
                table = terms[name].transform(rows[name].fillna("")).toarray()
                parts.append(pd.DataFrame(table, columns=[f"{name}_{each}" for each in range(table.shape[1])]))
            elif pd.api.types.is_datetime64_any_dtype(rows[name]):
                days = (rows[name] - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
                parts.append(days.reset_index(drop=True))
            else:
                parts.append(rows[name].astype("float64").reset_index(drop=True))
        return pd.concat(parts, axis=1)

    return encode, list(levels)


def _fitted(request: dict[str, Any], model: Any, encode: Any, train: Any, target: Any) -> Any:
    model.fit(encode(train), target)

    def answer(rows: Any) -> Any:
        if request["task"] == "regression":
            return model.predict(encode(rows))
        return _ordered(request, model.predict_proba(encode(rows)), model.classes_)

    return answer, {}


def _lightgbm(request: dict[str, Any], train: Any, target: Any, group: Any) -> Any:
    import lightgbm

    del group
    kind = lightgbm.LGBMRegressor if request["task"] == "regression" else lightgbm.LGBMClassifier
    encode, _ = _encoder(train)
    return _fitted(request, kind(n_jobs=1, random_state=request["seed"], verbose=-1), encode, train, target)


def _histgb(request: dict[str, Any], train: Any, target: Any, group: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    del group
    kind = HistGradientBoostingRegressor if request["task"] == "regression" else HistGradientBoostingClassifier
    encode, _ = _encoder(train, most=LEVELS)
    model = kind(random_state=request["seed"], categorical_features="from_dtype")
    return _fitted(request, model, encode, train, target)


def _logistic(request: dict[str, Any], train: Any, target: Any, group: Any) -> Any:
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    del group
    encode, names = _encoder(train)
    hot = OneHotEncoder(min_frequency=5, handle_unknown="infrequent_if_exist")
    model = make_pipeline(
        ColumnTransformer(
            [
                ("texts", make_pipeline(SimpleImputer(strategy="constant", fill_value="?"), hot), names),
                (
                    "numbers",
                    make_pipeline(SimpleImputer(), StandardScaler()),
                    make_column_selector(dtype_include="number"),
                ),
            ]
        ),
        Ridge() if request["task"] == "regression" else LogisticRegression(max_iter=1000),
    )

    def plain(rows: Any) -> Any:
        made = encode(rows)
        return made.assign(**{name: made[name].astype(object) for name in names})

    return _fitted(request, model, plain, train, target)


FITS = {
    "flaml": _flaml,
    "autogluon_medium": _autogluon,
    "autogluon_good": _autogluon,
    "lightgbm": _lightgbm,
    "histgb": _histgb,
    "logistic": _logistic,
}


def main() -> None:
    """Be the engine."""
    import warnings

    warnings.filterwarnings("ignore")
    print(json.dumps(engine(json.loads(Path(sys.argv[1]).read_text()))))


if __name__ == "__main__":
    main()
