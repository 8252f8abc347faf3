"""Entra's endpoints of the v2.0 protocol on a loopback address, with documents and tokens of the documented shapes.

The metadata of `organizations` and `common` have a template for an issuer; each key says whose tokens it signs; `sub`
is another for each application; tokens are dated back by five minutes; an address is what an administrator wrote; more
than 200 groups are replaced by a reference. The metadata name neither PKCE nor `iss` in responses, and keys have no
`alg`. Members of a token can be replaced by invalid ones.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from aiohttp import web

from tests.support.local_issuer import b64, sign_bytes
from tests.support.oauth import basic, challenge
from tests.support.oidc_model import signing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from joserfc.jwk import Key

CONTOSO: Final = "11111111-2222-3333-4444-555555555555"
FABRIKAM: Final = "66666666-7777-8888-9999-aaaaaaaaaaaa"
PERSONAL_ACCOUNTS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
MAX_GROUPS_IN_TOKEN: Final = 200
DATED_BACK_SECONDS: Final = 300


@dataclass
class EntraUser:
    """An account in a tenant."""

    tenant: str
    oid: str = field(default_factory=lambda: str(uuid.uuid4()))
    name: str = "Ada Lovelace"
    upn: str = "ada@contoso.example"
    email: str | None = "ada@contoso.example"
    """Whatever the administrator of the tenant has written."""
    edov: bool | None = None
    """`xms_edov`: whether the owner of the domain verified the address; None if the application is not given it."""
    groups: list[str] | None = None
    """Object ids; None if the application is not given the claim."""


@dataclass
class _Code:
    user: EntraUser
    tenant: str
    query: Mapping[str, str]


class EntraModel:
    """`user` is the account that the browser is signed in to."""

    def __init__(self, *, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret
        self.user = EntraUser(CONTOSO)
        self.claims: dict[str, Any] = {}
        """Claims in the place of the valid ones; None leaves one out."""
        self.admits_every_tenant = False
        """A fault: an endpoint for work accounts lets personal accounts in, or one of a tenant another tenant's."""
        self.work_key = signing_key("work")
        self.personal_key = signing_key("personal")
        self.signs_with: Key | None = None
        """A fault: the key of the other kind of account."""
        self.url = ""
        self._codes: dict[str, _Code] = {}
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._metadata)
        app.router.add_get("/{tenant}/discovery/v2.0/keys", self._keys)
        app.router.add_get("/{tenant}/oauth2/v2.0/authorize", self._authorize)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def issuer(self, tenant: str) -> str:
        """The issuer of a tenant; with `{tenantid}`, the template."""
        return f"{self.url}/{tenant}/v2.0"

    async def _metadata(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        named = {"organizations": "{tenantid}", "common": "{tenantid}", "consumers": PERSONAL_ACCOUNTS}.get(
            tenant, tenant
        )
        root = f"{self.url}/{tenant}"
        return web.json_response(
            {
                "token_endpoint": f"{root}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                    "self_signed_tls_client_auth",
                ],
                "jwks_uri": f"{root}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": self.issuer(named),
                "request_uri_parameter_supported": False,
                "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
                "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{root}/oauth2/v2.0/devicecode",
                "http_logout_supported": True,
                "frontchannel_logout_supported": True,
                "end_session_endpoint": f"{root}/oauth2/v2.0/logout",
                "claims_supported": [
                    "sub",
                    "iss",
                    "aud",
                    "exp",
                    "iat",
                    "auth_time",
                    "nonce",
                    "name",
                    "tid",
                    "ver",
                    "email",
                ],
                "kerberos_endpoint": f"{root}/kerberos",
                "tenant_region_scope": None,
                "cloud_instance_name": "microsoftonline.com",
                "cloud_graph_host_name": "graph.windows.net",
                "msgraph_host": "graph.microsoft.com",
                "rbac_url": "https://pas.windows.net",
            }
        )

    async def _keys(self, request: web.Request) -> web.Response:
        keys = [(self.work_key, self.issuer("{tenantid}"))]
        if request.match_info["tenant"] in {"common", "consumers"}:
            keys.append((self.personal_key, self.issuer(PERSONAL_ACCOUNTS)))
        return web.json_response({"keys": [_published(key, issuer) for key, issuer in keys]})

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        query = dict(request.query)
        tenant, user = request.match_info["tenant"], self.user
        if query.get("client_id") != self.client_id:
            return web.Response(status=400, text="AADSTS700016: the application was not found.")
        if not self.admits_every_tenant and not _admits(tenant, user.tenant):
            # Entra shows its own page; the browser does not come back.
            return web.Response(status=400, text="AADSTS50020: the user account does not exist in the tenant.")
        code = f"1.{secrets.token_urlsafe(40)}"
        self._codes[code] = _Code(user, tenant, query)
        answer = {"code": code, "state": query.get("state", ""), "session_state": str(uuid.uuid4())}
        raise web.HTTPFound(f"{query['redirect_uri']}?{urlencode(answer)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        credentials = basic(self.client_id, self.client_secret)
        posted = (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)
        if not posted and request.headers.get("Authorization") != credentials:
            return _error(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.tenant != request.match_info["tenant"]:
            return _error(
                400, "invalid_grant", "AADSTS70000: The provided value for the 'code' parameter is not valid."
            )
        if code.query.get("redirect_uri") != form.get("redirect_uri"):
            return _error(400, "invalid_client", "AADSTS500112: The reply address does not match.")
        if code.query.get("code_challenge", "") != challenge(form.get("code_verifier", "")):
            return _error(400, "invalid_grant", "AADSTS501481: The Code_Verifier does not match the code_challenge.")
        return web.json_response(
            {
                "token_type": "Bearer",
                "scope": "email openid profile 00000003-0000-0000-c000-000000000000/User.Read",
                "expires_in": 4186,
                "ext_expires_in": 4186,
                "access_token": f"EwB{secrets.token_urlsafe(300)}",
                "id_token": self._id_token(code.user, nonce=code.query.get("nonce")),
            }
        )

    def _id_token(self, user: EntraUser, *, nonce: str | None) -> str:
        key = self.signs_with or (self.personal_key if user.tenant == PERSONAL_ACCOUNTS else self.work_key)
        issued_at = int(time.time()) - DATED_BACK_SECONDS
        claims = {
            "aud": self.client_id,
            "iss": self.issuer(user.tenant),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + 3900,
            "aio": secrets.token_urlsafe(60),
            "email": user.email,
            "name": user.name,
            "nonce": nonce,
            "oid": user.oid,
            "preferred_username": user.upn,
            "rh": f"1.{secrets.token_urlsafe(40)}",
            "sid": str(uuid.uuid4()),
            "sub": b64(hashlib.sha256(f"{user.oid} {self.client_id}".encode()).digest()),
            "tid": user.tenant,
            "uti": secrets.token_urlsafe(16),
            "ver": "2.0",
            "xms_edov": user.edov,
            **_groups(user),
            **self.claims,
        }
        header = {"typ": "JWT", "alg": "RS256", "kid": key.kid}
        stated = {name: value for name, value in claims.items() if value is not None}
        return sign_bytes(json.dumps(header).encode(), json.dumps(stated).encode(), key)


def _published(key: Key, issuer: str) -> dict[str, Any]:
    """As Entra publishes a key: without `alg`, with the issuer whose tokens it signs."""
    public = dict(key.as_dict(private=False))
    public.pop("alg")
    return public | {"x5t": key.kid, "cloud_instance_name": "microsoftonline.com", "issuer": issuer}


def _admits(endpoint: str, tenant: str) -> bool:
    match endpoint:
        case "common":
            return True
        case "organizations":
            return tenant != PERSONAL_ACCOUNTS
        case "consumers":
            return tenant == PERSONAL_ACCOUNTS
        case _:
            return tenant == endpoint


def _groups(user: EntraUser) -> dict[str, Any]:
    if user.groups is None:
        return {}
    if len(user.groups) <= MAX_GROUPS_IN_TOKEN:
        return {"groups": user.groups}
    source = f"https://graph.windows.net/{user.tenant}/users/{user.oid}/getMemberObjects"
    return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": source}}}


def _error(status: int, error: str, description: str) -> web.Response:
    members = {
        "error": error,
        "error_description": f"{description} Trace ID: {uuid.uuid4()} Correlation ID: {uuid.uuid4()}",
        "error_codes": [int(description.removeprefix("AADSTS").partition(":")[0])],
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
        "trace_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
    }
    return web.json_response(members, status=status)
