"""Make the fixtures of the exchange with the tools themselves: suites that they write, and their own verdicts.

Run by hand with an interpreter that has great-expectations, pandera and frictionless (never by the tests)::

    .bench/envs/gx/bin/python tests/quality/exchange_files/make.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
import pandera.pandas as pa
from frictionless import Resource, Schema
from great_expectations.expectations.row_conditions import Column

HERE = Path(__file__).resolve().parent


def toy() -> pd.DataFrame:
    """The table that all tools judge."""
    return pd.read_csv(HERE / "toy.csv", parse_dates=["start", "end"])


EXPECTATIONS = [
    gxe.ExpectColumnToExist(column="id"),
    gxe.ExpectColumnToExist(column="nothing"),
    gxe.ExpectColumnValuesToNotBeNull(column="id"),
    gxe.ExpectColumnValuesToNotBeNull(column="age"),
    gxe.ExpectColumnValuesToNotBeNull(column="age", mostly=0.9),
    gxe.ExpectColumnValuesToNotBeNull(column="high", mostly=0.9),
    gxe.ExpectColumnValuesToBeNull(column="note"),
    gxe.ExpectColumnValuesToBeNull(column="note", mostly=0.1),
    gxe.ExpectColumnValuesToBeUnique(column="code"),
    gxe.ExpectColumnValuesToBeUnique(column="id"),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "code"]),
    gxe.ExpectCompoundColumnsToBeUnique(column_list=["id", "flag"]),
    gxe.ExpectColumnValuesToBeInSet(column="sex", value_set=["F", "M"]),
    gxe.ExpectColumnValuesToBeInSet(column="sex", value_set=["F", "M"], mostly=0.85),
    gxe.ExpectColumnValuesToBeInSet(column="sex", value_set=["F", "M", "X"]),
    gxe.ExpectColumnValuesToNotBeInSet(column="sex", value_set=["X"]),
    gxe.ExpectColumnValuesToNotBeInSet(column="sex", value_set=["U", "V"]),
    gxe.ExpectColumnValuesToNotBeInSet(column="id", value_set=[9, 10], mostly=0.8),
    gxe.ExpectColumnValuesToNotBeInSet(column="id", value_set=[9, 10], mostly=0.9),
    gxe.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120),
    gxe.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120, strict_max=True),
    gxe.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120, strict_max=True, mostly=0.8),
    gxe.ExpectColumnValuesToBeBetween(column="age", min_value=23),
    gxe.ExpectColumnValuesToBeBetween(column="age", min_value=23, strict_min=True),
    gxe.ExpectColumnValuesToBeBetween(column="age", max_value=100),
    gxe.ExpectColumnValuesToBeBetween(column="age", max_value=100, mostly=0.88),
    gxe.ExpectColumnValuesToBeBetween(
        column="age", min_value=40, row_condition=Column("sex") == "F", condition_parser="great_expectations"
    ),
    gxe.ExpectColumnValuesToBeBetween(
        column="age", min_value=20, row_condition=Column("sex") == "F", condition_parser="great_expectations"
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="sex", value_set=["F"], row_condition="age > 30 and age < 50", condition_parser="pandas"
    ),
    gxe.ExpectColumnValuesToBeInSet(
        column="sex", value_set=["F", "X", "M"], row_condition="age > 30 and age < 50", condition_parser="pandas"
    ),
    gxe.ExpectColumnValuesToNotBeNull(
        column="note", row_condition=Column("sex").is_in(["M", "X"]), condition_parser="great_expectations"
    ),
    gxe.ExpectColumnValuesToNotBeNull(
        column="note",
        mostly=0.8,
        row_condition=(Column("sex") == "F") & (Column("age") < 100),
        condition_parser="great_expectations",
    ),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex="^[A-C]-[0-9]{3}$"),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex="^[A-C]-[0-9]{3}$", mostly=0.9),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex="-0"),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex=r"@example\.(org|com)"),
    gxe.ExpectColumnValuesToMatchRegex(column="email", regex=r"^a|org$|com$"),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex=r"(?i)^[a-c]-\d+$"),
    gxe.ExpectColumnValuesToMatchRegex(column="code", regex=r"^(?!B)"),
    gxe.ExpectColumnValuesToNotMatchRegex(column="email", regex=r"\(at\)"),
    gxe.ExpectColumnValuesToNotMatchRegex(column="email", regex=r"\(at\)", mostly=0.8),
    gxe.ExpectColumnValuesToNotMatchRegex(column="email", regex="%"),
    gxe.ExpectColumnValuesToMatchRegexList(column="code", regex_list=["^A", "^B", "^C"]),
    gxe.ExpectColumnValuesToMatchRegexList(column="code", regex_list=["^A", "^B", "^C", "^b"]),
    gxe.ExpectColumnValuesToNotMatchRegexList(column="code", regex_list=["^D", "^b"]),
    gxe.ExpectColumnValuesToNotMatchRegexList(column="code", regex_list=["^D", "^E"]),
    gxe.ExpectColumnValueLengthsToEqual(column="code", value=5),
    gxe.ExpectColumnValueLengthsToEqual(column="note", value=5),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", min_value=4, max_value=6),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", min_value=4, max_value=6, strict_min=True),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", min_value=5),
    gxe.ExpectColumnValueLengthsToBeBetween(column="note", max_value=6),
    gxe.ExpectColumnValuesToBeOfType(column="id", type_="int64"),
    gxe.ExpectColumnValuesToBeInTypeList(column="score", type_list=["float64", "FLOAT"]),
    gxe.ExpectColumnValuesToBeOfType(column="score", type_="int64"),
    gxe.ExpectColumnValuesToBeIncreasing(column="id"),
    gxe.ExpectColumnValuesToBeIncreasing(column="id", strictly=True),
    gxe.ExpectColumnValuesToBeIncreasing(column="step"),
    gxe.ExpectColumnValuesToBeDecreasing(column="id"),
    gxe.ExpectColumnPairValuesToBeEqual(column_A="low", column_B="high"),
    gxe.ExpectColumnPairValuesToBeEqual(column_A="low", column_B="high", mostly=0.2),
    gxe.ExpectColumnPairValuesToBeEqual(column_A="id", column_B="id"),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="high", column_B="low", or_equal=True),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="high", column_B="low", or_equal=True, ignore_row_if="either_value_is_missing"
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A="high", column_B="low", or_equal=True, ignore_row_if="either_value_is_missing", mostly=0.8
    ),
    gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="step", column_B="score"),
    gxe.ExpectColumnPairValuesToBeInSet(
        column_A="sex", column_B="flag", value_pairs_set=[["F", True], ["M", False], ["X", True], ["M", True]]
    ),
    gxe.ExpectMulticolumnSumToEqual(column_list=["low", "high"], sum_total=12, ignore_row_if="any_value_is_missing"),
    gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["low", "high"]),
    gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["id", "step", "age"]),
    gxe.ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["score", "age"]),
    gxe.ExpectTableRowCountToEqual(value=10),
    gxe.ExpectTableRowCountToEqual(value=11),
    gxe.ExpectTableRowCountToBeBetween(min_value=5, max_value=10),
    gxe.ExpectTableRowCountToBeBetween(min_value=5, max_value=10, strict_max=True),
    gxe.ExpectTableColumnsToMatchSet(column_set=["id", "age"], exact_match=False),
    gxe.ExpectTableColumnsToMatchSet(column_set=["id", "weight"], exact_match=False),
    gxe.ExpectTableColumnsToMatchSet(column_set=["id", "age"]),
    gxe.ExpectTableColumnsToMatchOrderedList(column_list=["id", "age"]),
    gxe.ExpectTableColumnCountToEqual(value=13),
    gxe.ExpectColumnMaxToBeBetween(column="age", min_value=100, max_value=120),
    gxe.ExpectColumnMaxToBeBetween(column="age", min_value=100, max_value=120, strict_max=True),
    gxe.ExpectColumnMaxToBeBetween(column="age", min_value=121),
    gxe.ExpectColumnMinToBeBetween(column="age", min_value=0, max_value=30),
    gxe.ExpectColumnMinToBeBetween(column="age", min_value=24),
    gxe.ExpectColumnMinToBeBetween(column="age", max_value=22),
    gxe.ExpectColumnMeanToBeBetween(column="age", min_value=50, max_value=55),
    gxe.ExpectColumnMeanToBeBetween(column="age", min_value=53),
    gxe.ExpectColumnMedianToBeBetween(column="age", min_value=45, max_value=45),
    gxe.ExpectColumnMedianToBeBetween(column="score", min_value=0.5, max_value=0.55),
    gxe.ExpectColumnMedianToBeBetween(column="score", min_value=0.56),
    gxe.ExpectColumnStdevToBeBetween(column="id", min_value=2, max_value=3),
    gxe.ExpectColumnStdevToBeBetween(column="id", max_value=2.5),
    gxe.ExpectColumnSumToBeBetween(column="id", min_value=1, max_value=100),
    gxe.ExpectColumnQuantileValuesToBeBetween(
        column="age", quantile_ranges={"quantiles": [0.0, 0.5, 1.0], "value_ranges": [[20, 25], [45, 45], [None, 120]]}
    ),
    gxe.ExpectColumnQuantileValuesToBeBetween(
        column="age", quantile_ranges={"quantiles": [0.25, 0.75], "value_ranges": [[20, 40], [65, 70]]}
    ),
    gxe.ExpectColumnUniqueValueCountToBeBetween(column="sex", min_value=3, max_value=3),
    gxe.ExpectColumnUniqueValueCountToBeBetween(column="sex", min_value=4),
    gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="id", min_value=0.9),
    gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="id", min_value=0.95),
    gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column="age", min_value=0.85, max_value=0.95),
    gxe.ExpectColumnProportionOfNonNullValuesToBeBetween(column="high", min_value=0.85),
    gxe.ExpectColumnMostCommonValueToBeInSet(column="sex", value_set=["F"], ties_okay=True),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="sex", value_set=["F", "M", "X", "U"]),
    gxe.ExpectColumnDistinctValuesToBeInSet(column="sex", value_set=["F", "M"]),
    gxe.ExpectColumnDistinctValuesToEqualSet(column="sex", value_set=["F", "M", "X"]),
    gxe.ExpectColumnDistinctValuesToEqualSet(column="sex", value_set=["F", "M", "X", "U"]),
    gxe.ExpectColumnDistinctValuesToContainSet(column="sex", value_set=["F", "X"]),
    gxe.ExpectColumnDistinctValuesToContainSet(column="sex", value_set=["F", "U"]),
    gxe.ExpectColumnValueZScoresToBeLessThan(column="age", threshold=3, double_sided=True),
]


def great_expectations() -> None:
    """A suite of 1.x, one verdict for each expectation, and a whole validation result."""
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("toy").add_dataframe_asset("toy")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": toy()})
    suite = gx.ExpectationSuite(name="toy", expectations=EXPECTATIONS)
    plain = suite.to_json_dict()
    verdicts = [bool(batch.validate(each).success) for each in EXPECTATIONS]
    # The suite keeps each expectation once, in the order that they were given in.
    kept: list[dict[str, Any]] = plain["expectations"]
    assert len(kept) == len(verdicts), (len(kept), len(verdicts))
    write("gx_suite.json", plain)
    write("gx_verdicts.json", verdicts)
    result = batch.validate(gx.ExpectationSuite(name="few", expectations=EXPECTATIONS[2:5] + EXPECTATIONS[71:73]))
    write("gx_result.json", json.loads(json.dumps(result.to_json_dict(), default=str)))


SCHEMA = pa.DataFrameSchema(
    {
        "id": pa.Column(int, checks=[pa.Check.ge(1), pa.Check.lt(9)], unique=True),
        "age": pa.Column(float, checks=[pa.Check.in_range(20, 120, include_max=False), pa.Check.gt(20)]),
        "score": pa.Column(float, checks=[pa.Check.le(1.0), pa.Check.ne(0.5), pa.Check.in_range(0, 1)], nullable=True),
        "sex": pa.Column(str, checks=[pa.Check.isin(["F", "M"]), pa.Check.notin(["U"])], nullable=True),
        "code": pa.Column(
            str, checks=[pa.Check.str_matches("[A-C]-"), pa.Check.str_length(5, 5), pa.Check.str_contains("-0")]
        ),
        "note": pa.Column(
            str, nullable=True, required=False, checks=[pa.Check.str_endswith("th"), pa.Check.str_length(max_value=6)]
        ),
        "start": pa.Column("datetime64[ns]", checks=pa.Check.ge(pd.Timestamp("2026-01-02"))),
        "flag": pa.Column(bool, checks=[pa.Check.isin([True, False])]),
        "weight": pa.Column(float),
    },
    unique=["id", "flag"],
    name="toy",
)


def pandera() -> None:
    """A schema as YAML and JSON, and which of its checks fail."""
    # Its own writer of dates keeps no fraction, so the frame has whole days as well.
    frame = toy().astype({"start": "datetime64[ns]"})
    (HERE / "pandera_schema.yaml").write_text(SCHEMA.to_yaml())
    (HERE / "pandera_schema.json").write_text(SCHEMA.to_json() + "\n")
    try:
        SCHEMA.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        cases = error.failure_cases[["schema_context", "column", "check"]].drop_duplicates()
        write("pandera_failing.json", sorted([str(x) for x in row] for row in cases.itertuples(index=False)))


def frictionless() -> None:
    """A Table Schema, and which of its constraints fail."""
    schema = Schema.from_descriptor(json.loads((HERE / "table_schema.json").read_text()))
    report = Resource("toy.csv", basepath=str(HERE), schema=schema).validate()
    errors = [each for task in report.tasks for each in task.errors]
    found = {(each.type, getattr(each, "field_name", ""), each.note) for each in errors}
    write("frictionless_failing.json", sorted(map(list, found)))


def write(name: str, data: Any) -> None:
    """Plain data as a small JSON file."""
    (HERE / name).write_text(json.dumps(data, indent=1, default=str) + "\n")


if __name__ == "__main__":
    great_expectations()
    pandera()
    frictionless()
