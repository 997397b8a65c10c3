"""Names as MLflow takes them: what it would refuse is replaced, and two names never become one."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from holdfast.core.digests import digest_bytes
from holdfast.core.evidence import Evidence

_LONGEST = 200
_NOT_IN_KEYS = re.compile(r"[^\w\-. :/]")
_NOT_IN_MODELS = re.compile(r"[^\w\- .]")
_NOT_IN_LOGGED = re.compile(r"[^\w\- ]")


def key_name(text: str) -> str:
    """Name of a metric, parameter or tag: letters, digits, ``_ - . : /`` and blanks, at most 250 characters.

    A text that had to be changed ends with a piece of its digest, so that two texts never become one name.

    Examples
    --------
    >>> key_name("roc_auc"), key_name("p99<=2").startswith("p99__2-")
    ('roc_auc', True)
    """
    return _told_apart(text, _NOT_IN_KEYS.sub("_", text))


def model_name(text: str) -> str:
    """Name of a registered model: no ``/``, ``:`` or quotes.

    Examples
    --------
    >>> model_name("tumour"), model_name("a/b").startswith("a_b-")
    ('tumour', True)
    """
    return _told_apart(text, _NOT_IN_MODELS.sub("_", text))


def logged_name(text: str) -> str:
    """Name of a logged model: no punctuation but ``_`` and ``-``."""
    return _told_apart(text, _NOT_IN_LOGGED.sub("_", text))


def _told_apart(text: str, made: str) -> str:
    if made == text and _is_plain(made):
        return made
    body = made if _is_plain(made) else made[:_LONGEST].replace("/", "_").replace("..", "__").lstrip(".")
    return f"{body.strip() or '_'}-{digest_bytes(text.encode())[:12]}"


def _is_plain(made: str) -> bool:
    """Whether MLflow takes the name: not blank, not too long, and, read as a path, no other path."""
    return bool(made.strip()) and len(made) <= _LONGEST and posixpath.normpath(made) == made and made[0] not in "./"


def metric_name(evidence: Evidence) -> str:
    """Name of the metric that shows a measurement: measure, arguments, options and slice.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment = datetime(2026, 1, 1, tzinfo=UTC)
    >>> metric_name(Evidence("s", "recall", "candidate", moment, slice=(("sex", "Female"),), value=0.9))
    'recall/sex:Female'
    """
    options = [f"{name}:{value}" for name, value in evidence.options]
    slices = [f"{column}:{value}" for column, value in evidence.slice]
    parts = [evidence.measure, *(_word(each) for each in evidence.args), *options, *slices]
    plain = [part.replace("/", "_") for part in parts]
    made = key_name("/".join(plain))
    return made if plain == parts else _told_apart("/".join(parts) + "/", made)


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "all" if value == "*" else str(value)


def shortened(value: Any, *, longest: int = 4000) -> str:
    """Text of a value as a tag holds it."""
    text = value if isinstance(value, str) else repr(value) if isinstance(value, float) else str(value)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
