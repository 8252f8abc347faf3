"""Deployments notice a drain before it is over, and kill a replica only after its own graceful stop."""

import re
from configparser import ConfigParser

import pytest
import yaml

from auth_service.settings import AuthSettings
from devstack.service_process import REPOSITORY
from mcp_service.settings import McpSettings

DEPLOY = REPOSITORY / "deploy"
SERVICES: list[tuple[str, type[AuthSettings | McpSettings]]] = [("auth", AuthSettings), ("mcp", McpSettings)]


def drain_seconds(settings):
    return settings.model_fields["drain_seconds"].default


def longest_stop_seconds(settings):
    # aiohttp grants the timeout twice: to requests in flight, and to their cancellation.
    return drain_seconds(settings) + 2 * settings.model_fields["shutdown_seconds"].default


def unit(name):
    parser = ConfigParser(strict=False, interpolation=None, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way to keep upper case
    parser.read_string((DEPLOY / "systemd" / f"sallyport-{name}@.service").read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize(("name", "settings"), SERVICES)
def test_the_gateway_notices_a_drain_in_time(name, settings):
    text = (DEPLOY / "gateway" / "routes.caddy").read_text(encoding="utf-8")
    interval, fails = re.search(r"health_interval (\d+)s", text)[1], re.search(r"health_fails (\d+)", text)[1]
    assert "health_uri /readyz" in text
    assert int(interval) * int(fails) < drain_seconds(settings)


@pytest.mark.parametrize(("name", "settings"), SERVICES)
def test_kubernetes_notices_a_drain_in_time_and_kills_late(name, settings):
    (pod,) = (
        document["spec"]["template"]["spec"]
        for document in yaml.safe_load_all((DEPLOY / "kubernetes" / f"{name}-service.yaml").read_text())
        if document["kind"] == "Deployment"
    )
    probe = pod["containers"][0]["readinessProbe"]
    assert probe["httpGet"]["path"] == "/readyz"
    assert probe["periodSeconds"] * probe["failureThreshold"] < drain_seconds(settings)
    assert pod["terminationGracePeriodSeconds"] > longest_stop_seconds(settings)


@pytest.mark.parametrize(("name", "settings"), SERVICES)
def test_compose_kills_late(name, settings):
    service = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"][name]
    assert int(service["stop_grace_period"].removesuffix("s")) > longest_stop_seconds(settings)


@pytest.mark.parametrize(("name", "settings"), SERVICES)
def test_systemd_kills_late_and_shares_the_port(name, settings):
    service = unit(name)["Service"]
    assert service["KillSignal"] == "SIGTERM"
    assert int(service["TimeoutStopSec"]) > longest_stop_seconds(settings)
    assert f"Environment={name.upper()}_REUSE_PORT=true" in (
        DEPLOY / "systemd" / f"sallyport-{name}@.service"
    ).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["auth", "mcp"])
def test_systemd_units_start_the_service_without_rights(name):
    parsed = unit(name)
    assert parsed.sections() == ["Unit", "Service", "Install"]
    service = parsed["Service"]
    assert service["ExecStart"].endswith(f"-m {name}_service serve")
    assert service["EnvironmentFile"] == f"/etc/sallyport/{name}.env"
    assert (service["DynamicUser"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "yes", "strict")
