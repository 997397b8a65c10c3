"""Holdfast: responsible."""
