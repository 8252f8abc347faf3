"""Successful answers that no cache may keep, and the address of an authorization response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web
from pydantic_core import to_json

NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_JSON: Final = {"Content-Type": "application/json; charset=utf-8", **NO_STORE}


def secret_json(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A JSON answer that nobody may keep (RFC 6749 section 5.1)."""
    return web.Response(body=to_json(body), status=status, headers=_JSON)


def authorization_redirect(redirect_uri: str, *, issuer: str, state: str | None, parameters: Mapping[str, str]) -> str:
    """The address that carries an authorization response, with `iss` always (RFC 9207, interop.md A3).

    A query that the redirect URI already has is kept (RFC 6749 section 3.1.2).
    """
    values = dict(parameters)
    if state is not None:
        values["state"] = state
    values["iss"] = issuer
    separator = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{separator}{urlencode(values)}"
