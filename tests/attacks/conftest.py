"""The authorization server as a whole, as the endpoints' tests have it."""

from tests.endpoints.conftest import auth, client, start_auth, tls_context

__all__ = ["auth", "client", "start_auth", "tls_context"]
