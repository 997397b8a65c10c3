"""Trainer `automl`: the best deployable model found in the time, under the promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from holdfast.core.registry import trainer

if TYPE_CHECKING:
    from holdfast.core.ports import Trained, TrainRequest


@trainer
class AutoML:
    """A portfolio of learners, a search around the best, and a small ensemble, all scored out of fold.

    Settings (all optional):

    - ``learners`` (names), ``max_trials``, ``rounds`` (most boosting rounds), ``search`` (False: the portfolio alone),
      ``members`` (of an ensemble; 1 for a single model), ``bag`` (ship the models of the folds), ``features`` (False:
      nothing is made of the columns), ``vectors`` (file of word vectors), ``distil`` (False: no student),
      ``most_bytes`` of the graph;
    - ``folds``, ``repeats``, ``group`` or ``time`` (a column whose values stay together, or are never looked at before
      their time), ``leaks`` (``warn`` or ``drop``);
    - ``monotone`` (1 or -1 by column), ``threshold`` (of the positive class), ``calibrate`` (False for none);
    - ``quantile`` (level), ``event`` (column of a survival task);
    - ``threads``, ``executor`` (local, processes, ray) and ``workers``: where trials run.

    With the same request the same model comes out, byte for byte, as long as the budget does not end the search.
    """

    name = "automl"

    def train(self, request: TrainRequest) -> Trained:
        """Train a model; see `holdfast.core.ports.Trainer`.

        Raises
        ------
        DataError
            If the rows cannot be learnt from: `EmptyTable`, `ColumnNotFound`, `UnusableTarget`.
        InvalidValue
            If a setting is out of range.
        TrainingFailed
            If no configuration could be fitted.
        ExportFailed
            If the exported graph does not answer as the model does.
        """
        from threadpoolctl import threadpool_limits

        from holdfast.automl._problem import check
        from holdfast.automl._settings import Settings
        from holdfast.automl._training import Training

        check(request)
        settings = Settings.of(request)
        with threadpool_limits(limits=settings.threads, user_api="blas"):
            return Training.of(request, settings).go()
