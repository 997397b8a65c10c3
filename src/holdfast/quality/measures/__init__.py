"""Measures of subject rows; one check a file."""
