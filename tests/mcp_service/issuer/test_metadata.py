"""Where the issuer's metadata are looked for, and whose are believed."""

import pytest

from mcp_service.issuer.metadata import BadMetadata, metadata_urls, of_issuer

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


@pytest.mark.parametrize("named", [f"{ISSUER}/", None, 5])
def test_metadata_of_another_issuer_are_not_believed(named):
    with pytest.raises(BadMetadata):
        of_issuer({"issuer": named}, issuer=ISSUER)
