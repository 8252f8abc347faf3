"""Both services as whole applications, as the tests of their endpoints have them, and their ports for raw bytes."""

import pytest

from tests.attacks.raw_http_service import RawHttpService
from tests.auth_service.conftest import auth, client, compiled_templates, start_auth, tls_context
from tests.mcp_service.conftest import issuer, log_entries, make_service, service, signing_key

__all__ = [
    "auth",
    "client",
    "compiled_templates",
    "issuer",
    "log_entries",
    "make_service",
    "service",
    "signing_key",
    "start_auth",
    "tls_context",
]


@pytest.fixture
async def services(start_auth, service):
    """auth_service and mcp_service. Lines of both may be in either log: each captures what is logged since it began."""
    auth = await start_auth(RATE_LIMITS="off")
    logs = [auth.logs, service.logs]
    return [
        RawHttpService(
            "auth_service",
            auth.server.port,
            logs,
            ("/authorize", "/sign-in", "/consent", "/account", "/token", "/token/introspect", "/token/revoke",
             "/userinfo", "/register", "/register/x", "/.well-known/jwks.json", "/livez", "/readyz", "/metrics",
             "/unknown"),
        ),
        RawHttpService(
            "mcp_service",
            service.port,
            logs,
            ("/mcp", "/mcp/", "/.well-known/oauth-protected-resource", "/livez", "/readyz", "/metrics", "/unknown"),
            {"Authorization": service.auth()["Authorization"], "Accept": "application/json, text/event-stream"},
        ),
    ]  # fmt: skip
