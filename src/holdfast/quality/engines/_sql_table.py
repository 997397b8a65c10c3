"""Tables that an SQL engine holds: questions become statements, one for the table and one for each other relation."""

# ruff: noqa: S608 - every name and constant in the SQL is quoted by name_of and text_of

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import ColumnNotFound, HoldfastError, NotMeasurable, one_of
from holdfast.quality import algebra as a
from holdfast.quality._expressions import is_text
from holdfast.quality._walks import walk, within
from holdfast.quality.engines._dialect import Dialect
from holdfast.quality.engines._frames import FrameTable
from holdfast.quality.engines._sql import Sql
from holdfast.quality.engines._table import Found, Mark, Question, RelatedRows, located

#: A figure of a question: which question, its name, the aggregate.
_Figure = tuple[int, str, Any]


class SqlTable:
    """A table that is asked in SQL.

    Parameters
    ----------
    dialect
        The engine.
    source
        What stands after FROM.
    schema
        Column types by name.
    position
        Quoted name of a column of `source` with the position of each row, from 0; None where rows have no order.
    dense
        Whether the positions are 0, 1, 2, ... without a gap.
    """

    def __init__(
        self,
        dialect: Dialect,
        source: str,
        *,
        schema: Mapping[str, pl.DataType],
        position: str | None = None,
        dense: bool = False,
    ) -> None:
        self.dialect, self.source, self.schema = dialect, source, schema
        self.position, self.dense = position, dense
        self._texts = frozenset(name for name, kind in schema.items() if is_text(kind))

    @abstractmethod
    def run(self, statement: str) -> Sequence[Sequence[Any]]:
        """Rows that a statement gives.

        Raises
        ------
        NotMeasurable
            If the engine refuses it.
        UnreadableData
            If the engine cannot be reached, or its file is damaged.
        """

    def snapshot(self) -> AbstractContextManager[None]:
        """Context in which all statements see the same rows."""
        return nullcontext()

    def sql(self) -> Sql:
        """Renderer for one statement."""
        return Sql(self.dialect, self.source, texts=self._texts, position=self.position)

    def figures(
        self, questions: Sequence[Question], *, related: RelatedRows | None = None
    ) -> list[Found | HoldfastError]:
        """Find the figures of all questions: one statement for what one scan of the table can tell.

        A statement that the engine refuses is asked again figure by figure, so that one does not spoil the others.
        """
        answers: list[Found | HoldfastError] = [{} for _ in questions]
        together: list[tuple[_Figure, str]] = []
        alone: list[tuple[_Figure, a.Relation]] = []
        for place, question in enumerate(questions):
            try:
                for name, figure in question.figures.items():
                    self._plan((place, name, figure), question.chosen, together=together, alone=alone)
            except HoldfastError as error:
                answers[place] = error
        with self.snapshot():
            self._ask(together, self.source, answers)
            for each, relation in alone:
                self._ask_alone(each, relation, answers, related)
        return answers

    def _plan(
        self,
        figure: _Figure,
        chosen: a.Condition | None,
        *,
        together: list[tuple[_Figure, str]],
        alone: list[tuple[_Figure, a.Relation]],
    ) -> None:
        place, name, node = figure
        if isinstance(node, pl.Expr):
            raise NotMeasurable("a check written for Polars alone", expected="the engine polars")
        relation, rest = located(node)
        if isinstance(relation, a.Source) and not _windows(rest):
            where = "" if chosen is None else self.sql().row(chosen)
            together.append((figure, self.sql().figure(within(rest, chosen), where=where)))
        else:
            alone.append(((place, name, within(rest, chosen)), within(relation, chosen)))

    def _ask(self, wanted: Sequence[tuple[_Figure, str]], rows: str, answers: list[Found | HoldfastError]) -> None:
        wanted = [each for each in wanted if isinstance(answers[each[0][0]], dict)]
        if not wanted:
            return
        try:
            found = self.run(f"SELECT {', '.join(sql for _, sql in wanted)} FROM {rows}")[0]
        except NotMeasurable as error:
            if len(wanted) == 1:
                answers[wanted[0][0][0]] = error
                return
            for each in wanted:
                self._ask([each], rows, answers)
            return
        for ((place, name, _), _), value in zip(wanted, found, strict=True):
            answer = answers[place]
            if isinstance(answer, dict):
                answer[name] = plain(value)

    def _ask_alone(
        self,
        figure: _Figure,
        relation: a.Relation,
        answers: list[Found | HoldfastError],
        related: RelatedRows | None,
    ) -> None:
        place, name, node = figure
        try:
            if any(isinstance(each, a.Related) for each in walk(relation)):
                found = self._joined(name, node, relation, related)
                if isinstance(found, HoldfastError):
                    answers[place] = found
                elif isinstance(answers[place], dict):
                    answers[place] |= found  # type: ignore[operator]  # a dict, as was just asked
                return
            sql = self.sql()
            text = sql.figure(node)
            self._ask([(figure, text)], sql.layered(sql.rows_of(relation)), answers)
        except NotMeasurable as error:
            answers[place] = error

    def _joined(self, name: str, node: Any, relation: a.Relation, related: RelatedRows | None) -> Found | HoldfastError:
        """Figure of a relation with another table: the groups come over, and are joined by Polars."""
        bound: dict[a.Relation, pl.LazyFrame] = {
            each.over: self.groups(each.over)
            for each in walk(relation)
            if isinstance(each, a.Without) and isinstance(each.over, a.Group)
        }
        frames = FrameTable(pl.DataFrame())
        return frames.figures([Question({name: a.Of(relation, node)})], related=related, bound=bound)[0]

    def groups(self, relation: a.Group) -> pl.LazyFrame:
        """Rows of a group relation, in memory."""
        found = self.run(f"SELECT * FROM {self.sql().rows_of(relation)}")
        kinds = {name: self._kind(term) for name, term in relation.keys}
        kinds |= {name: pl.Int64() for name, _ in relation.figures}
        columns = zip(*found, strict=True) if found else [() for _ in kinds]
        series = [
            pl.Series(name, list(map(plain, each)), dtype=kinds[name])
            for name, each in zip(kinds, columns, strict=True)
        ]
        return pl.LazyFrame(series)

    def grouped(self, columns: Sequence[str]) -> pl.DataFrame:
        """Shape (combinations, columns + 1): each combination of values that occurs, and ``(rows)``, how often.

        Raises
        ------
        ColumnNotFound
            If a column is not there.
        """
        for column in columns:
            if column not in self.schema:
                raise ColumnNotFound(f"no column {column!r} to slice by", expected=one_of(self.schema, column))
        keys = tuple((name, a.Column(name)) for name in dict.fromkeys(columns))
        return self.groups(a.Group(a.Source(), keys, (("(rows)", a.Rows()),))).collect()

    def _kind(self, term: a.Term) -> pl.DataType:
        if isinstance(term, a.Call):
            return {"integer": pl.Int64(), "number": pl.Float64()}.get(term.function, pl.String())
        return self.schema[term.name] if isinstance(term, a.Column) else pl.Float64()

    def first(self, marks: Sequence[Mark], count: int, *, related: RelatedRows | None = None) -> list[list[int] | str]:
        """Positions of the first rows of each mark, or why there are none."""
        del related  # another table is not in the engine: such a mark is left out, and says so
        found: list[list[int] | str] = ["" for _ in marks]
        together: dict[tuple[str, bool], list[tuple[int, str]]] = {}
        with self.snapshot():
            for place, mark in enumerate(marks):
                try:
                    rows, condition = self._failing(mark)
                    together.setdefault((rows, mark.chosen is None), []).append((place, condition))
                except NotMeasurable as error:
                    found[place] = error.message
            for (rows, whole), wanted in together.items():
                for place, each in self._first(rows, wanted, count, counted=not (whole and self.dense)):
                    found[place] = each
        return found

    def _failing(self, mark: Mark) -> tuple[str, str]:
        """Rows, and the condition in SQL, of a mark."""
        if isinstance(mark.failing, pl.Expr):
            raise NotMeasurable("a check written for Polars alone", expected="the engine polars")
        sql = self.sql()
        sql.ordered()
        condition = sql.row(within(mark.failing, mark.chosen))
        return sql.layered(sql.rows_of(within(a.Source(), mark.chosen))), condition

    def _first(
        self, rows: str, wanted: Sequence[tuple[int, str]], count: int, *, counted: bool
    ) -> list[tuple[int, list[int] | str]]:
        """First positions of marks that look at the same rows, by one statement."""
        least = ", ".join(self.dialect.least(str(self.position), count, where) for _, where in wanted)
        try:
            answer = self.run(f"SELECT {least} FROM {rows}")[0]
        except NotMeasurable as error:
            return [(place, error.message) for place, _ in wanted]
        pairs = [(place, sorted(inner or ())) for (place, _), inner in zip(wanted, answer, strict=True)]
        if not counted:
            return [(place, list(map(int, inner))) for place, inner in pairs]
        among = self._counted(rows, sorted({each for _, inner in pairs for each in inner}))
        return [(place, [among[each] for each in inner]) for place, inner in pairs]

    def _counted(self, rows: str, positions: Sequence[int]) -> dict[int, int]:
        """Positions among the rows, from 0, of positions in the table."""
        if not positions:
            return {}
        before = ", ".join(f"COUNT(*) FILTER (WHERE {self.position} < {int(each)})" for each in positions)
        return dict(zip(positions, map(int, self.run(f"SELECT {before} FROM {rows}")[0]), strict=True))

    def _positions(self, mark: Mark) -> str:
        rows, condition = self._failing(mark)
        whole = self.dense and mark.chosen is None
        number = self.position if whole else f"ROW_NUMBER() OVER (ORDER BY {self.position}) - 1"
        return f"SELECT p FROM (SELECT {number} AS p, {condition} AS bad FROM {rows}) AS m WHERE bad"

    def mask(self, marks: Sequence[Mark], *, related: RelatedRows | None = None) -> np.ndarray:
        """Shape (n,) bool: True for the rows of any of the marks.

        Raises
        ------
        NotMeasurable
            If rows have no order in the engine.
        """
        del related
        with self.snapshot():
            size = int(self.run(f"SELECT COUNT(*) FROM {self.source}")[0][0])
            found = np.zeros(size, dtype=bool)
            for mark in marks:
                places = self.run(self._positions(mark))
                found[np.fromiter((int(each[0]) for each in places), dtype=np.int64, count=len(places))] = True
        return found


def _windows(node: Any) -> bool:
    return any(isinstance(each, (*a.ORDERED, a.Steps)) for each in walk(node))


def plain(value: Any) -> Any:
    """Value of an engine as Python's own number, where it is one."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.is_finite() else float(value)
    return value
