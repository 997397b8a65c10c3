"""The report of a search: whole in one file, readable by everybody, and not to be broken by what it is given."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import math
import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl.reports import leaderboard, render, text

VOID = {"meta", "rect", "line", "circle", "polyline", "polygon", "path"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "nav", "a", "h1", "h2"),
    *("p", "b", "ul", "li", "dl", "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "span"),
    *("code", "bdi", "details", "summary", "figure", "figcaption"),
    *("svg", "g", "text", "rect", "line", "circle", "polyline", "polygon", "path"),
}
PROMISES = [
    ("roc_auc >= 0.92 with 95%", "held", 0.9291, 0.9248, 0.9334, 9769, "share", ""),
    (
        "demographic_parity_difference(sex) <= 0.1 with 95%",
        "unproven",
        0.095,
        0.081,
        0.109,
        9769,
        "share",
        "too few rows",
    ),
    ("p95_latency <= 1 ms", "held", 3.2e-5, 3.1e-5, 3.5e-5, 2000, "seconds", ""),
    ("model_size <= 5 MB", "held", 1.1e6, None, None, 1, "bytes", ""),
    ("recall >= 0.8 by race, sex", "broken", 0.713, 0.66, 0.761, 412, "share", "race=Black, sex=Female: 0.713 < 0.8"),
]
PARETO = [
    ("linear/1", 0.318, 14_000, 9e-6, False, "breaks a promise"),
    ("lightgbm/2", 0.2795, 410_000, 14e-6, True, "+0.0047 loss for 18 us less"),
    ("ensemble of 3", 0.2748, 1_100_000, 32e-6, True, "least loss"),
    ("ensemble of 4", 0.2744, 9_100_000, 70e-6, False, "8 times the size, over your promise"),
]
COLUMNS = [
    ("relationship", "string", 0.0, 6, 0.061, 0.055, 0.067, 1.0, True, ""),
    ("age", "float32", 0.0566, None, 0.029, 0.026, 0.032, 0.96, True, ""),
    ("fnlwgt", "float32", 0.0004, None, -0.0003, -0.0011, 0.0005, 0.1, False, "noise: the loss falls without it"),
]


def _named(names: str, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(names.split(), row, strict=True)) for row in rows]


def _trial(name: str, score: float | None, *, state: str = "done", rounds: int | None = None) -> dict[str, Any]:
    curve = [] if rounds is None or score is None else (score + 0.3 * np.exp(-np.linspace(0, 6, 50))).tolist()
    return {
        **{"name": name, "learner": name.partition("/")[0], "parameters": {"depth": 6}, "features": "plain"},
        **{"weighting": "", "state": state, "score": score, "error": None if score is None else 0.0031},
        **{"rounds": rounds, "seconds": 1.25, "cpu_s": 2.0, "size_bytes": 410_000, "curve": curve, "steps": []},
        **{"resumed": False, **({"reason": "singular matrix"} if state == "failed" else {})},
    }


@pytest.fixture
def report() -> dict[str, Any]:
    """A search on adult, as a trainer and the facade tell it."""
    members = _named(
        "name learner weight rounds", [("catboost/1", "catboost", 0.6, 412), ("linear/1", "linear", 0.4, None)]
    )
    recipe = {"kind": "cross", "columns": ["education_num", "occupation"], "params": {"levels": 60}}
    return {
        "task": "binary",
        "rows": 22792,
        "columns_in": 14,
        "folds": {"kind": "stratified", "count": 5, "repeats": 2},
        "budget": {"seconds": 60.0, "clock": "wall", "wall_s": 61.3, "cpu_s": 103.4},
        "baseline": {"name": "constant", "loss": 0.5521},
        "trials": [
            _trial("lightgbm/2", 0.2795, rounds=260),
            _trial("knn/1", None, state="failed"),
            _trial("catboost/1", 0.2771, rounds=412),
            _trial("linear/1", 0.318),
            _trial("mlp/1", 0.2501, state="pruned"),
        ],
        "chosen": {
            **{"name": "ensemble of 2", "members": members, "calibration": [1.034, -0.012], "threshold": 0.43},
            **{"score": 0.2748, "error": 0.0031, "refit": "all rows", "distilled": False},
            "reasons": ["It has the least loss of those that keep every promise."],
        },
        "pareto": [
            {
                **each,
                "error": 0.003,
                "gaps": {"recall >= 0.8": 0.7},
                "violation": 0.0,
                "chosen": each["name"] == "ensemble of 3",
            }
            for each in _named("name loss size_bytes latency_s keeps why", PARETO)
        ],
        "feasible": True,
        "nearest": [],
        "columns": _named("name dtype missing levels importance low high stability kept reason", COLUMNS),
        "made": [
            {"recipe": recipe, "names": ["education_num x occupation"], "gain": 0.0012, "error": 0.0004, "kept": True},
            {"recipe": {**recipe, "kind": "ratio"}, "names": ["a / b"], "gain": 0.0001, "error": 0.0003, "kept": False},
        ],
        "leaks": [{"column": "tax_bracket_next_year", "why": "alone it tells the target apart", "score": 0.998}],
        "learning_curve": _named(
            "rows loss error", [(1500, 0.318, 0.007), (5000, 0.296, 0.004), (22792, 0.2748, 0.0031)]
        ),
        "notes": ["12 rows without a target were left out"],
        "promises": _named("claim verdict value low high n unit reason", PROMISES),
        "data": {"name": "adult.parquet", "rows": 32561, "sha256": "9f86d081" * 8},
        "target": "income",
        "holdfast": "0.1.0",
    }


class Page(HTMLParser):
    """Elements, attributes and text of a page; whether everything that opens closes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.data: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.data.append(data)

    @property
    def words(self) -> str:
        return "".join(self.data)

    def of(self, attribute: str) -> list[str]:
        return [value for name, value in self.attributes if name == attribute]


