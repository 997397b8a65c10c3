"""Sentence embeddings from word vectors in a local file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.automl._features import makers, vectors
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound, NotMeasurable, UnreadableData
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors

SCHEMA = ModelSchema("regression", "y", (Column("note", "string"),))
WORDS = {"cat": [1.0, 0.0, 0.5], "dog": [0.9, 0.1, 0.5], "bank": [-1.0, 2.0, 0.0], "rare": [5.0, 5.0, 5.0]}
NOTES = ["The cat", "a DOG, a dog", "bank bank cat", "", None, "nothing known"]


def table(notes=NOTES) -> Table:
    rows = pl.DataFrame({"note": notes}, schema={"note": pl.String})
    return Table(SCHEMA, to_tensors(rows, SCHEMA), np.zeros((rows.height, 1)), np.ones(rows.height))


@pytest.fixture
def glove(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} {' '.join(map(str, each))}\n" for word, each in WORDS.items()), encoding="utf-8")
    return path


def matrix_file(path: Path, values: np.ndarray, kind: str = "F32") -> Path:
    header = {"vectors": {"dtype": kind, "shape": list(values.shape), "data_offsets": [0, values.nbytes]}}
    text = json.dumps(header | {"__metadata__": {"format": "pt"}}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + values.tobytes())
    return path


def fit(path: Path, notes=NOTES, **params) -> makers.Made:
    recipe = Recipe("embedded", ("note",), {"vectors": str(path), **params})
    return makers.Made([makers.fit(recipe, table(notes), rng=np.random.default_rng(0))], SCHEMA)


def weighted(word: str) -> np.ndarray:
    times = {"the": 1, "cat": 2, "a": 2, "dog": 2, "bank": 2, "nothing": 1, "known": 1}
    return np.array(WORDS[word]) * 1e-3 / (1e-3 + times[word] / sum(times.values()))


def test_a_text_is_the_mean_of_its_known_words_the_common_ones_counting_less(glove) -> None:
    found = fit(glove).values(table().tensors)
    wanted = [weighted("cat"), weighted("dog"), (2 * weighted("bank") + weighted("cat")) / 3, *np.zeros((3, 3))]
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_the_recipe_keeps_the_digest_of_the_file_and_holds_a_later_file_to_it(glove) -> None:
    recipe = fit(glove).blocks[0].recipe
    assert len(recipe.params["digest"]) == 64
    again = makers.fit(recipe, table(), rng=np.random.default_rng(0))
    assert again.recipe == recipe
    glove.write_text("cat 1 2 3\n", encoding="utf-8")
    with pytest.raises(DigestMismatch):
        makers.fit(recipe, table(), rng=np.random.default_rng(0))


def test_only_words_in_use_are_kept_the_most_frequent_first(glove) -> None:
    assert fit(glove).blocks[0].vocabulary == ("bank", "cat", "dog")
    assert fit(glove, words=1).blocks[0].vocabulary == ("bank",)


def test_long_vectors_are_turned_onto_fewer_axes_and_keep_their_products(tmp_path) -> None:
    rng = np.random.default_rng(0)
    flat = rng.normal(size=(4, 2)) @ rng.normal(size=(2, 60))
    path = tmp_path / "long.txt"
    path.write_text(
        "".join(f"{w} {' '.join(map(str, v))}\n" for w, v in zip(WORDS, flat, strict=True)), encoding="utf-8"
    )
    notes = list(WORDS)
    few, all_of_them = fit(path, notes, dimensions=2), fit(path, notes, dimensions=60)
    assert len(few.names) == 2
    a, b = few.values(table(notes).tensors), all_of_them.values(table(notes).tensors)
    np.testing.assert_allclose(a @ a.T, b @ b.T, atol=1e-6)


def test_word2vec_and_safetensors_say_the_same_as_plain_text(tmp_path, glove) -> None:
    plain = fit(glove).values(table().tensors)
    header = tmp_path / "word2vec.txt"
    header.write_text("4 3\n" + glove.read_text(encoding="utf-8"), encoding="utf-8")
    names = tmp_path / "words.txt"
    names.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    values = np.array(list(WORDS.values()), dtype=np.float32)
    wide = matrix_file(tmp_path / "v.safetensors", values)
    upper = matrix_file(tmp_path / "b.safetensors", (values.view(np.uint32) >> 16).astype(np.uint16), "BF16")
    np.testing.assert_array_equal(fit(header).values(table().tensors), plain)
    np.testing.assert_array_equal(fit(wide, vocabulary=str(names)).values(table().tensors), plain)
    np.testing.assert_allclose(fit(upper, vocabulary=str(names)).values(table().tensors), plain, rtol=0.01, atol=1e-6)


def test_the_first_of_two_vectors_of_a_word_counts(tmp_path) -> None:
    path = tmp_path / "twice.txt"
    path.write_text("cat 1 2\ncat 3 4\n", encoding="utf-8")
    assert vectors.read(path, frozenset({"cat"}))["cat"].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"cat 1 2\ndog 1\n", "bad.txt:2: 1 numbers"),
        (b"cat one two\n", "bad.txt:1: 'one two' is no vector"),
        (b"cat 1 nan\n", "no vector"),
        (b"cat\n", "no vector"),
        (b"cat \xff\xfe 1\n", "not text"),
    ],
)
def test_a_broken_text_file_is_told_with_its_line(tmp_path, content, told) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(UnreadableData, match=told):
        vectors.read(path, frozenset({"cat", "dog"}))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 16,
        (2).to_bytes(8, "little") + b"{}",
        (2).to_bytes(8, "little") + b"[]",
        (3).to_bytes(8, "little") + b"nil",
    ],
)
def test_a_broken_matrix_file_is_refused(tmp_path, content) -> None:
    path, names = tmp_path / "bad.safetensors", tmp_path / "words.txt"
    path.write_bytes(content)
    names.write_text("cat\n", encoding="utf-8")
    with pytest.raises(UnreadableData):
        vectors.read(path, frozenset({"cat"}), vocabulary=names)


def test_a_matrix_that_its_file_does_not_hold_is_refused(tmp_path) -> None:
    names = tmp_path / "words.txt"
    names.write_text("cat\ndog\n", encoding="utf-8")
    whole = matrix_file(tmp_path / "v.safetensors", np.ones((2, 3), dtype=np.float32))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(whole.read_bytes()[:-4])
    with pytest.raises(UnreadableData, match="do not fit"):
        vectors.read(cut, frozenset({"cat"}), vocabulary=names)
    more = matrix_file(tmp_path / "more.safetensors", np.ones((3, 3), dtype=np.float32))
    with pytest.raises(UnreadableData, match="2 words"):
        vectors.read(more, frozenset({"cat"}), vocabulary=names)
    odd = matrix_file(tmp_path / "odd.safetensors", np.full((2, 3), np.nan, dtype=np.float32))
    with pytest.raises(UnreadableData, match="finite"):
        vectors.read(odd, frozenset({"cat"}), vocabulary=names)


def test_files_and_words_that_are_not_there_are_told(tmp_path, glove) -> None:
    with pytest.raises(NotFound, match="no file"):
        fit(tmp_path / "none.txt")
    with pytest.raises(NotMeasurable, match="no word of column 'note' has a vector"):
        fit(glove, notes=["xyz", ""])
    with pytest.raises(InvalidValue, match="without a vocabulary"):
        fit(matrix_file(tmp_path / "v.safetensors", np.ones((1, 1), dtype=np.float32)))
    with pytest.raises(InvalidValue, match="vectors None"):
        makers.fit(Recipe("embedded", ("note",)), table(), rng=np.random.default_rng(0))
    with pytest.raises(InvalidValue, match="at most 5000"):
        fit(glove, words=10_000)
