"""A search as one HTML page that needs nothing else: no request, no script, light and dark, small screens and paper."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from holdfast.automl.reports import _features, _search
from holdfast.automl.reports._cells import band, claimed
from holdfast.automl.reports._html import facts, folded, note, section, table
from holdfast.automl.reports._plain import items, number, numbers, part, truth, whole, word, words
from holdfast.automl.reports._words import (
    MARKS,
    WORST_FIRST,
    counted,
    give_or_take,
    measured,
    name,
    sentence,
    shown,
    verdict,
    visible,
)
from holdfast.automl.reports.summary import called, impossible, nearest, value_text

Report = Mapping[str, Any]

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
{header}
</header>
{links}
{body}
</main>
<footer><p>{footer}</p></footer>
</body>
</html>
"""

#: How the weights of members came about.
HOW = {"greedy": "Members and weights chosen greedily", "stacked": "Weights found by stacking"}

CHECK = """\
<tr role="row" class="{verdict}">
<td role="cell" class="verdict"><span class="{verdict}">{mark} {verdict}</span></td>
<th role="rowheader" scope="row"><code>{claim}</code>{reason}</th>
<td role="cell" data-name="value" class="value">{value}</td>
</tr>"""


def render(report: Report, *, title: str | None = None) -> str:
    """Page of a search.

    Parameters
    ----------
    report
        Plain data, as `Trained.report` has them, and what the facade adds: ``promises`` (mappings with ``claim``,
        ``verdict``, ``value``, ``low``, ``high``, ``n``, ``unit``, ``reason``), ``data`` (``name``, ``rows``,
        ``sha256``), ``target``, ``holdfast``. What is missing, or no number, is left out or said to be missing.
    title
        The question that the page answers; None asks whether the promises are kept, or which model is best.

    Returns
    -------
    str
        HTML with its style; every text of the report is escaped, and what cannot be seen in it is written out.
    """
    style = files("holdfast.automl.reports").joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    state, answer = _answer(report)
    question = _question(report) if title is None else escape(visible(title, limit=300))
    mark = f"{MARKS[state]} " if state else ""
    body = [each for each in _sections(report) if each]
    return PAGE.format(
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        title=f"{mark}{re.sub('<[^>]*>', '', question)}",
        style=style,
        question=question,
        state=state,
        answer=f"{mark}{answer}",
        header=_header(report),
        links=_links(body),
        body="\n".join(body),
        footer=_footer(report),
    )


def _sections(report: Report) -> list[str]:
    # Worst first: what may make the rest worthless stands before it.
    return [
        _promises(report),
        _features.leaks(report),
        _chosen(report),
        _search.pareto(report),
        _search.board(report),
        _features.columns(report),
        _features.made(report),
        _search.curves(report),
        _search.budget(report),
        _features.notes(report),
    ]


def _question(report: Report) -> str:
    target = f" of {name(report.get('target'))}" if word(report.get("target")) else ""
    if items(report, "promises") or truth(report.get("feasible")) is not None:
        return f"Does the model{target} keep its promises?"
    return f"Which model{target} is the best?"


def _answer(report: Report) -> tuple[str, str]:
    chosen = part(report, "chosen")
    states = [verdict(each.get("verdict")) for each in items(report, "promises")]
    which = f"<b>{name(called(chosen))}</b>" if called(chosen) else "the chosen model"
    if truth(report.get("feasible")) is False:
        near = nearest(report)
        said = f"the nearest miss is {which}: {escape('; '.join(near))}" if near else "no candidate keeps every promise"
        return "broken", f"Infeasible: {said}"
    if not chosen:
        return "", "No model was chosen."
    if not states:
        kept = ", and it keeps every promise that was looked at" if truth(report.get("feasible")) else ""
        return "", f"{_best(chosen, which)}{kept}"
    state = next(each for each in WORST_FIRST if each in states)
    counts = " and ".join(f"{states.count(each)} {each}" for each in WORST_FIRST[:2] if each in states)
    if state == "held":
        promises = f"all {len(states)} promises" if len(states) > 1 else "its promise"
        return state, f"Yes: {which} keeps {promises}"
    return state, f"{'No' if state == 'broken' else 'Not proven'}: {counts} of {len(states)}, by {which}"


def _best(chosen: Mapping[str, Any], which: str) -> str:
    loss = number(chosen.get("score"))
    return which if loss is None else f"{which}: loss {give_or_take(loss, chosen.get('error'))}"


def _header(report: Report) -> str:
    states = [verdict(each.get("verdict")) for each in items(report, "promises")]
    pairs = [(f"{MARKS[each]} {each}", str(states.count(each))) for each in ("held", "broken", "unproven") if states]
    chosen = part(report, "chosen")
    picked = next((each for each in items(report, "pareto") if truth(each.get("chosen"))), {})
    given = (
        ("loss", give_or_take(chosen.get("score"), chosen.get("error")), number(chosen.get("score"))),
        ("constant answer", shown(part(report, "baseline").get("loss")), number(part(report, "baseline").get("loss"))),
        ("one answer takes", measured(picked.get("latency_s"), "seconds"), number(picked.get("latency_s"))),
        ("size", measured(picked.get("size_bytes"), "bytes"), number(picked.get("size_bytes"))),
        ("trials", shown(len(items(report, "trials"))), number(len(items(report, "trials"))) or None),
        ("training rows", shown(report.get("rows")), number(report.get("rows"))),
    )
    pairs += [(label, shown_value) for label, shown_value, value in given if value is not None]
    return "\n".join(each for each in (facts(pairs), _data(report)) if each)


