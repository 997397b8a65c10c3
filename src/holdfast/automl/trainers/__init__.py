"""Trainers of the room."""
