"""Interchange: checks of other tools as promises (Great Expectations, Pandera, Soda, dbt, Frictionless).

No other tool is imported and nothing of a suite is run: SQL, Python and templates are skipped, each with its reason.
"""

from holdfast.quality.exchange._read import is_suite, read_suite
from holdfast.quality.exchange._suite import Imported, Skipped
from holdfast.quality.exchange._text import checks_text

__all__ = ["Imported", "Skipped", "checks_text", "is_suite", "read_suite"]
