"""Figures of the AutoML bench: what the kept cells of a grid say."""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

import automl_scores as scores
import numpy as np
from automl_cells import DEFAULTS, OURS, Cell, split_of
from automl_sets import SETS

#: Share of the core below which a cell is said to have been disturbed.
DISTURBED = 0.8
#: Gates of the issue: behind the best default by at most so much; digits; difference, size, one row.
GATES = {"auc": 0.003, "rmse": 0.01, "digits": 0.040, "difference": 1e-5, "size_mb": 10.0, "p95_ms": 1.0}


def tell(line: dict[str, Any]) -> None:
    """Print a figure, numbers rounded."""

    def short(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.4g}") if abs(value) < 1.0 else round(value, 3)
        if isinstance(value, dict):
            return {key: short(each) for key, each in value.items()}
        return [short(each) for each in value] if isinstance(value, list) else value

    print(json.dumps(short(line)), flush=True)


def figures(cells: list[Cell], given: argparse.Namespace) -> None:
    """Tell what the kept cells of the grid say."""
    found = {each: read for each in cells if (read := each.read())}
    for budget in given.budget:
        at = [(engine, *engine.partition("@")[::2]) for engine in given.engines]
        seconds = {engine: 0.0 if kind in (*DEFAULTS, "logistic") else float(own or budget) for engine, kind, own in at}
        kinds = {engine: kind for engine, kind, _ in at}
        table: dict[str, dict[str, dict[int, Cell]]] = {}
        for name in given.sets:
            table[name] = {}
            for engine in given.engines:
                mine = [Cell(name, seed, seconds[engine], kinds[engine]) for seed in range(given.seeds)]
                table[name][engine] = {each.seed: each for each in mine if found.get(each, {}).get("state") == "done"}
                for each in mine:
                    if found.get(each, {}).get("state") == "failed":
                        tell({"figure": f"automl: {each.name}", "failed": found[each]["reason"]})
        summary(budget, [(name, of_set(name, budget, each, found)) for name, each in table.items()], given.engines)
    graphs([read for each, read in found.items() if each.engine == OURS])


def of_set(name: str, budget: float, engines: dict[str, dict[int, Cell]], found: dict[Cell, Any]) -> dict[str, Any]:
    """Tell the figures of one set; what the summary needs of them."""
    one = SETS[name]
    main = scores.MAIN[one.task]
    seeds = sorted(set.intersection(*(set(each) for each in engines.values() if each)) if any(engines.values()) else ())
    engines = {engine: each for engine, each in engines.items() if each}
    if not seeds or len(engines) < 2:
        return {}
    line: dict[str, Any] = {"figure": f"automl: {name}, {budget:g} s", "unit": main, "seeds": len(seeds)}
    if one.note:
        line["note"] = one.note
    means, drawn, disturbed = {}, {}, []
    for engine, mine in engines.items():
        reads = [found[mine[seed]] for seed in seeds]
        values = [each["metrics"][main] for each in reads]
        means[engine] = statistics.mean(values)
        drawn[engine] = [
            scores.resampled(one.task, split_of(name, seed).truth, np.load(mine[seed].answers), seed) for seed in seeds
        ]
        line[engine] = {main: means[engine], "sd": statistics.stdev(values) if values[1:] else 0.0}
        for other in ("log_loss", "accuracy"):
            if other != main and other in reads[0]["metrics"]:
                line[engine][other] = statistics.mean(each["metrics"][other] for each in reads)
        line[engine]["cpu_s"] = statistics.mean(each["fit_cpu_s"] for each in reads)
        line[engine]["wall_s"] = statistics.mean(each["fit_wall_s"] for each in reads)
        disturbed += [f"{engine} {each['seed']}" for each in reads if busy(each)]
    verdicts, against = {}, {}
    for one_engine in engines:
        for other in engines:
            if one_engine != other:
                pair = (means[one_engine], means[other])
                each = scores.compare(one.task, drawn[one_engine], drawn[other], pair)
                verdicts[one_engine, other] = str(each["verdict"])
                if one_engine.partition("@")[0] == OURS:
                    against.setdefault(one_engine, {})[other] = each
    for engine, each in against.items():
        line[f"{engine} against"] = each
    rank = scores.ranks(verdicts, list(engines))
    line["rank"] = rank
    if disturbed:
        line["busy"] = disturbed
    tell(line)
    return {"rank": rank, "means": means, "verdicts": verdicts, "unit": main}


def busy(read: dict[str, Any]) -> bool:
    """Whether a cell of some length got less than its core."""
    return (
        read.get("clock", "cpu") == "wall"
        and read["fit_wall_s"] > 5.0
        and read["fit_cpu_s"] < DISTURBED * read["fit_wall_s"]
    )


