"""From surprise to scores and alarms: one alarm for one event, and not for what happens all the time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from holdfast.quality.anomalies._series_clock import DAY_S, WEEK_S
from holdfast.quality.anomalies._series_season import LEAST_ROWS
from holdfast.stats._arrays import Bools, Floats, Ints

#: Surprise of an alarm: that of a row as seldom as the alarms that are bearable, and `MARGIN` more; at least the first.
LEAST_BAR, MARGIN = 3.3, 0.7
#: Rows for which an event is held to be the same one: half a day, within these bounds.
LEAST_HOLD, MOST_HOLD = 12, 144
INDEX_HOLD = 48
#: For so many rows after an alarm a row may make it clearer (its score says so), but is no second one.
CLEARER = 6
#: How much further than what an alarm told of a row must lie to be news within the same event.
NEWS, NEWS_AROUND = 1.5, 3.0
#: An event goes on while its surprise is at least this share of its height.
GOING_ON = 0.5
#: A row that tells nothing new is given no more surprise than this.
TOLD = 1.5
#: From here on a row is an event that may be remembered.
EVENT = 2.0
#: A week of an index, in steps.
INDEX_WEEK = 2016.0
#: Half-life of what an event is remembered for, in weeks, and how many are.
REMEMBERED, MOST_REMEMBERED = 4.0, 128
#: An event is like one remembered if it is at most so much more surprising.
ALIKE = 1.25
HABIT = 0.5
#: A series is new for so long: half of its surprise is heard at first, all of it at the end.
NEW_S = 2.0 * DAY_S


@dataclass(slots=True)
class _Sort:
    """What is known of the events of one sort: the one that goes on, and those before it (height and time)."""

    height: float = 0.0
    told: bool = False
    last: int = -1
    past: list[tuple[float, float]] = field(default_factory=list)

    def end(self, now: float, *, same: bool) -> None:
        """Forget the event that went on, once it is over."""
        if not same and now < GOING_ON * self.height:
            self.height, self.told = 0.0, False

    def hides(self, now: float) -> bool:
        return now <= self.height * (NEWS if self.told else 1.0)

    def rate(self, now: float, when: float, week: float, spent: float) -> float:
        """How many events a week were at least about as surprising, the recent ones counting more."""
        alike: float = sum(
            0.5 ** (max(when - at, 0.0) / (REMEMBERED * week)) for height, at in self.past if now <= ALIKE * height
        )
        return alike / max(REMEMBERED / math.log(2.0) * (1.0 - math.exp2(-spent / REMEMBERED)), 1.0)

    def remember(self, now: float, when: float, *, same: bool) -> None:
        """Keep the event: a new one, or the one that goes on, grown."""
        self.height = now
        if same and self.past:
            self.past[-1] = (max(now, self.past[-1][0]), when)
        else:
            self.past.append((now, when))
            del self.past[:-MOST_REMEMBERED]


@dataclass(slots=True)
class _Listener:
    """What was heard so far: the events of each sort, and the last alarm."""

    every: list[_Sort]
    start: float
    alarms_per_week: float
    alarm_row: int = -MOST_HOLD
    alarm_height: float = 0.0

    def hear(self, row: int, nows: list[float], when: float, *, week: float, hold: int) -> tuple[float, int, bool]:
        """How surprising the row is after what was told already, by which sort, and whether that is news."""
        age = row - self.alarm_row
        around = self.alarm_height * min(1.0, 2.0 * (1.0 - age / hold)) if age < hold else 0.0
        best = (max(nows), nows.index(max(nows)), False) if max(nows) < 1.0 else (0.0, 0, False)
        for sort, (now, kept) in enumerate(zip(nows, self.every, strict=True)):
            same = row - kept.last < hold
            kept.end(now, same=same)
            if now < 1.0:
                continue
            hidden = kept.hides(now) or now <= NEWS_AROUND * around
            if now >= GOING_ON * kept.height:
                kept.last = row
            told = min(now, TOLD) if hidden else now
            if not hidden and now >= EVENT:
                rate = kept.rate(now, when, week, max((when - self.start) / week, 1.0))
                told = now / (1.0 + HABIT * rate / self.alarms_per_week)
                kept.remember(now, when, same=same)
            if told > best[0]:
                best = (told, sort, not hidden)
        return best

    def alarm(self, row: int, sort: int, height: float) -> None:
        self.every[sort].told = True
        self.alarm_row, self.alarm_height = row, height


def sound(
    surprise: Floats, instants: Floats, steps: Floats, *, known: bool, alarms_per_week: float
) -> tuple[Floats, Bools, Ints]:
    """Scores in [0, 1], alarms, and the sort that each row tells of, in scoring order.

    Parameters
    ----------
    surprise
        Shape (sorts, n), of `gather`.
    instants, steps
        Shape (n,): seconds, and the typical time between rows as known at each row.
    known
        Whether times are times.
    alarms_per_week
        Alarms a week that are bearable.
    """
    size = surprise.shape[1]
    scores, alarms, sorts = np.zeros(size), np.zeros(size, dtype=bool), np.zeros(size, dtype=np.int64)
    listener = _Listener([_Sort() for _ in surprise], float(instants[0]) if size else 0.0, alarms_per_week)
    for row, (heard, when, step) in enumerate(zip(surprise.T, instants.tolist(), steps.tolist(), strict=True)):
        if math.isnan(step):
            continue
        week = WEEK_S if known else INDEX_WEEK * step
        hold = min(MOST_HOLD, max(LEAST_HOLD, round(0.5 * DAY_S / step))) if known else INDEX_HOLD
        # Before two days were seen, a day's rise looks like any other.
        new = known and step < DAY_S / LEAST_ROWS and when - listener.start < NEW_S
        share = 0.5 + 0.5 * max(when - listener.start, 0.0) / NEW_S if new else 1.0
        told, sort, news = listener.hear(row, (heard * share).tolist(), when, week=week, hold=hold)
        bar = max(LEAST_BAR, MARGIN + math.log10(week / step)) - math.log10(alarms_per_week)
        bar = max(bar, EVENT)
        scores[row], sorts[row] = 1.0 - 2.0 ** (-told / bar), sort
        if news and told >= bar and row - listener.alarm_row > CLEARER:
            alarms[row] = True
            listener.alarm(row, sort, float(heard[sort]) * share)
    return scores, alarms, sorts