def test_the_page_asks_for_nothing_and_runs_nothing(report: dict[str, Any]) -> None:
    made = render(report)
    page = Page(made)
    assert page.open == []
    assert set(page.tags) <= ALLOWED
    names = {name for name, _ in page.attributes}
    assert not {"src", "style", "action", "srcset", "data", "background", "xlink:href"} & names
    assert not [name for name in names if name.startswith("on")]
    assert [each for each in page.of("href") if not each.startswith("#")] == []
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<iframe", made)


def test_the_policy_forbids_everything_but_the_pages_own_style(report: dict[str, Any]) -> None:
    made = render(report)
    style = re.search(r"<style>(.*?)</style>", made, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in made


def test_one_question_stands_in_the_title_and_its_answer_under_it(report: dict[str, Any]) -> None:
    made = render(report)
    assert "<title>✗ Does the model of income keep its promises?</title>" in made
    assert made.count("<h1>") == 1
    assert "✗ No: 1 broken and 1 unproven of 5, by ensemble of 2" in Page(made).words


def test_a_title_that_is_given_is_escaped_and_stands_in_both_places(report: dict[str, Any]) -> None:
    made = render(report, title="Is <b>it</b> good?")
    assert "<h1>Is &lt;b&gt;it&lt;/b&gt; good?</h1>" in made
    assert "<title>✗ Is &lt;b&gt;it&lt;/b&gt; good?</title>" in made


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        (("held", "held"), "✓ Yes: ensemble of 2 keeps all 2 promises"),
        (("held",), "✓ Yes: ensemble of 2 keeps its promise"),
        (("unproven", "held"), "? Not proven: 1 unproven of 2, by ensemble of 2"),
        (("broken", "broken"), "✗ No: 2 broken of 2, by ensemble of 2"),
        (("maybe",), "? Not proven: 1 unproven of 1, by ensemble of 2"),
        ((), "ensemble of 2: loss 0.2748 ± 0.0031"),
    ],
)
def test_the_answer_is_the_worst_verdict(report: dict[str, Any], verdicts: tuple[str, ...], answer: str) -> None:
    report["promises"] = [{"claim": f"recall >= 0.{place}", "verdict": each} for place, each in enumerate(verdicts)]
    assert answer in Page(render(report)).words


