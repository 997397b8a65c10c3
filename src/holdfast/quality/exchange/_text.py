"""An import as a checks file: promises with what they stand for, and what was skipped as comments."""

from __future__ import annotations

from typing import Any

import yaml

from holdfast.quality.exchange._suite import Imported, shown

_TOOLS = {
    "great-expectations": "Great Expectations",
    "pandera": "Pandera",
    "soda": "Soda",
    "dbt": "dbt",
    "frictionless": "Frictionless",
}


def checks_text(imported: Imported) -> str:
    """A checks file (`checks.yaml`) that holds the promises of an import.

    Parameters
    ----------
    imported
        As `read_suite` gives it.

    Returns
    -------
    str
        YAML that `holdfast check DATA --contract` reads: ``holdfast``, ``data`` (types and reading, where the suite
        says something of them) and ``promises``; each promise with the check it stands for, and below, as comments,
        what was skipped and why.

    Examples
    --------
    >>> from holdfast.quality.exchange import Imported
    >>> print(checks_text(Imported(("unique(id) >= 1",), kind="dbt", origins=("id: unique",), checks=1, name="s.yml")))
    # Checks of s.yml (dbt): 1 of 1 mapped.
    holdfast: 1
    promises:
      data:
        - unique(id) >= 1  # id: unique
    <BLANKLINE>
    """
    of = f", {imported.table}" if imported.table else ""
    lines = [
        f"# Checks of {shown(imported.name)} ({_TOOLS[imported.kind]}{shown(of)}): "
        f"{imported.mapped} of {imported.checks} mapped.",
        "holdfast: 1",
    ]
    if imported.types or imported.reading:
        lines.append("data:")
        lines += [
            f"  {key}: {_flow(dict(part))}"
            for key, part in (("types", imported.types), ("reading", imported.reading))
            if part
        ]
    lines.append("promises:")
    lines.append("  data:" if imported.promises else "  data: []")
    origins = imported.origins or ("",) * len(imported.promises)
    lines += [
        f"    - {scalar(promise)}" + (f"  # {origin}" if origin else "")
        for promise, origin in zip(imported.promises, origins, strict=True)
    ]
    for title, part in (("Skipped, for no promise says the same:", imported.skipped), ("Differences:", imported.notes)):
        if part:
            lines.append(f"# {title}")
            lines += [f"#   {shown(each.what)}: {shown(each.why)}" for each in part]
    return "\n".join(lines) + "\n"


def scalar(text: str) -> str:
    r"""A text as an item of a YAML list that reads back as the same text, quoted where it must be.

    Examples
    --------
    >>> scalar("unique(id) >= 1"), scalar('holds("a: b") >= 1')
    ('unique(id) >= 1', '\'holds("a: b") >= 1\'')
    """
    for written in (text, "'" + text.replace("'", "''") + "'"):
        try:
            if yaml.safe_load(f"- {written}  # c\n") == [text]:
                return written
        except yaml.YAMLError:
            continue
    return _flow(text, style='"')


def _flow(value: Any, *, style: str | None = None) -> str:
    """YAML on one line, in ASCII where a character could be read otherwise."""
    made: str = yaml.safe_dump(
        value, default_flow_style=True, default_style=style, width=2**30, allow_unicode=style is None, sort_keys=False
    )
    return made.removesuffix("\n...\n").rstrip("\n")
