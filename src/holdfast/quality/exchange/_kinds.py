"""Types of other tools (pandas, numpy, Arrow, Polars, SQL, Table Schema) in the kinds that `typed` knows."""

from __future__ import annotations

import re

from holdfast.quality.exchange._suite import Unmapped

_KINDS: tuple[tuple[str, str], ...] = (
    (r"(?:u?int|integer|bigint|smallint|tinyint|serial)(?:\d+)?(?:_?type)?", "integer"),
    (r"int(?:eger)?\d*|longtype|long|byteint", "integer"),
    (r"(?:float|double|decimal|numeric|real|number|money|double precision)(?:\d+)?(?:_?type)?", "number"),
    (r"bool(?:ean)?(?:_|type)?", "boolean"),
    (r"(?:date|datetime|timestamp)(?:\d+|tz|_tz|_ntz|_ltz|type| with(?:out)? time zone)?", "date"),
    (r"(?:str|string|text|object|varchar|char|character|character varying|nvarchar)(?:_?type)?", "text"),
    (r"utf8|large_string|clob", "text"),
    (r"categor(?:y|ical)|enum|uuid", "text"),
)


def kind_of_type(name: object) -> str:
    """Kind of a type by its name.

    Parameters
    ----------
    name
        Such as ``int64``, ``string[python]``, ``datetime64[ns, UTC]``, ``VARCHAR(20)``, ``Float32``, ``TIMESTAMP_TZ``.

    Returns
    -------
    str
        ``integer``, ``number``, ``boolean``, ``date`` or ``text``.

    Raises
    ------
    Unmapped
        If it is another.

    Examples
    --------
    >>> kind_of_type("datetime64[ns]"), kind_of_type("VARCHAR(20)")
    ('date', 'text')
    """
    if not isinstance(name, str) or not name or len(name) > 100:
        raise Unmapped(f"type {name!r} is no name of a type")
    plain = re.sub(r"[\[(].*", "", name.strip().lower()).rsplit(".", 1)[-1].strip()
    for pattern, kind in _KINDS:
        if re.fullmatch(pattern, plain):
            return kind
    raise Unmapped(f"type {name!r} is none that typed() knows: integer, number, boolean, date, text")


def kind_of_types(names: object) -> str:
    """Kind that a list of types has in common (a whole number is a number).

    Raises
    ------
    Unmapped
        If there is none.
    """
    if not isinstance(names, list) or not names:
        raise Unmapped("no types")
    kinds = set()
    unknown = None
    for each in names:
        try:
            kinds.add(kind_of_type(each))
        except Unmapped as error:
            # A list names the types of all databases; those that we know decide.
            unknown = error
    if not kinds and unknown is not None:
        raise unknown
    if len(kinds) == 1:
        return kinds.pop()
    if kinds == {"integer", "number"}:
        return "number"
    raise Unmapped(f"types of several kinds: {', '.join(sorted(kinds))}")
