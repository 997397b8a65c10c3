"""Remedies for broken promises of a model in production."""
