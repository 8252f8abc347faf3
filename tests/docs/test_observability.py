"""Alerts and dashboard ask for metrics that exist, and the guide tells of every alert."""

import json
import re

import pytest

from devstack.service_process import REPOSITORY

OBSERVABILITY = REPOSITORY / "deploy" / "observability"
GUIDE = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")


def sources():
    return [file for name in ("auth_service", "mcp_service", "shared") for file in (REPOSITORY / name).rglob("*.py")]


def exported():
    """The names of all metrics as Prometheus sees them, suffixes left out."""
    return {n for file in sources() for n in re.findall(r'"(sallyport_[a-z_]+)"', file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_only_metrics_that_exist_are_asked_for(name):
    text = (OBSERVABILITY / name).read_text(encoding="utf-8")
    asked = {re.sub(r"_(total|bucket)$", "", metric) for metric in re.findall(r"sallyport_[a-z_]+", text)}
    assert asked
    assert asked <= exported()


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_only_labels_that_exist_are_grouped_by(name):
    text = (OBSERVABILITY / name).read_text(encoding="utf-8")
    grouped = {label.strip() for by in re.findall(r"\bby \(([a-z_, ]+)\)", text) for label in by.split(",")}
    source = "".join(file.read_text(encoding="utf-8") for file in sources())
    assert grouped
    assert {label for label in grouped - {"job", "instance", "le"} if f'"{label}"' not in source} == set()


def test_every_panel_of_the_dashboard_has_a_number_of_its_own():
    dashboard = json.loads((OBSERVABILITY / "dashboard.json").read_text(encoding="utf-8"))
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(identifiers)) == len(identifiers) > 5


def test_every_alert_is_described_in_the_guide():
    alerts = re.findall(r"- alert: (\w+)", (OBSERVABILITY / "alerts.yaml").read_text(encoding="utf-8"))
    assert len(alerts) >= 5
    assert [alert for alert in alerts if f"| {alert} |" not in GUIDE] == []
