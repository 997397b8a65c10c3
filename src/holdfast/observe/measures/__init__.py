"""Measures of windows of live rows, and of traffic."""
