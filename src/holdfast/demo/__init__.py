"""Holdfast: demo."""