def test_what_is_infeasible_is_told_with_the_nearest_miss(report: dict[str, Any]) -> None:
    report |= {"feasible": False, "nearest": [{"claim": "recall >= 0.99", "value": 0.91, "bound": 0.99}]}
    said = "the nearest miss is"
    assert f"✗ Infeasible: {said} ensemble of 2: recall >= 0.99: 0.91 instead of 0.99" in Page(render(report)).words
    assert f"infeasible: {said} recall >= 0.99: 0.91 instead of 0.99" in text(report)


def test_what_no_model_can_keep_is_told_with_the_proof_and_what_can_be_promised(report: dict[str, Any]) -> None:
    proof = {
        "claims": ["recall >= 1", "precision >= 1"],
        "why": "two equal rows differ in class",
        "nearest": "recall >= 0.9",
    }
    report |= {"feasible": False, "impossible": [proof, {}]}
    said = (
        "no model can keep recall >= 1 and precision >= 1: two equal rows differ in class; what can be promised: recall"
    )
    assert f"✗ {said} >= 0.9" in Page(render(report)).words
    assert f"  {said} >= 0.9" in text(report).splitlines()
    del report["promises"]
    assert said in Page(render(report)).words


def test_an_infeasible_contract_without_a_nearest_miss_is_told_too(report: dict[str, Any]) -> None:
    report |= {"feasible": False, "nearest": []}
    assert "Infeasible: no candidate keeps every promise" in Page(render(report)).words
    assert "infeasible: no candidate keeps every promise" in text(report)


def test_broken_promises_stand_first_each_with_mark_word_interval_and_reason(report: dict[str, Any]) -> None:
    words = Page(render(report)).words
    places = [words.index(each) for each in ("recall >= 0.8 by", "demographic_parity_difference(sex) <=", "roc_auc >=")]
    assert places == sorted(places)
    assert "✗ broken" in words
    assert "0.713 [0.66, 0.761] (n=412)" in words
    assert "race=Black, sex=Female" in words


def test_a_band_says_in_words_what_it_draws(report: dict[str, Any]) -> None:
    made = render(report)
    assert "<title>0.713 [0.66, 0.761] (n=412); must be &gt;= 0.8</title>" in made
    assert made.count('<svg class="band"') == 5


def test_a_promise_that_was_not_measured_or_cannot_be_read_has_no_band(report: dict[str, Any]) -> None:
    report["promises"] = [
        {"claim": "recall >= 0.8", "verdict": "unproven", "value": float("nan")},
        {"claim": "as good as it gets", "verdict": "broken", "value": 0.5},
    ]
    made = render(report)
    assert '<svg class="band"' not in made
    assert "not measured" in Page(made).words


def test_every_section_is_there_in_the_order_of_what_matters(report: dict[str, Any]) -> None:
    found = re.findall(r'<section id="([a-z]+)">', render(report))
    assert found == [
        *("promises", "leaks", "chosen", "pareto", "leaderboard"),
        *("columns", "made", "curves", "budget", "notes"),
    ]


@pytest.mark.parametrize(
    "key", ["promises", "leaks", "chosen", "pareto", "trials", "columns", "made", "budget", "notes"]
)
@pytest.mark.parametrize("empty", [None, [], {}, "", "gone", 3, [None, 3, "x"], {"x": float("nan")}])
def test_whatever_a_trainer_left_out_or_got_wrong_the_page_is_whole(key: str, empty: Any) -> None:
    assert Page(render({**SMALL, key: empty})).open == []
    assert isinstance(text({**SMALL, key: empty}), str)


@pytest.mark.parametrize("key", ["promises", "pareto", "columns", "budget", "notes", "made", "leaks", "learning_curve"])
def test_a_section_without_a_word_to_say_is_left_out(report: dict[str, Any], key: str) -> None:
    section = {"learning_curve": "curves"}.get(key, key)
    for trial in report["trials"]:
        trial["curve"] = []
    del report[key]
    assert f'<section id="{section}">' not in render(report)


