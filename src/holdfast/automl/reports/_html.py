"""Pieces of the page: tables in boxes that scroll, what is folded away, lists of facts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

#: Rows of a table that are shown at once; the others are folded away.
SHOWN = 20
#: Rows of a table that are written at all: the plain data hold the others.
WRITTEN = 500


def section(title: str, body: Iterable[str], *, anchor: str) -> str:
    """Section with a heading; empty where its body is."""
    parts = [each for each in body if each]
    if not parts:
        return ""
    return "\n".join([f'<section id="{anchor}">', f"<h2>{escape(title)}</h2>", *parts, "</section>"])


def table(caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "") -> str:
    """Table of cells that are HTML already; the first cell of a row is its heading.

    The box scrolls, so that the page does not; it takes the focus, so that keys can scroll it.
    """
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in headings)
    body = "\n".join(f'<tr><th scope="row">{row[0]}</th>{_cells(row[1:])}</tr>' for row in rows)
    title = escape(caption)
    looks = f' class="{kind}"' if kind else ""
    return (
        f'<div class="box" role="region" aria-label="{title}" tabindex="0"><table{looks}>'
        f"<caption><span>{title}</span></caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>"
    )


def long_table(
    caption: str, headings: Sequence[str], rows: Sequence[Sequence[str]], *, kind: str = "", of: int | None = None
) -> str:
    """Table whose first rows are shown and whose others are folded away; `of` so many that there are in all."""
    shown = table(caption, headings, rows[:SHOWN], kind=kind)
    if len(rows) <= SHOWN:
        return shown
    others = table(f"{caption}: the others", headings, rows[SHOWN:WRITTEN], kind=kind)
    written = min(len(rows), WRITTEN)
    left = (len(rows) if of is None else of) - written
    more = note(f"{left} more are in report.json.") if left > 0 else ""
    return f"{shown}\n{folded(f'{written - SHOWN} more', others + more)}"


def _cells(cells: Iterable[str]) -> str:
    return "".join(f"<td>{each}</td>" for each in cells)


def folded(summary: str, body: str) -> str:
    """What is shown when asked for; empty where there is nothing."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>" if body else ""


def facts(pairs: Iterable[tuple[str, str]], *, kind: str = "counts") -> str:
    """List of names and values; the values are HTML already."""
    made = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="{kind}">{made}</dl>' if made else ""


def figure(drawing: str, caption: str, details: str = "") -> str:
    """Chart with its words (HTML already); empty where nothing could be drawn."""
    if not drawing:
        return ""
    return f"<figure>{drawing}<figcaption>{caption}</figcaption>{details}</figure>"


def note(text: str) -> str:
    """Quiet paragraph of HTML; empty for nothing."""
    return f'<p class="note">{text}</p>' if text else ""
