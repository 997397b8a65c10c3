"""Examples: real rows, worlds that change as they say, data that are checked before they are used."""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from holdfast.core.errors import DigestMismatch, InvalidValue, UnknownName, UnreadableData
from holdfast.demo import income as income_module
from holdfast.demo import start
from holdfast.demo.examples import EXAMPLES, Example, find
from holdfast.demo.income import MIRRORED, UNASKED, income, second_office
from holdfast.demo.tumour import READS, cases, second_clinic, tumour
from holdfast.store.contract_file import parse_contract

LENGTHS = {f"{kind}_{what}" for kind in ("mean", "worst") for what in ("radius", "perimeter")} | {
    "radius_error",
    "perimeter_error",
}
AREAS = {"mean_area", "worst_area", "area_error"}


@pytest.fixture(scope="module")
def census(mirror: Path) -> Example:
    """The example `income`, from the mirror."""
    if not (mirror / MIRRORED).is_file():
        pytest.skip(f"no {MIRRORED} in the mirror folder")
    return income()


def test_the_cases_are_the_569_real_ones_and_always_the_same() -> None:
    rows = cases()
    assert rows.shape == (569, 32)
    assert rows["case"].is_unique().all()
    assert dict(rows["diagnosis"].value_counts().iter_rows()) == {"benign": 357, "malignant": 212}
    assert rows.null_count().sum_horizontal().item() == 0
    assert_frame_equal(rows, cases())


def test_the_second_clinic_reads_lengths_too_large_and_areas_by_the_square() -> None:
    rows = cases().head(20)
    seen = second_clinic(rows)
    assert seen.columns == rows.columns
    for name in rows.columns:
        factor = READS if name in LENGTHS else READS**2 if name in AREAS else None
        expected = rows[name] if factor is None else rows[name] * factor
        assert_frame_equal(seen.select(name), expected.to_frame())


def test_the_second_clinic_takes_rows_without_some_columns_and_none() -> None:
    rows = cases().select("mean_area", "diagnosis")
    assert second_clinic(rows).columns == ["mean_area", "diagnosis"]
    assert second_clinic(rows.clear()).height == 0


def test_the_tumour_example_splits_the_cases_without_overlap() -> None:
    example = tumour()
    parts = (example.before, example.during, example.after)
    assert example.history.height + sum(each.height for each in parts) == 569
    assert all("case" not in each.columns for each in parts)
    slipped = example.history.filter(pl.col("mean_radius") > 100)
    assert slipped.height == 4
    assert "simulated" in example.story["change"]


@pytest.mark.parametrize("name", ["income", "tumour"])
def test_every_example_s_contract_is_a_contract(name: str) -> None:
    from holdfast.demo import income as one
    from holdfast.demo import tumour as other

    contract = parse_contract({"income": one, "tumour": other}[name].CONTRACT.encode())
    assert contract.name == name
    assert {each.stage for each in contract.promises} == {"data", "candidate", "package", "live"}


def test_an_unknown_example_names_the_nearest() -> None:
    assert sorted(EXAMPLES) == ["income", "tumour"]
    with pytest.raises(UnknownName, match="did you mean 'tumour'"):
        find("tumor")


def test_a_project_begins_from_an_example_once(tmp_path: Path) -> None:
    with start(tmp_path / "p", example="tumour") as project:
        assert project.contract.name == "tumour"
        assert pl.read_parquet(project.folder / "data" / "history.parquet").height == 300
    with pytest.raises(InvalidValue, match="holds a project already"):
        start(tmp_path / "p")


# ------------------------------------------------------------------------------------------------ income


def test_the_second_office_counts_the_way_to_work_and_asks_people_eight_years_older() -> None:
    rows = pl.DataFrame({"hours_per_week": [1, 40, 95], "age": [17, 40, 97], "sex": ["a", "b", "c"]})
    assert second_office(rows).to_dict(as_series=False) == {
        "hours_per_week": [13, 52, 99],
        "age": [25, 48, 98],
        "sex": ["a", "b", "c"],
    }


def test_the_census_rows_are_real_and_no_person_stands_twice(census: Example) -> None:
    assert census.history.height == 16_000
    assert census.history["person"].is_unique().all()
    assert (census.history["capital_gain"] == 99_999).sum() > 0
    for part in (census.before, census.during, census.after):
        assert not set(UNASKED) & set(part.columns)
        assert {"sex", "race", "income"} <= set(part.columns)


def test_a_mirror_whose_file_is_another_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "adult").mkdir()
    (tmp_path / MIRRORED).write_bytes(b"PAR1 something else PAR1")
    monkeypatch.setenv("HOLDFAST_MIRROR", str(tmp_path))
    with pytest.raises(DigestMismatch, match="not the one that is pinned") as raised:
        income()
    assert raised.value.where == str(tmp_path / MIRRORED)


def test_the_named_mirror_comes_before_the_one_beside_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_MIRROR", str(tmp_path))
    assert income_module.mirror_folders()[0] == tmp_path
    monkeypatch.delenv("HOLDFAST_MIRROR")
    assert [each.parts[-2:] for each in income_module.mirror_folders()] == [("shared", "data")]


def test_no_mirror_and_no_network_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(income_module, "mirror_folders", lambda: [tmp_path])
    monkeypatch.setattr("sklearn.datasets.fetch_openml", offline)
    with pytest.raises(UnreadableData, match="HOLDFAST_MIRROR") as raised:
        income()
    assert MIRRORED in str(raised.value)
    assert raised.value.where == "openml.org"
