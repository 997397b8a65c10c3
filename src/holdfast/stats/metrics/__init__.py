"""What a model is judged by: arrays in, a `Value` with its interval out.

Every metric is called alike: ``metric(truth, decision_or_score, *, confidence=0.95, rng=None, anytime=False)`` and
raises `NotMeasurable` where it is not defined; none ever gives NaN. With ``anytime=True`` the interval may be looked at
after every row: a betting confidence sequence where the metric is a mean of bounded values, else an asymptotic
confidence sequence (the method says which).

===============  =======================================================================================
decisions        accuracy, balanced_accuracy, error_rate, f1, false_negative_rate, false_positive_rate, mcc,
                 precision, recall, selection_rate, specificity
scores           average_precision, roc_auc
probabilities    brier, calibration_slope, ece, log_loss
numbers          coverage, mae, mape, pinball, quantile_coverage, r2, rmse, smape
counts           poisson_deviance
times to events  concordance
rankings         mean_average_precision, mrr, ndcg, precision_at_k
forecasts        bias, mase, rmsse, wape
===============  =======================================================================================
"""

from __future__ import annotations

from holdfast.stats.metrics.agreement import f1, mcc
from holdfast.stats.metrics.classification import (
    accuracy,
    balanced_accuracy,
    error_rate,
    false_negative_rate,
    false_positive_rate,
    precision,
    recall,
    selection_rate,
    specificity,
)
from holdfast.stats.metrics.counts import poisson_deviance, quantile_coverage
from holdfast.stats.metrics.discrimination import average_precision, roc_auc
from holdfast.stats.metrics.forecasting import bias, mase, rmsse, wape
from holdfast.stats.metrics.probability import brier, calibration_slope, ece, log_loss
from holdfast.stats.metrics.ranking import mean_average_precision, mrr, ndcg, precision_at_k
from holdfast.stats.metrics.regression import coverage, mae, mape, pinball, r2, rmse, smape
from holdfast.stats.metrics.survival import concordance

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "bias",
    "brier",
    "calibration_slope",
    "concordance",
    "coverage",
    "ece",
    "error_rate",
    "f1",
    "false_negative_rate",
    "false_positive_rate",
    "log_loss",
    "mae",
    "mape",
    "mase",
    "mcc",
    "mean_average_precision",
    "mrr",
    "ndcg",
    "pinball",
    "poisson_deviance",
    "precision",
    "precision_at_k",
    "quantile_coverage",
    "r2",
    "recall",
    "rmse",
    "rmsse",
    "roc_auc",
    "selection_rate",
    "smape",
    "specificity",
    "wape",
]
