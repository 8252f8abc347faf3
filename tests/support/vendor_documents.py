"""The metadata documents of real clients, as interop.md describes them: data for replays."""

from typing import Any

BOTH = ["authorization_code", "refresh_token"]


def document(url: str, name: str, redirect_uris: list[str], **members: Any) -> dict[str, Any]:
    return {
        "client_id": url,
        "client_name": name,
        "redirect_uris": redirect_uris,
        "grant_types": BOTH,
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        **members,
    }


CHATGPT = document(
    "https://chatgpt.com/oauth/client.json",
    "ChatGPT",
    ["https://chatgpt.com/connector_platform_oauth_redirect"],
    token_endpoint_auth_method="private_key_jwt",
    token_endpoint_auth_methods_supported=["none", "private_key_jwt"],
    token_endpoint_auth_signing_alg="RS256",
    jwks_uri="https://chatgpt.com/oauth/jwks.json",
)
CHATGPT_PER_CALLBACK = CHATGPT | {
    "client_id": "https://chatgpt.com/oauth/cb_1a2b3c/client.json",
    "redirect_uris": ["https://chatgpt.com/connector/oauth/cb_1a2b3c"],
}
CODEX = document(
    "https://chatgpt.com/oauth/codex/client.json", "Codex", ["http://127.0.0.1/callback", "http://localhost/callback"]
)
CLAUDE = document(
    "https://claude.ai/oauth/mcp-oauth-client-metadata", "Claude", ["https://claude.ai/api/mcp/auth_callback"]
)
CLAUDE_CODE = document(
    "https://claude.ai/oauth/claude-code-client-metadata",
    "Claude Code",
    ["http://localhost/callback", "http://127.0.0.1/callback"],
    application_type="native",
)
VS_CODE = document(
    "https://vscode.dev/oauth/client-metadata.json",
    "Visual Studio Code",
    ["http://127.0.0.1:33418/", "https://vscode.dev/redirect"],
    grant_types=[*BOTH, "urn:ietf:params:oauth:grant-type:device_code"],
)
COPILOT_CLI = document(
    "https://github.com/copilot/cli/client-metadata.json", "GitHub Copilot CLI", ["http://127.0.0.1:33418/"]
)
ZED = document("https://zed.dev/oauth/client-metadata.json", "Zed", ["http://127.0.0.1/callback"])
GOOSE = document("https://goose-docs.ai/oauth/client-metadata.json", "Goose", ["http://127.0.0.1/oauth_callback"])
GROK = document("https://grok.com/oauth/mcp-client.json", "Grok", ["https://grok.com/connectors-oauth-exchange-code/"])

ALL = [CHATGPT, CHATGPT_PER_CALLBACK, CODEX, CLAUDE, CLAUDE_CODE, VS_CODE, COPILOT_CLI, ZED, GOOSE, GROK]
