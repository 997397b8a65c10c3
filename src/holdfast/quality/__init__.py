"""Holdfast: quality."""
