"""Words in the graph: lower case, tokens, and how many there are. What serving splits is what training split.

The tokens of a batch are a rectangle as wide as its longest text, so a text is cut: after `MOST_WORDS` words, and after
`PIECES` pieces of some 250 characters. One text without end must not take the memory of all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from holdfast.automl._graph import CONTRIB, Graph

if TYPE_CHECKING:
    from holdfast.automl._features.base import Table

#: Words (between blanks) and pieces of a text that are looked at.
MOST_WORDS, PIECES = 400, 8
#: Rows that are split at once.
BATCH = 2048
#: Rows that a vocabulary is taken from.
VOCABULARY_ROWS = 50_000

#: A word: letters and digits of ASCII, and all beyond but the Latin, general and CJK punctuation.
WORD = r"[0-9A-Za-z_\x{AA}\x{B5}\x{BA}\x{C0}-\x{1FFF}\x{2070}-\x{2FFF}\x{3040}-\x{10FFFF}]+"
CHARACTER = "(?s:.)"
# RE2 walks both in linear time and little memory; longer repetitions it does not (1000 took a minute for 500 texts).
_BEGINNING = f"^(?:\\S*\\s){{0,{MOST_WORDS - 1}}}\\S*"
_PIECE = r"(?s:.{1,250})\S{0,30}"
#: The one locale that every machine has. It lowers ASCII only: other capitals stay what they are, here and at serving.
_LOCALE = "C"


def begin(graph: Graph, column: str, *, lower: bool = True) -> str:
    """Text of a column in pieces, (n + 1, pieces), the last row empty.

    Operators of text want a row at least: the empty one is for them, and `end` takes it away.

    Parameters
    ----------
    graph
        What is added to.
    column
        Name of the input (n, 1).
    lower
        Whether ASCII is brought to lower case.
    """
    text = graph.add("Concat", column, _empty(graph), axis=0)
    text = graph.add("Slice", tokens(graph, text, _BEGINNING), graph.whole(0), graph.whole(1), graph.whole(1))
    if lower:
        flat = graph.add("Reshape", text, graph.whole(-1))
        flat = graph.add("StringNormalizer", flat, case_change_action="LOWER", locale=_LOCALE)
        text = graph.add("Reshape", flat, graph.whole(-1, 1))
    return graph.add("Slice", tokens(graph, text, _PIECE), graph.whole(0), graph.whole(PIECES), graph.whole(1))


def end(graph: Graph, made: str) -> str:
    """Features without those of the empty row."""
    return graph.add("Slice", made, graph.whole(0), graph.whole(-1), graph.whole(0))


def tokens(graph: Graph, text: str, pattern: str, *, least: int = 1) -> str:
    """Every match of a pattern, (n, d): ``""`` stands between pieces and behind the last match, so d is at least 1.

    Parameters
    ----------
    graph
        What is added to.
    text
        Tensor (n, pieces) of strings, n at least 1.
    pattern
        Regular expression of RE2 that matches no empty text.
    least
        Characters that a match must have.
    """
    found = graph.add("Tokenizer", text, domain=CONTRIB, tokenexp=pattern, mark=0, pad_value="", mincharnum=least)
    rows = graph.add("Slice", graph.add("Shape", text), graph.whole(0), graph.whole(1))
    empty = graph.add("Expand", _empty(graph), graph.add("Concat", rows, graph.whole(1), axis=0))
    return graph.add("Concat", graph.add("Flatten", found, axis=1), empty, axis=1)


def count(graph: Graph, text: str, pattern: str, *, longest: int = 1) -> str:
    """Number of characters in the matches of a pattern, (n, 1) float32.

    Parameters
    ----------
    graph
        What is added to.
    text
        Tensor (n, pieces) of strings.
    pattern
        Its matches have 1 to `longest` characters. Their number is the sum over k of those that have at least k.
    longest
        The longer, the narrower the rectangle of tokens.
    """
    each = [matches(graph, text, pattern, least=least) for least in range(1, longest + 1)]
    return each[0] if len(each) == 1 else graph.add("Sum", *each)


def matches(graph: Graph, text: str, pattern: str, *, least: int = 1) -> str:
    """Number of matches of a pattern that have at least so many characters, (n, 1) float32."""
    there = present(graph, tokens(graph, text, pattern, least=least))
    return graph.add("ReduceSum", there, graph.whole(1), keepdims=1)


def present(graph: Graph, found: str) -> str:
    """1 where a token is, 0 behind the last, float32."""
    # Strings can be compared for being equal only since opset 19; the look-up can always tell the empty one.
    return graph.add(
        "LabelEncoder", found, domain="ai.onnx.ml", keys_strings=[""], values_floats=[0.0], default_float=1.0
    )


def counts(graph: Graph, found: str, terms: tuple[tuple[str, ...], ...]) -> str:
    """How often each term is in a row, (n, terms) float32.

    Parameters
    ----------
    graph
        What is added to.
    found
        Tokens (n, d), d at least 1.
    terms
        Terms of one or more tokens, the shorter first.
    """
    longest = max(len(term) for term in terms)
    sizes = [sum(len(term) == size for term in terms) * size for size in range(1, longest)]
    return graph.add(
        "TfIdfVectorizer",
        found,
        mode="TF",
        min_gram_length=1,
        max_gram_length=longest,
        max_skip_count=0,
        ngram_counts=[0, *np.cumsum(sizes).tolist()],
        ngram_indexes=list(range(len(terms))),
        pool_strings=[word for term in terms for word in term],
    )


def unit(graph: Graph, inside: str) -> str:
    """Rows of length 1 (Euclid), those of nothing but 0 as they are."""
    length = graph.add("ReduceL2", inside, axes=[1], keepdims=1)
    return graph.add("Div", inside, graph.add("Max", length, graph.number(1e-12)))


def split(table: Table, column: str, *, rng: np.random.Generator) -> Iterator[list[str]]:
    """Words of each row, as the graph splits them; of a sample where there are more than `VOCABULARY_ROWS` rows."""
    from holdfast.automl._session import session

    values = table.tensors[column]
    if len(values) > VOCABULARY_ROWS:
        values = values[np.sort(rng.choice(len(values), VOCABULARY_ROWS, replace=False))]
    splitter = session(_splitter())
    for start in range(0, len(values), BATCH):
        (found,) = splitter.run(None, {"text": values[start : start + BATCH]})
        for row in found:
            yield [word for word in row.tolist() if word]


def _splitter() -> bytes:
    from onnx import TensorProto, helper

    graph = Graph()
    found = end(graph, tokens(graph, begin(graph, "text"), WORD))
    made = graph.model(
        [helper.make_tensor_value_info("text", TensorProto.STRING, ["n", 1])],
        [helper.make_tensor_value_info(found, TensorProto.STRING, ["n", "d"])],
        name="holdfast-words",
    )
    return bytes(made.SerializeToString())


def _empty(graph: Graph) -> str:
    return graph.constant(np.array([[""]], dtype=object))
