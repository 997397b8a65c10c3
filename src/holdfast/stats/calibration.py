"""Calibration maps, and performance estimated from calibrated scores before the labels are there."""

from __future__ import annotations

from holdfast.stats._calibrated import Calibrated, calibrated
from holdfast.stats._estimated import (
    ASSUMES,
    ESTIMATED,
    EstimatedConfusion,
    estimated,
    estimated_accuracy,
    estimated_confusion,
    estimated_f1,
    estimated_precision,
    estimated_recall,
    estimated_roc_auc,
    estimated_specificity,
)
from holdfast.stats._isotonic import Isotonic, fit_isotonic
from holdfast.stats._platt import Logistic, Platt, fit_logistic, fit_platt

__all__ = [
    "ASSUMES",
    "ESTIMATED",
    "Calibrated",
    "EstimatedConfusion",
    "Isotonic",
    "Logistic",
    "Platt",
    "calibrated",
    "estimated",
    "estimated_accuracy",
    "estimated_confusion",
    "estimated_f1",
    "estimated_precision",
    "estimated_recall",
    "estimated_roc_auc",
    "estimated_specificity",
    "fit_isotonic",
    "fit_logistic",
    "fit_platt",
]
