"""Label noise: the confident joint, how often labels of a class are wrong, and which labels follow from that."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["anchor_rates", "confident_joint", "flags_of", "noise_weights", "wrong_probability"]

#: Shares of the rows among which a class is looked for at its surest.
ANCHOR_SHARES = (0.005, 0.01, 0.02, 0.04, 0.08)
ANCHOR_ROWS = 10
#: No class is taken to be wrong more often: beyond it nothing could be told.
HIGHEST_RATE = 0.45


def confident_joint(table: Any, codes: Any) -> Any:
    """Estimated number of rows by given class (rows) and true class (columns), shape (classes, classes).

    A row counts for the class whose probability reaches that class's mean probability among the rows that are given
    it; for the most probable one where several do. Counts are scaled so that each given class has as many as it has.

    Parameters
    ----------
    table
        Out-of-fold probabilities, shape (n, classes).
    codes
        Given classes from 0, shape (n,).

    References
    ----------
    C. G. Northcutt, L. Jiang, I. L. Chuang (2021), "Confident learning: estimating uncertainty in dataset labels",
    Journal of Artificial Intelligence Research 70.
    """
    classes = table.shape[1]
    given = np.bincount(codes, minlength=classes)
    means = np.array([table[codes == each, each].mean() if given[each] else 1.0 for each in range(classes)])
    reached = np.where(table >= means, table, -1.0)
    there = reached.max(axis=1) >= 0.0
    pairs = codes[there] * classes + reached[there].argmax(axis=1)
    counts = np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.float64)
    # A class none of whose rows is confident is taken at its word.
    empty = counts.sum(axis=1) == 0.0
    counts[empty, empty.nonzero()[0]] = 1.0
    return counts / counts.sum(axis=1, keepdims=True) * given[:, None]


def anchor_rates(table: Any, codes: Any) -> Any:
    """How often rows of each class have another label, shape (classes,): seen where the class is surest.

    Among the rows that look most like a class, nearly all are of it; the share of them with another label is then how
    often its labels are wrong. It is an upper bound wherever no row is surely of the class.

    References
    ----------
    T. Liu, D. Tao (2016), "Classification with noisy labels by importance reweighting", IEEE TPAMI 38; G. Patrini et
    al. (2017), "Making deep neural networks robust to label noise", CVPR (anchor points).
    """
    rates = np.empty(table.shape[1])
    for each in range(table.shape[1]):
        order = np.argsort(-table[:, each], kind="stable")
        wrong = np.cumsum(codes[order] != each)
        most = max(ANCHOR_ROWS, int(np.sum(codes == each)))
        sizes = np.array([min(len(codes), most, max(ANCHOR_ROWS, int(s * len(codes)))) for s in ANCHOR_SHARES])
        rates[each] = float(np.min((wrong[sizes - 1] + 1.0) / (sizes + 2.0)))
    return np.minimum(rates, HIGHEST_RATE)


def wrong_probability(table: Any, codes: Any, rates: Any, joint: Any) -> Any:
    """Probability that each label is wrong, shape (n,), by Bayes' rule from how often each class is mislabelled.

    Parameters
    ----------
    table
        Out-of-fold probabilities of the given labels, shape (n, classes).
    codes
        Given classes, shape (n,).
    rates
        How often rows of each true class have another label, shape (classes,).
    joint
        Confident joint, shape (classes, classes): how the wrong labels of a class spread.
    """
    kept = 1.0 - rates
    spread = _spread(joint)
    # Rows: true class; columns: given class.
    moved = np.diag(kept) + rates[:, None] * spread
    clean = np.clip(table @ np.linalg.pinv(moved), 1e-3, None)
    clean /= clean.sum(axis=1, keepdims=True)
    as_given = clean[np.arange(len(codes)), codes] * kept[codes]
    in_all = (clean * moved[:, codes].T).sum(axis=1)
    return np.clip(1.0 - as_given / np.maximum(in_all, 1e-12), 0.0, 1.0)


def _spread(joint: Any) -> Any:
    """Where the wrong labels of a true class go, shape (classes, classes), rows sum to 1 and the diagonal is 0."""
    classes = len(joint)
    away = joint.T * (1.0 - np.eye(classes)) + (1.0 - np.eye(classes))
    return away / away.sum(axis=1, keepdims=True)


def noise_weights(table: Any, codes: Any) -> Any:
    """How much each label is to count when the models are fitted again, shape (n,), in [0, 1].

    Labels that are more probably wrong than right count nothing, others by the square of the probability that they
    are right. All classes are taken to be wrong as often as the one that is so least: that is what anchors can show.
    """
    rates = np.full(table.shape[1], float(anchor_rates(table, codes).min()))
    wrong = wrong_probability(table, codes, rates, np.ones((len(rates), len(rates))))
    weights = np.where(wrong > 0.5, 0.0, (1.0 - wrong) ** 2)
    # No class may vanish.
    for each in range(table.shape[1]):
        own = codes == each
        if own.any() and np.sum(weights[own] > 0.0) < min(int(own.sum()), max(5, 0.3 * own.sum())):
            weights[own] = 1.0
    return weights


def flags_of(score: Any, table: Any, codes: Any, joint: Any, *, share: float) -> Any:
    """Labels to look at, shape (n,) bool: as many of each pair of classes as are taken to be wrong.

    Parameters
    ----------
    score
        How probably each label is wrong, shape (n,).
    table, codes, joint
        Probabilities, given classes, and confident joint.
    share
        Of the labels that are taken to be wrong, in [0, 1]: the joint's counts are scaled to it.
    """
    classes = len(joint)
    away = joint * (1.0 - np.eye(classes))
    away *= min(1.0, share * len(codes) / away.sum()) if away.sum() else 0.0
    flag = np.zeros(len(codes), dtype=bool)
    best = table.argmax(axis=1)
    for given in range(classes):
        for true in range(classes):
            count = round(float(away[given, true]))
            pool = np.flatnonzero((codes == given) & (best == true)) if true != given and count else ()
            if len(pool):
                flag[pool[np.argsort(-score[pool], kind="stable")[:count]]] = True
    return flag
