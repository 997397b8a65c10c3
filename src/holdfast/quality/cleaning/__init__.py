"""Cleaning of files: repairs with a trail, byte for byte, and back."""

from holdfast.quality.cleaning._clean import clean_file
from holdfast.quality.cleaning._effect import Effect, FamilyEffect, effect_of_repairs
from holdfast.quality.cleaning._result import Cleaned, Undone
from holdfast.quality.cleaning._undo import undo_file

__all__ = ["Cleaned", "Effect", "FamilyEffect", "Undone", "clean_file", "effect_of_repairs", "undo_file"]
