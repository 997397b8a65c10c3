"""Holdfast: store."""
