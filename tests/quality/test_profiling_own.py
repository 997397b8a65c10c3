"""A learned check that the rows themselves do not prove is in doubt; checks never land on the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from holdfast.core.errors import StoreUnavailable, UnsafePath
from holdfast.data import check, check_out, profile


def test_a_column_with_an_infinity_is_profiled_so_that_its_own_rows_hold(tmp_path: Path) -> None:
    values = np.random.default_rng(3).normal(size=400)
    values[[5, 9]] = np.inf
    values[7] = np.nan
    path = tmp_path / "rows.parquet"
    pl.DataFrame({"x": values, "y": np.arange(400)}).write_parquet(path)
    (tmp_path / "checks.yaml").write_text(profile(str(path)).text(str(path)))
    assert check(str(path)).state == "held"


def test_nothing_is_written_over_what_is_read(tmp_path: Path) -> None:
    data = tmp_path / "rows.csv"
    data.write_text("a\n1\n")
    (tmp_path / "link.csv").symlink_to(data)
    for out in (data, tmp_path / "link.csv"):
        with pytest.raises(UnsafePath, match="overwrite"):
            check_out(out, [str(data)])
    with pytest.raises(UnsafePath, match="folder"):
        check_out(tmp_path, [str(data)])
    with pytest.raises(StoreUnavailable, match="no folder"):
        check_out(tmp_path / "none" / "c.yaml", [str(data)])
    check_out(tmp_path / "c.yaml", [str(data)])
