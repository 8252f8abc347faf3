"""Counters and histograms that only the thread of the event loop changes and collects: they need no locks.

They export the same samples as prometheus_client's own, which any thread may change: each change there is five calls
and a lock, and a request would cost several microseconds more. Here the caller changes a number in place.
"""

from __future__ import annotations

import time
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client import CollectorRegistry, Metric


class LoopCounter(Collector):
    """A counter with labels: `counter.counts[value, …] += 1`, with a value for each label."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], *, registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self.counts = _Counts()
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, count in self.counts.items():
            family.add_metric(values, count, created=self.counts.created[values])
        yield family


class LoopHistogram(Collector):
    """A histogram with one label. An amount is recorded in `histogram.buckets[value]`: see `Buckets`."""

    def __init__(
        self, name: str, documentation: str, label: str, *, bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        """`bounds` are the upper bounds of all buckets but the last: ascending, positive, below a million."""
        self._name = name
        self._documentation = documentation
        self._label = label
        self._bound_names = [*(str(float(bound)) for bound in bounds), "+Inf"]
        self.buckets = _BucketsOfValues(len(self._bound_names))
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric."""
        family = HistogramMetricFamily(self._name, self._documentation, labels=[self._label])
        for value, buckets in self.buckets.items():
            below = list(zip(self._bound_names, accumulate(buckets.counts), strict=True))
            family.add_metric([value], below, buckets.sum)
            family.add_sample(f"{self._name}_created", {self._label: value}, buckets.created)
        yield family


class Buckets:
    """The amounts under one value of a label.

    To record one: `buckets.counts[bisect_left(bounds, amount)] += 1`, and `buckets.sum += amount`.
    """

    __slots__ = ("counts", "created", "sum")

    def __init__(self, number: int) -> None:
        self.counts = [0] * number
        self.sum = 0.0
        self.created = time.time()


class _Counts(dict[tuple[str, ...], int]):
    """Records the time at which each count begins."""

    def __init__(self) -> None:
        super().__init__()
        self.created: dict[tuple[str, ...], float] = {}

    def __missing__(self, values: tuple[str, ...]) -> int:
        self.created[values] = time.time()
        return 0


class _BucketsOfValues(dict[str, Buckets]):
    """Makes the buckets of a label value at its first use."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def __missing__(self, value: str) -> Buckets:
        buckets = self[value] = Buckets(self._number)
        return buckets
