"""Planted label errors in real data: average precision of our ranking and of cleanlab's; and planted odd rows.

Labels of adult (a sample of 8,000 rows for each seed) and german credit are flipped: 5, 10 and 20 % of the rows, drawn
evenly ("uniform") or those of the second class three times as often ("by class"). cleanlab 2.9 runs in an environment
of its own, in two ways: (a) its usual recipe, `CleanLearning` around scikit-learn's logistic regression and histogram
gradient boosting; (b) its rankings on our out-of-fold probabilities. In both the best of its rankings *for this
figure* is taken, which nobody could choose beforehand. One JSON line per figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

RATES = (0.05, 0.1, 0.2)
KINDS = ("uniform", "by class")
ADULT_ROWS = 8_000
PEER = "cleanlab"
PIN = "cleanlab==2.9.0"
PEER_S = 300
SETS = {"german": ("german_credit/german_credit.parquet", "bad"), "adult": ("adult/adult.parquet", "income")}


def average_precision(truth: np.ndarray, score: np.ndarray) -> float:
    order = np.argsort(-score, kind="stable")
    hit = truth[order]
    return float((np.cumsum(hit) / np.arange(1, len(hit) + 1))[hit].mean())


def flipped(codes: np.ndarray, rate: float, kind: str, rng: np.random.Generator) -> np.ndarray:
    weight = np.where(codes == 1, 3.0, 1.0) if kind == "by class" else np.ones(len(codes))
    chosen = rng.choice(len(codes), round(rate * len(codes)), replace=False, p=weight / weight.sum())
    planted = np.zeros(len(codes), dtype=bool)
    planted[chosen] = True
    return planted


# What runs in cleanlab's environment -------------------------------------------------------------------------------


def peer(path: str) -> None:
    import warnings

    warnings.filterwarnings("ignore")
    from cleanlab.classification import CleanLearning
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    given = np.load(path)
    codes, planted = given["codes"], given["planted"]
    models = {
        "logistic regression": (LogisticRegression(max_iter=1000), given["indicators"]),
        "hist gradient boosting": (
            HistGradientBoostingClassifier(categorical_features=given["categories"], random_state=0),
            given["ordinal"],
        ),
    }
    found: dict[str, Any] = {}
    for name, (model, data) in models.items():
        began = time.process_time()
        cleaner = CleanLearning(model, seed=0, cv_n_folds=5, find_label_issues_kwargs={"n_jobs": 1})
        issues = cleaner.find_label_issues(data, codes)
        own = {"CleanLearning": average_precision(planted, 1.0 - issues["label_quality"].to_numpy())}
        spent = time.process_time() - began
        flag = issues["is_label_issue"].to_numpy()
        ranked = rankings(codes, out_of_fold(model, data, codes), planted)
        found[name] = {"ap": own | ranked, "cpu_s": spent, **flags(flag, planted)}
    found["our probabilities"] = {
        "ap": rankings(codes, given["ours"], planted),
        **flags(joint_flags(codes, given["ours"]), planted),
    }
    print(json.dumps(found))


def out_of_fold(model: Any, data: np.ndarray, codes: np.ndarray) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    return cross_val_predict(
        model, data, codes, cv=StratifiedKFold(5, shuffle=True, random_state=0), method="predict_proba"
    )


def rankings(codes: np.ndarray, table: np.ndarray, planted: np.ndarray) -> dict[str, float]:
    from cleanlab.rank import get_label_quality_scores

    found = {}
    for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
        for adjust in (False, True):
            if adjust and method == "confidence_weighted_entropy":
                continue
            score = get_label_quality_scores(codes, table, method=method, adjust_pred_probs=adjust)
            found[f"{method}{' adjusted' if adjust else ''}"] = average_precision(planted, 1.0 - score)
    return found


def joint_flags(codes: np.ndarray, table: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return find_label_issues(codes, table, n_jobs=1)


def flags(flag: np.ndarray, planted: np.ndarray) -> dict[str, float]:
    hit = float(np.sum(flag & planted))
    precision, recall = hit / max(1.0, float(flag.sum())), hit / float(planted.sum())
    both = 2.0 * precision * recall / (precision + recall) if hit else 0.0
    return {"precision": precision, "recall": recall, "f1": both}


# What runs here ----------------------------------------------------------------------------------------------------


def one(python: Path | None, table: Any, target: str, *, rate: float, kind: str, seed: int) -> dict[str, Any]:
    """One planting: average precision, flags and CPU seconds, ours and theirs."""
    import polars as pl

    from holdfast.quality.anomalies.labels import label_errors

    names, codes = np.unique(table[target].cast(pl.String).to_numpy(), return_inverse=True)
    planted = flipped(codes, rate, kind, np.random.default_rng(seed))
    given = np.where(planted, 1 - codes, codes)
    rows = table.with_columns(pl.Series(target, names[given]))
    began = time.process_time()
    ours = label_errors(rows, target)
    spent = time.process_time() - began
    found: dict[str, Any] = {
        "ours": average_precision(planted, ours.score), "cpu_s": spent, "share": ours.share, **flags(ours.flag, planted)
    }  # fmt: skip
    if kind == "by class":
        by_class = label_errors(rows, target, noise="by class")
        found["ours by class"] = average_precision(planted, by_class.score)
    if python is not None:
        found["peer"] = their(python, rows.drop(target), given, planted, ours.probabilities)
    return found


def their(python: Path, features: Any, codes: np.ndarray, planted: np.ndarray, ours: np.ndarray) -> dict[str, Any]:
    import polars as pl

    ordinal, indicators, categories = [], [], []
    for column in features.iter_columns():
        if column.dtype == pl.String:
            levels, values = np.unique(column.fill_null("").to_numpy().astype(str), return_inverse=True)
            categories.append(len(ordinal))
            ordinal.append(values.astype(np.float64))
            indicators += [(values == each).astype(np.float64) for each in range(len(levels))]
        else:
            values = column.cast(pl.Float64).to_numpy()
            ordinal.append(values)
            indicators.append((values - values.mean()) / (values.std() or 1.0))
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "given.npz"
        np.savez(
            path, codes=codes, planted=planted, ours=ours, ordinal=np.column_stack(ordinal),
            indicators=np.column_stack(indicators), categories=np.array(categories),
        )  # fmt: skip
        words = [str(python), str(Path(__file__).resolve()), "--peer", str(path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=PEER_S, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def tell(name: str, rate: float, kind: str, runs: list[dict[str, Any]]) -> None:
    def middle(values: list[float]) -> dict[str, float]:
        return {
            "mean": round(statistics.mean(values), 4),
            "sd": round(statistics.stdev(values), 4) if values[1:] else 0.0,
        }

    line: dict[str, Any] = {"figure": f"label errors: {name}, {rate:.0%} {kind}", "unit": "average precision"}
    line |= {"seeds": len(runs), "ours": middle([each["ours"] for each in runs])}
    if "ours by class" in runs[0]:
        line["ours, noise by class"] = middle([each["ours by class"] for each in runs])
    line["our flags"] = {
        key: round(statistics.mean(each[key] for each in runs), 3) for key in ("precision", "recall", "f1", "share")
    }
    line["our cpu_s"] = round(statistics.mean(each["cpu_s"] for each in runs), 1)
    for model in runs[0].get("peer", {}):
        rankings_of = [each["peer"][model]["ap"] for each in runs]
        means = {key: statistics.mean(each[key] for each in rankings_of) for key in rankings_of[0]}
        best = max(means, key=lambda key: means[key])
        gain = [each["ours"] - each["peer"][model]["ap"][best] for each in runs]
        flagged = {
            key: round(statistics.mean(each["peer"][model][key] for each in runs), 3)
            for key in ("precision", "recall", "f1")
        }
        line[f"cleanlab, {model}"] = {
            "best ranking": best, "ap": middle([each[best] for each in rankings_of]), "flags": flagged,
            "ours / theirs": round(statistics.mean(each["ours"] for each in runs) / means[best], 3),
            "seeds ours is not below": sum(each >= -1e-9 for each in gain),
            "usual ranking": round(means.get("CleanLearning", means["self_confidence"]), 4),
            "cpu_s": round(statistics.mean(each["peer"][model].get("cpu_s", 0.0) for each in runs), 1),
        }  # fmt: skip
    print(json.dumps(line), flush=True)


def interpreter() -> Path | None:
    from pipeline_peers import environments

    environments.PINS.setdefault(PEER, PIN)
    try:
        return environments.python_of(PEER)
    except environments.Unavailable as error:
        print(json.dumps({"figure": "label errors: cleanlab", "skipped": str(error)[:300]}), flush=True)
        return None


def mirror() -> Path:
    import os

    return Path(os.environ.get("HOLDFAST_MIRROR") or Path(__file__).resolve().parents[2] / "shared" / "data")


def label_figures(python: Path | None, seeds: dict[str, int], kinds: list[str]) -> None:
    import polars as pl

    for name, (path, target) in SETS.items():
        if not (mirror() / path).exists():
            print(json.dumps({"figure": f"label errors: {name}", "skipped": "not in the mirror"}), flush=True)
            continue
        whole = pl.read_parquet(mirror() / path)
        for kind in kinds if seeds[name] else ():
            for rate in RATES:
                runs = []
                for seed in range(seeds[name]):
                    table = whole if whole.height <= ADULT_ROWS else whole.sample(ADULT_ROWS, seed=seed, shuffle=True)
                    runs.append(one(python, table, target, rate=rate, kind=kind, seed=seed))
                tell(name, rate, kind, runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="run as the peer, on this file")
    parser.add_argument("--german-seeds", type=int, default=3)
    parser.add_argument("--adult-seeds", type=int, default=1)
    parser.add_argument("--kinds", default=",".join(KINDS), help="how labels are flipped, with commas between")
    parser.add_argument("--rows-only", action="store_true", help="only the figures of odd rows")
    given = parser.parse_args()
    if given.peer:
        peer(given.peer)
        return
    row_figures()
    if not given.rows_only:
        seeds = {"german": given.german_seeds, "adult": given.adult_seeds}
        label_figures(interpreter(), seeds, given.kinds.split(","))


def row_figures(rows: int = 20_000, seeds: int = 3) -> None:
    """Odd rows: area under the ROC curve of each planted kind, ours and of an isolation forest alone."""
    import polars as pl
    from sklearn.ensemble import IsolationForest
    from sklearn.metrics import roc_auc_score

    from holdfast.quality.anomalies.rows import score_rows

    runs = []
    for seed in range(seeds):
        data, kind = odd_rows(rows, seed)
        table = pl.DataFrame(data, schema=[f"c{each}" for each in range(data.shape[1])])
        began = time.process_time()
        ours = score_rows(table)
        between = time.process_time()
        forest = -IsolationForest(random_state=seed, n_jobs=1).fit(data).score_samples(data)
        ended = time.process_time()
        run = {"our cpu_s": between - began, "forest cpu_s": ended - between}
        for number, name in ((1, "out of range"), (2, "wrong pair")):
            kept = (kind == 0) | (kind == number)
            run[f"ours, {name}"] = float(roc_auc_score(kind[kept] == number, ours.score[kept]))
            run[f"forest, {name}"] = float(roc_auc_score(kind[kept] == number, forest[kept]))
            run[f"flagged, {name}"] = float(ours.flag[kind == number].mean())
        run["false among flagged"] = float((kind[ours.flag] == 0).mean()) if ours.flag.any() else 0.0
        runs.append(run)
    means = {key: round(statistics.mean(each[key] for each in runs), 4) for key in runs[0]}
    figure = {"figure": f"odd rows: {rows} x 10, 1 % planted", "unit": "area under the ROC curve", "seeds": seeds}
    print(json.dumps(figure | means), flush=True)


def odd_rows(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ten columns, two pairs of which go together and one is skewed; half a percent each of the two kinds."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(rows, 10))
    data[:, 1] = 0.9 * data[:, 0] + 0.436 * data[:, 1]
    data[:, 3] = np.exp(data[:, 3])
    data[:, 5] = 2.0 * data[:, 4] + 0.5 * data[:, 5]
    each = rows // 200
    chosen = rng.choice(rows, 2 * each, replace=False)
    spread, middle = data.std(axis=0), np.median(data, axis=0)
    column = rng.integers(0, 10, each)
    out, pair = chosen[:each], chosen[each:]
    far = rng.choice([-1.0, 1.0], each) * rng.uniform(5.0, 8.0, each)
    data[out, column] = middle[column] + far * spread[column]
    data[pair, 0] = rng.choice([-1.0, 1.0], each) * rng.uniform(1.2, 2.0, each)
    data[pair, 1] = -data[pair, 0] * rng.uniform(0.7, 1.0, each)
    kind = np.zeros(rows, dtype=np.int64)
    kind[out], kind[pair] = 1, 2
    return data, kind


if __name__ == "__main__":
    main()
