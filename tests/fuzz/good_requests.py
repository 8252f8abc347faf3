"""Good requests with values that the pair issued: clients, codes, tokens, forms with their CSRF values."""

from __future__ import annotations

import base64
from typing import Protocol

from tests.fuzz.requests import FORM, JSON, Sent
from tests.support.plain_client import REDIRECT_URI, Deployment, PlainClient
from tests.support.user_agent import user_agent

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "fuzz", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


class DeploymentWithUser(Deployment, Protocol):
    """The addresses of both services, and a user who can sign in."""

    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


async def good_requests(pair: DeploymentWithUser) -> list[Sent]:
    """One good request, or several, for every endpoint of both services."""
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        tokens = await client.tokens(user, scope="openid notes:read")
        callback, verifier = await client.authorize(user)
        confidential = await _confidential(client)
        forms = await _forms(pair)
    query = (
        ("response_type", "code"),
        ("client_id", client.client_id),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "s"),
        ("scope", "notes:read"),
        ("resource", pair.resource),
        ("prompt", "login"),
        ("max_age", "60"),
        ("id_token_hint", tokens["id_token"]),
    )
    code = (
        ("grant_type", "authorization_code"),
        ("code", callback["code"]),
        ("code_verifier", verifier),
        ("redirect_uri", REDIRECT_URI),
        ("client_id", client.client_id),
    )
    refresh = (
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"]),
        ("client_id", client.client_id),
        ("scope", "notes:read"),
    )
    identified = (("client_id", confidential["client_id"]), ("client_secret", confidential["client_secret"]))
    basic = base64.b64encode(f"{identified[0][1]}:{identified[1][1]}".encode()).decode()
    registration = (
        ("client_name", "Fuzz"),
        ("redirect_uris", [REDIRECT_URI]),
        ("grant_types", ["authorization_code", "refresh_token"]),
        ("response_types", ["code"]),
        ("token_endpoint_auth_method", "none"),
        ("scope", "notes:read"),
        ("client_uri", "https://client.example"),
    )
    manage = (("Authorization", f"Bearer {confidential['registration_access_token']}"),)
    managed = f"/register/{confidential['client_id']}"
    bearer = (("Authorization", f"Bearer {tokens['access_token']}"),)
    documents = (
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/jwks.json",
        *("/livez", "/readyz", "/metrics"),
    )
    return [
        *(Sent("auth", "GET", path) for path in documents),
        *[Sent("auth", "GET", "/authorize", query)] * 3,
        Sent("auth", "POST", "/authorize", query, FORM),
        *[Sent("auth", "POST", "/token", code, FORM)] * 3,
        *[Sent("auth", "POST", "/token", refresh, FORM)] * 3,
        Sent("auth", "POST", "/token", refresh[:2], FORM, (("Authorization", f"Basic {basic}"),)),
        Sent("auth", "POST", "/token/introspect", (*identified, ("token", tokens["access_token"])), FORM),
        Sent("auth", "POST", "/token/introspect", (*identified, ("token", tokens["refresh_token"])), FORM),
        Sent(
            "auth", "POST", "/token/revoke", (*identified, ("token", "x"), ("token_type_hint", "refresh_token")), FORM
        ),
        *[Sent("auth", "POST", "/register", registration, JSON)] * 3,
        Sent("auth", "GET", managed, headers=manage),
        Sent("auth", "PUT", managed, (("client_id", confidential["client_id"]), *registration), JSON, manage),
        Sent("auth", "GET", "/userinfo", headers=bearer),
        Sent("auth", "POST", "/userinfo", (("access_token", tokens["access_token"]),), FORM),
        *forms,
        *_mcp_requests(bearer),
    ]


async def _confidential(client: PlainClient) -> dict[str, str]:
    public = client.client_id
    granted = await client.register(token_endpoint_auth_method="client_secret_post")
    client.client_id = public
    return granted


