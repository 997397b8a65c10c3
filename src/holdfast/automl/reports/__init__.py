"""Reports of a search: a page for a person, a leaderboard in rows, a summary for the terminal.

All are made from plain data (`Trained.report`, and what a facade adds to it), and from whatever part of them there is.
"""

from __future__ import annotations

from holdfast.automl.reports.page import render
from holdfast.automl.reports.summary import leaderboard, text

__all__ = ["leaderboard", "render", "text"]
