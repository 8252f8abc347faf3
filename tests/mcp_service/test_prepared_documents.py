"""The protected resource metadata, prepared and by the application: the same answers."""

import pytest

from shared.http import refusal_delay
from tests.support.prepared_answers import read_both, statuses_of

PATHS = ("/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource")


@pytest.mark.invariant(1)
@pytest.mark.parametrize("path", PATHS)
async def test_a_prepared_document_has_every_header_of_the_application(service, path):
    prepared, reference = await read_both(service._server, path)
    assert prepared == reference
    assert ("access-control-allow-origin", "*") in prepared.headers


async def test_reading_documents_counts_for_the_limit_of_the_network(make_service, monkeypatch):
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)
    service = await make_service(trusted_proxies=["127.0.0.0/8", "::1"])
    assert await statuses_of(service._server, PATHS[0], "192.0.2.9", number=600) == {"200", "429"}
    assert await statuses_of(service._server, PATHS[0], "192.0.2.10") == {"200"}
