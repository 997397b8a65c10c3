"""Shaping: what the models may look at. Leaks are told, features made, columns that are of no use left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from holdfast.automl import _leaks
from holdfast.automl._bench import FeatureSet, upto
from holdfast.automl._features.accept import worse
from holdfast.automl._portfolio import DEFAULTS, on
from holdfast.automl._runner import run_trial
from holdfast.automl._selection import Importance, importances, select, sparsest, steps

if TYPE_CHECKING:
    from holdfast.automl._bench import Bench
    from holdfast.automl._leak_look import Finding
    from holdfast.automl._making import Making
    from holdfast.automl._search import Search
    from holdfast.automl._trial import Trial

#: Share of the budget that importances may take.
SHARE = 0.06
#: Names of the sets with fewer columns.
FEWER, SPARSE = "fewer columns", "sparse"
#: Rows and columns from which leaks are looked for, and a budget below which they are not.
LEAST_BUDGET_S = 5.0


@dataclass(slots=True, eq=False)
class Shaping:
    """Decides what the models of a search look at.

    Parameters
    ----------
    making
        Tries made features; None to make none.
    most_columns
        Columns that a promise allows; None for as many as there are.
    leaks
        ``warn`` or ``drop``.
    findings, weighed, kept, reasons
        Filled as it goes: leaks, importances, columns kept, and a sentence for each.
    """

    making: Making | None = None
    most_columns: int | None = None
    leaks: str = "warn"
    select: bool = True
    findings: tuple[Finding, ...] = ()
    weighed: tuple[Importance, ...] = ()
    without: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)

    def look(self, bench: Bench, *, budget_s: float) -> None:
        """Look for leaks, and leave out what is an exact copy of the target (all of them where that is asked)."""
        problem = bench.problem
        if budget_s < LEAST_BUDGET_S or problem.group is not None:
            return
        rng = np.random.default_rng(bench.setup.seed)
        groups = () if problem.split != "group" else tuple(each for each in problem.schema.names)
        self.findings = _leaks.find(bench.table(), dates=problem.dates, groups=groups, rng=rng)
        # What the split already does is not suggested.
        quiet = {"time": ("time", "row_order"), "group": ("group", "duplicates")}.get(problem.split, ())
        self.findings = tuple(each for each in self.findings if each.kind not in quiet)
        dropped = _leaks.to_drop(self.findings, leaks=self.leaks)
        if dropped and len(dropped) < len(problem.schema.columns):
            self.without = dropped
            self.reasons |= {each.column: each.sentence for each in self.findings if each.column in dropped}
            bench.sets["plain"] = FeatureSet(without=dropped)
            if self.making is not None:
                self.making.without = dropped

    def __call__(self, search: Search) -> str:
        """Name of the feature set to go on with."""
        sparse = self.most_columns is not None
        features = self.making(search) if self.making is not None and not sparse else "plain"
        if not self.select and not sparse:
            return features
        self.weighed = self._importances(search, "plain")
        if not self.weighed:
            return features
        if self.most_columns is not None and self.most_columns < len(self.weighed):
            return self._sparse(search, self.most_columns)
        return self._fewer(search, features)

    def _fewer(self, search: Search, features: str) -> str:
        """Leave out what is of no use, where that is not worse."""
        chosen = select(self.weighed)
        self.reasons |= dict(chosen.reasons)
        dropped = chosen.dropped
        base = _trial_of(search, features)
        if not dropped or base is None or base.rows is None:
            return features
        made = search.bench.sets[features]
        used = {column for recipe in made.recipes for column in recipe.columns}
        # What a made feature needs is read all the same; it is only not looked at by itself.
        search.runner.offer(FEWER, FeatureSet(made.recipes, (*made.without, *dropped)))
        found = search.drain(iter([on(replace(base.config, features="plain", name=_plain(base)), FEWER)]))
        if not found or found[0].rows is None or worse(found[0].rows, base.rows, search.bench.problem.weights):
            return features
        self.without = (*self.without, *(name for name in dropped if name not in used))
        return FEWER

    def _sparse(self, search: Search, most: int) -> str:
        """Go down in steps to so many columns, weighing anew after each."""
        names = [each.column for each in self.weighed]
        everything = tuple(each.name for each in search.bench.problem.schema.columns)
        features = "plain"
        for count in steps(len(names), most):
            chosen = sparsest(self.weighed, count)
            features = f"{SPARSE} {count}"
            self.reasons |= dict(chosen.reasons)
            self.without = tuple(name for name in everything if name not in chosen.kept)
            search.runner.offer(features, FeatureSet((), self.without))
            if count > most:
                again = self._importances(search, features)
                self.weighed = again or self.weighed
        return features

    def _importances(self, search: Search, features: str) -> tuple[Importance, ...]:
        bench = search.bench
        trial = _trial_of(search, features)
        if trial is None or not trial.fitted:
            config = on(_default_config(search), features)
            allowance = SHARE * search.budget.seconds
            trial = run_trial(bench, config, budget=search.budget, allowance_s=allowance, rival=None)
        if not trial.fitted or trial.state != "done":
            return ()
        encoding, sheet = bench.whole(trial.config)
        deadline = search.budget.end().within(SHARE * search.budget.seconds)
        rounds = trial.rounds

        def predict_of(index: int) -> Any:
            fitted = trial.fitted[index]
            return lambda matrix: fitted.margin(matrix, rounds=upto(fitted, rounds))

        return importances(
            sheet.matrix,
            encoding.columns,
            held=[fold.held for fold in bench.problem.folds],
            predicts=[predict_of(index) for index in range(len(trial.fitted))],
            losses=bench.problem.losses,
            weights=bench.problem.weights,
            rng=np.random.default_rng(search.seed),
            repeats=2,
            passed=lambda: deadline.passed,
        )

    def told_columns(self, bench: Bench) -> list[dict[str, Any]]:
        """Plain data of each source column."""
        weighed = {each.column: each for each in self.weighed}
        made = []
        for column in bench.problem.schema.columns:
            found = weighed.get(column.name)
            values = bench.problem.rows.get_column(column.name)
            one: dict[str, Any] = {
                "name": column.name,
                "dtype": column.dtype,
                "missing": _missing(values),
                "levels": len(column.levels) if column.dtype == "string" else None,
                "kept": column.name not in self.without,
                "reason": self.reasons.get(column.name, ""),
            }
            if found is not None:
                one |= {"importance": found.mean, "low": found.low, "high": found.high, "stability": found.stability}
            made.append(one)
        return sorted(made, key=lambda each: -(each.get("importance") or 0.0))

    def told_leaks(self) -> list[dict[str, Any]]:
        """Plain data of what was found."""
        return [
            {
                "column": each.column,
                "kind": each.kind,
                "why": each.sentence,
                "score": each.score,
                "right": each.right,
                "dropped": each.column in self.without,
            }
            for each in self.findings
        ]


def _missing(values: pl.Series) -> float:
    count = values.null_count()
    if values.dtype.is_float():
        count += int(values.is_nan().sum() or 0)
    return count / max(1, len(values))


def _trial_of(search: Search, features: str) -> Trial | None:
    found: Sequence[Trial] = [
        trial
        for trial in search.trials
        if trial.config.features == features and trial.config.learner == "lightgbm" and trial.rows is not None
    ]
    return min(found, key=lambda trial: trial.score or 0.0) if found else None


def _default_config(search: Search) -> Any:
    from holdfast.automl._portfolio import portfolio

    listed = portfolio(n=search.bench.problem.n, learners=("lightgbm",))
    return next(config for config in listed if config.name in DEFAULTS)


def _plain(trial: Trial) -> str:
    return trial.config.name.removesuffix(f", {trial.config.features}")
