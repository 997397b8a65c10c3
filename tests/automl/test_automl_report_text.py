"""The leaderboard and the summary in plain text."""

from __future__ import annotations

import re
from typing import Any

import pytest

from holdfast.automl.reports import leaderboard, text


def _trial(name: str, score: float | None, *, state: str = "done", reason: str = "") -> dict[str, Any]:
    learner = name.partition("/")[0]
    return {"name": name, "learner": learner, "state": state, "score": score, "error": 0.0031, "reason": reason}


@pytest.fixture
def report() -> dict[str, Any]:
    """A search on adult, as a trainer and the facade tell it; only what rows and text are made of."""
    members = [
        {"name": "catboost/1", "learner": "catboost", "weight": 0.6, "rounds": 412},
        {"name": "linear/1", "learner": "linear", "weight": 0.4, "rounds": None},
    ]
    return {
        "budget": {"seconds": 60.0, "clock": "wall", "wall_s": 61.3, "cpu_s": 103.4},
        "baseline": {"name": "constant", "loss": 0.5521},
        "trials": [
            _trial("lightgbm/2", 0.2795),
            _trial("knn/1", None, state="failed", reason="singular matrix"),
            _trial("catboost/1", 0.2771),
            _trial("linear/1", 0.318),
            _trial("mlp/1", 0.2501, state="pruned"),
        ],
        "chosen": {"name": "ensemble of 2", "members": members, "score": 0.2748, "error": 0.0031},
        "leaks": [{"column": "tax_bracket_next_year", "why": "alone it tells the target apart", "score": 0.998}],
        "notes": ["12 rows without a target were left out"],
        "promises": [
            {"claim": "model_size <= 5 MB", "verdict": "held", "value": 1.1e6, "n": 1, "unit": "bytes"},
            {"claim": "roc_auc >= 0.9", "verdict": "unproven", "value": None, "reason": "too few rows"},
            {
                **{"claim": "recall >= 0.8 by race, sex", "verdict": "broken", "value": 0.713, "low": 0.66},
                **{"high": 0.761, "n": 412, "unit": "share", "reason": "race=Black, sex=Female: 0.713 < 0.8"},
            },
        ],
    }


def test_the_leaderboard_is_best_first_and_what_was_not_seen_whole_stands_behind(report: dict[str, Any]) -> None:
    rows = leaderboard(report)
    assert [(each["rank"], each["name"], each["state"]) for each in rows] == [
        (1, "ensemble of 2", "chosen"),
        (2, "catboost/1", "done"),
        (3, "lightgbm/2", "done"),
        (4, "linear/1", "done"),
        (5, "constant", "baseline"),
        (None, "mlp/1", "pruned"),
        (None, "knn/1", "failed"),
    ]
    assert [each["name"] for each in rows if each["member"]] == ["ensemble of 2", "catboost/1", "linear/1"]
    assert rows[-1]["why"] == "singular matrix"
    assert all(each.keys() == rows[0].keys() for each in rows)


def test_a_single_chosen_model_stands_once(report: dict[str, Any]) -> None:
    report["chosen"] |= {"name": "catboost/1", "members": report["chosen"]["members"][:1]}
    rows = leaderboard(report)
    assert [each["state"] for each in rows if each["member"]] == ["done"]
    assert rows[0]["name"] == "catboost/1"


def test_an_ensemble_whose_name_lists_its_members_is_called_by_their_number(report: dict[str, Any]) -> None:
    report["chosen"]["name"] = "0.6 catboost default, age and education + 0.4 linear default"
    assert leaderboard(report)[0]["name"] == "ensemble of 2"
    assert text(report).startswith("ensemble of 2: loss 0.2748")


def test_the_text_is_plain_lines_with_the_answer_first(report: dict[str, Any]) -> None:
    assert text(report).splitlines() == [
        "ensemble of 2: loss 0.2748 ± 0.0031 (constant answer 0.5521)",
        "  = 0.6 catboost/1 + 0.4 linear/1",
        "✗ broken    recall >= 0.8 by race, sex  0.713 [0.66, 0.761] (n=412)",
        "    race=Black, sex=Female: 0.713 < 0.8",
        "? unproven  roc_auc >= 0.9",
        "    too few rows",
        "✓ held      model_size <= 5 MB          1.1 MB",
        "  1  ensemble of 2  0.2748 ± 0.0031                chosen",
        "  2  catboost/1     0.2771 ± 0.0031",
        "  3  lightgbm/2     0.2795 ± 0.0031",
        "  4  linear/1       0.3180 ± 0.0031",
        "  5  constant       0.5521                         baseline",
        "     mlp/1          0.2501 ± 0.0031                pruned",
        "     knn/1          –                              failed",
        "! leak: tax_bracket_next_year: alone it tells the target apart",
        "spent 61.3 s of 60 s (102 %) wall, 103 s CPU",
        "- 12 rows without a target were left out",
    ]


def test_a_long_leaderboard_is_cut_in_the_text(report: dict[str, Any]) -> None:
    report["trials"] = [_trial(f"lightgbm/{place}", 0.3 + place / 1000) for place in range(30)]
    assert "     and 24 more" in text(report).splitlines()


def test_what_is_infeasible_is_told_with_the_nearest_miss(report: dict[str, Any]) -> None:
    report |= {"feasible": False, "nearest": [{"claim": "recall >= 0.99", "value": 0.91, "bound": 0.99}]}
    assert "infeasible: the nearest miss is recall >= 0.99: 0.91 instead of 0.99" in text(report)
    report["nearest"] = [{"text": "recall 0.91 against >= 0.99"}, {"text": "size 9 MB against <= 5 MB"}]
    said = "infeasible: the nearest miss is recall 0.91 against >= 0.99; size 9 MB against <= 5 MB"
    assert said in text(report).splitlines()


def test_names_that_would_move_the_cursor_are_written_out(report: dict[str, Any]) -> None:
    report["chosen"]["name"] = "e\x1b[2Jvil\nname\u202e"
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", text(report))
    assert text(report).startswith(r"e\x1b[2Jvil\nname\u202e: loss")
