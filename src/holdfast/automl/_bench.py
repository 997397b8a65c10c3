"""The bench: matrices of a problem, made once, and the fitting of configurations on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl import _encoding
from holdfast.automl._answers import mean_and_error, platt
from holdfast.automl._features import Recipe, Table
from holdfast.automl._learners import Config, Fitted, Setup, learner
from holdfast.automl._sheet import Sheet
from holdfast.automl._trial import NONE, Tally, Trial, thinned

if TYPE_CHECKING:
    from holdfast.automl._budget import Deadline
    from holdfast.automl._encoding import Encoding
    from holdfast.automl._features import Block
    from holdfast.automl._folds import Fold
    from holdfast.automl._problem import Problem

#: Part of a trial's time that a configuration has for each fold beyond its equal share: the refit that may follow.
REFIT_SHARE = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A fitted model in its place: the encoding before it, and the rounds that count."""

    encoding: Encoding
    fitted: Fitted
    rounds: int | None


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """What a configuration may look at: the columns but those left out, and what is made of them."""

    recipes: tuple[Recipe, ...] = ()
    without: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {"recipes": [each.plain() for each in self.recipes], "without": list(self.without)}


@dataclass(slots=True, eq=False)
class Bench:
    """Matrices and folds of a problem, made once, and the fitting of configurations on them.

    Parameters
    ----------
    problem
        What is learnt from.
    setup
        What every fit shares; its monotone signs are filled in here, by encoding.
    most_rounds
        Most rounds of any fit.
    calibrate
        Whether held-out margins are calibrated.
    sets
        Feature sets by name; ``plain`` is the columns as they are.
    """

    problem: Problem
    setup: Setup
    most_rounds: int | None = None
    calibrate: bool = True
    sets: dict[str, FeatureSet] = field(default_factory=lambda: {"plain": FeatureSet()})
    _fixed: dict[str, Block] = field(default_factory=dict)
    _raw: dict[str, np.ndarray] = field(default_factory=dict)
    _wholes: dict[tuple[str, str, str], tuple[Encoding, Sheet]] = field(default_factory=dict)
    _sheets: dict[tuple[str, str, str, int], tuple[Sheet, Sheet]] = field(default_factory=dict)

    # -- matrices ---------------------------------------------------------------------------------------------------

    def whole(self, config: Config) -> tuple[Encoding, Sheet]:
        """Encoding that a configuration wants, and the sheet of all rows."""
        key = (learner(config.learner).kind, config.features, config.weighting)
        if key not in self._wholes:
            if config.weighting:
                encoding, plain = self.whole(replace(config, weighting=""))
                sheet = self.problem.sheet(plain.matrix, weights=self._weights(config.weighting))
            else:
                encoding, sheet = self._encoded(key[0], config.features)
            self._wholes[key] = encoding, sheet
        return self._wholes[key]

    def _encoded(self, kind: str, features: str) -> tuple[Encoding, Sheet]:
        problem = self.problem
        blocks = self.blocks(features)
        raw = self._raw_of(features, blocks)
        encoding = _encoding.fit(
            kind, problem.schema, problem.tensors, blocks=blocks, raw=raw, without=self.sets[features].without
        )
        matrix = _encoding.finish(encoding, problem.tensors, raw)
        means = np.average(matrix, axis=0, weights=problem.weights) if kind == "linear" else None
        return replace(encoding, means=means), problem.sheet(matrix)

    def blocks(self, features: str) -> tuple[Block, ...]:
        """Made features of a set, fitted to all rows."""
        if not self.sets[features].recipes:
            return ()
        from holdfast.automl._features import makers

        found = []
        for recipe in self.sets[features].recipes:
            key = repr(recipe)
            if key not in self._fixed:
                self._fixed[key] = makers.fit(recipe, self.table(), rng=np.random.default_rng(self.setup.seed))
            found.append(self._fixed[key])
        return tuple(found)

    def _raw_of(self, features: str, blocks: tuple[Block, ...]) -> np.ndarray:
        if features not in self._raw:
            problem = self.problem
            raw = _encoding.raw_of(problem.schema, problem.tensors, blocks, without=self.sets[features].without)
            self._raw[features] = self._crossed(raw, blocks, self.table())
        return self._raw[features]

    def _crossed(self, raw: np.ndarray, blocks: tuple[Block, ...], table: Table) -> np.ndarray:
        """Values with those that the target made taken from other folds."""
        if not blocks:
            return raw
        from holdfast.automl._features import makers

        at = raw.shape[1] - sum(len(each.names) for each in blocks)
        for block in blocks:
            width = len(block.names)
            if makers.supervised(block.recipe):
                rng = np.random.default_rng(self.setup.seed)
                raw[:, at : at + width] = makers.cross_fitted(block.recipe, table, folds=5, rng=rng)
            at += width
        return raw

    def table(self) -> Table:
        """All rows, as makers of features want them."""
        problem = self.problem
        if problem.classifies:
            kinds = len(problem.schema.classes)
            target = np.eye(kinds)[problem.target][:, 1:]
        else:
            target = np.asarray(problem.target, dtype=np.float64).reshape(-1, 1)
        return Table(problem.schema, problem.tensors, target, problem.weights)

    def sheets(self, config: Config, index: int) -> tuple[Sheet, Sheet]:
        """Sheets of a fold: to train on, and held out (with the rows' own weights)."""
        key = (learner(config.learner).kind, config.features, config.weighting, index)
        if key not in self._sheets:
            fold = self.problem.folds[index]
            encoding, sheet = self.whole(config)
            plain = self.whole(replace(config, weighting=""))[1]
            if self._supervised(config.features):
                self._sheets[key] = self._fold_sheets(
                    encoding, sheet, plain, fold, without=self.sets[config.features].without
                )
            else:
                self._sheets[key] = sheet.take(fold.train), plain.take(fold.held)
        return self._sheets[key]

    def _supervised(self, features: str) -> bool:
        if not self.sets[features].recipes:
            return False
        from holdfast.automl._features import makers

        return any(makers.supervised(recipe) for recipe in self.sets[features].recipes)

    def _fold_sheets(
        self, encoding: Encoding, sheet: Sheet, plain: Sheet, fold: Fold, *, without: tuple[str, ...]
    ) -> tuple[Sheet, Sheet]:
        # What the target makes is fitted to the fold's training rows alone: the held-out ones stay unseen.
        from holdfast.automl._features import makers

        table = self.table().take(fold.train)
        rng = np.random.default_rng(self.setup.seed)
        blocks = tuple(
            makers.fit(each.recipe, table, rng=rng) if makers.supervised(each.recipe) else each
            for each in encoding.blocks
        )
        schema, tensors = self.problem.schema, self.problem.tensors
        made = []
        for rows, crossed in ((fold.train, True), (fold.held, False)):
            part = {name: each[rows] for name, each in tensors.items()}
            raw = _encoding.raw_of(schema, part, blocks, without=without)
            raw = self._crossed(raw, blocks, table) if crossed else raw
            made.append(_encoding.finish(encoding, part, raw))
        train, held = sheet.take(fold.train), plain.take(fold.held)
        return (
            Sheet(made[0], train.target, train.weights, group=train.group, event=train.event),
            Sheet(made[1], held.target, held.weights, group=held.group, event=held.event),
        )

    def _weights(self, weighting: str) -> np.ndarray:
        problem = self.problem
        if weighting == "balanced":
            counts = np.bincount(problem.target, weights=problem.weights)
            made = problem.weights / counts[problem.target]
        else:
            from holdfast.automl._fair import group_codes, reweighing

            groups = group_codes(problem.rows, weighting.removeprefix("fair:").split(","))
            made = reweighing(problem.target, groups, weights=problem.weights)
        return np.asarray(made / made.mean())

    def signs(self, encoding: Encoding) -> tuple[int, ...] | None:
        """Monotone sign of each encoded feature; None where nothing was asked."""
        signs = self.problem.monotone
        if not signs:
            return None
        # A made feature of a monotone column follows no sign: it is left out of such searches.
        return tuple(signs.get(name, 0) if isinstance(name, str) else 0 for name in encoding.columns)

    # -- fits -------------------------------------------------------------------------------------------------------

    def refuses(self, config: Config) -> str | None:
        """Why a configuration cannot be used for the problem, or None."""
        problem = self.problem
        signs = (1,) if problem.monotone else None
        width = len(problem.schema.columns)
        return learner(config.learner).refuses(replace(self.setup, monotone=signs), n=problem.n, width=width)

    def refit(self, config: Config, *, rounds: int | None, deadline: Deadline, share: float = 1.0) -> Part:
        """Fit the configuration to all rows, or to a share of them drawn by the seed."""
        encoding, sheet = self.whole(config)
        if share < 1.0:
            rng = np.random.default_rng([self.setup.seed, 30])
            rows = rng.choice(sheet.n, max(2, round(share * sheet.n)), replace=False)
            sheet = sheet.take(np.sort(rows))
            sheet.parent = None
        fitted = self.fit(config, sheet, encoding, deadline=deadline, rounds=rounds)
        return Part(encoding, fitted, None if fitted.rounds is None else min(rounds or fitted.rounds, fitted.rounds))

    def fit(
        self,
        config: Config,
        train: Sheet,
        encoding: Encoding,
        *,
        deadline: Deadline,
        held: Sheet | None = None,
        rounds: int | None = None,
    ) -> Fitted:
        """Fit a configuration to a sheet of an encoding; see `holdfast.automl._learners.base.Learner.fit`."""
        setup = replace(self.setup, monotone=self.signs(encoding))
        if rounds is None and config.rounds is None and held is None:
            rounds = self.most_rounds
        elif config.rounds is not None and self.most_rounds is not None:
            rounds = min(config.rounds, self.most_rounds)
        return learner(config.learner).fit(config, train, setup, deadline=deadline, held=held, rounds=rounds)

    def run(
        self, config: Config, *, deadline: Deadline, hopeless: Callable[[np.ndarray], bool], keep: bool = True
    ) -> Trial:
        """Score a configuration out of fold.

        Parameters
        ----------
        config
            What to try.
        deadline
            To be done by.
        hopeless
            Told the loss of each row so far (NaN where not yet held out); True ends the trial.
        keep
            Whether the fitted models of the folds stay with the trial.
        """
        start, cpu = deadline.left, time.process_time()
        problem = self.problem
        tally = Tally.of(problem)
        fits: list[Fitted] = []
        margins: list[np.ndarray] = []

        def ended(state: str) -> Trial:
            return Trial(
                config,
                state,
                seconds=start - deadline.left,
                cpu_s=time.process_time() - cpu,
                steps=tuple(tally.steps),
            )

        encoding = self.whole(config)[0]
        fixed = config.rounds is not None
        for index, fold in enumerate(problem.folds):
            train, held = self.sheets(config, index)
            # A fold has its share of the time left, and the refit that may follow half as much again: a configuration
            # that has no time for all its rounds is scored with fewer, not thrown away.
            share = deadline.left / (len(problem.folds) - index + REFIT_SHARE)
            fitted = self.fit(
                config, train, encoding, deadline=deadline.within(max(share, 0.0)), held=None if fixed else held
            )
            fits.append(fitted)
            margins.append(fitted.margin(held.matrix, rounds=_own_best([fitted])))
            tally.add(fold.held, margins[-1])
            if index + 1 < len(problem.folds):
                if deadline.passed:
                    return ended("cut")
                if hopeless(tally.rows()):
                    return ended("pruned")
        rounds = _own_best(fits)
        if rounds is None and fits[0].rounds is not None:
            # Folds that the time cut short differ in length: all are taken as long as the shortest.
            rounds = min(fitted.rounds or 1 for fitted in fits)
        if rounds is not None:
            if deadline.passed:
                return ended("cut")
            # One number of rounds for all folds, or the held-out loss would have chosen its own stopping place.
            tally = Tally.of(problem)
            for index, (fold, fitted) in enumerate(zip(problem.folds, fits, strict=True)):
                made = fitted.margin(self.sheets(config, index)[1].matrix, rounds=upto(fitted, rounds))
                tally.add(fold.held, made)
        done = Trial(
            config,
            "done",
            rounds=rounds,
            margin=tally.margin(),
            raw=tally.rows(),
            size_bytes=fits[0].size(rounds=upto(fits[0], rounds)),
            curve=_curve(fits),
            steps=tuple(tally.steps),
            fitted=tuple(fits) if keep else (),
        )
        return replace(self.calibrated(done), seconds=start - deadline.left, cpu_s=time.process_time() - cpu)

    def calibrated(self, trial: Trial) -> Trial:
        """Lay the line over a trial that its held-out margin asks for, and score it."""
        # A default that learns too long ranks rows well and believes itself too much: judged before calibration, it
        # would lose to models that are worse once calibrated.
        problem = self.problem
        if trial.margin is None or trial.raw is None:
            return trial
        seen = np.isfinite(trial.raw)
        margin, weights = trial.margin[seen], problem.weights[seen]
        line = NONE
        if self.calibrate and problem.classifies:
            line = platt(margin, problem.target[seen], weights, problem.task)
        rows = trial.raw
        if not line.none:
            rows = np.full(problem.n, np.nan)
            rows[seen] = problem.losses(line.line(margin), np.flatnonzero(seen))
        score, error = mean_and_error(rows[seen], weights)
        return replace(trial, score=score, error=error, rows=rows, calibration=line)


def _own_best(fits: list[Fitted]) -> int | None:
    """Rounds of the least mean held-out loss; None where the fits cannot be cut back to fewer rounds."""
    curves = [fitted.curve for fitted in fits if fitted.curve is not None and len(fitted.curve)]
    if len(curves) < len(fits):
        return None
    longest = max(len(curve) for curve in curves)
    filled = [np.pad(curve, (0, longest - len(curve)), mode="edge") for curve in curves]
    return int(np.argmin(np.mean(filled, axis=0))) + 1


def upto(fitted: Fitted, rounds: int | None) -> int | None:
    """Rounds to cut a fit back to: at most those it made; None where it has none."""
    if rounds is None or fitted.rounds is None:
        return None
    return min(rounds, fitted.rounds)


def _curve(fits: list[Fitted]) -> tuple[float, ...]:
    curves = [fitted.curve for fitted in fits if fitted.curve is not None and len(fitted.curve)]
    if not curves:
        return ()
    shortest = min(len(curve) for curve in curves)
    return thinned(np.mean([curve[:shortest] for curve in curves], axis=0))
