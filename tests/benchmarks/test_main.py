"""`make bench` prints its table whatever happens to a topic."""

from tests.benchmarks import __main__ as command
from tests.benchmarks.harness import Report


async def measured(report):
    report.add("a figure", 1.0)


async def refused(_report):
    raise AssertionError({"error": "too_many_requests"})


def test_a_failed_topic_costs_its_row(capsys):
    report = Report(seconds=0.01)
    command.run_topics({"first": refused, "second": measured}, report)
    rows = report.table().splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["first", "a figure"]
    assert "not measured" in rows[0]
    assert "too_many_requests" in rows[0]
    assert "Traceback" in capsys.readouterr().err
