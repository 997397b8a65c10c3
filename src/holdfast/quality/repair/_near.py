"""How likely one text is a mistyped other: edit distance with swaps, and one character put for another throughout."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

FAR = 9.0
# Longer texts are never compared: a distance costs time and the memory of a cache.
LONGEST = 1000


def edits(one: str, other: str, most: int) -> int:
    """Damerau-Levenshtein distance (optimal string alignment), or `most` + 1 when it is larger than `most`.

    Parameters
    ----------
    one, other
        The texts.
    most
        Distances above this are not told apart; the work is O(length x most).

    References
    ----------
    F. J. Damerau (1964), "A technique for computer detection and correction of spelling errors", CACM 7 (3).

    Examples
    --------
    >>> edits("boston", "bsoton", 2), edits("boston", "austin", 2)
    (1, 3)
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    if one == other:
        return 0
    start = 0
    shorter = min(len(one), len(other))
    while start < shorter and one[start] == other[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == other[-1 - end]:
        end += 1
    one, other = one[start : len(one) - end], other[start : len(other) - end]
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, mine in enumerate(one, 1):
        now = [row] + [most + 1] * len(other)
        low, high = max(1, row - most), min(len(other), row + most)
        for place in range(low, high + 1):
            theirs = other[place - 1]
            best = min(last[place] + 1, now[place - 1] + 1, last[place - 1] + (mine != theirs))
            if row > 1 and place > 1 and mine == other[place - 2] and one[row - 2] == theirs:
                best = min(best, before[place - 2] + 1)
            now[place] = best
        if min(now) > most:
            return most + 1
        before, last = last, now
    return min(last[-1], most + 1)


def masked(wrong: str, right: str) -> float:
    """Cost of a text where characters of another were replaced by one character; `FAR` when it is not so.

    One letter replaced throughout costs 1 however often it occurs, since it is one mistake.

    Examples
    --------
    >>> masked("201xpinexstreet", "201 pine street")
    1.1
    """
    if len(wrong) != len(right):
        return FAR
    pairs = [(a, b) for a, b in zip(right, wrong, strict=True) if a != b]
    kinds, marks = set(pairs), {b for _, b in pairs}
    if not pairs or len(marks) > 1:
        return FAR
    return len(kinds) + 0.1 * (len(pairs) - len(kinds))


def mistyping(wrong: str, right: str) -> float:
    """Estimated probability, in [0, 1), of writing `wrong` when `right` was meant and something was mistyped.

    0 when they are too far apart. A digit put for another digit makes another code more often than a typing error, so
    such pairs get next to nothing.

    Examples
    --------
    >>> mistyping("birmingxam", "birmingham") > 0.2
    True
    >>> mistyping("male", "female")
    0.0
    """
    length = max(len(wrong), len(right))
    if length < 2 or length > LONGEST or wrong == right:
        return 0.0
    return _mistyping(wrong, right, length)


@lru_cache(maxsize=1 << 16)
def _mistyping(wrong: str, right: str, length: int) -> float:
    cost = masked(wrong, right)
    if cost > 1.5:
        most = 1 if length < 8 else 2 if length < 12 else 3
        cost = min(cost, float(edits(wrong, right, most)) if edits(wrong, right, most) <= most else FAR)
    if _only_junk(wrong, right):
        cost = 1.0
    if cost > 1.5 and _other_word(wrong, right):
        return 0.0
    if cost >= FAR or cost > 0.5 + 0.25 * length:
        return 0.0
    if _digits_moved(wrong, right):
        return 0.01
    return 0.3 if cost < 1.5 else 0.1 if cost < 2.5 else 0.04


def _other_word(one: str, other: str) -> bool:
    """Whether a whole word was put for another: words are of equal number, and one of them differs in most letters."""
    mine, theirs = re.split(r"[\W_]+", one), re.split(r"[\W_]+", other)
    if len(mine) != len(theirs) or len(mine) < 2:
        return False
    return any(
        a != b and masked(a, b) > 1.5 and 2 * edits(a, b, max(len(a), len(b))) > max(len(a), len(b))
        for a, b in zip(mine, theirs, strict=True)
    )


def _only_junk(wrong: str, right: str) -> bool:
    """Whether signs were added to or lost from the ends."""
    trimmed = wrong.strip("*-_.,;:!?#~`'\"+=/\\|^ ")
    return len(trimmed) >= 2 and trimmed == right


def _digits_moved(one: str, other: str) -> bool:
    """Whether both texts are the same but for digits in the place of digits, or signs between digits."""
    signs = re.compile(r"(?<=\d)[\W_]+(?=\d)")
    if signs.sub("", one) == signs.sub("", other):
        return True
    mine = "".join("0" if each.isdigit() else each for each in one)
    theirs = "".join("0" if each.isdigit() else each for each in other)
    return mine == theirs or [e for e in one if not e.isdigit()] == [e for e in other if not e.isdigit()]


def sketch(texts: list[str]) -> npt.NDArray[np.int16]:
    """Counts of characters in 32 bins per text, shape (n, 32): a cheap lower bound of the edit distance.

    One edit changes at most two counts by one, so a sum of absolute differences above 2 d rules out distance d.
    """
    found = np.zeros((len(texts), 32), dtype=np.int16)
    for place, text in enumerate(texts):
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32) % 32
        found[place] = np.minimum(np.bincount(codes, minlength=32), 30000)
    return found
