"""Measures of how groups are treated."""
