"""The algebra as SQL: what DuckDB and PostgreSQL have in common; a dialect says where they differ.

Every name is quoted and every constant is written as a quoted literal, by the two functions below and nowhere else: no
text of a promise or of a schema can end a literal or a name. There are no parameters, so that a pattern or a long list
is a constant that the engine compiles once.
"""

# ruff: noqa: S608 - this is where every name and constant in the SQL is quoted

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from holdfast.core.errors import InvalidValue, NotMeasurable
from holdfast.quality import algebra as a
from holdfast.quality.engines._dialect import Dialect


def name_of(text: str) -> str:
    """Quoted identifier.

    Raises
    ------
    InvalidValue
        If it holds a NUL, which no SQL name can.

    Examples
    --------
    >>> name_of('a"b; drop table x')
    '"a""b; drop table x"'
    """
    if "\0" in text or not text:
        raise InvalidValue(f"{text!r} as a name in SQL", expected="a name without NUL")
    return '"' + text.replace('"', '""') + '"'


def text_of(text: str) -> str:
    """Quoted text literal (standard-conforming: a backslash is a backslash).

    Examples
    --------
    >>> text_of("it's; drop table x")
    "'it''s; drop table x'"
    """
    if "\0" in text:
        raise NotMeasurable("a NUL in a text of SQL", expected="a text without NUL")
    return "'" + text.replace("'", "''") + "'"


class Sql:
    """Nodes as SQL text over a table.

    Parameters
    ----------
    dialect
        The engine.
    source
        What stands after FROM for the table: a name, or a query in brackets with an alias.
    texts
        Columns of text.
    position
        Quoted name of the column with the positions of the rows, where the table has one.
    """

    def __init__(
        self, dialect: Dialect, source: str, *, texts: frozenset[str] = frozenset(), position: str | None = None
    ) -> None:
        self.dialect, self.source, self.texts, self.position = dialect, source, texts, position
        self._lifted: list[dict[str, str]] = [{}, {}]

    # --- relations ---

    def rows_of(self, relation: a.Relation) -> str:
        """What stands after FROM for a relation.

        Raises
        ------
        NotMeasurable
            If it is a table that the engine does not hold.
        """
        if isinstance(relation, a.Source):
            return self.source
        if isinstance(relation, a.Filter):
            return f"(SELECT * FROM {self.rows_of(relation.over)} WHERE {self.row(relation.condition)}) AS r"
        if isinstance(relation, a.Group):
            keys = [f"{self.row(term)} AS {name_of(name)}" for name, term in relation.keys]
            figures = [f"{self.figure(each)} AS {name_of(name)}" for name, each in relation.figures]
            places = ", ".join(str(place + 1) for place in range(len(keys)))
            selected = ", ".join([*keys, *figures])
            return f"(SELECT {selected} FROM {self.rows_of(relation.over)} GROUP BY {places}) AS g"
        if isinstance(relation, a.Without):
            known = self._values(relation.among, relation.other)
            key = name_of(relation.key)
            rows = self.rows_of(relation.over)
            return f"(SELECT * FROM {rows} WHERE NOT EXISTS (SELECT 1 FROM {known} WHERE k.v = {key})) AS w"
        raise NotMeasurable(f"table {relation.name!r} is not in {self.dialect.label}", expected="the engine polars")

    def _values(self, relation: a.Relation, term: a.Term) -> str:
        return f"(SELECT DISTINCT {self.row(term)} AS v FROM {self.rows_of(relation)}) AS k"

    def layered(self, rows: str) -> str:
        """`rows`, with the windows that were asked for by conditions rendered so far as columns of their own."""
        for layer in self._lifted:
            if layer:
                extra = ", ".join(f"{sql} AS {name}" for sql, name in layer.items())
                rows = f"(SELECT *, {extra} FROM {rows}) AS l"
        return rows

    def lift(self, sql: str, *, layer: int = 0) -> str:
        """Quoted name of a column that holds a window: an aggregate cannot hold one itself."""
        return self._lifted[layer].setdefault(sql, f'"(window {layer}.{len(self._lifted[layer])})"')

    # --- nodes ---

    def row(self, node: Any) -> str:
        """Term or condition of a row."""
        return _ROWS[type(node)](self, node)

    def figure(self, node: Any, *, where: str = "") -> str:
        """Aggregate of the rows that `where`, a condition in SQL, is true of (empty: of all)."""
        return _FIGURES[type(node)](self, node, where)

    def literal(self, value: a.Plain) -> str:
        """Constant."""
        kind = self.dialect
        if isinstance(value, bool):
            return "TRUE" if value else "FALSE"
        if isinstance(value, (date, datetime)):
            return _moment(value, kind)
        if isinstance(value, int) and abs(value) < 2**63:
            return f"CAST({text_of(str(value))} AS {kind.bigint})"
        if isinstance(value, (int, float)):
            word = repr(float(value)) if math.isfinite(value) else ("Infinity" if value > 0 else "-Infinity")
            return f"CAST({text_of(word)} AS {kind.double})"
        return f"CAST({text_of(value)} AS {kind.text})"

    def ordered(self) -> str:
        """Quoted name of the column of positions.

        Raises
        ------
        NotMeasurable
            If the rows have no order.
        """
        if self.position is None:
            raise NotMeasurable(f"rows have no order in {self.dialect.label}", expected="a file, or the engine polars")
        return self.position

    def is_text(self, node: Any) -> bool:
        """Whether a term is text."""
        if isinstance(node, a.Column):
            return node.name in self.texts
        if isinstance(node, a.Literal):
            return isinstance(node.value, str)
        return isinstance(node, a.Call) and node.function in ("text", "lower", "upper", "trim")