def _data(report: Report) -> str:
    data = part(report, "data")
    pairs = []
    if word(data.get("name")):
        pairs.append(("data", name(data.get("name"))))
    if whole(data.get("rows")) is not None:
        pairs.append(("rows", shown(data.get("rows"))))
    if word(report.get("target")):
        pairs.append(("target", name(report.get("target"))))
    if word(report.get("task")):
        pairs.append(("task", name(report.get("task"))))
    if word(report.get("objective")):
        pairs.append(("loss", name(report.get("objective"))))
    if whole(report.get("columns_in")) is not None:
        pairs.append(("columns", shown(report.get("columns_in"))))
    if part(report, "folds"):
        pairs.append(("held out", _folds(part(report, "folds"))))
    if word(data.get("sha256")):
        pairs.append(("SHA-256", f"<code>{name(data.get('sha256'))}</code>"))
    return facts(pairs, kind="facts")


def _folds(folds: Mapping[str, Any]) -> str:
    kinds = {"group": "by group", "time": "in time"}
    kind, count, repeats = word(folds.get("kind")), whole(folds.get("count")), whole(folds.get("repeats"))
    told = [counted(count, "fold")] if count is not None else []
    told += [sentence(kinds.get(kind, kind))] if kind else []
    told += [f"{repeats} times"] if repeats is not None and repeats > 1 else []
    return ", ".join(told)


def _links(sections: Sequence[str]) -> str:
    found = [re.search(r'<section id="([a-z]+)">\n<h2>(.*?)(?::.*)?</h2>', each) for each in sections]
    short = {"promises": "promises", "leaks": "leaks", "chosen": "chosen", "pareto": "costs", "made": "made features"}
    links = [f'<a href="#{each[1]}">{short.get(each[1], each[1])}</a>' for each in found if each is not None]
    return f'<nav aria-label="Sections">{" ".join(links)}</nav>' if len(links) > 3 else ""


def _promises(report: Report) -> str:
    found = items(report, "promises")
    proven = "".join(f'<li><span class="broken">✗</span> {escape(each)}</li>' for each in impossible(report)[:50])
    proofs = f"<ul>{proven}</ul>" if proven else ""
    if not found:
        return section("Promises", [proofs], anchor="promises")
    order = sorted(found, key=lambda each: WORST_FIRST.index(verdict(each.get("verdict"))))
    heads = "".join(f'<th role="columnheader" scope="col">{each}</th>' for each in ("verdict", "promise", "value"))
    rows = "\n".join(_promise(each) for each in order)
    body = (
        '<table class="checks" role="table"><caption>Broken promises first; '
        "the dot is the value, the bar its interval, the line the bound</caption>\n"
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>\n<tbody role="rowgroup">\n{rows}\n</tbody></table>'
    )
    return section("Promises", [proofs, body], anchor="promises")


def _promise(found: Mapping[str, Any]) -> str:
    state, claim = verdict(found.get("verdict")), word(found.get("claim"))
    value, low, high = (number(found.get(key)) for key in ("value", "low", "high"))
    told = value_text(found)
    promise = claimed(claim) if value is not None else None
    drawn = ""
    if promise is not None and value is not None:
        drawn = band(promise, state, value, low=low, high=high, told=told)
    reason = f'<p class="reason">{sentence(found.get("reason"))}</p>' if word(found.get("reason")) else ""
    return CHECK.format(
        verdict=state,
        mark=MARKS[state],
        claim=name(claim),
        reason=reason,
        value=f'<span class="shown">{escape(told) or "not measured"}</span>{drawn}',
    )


def _chosen(report: Report) -> str:
    chosen = part(report, "chosen")
    if not chosen:
        return section("What was chosen, and why?", [note("No model was chosen.")], anchor="chosen")
    made = _made(chosen, word(report.get("task")))
    reasons = "".join(f"<li>{sentence(each)}</li>" for each in words(chosen.get("reasons"))[:50])
    near = "".join(f"<li>{escape(each)}</li>" for each in nearest(report)[:50])
    body = [
        f"<ul>{reasons}</ul>" if reasons else "",
        _members(chosen),
        note(f"{'. '.join(made)}." if made else ""),
        folded("how far the nearest miss is from each promise", f"<ul>{near}</ul>" if near else ""),
    ]
    return section("What was chosen, and why?", body, anchor="chosen")


def _members(chosen: Mapping[str, Any]) -> str:
    rows = [
        (name(each.get("name")), name(each.get("learner")), shown(each.get("weight")), shown(each.get("rounds")))
        for each in items(chosen, "members")[:50]
    ]
    told = "Members: their margins are averaged by weight" if len(rows) > 1 else "A single model"
    return table(told, ("member", "learner", "weight", "rounds"), rows)


def _made(chosen: Mapping[str, Any], task: str) -> list[str]:
    told = [HOW[word(chosen.get("how"))]] if word(chosen.get("how")) in HOW else []
    line = numbers(chosen.get("calibration"))
    if len(line) == 2 and line != [1.0, 0.0]:
        told.append(f"Calibrated: margin × {shown(line[0])} {'+' if line[1] >= 0 else '−'} {shown(abs(line[1]))}")
    if number(chosen.get("threshold")) is not None and task in ("", "binary"):
        told.append(f"Positive from a probability of {shown(chosen.get('threshold'))}")
    if word(chosen.get("refit")):
        told.append(f"Fitted to: {sentence(chosen.get('refit'))}")
    if truth(chosen.get("distilled")):
        told.append("Distilled into a single model, because the ensemble broke a promise")
    return told


def _footer(report: Report) -> str:
    from holdfast import __version__

    version = word(report.get("holdfast")) or __version__
    clock = "Losses are measured out of fold; lower is better."
    return f"Holdfast {name(version)}. {clock} The report is drawn from report.json, which lies beside it."
