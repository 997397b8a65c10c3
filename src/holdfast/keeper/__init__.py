"""Holdfast: keeper."""
