"""Tables that Polars holds in memory, or scans from files with its streaming engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from holdfast.core.errors import HoldfastError, NotMeasurable, UnreadableData
from holdfast.quality import algebra as a
from holdfast.quality._expressions import is_text, spoken
from holdfast.quality._walks import substituted, walk, within
from holdfast.quality.engines._polars import Renderer
from holdfast.quality.engines._table import Found, Mark, Question, RelatedRows, located

#: What is selected together: of which relation, and apart from what else (a figure that keeps a set of values).
_Apart = tuple[a.Relation, str]
_Wanted = dict[_Apart, list[tuple[int, str, Any]]]


class FrameTable:
    """A data frame, or a lazy frame that is scanned in constant memory.

    Parameters
    ----------
    rows
        The rows; a lazy frame is never collected whole.

    Raises
    ------
    UnreadableData
        If the schema of a lazy frame cannot be read.
    """

    def __init__(self, rows: pl.DataFrame | pl.LazyFrame) -> None:
        self.held = isinstance(rows, pl.DataFrame)
        self._rows = rows.lazy()
        try:
            self.schema: Mapping[str, pl.DataType] = rows.schema if self.held else self._rows.collect_schema()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UnreadableData(
                f"the table cannot be read: {_first_line(error)}", expected="a readable file"
            ) from error

    def lazy(
        self,
        relation: a.Relation,
        *,
        related: RelatedRows | None = None,
        bound: Mapping[a.Relation, pl.LazyFrame] | None = None,
    ) -> pl.LazyFrame:
        """Rows of a relation; `bound` says those of relations that another engine found."""
        if bound and relation in bound:
            return bound[relation]

        def inner(each: a.Relation) -> pl.LazyFrame:
            return self.lazy(each, related=related, bound=bound)

        render = Renderer(inner)
        if isinstance(relation, a.Source):
            return self._rows
        if isinstance(relation, a.Related):
            return _other(relation.name, related)
        if isinstance(relation, a.Filter):
            return inner(relation.over).filter(render.row(relation.condition))
        if isinstance(relation, a.Group):
            keys = [render.row(term).alias(name) for name, term in relation.keys]
            figures = [render.figure(each).alias(name) for name, each in relation.figures]
            return inner(relation.over).group_by(keys).agg(figures)
        others = inner(relation.among)
        _comparable(relation.other, others)
        known = others.select(render.row(relation.other).alias("(known)")).unique()
        return inner(relation.over).join(known, left_on=relation.key, right_on="(known)", how="anti")

    def figures(
        self,
        questions: Sequence[Question],
        *,
        related: RelatedRows | None = None,
        bound: Mapping[a.Relation, pl.LazyFrame] | None = None,
    ) -> list[Found | HoldfastError]:
        """Find the figures of all questions in one scan; if one spoils it, each is asked by itself."""
        if not questions:
            return []
        answers: list[Found | HoldfastError] = [{} for _ in questions]
        wanted: _Wanted = {}
        frames: dict[a.Relation, pl.LazyFrame] = {}
        for place, question in enumerate(questions):
            try:
                for key, part in self._parts(place, question).items():
                    if key[0] not in frames:
                        frames[key[0]] = self.lazy(key[0], related=related, bound=bound)
                    wanted.setdefault(key, []).extend(part)
            except HoldfastError as error:
                answers[place] = error
        plans = [
            frames[relation].select(expression.alias(f"{place}.{name}") for place, name, expression in parts)
            for (relation, _), parts in wanted.items()
        ]
        try:
            found = self._collected(plans)
        except (pl.exceptions.PolarsError, OSError) as error:
            return self._one_by_one(questions, error, related=related, bound=bound)
        for table in found:
            for label, value in table.row(0, named=True).items():
                number, _, name = label.partition(".")
                answer = answers[int(number)]
                if isinstance(answer, dict):
                    answer[name] = value
        return answers

    def _parts(self, place: int, question: Question) -> _Wanted:
        found: _Wanted = {}
        for name, figure in question.figures.items():
            apart = ""
            if isinstance(figure, pl.Expr):
                relation: a.Relation = within(a.Source(), question.chosen)
                expression = figure
            else:
                relation, rest = located(figure)
                relation = within(relation, question.chosen)
                expression = Renderer().figure(within(rest, question.chosen))
                if not self.held and any(isinstance(each, a.Distinct) for each in walk(rest)):
                    # The streaming engine holds back all columns of a select while it counts different values in one.
                    apart = f"{place}.{name}"
            found.setdefault((relation, apart), []).append((place, name, expression))
        return found

    def _one_by_one(
        self, questions: Sequence[Question], error: Exception, **ground: Any
    ) -> list[Found | HoldfastError]:
        if len(questions) > 1:
            return [answer for each in questions for answer in self.figures([each], **ground)]
        if isinstance(error, OSError):
            return [UnreadableData(f"the table cannot be read: {_first_line(error)}", expected="a readable file")]
        return [NotMeasurable(f"Polars cannot compute it: {_first_line(error)}", expected="columns of fitting types")]

    def _collected(self, plans: list[pl.LazyFrame]) -> list[pl.DataFrame]:
        engine: Any = "in-memory" if self.held else "streaming"
        if len(plans) == 1:
            return [plans[0].collect(engine=engine)]
        # Together: the source that the plans share is scanned once.
        return pl.collect_all(plans, engine=engine)

    def first(self, marks: Sequence[Mark], count: int, *, related: RelatedRows | None = None) -> list[list[int] | str]:
        """Positions of the first rows of each mark, all in one pass over the rows."""
        pick = self._in_memory if self.held else self._streamed
        plans = [pick(mark, count, related=related) for mark in marks]
        return [[int(each) for each in found.to_series()] for found in (self._collected(plans) if plans else [])]

    def _in_memory(self, mark: Mark, count: int, *, related: RelatedRows | None) -> pl.LazyFrame:
        rows, failing = self._failing(mark, related)
        return rows.select(failing.arg_true().head(count))

    def _streamed(self, mark: Mark, count: int, *, related: RelatedRows | None) -> pl.LazyFrame:
        name = unused("row", self.schema)
        rows, failing = self._failing(mark, related, number=name)
        return rows.filter(failing).select(name).head(count)

    def _failing(
        self, mark: Mark, related: RelatedRows | None, *, number: str | None = None
    ) -> tuple[pl.LazyFrame, pl.Expr]:
        rows = self.lazy(within(a.Source(), mark.chosen), related=related)
        rows = rows if number is None else rows.with_row_index(number)
        if isinstance(mark.failing, pl.Expr):
            return rows, mark.failing
        condition = within(mark.failing, mark.chosen)
        if number is not None:
            rows, condition = _joined(rows, condition, number=number)
        render = Renderer(lambda each: self.lazy(each, related=related))
        return rows, render.row(condition).fill_null(value=False)

    def mask(self, marks: Sequence[Mark], *, related: RelatedRows | None = None) -> np.ndarray:
        """Shape (n,) bool: True for the rows of any of the marks, which are of the same chosen rows."""
        pairs = [self._failing(mark, related) for mark in marks]
        plan = pairs[0][0].select(pl.any_horizontal([failing for _, failing in pairs]).alias("failing"))
        return self._collected([plan])[0]["failing"].to_numpy().astype(bool, copy=False)


def _joined(rows: pl.LazyFrame, condition: a.Condition, *, number: str) -> tuple[pl.LazyFrame, a.Condition]:
    """Rows with the commonest values of their groups as columns: joined groups can be streamed, windows cannot."""
    found = [each for each in walk(condition) if isinstance(each, a.Commonest)]
    for place, node in enumerate(dict.fromkeys(found)):
        render = Renderer()
        names = [f"({number} {place} {each})" for each in range(len(node.within))]
        keys = [render.row(term).alias(name) for term, name in zip(node.within, names, strict=True)]
        top = f"({number} {place})"
        pairs = rows.select(*keys, render.row(node.value).alias(top), number).filter(pl.col(top).is_not_null())
        counted = pairs.group_by(*names, top).agg(pl.len().alias("n"), pl.col(number).min().alias("first"))
        ordered = counted.sort("n", "first", descending=[True, False])
        best = ordered.group_by(names, maintain_order=True).agg(pl.col(top).first())
        rows = rows.with_columns(keys).join(best, on=names, how="left", nulls_equal=True, maintain_order="left")
        condition = substituted(condition, node, a.Column(top))
    return rows, condition


def _comparable(term: a.Term, rows: pl.LazyFrame) -> None:
    """Refuse to read days, times, true and false of another table as the numbers that they are stored as."""
    if isinstance(term, a.Call) and term.function in ("integer", "number") and isinstance(term.arguments[0], a.Column):
        name = term.arguments[0].name
        kind = rows.collect_schema().get(name)
        if kind is not None and not (kind.is_numeric() or is_text(kind)):
            what = f"column {name!r} is {spoken(kind)}"
            raise NotMeasurable(what, where="references", expected="a column of numbers")


def _other(name: str, related: RelatedRows | None) -> pl.LazyFrame:
    if related is None:
        raise NotMeasurable(f"table {name!r} is not at hand here", expected="a caller that can read other tables")
    return related(name)


def unused(word: str, taken: Mapping[str, Any]) -> str:
    """Name near a word that no column has, whatever its case."""
    lower = {each.lower() for each in taken}
    while word.lower() in lower:
        word += "_"
    return word


def table_of(rows: Any) -> Any:
    """Table that checks run on: a frame of Polars is wrapped, a table of an engine is itself.

    Raises
    ------
    UnreadableData
        If it is neither.
    """
    if isinstance(rows, (pl.DataFrame, pl.LazyFrame)):
        return FrameTable(rows)
    if not all(hasattr(rows, each) for each in ("schema", "figures", "first", "mask")):
        raise UnreadableData(
            f"{type(rows).__name__} is no table", expected="a polars.DataFrame, a polars.LazyFrame or an engine's table"
        )
    return rows


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