def test_a_report_of_nothing_says_so() -> None:
    page = Page(render({}))
    assert page.open == []
    assert "No model was chosen." in page.words
    assert "No trial is in the report." in page.words
    assert text({}) == "no model was chosen"
    assert leaderboard({}) == []


def test_no_leak_is_told_only_where_somebody_looked(report: dict[str, Any]) -> None:
    report["leaks"] = []
    assert "✓ No column was found that does." in Page(render(report)).words
    del report["leaks"]
    assert "give the target away" not in render(report)


def test_the_charts_draw_the_promised_bounds_and_number_the_candidates(report: dict[str, Any]) -> None:
    made = render(report)
    charts = re.findall(r'<svg class="chart".*?</svg>', made)
    assert [each.count('class="bound"') for each in charts[:2]] == [1, 1]
    assert "promised: at most 1 ms" in Page(made).words
    assert "promised: at most 5 MB" in Page(made).words
    assert re.findall(r'text-anchor="middle">(\d)</text>', charts[0]) == ["1", "2", "3", "4"]
    assert charts[0].count('class="ring"') == 1
    assert "4 candidates, 2 known to keep every promise" in charts[0]


def test_without_a_promise_on_a_cost_no_bound_is_drawn(report: dict[str, Any]) -> None:
    report["promises"] = [{"claim": "model_size >= 1 kB", "verdict": "held", "value": 1.1e6}]
    assert "promised" not in "".join(re.findall(r'<svg class="chart".*?</svg>', render(report)))


def test_every_chart_has_a_title_and_its_numbers_in_a_table(report: dict[str, Any]) -> None:
    made = render(report)
    drawings = re.findall(r"<svg [^>]*>.{7}", made)
    assert len(drawings) > 20
    assert [each for each in drawings if not each.endswith("<title>") and "aria-hidden" not in each] == []
    assert "Loss by training rows" in made
    assert "Losses over the rounds" in made


def test_every_table_has_a_caption_and_headings_with_a_scope(report: dict[str, Any]) -> None:
    page = Page(render(report))
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("th") == len(page.of("scope"))


def test_what_was_spent_is_told_against_what_was_given(report: dict[str, Any]) -> None:
    words = Page(render(report)).words
    assert "wall clock: 61.3 s of 60 s, 2.17 % over" in words
    assert "CPU clock: 103 s" in words
    report["budget"] |= {"clock": "cpu", "seconds": 200.0}
    assert "CPU clock: 103 s of 200 s, 51.7 %" in Page(render(report)).words


def test_columns_stand_by_importance_with_stability_and_why_one_was_dropped(report: dict[str, Any]) -> None:
    report["columns"].insert(0, {"name": "nobody knows", "importance": None})
    words = Page(render(report)).words
    places = [words.index(each) for each in ("relationship", "0.029", "noise: the loss falls", "nobody knows")]
    assert places == sorted(places)
    assert "4 columns, 1 dropped." in words
    assert "5.66 %" in words


def test_a_made_feature_is_told_with_its_lineage_and_gain(report: dict[str, Any]) -> None:
    words = Page(render(report)).words
    assert "cross(education_num, occupation)" in words
    assert "0.00120 ± 0.00040" in words


@pytest.mark.parametrize(
    ("last", "said"),
    [(0.2748, "Still falling at 22\u202f792 rows"), (0.2955, "No clear fall up to 22\u202f792 rows")],
)
def test_the_learning_curve_says_whether_more_rows_would_help(report: dict[str, Any], last: float, said: str) -> None:
    report["learning_curve"][-1]["loss"] = last
    assert said in Page(render(report)).words


def test_long_tables_are_folded_and_the_longest_cut(report: dict[str, Any]) -> None:
    report["trials"] = [_trial(f"lightgbm/{place}", 0.3 + place * 1e-4) for place in range(1200)]
    report["columns"] = [{"name": f"c{place}", "importance": 1.0 / (place + 1)} for place in range(900)]
    made = render(report)
    assert "<summary>480 more</summary>" in made
    assert "400 more are in report.json." in made
    assert len(made) < 1_500_000


