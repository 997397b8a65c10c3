"""Remedies for broken promises about rows."""
