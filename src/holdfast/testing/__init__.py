"""Holdfast: testing."""