def summary(budget: float, sets: list[tuple[str, dict[str, Any]]], engines: list[str]) -> None:
    """Mean ranks over the sets that every engine ended, how often ours is better, and the gates."""
    told = [(name, each) for name, each in sets if each]
    whole = [(name, each) for name, each in told if len(each["rank"]) == len(engines)]
    if whole:
        ranks = {engine: statistics.mean(each["rank"][engine] for _, each in whole) for engine in engines}
        plain = {}
        for engine in engines:
            places = []
            for _, each in whole:
                sign = 1.0 if each["unit"] in scores.HIGHER else -1.0
                mine = sign * each["means"][engine]
                places.append(1 + sum(sign * value > mine for value in each["means"].values()))
            plain[engine] = statistics.mean(places)
        line = {"figure": f"automl: mean rank, {budget:g} s", "sets": len(whole), "beyond noise": ranks}
        tell({**line, "by the mean alone": plain})
    for mine in [each for each in engines if each.partition("@")[0] == OURS]:
        counts: dict[str, dict[str, int]] = {}
        for _, each in told:
            for other in each["rank"]:
                if (mine, other) in each["verdicts"]:
                    counts.setdefault(other, {"better": 0, "tie": 0, "worse": 0})[each["verdicts"][mine, other]] += 1
        if counts:
            tell({"figure": f"automl: {mine} against, {budget:g} s", "unit": "sets", **counts})
        gates(mine, budget, told)


def gates(mine: str, budget: float, told: list[tuple[str, dict[str, Any]]]) -> None:
    """Never behind the best default by more than 0.003 AUC or 1 % RMSE; digits."""
    behind: dict[str, dict[str, float]] = {"auc": {}, "rmse": {}, "log_loss": {}}
    for name, each in told:
        best = [each["means"][other] for other in DEFAULTS if other in each["means"]]
        if not best or mine not in each["means"]:
            continue
        value = each["means"][mine]
        higher = each["unit"] in scores.HIGHER
        gap = max(best) - value if higher else value / min(best) - 1.0
        behind[each["unit"]][name] = gap
    for unit, gaps in behind.items():
        if gaps:
            worst = max(gaps, key=lambda name: gaps[name])
            line = {"figure": f"automl: {mine} behind the best default, {budget:g} s", "unit": unit, "sets": len(gaps)}
            bound = GATES.get(unit)
            held = {} if bound is None else {"bound": bound, "held": gaps[worst] <= bound}
            tell({**line, "worst": gaps[worst], "on": worst, **held})
    for name, each in told:
        if name == "digits" and mine in each["means"]:
            value = each["means"][mine]
            line = {"figure": f"automl: {mine} on digits, {budget:g} s", "unit": "log_loss", "value": value}
            tell({**line, "bound": GATES["digits"], "held": value <= GATES["digits"]})


def graphs(reads: list[dict[str, Any]]) -> None:
    """What is asked of all graphs of ours."""
    done = [each for each in reads if "graph" in each]
    if not done:
        return
    worst = {
        "difference": max(each["graph"]["difference"] for each in done),
        "spoilt rows": max(
            float("inf") if isinstance(each["graph"]["spoilt"], str) else each["graph"]["spoilt"] for each in done
        ),
        "size_mb": max(each["graph"]["size_bytes"] for each in done) / 1e6,
        "one_row_p95_ms": max(each["graph"]["one_row_p95_ms"] for each in done),
        "one_row_p95_cpu_ms": max(each["graph"]["one_row_p95_cpu_ms"] for each in done),
        "overrun_s": max(each["overrun_s"] for each in done),
    }
    held = {
        "difference": max(worst["difference"], worst["spoilt rows"]) <= GATES["difference"],
        "size": worst["size_mb"] <= GATES["size_mb"],
        "one row": worst["one_row_p95_ms"] <= GATES["p95_ms"],
        "overrun": all(each["overrun_s"] <= max(3.0, 0.1 * each["budget_s"]) for each in done),
    }
    line = {"figure": "automl: our graphs", "models": len(done), "failed": len(reads) - len(done), "worst": worst}
    late = [each for each in done if each["graph"].get("native_cpu_ms")]
    if late:
        ratios = [each["graph"]["native_cpu_ms"] / each["graph"]["many_rows_cpu_ms"] for each in late]
        line["10k rows, native / graph"] = {
            "median": statistics.median(ratios),
            "least": min(ratios),
            "models": len(late),
        }
        held["10k rows"] = min(ratios) >= 1.0
    tell({**line, "held": held})
