"""Profiles of tables that nobody wants: each gives a checks file that parses, and nothing in it fires on the table."""

from __future__ import annotations

from datetime import date, time, timedelta
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
import yaml

from holdfast.core.grammar import parse
from holdfast.quality.profiling import Profile, profile
from holdfast.quality.profiling._trials import fired

N = 400
DAYS = [date(2020, 1, 1) + timedelta(days=each * 7 % 900) for each in range(N)]
FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%b %d %Y")

TABLES = {
    "empty categories": pl.DataFrame(
        {"e": ["a", "", "b", "a"] * 100, "enum": pl.Series(["p", "q"] * 200, dtype=pl.Enum(["p", "q", "never"]))}
    ),
    "categorical": pl.DataFrame({"c": pl.Series(["x", "y"] * 200, dtype=pl.Categorical)}),
    "constants": pl.DataFrame({"c": [7] * N, "s": ["k"] * N, "f": [1.5] * N, "b": [True] * N}),
    "all missing": pl.DataFrame(
        {"nan": [float("nan")] * N, "null": [None] * N, "text": pl.Series([None] * N, dtype=pl.String)}
    ),
    "decimal commas": pl.DataFrame({"price": [f"{10 + each % 89},{each % 100:02d}" for each in range(N)]}),
    "three date formats": pl.DataFrame({"d": [day.strftime(FORMATS[each % 3]) for each, day in enumerate(DAYS)]}),
    "type changes half-way": pl.DataFrame(
        {"x": [str(each * 7 % 1000) for each in range(200)] + [f"w{chr(97 + each % 26)}" for each in range(200)]}
    ),
    "nested and objects": pl.DataFrame(
        {"st": [{"a": 1}] * N, "li": [[1]] * N, "bin": [b"x"] * N, "obj": pl.Series([object()] * N, dtype=pl.Object)}
    ),
    "times of day and spans": pl.DataFrame(
        {"dur": [timedelta(seconds=each) for each in range(N)], "tm": [time(1, 2)] * N}
    ),
    "decimals": pl.DataFrame({"dec": [Decimal(f"{each * 7 % 100}.25") for each in range(N)]}),
    "infinities": pl.DataFrame({"x": [float("inf") if each % 50 == 0 else float(each * 7 % 90) for each in range(N)]}),
    "only infinities": pl.DataFrame({"x": [float("inf"), float("-inf")] * 200}),
    "huge integers": pl.DataFrame(
        {
            "h": [2**62 + each * 3 for each in range(N)],
            "u": pl.Series([2**63 + each for each in range(N)], dtype=pl.UInt64),
            "same": [2**60 + 1] * N,
        }
    ),
    "the ends of doubles": pl.DataFrame(
        {"m": [1.7e308, -1.7e308] * 200, "t": np.linspace(1e-300, 9e-300, N), "z": [0.0, -0.0] * 200}
    ),
    "a text of a megabyte": pl.DataFrame({"t": ["z" * 1_000_000] * 20 + ["y"] * 80}),
    "strange names": pl.DataFrame(
        {
            name: [each * 7 % 13 for each in range(N)]
            for name in (
                'it\'s: "q" #x',
                "ünï ☃",
                "new\nline",
                "by",
                " blank ",
                "a`b",
                "-",
                "a\\b",
                "\u2028",
                "😀",
                "\ufeffbom",
                "",
                "null",
                "*",
                "^a.*$",
            )
        }
    ),
    "strange values": pl.DataFrame({"v": ["a: b", "'", '"', "#", "\n", "*", "\u2028", "😀", "null", " "] * 40}),
    "one row": pl.DataFrame({"a": [1], "b": ["x"], "c": [None]}),
    "two rows": pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
    "no columns but one nested": pl.DataFrame({"only": [[1]] * 3}),
}


@pytest.fixture(params=sorted(TABLES))
def table(request: pytest.FixtureRequest) -> pl.DataFrame:
    """Each of the tables in turn."""
    return TABLES[str(request.param)]


def accepted(text: str) -> list[str]:
    """Promises of a checks file with every comment that is a promise accepted."""
    return [str(each) for each in yaml.safe_load(text.replace("    # - ", "    - "))["promises"]["data"]]


def test_the_file_parses_and_says_what_the_profile_says(table: pl.DataFrame) -> None:
    found = profile(table)
    told = yaml.safe_load(found.text("strange 'file'\n.csv"))["promises"]["data"]
    assert [parse(str(each)).text for each in told] == [each.promise for each in found.proposed]


def test_every_comment_that_is_a_promise_can_be_accepted(table: pl.DataFrame) -> None:
    found = profile(table)
    assert [parse(each).text for each in accepted(found.text("x"))] == [
        each.promise for each in found.findings if each.promise
    ]


def test_nothing_fires_on_the_table_itself(table: pl.DataFrame) -> None:
    assert fired(table, [parse(each.promise) for each in profile(table).proposed]) == []


def doubt_of(found: Profile, promise: str) -> str:
    return next(each.doubt or "" for each in found.findings if each.promise.startswith(promise))


def test_three_date_formats_are_a_mixed_type_and_three_forms() -> None:
    found = profile(TABLES["three date formats"])
    assert doubt_of(found, "typed(d, date)") == "the column mixes types"
    assert any("3 forms" in each.support for each in found.proposed)


def test_a_type_that_changes_half_way_is_said_to() -> None:
    found = profile(TABLES["type changes half-way"])
    assert "100 % in the first half, 0 % in the second" in doubt_of(found, "typed(x, integer)")


def test_nested_columns_and_names_that_mean_others_are_passed_over_and_said_so() -> None:
    assert len(profile(TABLES["nested and objects"]).notes) == 4
    notes = profile(TABLES["strange names"]).notes
    assert any("'*' is passed over" in each for each in notes)
    assert any("'^a.*$' is passed over" in each for each in notes)


def test_a_missing_column_says_that_nothing_can_be_learned() -> None:
    assert "nothing can be learned" in doubt_of(profile(TABLES["all missing"]), "completeness(text)")


def test_a_column_with_hardly_a_value_is_promised_nothing_that_a_small_table_could_not_keep() -> None:
    rare = pl.DataFrame({"x": [1.5] * 4 + [None] * 396, "y": range(400)})
    found = profile(rare)
    assert [
        each.promise
        for each in found.proposed
        if each.columns == ("x",) and each.kind not in ("completeness", "infinities")
    ] == []


def test_a_wide_table_is_looked_at_in_bounds_and_says_what_was_left_out() -> None:
    draws = np.random.default_rng(1).integers(0, 9, (60, 66))
    found = profile(pl.DataFrame({f"c{each}": draws[:, each] for each in range(66)}))
    assert sum(len(each.columns) > 1 for each in found.findings) < 100
    assert any("were not looked at" in each for each in found.notes)
