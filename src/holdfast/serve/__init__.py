"""Holdfast: serve."""
