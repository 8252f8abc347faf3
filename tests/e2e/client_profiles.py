"""The requests of each client of the field, as data: one row per client, as docs/clients.md lists them.

Facts are public knowledge of September 2026; where a client's habit is unknown the row has the usual one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support import vendor_documents

CHALLENGE = "{challenge}"
"""The scope that the challenge of the first refused call named."""
ADVERTISED = "{advertised}"
"""Everything in the authorization server's scopes_supported."""
OPENAI = "openid email offline_access {challenge}"


@dataclass(frozen=True)
class Profile:
    """One client. The defaults are what most clients do."""

    name: str
    redirect_uri: str
    """Address at which this client listens, with the port."""
    document: dict[str, Any] | None = None
    """Its client ID metadata document, served under its real name; else it registers."""
    registration: dict[str, Any] | None = None
    """The body of its registration request; else the operator adds it."""
    authentication: Literal["none", "client_secret_basic", "client_secret_post", "private_key_jwt"] = "none"
    scopes: str | None = CHALLENGE
    """The scope that it requests; None for clients that send no scope."""
    resource: Literal["plain", "omitted", "repeated", "with a slash", "upper-case host"] = "plain"
    resource_on_refresh: bool = True
    scope_on_refresh: bool = False
    reads: Literal["header", "path", "root"] = "header"
    """Source from which it takes the address of the protected resource metadata first."""
    discovers: Literal["oauth", "openid"] = "oauth"
    wire: Literal["2026-07-28", "2025-11-25", "2025-06-18"] = "2025-11-25"
    state: bool = True
    authorize_with: dict[str, str] = field(default_factory=dict)
    """Further parameters of its authorization requests."""
    origin: str | None = None
    """It runs in a browser, at this origin: everything must pass CORS."""

    def __str__(self) -> str:
        return self.name


def registered(*redirect_uris: str, method: str | None = "none", **members: Any) -> dict[str, Any]:
    """A registration body of the usual shape."""
    body = {
        "redirect_uris": list(redirect_uris),
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        **members,
    }
    return body if method is None else body | {"token_endpoint_auth_method": method}