def _moment(value: date | datetime, kind: Dialect) -> str:
    if not isinstance(value, datetime):
        return f"CAST({text_of(value.isoformat())} AS DATE)"
    if value.tzinfo is None:
        return f"CAST({text_of(value.isoformat(' '))} AS {kind.timestamp})"
    return f"CAST({text_of(value.astimezone(UTC).isoformat(' '))} AS {kind.moment})"


def _column(sql: Sql, node: a.Column) -> str:
    name = name_of(node.name)
    return f"(CASE WHEN NOT {sql.dialect.nan(name)} THEN {name} END)" if node.nan else name


def _arithmetic(sql: Sql, node: a.Arithmetic) -> str:
    double = sql.dialect.double
    left, right = (f"CAST({sql.row(each)} AS {double})" for each in (node.left, node.right))
    if node.op == "/":
        right = f"NULLIF({right}, {sql.literal(0.0)})"
    return f"NULLIF({left} {node.op} {right}, CAST('NaN' AS {double}))"


_PLAIN_CALLS = {"lower": "lower({})", "upper": "upper({})", "abs": "abs({})", "floor": "floor({})", "utc": "{}"}


def _call(sql: Sql, node: a.Call) -> str:
    value = sql.row(node.arguments[0])
    if node.function in _PLAIN_CALLS:
        return _PLAIN_CALLS[node.function].format(value)
    if node.function in ("text", "number"):
        return f"CAST({value} AS {sql.dialect.text if node.function == 'text' else sql.dialect.double})"
    if node.function == "finite":
        return f"(CASE WHEN NOT {sql.dialect.infinite(value)} AND NOT {sql.dialect.nan(value)} THEN {value} END)"
    return sql.dialect.call(node.function, value)


def _partition(sql: Sql, terms: tuple[a.Term, ...]) -> str:
    return "PARTITION BY " + ", ".join(sql.row(each) for each in terms) if terms else ""


def _previous(sql: Sql, node: a.Previous) -> str:
    found = sql.dialect.previous(sql.row(node.value), within=_partition(sql, node.within), position=sql.ordered())
    return sql.lift(found)


def _commonest(sql: Sql, node: a.Commonest) -> str:
    value, group = sql.row(node.value), _partition(sql, node.within)
    same = f"{group}, {value}"
    often, first = (sql.lift(f"{each} OVER ({same})") for each in (f"COUNT({value})", f"MIN({sql.ordered()})"))
    order = f"ORDER BY {often} DESC, {first}"
    return sql.lift(f"FIRST_VALUE({value}) OVER ({group} {order})", layer=1)


_OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def _compare(sql: Sql, node: a.Compare) -> str:
    left, right = sql.row(node.left), sql.row(node.right)
    if node.op not in ("==", "!=") and (sql.is_text(node.left) or sql.is_text(node.right)):
        left, right = sql.dialect.ordered_text(left), sql.dialect.ordered_text(right)
    return f"({left} {_OPERATORS[node.op]} {right})"


def _between(sql: Sql, node: a.Between) -> str:
    return f"({sql.row(node.value)} BETWEEN {sql.literal(node.low)} AND {sql.literal(node.high)})"


def _among(sql: Sql, node: a.Among) -> str:
    value = sql.row(node.value)
    if not node.values:
        return f"(CASE WHEN {value} IS NOT NULL THEN FALSE END)"
    return f"({value} IN ({', '.join(sql.literal(each) for each in node.values)}))"


def _absent(sql: Sql, node: a.Absent) -> str:
    value = sql.row(node.value)
    known = sql._values(node.among, node.other)
    return f"({value} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {known} WHERE k.v = {value}))"


def _repeats(sql: Sql, node: a.Repeats) -> str:
    place = sql.lift(f"ROW_NUMBER() OVER ({_partition(sql, node.keys)} ORDER BY {sql.ordered()})")
    return f"({place} > 1)"


def _in_slice(sql: Sql, node: a.InSlice) -> str:
    name, word = name_of(node.column), node.word
    value = _column(sql, a.Column(node.column, nan=node.kind in ("float", "float32")))
    if node.kind in ("text", "words"):
        return f"(COALESCE({value}, '(missing)') = {text_of(word)})"
    if word == "(missing)":
        return f"({value} IS NULL)"
    try:
        wanted = _worded(node.kind, word)
    except ValueError:
        return "FALSE"
    if wanted is None:
        raise NotMeasurable(f"slices by {node.column!r} in {sql.dialect.label}", expected="the engine polars")
    # The word of a 32-bit number names it, and not the 64-bit number that is nearest to the word.
    told = f"CAST({sql.literal(wanted)} AS REAL)" if node.kind == "float32" else sql.literal(wanted)
    return f"({name} IS NOT NULL AND {name} = {told})"


