"""`make bench` prints its table whatever happens to a topic."""

import sys
from types import SimpleNamespace

from tests.benchmarks import __main__ as command
from tests.benchmarks.harness import Report


async def measured(report):
    report.add("a figure", 1.0)


async def refused(_report):
    raise AssertionError({"error": "too_many_requests"})


def test_a_topic_that_fails_or_cannot_be_imported_costs_its_row(monkeypatch, capsys):
    for name, run in (("refused", refused), ("measured", measured)):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(run=run))
    report = Report(seconds=0.01)
    command.run_topics({"first": "refused", "second": "no.such.module", "third": "measured"}, report)
    rows = report.table().splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["first", "second", "a figure"]
    assert "not measured" in rows[0]
    assert "too_many_requests" in rows[0]
    assert "ModuleNotFoundError" in rows[1]
    assert "Traceback" in capsys.readouterr().err
