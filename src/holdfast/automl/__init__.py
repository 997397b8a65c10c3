"""Holdfast: automl."""
