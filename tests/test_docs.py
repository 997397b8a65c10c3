"""The documentation is run: examples in docstrings and pages, documented commands, and every name is in it."""

from __future__ import annotations

import doctest
import importlib
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from holdfast.core import registry
from holdfast.core.errors import HoldfastError

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = [path for path in sorted(SOURCE.rglob("*.py")) if ">>> " in path.read_text(encoding="utf-8")]
FENCE = re.compile(r"(?P<before>[^\n]*)\n```console\n(?P<body>.*?)\n```", re.DOTALL)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
COMMAND_LIMIT_S = 240


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _page_texts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in PAGES)


def _reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_of_holdfast", ROOT / "tools" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _with_data(path: Path, folder: Path, request: pytest.FixtureRequest) -> None:
    """Lay the real data sets where a page reads them: the folder ``mirror``."""
    if "mirror/" in path.read_text(encoding="utf-8"):
        (folder / "mirror").symlink_to(request.getfixturevalue("mirror"))


@pytest.mark.parametrize("path", EXAMPLES, ids=_name)
def test_the_examples_of_a_module_run(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = path.relative_to(SOURCE).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
    result = doctest.testmod(module, optionflags=FLAGS)
    assert result.failed == 0


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_the_python_examples_of_a_page_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from sybil import Sybil
    from sybil.parsers.markdown import PythonCodeBlockParser

    _with_data(path, tmp_path, request)
    monkeypatch.chdir(tmp_path)
    for kind in registry.FOLDERS:
        registry.load(kind)
    # What a page registers is gone with the test.
    monkeypatch.setattr(registry, "_entries", {kind: dict(known) for kind, known in registry._entries.items()})
    document = Sybil(parsers=[PythonCodeBlockParser(doctest_optionflags=FLAGS)], path=str(path.parent)).parse(path)
    for example in document.examples():
        example.evaluate()


def _sessions(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Documented commands with the lines that they print, block by block; marked blocks are left out.

    A block is left out when the line before it is ``<!-- not run: the reason -->``.
    """
    for block in FENCE.finditer(path.read_text(encoding="utf-8")):
        if block["before"].startswith("<!-- not run:"):
            continue
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            command, *printed = part.replace("\\\n", " ").rstrip("\n").split("\n")
            yield command, printed


def _pattern(printed: list[str]) -> re.Pattern[str]:
    """Pattern for documented output: a line of ``...`` stands for any lines, ``...`` within a line for any text."""
    lines = [r"(?:[^\n]*\n)*" if line.strip() == "..." else _line(line) for line in printed]
    return re.compile("".join(lines))


def _line(line: str) -> str:
    return re.escape(line.rstrip()).replace(r"\.\.\.", r"[^\n]*") + r" *\n"


def _run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    words = shlex.split(command, comments=True)
    words[0] = str(Path(sys.executable).with_name("holdfast"))
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=COMMAND_LIMIT_S,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_the_commands_of_a_page_print_what_it_says(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    folder = tmp_path
    _with_data(path, folder, request)
    for command, printed in _sessions(path):
        if command.startswith("cd "):
            folder = folder / command[3:].strip()
        elif command.startswith("holdfast "):
            done = _run(command, folder)
            said = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
            assert done.returncode != 1, f"{command} ended with a bug:\n{said}"
            assert _pattern(printed).fullmatch(said), f"$ {command}\n{said}\ninstead of\n" + "\n".join(printed)


@pytest.mark.parametrize("path", PAGES, ids=_name)
def test_the_links_of_a_page_lead_somewhere(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert [link for link in local if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("kind", sorted(registry.FOLDERS))
def test_every_registered_name_is_in_the_docs(kind: str) -> None:
    text = _page_texts()
    assert [name for name in registry.names(kind) if not re.search(rf"\b{re.escape(name)}\b", text)] == []


def test_every_error_code_is_in_the_docs() -> None:
    text = _page_texts()
    kinds = [HoldfastError, *_reference().family(HoldfastError)]
    assert sorted({kind.code for kind in kinds if kind.code not in text}) == []


def test_every_event_type_is_in_the_docs() -> None:
    text = _page_texts()
    assert [name for name in _reference().event_types() if f"`{name}`" not in text] == []


def test_the_event_types_are_found_in_the_source() -> None:
    found = _reference().event_types()
    assert {"contract.accepted", "access.denied", "run.started", "package.made", "approval.given"} <= set(found)
    assert [name for name in found if name.endswith((".onnx", ".json"))] == []


def test_the_reference_is_what_its_generator_prints() -> None:
    committed = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert committed == _reference().page(), "run: python tools/reference.py --write"


def test_a_documented_output_may_leave_out_lines_and_words() -> None:
    pattern = _pattern(["promise  value", "...", "recall  0.9... held"])
    assert pattern.fullmatch("promise  value\nx\ny\nrecall  0.93 held\n")
    assert pattern.fullmatch("promise  value\nrecall  0.9 held \n")
    assert not pattern.fullmatch("promise  value\nrecall  0.8 held\n")
