"""Sections on the columns: what leaks, what each is worth, what was made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.automl.reports._cells import bar
from holdfast.automl.reports._html import WRITTEN, long_table, note, section
from holdfast.automl.reports._plain import items, number, part, truth, word, words
from holdfast.automl.reports._scale import Scale, scale_of
from holdfast.automl.reports._words import (
    NOTHING,
    SENTENCE,
    counted,
    give_or_take,
    name,
    percent,
    sentence,
    short,
    shown,
    visible,
)

Report = Mapping[str, Any]

KEPT = {True: "✓ kept", False: "– dropped", None: NOTHING}


def leaks(report: Report) -> str:
    """Columns that give the target away; a short word where there are none, nothing where nobody looked."""
    found = items(report, "leaks")
    title = "Does a column give the target away?"
    if not found:
        said = [note("✓ No column was found that does.")] if isinstance(report.get("leaks"), (list, tuple)) else []
        return section(title, said, anchor="leaks")
    rows = [
        (
            f'<span class="broken">✗</span> {name(each.get("column"))}',
            sentence(each.get("why")) or NOTHING,
            shown(each.get("score")),
        )
        for each in found[:WRITTEN]
    ]
    answer = f'<p class="broken"><b>✗ Yes: {counted(len(found), "column")}.</b></p>'
    return section(
        title,
        [answer, long_table("Leaks", ("column", "why", "score alone"), rows, kind="leaks", of=len(found))],
        anchor="leaks",
    )


def columns(report: Report) -> str:
    """What each column is worth, the most important first; then those without a number."""
    found = items(report, "columns")
    if not found:
        return ""
    ordered = sorted(found, key=lambda each: -_or_least(number(each.get("importance"))))
    scale = _scale(ordered)
    rows = [_column(each, scale, number(report.get("rows"))) for each in ordered[:WRITTEN]]
    headings = ("column", "importance", "", "stability", "missing", "levels", "kept")
    told = (
        "By how much the loss grows without the column, with its interval; how often it is chosen on part of the rows"
    )
    dropped = sum(truth(each.get("kept")) is False for each in found)
    size = note(
        f"{counted(len(found), 'column')}, {dropped} dropped." if dropped else f"{counted(len(found), 'column')}."
    )
    return section(
        "Which columns matter?",
        [size, long_table(told, headings, rows, kind="columns", of=len(found))],
        anchor="columns",
    )


def _scale(found: Sequence[Mapping[str, Any]]) -> Scale | None:
    ends = [number(each.get(key)) for each in found for key in ("importance", "low", "high")]
    return scale_of([each for each in ends if each is not None], zero=True)


def _column(column: Mapping[str, Any], scale: Scale | None, rows: float | None) -> tuple[str, ...]:
    value, low, high = (number(column.get(key)) for key in ("importance", "low", "high"))
    drawn = "" if value is None or scale is None else bar(value, low, high, scale=scale)
    kind = f'<span class="places">{name(column.get("dtype"))}</span>' if word(column.get("dtype")) else ""
    reason = f'<span class="places">{sentence(column.get("reason"))}</span>' if word(column.get("reason")) else ""
    return (
        f"{name(column.get('name'))}{kind}",
        shown(value),
        drawn,
        short(percent(column.get("stability"))),
        short(_missing(number(column.get("missing")), rows)),
        shown(_levels(column.get("levels"))),
        f"{KEPT[truth(column.get('kept'))]}{reason}",
    )


def _missing(missing: float | None, rows: float | None) -> str:
    # A trainer may count the rows or give their share.
    if missing is not None and missing > 1.0:
        return percent(missing / rows) if rows is not None and rows >= missing else shown(missing)
    return percent(missing)


def _levels(levels: Any) -> float | None:
    return float(len(levels)) if isinstance(levels, (list, tuple)) else number(levels)


def _or_least(value: float | None) -> float:
    return float("-inf") if value is None else value


def made(report: Report) -> str:
    """What was made of the columns, how, and what it gained."""
    found = items(report, "made")
    if not found:
        said = [note("Nothing was made that paid.")] if isinstance(report.get("made"), (list, tuple)) else []
        return section("What was made of the columns?", said, anchor="made")
    ordered = sorted(
        found, key=lambda each: (truth(each.get("kept")) is not True, -_or_least(number(each.get("gain"))))
    )
    rows = [_made(each) for each in ordered[:WRITTEN]]
    told = "Kept where it pays out of fold: the fall of the loss, with its standard error"
    return section(
        "What was made of the columns?",
        [long_table(told, ("features", "made from", "gain", "kept"), rows, kind="wide", of=len(found))],
        anchor="made",
    )


def _made(feature: Mapping[str, Any]) -> tuple[str, ...]:
    names = words(feature.get("names"))
    shown_names = ", ".join(name(each) for each in names[:6]) or NOTHING
    more = f' <span class="n">and {len(names) - 6} more</span>' if len(names) > 6 else ""
    gain = short(give_or_take(feature.get("gain"), feature.get("error")))
    return f"{shown_names}{more}", lineage(part(feature, "recipe")), gain, KEPT[truth(feature.get("kept"))]


def lineage(recipe: Mapping[str, Any]) -> str:
    """A recipe in one line of HTML: the maker, its columns, its settings."""
    kind, sources = word(recipe.get("kind")), words(recipe.get("columns"))
    if not kind and not sources:
        return NOTHING
    more = f", and {len(sources) - 8} more" if len(sources) > 8 else ""
    settings = ", ".join(f"{key} {value}" for key, value in list(part(recipe, "params").items())[:8])
    told = f'<span class="places">{name(visible(settings, limit=SENTENCE))}</span>' if settings else ""
    return f"<code>{name(kind)}({', '.join(name(each) for each in sources[:8])}{more})</code>{told}"


def notes(report: Report) -> str:
    """What a trainer or the facade had to say."""
    found = words(report.get("notes"))
    told = "".join(f"<li>{sentence(each)}</li>" for each in found[:WRITTEN])
    return section("Notes", [f"<ul>{told}</ul>"] if told else [], anchor="notes")
