"""Values of the protocol as a client makes and reads them: PKCE, client authentication, callbacks, tokens."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit


def challenge(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier (RFC 7636 section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id: str, secret: str) -> str:
    """The Authorization header of client_secret_basic."""
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def redirect_parameters(location: str | None) -> dict[str, str]:
    """The parameters of an authorization response, each at most once."""
    assert location is not None
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter is repeated"
    return dict(pairs)


def unverified_header(token: str) -> dict[str, Any]:
    """The header of a JWT."""
    return _decoded(token.split(".", maxsplit=1)[0])


def unverified_claims(token: str) -> dict[str, Any]:
    """The payload of a JWT."""
    return _decoded(token.split(".")[1])


def _decoded(part: str) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return decoded
