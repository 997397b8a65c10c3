"""Reading recipes: columns that are there, of the type that is wanted, and parameters that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.core.errors import ColumnNotFound, InvalidValue, one_of

if TYPE_CHECKING:
    from holdfast.automl._features.base import Recipe, Table
    from holdfast.core.models import ModelSchema

_TYPES = {"float32": "a column of numbers", "string": "a column of text"}


def where(recipe: Recipe) -> str:
    """Return where an error is: the recipe, as a person would name it."""
    return f"feature {recipe.kind}({', '.join(recipe.columns)})"


def columns(recipe: Recipe, schema: ModelSchema, *dtypes: str | None) -> tuple[str, ...]:
    """Columns of a recipe, checked.

    Parameters
    ----------
    recipe
        What was asked for.
    schema
        Columns that there are.
    dtypes
        Type that each column must have, one for each; None for either.

    Raises
    ------
    InvalidValue
        If there are more or fewer columns, or one is of another type.
    ColumnNotFound
        If the table has no such column.
    """
    if len(recipe.columns) != len(dtypes):
        raise InvalidValue(
            f"{len(recipe.columns)} column{'' if len(recipe.columns) == 1 else 's'}",
            where=where(recipe),
            expected=f"{len(dtypes)}",
        )
    found = {each.name: each.dtype for each in schema.columns}
    for name, dtype in zip(recipe.columns, dtypes, strict=True):
        if name not in found:
            raise ColumnNotFound(f"no column {name!r}", where=where(recipe), expected=one_of(found, name))
        if dtype is not None and found[name] != dtype:
            raise InvalidValue(f"column {name!r} is {found[name]}", where=where(recipe), expected=_TYPES[dtype])
    return recipe.columns


def options(recipe: Recipe, **defaults: Any) -> dict[str, Any]:
    """Parameters of a recipe over their defaults.

    Raises
    ------
    InvalidValue
        If a parameter has no such name, or is of another type than its default: whole numbers at least 1, booleans, and
        texts are told apart; where the default is None, anything is taken.
    """
    for name, value in recipe.params.items():
        if name not in defaults:
            raise InvalidValue(f"parameter {name!r}", where=where(recipe), expected=one_of(defaults, name))
        default = defaults[name]
        if isinstance(default, bool | str) and not isinstance(value, type(default)):
            raise InvalidValue(f"{name} {value!r}", where=where(recipe), expected=f"such as {default!r}")
        whole = isinstance(default, int) and not isinstance(default, bool)
        if whole and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise InvalidValue(f"{name} {value!r}", where=where(recipe), expected="a whole number of at least 1")
    return {**defaults, **recipe.params}


def chosen(recipe: Recipe, name: str, valid: tuple[str, ...], default: tuple[str, ...]) -> tuple[str, ...]:
    """Names in a parameter that is a list, in the order of `valid`.

    Raises
    ------
    InvalidValue
        If it is no list of such names, or empty.
    """
    asked = recipe.params.get(name, default)
    if not isinstance(asked, list | tuple) or not asked:
        raise InvalidValue(f"{name} {asked!r}", where=where(recipe), expected=f"a list of {', '.join(valid)}")
    for each in asked:
        if each not in valid:
            raise InvalidValue(f"{name} {each!r}", where=where(recipe), expected=one_of(valid, str(each)))
    return tuple(each for each in valid if each in asked)


def numbers(table: Table, column: str) -> np.ndarray:
    """Numbers of a column, shape (n,) float64; infinite ones are NaN."""
    made = table.tensors[column].ravel().astype(np.float64)
    made[~np.isfinite(made)] = np.nan
    return made


def labels(schema: ModelSchema, width: int) -> tuple[str, ...]:
    """Return what to call each column of the target, shape (width,): a class, or nothing where there is one column."""
    if width == 1:
        return ("",)
    classes = schema.classes[1:] if len(schema.classes) == width + 1 else tuple(str(each + 1) for each in range(width))
    return tuple(f" ({each})" for each in classes)
