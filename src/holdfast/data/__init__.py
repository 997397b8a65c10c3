"""The use-cases of a table that belongs to no project yet: profile, check, clean, anomalies, label errors, compare.

These functions are the SDK of data quality; the commands of the same names call them. `Project` does the same for the
data of a contract, with a journal.
"""

from __future__ import annotations

from holdfast.data._tables import (
    anomalies,
    check,
    check_all,
    check_out,
    clean,
    import_checks,
    label_errors,
    profile,
    read,
    row_anomalies,
    undo,
)

__all__ = [
    "anomalies",
    "check",
    "check_all",
    "check_out",
    "clean",
    "import_checks",
    "label_errors",
    "profile",
    "read",
    "row_anomalies",
    "undo",
]
