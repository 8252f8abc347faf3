"""Copies of the metadata documents of well-known vendors, used while theirs cannot be fetched (interop.md A15).

The edge of some vendors refuses requests from data centres, and their users could not connect. A fetched document
takes precedence over these. State of September 2026; names are for display only.
"""

from __future__ import annotations

from typing import Any, Final

_BOTH: Final = ["authorization_code", "refresh_token"]


def _public(name: str, *redirect_uris: str) -> dict[str, Any]:
    return {
        "client_name": name,
        "redirect_uris": list(redirect_uris),
        "grant_types": _BOTH,
        "token_endpoint_auth_method": "none",
    }


BUNDLED_DOCUMENTS: Final[dict[str, dict[str, Any]]] = {
    "https://chatgpt.com/oauth/client.json": _public("ChatGPT", "https://chatgpt.com/connector_platform_oauth_redirect")
    | {
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
        "token_endpoint_auth_signing_alg": "RS256",
        "jwks_uri": "https://chatgpt.com/oauth/jwks.json",
    },
    "https://chatgpt.com/oauth/codex/client.json": _public(
        "Codex", "http://127.0.0.1/callback", "http://localhost/callback"
    ),
    "https://claude.ai/oauth/mcp-oauth-client-metadata": _public("Claude", "https://claude.ai/api/mcp/auth_callback"),
    "https://claude.ai/oauth/claude-code-client-metadata": _public(
        "Claude Code", "http://localhost/callback", "http://127.0.0.1/callback"
    ),
    "https://vscode.dev/oauth/client-metadata.json": _public(
        "Visual Studio Code", "http://127.0.0.1:33418/", "https://vscode.dev/redirect"
    ),
    "https://github.com/copilot/cli/client-metadata.json": _public("GitHub Copilot CLI", "http://127.0.0.1:33418/"),
    "https://zed.dev/oauth/client-metadata.json": _public("Zed", "http://127.0.0.1/callback"),
}
