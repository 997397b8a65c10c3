"""The registry: decorators, look-ups, and rooms that are imported when asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from holdfast.core import registry
from holdfast.core.errors import InvalidValue, UnknownName
from holdfast.core.evidence import Value
from holdfast.core.ports import DomainPack

Write = Callable[..., Path]

MEASURE = '''
from holdfast.core.evidence import Value
from holdfast.core.registry import measure

@measure("{name}", unit="share", range=(0, 1), better="higher", stages=("data",), source="none")
def compute(rows):
    """A measure."""
    return Value(1.0)
'''
ENTRY_POINTS = "[holdfast.rooms]\nvisitor = visitor\n"


def _measure(name: str, **changes: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    given: dict[str, Any] = {
        "unit": "share",
        "range": (0, 1),
        "better": "higher",
        "stages": ("data",),
        "source": "a paper",
    }
    return registry.measure(name, **{**given, **changes})


def _one(subject: Any) -> Value:
    return Value(1.0)


@pytest.mark.usefixtures("own_registry")
class TestDecorators:
    def test_a_measure_is_registered_and_left_as_it_was(self) -> None:
        @_measure("half", estimates=("whole",), cost=0.2)
        def half(rows: Any, column: str, other: str = "x", *, confidence: float = 0.95) -> Value:
            return Value(0.5)

        spec = registry.get("measure", "half")
        assert spec.compute is half
        assert (spec.arguments, spec.subject, spec.cost) == ((1, 2), "rows", 0.2)
        assert registry.names("measure") == ["half"]
        assert registry.every("measure") == [spec]

    def test_a_measure_of_any_number_of_columns_has_no_greatest_number(self) -> None:
        @_measure("many")
        def many(rows: Any, first: str, /, *columns: str) -> Value:
            return Value(0.5)

        assert registry.get("measure", "many").arguments == (1, None)

    def test_the_same_place_may_register_again_and_another_may_not(self) -> None:
        def one(rows: Any) -> Value:
            return Value(0.5)

        def other(rows: Any) -> Value:
            return Value(0.5)

        _measure("twice")(one)
        _measure("twice", cost=9.0)(one)
        with pytest.raises(InvalidValue, match=r"measure 'twice' is registered twice.*one"):
            _measure("twice")(other)
        assert registry.get("measure", "twice").cost == 9.0

    def test_a_measure_that_contradicts_itself_is_refused(self) -> None:
        with pytest.raises(InvalidValue, match="names no source"):
            _measure("bad", source="")(_one)
        assert registry.names("measure") == []

    def test_a_row_check_belongs_to_its_measure(self) -> None:
        @registry.row_check("half")
        def failing(rows: Any) -> Any:
            return rows

        check = registry.get("row_check", "half")
        assert (check.measure, check.failing) == ("half", failing)

    def test_a_class_is_registered_as_one_instance_under_its_name(self) -> None:
        @registry.source
        class Pebbles:
            name = "pebbles"

            def matches(self, location: str) -> bool:
                return location == "beach"

            def read(self, location: str, settings: Any) -> Any:
                return location, settings

        assert isinstance(registry.get("source", "pebbles"), Pebbles)

    @pytest.mark.parametrize("kind", ["trainer", "remedy", "packager", "target", "source"])
    def test_a_class_without_the_members_of_its_port_is_refused(self, kind: str) -> None:
        class Nothing:
            name = "nothing"

        with pytest.raises(InvalidValue, match=rf"Nothing is no {kind.title()}.*members of {kind.title()}"):
            getattr(registry, kind)(Nothing)

    def test_a_domain_pack_is_registered_as_it_is(self) -> None:
        pack = registry.domain(DomainPack("healthcare", sensitive=("sex",)))
        assert registry.get("domain", "healthcare") is pack

    def test_the_estimator_of_a_measure_is_found(self) -> None:
        _measure("estimated", estimates=("recall",))(_one)
        found = registry.estimator_of("recall")
        assert found is not None
        assert found.name == "estimated"
        assert registry.estimator_of("precision") is None

    def test_a_name_that_nobody_registered_suggests_the_nearest(self) -> None:
        _measure("recall")(_one)
        with pytest.raises(UnknownName, match=r"holdfast.yaml:3: no measure 'recal'.*did you mean 'recall'"):
            registry.get("measure", "recal", where="holdfast.yaml:3")
        assert registry.find("measure", "recal") is None
        assert registry.find("measure", "recall").name == "recall"

    def test_a_kind_that_is_none_suggests_the_nearest(self) -> None:
        with pytest.raises(UnknownName, match=r"no kind 'mesure'.*did you mean 'measure'"):
            registry.names("mesure")

    def test_where_nothing_is_registered_it_says_so(self) -> None:
        with pytest.raises(UnknownName, match="nothing is registered here"):
            registry.get("target", "local")


def test_a_room_is_imported_when_its_kind_is_asked_for(house: Write) -> None:
    house("house/pond/__init__.py")
    house("house/pond/measures/__init__.py")
    house("house/pond/measures/depth.py", MEASURE.format(name="depth"))
    house("house/pond/measures/_private.py", "raise RuntimeError('private machinery is not a port')")
    house("house/pond/remedies/__init__.py")
    house("house/pond/remedies/dredge.py", "raise RuntimeError('nobody asked for remedies')")
    house("house/pond/sources.py", "raise RuntimeError('a module is not a port folder')")
    house("house/loose.py", "raise RuntimeError('a module is not a room')")
    house("house/shed/__init__.py", "raise RuntimeError('there is nothing of the kind in the shed')")
    assert "holdfast.pond" not in sys.modules
    assert registry.names("measure") == ["depth"]
    assert registry.names("row_check") == []
    assert registry.names("source") == []
    assert "holdfast.pond.remedies" not in sys.modules


def test_a_kind_is_loaded_once(house: Write) -> None:
    house("house/pond/__init__.py")
    house("house/pond/measures/__init__.py")
    assert registry.names("measure") == []
    house("house/pond/measures/late.py", MEASURE.format(name="late"))
    assert registry.names("measure") == []


def test_a_room_that_cannot_be_imported_is_tried_again(house: Write) -> None:
    house("house/pond/__init__.py")
    house("house/pond/measures/__init__.py")
    broken = house("house/pond/measures/depth.py", "raise RuntimeError('no water')")
    with pytest.raises(RuntimeError, match="no water"):
        registry.names("measure")
    broken.write_text(MEASURE.format(name="depth"))
    assert registry.names("measure") == ["depth"]


def test_an_installed_distribution_joins_by_its_entry_point(house: Write) -> None:
    house("outside/visitor/__init__.py")
    house("outside/visitor/measures/__init__.py")
    house("outside/visitor/measures/weight.py", MEASURE.format(name="weight"))
    house("outside/visitor-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: visitor\nVersion: 1.0\n")
    house("outside/visitor-1.0.dist-info/entry_points.txt", ENTRY_POINTS)
    assert registry.names("measure") == ["weight"]


def test_two_rooms_cannot_have_one_name(house: Write) -> None:
    for room in ("pond", "lake"):
        house(f"house/{room}/__init__.py")
        house(f"house/{room}/measures/__init__.py")
        house(f"house/{room}/measures/depth.py", MEASURE.format(name="depth"))
    with pytest.raises(InvalidValue, match=r"registered twice.*holdfast\.lake\.measures\.depth"):
        registry.names("measure")


def test_a_room_whose_measure_is_wrong_says_which(house: Write) -> None:
    house("house/pond/__init__.py")
    house("house/pond/measures/__init__.py")
    house("house/pond/measures/depth.py", MEASURE.format(name="the depth"))
    with pytest.raises(InvalidValue, match="'the depth' is no name"):
        registry.names("measure")
