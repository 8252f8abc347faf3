"""The entries of `explain` for errors that both services have: meaning and remedy by error id."""

from __future__ import annotations

from typing import Final

_CLIENT: Final = "The client's request is at fault; report it to the client's developer, with the private reason."

_TOKEN_RULES: Final = (
    *("alg", "aud", "b64", "client_id", "crit", "exp", "form", "header", "iat", "iss", "jti", "kid", "nbf"),
    *("payload", "scope", "signature", "size", "status", "sub", "typ"),
)

REQUEST_ERRORS: Final[dict[str, tuple[str, str]]] = {
    "http_404": (
        "No endpoint has this path.",
        "Compare the path with the metadata document; it contains the path of the issuer, or of the resource.",
    ),
    "http_405": ("The endpoint does not support this method.", _CLIENT),
    "http_*": ("The HTTP request is malformed or too large.", _CLIENT),
    "content_type": ("The endpoint does not accept this content type, or it is malformed.", _CLIENT),
    "content_encoding": ("The body is compressed; compressed bodies are not accepted.", _CLIENT),
    "transfer_encoding": ("The body has a transfer coding other than chunked.", _CLIENT),
    "charset": ("The Content-Type names a character set other than UTF-8.", _CLIENT),
    "expect": ("The Expect header names something other than 100-continue.", _CLIENT),
    "host": (
        "Issuer or resource is on a loopback host, but the request was addressed to another host name.",
        "Use the service's own URL. From a web page this is DNS rebinding: an attack on services of this machine.",
    ),
    "body_size": ("The body is larger than any legitimate one.", "Frequent from one address: probably an attack."),
    "body_*": ("The body ended early, arrived too slowly, or its encoding does not match its header.", _CLIENT),
    "body_json": ("The body is not one JSON object.", _CLIENT),
    "store": ("Redis did not answer in time.", "The client may retry. Check Redis; /readyz shows its state."),
    "unexpected": ("A bug.", "The client may retry. The log line with the request ID has the stack trace: report it."),
    **dict.fromkeys(_TOKEN_RULES, ("The token fails the rule of this name; the reason says how.", _CLIENT)),
}
