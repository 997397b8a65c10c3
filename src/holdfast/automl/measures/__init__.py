"""Measures of the room."""
