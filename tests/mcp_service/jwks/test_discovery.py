"""Where keys are fetched from, and which address in a foreign document is not followed."""

import pytest

from mcp_service.jwks.discovery import BadMetadata, jwks_uri_of, metadata_urls

ISSUER = "https://auth.example"


@pytest.mark.parametrize(
    ("issuer", "addresses"),
    [
        (
            "https://auth.example",
            (
                "https://auth.example/.well-known/oauth-authorization-server",
                "https://auth.example/.well-known/openid-configuration",
            ),
        ),
        (
            "https://auth.example/realms/a",
            (
                "https://auth.example/.well-known/oauth-authorization-server/realms/a",
                "https://auth.example/.well-known/openid-configuration/realms/a",
                "https://auth.example/realms/a/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_metadata_are_looked_for_where_clients_look(issuer, addresses):
    assert metadata_urls(issuer) == addresses


@pytest.mark.parametrize(
    "address", ["https://keys.example/set", "http://127.0.0.1:9000/set", "http://[::1]/set", "http://localhost/set"]
)
def test_a_safe_address_is_taken(address):
    assert jwks_uri_of({"issuer": ISSUER, "jwks_uri": address}, issuer=ISSUER) == address


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": 5},
        {"issuer": ISSUER, "jwks_uri": "http://keys.example/set"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": "/set"},
        {"issuer": f"{ISSUER}/", "jwks_uri": "https://keys.example/set"},
        {"issuer": None, "jwks_uri": "https://keys.example/set"},
    ],
)
def test_any_other_document_is_not_believed(document):
    with pytest.raises(BadMetadata):
        jwks_uri_of(document, issuer=ISSUER)
