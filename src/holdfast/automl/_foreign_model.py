"""A model that another library found: boosters read from plain files, and the weighted mean of what they answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from holdfast.automl._answers import sigmoid, softmax
from holdfast.core.errors import TrainingFailed

if TYPE_CHECKING:
    from holdfast.automl._graph import Graph
    from holdfast.automl._learners.base import Explained, Fitted

#: How members are brought together: the mean of their margins, or of their probabilities.
BLENDS = ("margin", "probability")
#: Least and greatest probability that is written as a margin again: a float32 holds no nearer neighbour of 1.
TINY = 1e-7
#: XGBoost's objectives that have a plain margin, and the base score that is margin 0 there.
_XGBOOST = {
    "binary:logistic": "5E-1",
    "multi:softprob": "0E0",
    "multi:softmax": "0E0",
    "reg:squarederror": "0E0",
}


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """A member: a fitted booster, its weight in the mean, and the encoded features that it looks at (None: all)."""

    fitted: Fitted
    weight: float = 1.0
    columns: np.ndarray | None = None

    def margin(self, matrix: np.ndarray) -> np.ndarray:
        """Margin (n, outputs)."""
        return self.fitted.margin(matrix if self.columns is None else np.ascontiguousarray(matrix[:, self.columns]))

    def nodes(self, graph: Graph, inside: str) -> str:
        """Add its nodes; the name of its margin."""
        if self.columns is not None:
            inside = graph.add("Gather", inside, graph.constant(self.columns.astype(np.int64)), axis=1)
        return self.fitted.nodes(graph, inside)


@dataclass(frozen=True, slots=True, eq=False)
class Blend:
    """Members whose answers are averaged; one of the `Fitted`.

    Parameters
    ----------
    voices
        The members; their weights sum to 1.
    outputs
        Width of the margin.
    how
        ``margin``, or ``probability``: the mean of probabilities, written as a margin again.
    """

    voices: tuple[Voice, ...]
    outputs: int
    how: str = "margin"
    curve: np.ndarray | None = None

    @property
    def rounds(self) -> int | None:
        """Rounds of the only member; None of several."""
        return self.voices[0].fitted.rounds if len(self.voices) == 1 else None

    def margin(self, matrix: np.ndarray, *, rounds: int | None = None) -> np.ndarray:
        """Margin (n, outputs) float64."""
        del rounds
        margins = [voice.margin(matrix) for voice in self.voices]
        if self._plain:
            return np.asarray(sum(voice.weight * each for voice, each in zip(self.voices, margins, strict=True)))
        link = sigmoid if self.outputs == 1 else softmax
        mean = sum(voice.weight * link(each) for voice, each in zip(self.voices, margins, strict=True))
        kept = np.clip(mean, TINY, 1.0 - TINY)
        return np.asarray(np.log(kept) - np.log1p(-kept) if self.outputs == 1 else np.log(kept))

    @property
    def _plain(self) -> bool:
        return self.how == "margin" or len(self.voices) == 1

    def nodes(self, graph: Graph, inside: str, *, rounds: int | None = None) -> str:
        """Members, their links, the weighted sum, and the way back to a margin."""
        del rounds
        terms = []
        for voice in self.voices:
            term = voice.nodes(graph, inside)
            if not self._plain:
                term = graph.add("Sigmoid", term) if self.outputs == 1 else graph.add("Softmax", term, axis=1)
            terms.append(term if voice.weight == 1.0 else graph.add("Mul", term, graph.number(voice.weight)))
        total = terms[0] if len(terms) == 1 else graph.add("Sum", *terms)
        if self._plain:
            return total
        kept = graph.add("Clip", total, graph.number(TINY), graph.number(1.0 - TINY))
        if self.outputs > 1:
            return graph.add("Log", kept)
        return graph.add("Log", graph.add("Div", kept, graph.add("Sub", graph.number(1.0), kept)))

    def size(self, *, rounds: int | None = None) -> int:
        """Bytes of the members."""
        del rounds
        return sum(voice.fitted.size() for voice in self.voices)

    def explained(self, *, rounds: int | None = None) -> Explained | None:
        """What the only member says of itself, where it sees every feature."""
        del rounds
        alone = len(self.voices) == 1 and self.voices[0].columns is None and self.voices[0].weight == 1.0
        return self.voices[0].fitted.explained() if alone else None


def read_blend(found: Mapping[str, Any], folder: Path, *, outputs: int, width: int) -> Blend:
    """Blend of the members that a result names.

    Parameters
    ----------
    found
        The result: ``members`` (each with ``kind``, ``file``, ``weight``, ``columns``) and ``blend``.
    folder
        Where the files are.
    outputs, width
        Width of the margin, and of the matrix.

    Raises
    ------
    TrainingFailed
        If a member is of no known kind, its file is none of its kind, or weights or columns make no sense.
    """
    members, how = found.get("members"), found.get("blend", "margin")
    if not isinstance(members, list) or not members:
        raise TrainingFailed("no member came back", where="members", expected="at least one")
    if how not in BLENDS:
        raise TrainingFailed(f"a blend {how!r}", where="blend", expected=" or ".join(BLENDS))
    weights = np.array([_weight(each) for each in members])
    voices = []
    for each, weight in zip(members, weights / weights.sum(), strict=True):
        columns = _columns(each, width)
        read = _KINDS.get(str(each.get("kind")))
        if read is None:
            raise TrainingFailed(f"a member of kind {each.get('kind')!r}", expected=" or ".join(_KINDS))
        seen = width if columns is None else len(columns)
        voices.append(Voice(read(_file(each, folder), outputs, seen), float(weight), columns))
    return Blend(tuple(voices), outputs, how)


def _weight(member: Any) -> float:
    value = member.get("weight", 1.0) if isinstance(member, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value < float("inf"):
        raise TrainingFailed(f"a member with weight {value!r}", where="members", expected="a number above 0")
    return float(value)


def _columns(member: Mapping[str, Any], width: int) -> np.ndarray | None:
    value = member.get("columns")
    if value is None:
        return None
    whole = isinstance(value, list) and all(type(each) is int and 0 <= each < width for each in value)
    if not whole or not value:
        raise TrainingFailed("columns that are not there", where="members", expected=f"indices below {width}")
    return np.array(value, dtype=np.int64)


def _file(member: Mapping[str, Any], folder: Path) -> Path:
    name = str(member.get("file"))
    path = folder / name
    # A name leads nowhere else, and a link is no file.
    if Path(name).name != name or path.is_symlink() or not path.is_file():
        raise TrainingFailed(f"no file {name!r} came back", where="members", expected="a plain file beside the result")
    return path


def _lightgbm(path: Path, outputs: int, width: int) -> Fitted:
    import lightgbm as lgb

    from holdfast.automl._learners.lightgbm import Boosted

    text = path.read_text(encoding="utf-8", errors="replace")
    # What is no model is not handed to a parser in C++.
    if not text.startswith("tree\n") or "\nend of trees" not in text:
        raise TrainingFailed("a LightGBM model that is cut short, or none", where=path.name, expected="its text")
    try:
        booster = lgb.Booster(model_str=text)
    except (lgb.basic.LightGBMError, ValueError) as error:
        raise TrainingFailed(f"LightGBM does not read it: {error}", where=path.name, expected="its text") from error
    _fits(path, "LightGBM", (booster.num_model_per_iteration(), booster.num_feature()), (outputs, width))
    return Boosted(booster, outputs, np.zeros(outputs))


def _xgboost(path: Path, outputs: int, width: int) -> Fitted:
    import xgboost as xgb

    from holdfast.automl._learners.xgboost import Boosted

    plain, start = _xgboost_json(path, outputs)
    try:
        booster = xgb.Booster({"nthread": 1})
        booster.load_model(bytearray(json.dumps(plain).encode()))
    except (xgb.core.XGBoostError, ValueError) as error:
        raise TrainingFailed(f"XGBoost does not read it: {error}", where=path.name, expected="its JSON") from error
    made = plain["learner"]["gradient_booster"]["model"]["tree_info"]
    _fits(path, "XGBoost", (max(made, default=0) + 1, booster.num_features()), (outputs, width))
    return Boosted(booster, outputs, start)


def _xgboost_json(path: Path, outputs: int) -> tuple[dict[str, Any], np.ndarray]:
    """Plain data of the model with its base score taken out, and the margin (outputs,) that it was."""
    try:
        plain = json.loads(path.read_bytes())
        learner = plain["learner"]
        objective, booster = learner["objective"]["name"], learner["gradient_booster"]["name"]
        text = str(learner["learner_model_param"]["base_score"])
        base = np.array(json.loads(text if text.startswith("[") else f"[{text}]"), dtype=np.float64)
        parallel = int(learner["gradient_booster"]["model"]["gbtree_model_param"]["num_parallel_tree"])
    except (ValueError, KeyError, TypeError) as error:
        raise TrainingFailed(f"an XGBoost model without {error}", where=path.name, expected="its JSON") from error
    if objective not in _XGBOOST or booster != "gbtree" or parallel != 1:
        what = f"an XGBoost model {objective!r} of {booster!r}, {parallel} trees a round"
        raise TrainingFailed(what, where=path.name, expected=f"trees, one a round, with {', '.join(_XGBOOST)}")
    learner["learner_model_param"]["base_score"] = _XGBOOST[objective]
    if objective == "binary:logistic":
        base = np.log(base) - np.log1p(-base)
    return plain, np.broadcast_to(base, (outputs,)).astype(np.float64)


def _catboost(path: Path, outputs: int, width: int) -> Fitted:
    import catboost

    from holdfast.automl._learners.catboost import Grown

    model = catboost.CatBoost()
    try:
        features = json.loads(path.read_bytes())["features_info"]
        if set(features) - {"float_features"}:
            raise TrainingFailed("a CatBoost model of categories or texts", where=path.name, expected="numbers only")
        model.load_model(str(path), format="json")
    except (catboost.CatBoostError, ValueError, KeyError, TypeError) as error:
        raise TrainingFailed(f"CatBoost does not read it: {error}", where=path.name, expected="its JSON") from error
    found = (int(np.size(model.get_scale_and_bias()[1])), len(features["float_features"]))
    _fits(path, "CatBoost", found, (outputs, width))
    return Grown(model, np.zeros(outputs), np.arange(outputs))


def _fits(path: Path, what: str, found: tuple[int, int], wanted: tuple[int, int]) -> None:
    if found != wanted:
        raise TrainingFailed(
            f"a {what} model of {found[0]} outputs and {found[1]} features",
            where=path.name,
            expected=f"{wanted[0]} outputs and {wanted[1]} features",
        )


#: Kind of a member -> how its file is read: path, outputs, width of what it sees.
_KINDS: dict[str, Callable[[Path, int, int], Fitted]] = {
    "lightgbm": _lightgbm,
    "xgboost": _xgboost,
    "catboost": _catboost,
}
