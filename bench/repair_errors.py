"""Errors planted in clean tables, seeded: the held-out test of the repair rules.

`plant` changes a share of the cells that an error can befall and hands back the dirty table; the clean one is the
truth. Kinds are what the literature on dirty data lists (Abedjan et al. 2016, "Detecting data errors: where are we and
what needs to be done?"; Arocena et al. 2015, BART): typing errors, masked letters, formats, missing words, misplaced
values, values of another row (which break dependencies), units and slipped points.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import polars as pl

Random = np.random.Generator
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def typing_error(text: str, rng: Random) -> str:
    """One letter lost, added, replaced or swapped with its neighbour."""
    place = int(rng.integers(len(text)))
    letter = _LETTERS[int(rng.integers(26))]
    kind = int(rng.integers(4))
    if kind == 0 and len(text) > 3:
        return text[:place] + text[place + 1 :]
    if kind == 1:
        return text[:place] + letter + text[place:]
    if kind == 2 and place + 1 < len(text):
        return text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text[:place] + letter + text[place + 1 :]


def masked_letter(text: str, rng: Random) -> str:
    """Every occurrence of one letter replaced by a star-like letter."""
    letters = sorted({each for each in text if each.isalnum()})
    return text.replace(letters[int(rng.integers(len(letters)))], "z") if letters else text


def other_case(text: str, rng: Random) -> str:
    """Upper or lower case throughout."""
    return text.upper() if rng.random() < 0.5 else text.lower()


def extra_blanks(text: str, rng: Random) -> str:
    """A blank doubled inside, or a no-break space."""
    place = text.find(" ")
    if place > 0:
        return text[:place] + ("  " if rng.random() < 0.5 else "\u00a0") + text[place + 1 :]
    return f"{text}\u200b"


def missing_word(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """A word for "no value" where a number was: the truth is then an empty cell, so `plant` empties it."""
    return ("N/A", "NULL", "-", "?", "nan")[int(rng.integers(5))]


def thousand_times(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """The number a thousand times too large."""
    return _times(text, 1000)


def ten_times(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """The number ten times too large: a slipped point."""
    return _times(text, 10)


def inches(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """The number 2.54 times too small."""
    return f"{float(text) / 2.54:.2f}"


def with_unit(text: str, rng: Random) -> str:
    """A unit written after some numbers."""
    return text + (" kg", "kg", " kg.")[int(rng.integers(3))]


def thousands_comma(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """A comma between thousands."""
    return f"{int(text):,}" if re.fullmatch(r"\d{4,}", text) else text


def trailing_zero(text: str, rng: Random) -> str:  # noqa: ARG001  # all kinds have one signature
    """A whole number written as a float."""
    return f"{text}.0" if re.fullmatch(r"-?\d+", text) else text


def other_date(text: str, rng: Random) -> str:
    """Another way of writing an ISO date."""
    match = re.fullmatch(r"(\d{4})-(\d\d)-(\d\d)", text)
    if match is None:
        return text
    year, month, day = match.groups()
    names = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    return (f"{year}/{month}/{day}", f"{int(day)} {names[int(month) - 1]} {year}")[int(rng.integers(2))]


def _times(text: str, factor: int) -> str:
    value = float(text) * factor
    return f"{value:.6f}".rstrip("0").rstrip(".")


# Kind: what it does to a text, and which texts it can befall.
CELL_ERRORS: dict[str, tuple[Callable[[str, Random], str], Callable[[str], bool]]] = {
    "typing_error": (typing_error, lambda text: len(text) >= 3 and not any(each.isdigit() for each in text)),
    "masked_letter": (masked_letter, lambda text: len(text) >= 3 and not _is_number(text)),
    "other_case": (other_case, lambda text: len(text) >= 3 and not any(each.isdigit() for each in text)),
    "extra_blanks": (extra_blanks, lambda text: len(text) >= 3 and not _is_number(text)),
    "missing_word": (missing_word, _is_number),
    "thousand_times": (thousand_times, lambda text: _is_number(text) and float(text) > 0),
    "ten_times": (ten_times, lambda text: _is_number(text) and float(text) > 0),
    "inches": (inches, lambda text: _is_number(text) and float(text) > 0),
    "with_unit": (with_unit, _is_number),
    "thousands_comma": (thousands_comma, lambda text: re.fullmatch(r"\d{4,}", text) is not None),
    "trailing_zero": (trailing_zero, lambda text: re.fullmatch(r"-?\d+", text) is not None),
    "other_date": (other_date, lambda text: re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None),
}
KINDS = (*CELL_ERRORS, "other_row", "emptied", "swapped_columns")


def plant(
    clean: pl.DataFrame, kind: str, rate: float, seed: int, *, columns: tuple[str, ...] | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Plant one kind of error in a share of the cells that it can befall.

    Parameters
    ----------
    clean
        Shape (n, columns), every column pl.String.
    kind
        One of `KINDS`.
    rate
        Share of the cells of each column, in (0, 1).
    seed
        Of `numpy.random.default_rng`.
    columns
        Where to plant; every column if not given.

    Returns
    -------
    tuple
        The dirty table and the truth: the clean one, but for numbers made a word for "no value", which are empty.
    """
    rng = np.random.default_rng(seed)
    names = list(columns or clean.columns)
    if kind == "swapped_columns":
        return _swapped(clean, rate, rng, names), clean
    dirty, truth = {}, {}
    for name in clean.columns:
        cells = clean[name].to_list()
        right = list(cells)
        if name in names:
            for row in np.flatnonzero(rng.random(len(cells)) < rate).tolist():
                cells[row] = _one(kind, cells, row, rng)
                if kind == "missing_word" and cells[row] != right[row]:
                    right[row] = None
        dirty[name], truth[name] = pl.Series(name, cells, pl.String), pl.Series(name, right, pl.String)
    return pl.DataFrame(dirty), pl.DataFrame(truth)


def _one(kind: str, cells: list[str | None], row: int, rng: Random) -> str | None:
    text = cells[row]
    if kind == "other_row":
        return cells[int(rng.integers(len(cells)))]
    if text is None or kind == "emptied":
        return None
    change, befalls = CELL_ERRORS[kind]
    return change(text, rng) if befalls(text) else text


def _swapped(clean: pl.DataFrame, rate: float, rng: Random, names: list[str]) -> pl.DataFrame:
    """Two neighbouring columns of words change places in some rows."""
    wordy = [n for n in names if not _is_number(next((t for t in clean[n].to_list() if t), "0"))]
    dirty = {name: clean[name].to_list() for name in clean.columns}
    for one, other in zip(wordy[::2], wordy[1::2], strict=False):
        for row in np.flatnonzero(rng.random(clean.height) < rate).tolist():
            dirty[one][row], dirty[other][row] = dirty[other][row], dirty[one][row]
    return pl.DataFrame({name: pl.Series(name, cells, pl.String) for name, cells in dirty.items()})
