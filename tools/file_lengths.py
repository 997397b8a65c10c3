"""File lengths: a file reads in one sitting. Over 600 lines it is split by noun; over 400 it is named as a warning."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests", "tools", "bench")
SUFFIXES = (".py", ".sh", ".js", ".css", ".html")
AIM, MOST = 400, 600


def lengths(root: Path) -> Iterator[tuple[int, Path]]:
    """Lines of every source file under the project's folders, with its path within `root`."""
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield len(path.read_bytes().splitlines()), path.relative_to(root)


def main(root: Path = ROOT) -> int:
    """Name the files that are long; 1 if one is too long."""
    found = sorted(lengths(root), reverse=True)
    for lines, path in found:
        if lines > AIM:
            word = "too long, split it by noun" if lines > MOST else "warning: over the aim"
            sys.stderr.write(f"{path}: {lines} lines ({word}; aim {AIM}, at most {MOST})\n")
    return int(any(lines > MOST for lines, _ in found))


if __name__ == "__main__":
    sys.exit(main())
