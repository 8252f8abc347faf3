"""The public documents of auth_service, prepared and by the application: the same answers."""

import pytest

from shared.http import refusal_delay
from shared.http.prepared_documents import PREPARED_DOCUMENTS
from tests.support.prepared_answers import read_both, statuses_of

PATHS = ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")


@pytest.mark.invariant(1)
@pytest.mark.parametrize("path", PATHS)
async def test_a_prepared_document_has_every_header_of_the_application(auth, path):
    prepared, reference = await read_both(auth.server, path)
    assert prepared == reference
    assert {"access-control-allow-origin", "strict-transport-security", "ratelimit", "ratelimit-policy"} <= {
        name for name, _ in prepared.headers
    }
    assert path in auth.server.app[PREPARED_DOCUMENTS].paths


async def test_every_client_that_has_the_key_set_gets_the_same_304(auth):
    etag = (await auth.get(PATHS[0])).headers["ETag"]
    prepared, reference = await read_both(auth.server, PATHS[0], f"If-None-Match: {etag}\r\n")
    assert prepared == reference
    assert prepared.status == "HTTP/1.1 304 Not Modified"


async def test_reading_documents_counts_for_the_limit_of_the_network(start_auth, monkeypatch):
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.0/8,::1")
    assert await statuses_of(auth.server, PATHS[1], "192.0.2.9", number=600) == {"200", "429"}
    assert await statuses_of(auth.server, PATHS[1], "192.0.2.10") == {"200"}
