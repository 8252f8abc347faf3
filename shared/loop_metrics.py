"""Counters and histograms that only the thread of the event loop changes and collects: they need no locks.

What Prometheus reads of them is what it reads of prometheus_client's own. Those are for any thread, and cost a request
several microseconds more: each change of theirs is five calls and a lock.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import CollectorRegistry, Metric


class LoopCounter(Collector):
    """A counter with labels."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._counts: dict[tuple[str, ...], int] = {}
        self._created: dict[tuple[str, ...], float] = {}
        registry.register(self)

    def count(self, *values: str) -> None:
        """Count one, with a value for each label."""
        try:
            self._counts[values] += 1
        except KeyError:
            self._counts[values] = 1
            self._created[values] = time.time()

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, count in self._counts.items():
            family.add_metric(values, count, created=self._created[values])
        yield family


class LoopHistogram(Collector):
    """A histogram with one label."""

    def __init__(
        self, name: str, documentation: str, label: str, *, bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        """`bounds`: the upper ones of the buckets, ascending, positive, below a million; the last has none."""
        self._name = name
        self._documentation = documentation
        self._label = label
        self._bounds = tuple(bounds)
        self._bound_names = [*(str(float(bound)) for bound in bounds), "+Inf"]
        self._children: dict[str, _Buckets] = {}
        registry.register(self)

    def observe(self, value: str, amount: float) -> None:
        """Record an amount under this value of the label."""
        buckets = self._children.get(value)
        if buckets is None:
            buckets = self._children[value] = _Buckets(len(self._bound_names))
        buckets.counts[bisect_left(self._bounds, amount)] += 1
        buckets.sum += amount

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, buckets in self._children.items():
            below = list(zip(self._bound_names, accumulate(buckets.counts), strict=True))
            family.add_metric([value], below, buckets.sum)
            family.add_sample(f"{self._name}_created", {self._label: value}, buckets.created)
        yield family


class _Buckets:
    """The amounts under one value of a label."""

    __slots__ = ("counts", "created", "sum")

    def __init__(self, number: int) -> None:
        self.counts = [0] * number
        self.sum = 0.0
        self.created = time.time()
