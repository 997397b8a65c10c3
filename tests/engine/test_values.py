from __future__ import annotations

import math
import threading
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import DigestMismatch, InvalidValue, Uncacheable
from holdfast.core.events import Action, Cost
from holdfast.core.evidence import Evidence, State, Value
from holdfast.core.grammar import parse
from holdfast.core.models import Column, ModelSchema
from holdfast.core.subjects import Scored
from holdfast.engine._values import pick, seal, unseal

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(fold=0))
    | st.dates()
    | st.timedeltas()
)
keys = st.text() | st.integers() | st.just("$")
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner) | st.frozensets(leaves),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(values)
def test_what_is_sealed_opens_as_the_same_value_of_the_same_types(value):
    opened = unseal(seal(value).data)
    assert opened == value
    assert repr(opened) == repr(value) or "frozenset" in repr(value)


@settings(max_examples=60, deadline=None)
@given(values)
def test_opening_and_sealing_again_gives_the_same_digest(value):
    sealed = seal(value)
    assert sealed.digest == digest_bytes(sealed.data)
    assert seal(unseal(sealed.data)).digest == sealed.digest


def test_one_and_one_point_zero_and_true_have_three_digests():
    assert len({seal(each).digest for each in (1, 1.0, True, "1", [1], (1,))}) == 6


def test_nan_and_infinities_pass():
    opened = unseal(seal([math.nan, math.inf, -math.inf, -0.0]).data)
    assert math.isnan(opened[0])
    assert opened[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, opened[3]) == -1


def test_the_digest_of_a_set_does_not_depend_on_its_order():
    words = [f"word {index}" for index in range(50)]
    assert seal(set(words)).digest == seal(set(reversed(words))).digest


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6).reshape(2, 3),
        np.asfortranarray(np.ones((2, 3))),
        np.zeros((0, 4), dtype=np.float32),
        np.array(3.5),
        np.array([True, False]),
        np.array(["a", "bcd"]),
        np.array(["2026-01-01"], dtype="datetime64[s]"),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        np.array(["yes", "no"], dtype=object),
        np.array([["yes"], ["no"]], dtype=object),
        np.array(["ä", ""], dtype=np.dtypes.StringDType()),
        np.arange(10)[::2],
    ],
)
def test_an_array_passes_with_dtype_and_shape(array):
    opened = unseal(seal(array).data)
    assert opened.dtype == array.dtype
    np.testing.assert_array_equal(opened, array)


def test_a_numpy_scalar_stays_one():
    opened = unseal(seal({"auc": np.float32(0.5), "n": np.int64(3)}).data)
    assert (type(opened["auc"]), type(opened["n"])) == (np.float32, np.int64)


FRAME = pl.DataFrame(
    {
        "i": [1, None, 3],
        "f": [0.5, float("nan"), None],
        "s": ["a", None, "ü"],
        "b": [True, False, None],
        "t": [NOW, None, NOW],
        "d": [date(2026, 1, 1)] * 3,
        "l": [[1, 2], [], None],
        "c": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
        "e": pl.Series(["x", "y", "x"], dtype=pl.Enum(["x", "y"])),
    }
)


def test_a_frame_passes_with_every_type_of_column():
    assert_frame_equal(unseal(seal(FRAME).data), FRAME)
    assert_frame_equal(unseal(seal(FRAME.clear()).data), FRAME.clear())
    assert unseal(seal(pl.DataFrame()).data).shape == (0, 0)


def test_a_series_passes_with_its_name():
    series = pl.Series("scores", [1.0, None])
    assert_series_equal(unseal(seal(series).data), series)


def test_a_frame_in_two_chunks_has_the_digest_of_the_same_frame_in_one():
    whole = pl.DataFrame({"x": [1, 2, 3, 4]})
    parts = pl.concat([whole[:2], whole[2:]], rechunk=False)
    assert seal(parts).digest == seal(whole).digest
    assert seal(whole[1:3]).digest == seal(pl.DataFrame({"x": [2, 3]})).digest


@pytest.mark.parametrize(
    "noun",
    [
        Value(0.75, 0.5, 0.9, n=4, notes={"bins": [1, 2]}),
        parse("recall >= 0.8 by sex over 5 m with 95% else retrain").at("live"),
        Evidence("ab", "recall", "live", NOW, value=0.5, n=3, window=(NOW, NOW)),
        Action("retrain", "s", "p", {"a": [1]}, cost=Cost(1.0, 2.0, 0.5)),
        ModelSchema("binary", "y", (Column("a", "string", levels=("u", "v")),), ("no", "yes"), "yes"),
        State.UNPROVEN,
        timedelta(days=1, microseconds=3),
    ],
)
def test_a_noun_passes_as_itself(noun):
    opened = unseal(seal([noun]).data)[0]
    assert opened == noun
    assert type(opened) is type(noun)


