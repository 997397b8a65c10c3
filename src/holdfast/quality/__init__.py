"""Quality: what must hold of the rows, measured in one pass, and the rows that break it set aside.

Measures of subject ``rows`` (`measures/`, one check a file), the compiler that evaluates all of them in a single scan
(`compile_checks`), the files that rows come from (`sources/`) and the remedy that sets rows aside (`remedies/`).
"""

from __future__ import annotations

from holdfast.quality._expressions import Check, check
from holdfast.quality.compiler import CheckPlan, compile_checks

__all__ = ["Check", "CheckPlan", "check", "compile_checks"]
