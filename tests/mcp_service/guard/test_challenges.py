"""401 and 403 as interop.md R1 to R6 have them."""

from tests.mcp_service.conftest import RESOURCE, modern

PRM = "http://localhost:9001/.well-known/oauth-protected-resource/mcp"


async def test_without_a_credential_the_challenge_says_where_to_sign_in_and_names_no_error(service):
    body, headers = modern("server/discover")
    answer = await service.session.post(service.url, json=body, headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer resource_metadata="{PRM}", scope="notes:read notes:write"'


async def test_a_good_token_passes(service):
    answer = await service.call("whoami")
    assert answer.status == 200
    result = (await answer.json())["result"]["structuredContent"]
    identity = {"subject": "user-1", "name": None, "email": None}
    assert result == {**identity, "client_id": "client-1", "scopes": ["notes:read"]}


async def test_a_missing_scope_is_told_with_all_that_are_needed_and_all_that_are_granted(service):
    answer = await service.call("add_note", {"text": "x"}, scope="openid notes:read")
    assert answer.status == 403
    assert answer.headers["WWW-Authenticate"] == (
        'Bearer error="insufficient_scope", '
        'error_description="This operation needs more permissions than were granted.", '
        f'resource_metadata="{PRM}", scope="openid notes:read notes:write"'
    )


async def test_metadata_is_the_same_at_both_addresses(service):
    documents = []
    for path in ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"):
        answer = await service.session.get(service.root + path, allow_redirects=False)
        assert answer.status == 200
        documents.append(await answer.json())
    assert documents[0] == documents[1]
    assert documents[0]["resource"] == RESOURCE
    assert documents[0]["authorization_servers"] == [service.issuer.url]
    assert documents[0]["scopes_supported"] == ["notes:read", "notes:write"]
