"""A report as one HTML page that needs nothing else: no request, no script, light and dark, small screens and paper."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files

from holdfast.core.views import Table
from holdfast.quality.reports import views
from holdfast.quality.reports._band import band
from holdfast.quality.reports._words import MARKS, visible
from holdfast.quality.reports.results import CheckResult, Report

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<header>
<h1>{question}</h1>
<p class="answer {state}">{answer}</p>
{counts}
</header>
{body}
</main>
<footer><p>Holdfast {version}, {time}. Rows are counted from 0.</p></footer>
</body>
</html>
"""

CHECK = """\
<tr role="row" class="{verdict}">
<td role="cell" class="verdict"><span class="{verdict}">{mark} {verdict}</span></td>
<th role="rowheader" scope="row"><code><bdi>{check}</bdi></code>{reason}</th>
<td role="cell" data-name="value" class="value">{value}</td>
<td role="cell" data-name="rows failing">{rows}</td>
</tr>"""

HEADINGS = ("verdict", "check", "value and bound", "rows failing")


def to_html(report: Report) -> str:
    """A page; every text from the table is escaped, and what cannot be seen in it is written out."""
    from holdfast import __version__

    style = files("holdfast.quality.reports").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    state = report.state
    return PAGE.format(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        title=_text(f"{MARKS[state]} {_title(report)}: {report.summary}"),
        style=style,
        question=_question(report),
        state=state,
        answer=f"{MARKS[state]} {_text(_answer(report))}",
        counts=_counts(report),
        body="\n".join(_section(part, alone=not report.parts) for part in report.tables),
        version=__version__,
        time=report.time.strftime("%Y-%m-%d %H:%M %Z"),
    )


def _title(report: Report) -> str:
    return f"{len(report.parts)} tables" if report.parts else report.data


def _question(report: Report) -> str:
    if report.parts:
        return f"Do {_title(report)} keep their promises?"
    return f"Does <bdi>{_text(report.data)}</bdi> keep its promises?"


def _answer(report: Report) -> str:
    counts = report.counts
    if not report.results:
        return f"Unproven: there is no check in {report.contract}"
    if report.state == "held":
        return "Yes: every check is held"
    which = [f"{counts[state]} {state}" for state in ("broken", "unproven") if counts[state]]
    start = "No" if report.state == "broken" else "Not proven"
    return f"{start}: {' and '.join(which)} of {len(report.results)}"


def _counts(report: Report) -> str:
    given = [(f"{MARKS[state]} {state}", str(count)) for state, count in report.counts.items()]
    size = [("rows", _count(report.rows)), ("columns", str(report.columns))]
    pairs = "".join(f"<div><dt>{name}</dt><dd>{_text(value)}</dd></div>" for name, value in (*given, *size))
    return f'<dl class="counts">{pairs}</dl>'


def _section(report: Report, *, alone: bool) -> str:
    heading = "Checks" if alone else f"<bdi>{_text(report.data)}</bdi>"
    size = f"{_count(report.rows)} row{'' if report.rows == 1 else 's'}, {report.columns} columns, by "
    parts = [f"<section>\n<h2>{heading}</h2>", f"<p>{size}<bdi>{_text(report.contract)}</bdi></p>", _checks(report)]
    parts += [f'<p class="note">{_text(note)}</p>' for note in report.notes]
    return "\n".join([*parts, *_against(report), "</section>"])


def _checks(report: Report) -> str:
    if not report.results:
        return '<p class="empty">No check is given, so nothing is proven. Write one with: holdfast profile DATA</p>'
    heads = "".join(f'<th role="columnheader" scope="col">{each}</th>' for each in HEADINGS)
    rows = "\n".join(_check(each) for each in report.worst_first())
    return (
        '<table class="checks" role="table"><caption>Broken checks first</caption>\n'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n<tbody role="rowgroup">\n{rows}\n</tbody></table>'
    )


def _check(result: CheckResult) -> str:
    reason = f'<p class="reason">{_text(result.reason, limit=1000)}</p>' if result.reason else ""
    n = f' <span class="n">n={_count(result.n)}</span>' if result.n else ""
    return CHECK.format(
        verdict=result.verdict,
        mark=MARKS[result.verdict],
        check=_text(result.check),
        reason=reason,
        value=f'<span class="shown">{_text(result.shown) or "not measured"}</span>{n}{band(result)}',
        rows=_failing(result),
    )


def _failing(result: CheckResult) -> str:
    if result.rows_failing is None:
        return "-"
    first = ", ".join(str(each) for each in result.first_rows)
    more = ", …" if result.rows_failing > len(result.first_rows) else ""
    places = f'<span class="places">row {first}{more}</span>' if first else ""
    return f"<span>{_count(result.rows_failing)} of {_count(result.rows)}</span>{places}"


def _against(report: Report) -> list[str]:
    if report.diff is None and not report.against:
        return []
    parts = [f"<h3>Against <bdi>{_text(report.against) or 'the older version'}</bdi></h3>"]
    if report.diff is not None:
        parts.append(f"<p>{_text(report.diff.summary)}</p>")
        parts += [f'<p class="note">{_text(note)}</p>' for note in report.diff.notes]
    changed = views.verdict_changes(report.changes)
    parts.append(_table(changed) if changed.rows else "<p>Every verdict is held, as before.</p>")
    if report.diff is not None:
        parts += [_table(each) for each in views.difference(report.diff)]
    return parts


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col">{_text(each)}</th>' for each in table.columns)
    rows = "\n".join(f"<tr>{_cells(row)}</tr>" for row in table.rows)
    title = _text(table.title)
    # The box scrolls, so that the page does not; it takes the focus, so that keys can scroll it.
    return (
        f'<div class="box" role="region" aria-label="{title}" tabindex="0"><table><caption>{title}</caption>\n'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _cells(row: tuple[object, ...]) -> str:
    first, *rest = (f"<bdi>{_text(str(cell))}</bdi>" for cell in row)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{cell}</td>" for cell in rest)


def _count(number: int) -> str:
    # Thousands apart by a narrow blank (ISO 80000-1), which is neither anybody's decimal point nor comma.
    return f"{number:,}".replace(",", "\u202f")


def _text(text: str, *, limit: int = 300) -> str:
    return escape(visible(text, limit=limit))
