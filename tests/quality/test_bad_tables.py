"""Bad tables, bad contracts and bad options against every command of data quality.

Whatever comes in: the answer is an exit code that means something, a message that says what, where and what would be
right, nothing half-written, and an input that is as it was.
"""

from __future__ import annotations

import datetime as dt
import decimal
import gzip
import hashlib
import json
import math
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from holdfast.cli.main import main

HEADING = "a,b,c\n"
ROWS = "".join(f"{n},{n * 1.5},n{n % 7}\n" for n in range(60))
CSV = (HEADING + ROWS).encode()
CHECKS = """holdfast: 1
promises:
- completeness(*) >= 0.5
- typed(*, number) >= 0
- unique(a) >= 1
- in_range(b, 0, 100) >= 1
- 'matches(c, "^n") >= 0.5'
- varies(*) >= 0.0001
- no_infinities(*) >= 1
- row_count >= 2 rows
- allowed(c, x, y) >= 0.1
- mean(a) >= 0
- determines(a, c) >= 0.9
- 'holds("a <= b or a is missing") >= 0.5'
"""

#: Commands with what goes before and after the file.
COMMANDS: dict[str, tuple[str, ...]] = {
    "check": ("check", "{data}", "--contract", "{checks}", "--out", "{out}/report.txt"),
    "check as JSON": ("check", "{data}", "--contract", "{checks}", "--format", "json"),
    "clean": ("clean", "{data}", "--out", "{out}/fixed{ending}", "--report", "{out}/r.json", "--yes"),
    "clean without out": ("clean", "{data}", "--quarantine", "{out}/doubt{ending}"),
    "profile": ("profile", "{data}", "--out", "{out}/checks.yaml"),
    "anomalies of rows": ("anomalies", "{data}"),
    "anomalies of a series": ("anomalies", "{data}", "--time", "a", "--value", "b", "--format", "json"),
    "label-errors": ("label-errors", "{data}", "--target", "c", "--format", "json"),
}
READERS = ("check", "check as JSON", "clean", "clean without out", "profile")

