"""`make run` reads the configured MCP server before it starts the services."""

import json
import os

from devstack.protected_server import declared_server, describe_server, name_for_clients
from mcp_service.notes.repository import InMemoryNoteRepository
from mcp_service.notes.server import build_notes_server
from mcp_service.pages.client_setup import name_in_clients
from tests.support.threaded_documents import serve_documents


async def test_an_address_at_which_no_mcp_server_answers_is_known_before_the_first_call():
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AUTH_", "MCP_"))}
    with serve_documents() as (origin, _):
        settings = {"MCP_ISSUER": "http://localhost:9000", "MCP_RESOURCE": "http://localhost:9001/mcp"}
        declared = await declared_server({**inherited, **settings, "MCP_UPSTREAM": f"{origin}/wrong"})
    assert declared.warning.startswith(f"warning: there is no MCP server at MCP_UPSTREAM ({origin}/wrong): ")
    assert json.loads(declared.resources)[0]["identifier"] == "http://localhost:9001/mcp"


async def test_no_request_is_sent_to_the_notes_example():
    declared = await declared_server({})
    assert (declared.resources, declared.warning) == ("", "")


def test_make_run_names_the_example_as_its_own_page_does():
    own = build_notes_server(InMemoryNoteRepository()).name
    assert (describe_server({}, "").partition(" (")[0], name_for_clients("")) == (own, name_in_clients(own))
