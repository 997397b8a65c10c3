"""Holdfast: cloud."""
