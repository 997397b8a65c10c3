"""Remedies for groups that are treated unalike."""
