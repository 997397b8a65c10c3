"""Holdfast: cli."""
