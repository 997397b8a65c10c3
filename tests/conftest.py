"""Fixtures for every floor."""
