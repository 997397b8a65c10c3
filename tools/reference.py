"""Reference: what is registered, every error, event, unit, command and field of the contract, as one page of Markdown.

``python tools/reference.py`` prints the page, ``python tools/reference.py --write`` writes docs/reference.md. Nothing
is listed by hand: the page is read off the registry, the error tree, the source and the contract's schema.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from holdfast.core import registry
from holdfast.core.errors import HoldfastError
from holdfast.core.ports import DomainPack, MeasureSpec
from holdfast.core.units import MEASURE_UNITS, UNITS, number_text

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference.md"
HEAD = """# Reference

Everything that has a name. This page is written by `python tools/reference.py --write` from what is registered; do not
edit it by hand.
"""
#: An event's type is a noun and a past participle.
EVENT = re.compile(r"[a-z]+\.[a-z]*(?:ed|en|made)")
#: Parameters that a measure is given by the caller and no promise can set.
GIVEN = ("confidence", "rng", "anytime")


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Lines of a Markdown table; nothing but a sentence when there are no rows."""
    names, cells = list(headings), [[_cell(each) for each in row] for row in rows]
    if not cells:
        yield "None is registered."
        return
    yield f"| {' | '.join(names)} |"
    yield "|" + "---|" * len(names)
    yield from (f"| {' | '.join(row)} |" for row in cells)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")


def code(text: object) -> str:
    """Text as code, nothing when there is none."""
    return f"`{text}`" if text not in ("", None) else ""


def summary(thing: Any) -> str:
    """First paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def measures() -> Iterator[str]:
    """Every measure: how a promise names it, and what it is."""
    for spec in registry.every("measure"):
        yield f"### `{call(spec)}`"
        yield ""
        yield summary(spec.compute)
        yield ""
        low, high = (number_text(float(end)) if end is not None else "no end" for end in spec.range)
        yield f"- unit: {spec.unit}; range: {low} to {high}; better: {spec.better}"
        yield f"- stages: {', '.join(spec.stages)}; measured on: {spec.subject}"
        if spec.estimates:
            yield f"- estimates {', '.join(code(each) for each in spec.estimates)} while labels are missing"
        if spec.anytime:
            yield "- its interval can stay valid however often it is looked at"
        if registry.find("row_check", spec.name) is not None:
            yield "- points at the rows that break it"
        yield f"- source: {spec.source}"
        yield ""


def call(spec: MeasureSpec) -> str:
    """The measure as a promise would name it, with its arguments and options."""
    given = []
    for each in list(inspect.signature(spec.compute).parameters.values())[1:]:
        if each.name in GIVEN or each.kind is each.VAR_KEYWORD:
            continue
        if each.kind is each.VAR_POSITIONAL:
            given.append(f"{each.name}, ...")
        elif each.default is each.empty:
            given.append(each.name)
        else:
            given.append(f"{each.name}={each.default}")
    return f"{spec.name}({', '.join(given)})" if given else spec.name


def entries(kind: str) -> Iterator[str]:
    """Every entry of a kind that is registered as a class: name and what it is."""
    yield from table(("name", "what it is"), ((code(each.name), summary(type(each))) for each in registry.every(kind)))


def domains() -> Iterator[str]:
    """Every domain pack."""
    packs: list[DomainPack] = registry.every("domain")
    yield from table(
        ("name", "sensitive columns", "promises to start from"),
        ((code(each.name), ", ".join(each.sensitive), "; ".join(map(code, each.promises))) for each in packs),
    )


def errors() -> Iterator[str]:
    """Every error of the tree: code, name, exit code of the command that ends with it, meaning."""
    found = sorted(family(HoldfastError), key=lambda each: each.code)
    yield from table(
        ("code", "error", "exit code", "meaning"),
        ((code(each.code), code(each.__name__), each.exit_code, summary(each)) for each in found),
    )


def family(root: type[HoldfastError]) -> Iterator[type[HoldfastError]]:
    """An error of the tree and all below it; those that a room adds carry the code of their parent and are left out."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == HoldfastError.__module__:
            yield from family(child)


def event_types(source: Path = ROOT / "src" / "holdfast") -> list[str]:
    """Types of events that the source appends or reads, sorted."""
    found: set[str] = set()
    for path in source.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and EVENT.fullmatch(node.value):
                found.add(node.value)
    return sorted(found)


def events() -> Iterator[str]:
    """Every type of event, and the state that it changes."""
    from holdfast.store import projections

    told: dict[str, str] = dict(
        re.findall(r"^(\w+\.\w+)(?: \.\.\.)?  +(\S.*)$", projections.__doc__ or "", re.MULTILINE)
    )
    alike = {name.partition(".")[0]: told[name] for name in told if name.endswith(".started")}
    rows = [(name, told.get(name) or alike.get(name.partition(".")[0], "none")) for name in event_types()]
    cells = ((code(name), state.replace("<", "&lt;")) for name, state in rows)
    yield from table(("event", "state that it changes (kind/key)"), cells)


def units() -> Iterator[str]:
    """Every unit that a bound can be written in, by what it measures."""
    dimensions = dict.fromkeys(MEASURE_UNITS.values())
    rows = []
    for dimension in dimensions:
        symbols = [code(each.symbol) for each in UNITS.values() if each.dimension == dimension and each.symbol]
        kinds = [unit for unit, measured in MEASURE_UNITS.items() if measured == dimension]
        rows.append((dimension, ", ".join(symbols) or "a plain number", ", ".join(kinds)))
    yield from table(("dimension", "units of a bound", "units of measures"), rows)


def commands() -> Iterator[str]:
    """Every command of the command line."""
    from holdfast.cli.main import COMMANDS

    yield from table(
        ("command", "what it does"), ((code(f"holdfast {name}"), COMMANDS[name][1]) for name in sorted(COMMANDS))
    )


def fields() -> Iterator[str]:
    """Every field of the contract file, as its JSON Schema has it."""
    from holdfast.store.contract_file import contract_schema

    schema = contract_schema()
    rows = [
        (code(path), code(_default(one)), one.get("description", ""))
        for path, one in _walk(schema, schema.get("$defs", {}), prefix="")
    ]
    yield from table(("field", "default", "meaning"), rows)


def _default(one: Mapping[str, Any]) -> str:
    return "" if one.get("default") is None else str(one["default"])


def _walk(
    schema: Mapping[str, Any], known: Mapping[str, Any], *, prefix: str
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, one in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        yield path, one
        for inner in (one, *one.get("anyOf", ()), one.get("items", {})):
            reference = inner.get("$ref", "").rpartition("/")[2]
            if reference in known:
                yield from _walk(known[reference], known, prefix=f"{path}.")


SECTIONS: tuple[tuple[str, Callable[[], Iterator[str]]], ...] = (
    ("Measures", measures),
    ("Remedies", lambda: entries("remedy")),
    ("Trainers", lambda: entries("trainer")),
    ("Packagers", lambda: entries("packager")),
    ("Targets", lambda: entries("target")),
    ("Sources", lambda: entries("source")),
    ("Domain packs", domains),
    ("Fields of the contract", fields),
    ("Units", units),
    ("Commands", commands),
    ("Events", events),
    ("Errors", errors),
)


def page() -> str:
    """Write the whole page as text."""
    lines = [HEAD]
    for title, section in SECTIONS:
        lines += [f"## {title}", "", *section(), ""]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def main(arguments: list[str]) -> int:
    """Print the page, or write it."""
    if arguments not in ([], ["--write"]):
        sys.stderr.write("usage: python tools/reference.py [--write]\n")
        return 2
    if arguments:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
