"""Anomalies: what does not belong, in time, among rows, between tables, and among labels.

==========  ==============================================================================================
module      what it finds
==========  ==============================================================================================
`columns`   columns that moved from one table to another
`labels`    labels that are probably wrong
`rows`      rows that do not belong, with the columns to blame
`series`    values of a time series that do not follow from those before them
==========  ==============================================================================================

The modules are imported by their names; importing the package costs nothing.
"""

from __future__ import annotations

__all__: list[str] = []
