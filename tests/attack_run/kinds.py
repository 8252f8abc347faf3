"""The requests of each kind of attack, from the corpora of the tests."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.fuzz.material import good_requests
from tests.fuzz.requests import FORM, JSON, Sent, mutate
from tests.support.canaries import CANARIES
from tests.support.header_values import VALUES
from tests.support.local_issuer import Minter, new_key
from tests.support.token_attacks import ATTACKS
from tests.support.tricky_urls import TRICKS

if TYPE_CHECKING:
    from tests.e2e.pair import Pair

Request = tuple[str, bytes]
"""The service, auth or mcp, and the bytes."""

READERS = (("auth", "/token", FORM), ("auth", "/register", JSON), ("mcp", "/mcp", JSON))
FUZZ_REQUESTS = 600
FLOOD_REQUESTS = 400
SIGN_INS = 40
"""Fewer: each verifies a password."""


def _post(service: str, path: str, kind: str, body: bytes, *headers: tuple[str, str]) -> Request:
    return service, Sent(service, "POST", path, content_type=kind, headers=headers, body=body).as_bytes()


def _compressed() -> list[Request]:
    packed = gzip.compress(b"a=" + b"x" * (32 << 20))
    codings = ("gzip", "deflate", "br", "zstd", "x-gzip", "gzip, gzip", "identity, gzip")
    return [
        _post(service, path, kind, packed, ("Content-Encoding", coding))
        for service, path, kind in READERS
        for coding in codings
    ]


def _multipart() -> list[Request]:
    part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
    found = [_post(s, p, "multipart/form-data; boundary=x", part * 500 + b"--x--") for s, p, _ in READERS]
    for charset in ("idna", "punycode", "utf-7", "utf-16", "zlib_codec", "no-such"):
        found += [_post(s, p, f"{kind}; charset={charset}", b"client_id=x") for s, p, kind in READERS]
    return [*found, _post("auth", "/token", FORM, b"a=&" * 10_000)]


def _json() -> list[Request]:
    bodies = (
        *(b"[" * n for n in (1000, 30_000)),
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"redirect_uris":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"redirect_uris":[NaN]}',
        b'{"a":' + b"9" * 20_000 + b"}",
        b"\xff\xfe{}",
        b'"\\ud800"',
        b"",
    )
    return [_post(s, p, JSON, body) for s, p, kind in READERS if kind == JSON for body in bodies]


def _headers() -> list[Request]:
    return [
        (service, Sent(service, method, path, headers=((name, value),)).as_bytes())
        for name, values in VALUES.items()
        for value in values
        for service, method, path in (
            ("auth", "GET", "/authorize"),
            ("auth", "POST", "/token"),
            ("mcp", "POST", "/mcp"),
        )
    ]


def _raw() -> list[Request]:
    pieces = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200 + b"\r\n\r\n",
        b"\x00" * 4000 + b"\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
    )
    return [(service, piece) for service in ("auth", "mcp") for piece in pieces]


def _tokens(pair: Pair) -> list[Request]:
    minter = Minter(issuer=pair.issuer, resource=pair.resource, key=new_key())
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    tokens = [attack(minter) for _, attack in ATTACKS.values()]
    return [_post("mcp", "/mcp", JSON, body, ("Authorization", f"Bearer {token}")) for token in tokens]


def _urls() -> list[Request]:
    return [
        ("auth", Sent("auth", "GET", "/authorize", (("client_id", url), ("response_type", "code"))).as_bytes())
        for url in TRICKS
    ]


def _secrets() -> list[Request]:
    headers = (
        ("Cookie", f"sallyport-session={CANARIES['session-cookie']}"),
        ("Authorization", f"Bearer {CANARIES['access-token']}"),
    )
    body = urlencode(CANARIES).encode()
    paths = ("/token", "/token/introspect", "/token/revoke", "/sign-in", "/consent", "/userinfo", "/register")
    found = [_post("auth", path, FORM, body, *headers) for path in paths]
    found += [_post("auth", "/register", JSON, json.dumps(CANARIES).encode(), *headers)]
    return [*found, _post("mcp", "/mcp", JSON, json.dumps(CANARIES).encode(), *headers)]


def _registration(number: int) -> Request:
    client = {"redirect_uris": [f"https://client-{number}.example/cb"], "client_name": f"{number} {'x' * 60}"}
    return _post("auth", "/register", JSON, json.dumps(client).encode())


def _sign_in(form: Sent, number: int) -> Request:
    """With the form's own mark and cookie, so that the password is verified."""
    return "auth", replace(form, parameters=(*form.parameters[:2], ("username", f"made-up-{number}"),
                                             ("password", "wrong"))).as_bytes()  # fmt: skip


def _unfinished() -> list[Request]:
    """Connections that stop within the head or the body, or send nothing."""
    pieces = (
        b"",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\n\r\nclient_id=",
    )
    return [(service, piece) for service in ("auth", "mcp") for piece in pieces]


async def requests_of(kind: str, pair: Pair) -> list[Request]:
    """The requests of one kind."""
    match kind:
        case "fuzz":
            random, good = Random(1), await good_requests(pair)
            mutated = [mutate(random, random.choice(good)) for _ in range(FUZZ_REQUESTS)]
            return [(sent.service, sent.as_bytes()) for sent in mutated]
        case "register-flood":
            return [_registration(number) for number in range(FLOOD_REQUESTS)]
        case "authorize-flood":
            page = next(sent for sent in await good_requests(pair) if sent.path == "/authorize")
            return [("auth", page.as_bytes())] * FLOOD_REQUESTS
        case "sign-in-flood":
            form = next(sent for sent in await good_requests(pair) if (sent.method, sent.path) == ("POST", "/sign-in"))
            return [_sign_in(form, number) for number in range(SIGN_INS)]
        case "tokens":
            return _tokens(pair)
    return _MAKERS[kind]()


_MAKERS = {
    "compressed": _compressed,
    "multipart": _multipart,
    "json": _json,
    "headers": _headers,
    "raw": _raw,
    "unfinished": _unfinished,
    "urls": _urls,
    "secrets": _secrets,
}

ODD_BODIES = (_compressed, _multipart, _json)
"""Makers of requests whose bodies are costly to read."""
