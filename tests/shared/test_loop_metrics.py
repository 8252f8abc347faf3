"""Metrics of the event loop: a scrape shows what prometheus_client's own would show."""

import re
from bisect import bisect_left

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from shared.loop_metrics import LoopCounter, LoopHistogram

BOUNDS = (0.001, 0.25, 1.0, 10.0)


def scraped(registry):
    """The text of a scrape; the times at which series were created differ."""
    return re.sub(r"(_created\{.*\}) .*", r"\1", generate_latest(registry).decode())


def record(histogram, value, amount):
    buckets = histogram.buckets[value]
    buckets.counts[bisect_left(BOUNDS, amount)] += 1
    buckets.sum += amount


def test_a_counter_reads_like_that_of_the_library():
    own, theirs = CollectorRegistry(), CollectorRegistry()
    counter = LoopCounter("requests", "Requests.", ("route", "status"), registry=own)
    expected = Counter("requests", "Requests.", ("route", "status"), registry=theirs)
    for values in (("/a", "200"), ("/b", "200"), ("/a", "200"), ('/"\\\n', "404")):
        counter.counts[values] += 1
        expected.labels(*values).inc()
    assert scraped(own) == scraped(theirs)
    assert own.get_sample_value("requests_total", {"route": "/a", "status": "200"}) == 2


def test_a_histogram_reads_like_that_of_the_library():
    own, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = LoopHistogram("seconds", "Time.", "route", bounds=BOUNDS, registry=own)
    expected = Histogram("seconds", "Time.", ("route",), buckets=BOUNDS, registry=theirs)
    for amount in (0, 0.0005, 0.001, 0.2, 0.25, 0.26, 9.5, 10.0, 11):
        record(histogram, "/a", amount)
        expected.labels("/a").observe(amount)
    record(histogram, "/b", 2)
    expected.labels("/b").observe(2)
    assert scraped(own) == scraped(theirs)


def test_a_metric_without_a_value_is_described():
    registry = CollectorRegistry()
    LoopCounter("requests", "Requests.", ("route",), registry=registry)
    assert b"# HELP requests_total Requests." in generate_latest(registry)