async def _forms(pair: DeploymentWithUser) -> list[Sent]:
    """The pages' forms, filled in, with the cookie that belongs to them."""
    async with user_agent(pair.username, pair.password) as user:
        page = await user.get(f"{pair.issuer}/sign-in")
    cookie = (("Cookie", "; ".join(f"{name}={value}" for name, value in user.cookies.items())),)
    mark = ("csrf", page.forms[0].inputs["csrf"])
    sign_in = (mark, ("transaction", ""), ("username", "fuzz"), ("password", "wrong"))
    consent = (mark, ("transaction", "x" * 22), ("decision", "approve"), ("scope", "a"), ("claim", "b"))
    password = (mark, ("current_password", "a"), ("new_password", "b"), ("repeated_password", "b"))
    return [
        Sent("auth", "GET", "/sign-in", (("transaction", "x" * 22),), headers=cookie),
        Sent("auth", "POST", "/sign-in", sign_in, FORM, cookie),
        Sent("auth", "POST", "/sign-in", (mark, ("transaction", ""), ("provider", "acme")), FORM, cookie),
        Sent("auth", "GET", "/sign-in/callback/acme", (("state", "x" * 43), ("code", "y")), headers=cookie),
        Sent("auth", "POST", "/sign-in/callback/acme", (("state", "x" * 43), ("code", "y")), FORM),
        Sent("auth", "POST", "/account/link", (mark, ("provider", "acme")), FORM, cookie),
        Sent("auth", "POST", "/account/unlink", (mark, ("identity", "x" * 64)), FORM, cookie),
        Sent("auth", "GET", "/consent", (("transaction", "x" * 22),), headers=cookie),
        Sent("auth", "POST", "/consent", consent, FORM, cookie),
        Sent("auth", "GET", "/account", (("notice", "x"), ("mac", "y")), headers=cookie),
        Sent("auth", "POST", "/account/end-access", (mark, ("grant", "x" * 22)), FORM, cookie),
        Sent("auth", "POST", "/account/password", password, FORM, cookie),
        Sent("auth", "POST", "/account/sign-out", (mark, ("where", "everywhere")), FORM, cookie),
    ]


def _mcp_requests(bearer: tuple[tuple[str, str], ...]) -> list[Sent]:
    accept = ("Accept", "application/json, text/event-stream")
    modern = (*bearer, accept, ("MCP-Protocol-Version", "2026-07-28"))
    legacy = (*bearer, accept, ("MCP-Protocol-Version", "2025-11-25"))

    def call(method: str, params: dict[str, object], headers: tuple[tuple[str, str], ...]) -> Sent:
        members = (("jsonrpc", "2.0"), ("id", 1), ("method", method), ("params", params))
        return Sent("mcp", "POST", "/mcp", members, JSON, headers)

    def tool(name: str, arguments: dict[str, object]) -> Sent:
        headers = (*modern, ("Mcp-Method", "tools/call"), ("Mcp-Name", name))
        return call("tools/call", {"name": name, "arguments": arguments, "_meta": _META}, headers)

    initialize: dict[str, object] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "f", "version": "1"},
    }
    return [
        *(Sent("mcp", "GET", f"/.well-known/oauth-protected-resource{end}") for end in ("", "/mcp")),
        *(Sent("mcp", "GET", path) for path in ("/livez", "/readyz", "/metrics")),
        call("initialize", initialize, legacy),
        call("tools/list", {}, legacy),
        call("tools/list", {"_meta": _META}, (*modern, ("Mcp-Method", "tools/list"))),
        call("server/discover", {"_meta": _META}, (*modern, ("Mcp-Method", "server/discover"))),
        tool("whoami", {}),
        tool("list_notes", {}),
        tool("add_note", {"text": "fuzz"}),
        tool("delete_note", {"note_id": "1"}),
        Sent("mcp", "POST", "/mcp", (("jsonrpc", "2.0"), ("id", 1), ("method", "tools/list")), JSON, (accept,)),
        Sent("mcp", "DELETE", "/mcp", headers=bearer),
        Sent(
            "mcp",
            "OPTIONS",
            "/mcp",
            headers=(("Origin", "https://a.example"), ("Access-Control-Request-Method", "POST")),
        ),
    ]
