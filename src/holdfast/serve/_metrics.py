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


class Metrics:
    """Counters and histograms of one worker."""

    def __init__(self) -> None:
        self.values: dict[Key, float] = {}
        self.latency: dict[tuple[str, str], list[float]] = {}

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

    def observe(self, model: str, role: str, seconds: float) -> None:
        """Count an answered request and how long it took."""
        found = self.latency.get((model, role))
        if found is None:
            found = self.latency[model, role] = [0.0] * (len(BUCKETS) + 2)
        found[bisect_left(BUCKETS, seconds)] += 1
        found[-1] += seconds

    def plain(self) -> dict[str, Any]:
        """Plain data, for another worker to add up."""
        return {
            "values": [[name, list(map(list, labels)), value] for (name, labels), value in self.values.items()],
            "latency": [[model, role, counts] for (model, role), counts in self.latency.items()],
        }

    def merged(self, others: Iterable[Mapping[str, Any]]) -> Metrics:
        """These metrics and those of other workers: counters and histograms are added, gauges are this worker's."""
        total = Metrics()
        total.values = dict(self.values)
        total.latency = {key: list(counts) for key, counts in self.latency.items()}
        for other in others:
            for name, labels, value in other["values"]:
                if _HELP[name][0] == "counter" or name in _SUMMED_GAUGES:
                    key = (name, tuple((label, text) for label, text in labels))
                    total.values[key] = total.values.get(key, 0) + value
            for model, role, counts in other["latency"]:
                mine = total.latency.setdefault((model, role), [0.0] * (len(BUCKETS) + 2))
                for index, count in enumerate(counts):
                    mine[index] += count
        return total

    def text(self) -> str:
        """Prometheus text exposition, format 0.0.4."""
        lines = []
        for name, (kind, about) in _HELP.items():
            found = [(labels, value) for (each, labels), value in self.values.items() if each == name]
            if found:
                lines += [f"# HELP {name} {about}", f"# TYPE {name} {kind}"]
                lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in sorted(found)]
        if self.latency:
            lines += [f"# HELP {_LATENCY} Seconds from a whole request to its answer.", f"# TYPE {_LATENCY} histogram"]
        for (model, role), counts in sorted(self.latency.items()):
            lines += _histogram((("model", model), ("role", role)), counts)
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
