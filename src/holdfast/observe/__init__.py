"""Holdfast: observe."""
