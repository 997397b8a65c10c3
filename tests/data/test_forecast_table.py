"""Forecasts: what is derived in training is derived alike when the model is asked, and bad input."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import ColumnNotFound, DataError, DigestMismatch, HoldfastError, InvalidValue, UnreadableData
from holdfast.data import predict, train

HORIZON = 7


@pytest.fixture
def sales() -> pl.DataFrame:
    """Two shops, 210 days each, shuffled: a week that repeats, and a price that is known before."""
    rng = np.random.default_rng(2)
    rows = []
    for shop, level in (("north", 50.0), ("south", 90.0)):
        for day in range(210):
            sold = level + 20.0 * (day % 7 == 5) + rng.normal()
            rows.append({"shop": shop, "day": date(2024, 1, 1) + timedelta(days=day), "price": 3.0, "sold": sold})
    return pl.DataFrame(rows).sample(fraction=1.0, shuffle=True, seed=1)


ASK: dict[str, Any] = {"target": "sold", "time": "day", "id": "shop", "horizon": HORIZON}


def test_the_past_is_made_columns_and_the_latest_days_judge(quick: Any, sales: pl.DataFrame, tmp_path: Path) -> None:
    made = train(sales, out=tmp_path / "m", promises=["rmse <= 100"], **ASK)
    asked = quick.asked[0]
    assert (made.state, asked.task) == ("held", "forecasting")
    assert asked.rows["day"].max() < asked.holdout["day"].min()
    assert asked.settings == {"time": "day"}
    assert {"price", "day", "shop", f"sold_lag_{HORIZON}"} <= set(asked.features)
    assert "sold" not in asked.features
    assert "task forecasting: --horizon is given" in made.report["notes"]
    assert "to be known when a forecast is asked for: price" in made.report["notes"]
    manifest = json.loads((tmp_path / "m" / "manifest.json").read_text())
    assert manifest["series"]["plan"]["horizon"] == HORIZON
    assert "history.parquet" in manifest["digests"]


def test_no_row_is_told_of_a_target_less_than_a_horizon_before_it(
    quick: Any, sales: pl.DataFrame, tmp_path: Path
) -> None:
    edge = date(2024, 7, 1)
    changed = sales.with_columns(pl.when(pl.col("day") >= edge).then(1e6).otherwise("sold").alias("sold"))
    for name, rows in (("a", sales), ("b", changed)):
        train(rows, out=tmp_path / name, **ASK)
    before = pl.col("day") < edge + timedelta(days=HORIZON)
    first, second = (asked.rows.filter(before).drop("sold") for asked in quick.asked)
    # What is looked back at may be another thing: the seasons are not those any more.
    lags = [each for each in first.columns if each.startswith("sold_") and each in second.columns]
    assert f"sold_lag_{HORIZON}" in lags
    assert first.select(lags).equals(second.select(lags))


def test_what_is_asked_later_is_what_the_whole_table_would_have_told(
    quick: Any, sales: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = sales["day"].max() - timedelta(days=HORIZON - 1)
    past, future = sales.filter(pl.col("day") < edge), sales.filter(pl.col("day") >= edge)
    train(past, out=tmp_path / "m", **ASK)
    predict(tmp_path / "m", future.drop("sold"), out=tmp_path / "p.parquet")
    predict(tmp_path / "m", sales, out=tmp_path / "all.parquet")
    told = sales.with_columns(pl.read_parquet(tmp_path / "all.parquet")["prediction"]).filter(pl.col("day") >= edge)
    answers = pl.read_parquet(tmp_path / "p.parquet")
    assert answers["prediction"].to_list() == told["prediction"].to_list()
    monkeypatch.setattr("holdfast.data._predict.BATCH", 3)
    predict(tmp_path / "m", future.drop("sold"), out=tmp_path / "q.parquet")
    assert pl.read_parquet(tmp_path / "q.parquet").equals(answers)


def test_days_that_are_text_are_read_as_in_training(quick: Any, sales: pl.DataFrame, tmp_path: Path) -> None:
    last = [date(2024, 7, 7), date(2024, 7, 8)]
    sales = sales.filter(pl.col("day") <= last[1])
    text = sales.with_columns(pl.col("day").dt.to_string("%m/%d/%Y"))
    text.filter(sales["day"] < last[0]).write_csv(tmp_path / "us.csv")
    text.filter(pl.col("day").is_in(["07/07/2024", "07/08/2024"])).write_csv(tmp_path / "few.csv")
    train(str(tmp_path / "us.csv"), out=tmp_path / "m", features=["price"], **ASK)
    assert quick.asked[0].features[0] == "price"
    assert "day" not in quick.asked[0].features
    predict(tmp_path / "m", str(tmp_path / "few.csv"), out=tmp_path / "p.parquet")
    predict(tmp_path / "m", sales, out=tmp_path / "all.parquet")
    whole = sales.with_columns(pl.read_parquet(tmp_path / "all.parquet")["prediction"])
    picked = whole.filter(pl.col("day").is_in(last))
    assert pl.read_parquet(tmp_path / "p.parquet")["prediction"].to_list() == picked["prediction"].to_list()


def test_a_table_of_its_own_is_judged_with_the_past_it_follows(quick: Any, sales: pl.DataFrame, tmp_path: Path) -> None:
    edge = date(2024, 6, 1)
    past, future = sales.filter(pl.col("day") < edge), sales.filter(pl.col("day") >= edge)
    future.write_parquet(tmp_path / "later.parquet")
    made = train(past, out=tmp_path / "m", test=str(tmp_path / "later.parquet"), promises=["rmse <= 100"], **ASK)
    assert (made.state, made.verdicts[0].deciding.n) == ("held", future.height)
    assert quick.asked[0].rows.height == past.height


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"horizon": None, "task": "forecasting"}, InvalidValue, "--horizon"),
        ({"time": None}, InvalidValue, "--time"),
        ({"time": "dya"}, ColumnNotFound, "did you mean 'day'"),
        ({"id": None}, DataError, "share a time"),
        ({"time": "price", "id": None}, DataError, "share a time"),
        ({"time": "shop"}, DataError, "holds no moments"),
        ({"horizon": 0}, InvalidValue, "at least 1"),
        ({"task": "regression"}, InvalidValue, "--horizon"),
        ({"target": "shop", "id": None}, HoldfastError, "is no number"),
    ],
)
def test_what_cannot_be_forecast_is_refused(
    given: dict[str, Any],
    kind: type[HoldfastError],
    words: str,
    quick: Any,
    sales: pl.DataFrame,
    tmp_path: Path,
) -> None:
    with pytest.raises(kind) as caught:
        train(sales, out=tmp_path / "m", **{**ASK, **given})
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_asking_needs_the_time_and_the_history_that_was_written(
    quick: Any, sales: pl.DataFrame, tmp_path: Path
) -> None:
    train(sales, out=tmp_path / "m", **ASK)
    with pytest.raises(ColumnNotFound, match="'day'"):
        predict(tmp_path / "m", sales.drop("day"), out=tmp_path / "p.parquet")
    kept = (tmp_path / "m" / "history.parquet").read_bytes()
    (tmp_path / "m" / "history.parquet").write_bytes(kept[:-1])
    with pytest.raises(DigestMismatch, match=r"history\.parquet"):
        predict(tmp_path / "m", sales, out=tmp_path / "p.parquet")
    (tmp_path / "m" / "history.parquet").unlink()
    with pytest.raises(UnreadableData, match="no series"):
        predict(tmp_path / "m", sales, out=tmp_path / "p.parquet")
