"""The profile of a table: learned checks with their support, and the checks file that says them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from holdfast.core.errors import EmptyTable, InvalidValue
from holdfast.core.locations import public
from holdfast.quality.profiling import _text
from holdfast.quality.profiling._bounds import FEWEST, LARGER, SMALLER
from holdfast.quality.profiling._drafts import Draft, percent
from holdfast.quality.profiling._learning import learn
from holdfast.quality.profiling._trials import MOST, Trial, doubted, fired, trials


@dataclass(frozen=True, slots=True)
class Finding:
    """One learned check, or something found that no check can hold.

    Parameters
    ----------
    promise
        Text of the promise; empty where no measure can hold the finding.
    kind
        What it is about: ``schema rows key duplicates completeness type infinities categories frequency range mean
        quantile length pattern order step freshness season dependency rule correlation``.
    columns
        The columns that it concerns; empty for the table as a whole.
    support
        What was seen, in words.
    n
        Rows or values that it stands on.
    confidence
        Chance, in (0, 1), that fresh rows keep it; None where it is certain, or nothing is claimed.
    doubt
        Why a person must accept it first; None where it is proposed as it stands.
    """

    promise: str
    kind: str
    columns: tuple[str, ...]
    support: str
    n: int
    confidence: float | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """What a table promises of the tables to come.

    Parameters
    ----------
    findings
        The table as a whole first, then each column by name, then what concerns several.
    rows, columns
        What was read.
    false_alarms
        Stated chance that any of the proposed checks fires on fresh rows like these.
    seed
        Seed of the halves.
    trials
        How checks learned on one half did on the other; empty where there are too few rows.
    types
        Types that the contract must state, by column: codes such as ``01234`` must be read as text.
    notes
        What was passed over, sampled, or must be known to read the bounds.
    """

    findings: tuple[Finding, ...]
    rows: int
    columns: int
    false_alarms: float
    seed: int
    trials: tuple[Trial, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def proposed(self) -> tuple[Finding, ...]:
        """Findings that are promises as they stand."""
        return tuple(each for each in self.findings if each.promise and each.doubt is None)

    @property
    def doubtful(self) -> tuple[Finding, ...]:
        """Findings that a person must accept first, or that no check can hold."""
        return tuple(each for each in self.findings if each.doubt is not None or not each.promise)

    def text(self, data: str, *, reading: Mapping[str, Any] | None = None) -> str:
        """The checks file: YAML, sorted by column, each line with its support.

        Parameters
        ----------
        data
            Name of the file or URL that was read, for the header.
        reading
            Settings that it was read with; written down, so that the checks read alike.
        """
        told = [
            *_text.header(self._header(public(data))),
            "",
            "holdfast: 1",
            *self._section(reading or {}),
            "promises:",
            "  data:",
        ]
        group: str | None = None
        for each in self.findings:
            heading = _heading(each)
            if heading != group:
                told += ["", f"    # {_text.comment(heading)}"]
                group = heading
            told.append(_text.line(each.promise, each.support, doubt=each.doubt))
        return "\n".join(told) + "\n"

    def _section(self, reading: Mapping[str, Any]) -> list[str]:
        import json

        inner = _text.mapping("types", self.types, indent="  ")
        if reading:
            # JSON is YAML, and says which values are texts.
            inner.append(f"  reading: {json.dumps(dict(reading), sort_keys=True)}")
        return ["data:", *inner] if inner else []

    def _header(self, data: str) -> list[str]:
        least = max(1, -(-self.rows // SMALLER))
        lines = [
            f"Checks learned from {data}: {self.rows} rows, {self.columns} columns.",
            f"{len(self.proposed)} checks are proposed. Findings in doubt are comments ({len(self.doubtful)}): a "
            "person accepts one by taking its '#' away.",
            f"The chance that any of them fires on fresh rows like these is at most {percent(self.false_alarms)}, for "
            f"tables of {max(least, min(self.rows, FEWEST))} to {LARGER * self.rows} rows. A share such as 0.998 "
            "leaves room for rare exceptions: write 1 where none may be.",
        ]
        lines += [_tried(self.trials)] if self.trials else ["There are too few rows to try the checks on halves."]
        lines += [f"Note: {each}." for each in self.notes]
        return [*lines, f"Next: holdfast check {shlex.quote(data)} --contract FILE (this file)."]


def profile(rows: pl.DataFrame, *, false_alarms: float = 0.01, seed: int = 0, now: datetime | None = None) -> Profile:
    """Propose the promises that tables like this one should keep.

    Each bound is a prediction for fresh rows, not what these rows showed: shares by beta-binomial prediction, medians
    by order statistics, means by Student's prediction with skewness, correlations by Fisher's z, ranges by the length
    of the tails, categories by what was seen once (Good-Turing). Every bound takes an equal part of `false_alarms`
    (Bonferroni). Then the checks are learned again on halves and tried on the others; what fires is only told.

    Parameters
    ----------
    rows
        Shape (n, columns), n at least 1.
    false_alarms
        Chance, in (0, 1), that any proposed check fires on fresh rows like these: as many as a quarter of these rows
        (30 at the least) or as ten times them, independent, from the same source.
    seed
        Seed of the halves and samples, which do not depend on the order of the rows.
    now
        Time at which the table is looked at (UTC-aware); None where it is not known whether it is still written to.

    Raises
    ------
    EmptyTable
        If there are no rows.
    InvalidValue
        If `false_alarms` is out of range.

    References
    ----------
    I. J. Good (1953), "The population frequencies of species and the estimation of population parameters", Biometrika.
    G. J. Hahn, W. Q. Meeker (1991), Statistical Intervals: A Guide for Practitioners.
    S. Schelter et al. (2018), "Automating large-scale data quality verification", PVLDB 11(12): suggested constraints.

    Examples
    --------
    >>> table = pl.DataFrame({"id": range(200), "sex": ["f", "m"] * 100})
    >>> [each.promise for each in profile(table).proposed if each.kind in ("key", "categories")]
    ['unique(id) >= 0.97', 'allowed(sex, f, m) >= 0.97']
    """
    if not 0.0 < false_alarms < 1.0:
        raise InvalidValue(f"false_alarms = {false_alarms:g}", expected="a chance between 0 and 1, such as 0.01")
    if rows.height == 0:
        raise EmptyTable("a table without rows", where="profile", expected="at least one row")
    learned = learn(rows, false_alarms=false_alarms, seed=seed, now=now)
    tried = trials(rows, false_alarms=false_alarms, seed=seed)
    drafts = _proven([replace(each, doubt=doubted(each, tried)) for each in learned.drafts], rows)
    return Profile(
        findings=tuple(_finding(each, learned.alpha) for each in _sorted(drafts)),
        rows=rows.height,
        columns=rows.width,
        false_alarms=false_alarms,
        seed=seed,
        trials=tried,
        types=learned.types,
        notes=learned.notes + ((f"the halves were drawn from {MOST} rows",) if rows.height > MOST else ()),
    )


def _proven(drafts: Sequence[Draft], rows: pl.DataFrame) -> list[Draft]:
    """The drafts; one that these rows themselves do not keep (an infinity has no quantile) is in doubt."""
    # Freshness is of the time of a look, not of the rows.
    asked = [
        each.promise
        for each in drafts
        if each.promise is not None and each.doubt is None and each.promise.measure != "freshness"
    ]
    missed = {each.id for each in fired(rows, asked)}
    return [
        replace(each, doubt="these rows themselves do not prove it")
        if each.doubt is None and each.promise is not None and each.promise.id in missed
        else each
        for each in drafts
    ]


def _sorted(drafts: Sequence[Draft]) -> list[Draft]:
    # Stable: within a column the checks keep the order that they were made in.
    return sorted(
        drafts, key=lambda each: (min(len(each.columns), 2), each.columns[0] if len(each.columns) == 1 else "")
    )


def _finding(draft: Draft, alpha: float) -> Finding:
    sure = 1.0 - alpha if draft.doubt is None and draft.kind not in ("schema", "rows") else None
    text = draft.promise.text if draft.promise is not None else ""
    return Finding(text, draft.kind, draft.columns, draft.support, draft.n, sure, draft.doubt)


def _heading(finding: Finding) -> str:
    if not finding.columns:
        return "the table"
    return finding.columns[0] if len(finding.columns) == 1 else "columns together"


def _tried(found: Sequence[Trial]) -> str:
    said = []
    for split, words in (("random", "a random half"), ("order", "the earlier half")):
        some = [each for each in found if each.split == split]
        if some:
            fired, checks = sum(len(each.fired) for each in some), sum(each.checks for each in some)
            said.append(f"{fired} of {checks} checks learned on {words} fired on the other")
    kept = " (what fired is a comment below)" if any(each.fired for each in found) else ""
    return f"Tried: {'; '.join(said)}{kept}."