def test_a_single_chosen_model_is_not_listed_twice(report: dict[str, Any]) -> None:
    report["chosen"] |= {"name": "catboost/1", "members": report["chosen"]["members"][:1]}
    rows = leaderboard(report)
    assert [each["name"] for each in rows].count("catboost/1") == 1
    assert "◆ chosen" in Page(render(report)).words


def test_a_report_that_went_through_json_reads_the_same(report: dict[str, Any]) -> None:
    assert render(json.loads(json.dumps(report))) == render(report)
    assert text(json.loads(json.dumps(report))) == text(report)


def test_rendering_changes_nothing_and_is_the_same_each_time(report: dict[str, Any]) -> None:
    before = copy.deepcopy(report)
    assert render(report) == render(report)
    assert report == before


def _renamed(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, name) for each in value]
    return name if isinstance(value, str) and value not in KEPT_WORDS else value


#: Words that the page acts on; all other texts may be anything.
KEPT_WORDS = {"held", "broken", "unproven", "done", "pruned", "failed", "wall", "cpu", "", "0.1.0", "group"}


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=40))
def test_whatever_things_are_called_the_page_has_the_same_elements(name: str) -> None:
    odd, plain = (_renamed(SMALL, each) for each in (f"n{name}", "nm"))
    made, expected = Page(render(odd)), Page(render(plain))
    assert made.open == []
    assert made.tags == expected.tags


SMALL: dict[str, Any] = {
    "task": "binary",
    "rows": 100,
    "columns_in": 1,
    "folds": {"kind": "group", "count": 5, "repeats": 2},
    "budget": {"seconds": 1.0, "clock": "cpu", "wall_s": 2.0, "cpu_s": 2.0},
    "baseline": {"name": "b", "loss": 2.0},
    "chosen": {
        **{"name": "e", "members": [{"name": "a", "learner": "b", "weight": 1.0, "rounds": 3}], "refit": "r"},
        **{
            "score": 1,
            "error": 0.1,
            "reasons": ["because"],
            "calibration": [1.0, 0.5],
            "threshold": 0.5,
            "distilled": True,
        },
    },
    "trials": [
        {
            **{"name": "a", "learner": "b", "state": "failed", "score": 1.0, "error": 0.1, "features": "f"},
            **{"weighting": "w", "seconds": 1.0, "cpu_s": 1.0, "rounds": 3, "size_bytes": 9, "resumed": True},
            **{"curve": [2.0, 1.0], "reason": "because"},
        }
    ],
    "pareto": [
        {
            **{"name": "a", "loss": 1.0, "error": 0.1, "latency_s": 1.0, "size_bytes": 1, "why": "w", "keeps": True},
            **{"gaps": {"recall >= 0.8": 1.0}, "chosen": True, "dominated": False},
        },
        {"name": "b", "loss": 2.0, "latency_s": 2.0, "size_bytes": 2, "dominated": True},
    ],
    "columns": [
        {
            **{"name": "c", "dtype": "d", "importance": 1.0, "low": 0.5, "high": 1.5, "stability": 1.0},
            **{"missing": 0.5, "levels": 3, "kept": True, "reason": "r"},
        }
    ],
    "made": [
        {
            "recipe": {"kind": "k", "columns": ["c"], "params": {"p": "v"}},
            **{"names": ["n"], "gain": 1.0, "error": 0.1, "kept": True},
        }
    ],
    "leaks": [{"column": "c", "why": "w", "score": 1.0}],
    "learning_curve": [{"rows": 10, "loss": 2.0, "error": 0.1}, {"rows": 20, "loss": 1.0, "error": 0.1}],
    "feasible": False,
    "promises": [
        {
            **{"claim": "recall >= 0.8", "verdict": "held", "value": 1.0, "low": 0.9, "high": 1.0, "n": 9},
            **{"reason": "r", "unit": "share"},
        }
    ],
    "nearest": [{"claim": "c", "value": 1.0, "bound": 2.0, "text": ""}],
    "impossible": [{"claims": ["c"], "why": "w", "nearest": "n"}],
    "notes": ["n"],
    "data": {"name": "d", "sha256": "s", "rows": 100},
    "target": "t",
}


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "\"'><img src=x onerror=alert(1)>",
        "</style></title><svg onload=alert(1)>",
        "{style} %s {0}",
        "a\u202eb\u200fc\u0000d\ud800e",
        "x" * 20_000,
        "javascript:alert(1)",
    ],
)
def test_an_attack_in_every_name_stays_text(report: dict[str, Any], name: str) -> None:
    made = render(_renamed(report, name), title=name)
    page = Page(made)
    assert page.open == []
    assert set(page.tags) <= ALLOWED
    assert not [each for each, _ in page.attributes if each.startswith("on") or each in ("src", "style")]
    assert [each for each in page.of("href") if not each.startswith("#")] == []
    assert not re.search("[\u202e\u200f\u0000\ud800]", made)
    assert made.encode("utf-8")
    assert len(made) < 200_000
    assert not re.search("[\u202e\u200f\u0000\ud800]", text(_renamed(report, name)))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield (*path, key)
        yield from _paths(each, (*path, key))


