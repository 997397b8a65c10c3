"""Holdfast: explain."""
