"""The tree of errors: what the docstring says is what there is, and an error crosses processes whole."""

from __future__ import annotations

import copy
import re
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from holdfast.core import errors
from holdfast.core.errors import ColumnNotFound, HoldfastError, JournalBroken, MissingExtra, explained, nearest, one_of


def _family(root: type[HoldfastError]) -> list[type[HoldfastError]]:
    return [
        root,
        *(each for child in root.__subclasses__() for each in _family(child) if each.__module__ == errors.__name__),
    ]


ALL = _family(HoldfastError)


def test_the_docstring_lists_every_class_with_its_code_and_no_other() -> None:
    listed = dict(re.findall(r"─ (\w+) +(HF\d{3})", errors.__doc__ or ""))
    assert listed == {each.__name__: each.code for each in ALL[1:]}


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    depths = {
        name: len(indent) // 4
        for indent, name in re.findall(r"^([│ ├└─]+)(\w+) +HF", errors.__doc__ or "", re.MULTILINE)
    }
    assert depths == {each.__name__: len(each.__mro__) - len(HoldfastError.__mro__) for each in ALL[1:]}


def test_no_code_stands_for_two_errors() -> None:
    assert len({each.code for each in ALL}) == len(ALL)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_has_a_docstring_and_an_exit_code_of_the_list(kind: type[HoldfastError]) -> None:
    assert kind.__doc__
    assert kind.exit_code in range(1, 7)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "no column 'agee'. (HF103)"),
        ({"where": "holdfast.yaml:12"}, "holdfast.yaml:12: no column 'agee'. (HF103)"),
        ({"expected": "'age'"}, "no column 'agee'. Expected 'age'. (HF103)"),
        ({"where": "a:1", "expected": "'age'"}, "a:1: no column 'agee'. Expected 'age'. (HF103)"),
    ],
)
def test_an_error_says_where_what_and_what_would_be_right(given: dict[str, str], text: str) -> None:
    assert str(ColumnNotFound("no column 'agee'.", **given)) == text


def test_a_copied_error_keeps_what_was_set_on_it() -> None:
    error = JournalBroken("the chain breaks", where="event 17", expected="hash abc")
    error.seq = 17  # type: ignore[attr-defined] # the store sets it
    twin = copy.deepcopy(error)
    assert (str(twin), twin.seq) == (str(error), 17)  # type: ignore[attr-defined] # as above
    assert type(twin) is JournalBroken


def _fail() -> None:
    raise ColumnNotFound("no column 'agee'", where="a:1", expected="'age'")


def test_a_workers_error_reaches_its_caller_whole() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("forkserver")) as pool, pytest.raises(ColumnNotFound) as caught:
        pool.submit(_fail).result()
    assert (caught.value.where, caught.value.expected) == ("a:1", "'age'")


def test_a_missing_extra_says_what_to_type() -> None:
    assert str(MissingExtra.of("ray", what="the executor 'ray'")) == (
        "the executor 'ray' needs the extra 'ray'. Expected pip install 'holdfast[ray]'. (HF800)"
    )


@pytest.mark.parametrize(("word", "near"), [("roc_auk", "roc_auc"), ("RECALL", "recall"), ("xyz", None), ("", None)])
def test_the_nearest_word_is_one_that_is_near(word: str, near: str | None) -> None:
    assert nearest(word, ["roc_auc", "recall"]) == near


def test_the_words_there_are_come_sorted_and_at_most_twelve() -> None:
    assert one_of(["b", "a"]) == "one of 'a', 'b'"
    assert one_of([f"{number:02}" for number in range(20)], "x").endswith("'11' and 8 more")
    assert one_of([], "x") == "nothing is registered here"
    assert one_of(["age"], "agee") == "'age' (did you mean 'age'?)"


def test_every_code_is_explained_by_the_class_that_has_it() -> None:
    class Private(ColumnNotFound):
        """An error that a room raises without a code of its own."""

    told = explained()
    assert Private.code == "HF103"
    assert {code: name for code, (name, _) in told.items()} == {kind.code: kind.__name__ for kind in ALL}
    assert list(told) == sorted(told)
    assert told["HF800"] == ("MissingExtra", "An optional dependency is needed and not installed.")
