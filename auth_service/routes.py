"""The routes of auth_service, and their cross-origin policies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from auth_service.keys.jwks_endpoint import CORS as JWKS_CORS
from auth_service.keys.jwks_endpoint import PATH as JWKS_PATH
from auth_service.status_lists.identifiers import PATH as STATUS_LISTS_PATH
from shared.http.application import Cors

if TYPE_CHECKING:
    from auth_service.wiring import Components
    from shared.http.prepared_documents import FindDocument

_READ: Final = Cors(methods="GET, HEAD, OPTIONS")
_POST: Final = Cors(methods="POST, OPTIONS")
_READ_OR_POST: Final = Cors(methods="GET, POST, OPTIONS")


def pages(base: str, c: Components) -> list[web.RouteDef]:
    """Routes that a browser visits: an error there is a page."""
    return [
        web.get(f"{base}/authorize", c.authorization.authorize.show, allow_head=False),
        web.post(f"{base}/authorize", c.authorization.authorize.submit),
        web.get(f"{base}/sign-in", c.sign_in.endpoint.show, allow_head=False),
        web.post(f"{base}/sign-in", c.sign_in.endpoint.submit),
        web.get(f"{base}/sign-in/callback/{{provider}}", c.sign_in.callback.show, allow_head=False),
        web.post(f"{base}/sign-in/callback/{{provider}}", c.sign_in.callback.receive),
        web.get(f"{base}/consent", c.authorization.consent.show, allow_head=False),
        web.post(f"{base}/consent", c.authorization.consent.submit),
        web.get(f"{base}/", c.account.home.show, allow_head=False),
        web.get(f"{base}/account", c.account.page.show, allow_head=False),
        web.post(f"{base}/account/end-access", c.account.endpoint.end_access),
        web.post(f"{base}/account/link", c.account.link.__call__),
        web.post(f"{base}/account/unlink", c.account.unlink.__call__),
        web.post(f"{base}/account/password", c.account.password.__call__),
        web.post(f"{base}/account/end-all-access", c.account.endpoint.end_all_access),
        web.post(f"{base}/account/sign-out-browser", c.account.endpoint.sign_out_browser),
        web.post(f"{base}/account/sign-out", c.account.endpoint.sign_out),
    ]


def endpoints(base: str, c: Components) -> list[web.RouteDef]:
    """Routes that a client calls: an error there is JSON."""
    registration = f"{base}/register/{{client_id}}"
    return [
        *(web.get(path, c.metadata.__call__) for path in c.metadata.paths),
        web.get(f"{base}{JWKS_PATH}", c.keys.endpoint.show),
        web.get(f"{base}{STATUS_LISTS_PATH}", c.status_lists.endpoint.show_all, allow_head=False),
        web.get(f"{base}{STATUS_LISTS_PATH}/{{list_id}}", c.status_lists.endpoint.show_one),
        web.post(f"{base}/register", c.clients.registration.register),
        web.get(registration, c.clients.registration.read, allow_head=False),
        web.put(registration, c.clients.registration.update),
        web.delete(registration, c.clients.registration.delete),
        web.post(f"{base}/token", c.token.__call__),
        web.post(f"{base}/token/introspect", c.introspection.introspect.__call__),
        web.post(f"{base}/token/revoke", c.introspection.revoke.__call__),
        web.get(f"{base}/userinfo", c.introspection.userinfo.__call__, allow_head=False),
        web.post(f"{base}/userinfo", c.introspection.userinfo.__call__),
    ]


def documents(base: str, c: Components) -> dict[str, FindDocument]:
    """The finders of the public documents, by path. They are the same for every client."""
    return {**dict.fromkeys(c.metadata.paths, c.metadata.find), f"{base}{JWKS_PATH}": c.keys.endpoint.find}


def cors(base: str, c: Components) -> dict[str, Cors]:
    """Cross-origin access (interop.md R9): for endpoints that browser clients call, never for pages."""
    post = (f"{base}{path}" for path in ("/token", "/token/introspect", "/token/revoke", "/register"))
    return {
        **dict.fromkeys(c.metadata.paths, _READ),
        **dict.fromkeys(post, _POST),
        f"{base}/register/*": Cors(methods="GET, PUT, DELETE, OPTIONS"),
        **{f"{base}{p}": JWKS_CORS for p in (JWKS_PATH, STATUS_LISTS_PATH, f"{STATUS_LISTS_PATH}/*")},
        f"{base}/userinfo": _READ_OR_POST,
    }
