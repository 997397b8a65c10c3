"""For those who build rooms: a conformance suite per port, tiny data, and simulated worlds.

A room of your own is tested in a line for each thing that it registers::

    from holdfast.testing import check_measure

    def test_my_measure_conforms():
        check_measure("my_measure")
"""

from __future__ import annotations

from holdfast.testing._conformance import ConformanceError
from holdfast.testing._measure import check_measure
from holdfast.testing._packager import check_packager
from holdfast.testing._remedy import check_remedy
from holdfast.testing._scanner import check_scanner
from holdfast.testing._source import check_source
from holdfast.testing._target import check_target
from holdfast.testing._trainer import check_trainer
from holdfast.testing.data import (
    tiny_context,
    tiny_contract,
    tiny_request,
    tiny_rows,
    tiny_scored,
    tiny_traffic,
    tiny_window,
)
from holdfast.testing.model import tiny_model, tiny_schema, tiny_version
from holdfast.testing.worlds import LateLabels, dirty, drifted

__all__ = [
    "ConformanceError",
    "LateLabels",
    "check_measure",
    "check_packager",
    "check_remedy",
    "check_scanner",
    "check_source",
    "check_target",
    "check_trainer",
    "dirty",
    "drifted",
    "tiny_context",
    "tiny_contract",
    "tiny_model",
    "tiny_request",
    "tiny_rows",
    "tiny_schema",
    "tiny_scored",
    "tiny_traffic",
    "tiny_version",
    "tiny_window",
]
