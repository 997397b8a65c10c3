"""Passwords in locations are told nowhere; small files from outside are never a long piece of work."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from holdfast import data
from holdfast.core.errors import HoldfastError, InvalidValue, MalformedContract, UnreadableData
from holdfast.core.locations import has_secret, public
from holdfast.quality.exchange import read_suite
from holdfast.quality.profiling import profile
from holdfast.quality.reports import CheckResult, Report, render
from holdfast.store.checks_file import parse_checks

HIDDEN = "hunter2"
LOCATIONS = [
    f"postgresql://me:{HIDDEN}@127.0.0.1:1/db#t",
    f"postgresql://me:a@{HIDDEN}@127.0.0.1:1/db#t",
    f"postgresql://me:a/{HIDDEN}@127.0.0.1:1/db#t",
    f"postgresql://me:a?{HIDDEN}@127.0.0.1:1/db#t",
    f"postgresql://me:a {HIDDEN}@127.0.0.1:1/db#t",
    f"postgresql://me:{HIDDEN}@127.0.0.1:port/db#t",
    f"postgresql://127.0.0.1:1/db?user=me&password={HIDDEN}#t",
    f"postgres://me:{HIDDEN}@127.0.0.1/db",
    f"mysql://me:{HIDDEN}@127.0.0.1/db#t",
    f"https://me:{HIDDEN}@127.0.0.1/a.csv",
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_no_error_of_any_command_tells_a_password(location: str, tmp_path: Path) -> None:
    contract = tmp_path / "checks.yaml"
    contract.write_text("holdfast: 1\npromises:\n  - row_count >= 1\n")
    for look in (data.read, data.profile, lambda given: data.check(given, contract=contract)):
        with pytest.raises(HoldfastError) as caught:
            look(location)
        assert HIDDEN not in f"{caught.value} {caught.value!r} {caught.value.where} {caught.value.expected}"


@pytest.mark.parametrize("location", LOCATIONS)
def test_no_report_tells_a_password(location: str) -> None:
    result = CheckResult("row_count >= 1", "unproven", reason=f"{location} does not answer")
    report = Report(
        (result,), location, location, 0, 0, datetime(2026, 1, 1, tzinfo=UTC), against=location, notes=(location,)
    )
    assert all(HIDDEN not in render(report, each) for each in ("text", "json", "junit", "sarif", "html", "gx"))
    assert HIDDEN not in profile(pl.DataFrame({"a": [1, 2]})).text(location)


@pytest.mark.parametrize("location", LOCATIONS)
def test_a_promise_may_not_hold_a_password(location: str) -> None:
    promise = f"references(id, {json.dumps(location)}, key) >= 1"
    with pytest.raises(InvalidValue, match="a password or token in a location") as caught:
        parse_checks(json.dumps({"holdfast": 1, "promises": [promise]}).encode())
    assert HIDDEN not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "s3://bucket/a@b.parquet",
        "s3://bucket/year=2026/a.parquet",
        "https://host:8080/a@b.csv",
        "a.csv",
        r"^https?://[^/@]+@",
        "write to me@host",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert public(text) == text
    assert not has_secret(text)


def test_a_password_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from pg8000 import native

    from holdfast.quality.engines._postgres import connected

    seen: list[object] = []
    monkeypatch.setattr(native, "Connection", lambda *_, **given: seen.append(given["password"]))
    monkeypatch.setenv("PGPASSWORD", "other")
    connected("postgresql://me@127.0.0.1/db")
    connected(f"postgresql://me:{HIDDEN}@127.0.0.1/db")
    assert seen == ["other", HIDDEN]


def test_a_port_that_is_none_is_no_address() -> None:
    from holdfast.quality.engines._postgres import connected

    with pytest.raises(UnreadableData, match="no address of PostgreSQL"):
        connected("postgresql://me:a/b@127.0.0.1/db")


@pytest.mark.parametrize("number", ["1" + ":1" * 2000, "1:" * 400 + "1.5", "-" + "9" * 5000])
def test_a_number_without_end_is_refused_at_once(number: str, tmp_path: Path) -> None:
    with pytest.raises(MalformedContract):
        parse_checks(f"holdfast: 1\npromises: [{number}]\n".encode())
    suite = tmp_path / "suite.yml"
    suite.write_text(f"checks for t: [{number}]\n")
    with pytest.raises(MalformedContract):
        read_suite(suite)


def test_a_field_that_stands_twice_among_many_is_found_at_once(tmp_path: Path) -> None:
    fields = [f'"k{each}": 0' for each in range(60_000)]
    suite = tmp_path / "suite.json"
    suite.write_text("{" + ", ".join([*fields, '"z": 1', '"z": 2']) + "}")
    with pytest.raises(MalformedContract, match="'z' stands twice"):
        read_suite(suite)
