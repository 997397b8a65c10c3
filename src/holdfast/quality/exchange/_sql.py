"""Fragments of SQL (a test's expression, a filter) in the language of `holds`. Nothing is run.

Comparisons of columns and constants, and/or/not, arithmetic, ``is [not] null``, ``[not] in (...)`` and
``[not] between`` are read; functions, casts, sub-queries, templates and windows are refused.
"""

from __future__ import annotations

import re

from holdfast.quality.exchange import _rules as rules
from holdfast.quality.exchange._suite import Unmapped

MAX_TEXT = 2_000
MAX_DEPTH = 8

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)
        |(?P<text>'(?:[^']|'')*')
        |(?P<quoted>"[^"]+"|`[^`]+`|\[[^\]\s]+\])
        |(?P<word>[A-Za-z_][A-Za-z0-9_]*)
        |(?P<sign><>|<=|>=|!=|==|=|<|>|\(|\)|,|\+|-|\*|/))""",
    re.VERBOSE,
)
_COMPARE = {"=": "==", "==": "==", "<>": "!=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_UNARY = {("is", "not", "null"): "{} is not missing", ("is", "null"): "{} is missing"}
_MEMBERS = {
    ("not", "in"): "{} not in {}",
    ("in",): "{} in {}",
    ("not", "between"): "not ({1})",
    ("between",): "({1})",
}


def sql_rule(text: object, *, column: str | None = None) -> str:
    """Rule of `holds` that says what a boolean SQL expression says.

    Parameters
    ----------
    text
        The expression, such as ``amount >= 0 and status <> 'gone'``.
    column
        Where the expression begins with an operator, the column that stands before it.

    Raises
    ------
    Unmapped
        If it is more than the forms above.

    Examples
    --------
    >>> sql_rule("amount >= 0 and (a = b or c is null)")
    'amount >= 0 and (a == b or c is missing)'
    """
    if not isinstance(text, str) or not text.strip():
        raise Unmapped("no SQL expression")
    if "{{" in text or "{%" in text or "${" in text:
        raise Unmapped("a template, which is filled in when it runs")
    if len(text) > MAX_TEXT:
        raise Unmapped("a SQL expression too long to read")
    tokens = _tokens(text)
    if column is not None and (tokens[0] in _signs() or tokens[0][1].lower() in ("is", "in", "between", "not")):
        tokens.insert(0, ("quoted", f'"{column}"'))
    reader = _Reader(tokens)
    made = reader.either(0)
    if reader.rest():
        raise Unmapped(f"{reader.peek()!r} in SQL, which no rule says")
    return made


def _signs() -> list[tuple[str, str]]:
    return [("sign", each) for each in _COMPARE]


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    text = text.strip()
    while at < len(text):
        if text[at:].lstrip().startswith(("--", "/*")):
            raise Unmapped("a comment in SQL")
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise Unmapped(f"{text[at : at + 20].strip()!r} in SQL, which no rule says")
        found.append((match.lastgroup, match.group(match.lastgroup)))
        at = match.end()
    return found


class _Reader:
    """Recursive descent over the tokens of a boolean SQL expression."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens
        self._at = 0

    def rest(self) -> bool:
        return self._at < len(self._tokens)

    def peek(self) -> str:
        return self._tokens[self._at][1].lower() if self.rest() else ""

    def kind(self) -> str:
        return self._tokens[self._at][0] if self.rest() else ""

    def take(self) -> str:
        if not self.rest():
            raise Unmapped("a SQL expression that ends early")
        self._at += 1
        return self._tokens[self._at - 1][1]

    def took(self, *words: str) -> bool:
        if [each[1].lower() for each in self._tokens[self._at : self._at + len(words)]] != list(words):
            return False
        if self.kind() in ("text", "quoted"):
            return False
        self._at += len(words)
        return True

    def expect(self, word: str) -> None:
        if not self.took(word):
            raise Unmapped(f"{self.peek() or 'the end'!r} in SQL where {word!r} is expected")

    def either(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Unmapped("a SQL expression nested too deep")
        parts = [self.both(depth)]
        while self.took("or"):
            parts.append(self.both(depth))
        return " or ".join(parts)

    def both(self, depth: int) -> str:
        parts = [self.negated(depth)]
        while self.took("and"):
            parts.append(self.negated(depth))
        return " and ".join(parts)

    def negated(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Unmapped("a SQL expression nested too deep")
        if self.took("not"):
            return f"not ({self.negated(depth + 1)})"
        return self.comparison(depth)

    def comparison(self, depth: int) -> str:
        # A bracket may hold a condition, or a sum: first as a condition, and where none comes of it, as a sum.
        start = self._at
        if self.took("("):
            try:
                inner = self.either(depth + 1)
                self.expect(")")
            except Unmapped:
                self._at = start
            else:
                if self.peek() not in (*_COMPARE, "+", "-", "*", "/", "is", "in", "between"):
                    return f"({inner})"
                self._at = start
        left = self.sum(depth)
        return self.compared(left, depth)

    def compared(self, left: str, depth: int) -> str:
        for words, form in _UNARY.items():
            if self.took(*words):
                return form.format(left)
        for words, form in _MEMBERS.items():
            if self.took(*words):
                inner = self.members() if "in" in words else self.ends(left, depth)
                return form.format(left, inner)
        if self.kind() == "sign" and self.peek() in _COMPARE:
            return f"{left} {_COMPARE[self.take()]} {self.sum(depth)}"
        raise Unmapped(f"{self.peek() or 'the end'!r} in SQL where a comparison is expected")

    def ends(self, left: str, depth: int) -> str:
        low = self.sum(depth)
        self.expect("and")
        return f"{left} >= {low} and {left} <= {self.sum(depth)}"

    def members(self) -> str:
        self.expect("(")
        found = [self.constant()]
        while self.took(","):
            found.append(self.constant())
        self.expect(")")
        return "(" + ", ".join(found) + ")"

    def constant(self) -> str:
        if self.took("-"):
            return f"-{self.constant()}"
        kind = self.kind()
        if kind not in ("number", "text"):
            raise Unmapped(f"{self.peek() or 'the end'!r} in SQL where a constant is expected")
        return self.value()

    def sum(self, depth: int) -> str:
        made = self.product(depth)
        while self.kind() == "sign" and self.peek() in ("+", "-"):
            made = f"{made} {self.take()} {self.product(depth)}"
        return made

    def product(self, depth: int) -> str:
        made = self.factor(depth)
        while self.kind() == "sign" and self.peek() in ("*", "/"):
            made = f"{made} {self.take()} {self.factor(depth)}"
        return made

    def factor(self, depth: int) -> str:
        if depth > MAX_DEPTH:
            raise Unmapped("a SQL expression nested too deep")
        if self.took("("):
            inner = self.sum(depth + 1)
            self.expect(")")
            return f"({inner})"
        if self.took("-"):
            return f"-{self.factor(depth + 1)}"
        return self.value()

    def value(self) -> str:
        kind, text = self.kind(), self.take()
        if kind == "number":
            return rules.literal(float(text)) if "." in text or "e" in text.lower() else rules.literal(int(text))
        if kind == "text":
            return rules.literal(text[1:-1].replace("''", "'"))
        if kind == "quoted":
            return rules.name(text[1:-1])
        if kind != "word" or text.lower() in ("select", "case", "exists", "interval", "cast", "null"):
            raise Unmapped(f"{text!r} in SQL, which no rule says")
        if text.lower() in ("true", "false"):
            return text.lower()
        return self.function(text) if self.took("(") else rules.name(text)

    def function(self, word: str) -> str:
        if word.lower() not in ("length", "len", "char_length", "lower"):
            raise Unmapped(f"the function {word}() in SQL, which no rule says")
        inner = self.value()
        self.expect(")")
        return f"{'lower' if word.lower() == 'lower' else 'length'}({inner})"
