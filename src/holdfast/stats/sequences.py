"""Confidence sequences and e-processes: what may be looked at after every observation, without false alarms.

A fixed-sample interval that is checked again and again is wrong sooner or later. Those here keep their error rate over
all looks together: `BettingSequence` is the tightest while observations are few, `EmpiricalBernsteinSequence` the
cheapest and as tight from some thousand on, `MeanTest` answers yes or no. Their state has constant size and goes
through JSON.
"""

from __future__ import annotations

from holdfast.stats._bernstein import EmpiricalBernsteinSequence
from holdfast.stats._betting import BettingSequence, betting_interval
from holdfast.stats._eprocess import MeanTest

__all__ = ["BettingSequence", "EmpiricalBernsteinSequence", "MeanTest", "betting_interval"]