def _changed(value: Any, path: tuple[Any, ...], to: Any) -> Any:
    made = copy.deepcopy(value)
    inside = made
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = to
    return made


ODD = {
    **{"nothing": None, "no number": float("nan"), "no end": -float("inf"), "large": 1e308, "too large": 10**400},
    **{"true": True, "a text": "x", "a list": [None], "a mapping": {}, "bytes": b"x"},
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_any_value_may_be_anything(odd: Any) -> None:
    for path in _paths(SMALL):
        made = render(_changed(SMALL, path, odd))
        assert not re.search(r'="-?(?:nan|inf)', made), path
        assert text(_changed(SMALL, path, odd)), path


numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=40)
@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=8), numbers)
def test_no_drawing_leaves_its_frame(values: list[tuple[float, float, float]], odd: float) -> None:
    made = render(
        {
            "trials": [{"name": "a", "score": a, "error": b, "curve": [a, b, c]} for a, b, c in values],
            "pareto": [{"name": "a", "loss": a, "latency_s": b, "size_bytes": c, "error": odd} for a, b, c in values],
            "columns": [{"name": "a", "importance": a, "low": b, "high": c} for a, b, c in values],
            "learning_curve": [{"rows": a, "loss": b, "error": c} for a, b, c in values],
            "promises": [{"claim": "recall >= 0.5", "value": a, "low": b, "high": c} for a, b, c in values],
            "budget": {"seconds": odd, "wall_s": values[0][0], "cpu_s": values[0][1]},
            "baseline": {"loss": odd},
        }
    )
    across = [float(each) for each in re.findall(r'\b(?:x|x1|x2|cx)="([^"]*)"', made)]
    up = [float(each) for each in re.findall(r'\b(?:y|y1|y2|cy)="([^"]*)"', made)]
    wide = [float(each) for each in re.findall(r'\b(?:width|height|rx|r)="([^"]*)"', made)]
    assert all(math.isfinite(each) and -1.0 <= each <= 360.0 for each in across)
    assert all(math.isfinite(each) and 0.0 <= each <= 230.0 for each in up)
    assert all(math.isfinite(each) and each >= 0.0 for each in wide)


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def test_a_browser_shows_the_page_with_its_style_and_without_a_complaint(
    report: dict[str, Any], chromium: str, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(report), encoding="utf-8")
    done = subprocess.run(
        [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *("--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "keep its promises?" in done.stdout
    assert "✗ broken" in done.stdout
    # What the policy refuses, and any script error, the browser tells on its console.
    assert "CONSOLE" not in done.stderr
    assert "Content Security Policy" not in done.stderr