#: Files that are no tables: name, bytes, a part of the message.
UNUSABLE: dict[str, tuple[str, bytes, str]] = {
    "empty": ("t.csv", b"", "empty (0 bytes)"),
    "only blank lines": ("t.csv", b"\n\n\n", "only blank lines"),
    "only blanks": ("t.csv", b"   \n  \n", "only blank lines"),
    "ragged": ("t.csv", CSV + b"1,2\n", "line 62: a record of 2 fields under 3 headings"),
    "comment above the heading": ("t.csv", b"# note\na,b\n1,2\n", "line 2: a record of 2 fields"),
    "zero byte": ("t.csv", b"a,b\n1,\0\n", "byte 6: a zero byte"),
    "UTF-16": ("t.csv", CSV.decode().encode("utf-16"), "--reading encoding=utf-16"),
    "UTF-16 without a mark": ("t.csv", CSV.decode().encode("utf-16-be"), "--reading encoding=utf-16-be"),
    "UTF-32": ("t.csv", CSV.decode().encode("utf-32"), "--reading encoding=utf-32"),
    "latin-1": ("t.csv", CSV + "1,2,caf\u00e9\n".encode("latin-1"), "--reading encoding=latin-1"),
    "cp1252": ("t.csv", CSV + "1,2,\u20ac\n".encode("cp1252"), "--reading encoding=cp1252"),
    "two encodings": (
        "t.csv",
        "a,b\n1,caf\u00e9\n".encode() + "2,caf\u00e9\n".encode("latin-1"),
        "encodings are mixed",
    ),
    "surrogate": ("t.csv", b"a,b\n1,\xed\xa0\x80\n", "line 2, byte 6"),
    "quote never closed": ("t.csv", CSV + b'1,"2,x\n' + ROWS.encode(), "line 62: a quote is opened and never closed"),
    "last quote never closed": ("t.csv", CSV + b'1,2,"x\n' + ROWS.encode(), "line 62: a quote is opened and never"),
    "quote of the heading never closed": ("t.csv", b'a,b,"c\n1,2,3\n', "line 1: a quote is opened and never closed"),
    "a name twice": ("t.csv", b"a,a,b\n1,2,3\n", "field 2: column 'a' stands twice"),
    "an empty name and its substitute": ("t.csv", b"unnamed_2,,b\n1,2,3\n", "'unnamed_2' stands twice"),
    "half a gzip": ("t.csv.gz", gzip.compress(CSV)[:60], "truncated or damaged"),
    "damaged gzip": ("t.csv.gz", gzip.compress(CSV)[:40] + b"\xff" * 40, "truncated or damaged"),
    "a spreadsheet": ("t.csv", b"PK\x03\x04" + b"\x14\0\x06\0" * 50, "a zip archive, as spreadsheets"),
    "a Parquet file by another name": ("t.csv", b"PAR1\x15\x04\x15\xc0\x00" * 9, "a Parquet file, by its first bytes"),
    "a picture": ("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(50), "a picture"),
    "zstd": ("t.csv", b"\x28\xb5\x2f\xfd" + bytes(50), "packed with zstd"),
    "a CSV by the name of Parquet": ("t.parquet", CSV, "no Parquet file: it begins with b'a,b,'"),
    "a stub of Parquet": ("t.parquet", b"PAR1", "truncated: it has 4 bytes"),
    "a Parquet file without an end": ("t.parquet", b"PAR1" + bytes(100), "truncated"),
    "a Parquet file with a wrong end": (
        "t.parquet",
        b"PAR1" + bytes(20) + b"\xff\xff\xff\x7fPAR1",
        "truncated or damaged",
    ),
    "a Parquet file of zeros": ("t.parquet", b"PAR1" + bytes(64) + b"\x20\0\0\0PAR1", "damaged"),
    "an unknown ending": ("t.rows", CSV, "t.rows"),
    "no ending": ("rows", CSV, "rows"),
}

N = 40
DAY = dt.datetime.fromisoformat("2024-01-01T00:00:00")
ODD_TYPES: dict[str, pl.Series] = {
    "durations": pl.Series([dt.timedelta(seconds=n) for n in range(N)]),
    "times of day": pl.Series([dt.time(n % 24) for n in range(N)]),
    "dates": pl.Series([dt.date(2024, 1, 1 + n % 28) for n in range(N)]),
    "zoned times": pl.Series([DAY + dt.timedelta(hours=n) for n in range(N)]).dt.replace_time_zone("Europe/Zurich"),
    "bytes": pl.Series([bytes([n, 255]) for n in range(N)]),
    "decimals": pl.Series([decimal.Decimal(n) / 4 for n in range(N)], dtype=pl.Decimal(12, 2)),
    "booleans": pl.Series([n % 2 == 0 for n in range(N)]),
    "categories": pl.Series(["x", "y"] * (N // 2), dtype=pl.Categorical),
    "an enum with a value that never stands": pl.Series(["x", "y"] * (N // 2), dtype=pl.Enum(["x", "y", "w"])),
    "an enum without values": pl.Series([None] * N, dtype=pl.Enum([])),
    "lists": pl.Series([[n, n] for n in range(N)]),
    "arrays": pl.Series([[n, n] for n in range(N)], dtype=pl.Array(pl.Int64, 2)),
    "structs": pl.Series([{"p": n, "q": "s"} for n in range(N)]),
    "nothing of no type": pl.Series([None] * N, dtype=pl.Null),
    "nothing of a type": pl.Series([None] * N, dtype=pl.Datetime),
    "128 bits": pl.Series([2**70 + n for n in range(N)], dtype=pl.Int128),
    "64 bits without a sign": pl.Series([2**64 - 1 - n for n in range(N)], dtype=pl.UInt64),
    "infinities and NaN": pl.Series([math.inf, -math.inf, math.nan, 1.0] * (N // 4)),
    "text with zero bytes and escapes": pl.Series(["x\0y", "\x1b[31m", "=cmd()", "z"] * (N // 4)),
}
NAMES = (
    'he said ""hi"""|"new\nline"|\U0001f600|\u05e9\u05dc\u05d5\u05dd| leading|""|trailing |"a,b"|"c: d #e"|[x]|`t`|*'
)


def _csv(rows: list[str], heading: str = HEADING) -> bytes:
    return (heading + "\n".join(rows) + "\n").encode()


#: Files that are tables, and odd.
ODD: dict[str, tuple[str, bytes]] = {
    "only a heading": ("t.csv", b"a,b,c\n"),
    "a heading without an end": ("t.csv", b"a,b,c"),
    "one cell": ("t.csv", b"a\n1\n"),
    "one row": ("t.csv", b"a,b,c\n1,2,x\n"),
    "one column": ("t.csv", _csv([str(n) for n in range(50)], "a\n")),
    "no value at all": ("t.csv", _csv([",,"] * 50)),
    "constant columns": ("t.csv", _csv(["1,x,2020-01-01"] * 60)),
    "empty categories": ("t.csv", _csv([f"{n},'',{'u' * (n % 2)}" for n in range(50)])),
    "decimal commas": ("t.csv", _csv([f"{n};{n},5;{n % 4}" for n in range(60)], "a;b;c\n")),
    "decimal commas in quotes": ("t.csv", _csv([f'{n},"{n},5",x' for n in range(60)])),
    "thousands": ("t.csv", _csv([f"{n};1.{n:03},50" for n in range(60)], "a;b\n")),
    "a mark": ("t.csv", b"\xef\xbb\xbf" + CSV),
    "two marks": ("t.csv", b"\xef\xbb\xbf" * 2 + CSV),
    "dates in three formats": (
        "t.csv",
        _csv([f"{n},2024-01-{n:02}\n{n},{n:02}.01.2024\n{n},01/{n:02}/2024" for n in range(1, 29)], "a,b\n"),
    ),
    "a type that changes": ("t.csv", _csv([f"{n},{n},x" for n in range(500)] + [f"{n},x{n},x" for n in range(500)])),
    "names that differ in case and blanks": ("t.csv", _csv(["1,2,3"] * 40, "a,A,a \n")),
    "names of every kind": ("t.csv", _csv(["|".join([str(n)] * 12) for n in range(50)], f'"he {NAMES}\n')),
    "formulas": ("t.csv", _csv(["=cmd(),+1+1,@sum(a1)", "-2+3,\t=1,=1+1", "=cmd|' /C calc'!A0, Oslo ,x"] * 10)),
    "infinities": ("t.csv", CSV + b"inf,-inf,NaN\nInfinity,nan,x\n1e400,1e-400,y\n"),
    "huge whole numbers": ("t.csv", _csv([f"{10**30 + n},{2**63 + n},{n}" for n in range(50)])),
    "digits that no number holds": ("t.csv", _csv([f"{10**300 + n},{'9' * 45},{n}" for n in range(50)])),
    "booleans of all kinds": ("t.csv", _csv(["true,1,t", "TRUE,0,f", "yes,1,t", "0,0,f"] * 15)),
    "words for missing": ("t.csv", _csv(["NULL,N/A,-", "1,2,ok", "2,NA,?"] * 30)),
    "line ends of Windows": ("t.csv", CSV.replace(b"\n", b"\r\n")),
    "mixed line ends": ("t.csv", CSV + ROWS.replace("\n", "\r\n").encode()),
    "blank lines": ("t.csv", b"a,b,c\n\n\n" + ROWS.encode() + b"\n\n"),
    "no line end at the end": ("t.csv", CSV.rstrip()),
    "control characters": ("t.csv", CSV + b"1,2,\x1b[31mred\x07\n"),
    "a cell of a megabyte": ("t.csv", CSV + b"1,2," + b"z" * 1_000_000 + b"\n"),
    "tabs": ("t.tsv", CSV.replace(b",", b"\t")),
    "packed": ("t.csv.gz", gzip.compress(CSV)),
    "a name with blanks and letters": ("t \u00fc \U0001f600 'x'.csv", CSV),
    "letters that begin another kind of file": ("t.csv", b"PAR1,b,c\n" + ROWS.encode()),
}

CONTRACTS: dict[str, bytes] = {
    "bytes": bytes(range(256)),
    "empty": b"",
    "null": b"null",
    "a list": b"- a\n- b\n",
    "a word": b"hello",
    "no version": b"promises:\n- unique(a) >= 1\n",
    "another version": b"holdfast: 2\npromises:\n- unique(a) >= 1\n",
    "no promises": b"holdfast: 1\n",
    "promises without content": b"holdfast: 1\npromises:\n",
    "no promise": b"holdfast: 1\npromises: []\n",
    "an unknown measure": b"holdfast: 1\npromises:\n- uniqe(a) >= 1\n",
    "an unknown field": b"holdfast: 1\nfoo: 1\npromises:\n- unique(a) >= 1\n",
    "a promise twice": b"holdfast: 1\npromises:\n- unique(a) >= 1\n- unique(a) >= 1\n",
    "a field twice": b"holdfast: 1\npromises:\n- unique(a) >= 1\npromises:\n- unique(b) >= 1\n",
    "aliases": b"holdfast: 1\nx: &a [1]\npromises: *a\n",
    "aliases that multiply": b"a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\n",
    "a tag that runs": b"holdfast: 1\npromises: !!python/object/apply:os.system ['true']\n",
    "deep": b"holdfast: 1\npromises:\n- " + b"[" * 3000 + b"]" * 3000,
    "huge": b"holdfast: 1\npromises:\n# " + b"x" * 2_000_000 + b"\n- unique(a) >= 1\n",
    "UTF-16": "holdfast: 1\npromises:\n- unique(a) >= 1\n".encode("utf-16"),
    "tabs": b"holdfast: 1\npromises:\n\t- unique(a) >= 1\n",
    "a zero byte": b"holdfast: 1\npromises:\n- unique(a\0) >= 1\n",
    "a number": b"holdfast: 1\npromises:\n- 5\n",
    "a list in the list": b"holdfast: 1\npromises:\n- - unique(a) >= 1\n",
    "a bound that is none": b"holdfast: 1\npromises:\n- unique(a) >= nan\n",
    "a bound without end": b"holdfast: 1\npromises:\n- mean(a) >= 1e999\n",
    "an unknown unit": b"holdfast: 1\npromises:\n- row_count >= 5 apples\n",
    "a measure of models": b"holdfast: 1\npromises:\n- roc_auc >= 0.9\n",
    "an unknown type": b"holdfast: 1\ndata: {types: {a: foo}}\npromises:\n- unique(a) >= 1\n",
    "a type that does not fit": b"holdfast: 1\ndata: {types: {c: number}}\npromises:\n- unique(a) >= 1\n",
    "an unknown setting": b"holdfast: 1\ndata: {reading: {foo: 1}}\npromises:\n- unique(a) >= 1\n",
    "the table itself": CSV,
}

#: Promises that are well-formed, and cannot be measured on the table.
UNPROVEN = (
    "unique(nothing) >= 1",
    "mean(c) >= 1",
    "freshness(c) <= 1 d",
    "correlation(a, c) >= 0",
    'holds("nothing > 1") >= 1',
    'references(c, "nothing.csv", x) >= 1',
    'references(c, "/etc/passwd", x) >= 1',
    "unique(" + "a" * 5000 + ") >= 1",
)

OPTIONS: tuple[tuple[str, str], ...] = (
    ("check {data} --contract {checks} --out {out}/no/such/report", "no folder"),
    ("check {data} --contract {checks} --out {data}", "would overwrite"),
    ("check {data} --contract {checks} --out {checks}", "would overwrite"),
    ("check {data} --contract {checks} --out {out}/../t.csv", "would overwrite"),
    ("check {data} --contract {checks} --against {old} --out {old}", "would overwrite"),
    ("check {data} --contract {checks} --out {out}", "it is a folder"),
    ("check {data} --contract {checks} --format xml", "'xml' is not one of"),
    ("check {data} --contract {checks} --now yesterday", "ISO 8601"),
    ("check {data} --contract {checks} --key a", "--key needs --against"),
    ("check {data} --contract {checks} --against {out}/none.csv", "no such file"),
    ("check {data} --contract {checks} --against {old} --key nothing", "no key column 'nothing'"),
    ("check {data} --contract {checks} --against {old} --key c", "repeat a key"),
    ("check {data} --contract {out}/none.yaml", "no contract"),
    ("check {data} --contract {out}", "cannot be read"),
    ("check {data}", "no contract to judge by"),
    ("check {data} --contract {checks} --reading x", "expected NAME=VALUE"),
    ("check {data} --contract {checks} --reading foo=1", "unknown setting 'foo'"),
    ("check {data} --contract {checks} --reading encoding=klingon", "no encoding 'klingon'"),
    ("check {data} --contract {checks} --reading encoding=hex", "no encoding of text"),
    ("check {marked} --contract {checks} --reading encoding=utf-16", "begins with the mark of UTF-8"),
    ("check {data} --contract {checks} --reading delimiter=ab", "one character"),
    ("check {data} --contract {checks} --reading quotes=perhaps", "Expected a bool"),
    ("check {data} --contract {checks} --reading engine=spark", "engine 'spark'"),
    ("check http://example.invalid/t.csv --contract {checks}", "no source reads"),
    ("check - --contract {checks}", "no source reads"),
    ("clean {data} --out {data}", "a file of its own"),
    ("clean {data} --out {out}/no/such/t.csv", "no folder"),
    ("clean {data} --out {out}", "is a folder"),
    ("clean {data} --out {out}/t.parquet", "another format"),
    ("clean {data} --out {out}/t.txt", "neither CSV nor Parquet"),
    ("clean {data} --out {out}/t.csv --report {out}/t.csv", "a file of its own"),
    ("clean {data} --out {out}/t.csv --report {data}", "a file of its own"),
    ("clean {data} --out {out}/t.csv --quarantine {out}/q.txt", "neither CSV nor Parquet"),
    ("clean {data} --min-confidence 0", "not in the range"),
    ("clean {data} --min-confidence nan", "a number in (0, 1]"),
    ("clean {data} --target nothing", "no column 'nothing'"),
    ("clean {data} --repair-target", "needs --target"),
    ("clean {data} --seed -1", "not in the range"),
    ("clean {data} --undo {out}/none.json --out {out}/b.csv", "no such file"),
    ("clean {data} --undo {data} --out {out}/b.csv", "no JSON"),
    ("clean {data} --undo {checks}", "--undo needs --out"),
    ("clean {data} --reading foo=1", "unknown setting 'foo'"),
    ("profile {data} --out {data}", "is there already"),
    ("profile {data} --false-alarms 0", "no chance between 0 and 1"),
    ("profile {data} --false-alarms nan", "no chance between 0 and 1"),
    ("import-checks {out}/none.yaml", "no such file"),
    ("import-checks {out}", "Is a directory"),
    ("import-checks {data}", "t.csv"),
    ("import-checks {checks}", "a contract of Holdfast already"),
    ("anomalies {data} --time a", "belong together"),
    ("anomalies {data} --time nothing --value b", "no column 'nothing'"),
    ("anomalies {data} --time a --value c", "does not hold numbers"),
    ("anomalies {data} --time c --value b", "reads as a time"),
    ("anomalies {data} --time a --value b --season -5h", "season '-5h'"),
    ("anomalies {data} --time a --value b --alarms-per-week nan", "a finite number above 0"),
    ("anomalies {data} --columns nothing", "no column 'nothing'"),
    ("label-errors {data} --target nothing", "no column 'nothing'"),
    ("label-errors {data} --target a", "Expected classes"),
    ("label-errors {data} --target c --features nothing", "no column 'nothing'"),
    ("label-errors {data} --target c --features c", "among the features"),
    ("label-errors {data} --target c --folds 1", "not in the range"),
    ("nonsense {data}", "No command 'nonsense'"),
)


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Iterator[Command]:
    """Run a command in this process; signals are then handled as before."""
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Said(int(str(ended.value.code)), said.out, said.err)

    yield run
    for each, handler in handlers.items():
        signal.signal(each, handler)


@dataclass(frozen=True)
class Place:
    """A folder with a table, checks, and an empty folder for what is written."""

    data: Path
    checks: Path
    out: Path

    def arguments(self, pattern: tuple[str, ...]) -> list[str]:
        ending = self.data.name[self.data.name.index(".") :] if "." in self.data.name else ".csv"
        return [each.format(data=self.data, checks=self.checks, out=self.out, ending=ending) for each in pattern]

    def written(self) -> list[str]:
        return sorted(each.name for each in self.out.iterdir())


@pytest.fixture
def place(tmp_path: Path) -> Callable[[str, bytes], Place]:
    """Lay a table out."""

    def lay(name: str, content: bytes) -> Place:
        (tmp_path / name).write_bytes(content)
        (tmp_path / "contract.yaml").write_text(CHECKS)
        (tmp_path / "out").mkdir()
        return Place(tmp_path / name, tmp_path / "contract.yaml", tmp_path / "out")

    return lay


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def strict(text: str) -> Any:
    """JSON without NaN and infinities, which no other reader takes."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("what", UNUSABLE)
@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_no_table_is_refused_in_words_and_nothing_is_written(
    command: Command, place: Callable[[str, bytes], Place], what: str, name: str
) -> None:
    file, content, message = UNUSABLE[what]
    here = place(file, content)
    said = command(*here.arguments(COMMANDS[name]))
    assert said.code == 2, said
    assert message in said.err
    assert "Expected" in said.err or "gzip" in said.err or "Parquet" in said.err
    assert "next: holdfast check --explain HF" in said.err
    # Asked for JSON, an error is JSON too.
    assert said.out == "" or list(json.loads(said.out)) == ["error"]
    assert here.written() == []
    assert here.data.read_bytes() == content


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize("name", READERS)
def test_an_odd_table_gets_an_answer(
    command: Command, place: Callable[[str, bytes], Place], what: str, name: str
) -> None:
    here = place(*ODD[what])
    said = command(*here.arguments(COMMANDS[name]))
    assert said.code in (0, 2, 3, 4), said
    assert "a bug in Holdfast" not in said.err
    assert (said.code == 2) <= ("Expected" in said.err and here.written() == [])
    assert here.data.read_bytes() == ODD[what][1]


@pytest.mark.parametrize("what", ODD)
def test_an_odd_table_is_judged_in_strict_json(
    command: Command, place: Callable[[str, bytes], Place], what: str
) -> None:
    here = place(*ODD[what])
    said = command(*here.arguments(COMMANDS["check as JSON"]))
    found = strict(said.out)
    assert [list(each)[:5] for each in found] == [["check", "verdict", "value", "rows_failing", "rows"]] * 12
    assert {each["verdict"] for each in found} <= {"held", "broken", "unproven"}


@pytest.mark.parametrize("what", ODD)
def test_a_cleaned_odd_table_comes_back_bit_for_bit(
    command: Command, place: Callable[[str, bytes], Place], what: str
) -> None:
    here = place(*ODD[what])
    assert command(*here.arguments(COMMANDS["clean"])).code == 0
    undo = ("clean", "{out}/fixed{ending}", "--undo", "{out}/r.json", "--out", "{out}/back{ending}")
    said = command(*here.arguments(undo))
    assert said.code == 0, said
    assert (here.out / f"back{here.data.name[here.data.name.index('.') :]}").read_bytes() == ODD[what][1]


@pytest.mark.parametrize("what", ODD_TYPES)
@pytest.mark.parametrize("name", READERS)
def test_a_typed_column_of_any_kind_gets_an_answer(
    command: Command, place: Callable[[str, bytes], Place], what: str, name: str
) -> None:
    here = place("t.parquet", b"")
    pl.DataFrame({"a": range(N), "b": ODD_TYPES[what], "c": ["n1", "n2"] * (N // 2)}).write_parquet(here.data)
    before = digest(here.data)
    said = command(*here.arguments(COMMANDS[name]))
    assert said.code in (0, 3, 4), said
    assert digest(here.data) == before


@pytest.mark.parametrize("what", ODD_TYPES)
def test_versions_with_a_typed_column_of_any_kind_are_compared(
    command: Command, place: Callable[[str, bytes], Place], what: str
) -> None:
    here = place("t.parquet", b"")
    pl.DataFrame({"a": range(N), "b": ODD_TYPES[what]}).write_parquet(here.data)
    old = here.data.with_name("old.csv")
    old.write_bytes(CSV)
    pattern = ("check", str(old), "--contract", "{checks}", "--against", "{data}")
    assert command(*here.arguments(pattern)).code in (0, 3, 4)
    assert command(*here.arguments((*pattern, "--key", "a"))).code in (0, 3, 4)
    pattern = ("check", "{data}", "--contract", "{checks}", "--against", "{data}", "--format", "html")
    assert command(*here.arguments(pattern)).code in (0, 3, 4)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_parquet_file_of_no_or_one_row_gets_an_answer(
    command: Command, place: Callable[[str, bytes], Place], rows: int
) -> None:
    here = place("t.parquet", b"")
    pl.DataFrame({"a": [1], "b": [0.5], "c": ["x"]}).head(rows).write_parquet(here.data)
    assert command(*here.arguments(COMMANDS["check as JSON"])).code in (3, 4)
    assert command(*here.arguments(COMMANDS["clean"])).code == 0
    assert command(*here.arguments(COMMANDS["profile"])).code in (0, 2)


def test_two_thousand_columns_get_an_answer(command: Command, place: Callable[[str, bytes], Place]) -> None:
    heading = ",".join(f"c{n}" for n in range(2000)) + "\n"
    here = place("t.csv", _csv([",".join(["1", "x"] * 1000)] * 12, heading))
    here.checks.write_text("holdfast: 1\npromises:\n- completeness(*) >= 0.5\n- row_count >= 2 rows\n")
    assert command(*here.arguments(COMMANDS["check"])).code in (0, 4)


def test_a_type_that_changes_after_ten_megabytes_is_seen(
    command: Command, place: Callable[[str, bytes], Place]
) -> None:
    half = "".join(f"{n},{n},{n % 28 + 1:02}.01.2024\n" for n in range(20_000)) * 25
    content = (HEADING + half + half.replace("7,", "x,")).encode()
    here = place("t.csv", content)
    here.checks.write_text("holdfast: 1\npromises:\n- typed(b, integer) >= 0.99\n- completeness(b) >= 1\n")
    said = command("check", str(here.data), "--contract", str(here.checks), "--format", "json")
    typed, complete = strict(said.out)
    assert said.code == 3
    assert typed["verdict"] == "broken"
    assert typed["rows_failing"] == 50_000
    assert min(typed["first_rows"]) == 500_007
    assert complete["verdict"] == "held"


@pytest.mark.parametrize("name", READERS)
def test_a_zip_bomb_is_not_unpacked(
    command: Command, place: Callable[[str, bytes], Place], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("holdfast.quality.sources._csv_text.MUCH", 1 << 20)
    monkeypatch.setattr("holdfast.quality.cleaning._packing._SMALL", 1 << 20)
    here = place("t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 2_000_000))
    said = command(*here.arguments(COMMANDS[name]))
    assert said.code == 2
    assert "zip bomb" in said.err
    assert here.written() == []


@pytest.mark.parametrize("what", CONTRACTS)
def test_a_contract_that_cannot_be_used_is_refused_in_words_and_is_no_suite_either(
    command: Command, place: Callable[[str, bytes], Place], what: str
) -> None:
    here = place("t.csv", CSV)
    here.checks.write_bytes(CONTRACTS[what])
    said = command(*here.arguments(COMMANDS["check"]))
    imported = command("import-checks", str(here.checks), "--out", f"{here.out}/checks.yaml")
    assert said.code == imported.code == 2, (said, imported)
    assert "contract.yaml" in said.err or "t.csv" in said.err
    assert here.written() == []


@pytest.mark.parametrize("promise", UNPROVEN)
def test_what_cannot_be_measured_is_unproven_with_its_reason(
    command: Command, place: Callable[[str, bytes], Place], promise: str
) -> None:
    here = place("t.csv", CSV)
    here.checks.write_text("holdfast: 1\npromises:\n- '" + promise.replace("'", "''") + "'\n")
    said = command(*here.arguments(COMMANDS["check as JSON"]))
    (found,) = strict(said.out)
    assert said.code == 4
    assert found["verdict"] == "unproven"
    assert found["reason"]


@pytest.mark.parametrize(("line", "message"), OPTIONS)
def test_a_bad_option_is_refused_in_words_and_nothing_is_touched(
    command: Command, place: Callable[[str, bytes], Place], line: str, message: str
) -> None:
    here = place("t.csv", CSV)
    others = {"old": here.data.with_name("old.csv"), "marked": here.data.with_name("marked.csv")}
    others["old"].write_bytes(CSV)
    others["marked"].write_bytes(b"\xef\xbb\xbf" + CSV)
    arguments = [each.format(data=here.data, checks=here.checks, out=here.out, **others) for each in line.split()]
    said = command(*arguments)
    assert said.code == 2, said
    assert message in said.err
    assert here.written() == []
    assert here.data.read_bytes() == others["old"].read_bytes() == CSV
    assert here.checks.read_text() == CHECKS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_a_missing_file_and_a_circle_of_links_are_refused(
    command: Command, place: Callable[[str, bytes], Place], name: str
) -> None:
    here = place("t.csv", CSV)
    folder, circle = here.data.with_name("folder.csv"), here.data.with_name("circle.csv")
    folder.mkdir()
    circle.symlink_to(circle)
    for each in (folder, here.data.with_name("none.csv"), circle):
        said = command(*Place(each, here.checks, here.out).arguments(COMMANDS[name]))
        assert said.code == 2, said
        assert each.name in said.err
        assert here.written() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_may_not_be_read_is_refused(
    command: Command, place: Callable[[str, bytes], Place], name: str
) -> None:
    here = place("t.csv", CSV)
    here.data.chmod(0)
    said = command(*here.arguments(COMMANDS[name]))
    assert said.code == 2
    assert "Permission denied" in said.err


def test_dates_in_several_formats_stay_text_and_one_format_does_not(
    command: Command, place: Callable[[str, bytes], Place]
) -> None:
    rows = [f"2024-01-{n:02},2024-01-{n:02},10:{n:02}" for n in range(1, 29)] * 50
    here = place("t.csv", _csv([*rows, "2024-02-01,01.02.2024,9:05"]))
    here.checks.write_text(
        "holdfast: 1\npromises:\n- freshness(a) <= 1 d\n- freshness(b) <= 1 d\n- freshness(c) <= 1 d\n"
    )
    pattern = ("check", "{data}", "--contract", "{checks}", "--format", "json", "--now", "2024-02-01T12:00")
    one, several, day = strict(command(*here.arguments(pattern)).out)
    assert (one["verdict"], one["value"]) == ("held", 43200.0)
    assert several["verdict"] == day["verdict"] == "unproven"


def test_formulas_are_told_and_none_is_made(command: Command, place: Callable[[str, bytes], Place]) -> None:
    here = place(*ODD["formulas"])
    assert command(*here.arguments(COMMANDS["clean"])).code == 0
    report = json.loads((here.out / "r.json").read_bytes())
    assert any(each["rule"] == "formula-looking cell" for each in report["suspects"])
    assert not any((each["after"] or "").startswith(("=", "+", "@")) for each in report["changes"])


def test_the_report_of_an_odd_table_is_no_markup_and_no_terminal_code(
    command: Command, place: Callable[[str, bytes], Place]
) -> None:
    here = place("t.csv", b"a,<script>x</script>,\x1b[31mc\n" + ROWS.encode())
    here.checks.write_text("holdfast: 1\npromises:\n- varies(*) >= 0.9\n- completeness(*) >= 0.5\n")
    pattern = ("check", "{data}", "--contract", "{checks}", "--format")
    html = command(*here.arguments((*pattern, "html"))).out
    text = command(*here.arguments((*pattern, "text"))).out
    junit = command(*here.arguments((*pattern, "junit"))).out
    assert "<script>x" not in html
    assert "\x1b" not in text
    assert "\x1b" not in junit
