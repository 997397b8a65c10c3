"""Locations: what of the name of a file or URL may be told, and what of it is a secret."""

from __future__ import annotations

import re

#: What may be a password: everything between a scheme and the last @ behind ``user:`` (a port is none).
_PASSWORD = r"[^\s:/@]*:(?!\d{1,5}/)[^\n@]{0,300}@(?:[^\s@]{0,300}@)*"  # noqa: S105  # a pattern, not a password

_LOGIN = re.compile(rf"(?<=://)(?:{_PASSWORD}|[^\s/@?#]{{0,300}}@)")

_TOKEN = re.compile(
    r"(?i)([?&][^=&#\s]{0,30}?(?:sig|signature|token|secret|password|passwd|credential|key)[^=&#\s]{0,30}=)[^&#\s'\"]*"
)

_WITH_PASSWORD = re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*://{_PASSWORD}")


def public(text: str) -> str:
    """Text in which no URL holds a login, and none a token in its query.

    Parameters
    ----------
    text
        A location, or a sentence that holds some.

    Examples
    --------
    >>> public("postgresql://me:hunter2@db/shop#orders")
    'postgresql://db/shop#orders'
    >>> public("s3://bucket/a.parquet?token=abc does not answer")
    's3://bucket/a.parquet?token=... does not answer'
    """
    if "://" not in text:
        return text
    return _TOKEN.sub(r"\1...", _LOGIN.sub("", text))


def has_secret(location: str) -> bool:
    """Whether a location is a URL with a password or a token in it.

    Examples
    --------
    >>> has_secret("postgresql://me:hunter2@db/shop"), has_secret("postgresql://me@db/shop"), has_secret("a.csv")
    (True, False, False)
    """
    scheme, found, _ = location.partition("://")
    url = bool(found) and scheme.isascii() and not re.search(r"[^A-Za-z0-9+.\-]", scheme)
    return url and (_WITH_PASSWORD.match(location) is not None or _TOKEN.search(location) is not None)


__all__ = ["has_secret", "public"]
