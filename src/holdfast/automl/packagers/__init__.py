"""Packagers of the room."""
