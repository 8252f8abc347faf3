"""The doctor at third-party servers: it finds what docs/doctor-field-notes.md lists, and nothing else.

`make test-clients` runs them. They are pinned here and in third_party_servers/package.json; each finding was compared
by hand with the server's own answers. When one changes, look at the answer before the page.
"""

import re
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from sallyport_doctor.knowledge.catalogue import load_knowledge
from sallyport_doctor.run import RunOptions, run
from tests.e2e.foreign_process import serving
from tests.sallyport_doctor.user import sign_in_by_forms
from tests.support.free_ports import free_port

pytestmark = [
    pytest.mark.npm,
    pytest.mark.timeout(600),
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]

SCRIPTS = Path(__file__).parent / "third_party_servers"
REPOSITORY = Path(__file__).parents[2]
FASTMCP = "fastmcp==4.1.2"


@pytest.fixture(scope="session")
def python_with_fastmcp():
    """A Python that has FastMCP, apart from ours: it brings many packages along."""
    directory = REPOSITORY / "build" / "python-servers"
    python = directory / "bin/python"
    if not python.exists():
        venv.create(directory, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", FASTMCP], check=True, timeout=540)
    return python


async def findings(port):
    """All findings of a run with --register and --login."""
    options = RunOptions(url=f"http://localhost:{port}/mcp", register=True, login=True, wait_seconds=30)
    diagnosis = await run(options, knowledge=load_knowledge(), open_page=sign_in_by_forms)
    return {f.id: f.observed for f in diagnosis.findings}


def told(section):
    """The findings that the page tells of one server."""
    page = (REPOSITORY / "docs" / "doctor-field-notes.md").read_text(encoding="utf-8")
    words = re.findall(r"`([a-z0-9-]+)`", page.partition(f"\n## {section}\n")[2].partition("\n## ")[0])
    return set(words) & set(load_knowledge().catalogue)


async def test_the_findings_at_fastmcp_with_its_own_provider_are_those_listed(python_with_fastmcp):
    port = free_port(("127.0.0.1",))
    async with serving(port, python_with_fastmcp, SCRIPTS / "fastmcp_server.py", port):
        found = await findings(port)
    assert set(found) == told("FastMCP with its own provider"), found


async def test_the_findings_at_oidc_provider_in_front_of_fastmcp_are_those_listed(node_scripts, python_with_fastmcp):
    issuer_port, port = free_port(("127.0.0.1",)), free_port(("127.0.0.1",))
    issuer, resource = f"http://localhost:{issuer_port}", f"http://localhost:{port}/mcp"
    async with (
        serving(issuer_port, "node", "oidc_provider.mjs", issuer_port, resource, cwd=node_scripts),
        serving(port, python_with_fastmcp, SCRIPTS / "fastmcp_behind_issuer.py", port, issuer),
    ):
        found = await findings(port)
    assert set(found) == told("oidc-provider in front of FastMCP"), found