def test_a_noun_with_arrays_and_a_frame_passes():
    scored = Scored(
        "binary",
        np.array(["no", "yes"], dtype=object),
        np.array([[0.9, 0.1], [0.2, 0.8]]),
        pl.DataFrame({"sex": ["f", "m"]}),
        classes=("no", "yes"),
        positive="yes",
    )
    opened = unseal(seal(scored).data)
    np.testing.assert_array_equal(opened.truth, scored.truth)
    assert_frame_equal(opened.rows, scored.rows)
    assert opened.classes == ("no", "yes")


def test_a_file_passes_by_its_content(tmp_path):
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    sealed = seal({"model": source})
    source.write_bytes(b"changed")
    opened = unseal(sealed.data, folder=tmp_path / "opened")["model"]
    assert (opened.name, opened.read_bytes()) == ("model.bin", b"weights")
    assert seal({"model": opened}).digest == sealed.digest


def test_a_file_that_was_changed_where_it_was_opened_is_written_again(tmp_path):
    source = tmp_path / "model.bin"
    source.write_bytes(b"weights")
    sealed = seal(source)
    opened = unseal(sealed.data, folder=tmp_path / "opened")
    opened.chmod(0o644)
    opened.write_bytes(b"changed")
    assert unseal(sealed.data, folder=tmp_path / "opened").read_bytes() == b"weights"


class Own:
    pass


class Colour(Enum):
    RED = 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (Own(), r"type test_values\.Own cannot|type .*Own cannot"),
        ({"deep": [1, (threading.Lock(),)]}, r"_thread\.lock at \['deep'\]\[1\]\[0\]"),
        (Colour.RED, "Colour"),
        (3 + 4j, "complex"),
        (lambda: 1, "function"),
        (Path("no/such/file"), "no readable file"),
        (np.array([Own()]), "holds Python objects"),
        (pl.LazyFrame({"x": [1]}), "collect it"),
        (pl.DataFrame({"x": [Own()]}), "column of Python objects"),
        (Cost, "type type"),
    ],
)
def test_anything_else_is_refused_by_step_type_and_place(value, said):
    with pytest.raises(Uncacheable, match=said) as caught:
        seal(value, where="step 'f'")
    assert caught.value.where == "step 'f'"


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(Uncacheable, match="no readable file"):
        seal(tmp_path)


def test_a_value_that_holds_itself_is_refused():
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(Uncacheable, match="cannot be written"):
        seal(endless)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HFV1",
        b"pickle....",
        b"HFV1\x00\x00\x00\x02{}",
        b"HFV1\xff\xff\xff\xff{}",
        b'HFV1\x00\x00\x00\x10{"v":1,"b":[9]} ',
    ],
)
def test_bytes_that_are_no_sealed_value_are_refused(data):
    with pytest.raises(DigestMismatch):
        unseal(data)


def _head(text: str, blobs: bytes = b"") -> bytes:
    head = text.encode()
    return b"HFV1" + len(head).to_bytes(4, "big") + head + blobs


@pytest.mark.parametrize(
    "tree",
    [
        '{"$":"noun","t":"os.system","v":{}}',
        '{"$":"enum","t":"builtins.eval","v":1}',
        '{"$":"pickle","at":0}',
        '{"$":"in","n":0,"p":[]}',
    ],
)
def test_opening_makes_no_class_that_is_not_a_noun(tree):
    with pytest.raises(DigestMismatch):
        unseal(_head('{"v":' + tree + ',"b":[]}'))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "..", "", "a/b", "nul\\u0000"])
def test_a_file_name_cannot_leave_its_folder(tmp_path, name):
    with pytest.raises(DigestMismatch, match="plain file name"):
        unseal(_head('{"v":{"$":"file","name":"' + name + '","at":0},"b":[1]}', b"x"), folder=tmp_path)


def test_a_noun_that_breaks_its_own_rules_is_refused():
    with pytest.raises(InvalidValue):
        unseal(_head('{"v":{"$":"noun","t":"events.Cost","v":{"risk":7}},"b":[]}'))


def test_an_array_of_objects_is_not_loaded_by_pickle():
    import io

    out = io.BytesIO()
    np.save(out, np.array([Colour.RED], dtype=object), allow_pickle=True)
    blob = out.getvalue()
    with pytest.raises(ValueError, match="allow_pickle=False"):
        unseal(_head('{"v":{"$":"npy","at":0},"b":[' + str(len(blob)) + "]}", blob))


def test_a_part_is_picked_by_its_path():
    assert pick({"a": [1, {"b": 2}]}, ("a", 1, "b")) == 2
