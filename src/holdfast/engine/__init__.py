"""Holdfast: engine."""
