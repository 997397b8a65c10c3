"""Whether repairs help: a model trained on repaired rows against one trained on the rows as they are."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from holdfast.core.errors import ColumnNotFound, one_of
from holdfast.quality.cleaning._encoding import Coded, coded

if TYPE_CHECKING:
    from holdfast.quality.repair import Change

NOT_WORSE, WORSE, UNPROVEN = "not worse", "worse", "unproven"

_ALPHA = 0.05
#: A difference below it is none, in units of the losses (a share of the variance; Brier's score goes from 0 to 2).
_NOTHING = 0.001
_WIDE = 0.5
_HELD_OUT = 0.3
_FEWEST_HELD_OUT = 30
_MOST_HELD_OUT = 5000
_MOST_TRAINED = 20_000
_ROUNDS = 40
_PARAMETERS = {
    "num_leaves": 15,
    "learning_rate": 0.15,
    "min_data_in_leaf": 10,
    "min_sum_hessian_in_leaf": 1.0,
    "lambda_l2": 1.0,
    "max_bin": 63,
    "min_data_per_group": 10,
    "cat_smooth": 5.0,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}


@dataclass(frozen=True, slots=True)
class FamilyEffect:
    """What the repairs of one rule do to a model.

    Parameters
    ----------
    family
        The rule; ``all`` for all the repairs that are kept together.
    cells
        Number of its repairs.
    difference
        Mean loss on clean held-out rows after the repairs minus before: below 0 is better. None where nothing could
        be measured.
    low, high
        Its 90 % interval: each end is a one-sided bound of 95 %.
    p_value
        Of the hypothesis that the repairs make the model no worse (by a thousandth of the loss's unit), one-sided.
    verdict
        ``not worse`` (`high` is below the margin), ``worse`` (rejected after Holm's correction), or ``unproven``.
    """

    family: str
    cells: int
    difference: float | None
    low: float | None
    high: float | None
    p_value: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Effect:
    """What repairs do to a model that predicts a target.

    Parameters
    ----------
    target, loss
        The column, and the name of the loss.
    baseline
        Mean loss of the model trained on the rows as they are; None where nothing could be measured.
    margin
        A difference below it counts as not worse; in units of the loss.
    families
        One for each rule, by name.
    overall
        All repairs of the rules that are kept, together.
    dropped
        Rules whose repairs make the model worse.
    held_out, clean_rows, repeats
        Held-out rows in each repeat, the clean rows they are drawn from, and the number of repeats.
    note
        One plain sentence.
    """

    target: str
    loss: str
    baseline: float | None
    margin: float | None
    families: tuple[FamilyEffect, ...]
    overall: FamilyEffect
    dropped: tuple[str, ...]
    held_out: int
    clean_rows: int
    repeats: int
    note: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return asdict(self)


def effect_of_repairs(
    cells: pl.DataFrame,
    changes: Sequence[Change],
    *,
    target: str,
    wrong_rows: Collection[int] = (),
    seed: int = 0,
    repeats: int = 10,
    margin: float = 0.02,
) -> Effect:
    """Effect of each rule's repairs on a small gradient-boosted model, and the rules to drop.

    In each repeat a seeded share of the clean rows (without a change, without a suspect) is held out, and one model is
    trained on the other rows as they are, one on the same rows after the repairs of one rule. Both meet the same
    held-out rows. The variance of the differences over overlapping splits is corrected as by Nadeau and Bengio;
    Holm's method keeps the chance of dropping any harmless rule at 5 %.

    A rule that rewrites more than half of the rows (a format) leaves no row without it: it is judged on models that
    are trained and asked with it against ones without it, and the other rules are judged on top of it.

    Parameters
    ----------
    cells
        Shape (n, columns), text; None is an empty cell.
    changes
        The repairs.
    target
        Column to predict; a number is predicted with the squared error over its variance, classes with Brier's score.
    wrong_rows
        Further rows that are not clean.
    seed
        Seed of the splits and the models.
    repeats
        Number of splits, at least 3.
    margin
        Share of the loss before, in which a difference counts as not worse; at least 0.001 of the loss's unit.

    Raises
    ------
    ColumnNotFound
        If there is no column `target`.

    References
    ----------
    C. Nadeau, Y. Bengio (2003), "Inference for the generalization error", Machine Learning 52.
    S. Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.
    """
    if target not in cells.columns:
        raise ColumnNotFound(f"no column {target!r}", where="target", expected=one_of(cells.columns, target))
    by_family = _families(changes)
    wide = {name: mine for name, mine in by_family.items() if _rows(mine) > _WIDE * cells.height}
    clean = _clean_rows(cells, changes, wide, target, wrong_rows)
    raw = coded(cells, changes, target, clean)
    base = coded(_applied(cells, _all(wide)), changes, target, clean) if wide else raw
    why_not = _unmeasurable(base, clean)
    if why_not:
        return _unmeasured(target, by_family, len(changes), clean, why_not)
    trial = _Trial(raw, clean, seed=seed, repeats=repeats)
    before, based = trial.losses(raw), trial.losses(base) if wide else None
    found = {}
    for name, mine in by_family.items():
        if name in wide:
            found[name] = trial.losses(coded(_applied(cells, mine), changes, target, clean)) - before
        else:
            found[name] = trial.losses(base.repaired(mine)) - (before if based is None else based)
    limit = max(_NOTHING, margin * float(before.mean()))
    families = _judged(found, by_family, trial, limit)
    dropped = tuple(each.family for each in families if each.verdict == WORSE)
    kept = [each for each in changes if family_of(each.rule) not in dropped]
    together = coded(_applied(cells, [each for each in kept if family_of(each.rule) in wide]), changes, target, clean)
    difference = trial.losses(together.repaired(kept)) - before
    (overall,) = _judged({"all": difference}, {"all": kept}, trial, limit)
    if overall.verdict == WORSE:
        # No rule alone does harm beyond noise, all of them together do.
        dropped = tuple(by_family)
    return Effect(
        target=target,
        loss="Brier score" if raw.classes else "squared error / variance",
        baseline=float(before.mean()),
        margin=limit,
        families=families,
        overall=overall,
        dropped=dropped,
        held_out=trial.held_out,
        clean_rows=int(clean.sum()),
        repeats=repeats,
        note=f"a small gradient-boosted model on {trial.held_out} clean held-out rows, {repeats} times",
    )


def _rows(changes: Sequence[Change]) -> int:
    return len({each.row for each in changes})


def _all(families: dict[str, list[Change]]) -> list[Change]:
    return [each for mine in families.values() for each in mine]


def _clean_rows(
    cells: pl.DataFrame,
    changes: Sequence[Change],
    wide: dict[str, list[Change]],
    target: str,
    wrong_rows: Collection[int],
) -> NDArray[np.bool_]:
    """Rows with a target and without a fault, shape (n,); a spelling of whole columns is no fault of a row."""
    clean = cells[target].is_not_null().to_numpy().copy()
    clean[list(wrong_rows)] = False
    clean[[each.row for each in changes if each.column == target or family_of(each.rule) not in wide]] = False
    return clean


def _applied(cells: pl.DataFrame, changes: Sequence[Change]) -> pl.DataFrame:
    """Cells after some changes."""
    by_column: dict[str, dict[int, str | None]] = {}
    for each in changes:
        by_column.setdefault(each.column, {})[each.row] = each.after
    made = []
    for name, values in by_column.items():
        after = pl.Series(name, list(values.values()), dtype=pl.String)
        made.append(cells[name].clone().scatter(list(values), after))
    return cells.with_columns(made)


def family_of(rule: str) -> str:
    """Family of a repair's rule: the strongest of the rules that agree on it."""
    return rule.partition("+")[0].strip()


def _families(changes: Sequence[Change]) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for each in sorted(changes, key=lambda each: family_of(each.rule)):
        found.setdefault(family_of(each.rule), []).append(each)
    return found


def _unmeasurable(table: Coded, clean: NDArray[np.bool_]) -> str | None:
    known = int((clean & np.isfinite(table.labels)).sum())
    if int(known * _HELD_OUT) < _FEWEST_HELD_OUT:
        needed = -(-_FEWEST_HELD_OUT * 10 // 3)
        return f"only {known} rows are clean and have a target that is learnt; {needed} are needed"
    if table.codes[table.target].categories is not None and table.classes < 2:
        return f"the target {table.target!r} has fewer than two classes among the clean rows"
    if not table.columns:
        return "no other column tells anything of the target"
    return None


def _unmeasured(
    target: str, by_family: dict[str, list[Change]], cells: int, clean: NDArray[np.bool_], why: str
) -> Effect:
    families = tuple(
        FamilyEffect(name, len(mine), None, None, None, None, UNPROVEN) for name, mine in by_family.items()
    )
    overall = FamilyEffect("all", cells, None, None, None, None, UNPROVEN)
    note = f"the effect on a model is unproven: {why}"
    return Effect(target, "none", None, None, families, overall, (), 0, int(clean.sum()), 0, note)


class _Trial:
    """The same splits and seeds for every variant of a table."""

    def __init__(self, table: Coded, clean: NDArray[np.bool_], *, seed: int, repeats: int) -> None:
        known = np.flatnonzero(clean & np.isfinite(table.labels))
        self.held_out = min(_MOST_HELD_OUT, int(len(known) * _HELD_OUT))
        self.splits = []
        for repeat in range(repeats):
            rng = np.random.default_rng([seed, repeat])
            held = rng.permutation(known)[: self.held_out]
            rest = rng.permutation(np.setdiff1d(np.arange(len(clean)), held))[:_MOST_TRAINED]
            self.splits.append((np.sort(rest), np.sort(held)))
        self.trained = len(self.splits[0][0])
        self._variance = float(np.var(table.labels[known])) or 1.0
        self._seed = seed

    def losses(self, table: Coded) -> NDArray[np.float64]:
        """Mean loss on the held-out rows of each repeat, shape (repeats,)."""
        return np.array([self._loss(table, rest, held) for rest, held in self.splits])

    def _loss(self, table: Coded, rest: NDArray[np.int64], held: NDArray[np.int64]) -> float:
        known = rest[np.isfinite(table.labels[rest])]
        found = _predicted(table, known, table.features[held], self._seed)
        truth = table.labels[held]
        if table.classes == 0:
            return float(np.mean((found - truth) ** 2)) / self._variance
        return float(np.mean(np.sum((found - np.eye(table.classes)[truth.astype(int)]) ** 2, axis=1)))


def _predicted(table: Coded, rows: NDArray[np.int64], asked: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Predict numbers, shape (m,), or probabilities, shape (m, classes)."""
    import lightgbm

    task: dict[str, Any] = {"objective": "regression"}
    if table.classes > 0:
        task = {"objective": "multiclass", "num_class": table.classes}
    with warnings.catch_warnings():
        # LightGBM tells of settings that it was given twice; what it was given here is meant.
        warnings.simplefilter("ignore")
        data = lightgbm.Dataset(
            table.features[rows],
            table.labels[rows],
            categorical_feature=table.categorical,
            params={"verbose": -1, "max_bin": _PARAMETERS["max_bin"]},
        )
        model = lightgbm.train({**_PARAMETERS, **task, "seed": seed}, data, num_boost_round=_ROUNDS)
        return np.asarray(model.predict(asked), dtype=np.float64)


def _judged(
    found: dict[str, NDArray[np.float64]], by_family: dict[str, list[Change]], trial: _Trial, limit: float
) -> tuple[FamilyEffect, ...]:
    """Verdicts over families, with Holm's correction."""
    figures = {name: _interval(each, trial) for name, each in found.items()}
    ranked = sorted(figures, key=lambda name: figures[name][3])
    worse: set[str] = set()
    for place, name in enumerate(ranked):
        if figures[name][3] > _ALPHA / (len(ranked) - place):
            break
        worse.add(name)
    made = []
    for name, (mean, low, high, p_value) in figures.items():
        verdict = WORSE if name in worse else NOT_WORSE if high <= limit else UNPROVEN
        made.append(FamilyEffect(name, len(by_family[name]), mean, low, high, p_value, verdict))
    return tuple(made)


def _interval(differences: NDArray[np.float64], trial: _Trial) -> tuple[float, float, float, float]:
    """Mean difference, its 90 % interval, and the one-sided p-value of being above nothing."""
    from scipy.stats import t

    repeats = len(differences)
    mean = float(differences.mean())
    spread = float(np.sqrt((1 / repeats + trial.held_out / trial.trained) * differences.var(ddof=1)))
    if spread == 0:
        return mean, mean, mean, 0.0 if mean > _NOTHING else 1.0
    half = float(t.ppf(1 - _ALPHA, repeats - 1)) * spread
    return mean, mean - half, mean + half, float(t.sf((mean - _NOTHING) / spread, repeats - 1))
