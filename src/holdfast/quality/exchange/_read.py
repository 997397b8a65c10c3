"""Which tool's file it is, by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from holdfast.core.errors import HoldfastError, MalformedContract
from holdfast.quality.exchange._documents import MAX_BYTES, read_document
from holdfast.quality.exchange._suite import Imported

_OURS = re.compile(r"^(?:holdfast|[\"']holdfast[\"'])\s*:", re.MULTILINE)
_THEIRS = re.compile(
    r"^[\"']?(?:checks for [^\n:]{1,300}|(?:dataset|models|seeds|snapshots|sources|schema_type|expectations|suites?"
    r"|fields|resources)[\"']?[ ]{0,9}):",
    re.MULTILINE,
)
_ENDINGS = (".json", ".yaml", ".yml")


def _tools() -> tuple[ModuleType, ...]:
    from holdfast.quality.exchange import dbt, frictionless, gx, pandera, soda

    return gx, pandera, frictionless, dbt, soda


def read_suite(path: Path, *, table: str | None = None) -> Imported:
    """Promises for the checks in a file of another tool.

    Parameters
    ----------
    path
        A suite of Great Expectations (0.x, 1.x), a schema that Pandera wrote, a SodaCL file or contract of Soda, a
        properties file of dbt, a Table Schema or Data Package of Frictionless; JSON or YAML, at most a megabyte.
    table
        Name of the table (suite, model, dataset, resource) to take, where the file has checks of several.

    Returns
    -------
    Imported
        Promises, and what was skipped with the reason. No other tool is imported, and nothing in the file is run.

    Raises
    ------
    NotFound
        If there is no such file.
    MalformedContract
        If it is no JSON or YAML within the limits, is of no tool that we know, or has checks of several tables and
        `table` names none.
    UnknownName
        If it has no checks of `table`.
    """
    content = read_document(path)
    tool = _tool_of(content)
    if tool is None:
        ours = " (it is a contract of Holdfast already)" if "promises" in content or "holdfast" in content else ""
        raise MalformedContract(
            f"no suite of checks that we know{ours}",
            where=path.name,
            expected="a file of Great Expectations, Pandera, Soda, dbt or Frictionless",
        )
    try:
        found: Imported = tool.read(content, name=path.name, table=table, folder=path.parent)
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        # A document of the right kind whose parts are of the wrong one.
        raise MalformedContract(
            f"a part of it is not what it should be ({type(error).__name__}: {error})",
            where=path.name,
            expected=f"a file as {tool.KIND} writes it",
        ) from error
    return found


def is_suite(path: Path) -> bool:
    """Whether a file looks like a suite of another tool, rather than a contract; never raises.

    JSON is read within the limits of `read_suite`; of YAML, only the names of the outermost fields are looked at.
    """
    try:
        if not path.name.lower().endswith(_ENDINGS) or path.stat().st_size > MAX_BYTES:
            return False
        text = path.read_text("utf-8-sig")
        if text.lstrip().startswith("{"):
            return _tool_of(read_document(path)) is not None
    except (OSError, ValueError, HoldfastError):
        return False
    return _OURS.search(text) is None and _THEIRS.search(text) is not None


def _tool_of(content: Mapping[str, Any]) -> ModuleType | None:
    if "holdfast" in content:
        return None
    return next((each for each in _tools() if each.matches(content)), None)
