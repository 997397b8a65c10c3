"""Splits: which rows a model may learn from, and which are held out to judge it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from holdfast.core.contract import Contract
from holdfast.core.errors import ColumnNotFound, DataError, DuplicateIds, EmptyTable, UnusableTarget, one_of
from holdfast.core.models import CLASSIFICATION

if TYPE_CHECKING:
    import numpy as np
    import polars as pl

_SPACE = 2**64


def holdout_mask(rows: pl.DataFrame, *, share: float, seed: int, by: Sequence[str] = ()) -> np.ndarray:
    """Mask of shape (n,): the rows held out.

    A row's place follows from its content (or from the columns `by`) and the seed alone, so it keeps its place when
    rows are added or set aside, and two copies of a row never stand on both sides.

    Parameters
    ----------
    rows
        Shape (n, columns).
    share
        Expected share of held-out rows, in (0, 1).
    seed
        Another seed, another split.
    by
        Columns that identify what must not be torn apart: an id, a group. A row that lacks all of them stands for
        itself.
    """
    import numpy as np
    import polars as pl

    def text(columns: Sequence[str]) -> pl.Expr:
        return pl.concat_str([pl.col(each).cast(pl.String).fill_null("\x00") for each in columns], separator="\x1f")

    place = text(rows.columns)
    if by:
        named = pl.any_horizontal(pl.col(each).is_not_null() for each in by)
        place = pl.when(named).then(text(by)).otherwise(place)
    texts = rows.select(place).to_series()
    salt = seed.to_bytes(8, "big", signed=False)
    places = np.fromiter(
        (
            int.from_bytes(hashlib.blake2b(text.encode("utf-8"), digest_size=8, key=salt).digest(), "big")
            for text in texts
        ),
        dtype=np.float64,
        count=rows.height,
    )
    return np.asarray(places < share * _SPACE)


def features_of(columns: Sequence[str], contract: Contract) -> tuple[str, ...]:
    """Columns that the model may look at: all but target, id, time, group, weight, sensitive and excluded ones."""
    roles = contract.data.roles
    kept_out = {contract.target, roles.id, roles.time, roles.group, roles.weight, *roles.sensitive, *roles.exclude}
    return tuple(each for each in columns if each not in kept_out)


def check_table(rows: pl.DataFrame, contract: Contract, *, where: str) -> None:
    """Check that a table can be the contract's training data.

    Raises
    ------
    EmptyTable
        If it has no rows.
    DataError
        If a column has no name, the target holds a word where the task is about numbers, or a weight is not positive.
    ColumnNotFound
        If the target, or a column with a role, is not there; suggests the nearest.
    UnusableTarget
        If the target is missing everywhere, has one value only, or lacks the positive class.
    DuplicateIds
        If the id column holds a value twice.
    """
    import polars as pl

    if rows.height == 0:
        raise EmptyTable("the table has no rows", where=where, expected="at least one row")
    if "" in rows.columns:
        raise DataError(f"column {rows.columns.index('') + 1} has no name", where=where, expected="a name")
    roles = contract.data.roles
    named = [contract.target, roles.id, roles.time, roles.group, roles.weight, *roles.sensitive, *roles.exclude]
    for column in (each for each in named if each is not None):
        if column not in rows.columns:
            raise ColumnNotFound(f"no column {column!r}", where=where, expected=one_of(rows.columns, column))
    target = rows[contract.target].drop_nulls()
    values = target.n_unique()
    if values < 2:
        what = "is missing in every row" if values == 0 else f"has only the value {target[0]!r}"
        raise UnusableTarget(f"target {contract.target!r} {what}", where=where, expected="at least two values")
    if contract.task not in CLASSIFICATION:
        typed(rows.select(contract.target), {contract.target: "number"}, where=where)
    if contract.positive is not None:
        classes = sorted(set(class_names(target).to_list()))
        if contract.positive not in classes:
            raise UnusableTarget(
                f"positive class {contract.positive!r} is not in {contract.target!r}",
                where=where,
                expected=one_of(classes, contract.positive),
            )
    if roles.weight is not None:
        row_weights(rows, roles.weight, where=where)
    if roles.id is not None and rows[roles.id].is_duplicated().any():
        twice = rows.filter(pl.col(roles.id).is_duplicated()).height
        raise DuplicateIds(f"{twice} rows share an id in {roles.id!r}", where=where, expected="each id once")


def row_weights(rows: pl.DataFrame, column: str, *, where: str) -> np.ndarray:
    """Weight of each row, shape (n,) float64; a missing one is 1.

    Raises
    ------
    DataError
        If a weight is no positive number; names the first one's row.
    """
    import polars as pl

    found = typed(rows.select(column), {column: "number"}, where=where)[column].fill_nan(None).fill_null(1.0)
    wrong = (~(found.is_finite() & (found > 0))).arg_true()
    if len(wrong):
        raise DataError(
            f"weight {found[wrong[0]]} in column {column!r}",
            where=f"{where}: row {wrong[0]}",
            expected="a positive number",
        )
    return found.cast(pl.Float64).to_numpy()


def known_labels(rows: pl.DataFrame, target: str) -> pl.DataFrame:
    """Rows whose target is missing, and not NaN, where it is not known."""
    import polars as pl

    if target not in rows.columns or not rows.schema[target].is_float():
        return rows
    return rows.with_columns(pl.col(target).fill_nan(None))


def typed(rows: pl.DataFrame, types: Mapping[str, str], *, where: str) -> pl.DataFrame:
    """Rows with the columns that the contract types cast to what it says.

    Parameters
    ----------
    rows
        Shape (n, columns).
    types
        ``number``, ``category``, ``text``, ``time`` or ``boolean``, by column.
    where
        Place to name in errors.

    Raises
    ------
    ColumnNotFound
        If a column is not there.
    DataError
        If a value cannot be read as the type; names the first one's row.
    """
    import polars as pl

    kinds: dict[str, type[pl.DataType] | pl.DataType] = {
        "number": pl.Float64,
        "category": pl.String,
        "text": pl.String,
        "boolean": pl.Boolean,
        "time": pl.Datetime("us", "UTC"),
    }
    for column, kind in types.items():
        if column not in rows.columns:
            raise ColumnNotFound(f"no column {column!r}", where=where, expected=one_of(rows.columns, column))
        before = rows[column]
        after = class_names(before) if kinds[kind] == pl.String else before.cast(kinds[kind], strict=False)
        lost = (after.is_null() & before.is_not_null()).arg_true()
        if len(lost):
            raise DataError(
                f"{before[lost[0]]!r} in column {column!r} is no {kind}", where=f"{where}: row {lost[0]}", expected=kind
            )
        rows = rows.with_columns(after.alias(column))
    return rows


def number_ids(rows: pl.DataFrame, column: str | None, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Rows whose ids, which are text, are numbers if the column's type in `schema` is one: 62 bits of their digest."""
    import polars as pl

    if column is None or column not in rows.columns or not schema[column].is_integer():
        return rows
    numbers = [
        int.from_bytes(hashlib.blake2b(each.encode(), digest_size=8).digest(), "big") >> 2 for each in rows[column]
    ]
    return rows.with_columns(pl.Series(column, numbers, dtype=pl.Int64))


def class_names(target: pl.Series) -> pl.Series:
    """Target values as the words that name classes: ``1`` for 1 and 1.0, ``true`` for True."""
    import polars as pl

    if target.dtype.is_float() and target.drop_nulls().is_finite().all():
        whole = target.drop_nulls()
        if (whole == whole.round()).all():
            target = target.cast(pl.Int64)
    return target.cast(pl.String)
