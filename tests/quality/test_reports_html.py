"""The page: complete in one file, nothing carried out, readable by everybody; and a browser opens it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.quality.reports import CheckResult, Report, combine, diff_tables, render

TIME = datetime(2026, 11, 24, 16, 5, tzinfo=UTC)
VOID = {"meta", "rect", "line", "circle"}
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "footer", "section", "h1", "h2", "h3", "p"),
    *("dl", "div", "dt", "dd", "table", "caption", "thead", "tbody", "tr", "th", "td", "span", "code", "bdi"),
    *("svg", "rect", "line", "circle"),
}
HELD = CheckResult("completeness(age) >= 0.99", "held", 0.995, 0.991, 0.998, 4000, 20, 4000, measure="completeness")
UNPROVEN = CheckResult("unique(id) >= 1", "unproven", reason="no column 'id'", rows=4000, measure="unique")
BROKEN = CheckResult(
    "in_range(age, 0, 120) >= 1", "broken", 0.9975, 0.995, 0.999, 4000, 10, 4000, "too old", (3, 17), "in_range", "age"
)


class Page(HTMLParser):
    """Elements, attributes and text of a page; whether everything that opens closes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(text)
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
        self.text.append(data)


def report(*results: CheckResult, data: str = "people.csv") -> Report:
    return Report(results, data, "checks.yaml", 4000, 5, TIME)


@pytest.fixture
def whole() -> Report:
    old = pl.DataFrame({"age": list(range(100)), "sex": ["f", "m"] * 50, "gone": [1] * 100})
    new = old.drop("gone").with_columns(pl.col("age") + 30, sex=pl.lit("x"), extra=pl.lit(1.5))
    after = report(HELD, UNPROVEN, BROKEN)
    before = report(replace(HELD, verdict="broken"), UNPROVEN, replace(BROKEN, verdict="held"))
    after = replace(after, changes=after.compared(before), diff=diff_tables(old, new), against="old.csv")
    return combine([after, report(HELD, data="b.csv")])


def test_the_page_asks_for_nothing_and_runs_nothing(whole: Report) -> None:
    text = render(whole, "html")
    page = Page(text)
    assert page.open == []
    assert set(page.tags) <= ALLOWED
    assert not {"src", "href", "style", "action", "srcset", "data", "background"} & {
        name for name, _ in page.attributes
    }
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<script|<link|<iframe", text)


def test_the_policy_forbids_everything_but_the_pages_own_style(whole: Report) -> None:
    text = render(whole, "html")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text


def test_the_page_names_its_language_title_and_size(whole: Report) -> None:
    text = render(whole, "html")
    assert '<html lang="en">' in text
    assert "<title>✗ 2 tables: 2 held, 1 broken, 1 unproven</title>" in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert text.count("<h1>") == 1


def test_a_verdict_is_told_in_words_and_signs_not_by_colour_alone() -> None:
    text = "".join(Page(render(report(HELD, UNPROVEN, BROKEN), "html")).text)
    assert [text.index(each) for each in ("✗ broken", "? unproven", "✓ held")] != []
    assert "No: 1 broken and 1 unproven of 3" in text


def test_every_table_has_a_caption_and_headings_with_a_scope(whole: Report) -> None:
    page = Page(render(whole, "html"))
    assert page.tags.count("table") == page.tags.count("caption")
    assert page.tags.count("th") == len([name for name, value in page.attributes if name == "scope"])


def test_the_worst_stands_first_with_reason_and_rows() -> None:
    text = "".join(Page(render(report(HELD, BROKEN), "html")).text)
    assert text.index("in_range(age, 0, 120)") < text.index("completeness(age)")
    assert "too old" in text
    assert "row 3, 17" in text


def test_the_band_says_in_words_what_it_draws() -> None:
    text = render(report(replace(BROKEN, shown="0.9975 [0.995, 0.999]")), "html")
    assert '<svg class="band" role="img"' in text
    assert "<title>0.9975 [0.995, 0.999]; must be &gt;= 1</title>" in text


@pytest.mark.parametrize(
    "odd",
    [
        replace(BROKEN, value=None, low=None, high=None),
        replace(BROKEN, value=float("nan")),
        replace(BROKEN, check="a check in another notation"),
        replace(BROKEN, check="expect_column_values_to_not_be_null(age)"),
    ],
    ids=["no value", "not a number", "no promise", "no bound"],
)
def test_a_result_without_a_value_or_a_bound_has_no_band(odd: CheckResult) -> None:
    assert "<svg" not in render(report(odd), "html")


@pytest.mark.parametrize(
    ("check", "measure", "value"),
    [
        ("row_count >= 200 rows", "row_count", 200.0),
        ("mean(age) <= 40", "mean", -12.5),
        ("freshness(seen) <= 1 d", "freshness", 93_600.0),
        ("correlation(a, b) >= 0.5", "correlation", 0.4),
    ],
)
def test_a_measure_of_any_range_has_a_band(check: str, measure: str, value: float) -> None:
    result = CheckResult(check, "broken", value, measure=measure, shown="so much")
    assert '<svg class="band"' in render(report(result), "html")


numbers = st.floats(allow_nan=False, allow_infinity=True)


@given(numbers, numbers, numbers, st.sampled_from([">=", "<=", ">", "<", "==", "!="]))
def test_a_band_never_leaves_its_frame(value: float, low: float, high: float, op: str) -> None:
    result = replace(
        BROKEN, check=f"completeness(age) {op} 0.5", value=value, low=low, high=high, measure="completeness"
    )
    text = render(report(result), "html")
    places = [float(each) for each in re.findall(r'\b(?:x|x1|x2|cx)="(-?[\d.e+]+)"', text)]
    assert all(0 <= each <= 180 for each in places)
    assert not re.search(r'="(?:nan|-?inf)"', text)


@given(st.text(max_size=60))
def test_whatever_a_column_is_called_the_page_has_the_same_elements(name: str) -> None:
    odd = CheckResult(f"completeness({name}) >= 1", "broken", reason=name, shown=name, measure=name, column=name)
    plain = CheckResult("completeness(a) >= 1", "broken", reason=f"a{name}", shown="a", measure="a", column="a")
    reason_of_both = replace(odd, reason=f"a{name}")
    made = Page(render(replace(report(reason_of_both, data=name), notes=(name,)), "html"))
    expected = Page(render(replace(report(plain, data="a"), notes=("a",)), "html"))
    assert made.tags == expected.tags
    assert made.open == []


def test_a_name_of_ten_thousand_letters_is_cut() -> None:
    assert len(render(report(replace(BROKEN, check="x" * 10_000, reason="y" * 10_000)), "html")) < 12_000


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no chromium on this machine")
    return found


def test_a_browser_shows_the_page_with_its_style_and_without_a_complaint(
    whole: Report, chromium: str, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render(whole, "html"), encoding="utf-8")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "Do 2 tables keep their promises?" in done.stdout
    assert "✗ broken" in done.stdout
    # What the policy refuses, and any script error, the browser tells on its console.
    assert "CONSOLE" not in done.stderr
    assert "Content Security Policy" not in done.stderr
