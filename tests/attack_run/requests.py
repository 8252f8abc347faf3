"""The requests of each kind of attack, from the corpora of the tests."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from tests.attack_run.expectations import must_be_refused
from tests.attack_run.kinds import (
    FLOODER,
    FUZZ_REQUESTS,
    OTHER_FLOODER,
    PAGES_TRIED,
    REGISTRATIONS_TRIED,
    SIGN_INS_ELSEWHERE,
    SIGN_INS_TRIED,
    SLOW_NAMES,
    STREAMS_TRIED,
    UNREAD_REQUESTS,
)
from tests.fuzz.good_requests import good_requests
from tests.fuzz.requests import FORM, JSON, Sent, mutate
from tests.soak.attack import from_network
from tests.support.canaries import CANARIES
from tests.support.header_values import VALUES
from tests.support.local_issuer import LocalTokenIssuer, new_key
from tests.support.token_attacks import ATTACKS
from tests.support.tricky_urls import TRICKS

if TYPE_CHECKING:
    from tests.attack_run.target import Target


class Request(NamedTuple):
    """The service, auth or mcp, and the bytes."""

    service: str
    data: bytes
    optional: bool = False
    """The request may be valid: it may be accepted."""


READERS = (("auth", "/token", FORM), ("auth", "/register", JSON), ("mcp", "/mcp", JSON))


def _post(service: str, path: str, kind: str, body: bytes, *headers: tuple[str, str]) -> Request:
    return Request(service, Sent(service, "POST", path, content_type=kind, headers=headers, body=body).as_bytes())


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
        Request(service, Sent(service, method, path, headers=((name, value),)).as_bytes())
        for name, values in VALUES.items()
        for value in values
        for service, method, path in (
            ("auth", "GET", "/authorize"),
            ("auth", "POST", "/token"),
            ("mcp", "POST", "/mcp"),
        )
    ]


def _raw() -> list[Request]:
    secret = CANARIES["access-token"].encode()
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
    pieces = (
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"\x00" * 4000,
        b"GET / HTTP/9.9",
        b"GET /?access_token=" + secret * 2000 + b" HTTP/1.1\r\nHost: localhost",
        head + b"Authorization: Bearer " + secret * 2000,
        head + b"Authorization: Bearer " + secret + b"\x00",
        head + secret,
        head + b"X: a\r\n" * 20_000,
    )
    return [Request(service, piece + b"\r\n\r\n") for service in ("auth", "mcp") for piece in pieces]


def _tokens(target: Target) -> list[Request]:
    token_issuer = LocalTokenIssuer(issuer=target.issuer, resource=target.resource, key=new_key())
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    tokens = {name: attack(token_issuer) for name, (_, attack) in ATTACKS.items()}
    for name, token in tokens.items():
        target.secrets.add(f"token ({name})", token)
    return [_post("mcp", "/mcp", JSON, body, ("Authorization", f"Bearer {token}")) for token in tokens.values()]


def authorization(client_id: str) -> Sent:
    """An authorization request that lacks everything but its client."""
    return Sent("auth", "GET", "/authorize", (("client_id", client_id), ("response_type", "code")))


def _urls() -> list[Request]:
    return [Request("auth", authorization(url).as_bytes()) for url in TRICKS]


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


def _registrations() -> list[Request]:
    requests = []
    for number in range(REGISTRATIONS_TRIED):
        client = {"redirect_uris": [f"https://client-{number}.example/cb"], "client_name": f"{number} {'x' * 60}"}
        requests.append(_post("auth", "/register", JSON, json.dumps(client).encode(), ("X-Forwarded-For", FLOODER)))
    return requests


def _sign_ins(good: list[Sent]) -> list[Request]:
    """With the form's own mark and cookie, so that the password is verified."""
    form = next(sent for sent in good if (sent.method, sent.path) == ("POST", "/sign-in"))
    requests = []
    for number in range(SIGN_INS_TRIED + SIGN_INS_ELSEWHERE):
        filled = (("username", f"made-up-{number}"), ("password", CANARIES["password"]))
        network = FLOODER if number < SIGN_INS_TRIED else f"42.1.{number}.1"
        data = replace(form, parameters=(*form.parameters[:2], *filled)).as_bytes()
        requests.append(Request("auth", from_network(data, network)))
    Random(1).shuffle(requests)
    return requests


def _fuzz(good: list[Sent]) -> list[Request]:
    random, requests = Random(1), []
    for _ in range(FUZZ_REQUESTS):
        sent = mutate(random, one := random.choice(good))
        requests.append(Request(sent.service, sent.as_bytes(), optional=not must_be_refused(one, sent)))
    return requests


def _streams(good: list[Sent]) -> list[Request]:
    one = next(sent for sent in good if dict(sent.headers).get("Mcp-Method") == "tools/list")
    return [Request("mcp", listening(one).as_bytes())] * STREAMS_TRIED


def listening(tools_list: Sent) -> Sent:
    """A request for a stream, with the token of this one."""
    members = dict(tools_list.parameters)
    params = members["params"] | {"notifications": {"toolsListChanged": True}}
    changed = {**members, "method": "subscriptions/listen", "params": params}
    headers = {**dict(tools_list.headers), "Mcp-Method": "subscriptions/listen"}
    return replace(tools_list, parameters=tuple(changed.items()), headers=tuple(headers.items()))


def _slow_names() -> list[Request]:
    return [
        Request("auth", from_network(authorization(f"https://slow-{number}-{n}.example/c.json").as_bytes(), network))
        for n, network in enumerate((FLOODER, OTHER_FLOODER))
        for number in range(SLOW_NAMES)
    ]


def _unread() -> list[Request]:
    return [Request(service, Sent(service, "GET", "/nowhere").as_bytes()) for service in ("auth", "mcp")] * (
        UNREAD_REQUESTS // 2
    )


def _unfinished() -> list[Request]:
    """Connections that stop within the head or the body, or send nothing."""
    pieces = (
        b"",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ",
        b"POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000\r\nContent-Type: %s\r\n\r\nclient_id="
        % FORM.encode(),
    )
    return [Request(service, piece) for service in ("auth", "mcp") for piece in pieces]


async def requests_of(kind: str, target: Target) -> list[Request]:
    """The requests of one kind. The secrets that they hold are added to those that are searched for."""
    if kind == "tokens":
        return _tokens(target)
    if kind in _MAKERS:
        return _MAKERS[kind]()
    good = await good_requests(target)
    target.secrets.add_all(good)
    if kind == "authorize-flood":
        page = next(sent for sent in good if sent.path == "/authorize")
        return [Request("auth", from_network(page.as_bytes(), OTHER_FLOODER))] * PAGES_TRIED
    return {"fuzz": _fuzz, "streams": _streams, "sign-in-flood": _sign_ins}[kind](good)


_MAKERS = {
    "compressed": _compressed,
    "multipart": _multipart,
    "json": _json,
    "headers": _headers,
    "raw": _raw,
    "unfinished": _unfinished,
    "urls": _urls,
    "secrets": _secrets,
    "register-flood": _registrations,
    "slow-names": _slow_names,
    "unread-stderr": _unread,
}

ODD_BODIES = (_compressed, _multipart, _json)
"""Makers of requests whose bodies are costly to read."""
