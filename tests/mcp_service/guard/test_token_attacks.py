"""Every attack of the corpus over HTTP: 401, the same words each time, the reason only in the log."""

import json

import pytest

from tests.mcp_service.conftest import modern
from tests.support.token_attacks import ATTACKS

pytestmark = pytest.mark.asyncio(loop_scope="module")

PUBLIC = "The access token is expired, malformed, or not meant for this server."


@pytest.mark.invariant(2, 9)
@pytest.mark.parametrize(("check", "attack"), ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_meets_401_and_learns_nothing(shared_service, check, attack):
    service = shared_service
    token = attack(service.token_issuer)
    body, headers = modern("tools/call", {"name": "whoami", "arguments": {}})
    answer = await service.session.post(service.url, json=body, headers={**headers, "Authorization": f"Bearer {token}"})
    text = await answer.text()
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith(f'Bearer error="invalid_token", error_description="{PUBLIC}"')
    request_id = answer.headers["X-Request-Id"]
    assert json.loads(text)["error"] == {
        "code": -32000,
        "message": PUBLIC,
        "data": {"error": "invalid_token", "request_id": request_id},
    }
    logged = next(entry for entry in service.errors() if entry["request_id"] == request_id)
    assert logged["error_id"] == f"token_{check}"
    assert logged["reason"]
    assert logged["reason"] not in text
    assert token not in str(logged)