VS_CODE_BODY = registered(
    "https://insiders.vscode.dev/redirect",
    "https://vscode.dev/redirect",
    "http://127.0.0.1/",
    "http://127.0.0.1:33418/",
    client_name="Visual Studio Code",
    client_uri="https://code.visualstudio.com",
    application_type="native",
) | {"grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]}

CURSOR_BODY = registered(
    "http://localhost:8787/callback",
    "https://www.cursor.com/agents/mcp/oauth/callback",
    "cursor://anysphere.cursor-mcp/oauth/callback",
    client_name="Cursor",
)

PROFILES = (
    # ChatGPT and Codex: what the server offers decides how they come; OIDC scopes and offline_access are added.
    Profile(
        "ChatGPT by document, public",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        document=vendor_documents.CHATGPT,
        scopes=OPENAI,
        reads="path",
        wire="2026-07-28",
    ),
    Profile(
        "ChatGPT by document, with its key",
        "https://chatgpt.com/connector_platform_oauth_redirect",
        document=vendor_documents.CHATGPT,
        authentication="private_key_jwt",
        scopes=OPENAI,
        reads="path",
        wire="2026-07-28",
        authorize_with={"login_hint": "alice", "nonce": "n-1"},
    ),
    Profile(
        "ChatGPT by a document per connector",
        "https://chatgpt.com/connector/oauth/cb_1a2b3c",
        document=vendor_documents.CHATGPT_PER_CALLBACK,
        scopes=None,
        reads="path",
        discovers="openid",
    ),
    Profile(
        "ChatGPT by registration",
        "https://chatgpt.com/connector/oauth/cb_9z8y7x",
        registration=registered("https://chatgpt.com/connector/oauth/cb_9z8y7x", client_name="ChatGPT"),
        reads="path",
    ),
    Profile(
        "Codex",
        "http://127.0.0.1:41873/callback",
        document=vendor_documents.CODEX,
        scopes=ADVERTISED,
        resource_on_refresh=False,
    ),
    Profile(
        "Codex with its resource setting",
        "http://127.0.0.1:41873/callback",
        document=vendor_documents.CODEX,
        resource="repeated",
        resource_on_refresh=False,
    ),
    # Claude.
    Profile(
        "Claude hosted by document",
        "https://claude.ai/api/mcp/auth_callback",
        document=vendor_documents.CLAUDE,
        scopes=f"{CHALLENGE} offline_access",
    ),
    Profile(
        "Claude hosted by registration",
        "https://claude.ai/api/mcp/auth_callback",
        registration=registered("https://claude.ai/api/mcp/auth_callback", client_name="Claude"),
        scopes=f"{CHALLENGE} offline_access",
    ),
    Profile(
        "Claude hosted with an id of the operator's",
        "https://claude.com/api/mcp/auth_callback",
        authentication="client_secret_post",
    ),
    Profile("Claude Code on localhost", "http://localhost:53682/callback", document=vendor_documents.CLAUDE_CODE),
    Profile(
        "Claude Code on 127.0.0.1",
        "http://127.0.0.1:53682/callback",
        document=vendor_documents.CLAUDE_CODE,
        scopes=None,
        wire="2026-07-28",
    ),
    # Microsoft.
    Profile("VS Code by document", "http://127.0.0.1:33418/", document=vendor_documents.VS_CODE, scope_on_refresh=True),
    Profile("VS Code by registration, port taken", "http://127.0.0.1:50923/", registration=VS_CODE_BODY),
    Profile("VS Code in the browser", "https://vscode.dev/redirect", registration=VS_CODE_BODY),
    Profile(
        "GitHub Copilot CLI",
        "http://127.0.0.1:61001/",
        document=vendor_documents.COPILOT_CLI,
        scope_on_refresh=True,
    ),
    Profile(
        "Microsoft Copilot Studio",
        "https://global.consent.azure-apim.net/redirect/crd5a-5fnotes-2dmcp-5f1b2c3",
        registration=registered(
            "https://global.consent.azure-apim.net/redirect/crd5a-5fnotes-2dmcp-5f1b2c3",
            method="client_secret_post",
            client_name="Microsoft Copilot Studio",
        ),
        authentication="client_secret_post",
        scopes=None,
        resource="omitted",
        resource_on_refresh=False,
        reads="root",
    ),
    # Cursor registers three redirect URIs of three kinds at once.
    Profile(
        "Cursor desktop",
        "http://localhost:8787/callback",
        registration=CURSOR_BODY,
        scopes=ADVERTISED,
        reads="path",
    ),
    Profile(
        "Cursor on the web",
        "https://www.cursor.com/agents/mcp/oauth/callback",
        registration=CURSOR_BODY,
        scopes=ADVERTISED,
        reads="path",
    ),
    Profile(
        "Cursor of old, without state",
        "cursor://anysphere.cursor-mcp/oauth/callback",
        registration=CURSOR_BODY,
        scopes=ADVERTISED,
        state=False,
        wire="2025-06-18",
    ),
    # Tools of developers.
    Profile(
        "MCP Inspector in the browser",
        "http://localhost:6274/oauth/callback",
        registration=registered("http://localhost:6274/oauth/callback", client_name="MCP Inspector"),
        origin="http://localhost:6274",
    ),
    Profile(
        "MCP Inspector of old, debugging",
        "http://localhost:6274/oauth/callback/debug",
        registration=registered(
            "http://localhost:6274/oauth/callback",
            "http://localhost:6274/oauth/callback/debug",
            client_name="MCP Inspector",
        ),
        origin="http://localhost:6274",
        wire="2025-06-18",
    ),
    Profile(
        "MCP Inspector on the command line",
        "http://127.0.0.1:6276/oauth/callback",
        registration=registered("http://127.0.0.1:6276/oauth/callback", client_name="MCP Inspector"),
    ),
    Profile(
        "mcp-remote",
        "http://localhost:3334/oauth/callback",
        registration=registered("http://localhost:3334/oauth/callback", client_name="MCP CLI Proxy"),
        scopes="openid email profile",
    ),
    # Google.
    Profile(
        "Gemini CLI",
        "http://localhost:7777/oauth/callback",
        registration=registered("http://localhost:43999/oauth/callback", client_name="Gemini CLI MCP Client"),
        scopes=ADVERTISED,
    ),
    Profile(
        "Antigravity",
        "https://antigravity.google/oauth-callback",
        registration=registered("https://antigravity.google/oauth-callback", client_name="Antigravity"),
    ),
    Profile(
        "Gemini Spark",
        "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-42-mcp_example_com",
        registration=registered(
            "https://oauth-redirect.googleusercontent.com/r/user_bound_custom-mcp-42-mcp_example_com", method=None
        ),
        authentication="client_secret_basic",
    ),
    Profile(
        "Gemini Enterprise",
        "https://vertexaisearch.cloud.google.com/oauth-redirect",
        authentication="client_secret_post",
        scopes="notes:read",
        resource="omitted",
        resource_on_refresh=False,
    ),
    # Others.
    Profile(
        "Le Chat",
        "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback",
        registration=registered(
            "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback",
            method="client_secret_basic",
            client_name="Mistral AI",
        ),
        authentication="client_secret_basic",
        resource="with a slash",
        discovers="openid",
    ),
    Profile(
        "Grok",
        "https://grok.com/connectors-oauth-exchange-code/",
        registration=registered(
            "https://grok.com/connectors-oauth-exchange-code/",
            "https://console.x.ai/connectors-oauth-exchange-code/",
            client_name="Grok",
        ),
    ),
    Profile("Grok by document", "https://grok.com/connectors-oauth-exchange-code/", document=vendor_documents.GROK),
    Profile(
        "Perplexity",
        "https://www.perplexity.ai/rest/connections/oauth_callback",
        registration=registered(
            "https://www.perplexity.ai/rest/connections/oauth_callback",
            "https://enterprise.perplexity.ai/rest/connections/oauth_callback",
            client_name="Perplexity",
        ),
        resource="upper-case host",
    ),
    Profile("Goose", "http://127.0.0.1:38111/oauth_callback", document=vendor_documents.GOOSE, scopes=ADVERTISED),
    Profile("Zed", "http://127.0.0.1:55555/callback", document=vendor_documents.ZED, wire="2026-07-28"),
    Profile(
        "Warp",
        "warp://mcp/oauth2callback",
        registration=registered("warp://mcp/oauth2callback", client_name="Warp"),
        resource="omitted",
        resource_on_refresh=False,
    ),
    Profile(
        "Devin",
        "https://api.devin.ai/mcp/oauth/callback",
        registration=registered("https://api.devin.ai/mcp/oauth/callback", client_name="Devin"),
    ),
    Profile(
        "n8n",
        "https://oauth.n8n.cloud/oauth2/callback",
        registration=registered("https://oauth.n8n.cloud/oauth2/callback", method=None, client_name="n8n"),
        authentication="client_secret_basic",
    ),
    Profile(
        "Kiro",
        "http://localhost:7778/oauth/callback",
        registration=registered("http://localhost:7778/oauth/callback", client_name="Kiro"),
    ),
    Profile(
        "Open WebUI on a host of its own",
        "https://chat.home.example:8443/oauth/clients/mcp/callback",
        registration=registered(
            "https://chat.home.example:8443/oauth/clients/mcp/callback",
            method="client_secret_post",
            client_name="Open WebUI",
        ),
        authentication="client_secret_post",
    ),
    Profile(
        "Home Assistant",
        "https://my.home-assistant.io/redirect/oauth",
        registration=registered("https://my.home-assistant.io/redirect/oauth", client_name="Home Assistant"),
        authorize_with={"prompt": "consent"},
    ),
)
