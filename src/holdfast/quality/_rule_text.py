"""The text of row rules: the grammar, and the tree that a text stands for. Nothing in it is ever run as code."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from holdfast.core.errors import HoldfastError, InvalidValue

if TYPE_CHECKING:
    from lark import Lark

#: A rule is a line that a person reads, not a program.
MAX_LENGTH = 4_000
MAX_DEPTH = 50

GRAMMAR = r"""
?start: implies

?implies: either ["->" implies]
?either: both (_OR both)*
?both: negated (_AND negated)*
?negated: _NOT negated -> not_
        | test
?test: sum
     | sum (COMPARE sum)+                             -> compare
     | sum _IS _MISSING                             -> missing
     | sum _IS _NOT _MISSING                       -> there
     | sum _IN "(" listed ("," listed)* ")"          -> among
     | sum _NOT _IN "(" listed ("," listed)* ")"    -> not_among
?sum: product ((PLUS | MINUS) product)*
?product: signed ((TIMES | OVER) signed)*
?signed: MINUS signed -> minus
       | atom
?atom: constant
     | NAME "(" implies ")" -> call
     | NAME                 -> column
     | QUOTED_NAME          -> quoted_column
     | "(" implies ")"      -> inner
?listed: constant
       | MINUS NUMBER -> negative
?constant: NUMBER -> number
         | STRING -> string
         | TRUE -> true
         | FALSE -> false

_OR.2: /or\b/i
_AND.2: /and\b/i
_NOT.2: /not\b/i
_IS.2: /is\b/i
_MISSING.2: /missing\b/i
_IN.2: /in\b/i
TRUE.2: /true\b/i
FALSE.2: /false\b/i
COMPARE: "<=" | ">=" | "==" | "!=" | "<" | ">"
PLUS: "+"
MINUS: "-"
TIMES: "*"
OVER: "/"
NAME: /[^\W\d][\w.]*/
QUOTED_NAME: /`(``|[^`])+`/
NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
STRING: /'(''|[^'])*'|"[^"]*"/

%import common.WS
%ignore WS
"""

_EXPECTED = {
    "COMPARE": "a comparison (== != < <= > >=)",
    "NUMBER": "a number",
    "STRING": "a text in quotes",
    "NAME": "a column",
    "QUOTED_NAME": "a column in backquotes",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "__ANON_0": "'->'",
    "PLUS": "'+'",
    "MINUS": "'-'",
    "TIMES": "'*'",
    "OVER": "'/'",
    "_OR": "'or'",
    "_AND": "'and'",
    "_NOT": "'not'",
    "_IS": "'is'",
    "_IN": "'in'",
    "_MISSING": "'missing'",
    "TRUE": "'true'",
    "FALSE": "'false'",
    "$END": "the end",
}


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a rule.

    Parameters
    ----------
    kind
        ``column``, ``literal``, ``call``, ``not``, ``and``, ``or``, ``implies``, ``compare``, ``missing``, ``among`` or
        ``arithmetic``.
    inner
        Its parts.
    word
        Name, operator or function.
    value
        Of a literal.
    place
        Where it begins in the text, from 1.
    depth
        How many parts stand in each other.
    """

    kind: str
    inner: tuple[Part, ...] = ()
    word: str = ""
    value: Any = None
    place: int = 1
    depth: int = 1


def parse_rule(text: str) -> Part:
    """Tree of a rule.

    Raises
    ------
    InvalidValue
        If the text does not follow the grammar: says the column, what stood there and what could; or if it is too long
        or too deep.

    Examples
    --------
    >>> parse_rule("age >= 0 and sex in ('f', 'm')").kind
    'and'
    """
    from lark.exceptions import UnexpectedInput, VisitError

    if len(text) > MAX_LENGTH:
        raise InvalidValue(f"a rule of {len(text)} characters", expected=f"at most {MAX_LENGTH}")
    try:
        found: Part = _parser().parse(text)  # type: ignore[assignment]  # the tree is built while it is parsed
    except UnexpectedInput as error:
        raise _syntax_error(text, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, HoldfastError):
            raise error.orig_exc from None
        raise
    return found


@functools.cache
def _parser() -> Lark:
    from lark import Lark, Transformer, v_args

    @v_args(meta=False)
    class Build(Transformer[Any, Part]):
        """Parts from the bottom up, so that a deep text is refused before anything walks it."""

        def implies(self, parts: list[Any]) -> Part:
            return parts[0] if len(parts) == 1 else _part("implies", parts)

        def either(self, parts: list[Any]) -> Part:
            return _part("or", parts)

        def both(self, parts: list[Any]) -> Part:
            return _part("and", parts)

        def not_(self, parts: list[Any]) -> Part:
            return _part("not", parts)

        def compare(self, parts: list[Any]) -> Part:
            pairs = [
                _part("compare", [parts[at], parts[at + 2]], word=str(parts[at + 1]))
                for at in range(0, len(parts) - 1, 2)
            ]
            return pairs[0] if len(pairs) == 1 else _part("and", pairs)

        def missing(self, parts: list[Any]) -> Part:
            return _part("missing", parts)

        def there(self, parts: list[Any]) -> Part:
            return _part("not", [_part("missing", parts)])

        def among(self, parts: list[Any]) -> Part:
            return _part("among", parts)

        def not_among(self, parts: list[Any]) -> Part:
            return _part("not", [_part("among", parts)])

        def sum(self, parts: list[Any]) -> Part:
            return _chain(parts)

        def product(self, parts: list[Any]) -> Part:
            return _chain(parts)

        def minus(self, parts: list[Any]) -> Part:
            zero = Part("literal", value=0.0, place=_place(parts[0]))
            return _part("arithmetic", [zero, parts[1]], word="-")

        def call(self, parts: list[Any]) -> Part:
            return _part("call", parts[1:], word=str(parts[0]), place=_place(parts[0]))

        def column(self, parts: list[Any]) -> Part:
            return Part("column", word=str(parts[0]), place=_place(parts[0]))

        def quoted_column(self, parts: list[Any]) -> Part:
            return Part("column", word=str(parts[0])[1:-1].replace("``", "`"), place=_place(parts[0]))

        def inner(self, parts: list[Any]) -> Part:
            return _part(parts[0].kind, parts[0].inner, like=parts[0])

        def number(self, parts: list[Any]) -> Part:
            return _number(parts[0], 1.0)

        def negative(self, parts: list[Any]) -> Part:
            return _number(parts[1], -1.0)

        def string(self, parts: list[Any]) -> Part:
            word = str(parts[0])
            text = word[1:-1].replace("''", "'") if word[0] == "'" else word[1:-1]
            return Part("literal", value=text, place=_place(parts[0]))

        def true(self, _: list[Any]) -> Part:
            return Part("literal", value=True)

        def false(self, _: list[Any]) -> Part:
            return Part("literal", value=False)

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", transformer=Build(), maybe_placeholders=False)