def _worded(kind: str, word: str) -> a.Plain | None:
    if kind == "boolean":
        return {"true": True, "false": False}[word] if word in ("true", "false") else _no(word)
    if kind == "integer":
        return int(word) if str(int(word)) == word else _no(word)
    if kind in ("float", "float32"):
        return float(word)
    if kind == "date":
        return date.fromisoformat(word)
    return None


def _no(word: str) -> bool:
    raise ValueError(word)


def _joined(word: str) -> Callable[[Sql, Any], str]:
    return lambda sql, node: "(" + f" {word} ".join(sql.row(each) for each in node.parts) + ")"


_ROWS: Mapping[type, Callable[[Sql, Any], str]] = {
    a.Column: _column,
    a.Literal: lambda sql, node: sql.literal(node.value),
    a.Arithmetic: _arithmetic,
    a.Call: _call,
    a.Previous: _previous,
    a.Commonest: _commonest,
    a.Compare: _compare,
    a.Between: _between,
    a.Among: _among,
    a.Matches: lambda sql, node: sql.dialect.matches(sql.row(node.value), node.pattern),
    a.Every: _joined("AND"),
    a.Some: _joined("OR"),
    a.Negated: lambda sql, node: f"(NOT {sql.row(node.part)})",
    a.Always: lambda _, node: "TRUE" if node.answer else "FALSE",
    a.IsMissing: lambda sql, node: f"({sql.row(node.value)} IS NULL)",
    a.IsNan: lambda sql, node: sql.dialect.nan(name_of(node.value.name)),
    a.IsInfinite: lambda sql, node: sql.dialect.infinite(name_of(node.value.name)),
    a.Repeats: _repeats,
    a.Absent: _absent,
    a.InSlice: _in_slice,
}


def _only(where: str) -> str:
    return f" FILTER (WHERE {where})" if where else ""


def _missing(sql: Sql, node: a.Missing, where: str) -> str:
    return f"(COUNT(*){_only(where)} - COUNT({_column(sql, node.column)}){_only(where)})"


def _count_if(sql: Sql, node: a.CountIf, where: str) -> str:
    condition = sql.row(node.condition)
    return f"COUNT(*){_only(f'({where}) AND {condition}' if where else condition)}"


def _distinct(sql: Sql, node: a.Distinct, where: str) -> str:
    keys, only = [sql.row(each) for each in node.keys], _only(where)
    if len(keys) > 1:
        return f"COUNT(DISTINCT ROW({', '.join(keys)})){only}"
    found = f"COUNT(DISTINCT {keys[0]}){only}"
    gone = f"(CASE WHEN COUNT({keys[0]}){only} < COUNT(*){only} THEN 1 ELSE 0 END)"
    return f"({found} + {gone})" if node.missing else found


_STATISTICS = {"sum": "SUM", "min": "MIN", "max": "MAX", "mean": "AVG", "deviation": "STDDEV_SAMP"}


def _statistic(sql: Sql, node: a.Statistic, where: str) -> str:
    return f"{_STATISTICS[node.name]}({sql.row(node.value)}){_only(where)}"


def _quantile(sql: Sql, node: a.Quantile, where: str) -> str:
    function = "PERCENTILE_DISC" if node.step else "PERCENTILE_CONT"
    return f"{function}({float(node.level)!r}) WITHIN GROUP (ORDER BY {sql.row(node.value)}){_only(where)}"


def _steps(sql: Sql, node: a.Steps, where: str) -> str:
    del where  # the window must see only the chosen rows: they are chosen before it, in FROM
    value = sql.row(node.value)
    before = sql.lift(f"LAG({value}) OVER (ORDER BY {value} NULLS LAST)")
    return f"COUNT(*){_only(f'{value} - {before} = {int(node.step)}')}"


def _difference(sql: Sql, node: a.Difference, where: str) -> str:
    return f"({sql.figure(node.left, where=where)} - {sql.figure(node.right, where=where)})"


_FIGURES: Mapping[type, Callable[[Sql, Any, str], str]] = {
    a.Constant: lambda _, node, where: str(int(node.number)),  # noqa: ARG005  # one signature for all
    a.Rows: lambda _, node, where: f"COUNT(*){_only(where)}",  # noqa: ARG005  # one signature for all
    a.Missing: _missing,
    a.CountIf: _count_if,
    a.Distinct: _distinct,
    a.Statistic: _statistic,
    a.Quantile: _quantile,
    a.Correlation: lambda sql, node, where: f"CORR({sql.row(node.left)}, {sql.row(node.right)}){_only(where)}",
    a.Steps: _steps,
    a.Difference: _difference,
}
