"""The `scope` in the answer to a registration: what the client can get of what it named (RFC 7591 section 3.2.1)."""

import pytest

from tests.support.auth_server import LOOPBACK

BODY = {"redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "none", "client_name": "Desk"}


async def register(auth, **changes):
    answer = await auth.request("POST", "/register", json=BODY | changes)
    assert answer.status == 201, answer.text
    return answer.json


@pytest.mark.parametrize(
    ("named", "answered"),
    [
        ("notes:read files:read openid offline_access", "notes:read files:read openid offline_access"),
        ("notes:read admin  notes:delete", "notes:read"),
        ("admin", None),
        (None, None),
    ],
)
async def test_it_names_only_scopes_that_can_be_granted(auth, named, answered):
    registered = await register(auth, **({} if named is None else {"scope": named}))
    assert registered.get("scope") == answered
    headers = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    address = f"/register/{registered['client_id']}"
    assert (await auth.get(address, headers=headers)).json.get("scope") == answered
    update = BODY | {"client_id": registered["client_id"]} | ({} if named is None else {"scope": named})
    assert (await auth.request("PUT", address, json=update, headers=headers)).json.get("scope") == answered


async def test_a_scope_that_the_operator_adds_later_appears_without_another_registration(auth, start_auth):
    """The record keeps what the client named; the answer follows today's configuration."""
    registered = await register(auth, scope="notes:read later:read")
    headers = {"Authorization": f"Bearer {registered['registration_access_token']}"}
    address = f"/register/{registered['client_id']}"
    assert (await auth.get(address, headers=headers)).json["scope"] == "notes:read"
    later = '[{"identifier":"https://mcp.example/mcp","name":"Notes","scopes":{"later:read":{"description":"R"}}}]'
    restarted = await start_auth(RESOURCES=later)
    assert (await restarted.get(address, headers=headers)).json["scope"] == "later:read"
