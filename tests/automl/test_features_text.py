"""Text in the graph: TF-IDF against the same arithmetic in Python, hashes, statistics, and text of every kind."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.automl._features import makers, words
from holdfast.automl._features.base import Recipe, Table
from holdfast.core.errors import EmptyTable, InvalidValue, NotMeasurable
from holdfast.core.models import Column, ModelSchema
from holdfast.stats.tensors import to_tensors

SCHEMA = ModelSchema("regression", "y", (Column("note", "string"), Column("size", "float32")))
NOTES = ["Win FREE money now", "free lunch, free dinner!", "see you at lunch", "", None, "Über straße 数字 🙂"]
RECIPES = [
    Recipe("text", ("note",), {"least": 1}),
    Recipe("hashed", ("note",), {"buckets": 32}),
    Recipe("hashed", ("note",), {"unit": "character", "buckets": 32}),
    Recipe("statistics", ("note",)),
]


def table(notes: list[str | None]) -> Table:
    rows = pl.DataFrame({"note": notes, "size": [0.0] * len(notes)}, schema={"note": pl.String, "size": pl.Float32})
    return Table(SCHEMA, to_tensors(rows, SCHEMA), np.zeros((len(notes), 1)), np.ones(len(notes)))


def made(recipe: Recipe, notes: list[str | None] = NOTES) -> makers.Made:
    return makers.Made([makers.fit(recipe, table(notes), rng=np.random.default_rng(0))], SCHEMA)


def by_name(recipe: Recipe, notes: list[str | None], of: list[str | None]) -> list[dict[str, float]]:
    found = made(recipe, notes)
    return [dict(zip(found.names, row.tolist(), strict=True)) for row in found.values(table(of).tensors)]


@pytest.fixture(scope="module")
def sessions() -> list[makers.Made]:
    return [made(each) for each in RECIPES]


def test_words_are_lower_case_and_split_at_what_is_no_letter() -> None:
    found = list(
        words.split(table(["Don’t PANIC: 42% of x_y!", "", "naïve—數字 ok"]), "note", rng=np.random.default_rng(0))
    )
    assert found == [["don", "t", "panic", "42", "of", "x_y"], [], ["naïve", "數字", "ok"]]


def test_tf_idf_is_the_arithmetic_of_the_books() -> None:
    texts = ["a b a", "b c", "a b c d"]
    (first, *_) = by_name(Recipe("text", ("note",), {"least": 1, "grams": 1}), texts, texts)
    idf = {word: math.log(4 / (1 + n)) + 1 for word, n in {"a": 2, "b": 3}.items()}
    plain = {"a": (1 + math.log(2)) * idf["a"], "b": idf["b"]}
    length = math.hypot(*plain.values())
    wanted = {"note: a": plain["a"] / length, "note: b": plain["b"] / length, "note: c": 0.0, "note: d": 0.0}
    assert first == pytest.approx(wanted, abs=1e-6)


def test_counts_are_not_damped_where_that_is_asked() -> None:
    recipe = Recipe("text", ("note",), {"least": 1, "grams": 1, "sublinear": False})
    (found,) = by_name(recipe, ["a b", "a b"], ["a a a b"])
    assert found == pytest.approx({"note: a": 3 / math.sqrt(10), "note: b": 1 / math.sqrt(10)}, abs=1e-6)


def test_neighbouring_words_are_terms_and_unseen_words_are_none() -> None:
    (found, unseen) = by_name(
        Recipe("text", ("note",)), ["free money", "free money", "money free"], ["free money", "xyz"]
    )
    assert set(found) == {"note: free", "note: money", "note: free money"}
    assert all(value > 0.0 for value in found.values())
    assert set(unseen.values()) == {0.0}


def test_the_terms_in_most_texts_are_kept() -> None:
    texts = ["a b", "a b", "a c", "a"]
    found = made(Recipe("text", ("note",), {"terms": 2, "grams": 1}), texts)
    assert found.names == ("note: a", "note: b")


def test_statistics_count_what_they_say() -> None:
    notes = ["Ab 12, cd!", "", "x" * 7]
    (first, empty, word) = by_name(Recipe("statistics", ("note",)), notes, notes)
    assert first == pytest.approx(
        {
            "characters of note": 10,
            "words of note": 3,
            "digits of note": 2,
            "capitals of note": 1,
            "punctuation of note": 2,
            "share of digits of note": 0.2,
            "share of capitals of note": 0.1,
            "share of punctuation of note": 0.2,
            "length of words of note": 10 / 3,
        }
    )
    assert set(empty.values()) == {0.0}
    assert (word["characters of note"], word["words of note"]) == (7, 1)


@given(st.text(max_size=200))
@settings(max_examples=25)
def test_characters_are_counted_as_python_counts_them(sessions, text) -> None:
    found = dict(zip(sessions[3].names, sessions[3].values(table([text]).tensors)[0].tolist(), strict=True))
    assert found["characters of note"] == len(text)
    assert found["digits of note"] == len(re.findall("[0-9]", text))


@given(st.lists(st.one_of(st.none(), st.text(max_size=60)), min_size=1, max_size=5))
@settings(max_examples=25)
def test_any_text_has_finite_features_whatever_stands_beside_it(sessions, texts) -> None:
    for each in sessions:
        together = each.values(table(texts).tensors)
        assert np.isfinite(together).all()
        alone = np.concatenate([each.values(table([text]).tensors) for text in texts])
        np.testing.assert_allclose(together, alone, atol=1e-6)


@pytest.mark.parametrize("place", range(len(RECIPES)))
def test_empty_and_missing_text_is_zero_and_no_rows_are_no_rows(sessions, place) -> None:
    found = sessions[place].values(table(["", None, " "]).tensors)
    assert not found[:2].any()
    assert sessions[place].values(table([]).tensors).shape == (0, len(sessions[place].names))


def test_texts_of_common_words_are_nearer_by_their_hashes() -> None:
    notes = ["free money for you", "free money for me", "see the dentist tomorrow"]
    for unit in ("word", "character"):
        found = made(Recipe("hashed", ("note",), {"unit": unit, "buckets": 512}), notes).values(table(notes).tensors)
        assert found[0] @ found[1] > 0.3 > found[0] @ found[2]
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_the_order_of_words_changes_the_hash_of_pairs_only() -> None:
    notes = ["a b", "b a"]
    pairs = made(Recipe("hashed", ("note",), {"low": 2, "high": 2}), notes).values(table(notes).tensors)
    single = made(Recipe("hashed", ("note",), {"high": 1}), notes).values(table(notes).tensors)
    assert pairs[0] @ pairs[1] == 0.0
    np.testing.assert_allclose(single[0], single[1])


def test_a_text_without_end_is_cut_and_the_library_says_nothing(capfd) -> None:
    endless = ["word " * 30_000, "a.b" * 30_000, "x" * 90_000, "ok"]
    found = by_name(RECIPES[3], endless, endless)
    assert [each["words of note"] <= words.MOST_WORDS * words.PIECES for each in found] == [True] * 4
    assert found[0]["words of note"] == words.MOST_WORDS
    assert max(each["characters of note"] for each in found) <= 280 * words.PIECES
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("locale", ["C", "POSIX", "xx_XX.UTF-8"])
def test_no_locale_is_needed_nor_looked_at(tmp_path: Path, locale) -> None:
    model = tmp_path / "words.onnx"
    model.write_bytes(made(RECIPES[0]).model())
    program = (
        "import sys, numpy as np, onnxruntime as ort\n"
        "s = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "x = np.array([['FREE'], ['\\u00dcber stra\\u00dfe']], dtype=object)\n"
        "print((s.run(None, {'note': x})[0] > 0).sum(axis=1).tolist())\n"
    )
    told = {**os.environ, "LC_ALL": locale, "LANG": locale, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", program, str(model)], env=told, capture_output=True, check=True)
    assert done.stdout.split(b"\n")[0] == b"[1, 3]"


def test_the_same_rows_make_the_same_graph() -> None:
    assert [made(each).model() for each in RECIPES] == [made(each).model() for each in RECIPES]


@pytest.mark.parametrize(
    ("kind", "params", "told"),
    [
        ("text", {"terms": 0}, "terms 0"),
        ("text", {"terms": 9999}, "at most 2000"),
        ("text", {"grams": 3}, "at most 2"),
        ("text", {"sublinear": "yes"}, "sublinear"),
        ("text", {"words": 5}, "parameter 'words'"),
        ("hashed", {"unit": "wrd"}, "did you mean 'word'"),
        ("hashed", {"buckets": 4096}, "16 to 1024"),
        ("hashed", {"low": 3, "high": 2}, "low <= high"),
        ("statistics", {"of": 1}, "parameter 'of'"),
    ],
)
def test_parameters_that_cannot_be_are_refused(kind, params, told) -> None:
    with pytest.raises(InvalidValue, match=re.escape(told)):
        made(Recipe(kind, ("note",), params))


@pytest.mark.parametrize("kind", ["text", "hashed", "statistics"])
def test_a_column_of_numbers_is_no_text_and_no_rows_teach_nothing(kind) -> None:
    with pytest.raises(InvalidValue, match="'size' is float32"):
        made(Recipe(kind, ("size",)))
    with pytest.raises(EmptyTable):
        made(Recipe(kind, ("note",)), [])


def test_a_column_without_a_common_word_is_refused() -> None:
    with pytest.raises(NotMeasurable, match="no word of column 'note' is in 2 texts"):
        made(Recipe("text", ("note",)), ["", None, "..."])


def test_short_messages_are_told_apart(real) -> None:
    """Nearest class mean on TF-IDF: unit rows make it a fair, parameterless reader."""
    rows = real("sms_spam/sms_spam.parquet")[:2000]
    spam = (rows["label"] == "spam").to_numpy()
    found = made(Recipe("text", ("note",), {"terms": 500}), rows["text"].to_list()[:1500])
    values = found.values(table(rows["text"].to_list()).tensors)
    middle = values[:1500][spam[:1500]].mean(axis=0) - values[:1500][~spam[:1500]].mean(axis=0)
    score: Any = values[1500:] @ middle
    ranks = score.argsort().argsort() + 1
    few = spam[1500:].sum()
    area = (ranks[spam[1500:]].sum() - few * (few + 1) / 2) / (few * (500 - few))
    assert area > 0.95
