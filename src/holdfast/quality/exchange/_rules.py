"""Row rules of other tools in the language of `holds`: conditions of Great Expectations, pandas queries, SQL fragments.

Nothing is evaluated: what is not one of the few forms below is refused, with the reason.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from holdfast.core.promises import Argument
from holdfast.core.units import number_text
from holdfast.quality.exchange._suite import Unmapped

MAX_TEXT = 2_000
MAX_DEPTH = 20

_NAME = re.compile(r"[^\W\d]\w*\Z")
_RESERVED = {"and", "or", "not", "in", "is", "missing", "true", "false"}
_COMPARE = {"==": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def confirm(rule: str) -> None:
    """Check that `holds` reads a rule.

    Raises
    ------
    InvalidValue
        If it does not.
    """
    from holdfast.quality._rule_text import parse_rule

    parse_rule(rule)


def name(column: object) -> str:
    """A column in a rule: as it is, or in backquotes.

    Examples
    --------
    >>> name("age"), name("first name")
    ('age', '`first name`')
    """
    if not isinstance(column, str) or not column:
        raise Unmapped(f"{column!r} is no name of a column")
    if _NAME.match(column) and column not in _RESERVED:
        return column
    return "`" + column.replace("`", "``") + "`"


def literal(value: object) -> str:
    """A value in a rule."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        from holdfast.quality.exchange._promises import number

        return number_text(number(value))
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    raise Unmapped(f"value {value!r} cannot stand in a rule")


def is_missing(named: str) -> str:
    """A column, as it stands in a rule, holds no value."""
    return f"{named} is missing"


def is_there(named: str) -> str:
    """A column, as it stands in a rule, holds a value."""
    return f"{named} is not missing"


def listed(values: Sequence[object]) -> str:
    """Values of ``in``."""
    return "(" + ", ".join(literal(each) for each in values) + ")"


def between(column: str, low: Argument | None, high: Argument | None, *, strict_low: bool, strict_high: bool) -> str:
    """Values lie between two ends, each of them in or out."""
    parts = []
    if low is not None:
        parts.append(f"{name(column)} {'>' if strict_low else '>='} {literal(low)}")
    if high is not None:
        parts.append(f"{name(column)} {'<' if strict_high else '<='} {literal(high)}")
    return " and ".join(parts)


def none_of(column: str, values: Sequence[object]) -> str:
    """Values are none of these."""
    if len(values) == 1:
        return f"{name(column)} != {literal(values[0])}"
    return f"{name(column)} not in {listed(values)}"


def one_of(column: str, values: Sequence[object]) -> str:
    """Values are one of these."""
    if len(values) == 1:
        return f"{name(column)} == {literal(values[0])}"
    return f"{name(column)} in {listed(values)}"


def length_between(column: str, low: int | None, high: int | None) -> str:
    """Texts have a length between two."""
    parts = [f"length({name(column)}) >= {low}"] if low is not None else []
    parts += [f"length({name(column)}) <= {high}"] if high is not None else []
    if not parts:
        raise Unmapped("a length without a bound")
    return " and ".join(parts)


def implied(condition: str, rule: str) -> str:
    """The rule, in the rows where the condition is true.

    Examples
    --------
    >>> implied("sex == 'f'", "age >= 18")
    "sex == 'f' -> age >= 18"
    """
    parts = (f"({each})" if "->" in each else each for each in (condition, rule))
    return " -> ".join(parts)


def gx_condition(condition: object, *, depth: int = 0) -> str:
    """Row condition of Great Expectations: a mapping of 1.x, or its text of 0.x or of pandas."""
    if depth > MAX_DEPTH:
        raise Unmapped("a row condition nested too deep")
    if isinstance(condition, str):
        return _gx_text(condition)
    if not isinstance(condition, Mapping):
        raise Unmapped("a row condition of an unknown form")
    kind = condition.get("type")
    if kind in ("and", "or"):
        inner = condition.get("conditions")
        if not isinstance(inner, list) or not inner:
            raise Unmapped(f"a row condition '{kind}' without parts")
        return f" {kind} ".join(f"({gx_condition(each, depth=depth + 1)})" for each in inner)
    if kind == "pass_through":
        return pandas_query(condition.get("pass_through_filter"))
    column = condition.get("column")
    named = name(column.get("name") if isinstance(column, Mapping) else column)
    if kind == "nullity":
        return is_missing(named) if condition.get("is_null") else is_there(named)
    return _gx_comparison(named, str(condition.get("operator")), condition.get("parameter"))


def _gx_comparison(named: str, operator: str, value: object) -> str:
    if operator in _COMPARE:
        return f"{named} {operator} {literal(value)}"
    if operator in ("IN", "NOT_IN") and isinstance(value, list) and value:
        return f"{named} {'in' if operator == 'IN' else 'not in'} {listed(value)}"
    raise Unmapped(f"a row condition with the operator {operator!r}")


