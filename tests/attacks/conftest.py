"""The authorization server as a whole, as the endpoints' tests have it."""

from tests.auth_service.conftest import auth, client, compiled_templates, start_auth, tls_context

__all__ = ["auth", "client", "compiled_templates", "start_auth", "tls_context"]
