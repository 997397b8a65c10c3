"""Holdfast: stats."""
