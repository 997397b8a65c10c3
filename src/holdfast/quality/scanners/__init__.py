"""Scanners: many measures of rows in one scan."""
