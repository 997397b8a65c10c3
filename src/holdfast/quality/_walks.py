"""Walks over the nodes of the algebra."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from holdfast.quality.algebra import ORDERED, Condition, Filter, Node, Source


def within(node: Any, condition: Condition | None) -> Any:
    """Copy of a node that looks only at the rows of the table that a condition is true of (None: the node itself)."""
    return node if condition is None else _replaced(node, condition)


def _replaced(node: Any, condition: Condition) -> Any:
    if isinstance(node, Source):
        return Filter(node, condition)
    if isinstance(node, tuple):
        return tuple(_replaced(each, condition) for each in node)
    if not isinstance(node, Node):
        return node
    inner = {each.name: getattr(node, each.name) for each in fields(node)}  # type: ignore[arg-type]  # every Node is a dataclass
    changed = {name: _replaced(value, condition) for name, value in inner.items()}
    same = all(changed[name] is value or changed[name] == value for name, value in inner.items())
    return node if same else replace(node, **changed)  # type: ignore[type-var]  # every Node is a dataclass


def substituted(node: Any, old: Node, new: Node) -> Any:
    """Copy of a node in which one node stands for another."""
    if node == old:
        return new
    if isinstance(node, tuple):
        return tuple(substituted(each, old, new) for each in node)
    if not isinstance(node, Node):
        return node
    inner = {each.name: getattr(node, each.name) for each in fields(node)}  # type: ignore[arg-type]  # every Node is a dataclass
    return type(node)(**{name: substituted(value, old, new) for name, value in inner.items()})


def walk(node: Any) -> Iterator[Node]:
    """Every node in a node, itself first."""
    if isinstance(node, tuple):
        for each in node:
            yield from walk(each)
    elif isinstance(node, Node):
        yield node
        for each in fields(node):  # type: ignore[arg-type]  # every Node is a dataclass
            yield from walk(getattr(node, each.name))


def needs_order(node: Any) -> bool:
    """Whether the answer depends on the order of the rows."""
    return any(isinstance(each, ORDERED) for each in walk(node))
