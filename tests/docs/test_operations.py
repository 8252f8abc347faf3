"""docs/operations.md names the background tasks and the readiness checks of both services, and no others."""

import inspect
import re
import time
from unittest.mock import MagicMock

import pytest

from auth_service.app import build_app
from auth_service.http import readiness
from devstack.service_process import REPOSITORY
from mcp_service.routes import readiness_checks
from tests.support.auth_server import AuthServer, settings

GUIDE = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
TASK = re.compile(r'\bstart\((?:supervisor, )?(?:"(\w+)"|([A-Z_]+)\b)')
"""A task that is started under a name or a constant: by the supervisor, or by a loop that is given it."""
ROW = re.compile(r"^\| [^|]+ \| (\d+)(?:, impaired)? \| `(\w+)` \| ([^|]*) \|$", re.MULTILINE)


def started_in(service):
    sources = (file.read_text(encoding="utf-8") for file in (REPOSITORY / service).rglob("*.py"))
    return {task or value_of(name, source) for source in sources for task, name in TASK.findall(source)}


def value_of(name, source):
    """The text of a constant of a module."""
    return re.search(rf'^{name}(?:: Final)? = "(\w+)"$', source, re.MULTILINE)[1]


def tasks_in_the_guide():
    """Of both services, as the row of the alert lists them."""
    alert = re.search(r"^\| SallyportBackgroundTaskDown \| ([^|]+) \|", GUIDE, re.MULTILINE)
    auth, _, mcp = alert[1].partition("in mcp_service")
    return {"auth_service": set(re.findall(r"`(\w+)`", auth)), "mcp_service": set(re.findall(r"`(\w+)`", mcp))}


def rows(service):
    """Of each row about `/readyz` of a service the status, the check and the note."""
    table = re.search(rf"^\| `/readyz` of {service} \|.*?\n\n", GUIDE, re.MULTILINE | re.DOTALL)
    return [(int(status), check, note.strip(" `")) for status, check, note in ROW.findall(table[0])]


@pytest.mark.parametrize("service", ["auth_service", "mcp_service"])
def test_the_guide_names_the_background_tasks(service):
    assert tasks_in_the_guide()[service] == started_in(service)


async def test_the_guide_names_the_readiness_checks_of_auth_service(store):
    async with AuthServer(build_app, store, settings(), time.time) as server:
        checks = (await server.get("/readyz")).json["checks"]
    assert {check for _, check, _ in rows("auth_service")} == set(checks)


def test_the_guide_names_the_readiness_checks_of_mcp_service():
    everything = dict.fromkeys(inspect.signature(readiness_checks).parameters, MagicMock())
    assert {check for _, check, _ in rows("mcp_service")} == set(readiness_checks(**everything))


def test_the_guide_names_what_a_signer_lacks_and_what_follows():
    source = (REPOSITORY / "auth_service" / "keys" / "key_ring.py").read_text(encoding="utf-8")
    reasons = set(re.findall(r'error_id="(keys_\w+)"', source))
    assert reasons
    expected = {reason: 200 if reason in readiness._PUBLISHABLE else 503 for reason in reasons}
    assert {note: status for status, check, note in rows("auth_service") if check == "keys"} == expected
