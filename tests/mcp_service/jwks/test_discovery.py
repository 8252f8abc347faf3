"""Where keys are fetched from, and which address in a foreign document is not followed."""

import pytest

from mcp_service.issuer.metadata import BadMetadata
from mcp_service.jwks.discovery import jwks_uri_of


@pytest.mark.parametrize(
    "address", ["https://keys.example/set", "http://127.0.0.1:9000/set", "http://[::1]/set", "http://localhost/set"]
)
def test_a_safe_address_is_taken(address):
    assert jwks_uri_of({"jwks_uri": address}) == address


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"jwks_uri": 5},
        {"jwks_uri": "http://keys.example/set"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "/set"},
    ],
)
def test_any_other_document_is_not_believed(document):
    with pytest.raises(BadMetadata):
        jwks_uri_of(document)