_GX_TEXT = re.compile(
    r"""\s*col\(\s*(?P<quote>["'])(?P<column>[^"']+)(?P=quote)\s*\)\s*
        (?:(?P<null>\.(?:notnull|not_null|is_not_null|isnull|is_null)\(\))|(?P<op>==|!=|<=|>=|<|>)\s*(?P<value>.+?))\s*\Z""",
    re.VERBOSE,
)


def _gx_text(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise Unmapped("a row condition too long to read")
    found = _GX_TEXT.match(text)
    if found is None:
        if "col(" in text:
            raise Unmapped(f"the row condition {text!r}")
        return pandas_query(text)
    named = name(found["column"])
    if found["null"]:
        return is_missing(named) if found["null"] in (".isnull()", ".is_null()") else is_there(named)
    try:
        value = ast.literal_eval(found["value"])
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise Unmapped(f"the row condition {text!r}") from None
    return f"{named} {found['op']} {literal(value)}"


def pandas_query(query: object) -> str:
    """Query of `pandas.DataFrame.query`: comparisons of columns and constants, and/or/not, arithmetic, in.

    The text is parsed, never run.
    """
    if not isinstance(query, str) or not query.strip() or len(query) > MAX_TEXT:
        raise Unmapped("a row condition of an unknown form")
    names: dict[str, str] = {}

    def marked(found: re.Match[str]) -> str:
        names[f"_column_{len(names)}"] = found.group(1)
        return f"_column_{len(names) - 1}"

    text = re.sub(r"`([^`]+)`", marked, query.strip())
    text = re.sub(r"(?<!&)&(?!&)", " and ", re.sub(r"(?<!\|)\|(?!\|)", " or ", text)) if _apart(text) else text
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise Unmapped(f"the condition {query!r} is no query that can be read") from None
    return _python(tree.body, names, 0)


def _apart(text: str) -> bool:
    """Whether ``&`` and ``|`` stand between brackets, where they are and/or: ``(a > 1) & (b < 2)``."""
    return all(text[: each.start()].rstrip().endswith(")") for each in re.finditer(r"[&|]", text))


_PYTHON_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_PYTHON_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


def _python(node: ast.expr, names: Mapping[str, str], depth: int) -> str:
    if depth > MAX_DEPTH:
        raise Unmapped("a condition nested too deep")
    if isinstance(node, ast.BoolOp):
        word = " and " if isinstance(node.op, ast.And) else " or "
        return word.join(f"({_python(each, names, depth + 1)})" for each in node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        return f"not ({_python(node.operand, names, depth + 1)})"
    if isinstance(node, ast.Compare):
        return _python_comparison(node, names, depth)
    return _python_value(node, names, depth)


def _python_comparison(node: ast.Compare, names: Mapping[str, str], depth: int) -> str:
    parts, left = [], node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        if isinstance(operator, (ast.In, ast.NotIn)):
            word = "in" if isinstance(operator, ast.In) else "not in"
            parts.append(f"{_python_value(left, names, depth + 1)} {word} {listed(_constants(right))}")
        elif type(operator) in _PYTHON_COMPARE:
            ends = (_python_value(each, names, depth + 1) for each in (left, right))
            parts.append(f" {_PYTHON_COMPARE[type(operator)]} ".join(ends))
        else:
            raise Unmapped("a condition with 'is'")
        left = right
    return " and ".join(parts)


def _python_value(node: ast.expr, names: Mapping[str, str], depth: int) -> str:
    if depth > MAX_DEPTH:
        raise Unmapped("a condition nested too deep")
    if isinstance(node, ast.Name):
        return name(names.get(node.id, node.id))
    if isinstance(node, ast.Constant):
        return literal(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return f"-{literal(node.operand.value)}"
    if isinstance(node, ast.BinOp) and type(node.op) in _PYTHON_ARITHMETIC:
        ends = (_python_value(each, names, depth + 1) for each in (node.left, node.right))
        return "(" + f" {_PYTHON_ARITHMETIC[type(node.op)]} ".join(ends) + ")"
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.args and not node.keywords:
        return _python_null(node.func, names)
    raise Unmapped(f"a condition with {type(node).__name__.lower()}, which no rule says")


def _python_null(node: ast.Attribute, names: Mapping[str, str]) -> str:
    if node.attr in ("isnull", "isna") and isinstance(node.value, ast.Name):
        return is_missing(name(names.get(node.value.id, node.value.id)))
    if node.attr in ("notnull", "notna") and isinstance(node.value, ast.Name):
        return is_there(name(names.get(node.value.id, node.value.id)))
    raise Unmapped(f"a condition that calls {node.attr}()")


def _constants(node: ast.expr) -> list[Any]:
    elements = node.elts if isinstance(node, (ast.List, ast.Tuple, ast.Set)) else []
    found = [each.value for each in elements if isinstance(each, ast.Constant)]
    if not found or len(found) < len(elements):
        raise Unmapped("a condition with 'in' and no list of constants")
    return found
