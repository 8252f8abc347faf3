"""Unit and example of each setting, for `.env.example`; description, range and default are those of its field.

A test requires an entry for every setting, and that every example is accepted. Settings whose values are a closed set,
such as on and off, need none.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from devstack.local_settings import notes_resource


class Value(NamedTuple):
    """The unit or the form of a setting, and an example."""

    unit: str
    example: str
    is_secret: bool = False
    """The example is then that of the file which holds it: a published secret would be none."""


_SECONDS: Final = "seconds"
_HOSTS: Final = "IP addresses, with commas between them"
_NETWORKS: Final = "IP addresses and networks, with commas between them"
_URL: Final = "a URL"
_PROVIDERS: Final = [
    {
        "id": "google",
        "kind": "oidc",
        "preset": "google",
        "display_name": "Google",
        "client_id": "example.apps.googleusercontent.com",
        "client_secret_file": "/run/secrets/google",
        "allow": {"emails": ["ada@example.com"]},
    }
]

AUTH_VALUES: Final = {
    "AUTH_ISSUER": Value(_URL, "https://auth.example.com"),
    "AUTH_RESOURCES": Value("a JSON list of objects", json.dumps([notes_resource("https://mcp.example.com/mcp")])),
    "AUTH_REDIS_URL": Value(_URL, "redis://localhost:6379/0"),
    "AUTH_KEY_ENCRYPTION_KEY": Value(
        "secrets of 32 bytes in base64url, with commas between them", "/run/secrets/key-encryption-key", is_secret=True
    ),
    "AUTH_HOST": Value(_HOSTS, "0.0.0.0"),  # noqa: S104 - an example for a container
    "AUTH_PORT": Value("a port", "9100"),
    "AUTH_MAX_CONNECTIONS": Value("connections", "8192"),
    "AUTH_MAX_CONNECTIONS_PER_NETWORK": Value("connections", "512"),
    "AUTH_DRAIN_SECONDS": Value(_SECONDS, "15"),
    "AUTH_SHUTDOWN_SECONDS": Value(_SECONDS, "20"),
    "AUTH_STORE_TIMEOUT": Value(_SECONDS, "1"),
    "AUTH_ACCESS_TOKEN_TTL": Value(_SECONDS, "900"),
    "AUTH_REFRESH_TOKEN_TTL": Value(_SECONDS, "604800"),
    "AUTH_REFRESH_TOKEN_ABSOLUTE_TTL": Value(_SECONDS, "7776000"),
    "AUTH_REFRESH_TOKEN_REUSE_INTERVAL": Value(_SECONDS, "30"),
    "AUTH_AUTHORIZATION_CODE_TTL": Value(_SECONDS, "30"),
    "AUTH_INTERACTION_TTL": Value(_SECONDS, "900"),
    "AUTH_SESSION_TTL": Value(_SECONDS, "28800"),
    "AUTH_MAX_GRANTS_PER_CLIENT": Value("grants", "8"),
    "AUTH_IDENTITY_PROVIDERS": Value("a JSON list of objects (docs/identity-providers.md)", json.dumps(_PROVIDERS)),
    "AUTH_IDENTITY_MAX_AGE": Value(_SECONDS, "86400"),
    "AUTH_REDIRECT_SCHEMES": Value("URI schemes, with commas between them", "cursor,vscode,com.example.app"),
    "AUTH_CIMD_ALLOW": Value("host names, with commas between them", "claude.ai,.example.com"),
    "AUTH_CIMD_DENY": Value("host names, with commas between them", "clients.example.net"),
    "AUTH_ASSERTION_AUDIENCES": Value("URLs, with commas between them", "https://tools.example.com/token"),
    "AUTH_REGISTRATION_TTL": Value(_SECONDS, "5184000"),
    "AUTH_REGISTRATION_UNUSED_TTL": Value(_SECONDS, "3600"),
    "AUTH_REGISTRATION_BUDGET_BYTES": Value("bytes", "134217728"),
    "AUTH_TRUSTED_PROXIES": Value(_NETWORKS, "10.0.0.0/8"),
    "AUTH_RATE_LIMIT_SHARED_NETWORKS": Value(_NETWORKS, "160.79.104.0/21,203.0.113.7"),
    "AUTH_PRODUCT_NAME": Value("a text of at most 40 characters", "Example Tools"),
    "AUTH_BRAND_COLOR": Value("a colour, #rrggbb", "#1d4ed8"),
    "AUTH_FORGOT_PASSWORD": Value("an https URL or a mailto: address", "mailto:help@example.com"),
    "AUTH_PAGES_CATALOGUE": Value("the path of a .mo file", "/etc/sallyport/pages-de.mo"),
    "AUTH_KEY_ROTATION_INTERVAL": Value(_SECONDS, "604800"),
    "AUTH_KEY_SET_MAX_AGE": Value(_SECONDS, "600"),
    "AUTH_KEY_PUBLISH_LEAD_TIME": Value(_SECONDS, "3600"),
}

MCP_VALUES: Final = {
    "MCP_UPSTREAM_PRIVATE": Value("networks, with commas between them, or true", "10.1.2.0/24"),
    "MCP_UPSTREAM_CLAIMS": Value("names of claims, with commas between them", "email,groups"),
    "MCP_UPSTREAM_AUDIENCE": Value("a text, usually a URL", "https://tools.internal.example"),
    "MCP_STATE_DIR": Value("a directory", "/var/lib/sallyport"),
    "MCP_UPSTREAM_KEY": Value("a JWK or a JWKS, as JSON", "/run/secrets/assertion-key.json", is_secret=True),
    "MCP_UPSTREAM_KEY_ROTATION_INTERVAL": Value(_SECONDS, "604800"),
    "MCP_UPSTREAM": Value(_URL, "http://127.0.0.1:3000/mcp"),
    "MCP_UPSTREAM_SOCKET": Value("a path", "/run/tools/mcp.sock"),
    "MCP_UPSTREAM_HOST": Value("a host name, with a port or without", "tools.internal.example"),
    "MCP_UPSTREAM_HEADERS": Value(
        "a JSON object of names and values", "/run/secrets/upstream-headers.json", is_secret=True
    ),
    "MCP_UPSTREAM_CA_FILE": Value("a file in PEM", "/etc/ssl/private-ca.pem"),
    "MCP_UPSTREAM_SESSION_KEY": Value(
        "a text of at least 32 characters", "/run/secrets/upstream-session-key", is_secret=True
    ),
    "MCP_UPSTREAM_CONNECT_SECONDS": Value(_SECONDS, "2"),
    "MCP_UPSTREAM_RESPONSE_SECONDS": Value(_SECONDS, "600"),
    "MCP_UPSTREAM_IDLE_SECONDS": Value(_SECONDS, "120"),
    "MCP_UPSTREAM_MAX_RESPONSE_BYTES": Value("bytes", "67108864"),
    "MCP_UPSTREAM_MAX_REQUESTS": Value("requests", "256"),
    "MCP_UPSTREAM_COMMAND": Value("a command with its arguments", "npx -y @modelcontextprotocol/server-everything"),
    "MCP_UPSTREAM_MAX_PROCESSES": Value("processes", "100"),
    "MCP_UPSTREAM_PROCESS_IDLE_SECONDS": Value(_SECONDS, "3600"),
    "MCP_UPSTREAM_START_SECONDS": Value(_SECONDS, "180"),
    "MCP_UPSTREAM_SILENT_SECONDS": Value(_SECONDS, "1800"),
    "MCP_UPSTREAM_MEMORY_MB": Value("MiB", "512"),
    "MCP_UPSTREAM_MAX_LINE_BYTES": Value("bytes", "33554432"),
    "MCP_UPSTREAM_ENVIRONMENT": Value("names of variables, with commas between them", "GITHUB_TOKEN,HTTPS_PROXY"),
    "MCP_ISSUER": Value(_URL, "https://auth.example.com"),
    "MCP_RESOURCE": Value(_URL, "https://mcp.example.com/mcp"),
    "MCP_RESOURCE_NAME": Value("a text of at most 100 characters", "Weather"),
    "MCP_RESOURCE_ALIASES": Value("texts, with commas between them", "https://tools.example.com/mcp"),
    "MCP_JWKS_URL": Value(_URL, "http://auth:9000/.well-known/jwks.json"),
    "MCP_FORWARD_OAUTH_TO": Value("an origin: scheme, host and port", "http://auth:9000"),
    "MCP_JWKS_MAX_STALE": Value(_SECONDS, "3600"),
    "MCP_JWKS_COOLDOWN": Value(_SECONDS, "30"),
    "MCP_STATUS_LISTS_URL": Value(_URL, "http://auth:9000/status-lists"),
    "MCP_STATUS_LIST_PREFIXES": Value("URLs, with commas between them", "https://auth.example.com/status-lists/"),
    "MCP_STATUS_MAX_STALE": Value(_SECONDS, "600"),
    "MCP_HOST": Value(_HOSTS, "0.0.0.0"),  # noqa: S104 - an example for a container
    "MCP_PORT": Value("a port", "9101"),
    "MCP_MAX_CONNECTIONS": Value("connections", "8192"),
    "MCP_MAX_CONNECTIONS_PER_NETWORK": Value("connections", "512"),
    "MCP_TRUSTED_PROXIES": Value(_NETWORKS, "10.0.0.0/8"),
    "MCP_RATE_LIMIT_SHARED_NETWORKS": Value(_NETWORKS, "160.79.104.0/21,203.0.113.7"),
    "MCP_SERVER": Value("a Python object", "./weather.py:server"),
    "MCP_SCOPES": Value("a file, a Python object, or JSON", "./scopes.json"),
    "MCP_TOOL_RESULT_AUTH_CLIENTS": Value("names of clients, with commas between them", "openai-mcp,example-client"),
    "MCP_ALLOWED_ORIGINS": Value("origins, with commas between them", "https://app.example.com"),
    "MCP_MAX_BODY_BYTES": Value("bytes", "4194304"),
    "MCP_NOTES_REDIS_URL": Value(_URL, "redis://localhost:6379/1"),
    "MCP_DRAIN_SECONDS": Value(_SECONDS, "15"),
    "MCP_SHUTDOWN_SECONDS": Value(_SECONDS, "20"),
}
