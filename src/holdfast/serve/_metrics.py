"""Counters of the server, and their Prometheus text. Own code: a counter is one addition on the infer path."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

#: Upper ends of the latency histogram, in seconds; one more bucket has no end.
BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)

_HELP = {
    "holdfast_requests_total": ("counter", "Requests by model, role and status."),
    "holdfast_predictions_total": ("counter", "Rows predicted and logged, by model and role."),
    "holdfast_labels_total": ("counter", "Labels received, by model."),
    "holdfast_shadow_dropped_total": ("counter", "Requests that the shadow was too slow for."),
    "holdfast_log_errors_total": ("counter", "Commits of the prediction log that failed; nothing was acknowledged."),
    "holdfast_reloads_total": ("counter", "Times that routes were loaded anew."),
    "holdfast_in_flight": ("gauge", "Requests read and not answered yet."),
    "holdfast_log_backlog_bytes": ("gauge", "Bytes of the prediction log that are not moved to tables yet."),
    "holdfast_log_commit_seconds": ("gauge", "Seconds that the last commit of the prediction log took."),
    "holdfast_route_errors": ("gauge", "Deployments that could not be loaded."),
    "holdfast_model_info": ("gauge", "Versions that answer."),
}
_SUMMED_GAUGES = frozenset({"holdfast_in_flight"})
_LATENCY = "holdfast_request_seconds"
Key = tuple[str, tuple[tuple[str, str], ...]]


class Tally:
    """Answers of one model in one role: what the infer path counts, without a look-up by labels.

    Parameters
    ----------
    statuses
        Requests by status.
    rows
        Rows predicted.
    buckets
        Requests by latency (see `BUCKETS`), and behind them the sum of all latencies in seconds.
    """

    __slots__ = ("buckets", "rows", "statuses")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.rows = 0
        self.buckets = [0.0] * (len(BUCKETS) + 2)

    def count(self, status: int) -> None:
        """Count an answer."""
        self.statuses[status] = self.statuses.get(status, 0) + 1

    def observe(self, seconds: float) -> None:
        """Count an answered request and how long it took."""
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.buckets[-1] += seconds

    def add(self, statuses: Iterable[tuple[int, int]], rows: int, buckets: Iterable[float]) -> None:
        """Add what another worker counted."""
        for status, count in statuses:
            self.statuses[status] = self.statuses.get(status, 0) + count
        self.rows += rows
        self.buckets = [mine + other for mine, other in zip(self.buckets, buckets, strict=True)]


class Metrics:
    """Counters and histograms of one worker."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.tallies: dict[tuple[str, str], Tally] = {}

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        key = (name, tuple(labels.items()))
        self.values[key] = self.values.get(key, 0) + amount

    def set(self, name: str, value: float, **labels: str) -> None:
        """Set a gauge."""
        self.values[name, tuple(labels.items())] = value

    def clear(self, name: str) -> None:
        """Forget every value of a gauge."""
        for key in [each for each in self.values if each[0] == name]:
            del self.values[key]

    def tally(self, model: str, role: str) -> Tally:
        """Find the tally of a model in a role."""
        found = self.tallies.get((model, role))
        if found is None:
            found = self.tallies[model, role] = Tally()
        return found

    def plain(self) -> dict[str, Any]:
        """Make plain data, for another worker to add up."""
        return {
            "values": [[name, list(map(list, labels)), value] for (name, labels), value in self.values.items()],
            "tallies": [
                [model, role, list(each.statuses.items()), each.rows, each.buckets]
                for (model, role), each in self.tallies.items()
            ],
        }

    def merged(self, others: Iterable[Mapping[str, Any]]) -> Metrics:
        """Add up these metrics and those of other workers: counters are summed, gauges are this worker's."""
        total = Metrics()
        total.values = dict(self.values)
        for (model, role), each in self.tallies.items():
            total.tally(model, role).add(each.statuses.items(), each.rows, each.buckets)
        for other in others:
            for name, labels, value in other["values"]:
                if _HELP[name][0] == "counter" or name in _SUMMED_GAUGES:
                    key = (name, tuple((label, text) for label, text in labels))
                    total.values[key] = total.values.get(key, 0) + value
            for model, role, statuses, rows, buckets in other["tallies"]:
                total.tally(model, role).add(statuses, rows, buckets)
        return total

    def text(self) -> str:
        """Write Prometheus text exposition, format 0.0.4."""
        values = dict(self.values)
        for (model, role), each in self.tallies.items():
            labels = (("model", model), ("role", role))
            values["holdfast_predictions_total", labels] = each.rows
            for status, count in each.statuses.items():
                values["holdfast_requests_total", (*labels, ("status", str(status)))] = count
        lines = []
        for name, (kind, about) in _HELP.items():
            found = [(labels, value) for (each, labels), value in values.items() if each == name]
            if found:
                lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
                lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in sorted(found)]
        answered = {key: each for key, each in self.tallies.items() if each.rows}
        if answered:
            lines += [f"# HELP {_LATENCY} Seconds from a whole request to its answer.", f"# TYPE {_LATENCY} histogram"]
        for (model, role), each in sorted(answered.items()):
            lines += _histogram((("model", model), ("role", role)), each.buckets)
        return "\n".join(lines) + "\n"


def _histogram(labels: tuple[tuple[str, str], ...], counts: list[float]) -> list[str]:
    lines, total = [], 0.0
    for end, count in zip((*map(str, BUCKETS), "+Inf"), counts[:-1], strict=True):
        total += count
        lines.append(f"{_LATENCY}_bucket{_labels((*labels, ('le', end)))} {_number(total)}")
    return [
        *lines,
        f"{_LATENCY}_sum{_labels(labels)} {_number(counts[-1])}",
        f"{_LATENCY}_count{_labels(labels)} {_number(total)}",
    ]


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(text)}"' for name, text in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