def _place(token: Any) -> int:
    return int(token.start_pos or 0) + 1 if hasattr(token, "start_pos") else int(token.place)


def _number(token: Any, sign: float) -> Part:
    number = sign * float(token)
    if number in (float("inf"), float("-inf")):
        raise InvalidValue(f"{token} is too large", where=f"holds, column {_place(token)}", expected="a finite number")
    return Part("literal", value=number, place=_place(token))


def _part(kind: str, parts: Any, *, word: str = "", place: int | None = None, like: Part | None = None) -> Part:
    inner = tuple(parts)
    depth = 1 + max((each.depth for each in inner), default=0) if like is None else like.depth
    if depth > MAX_DEPTH:
        raise InvalidValue(f"a rule of more than {MAX_DEPTH} parts in each other", expected="a simpler rule")
    if like is not None:
        return like
    start = place if place is not None else (inner[0].place if inner else 1)
    return Part(kind, inner, word=word, place=start, depth=depth)


def _chain(parts: list[Any]) -> Part:
    found: Part = parts[0]
    for at in range(1, len(parts), 2):
        found = _part("arithmetic", [found, parts[at + 1]], word=str(parts[at]))
    return found


def _syntax_error(text: str, error: Any) -> InvalidValue:
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    position = len(text) if at_end else int(error.pos_in_stream)
    rest = "the end" if at_end else repr(text[position : position + 1] + re.split(r"\s", text[position + 1 :])[0][:40])
    names = sorted(getattr(error, "accepts", None) or getattr(error, "expected", None) or error.allowed or ())
    words = [_EXPECTED.get(name, repr(name.lower())) for name in names if name != "WS"]
    return InvalidValue(
        f"{rest} cannot stand here in the rule {_shown(text)}",
        where=f"holds, column {position + 1}",
        expected=" or ".join(words) or None,
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
