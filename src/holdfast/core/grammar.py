"""The grammar of promises, with its parser.

``measure[(args)] op number[unit] [by slices] [on dataset] [over window] [with confidence%] [else remedy, ...]``
"""

from __future__ import annotations

import functools
import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from holdfast.core.errors import HoldfastError, PromiseSyntaxError, UnitMismatch, one_of
from holdfast.core.promises import Argument, Promise
from holdfast.core.units import UNITS, Quantity

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

GRAMMAR = r"""
start: call OPERATOR quantity [by] [on] [over] [confidence] [remedies]

call: NAME ["(" [argument ("," argument)*] ")"]
argument: NAME "=" value -> option
        | value          -> positional
?value: NAME -> word | STRING -> string | SIGNED_NUMBER -> number | STAR -> star

quantity: SIGNED_NUMBER [UNIT]
by: _BY word_ ("," word_)*
on: _ON word_
over: _OVER SIGNED_NUMBER UNIT
confidence: _WITH SIGNED_NUMBER "%"
remedies: _ELSE word_ ("," word_)*
word_: NAME -> word | STRING -> string

OPERATOR: "<=" | ">=" | "==" | "!=" | "<" | ">"
STAR: "*"
_BY.3: /by\b/
_ON.3: /on\b/
_OVER.3: /over\b/
_WITH.3: /with\b/
_ELSE.3: /else\b/
NAME.1: /[A-Za-z_][A-Za-z0-9_.\-]*/
UNIT.1: /[A-Za-z]+|%/
STRING: /"(\\.|[^"\\\n])*"/
SIGNED_NUMBER.2: /[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/

%import common.WS
%ignore WS
"""

_EXPECTED = {
    "OPERATOR": "an operator (<= >= < > == !=)",
    "SIGNED_NUMBER": "a number",
    "NAME": "a name",
    "STRING": "a quoted name",
    "UNIT": "a unit",
    "LPAR": "'('",
    "RPAR": "')'",
    "COMMA": "','",
    "PERCENT": "'%'",
    "STAR": "'*'",
    "EQUAL": "'='",
    "_BY": "'by'",
    "_ON": "'on'",
    "_OVER": "'over'",
    "_WITH": "'with'",
    "_ELSE": "'else'",
    "$END": "the end",
}


@functools.cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=False)


def parse(text: str, *, where: str | None = None) -> Promise:
    """Promise for one line of text.

    Parameters
    ----------
    text
        A promise, such as ``p99_latency <= 20 ms over 5 m else scale``.
    where
        Place to name in errors; the column within the text is added to it.

    Raises
    ------
    PromiseSyntaxError
        If the text does not follow the grammar; says the column, what stood there and what could stand there.
    UnitMismatch
        If a unit is not one.
    InvalidValue
        If a number is out of its range.

    Examples
    --------
    >>> parse("recall>=0.80 by race,sex").text
    'recall >= 0.8 by race, sex'
    >>> parse("coverage >= 90%").bound.base
    0.9
    """
    from lark.exceptions import UnexpectedInput

    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _syntax_error(text, error, where) from None
    try:
        return _promise(tree)
    except HoldfastError as error:
        # What is wrong is said where the parts are put together; which line it stands in is known here.
        inside = f"{error.where} of the promise {text!r}" if error.where else f"the promise {text!r}"
        place = f"{where}: {inside}" if where else inside
        raise type(error)(error.message, where=place, expected=error.expected) from None


def _syntax_error(text: str, error: Any, where: str | None) -> PromiseSyntaxError:
    token = getattr(error, "token", None)
    at_end = token is not None and token.type == "$END"
    # Counted from the start of the text, not of the line: a promise may be folded over several.
    position = len(text) if at_end else int(error.pos_in_stream)
    column = position + 1
    rest = "the end" if at_end else repr(text[position : position + 1] + re.split(r"\s", text[position + 1 :])[0])
    # A failed character (lexer) lists what it allowed; a failed token (parser) lists what it expected.
    names = sorted(getattr(error, "accepts", None) or getattr(error, "expected", None) or error.allowed or ())
    words = [_EXPECTED.get(name, name.lower()) for name in names if name != "WS"]
    place = f"{where}: column {column}" if where else f"column {column}"
    return PromiseSyntaxError(
        f"{rest} cannot stand here in the promise {text!r}", where=place, expected=" or ".join(words) or None
    )


def _promise(tree: Tree[Any]) -> Promise:
    parts: dict[str, Any] = {str(child.data): child for child in tree.children if hasattr(child, "data")}
    operator = next(str(child) for child in tree.children if not hasattr(child, "data"))
    name, args, options = _call(parts["call"])
    over = parts.get("over")
    sure = parts.get("confidence")
    where = parts.get("on")
    return Promise(
        measure=name,
        op=operator,
        bound=_quantity(parts["quantity"].children),
        args=args,
        options=options,
        by=_words(parts.get("by")),
        on=_words(where)[0] if where is not None else None,
        over=_quantity(over.children) if over is not None else None,
        confidence=_share(sure.children[0]) if sure is not None else None,
        remedies=_words(parts.get("remedies")),
    )


def _call(tree: Tree[Any]) -> tuple[str, tuple[Argument, ...], tuple[tuple[str, Argument], ...]]:
    name, *given = cast("list[Any]", tree.children)
    args: list[Argument] = []
    options: dict[str, Argument] = {}
    for each in given:
        if each.data == "positional":
            if options:
                raise PromiseSyntaxError(
                    f"an argument without a name after {list(options)[-1]!r} in {name}(...)",
                    where=_column(each.children[0].children[0]),
                    expected="a name and '='",
                )
            args.append(_value(each.children[0]))
        else:
            key = str(each.children[0])
            if key in options:
                raise PromiseSyntaxError(
                    f"argument {key!r} stands twice in {name}(...)",
                    where=_column(each.children[0]),
                    expected="each once",
                )
            options[key] = _value(each.children[1])
    return str(name), tuple(args), tuple(sorted(options.items()))


def _value(tree: Any) -> Argument:
    token = tree.children[0]
    if tree.data == "number":
        return _number(token)
    return _unquote(token) if tree.data == "string" else str(token)


def _unquote(token: Token) -> str:
    try:
        name = str(json.loads(token))
        name.encode("utf-8")
    except (json.JSONDecodeError, UnicodeEncodeError):
        raise PromiseSyntaxError(
            f"{str(token)!r} is no quoted name", where=_column(token), expected="text with JSON's escapes"
        ) from None
    return name


def _number(token: Token) -> float:
    number = float(token)
    if number in (float("inf"), float("-inf")):
        raise PromiseSyntaxError(f"{token} is too large", where=_column(token), expected="a finite number")
    return number


def _share(token: Token) -> float:
    # In decimal: 90 % is 0.9, and no digit is lost however small the number is.
    return float(Decimal(str(token)) / 100) if _number(token) else 0.0


def _column(token: Token) -> str:
    return f"column {int(token.start_pos or 0) + 1}"


def _words(tree: Tree[Any] | None) -> tuple[str, ...]:
    if tree is None:
        return ()
    return tuple(str(_value(child)) for child in tree.children)


def _quantity(children: list[Token]) -> Quantity:
    symbol = str(children[1]) if len(children) > 1 else ""
    if symbol and symbol not in UNITS:
        raise UnitMismatch(
            f"no unit {symbol!r}",
            where=_column(children[1]),
            expected=one_of((each for each in UNITS if each), symbol),
        )
    # A share is written 0.9 or 90 %: one claim, so one form.
    return Quantity(_share(children[0])) if symbol == "%" else Quantity(_number(children[0]), symbol)
