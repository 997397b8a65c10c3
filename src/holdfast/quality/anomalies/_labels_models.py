"""Probabilities of the classes for each row, from models that have not seen the row or its equals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from holdfast.quality.anomalies._encoding import Encoded

__all__ = ["fold_numbers", "out_of_fold", "pooled"]

#: Probabilities are kept this far from 0 and 1.
LEAST = 1e-4
#: Rows that a model is fitted to at most.
MOST_ROWS = 150_000
#: Rows up to which extremely randomised trees take part, and folds are drawn more than once.
SMALL = 4_000
REPEAT_ROWS = 6_000
#: Values of the table times classes, up to which a learner takes part.
MOST_WORK = 4e8
#: Rows for equal weights that the fit of the pool's weights is drawn to.
EQUAL_ROWS = 300.0

Learner = Callable[[Any, Any], Any]


def fold_numbers(codes: Any, groups: Any, *, folds: int, rng: np.random.Generator) -> Any:
    """Fold of each row, shape (n,): classes spread evenly, equal rows together.

    Rows that are equal in all features are dealt by their group. Where a group is larger than a fold, or there are
    too few groups to learn from, rows are dealt one by one.
    """
    sizes = np.bincount(groups)
    if len(sizes) < 10 * folds or sizes.max() > len(codes) / folds:
        groups = np.arange(len(codes))
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    lead = codes[first]
    order = np.lexsort((rng.random(len(lead)), lead))
    dealt = np.empty(len(lead), dtype=np.int64)
    # Going on from class to class keeps the folds the same size.
    dealt[order] = np.arange(len(lead)) % folds
    return dealt[inverse]


def out_of_fold(encoded: Encoded, codes: Any, *, fold: Any, weights: Any, seed: int, classes: int) -> dict[str, Any]:
    """Probabilities by learner, each of shape (n, classes), for rows that the model was not fitted to.

    Parameters
    ----------
    codes
        Given classes from 0, shape (n,).
    fold
        Fold of each row, shape (n,).
    weights
        How much the label of each row counts, shape (n,), in [0, 1].
    seed
        Of the learners.
    classes
        How many classes.
    """
    found: dict[str, Any] = {}
    for name, data, learner in _learners(encoded, codes, weights, seed=seed, classes=classes):
        table = np.zeros((len(codes), classes))
        for number in range(int(fold.max()) + 1):
            held = fold == number
            if held.any():
                train = _sample(np.flatnonzero(~held & (weights > 0.0)), codes, seed=seed)
                present = np.unique(codes[train])
                table[np.ix_(held, present)] = learner(train, data[held]) if len(present) > 1 else 1.0
        table = np.clip(table, LEAST, None)
        found[name] = table / table.sum(axis=1, keepdims=True)
    return found


def pooled(tables: dict[str, Any], codes: Any, weights: Any) -> Any:
    """One table of probabilities, shape (n, classes): the logarithmic opinion pool of the learners' tables.

    The weights of the pool are on the simplex and minimise the log loss of the given labels; they are drawn to equal
    ones where there are few rows.

    References
    ----------
    G. E. Hinton (2002), "Training products of experts by minimizing contrastive divergence", Neural Computation 14;
    C. Genest, J. V. Zidek (1986), "Combining probability distributions", Statistical Science 1.
    """
    logs = np.stack([np.log(each) for each in tables.values()])
    share = np.full(len(logs), 1.0 / len(logs))
    rows = np.arange(len(codes))
    total = float(weights.sum())
    for _ in range(60):
        mixed = _softmax(np.tensordot(share, logs, axes=1))
        # Gradient of the log loss: expected log probability under the pool, less that of the given class.
        slope = np.array([np.sum(weights * ((mixed * each).sum(axis=1) - each[rows, codes])) for each in logs]) / total
        share = share * np.exp(-2.0 * (slope - slope.min()))
        share /= share.sum()
    fitted = (share * total + EQUAL_ROWS / len(share)) / (total + EQUAL_ROWS)
    return _softmax(np.tensordot(fitted, logs, axes=1))


def _softmax(scores: Any) -> Any:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    return grown / grown.sum(axis=1, keepdims=True)


def _sample(train: Any, codes: Any, *, seed: int) -> Any:
    if len(train) <= MOST_ROWS:
        return train
    rng = np.random.default_rng(seed)
    kept = rng.permutation(train)[:MOST_ROWS]
    # A class that the sample lost comes back whole.
    lost = ~np.isin(codes[train], np.unique(codes[kept]))
    return np.sort(np.concatenate((kept, train[lost])))


def _learners(
    encoded: Encoded, codes: Any, weights: Any, *, seed: int, classes: int
) -> Iterator[tuple[str, Any, Learner]]:
    trees, linear = encoded.trees, encoded.linear
    size = len(codes) * (1 if classes == 2 else classes)
    yield "linear", linear, _linear(linear, codes, weights)
    if trees.shape[1] and (size * trees.shape[1] <= MOST_WORK or linear.shape[1] == 0):
        yield "trees", trees, _boosted(trees, codes, weights, categories=list(encoded.categories), seed=seed, share=0.7)
    if encoded.categories and size * linear.shape[1] <= MOST_WORK:
        yield "indicator trees", linear, _boosted(linear, codes, weights, categories=[], seed=seed, share=0.3)
    if len(codes) <= SMALL:
        yield "random trees", linear, _randomised(linear, codes, weights, seed=seed)


def _linear(data: Any, codes: Any, weights: Any) -> Learner:
    def learn(train: Any, held: Any) -> Any:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=0.1, max_iter=300, tol=1e-3)
        with warnings.catch_warnings():
            # Not quite at the optimum is as good a judge of labels.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(data[train], codes[train], sample_weight=weights[train])
        return model.predict_proba(held)

    return learn


def _boosted(data: Any, codes: Any, weights: Any, *, categories: list[int], seed: int, share: float) -> Learner:
    def learn(train: Any, held: Any) -> Any:
        import lightgbm

        present, target = np.unique(codes[train], return_inverse=True)
        many = len(present) > 2
        settings = {
            "objective": "multiclass" if many else "binary",
            "learning_rate": 0.05,
            "num_leaves": 7 if len(train) < 20_000 else 15,
            "min_data_in_leaf": max(3, min(20, len(train) // 25)),
            "feature_fraction": share,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": min(20.0, len(train) / 50.0),
            "cat_smooth": 20.0,
            "min_data_per_group": 20,
            "max_bin": 127,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "seed": seed,
            **({"num_class": len(present)} if many else {}),
        }
        fitted = lightgbm.Dataset(
            data[train], target, weight=weights[train], categorical_feature=categories, params={"verbosity": -1}
        )
        rounds = 200 if len(present) <= 5 else 100
        found = np.asarray(lightgbm.train(settings, fitted, rounds).predict(held, num_threads=1))
        return found if many else np.column_stack((1.0 - found, found))

    return learn


def _randomised(data: Any, codes: Any, weights: Any, *, seed: int) -> Learner:
    def learn(train: Any, held: Any) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier

        model = ExtraTreesClassifier(
            100, min_samples_leaf=max(1, min(5, len(train) // 50)), max_features=0.3, n_jobs=1, random_state=seed
        )
        model.fit(data[train], codes[train], sample_weight=weights[train])
        return model.predict_proba(held)

    return learn
