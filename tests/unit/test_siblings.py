"""What one of several processes answers for all of them, from what each said of itself."""

import json

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from shared.http.siblings import Said, metrics_together, ready_together


def readiness(process, *, ready):
    return Said(process, runs=True, body=json.dumps({"ready": ready, "checks": {}}))


GONE = Said(1, runs=False, body=None)
SILENT = Said(1, runs=True, body=None)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        pytest.param(readiness(1, ready=True), True, id="ready"),
        pytest.param(readiness(1, ready=False), False, id="not ready, but it would get its share of requests"),
        pytest.param(SILENT, False, id="silent, but it would get its share of requests"),
        pytest.param(GONE, True, id="gone, and gets no request"),
    ],
)
def test_all_that_may_get_a_request_must_be_ready(other, expected):
    ready, details = ready_together([readiness(0, ready=True), other])
    assert ready is expected
    assert [detail["process"] for detail in details] == [0, 1]


def test_none_that_runs_is_not_ready():
    assert ready_together([Said(0, runs=False, body=None), GONE])[0] is False


def exposition(requests):
    registry = CollectorRegistry()
    Counter("requests", "Some.", ("route",), registry=registry).labels('/a"b').inc(requests)
    Histogram("seconds", "Some.", buckets=(1, 2), registry=registry).observe(1.5)
    return generate_latest(registry).decode()


def samples(said):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for metric in metrics_together(said)
        for sample in metric.samples
    }


def test_the_metrics_of_all_stand_side_by_side_with_the_process_as_a_label():
    found = samples([Said(0, runs=True, body=exposition(3)), Said(1, runs=True, body=exposition(5))])
    assert found["requests_total", ("process", "0"), ("route", '/a"b')] == 3
    assert found["requests_total", ("process", "1"), ("route", '/a"b')] == 5
    assert found["seconds_bucket", ("le", "2.0"), ("process", "1")] == 1
    assert found["sallyport_process_up", ("process", "0")] == 1


@pytest.mark.parametrize("other", [GONE, SILENT])
def test_a_process_that_does_not_answer_is_down_and_the_others_are_shown(other):
    found = samples([Said(0, runs=True, body=exposition(3)), other])
    assert found["sallyport_process_up", ("process", "1")] == 0
    assert found["requests_total", ("process", "0"), ("route", '/a"b')] == 3


def test_what_is_shown_is_read_again_as_the_same():
    class Collector:
        def collect(self):
            return metrics_together([Said(0, runs=True, body=exposition(3))])

    text = generate_latest(Collector()).decode()
    again = samples([Said(0, runs=True, body=text)])
    assert again["requests_total", ("process", "0"), ("route", '/a"b')] == 3
    assert text.count("# TYPE requests_total counter") == 1
