"""Good requests to every endpoint of both services, and mutations of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from random import Random

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Sent:
    """One request before it is bytes. `service` is auth or mcp; `parameters` become a form, a query or members."""

    service: str
    method: str
    path: str
    parameters: tuple[tuple[str, Any], ...] = ()
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    """Overrides what the parameters would give."""
    malformed: bool = False
    """No longer HTTP, or with a body that is not what its head promises: the server may hang up or wait."""
    raw_query: bytes = field(default=b"")

    def as_bytes(self) -> bytes:
        """The request on the wire."""
        target, body = self.path.encode("utf-8", "replace"), self.body
        if body is None:
            if self.content_type == JSON:
                body = json.dumps(dict(self.parameters), default=str).encode()
            elif self.content_type is not None:
                body = _encoded(self.parameters)
            else:
                body = b""
                if self.parameters:
                    target += b"?" + _encoded(self.parameters)
        target += self.raw_query
        head = [self.method.encode("utf-8", "replace") + b" " + target + b" HTTP/1.1", b"Connection: close"]
        names = {name.lower() for name, _ in self.headers}
        if "host" not in names:
            head.append(b"Host: localhost")
        if self.content_type is not None and "content-type" not in names:
            head.append(b"Content-Type: " + self.content_type.encode())
        if not names & {"content-length", "transfer-encoding"} and (body or self.content_type):
            head.append(b"Content-Length: %d" % len(body))
        head += [f"{name}: {value}".encode("utf-8", "replace") for name, value in self.headers]
        return b"\r\n".join(head) + b"\r\n\r\n" + body


def _encoded(parameters: tuple[tuple[str, Any], ...]) -> bytes:
    return urlencode([(name, str(value).encode("utf-8", "surrogatepass")) for name, value in parameters]).encode()


ODD_VALUES = (
    "", " ", "\x00", "null", "undefined", "true", "-1", "0", "1e999", "NaN", "9" * 400, "[]", "{}", '{"a":1}',
    "%", "%00", "%zz", "../../etc/passwd", "\r\nX-Injected: 1", "<script>alert(1)</script>", "{{7*7}}", "${7*7}",
    "'; DROP TABLE users; --", "é", "\u202e", "\u0000", "\ud800", "😀" * 50, "a" * 300, "a" * 3000, "a" * 9000,
    "https://evil.example/cb", "http://localhost:1/cb", "http://169.254.169.254/latest", "javascript:alert(1)",
    "//evil.example", "https://a@b/", "https://[::1", "http://127.0.0.1:99999/", "urn:x", "Bearer", "Basic",
    "none", "S256", "plain", "code", "token", "notes:read", "notes:read  notes:write", "openid offline_access",
    "eyJhbGciOiJub25lIn0.e30.", "a.b.c", "a.0.b.c", ".", "....", "*", "\t", "\x7f", "+", "==", "%F0%9F",
)  # fmt: skip
ODD_JSON: tuple[Any, ...] = (
    None, True, 0, -1, 1e308, [], {}, [[]], [None], ["x"] * 200, {"a": {"b": {"c": []}}}, "x" * 5000, 2**70,
    ["https://a.example/cb", 7], [{"keys": []}], "\ud800", {"keys": [{"kty": "RSA"}]}, {"keys": "x"},
)  # fmt: skip
ODD_HEADERS = (
    ("Authorization", "Bearer"), ("Authorization", "Bearer a b"), ("Authorization", "Basic !!!"),
    ("Authorization", "Basic " + "YTpi"), ("Authorization", "Basic Og=="), ("Authorization", "Digest x"),
    ("Authorization", "Bearer " + "a." * 4000), ("Cookie", "sallyport-browser=x; sallyport-session=a.b"),
    ("Cookie", "=; ;;\x01"), ("Host", "evil.example"), ("Host", ""), ("X-Forwarded-For", "1.2.3.4, nonsense"),
    ("Origin", "null"), ("Origin", "https://evil.example"), ("Accept", "text/event-stream"), ("Accept", "\x80"),
    ("If-None-Match", '"x"'), ("If-None-Match", "*"), ("Prefer", "wait=0"), ("Prefer", 'wait=x; a="b'),
    ("Sallyport-Replica", "x" * 500), ("Mcp-Method", "tools/call"), ("Mcp-Method", "é"), ("Mcp-Name", "=?base64?!?="),
    ("MCP-Protocol-Version", "1900-01-01"), ("Mcp-Session-Id", "\x01"), ("Last-Event-ID", "1"),
    ("Expect", "100-continue"),
    ("Access-Control-Request-Method", "POST"), ("Access-Control-Request-Headers", 'mcp-param-x,"\x01'),
    ("Content-Encoding", "gzip"), ("Content-Encoding", "br"), ("Content-Type", "multipart/form-data; boundary=x"),
    ("Content-Type", "text/plain"), ("Content-Type", "application/json; charset=utf-16"), ("Content-Type", '"'),
    ("Range", "bytes=0-"), ("Upgrade", "websocket"), ("TE", "trailers"),
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "get")


def mutate(random: Random, sent: Sent) -> Sent:
    """Make the request worse in one way."""
    return random.choice(_MUTATIONS)(random, sent)


def _drop(random: Random, sent: Sent) -> Sent:
    kept = list(sent.parameters)
    if kept:
        kept.pop(random.randrange(len(kept)))
    return replace(sent, parameters=tuple(kept))


def _repeat(random: Random, sent: Sent) -> Sent:
    if not sent.parameters:
        return sent
    return replace(sent, parameters=(*sent.parameters, random.choice(sent.parameters)))


def _odd_value(random: Random, sent: Sent) -> Sent:
    if not sent.parameters:
        return replace(
            sent, parameters=((random.choice(("client_id", "transaction", "x")), random.choice(ODD_VALUES)),)
        )
    changed = list(sent.parameters)
    index = random.randrange(len(changed))
    odd = random.choice(ODD_JSON if sent.content_type == JSON and random.random() < 0.7 else ODD_VALUES)
    changed[index] = (changed[index][0], odd)
    return replace(sent, parameters=tuple(changed))


def _nearly(random: Random, sent: Sent) -> Sent:
    """One character of one value changed, dropped or added: what is nearly right goes deepest."""
    texts = [i for i, (_, value) in enumerate(sent.parameters) if isinstance(value, str) and value]
    if not texts:
        return sent
    index = random.choice(texts)
    name, value = sent.parameters[index]
    at = random.randrange(len(value))
    value = value[:at] + random.choice(("", "A", ".", "\x00", "é", value[at] * 2)) + value[at + 1 :]
    return replace(sent, parameters=(*sent.parameters[:index], (name, value), *sent.parameters[index + 1 :]))


def _odd_header(random: Random, sent: Sent) -> Sent:
    return replace(sent, headers=(*sent.headers, random.choice(ODD_HEADERS)))


def _no_header(random: Random, sent: Sent) -> Sent:
    kept = list(sent.headers)
    if kept:
        kept.pop(random.randrange(len(kept)))
    return replace(sent, headers=tuple(kept))


def _method(random: Random, sent: Sent) -> Sent:
    return replace(sent, method=random.choice(METHODS))


def _content_type(random: Random, sent: Sent) -> Sent:
    return replace(sent, content_type=random.choice((FORM, JSON, None)))


def _path(random: Random, sent: Sent) -> Sent:
    odd = random.choice(
        (
            "/",
            "//",
            "/..",
            "%00",
            "/%2e%2e/",
            "?",
            "#x",
            ";a=b",
            "/" + quote(random.choice(ODD_VALUES), errors="replace"),
        )
    )
    return replace(sent, path=sent.path + odd)


def _raw_body(random: Random, sent: Sent) -> Sent:
    body = random.choice(
        (
            b"",
            b"{",
            b"[1,2",
            b"\xff\xfe",
            b"a=%ff",
            b"a=b&a=c",
            b"&&&=&",
            b"[" * 3000,
            b'{"a":' * 500,
            b"x" * 70_000,
            b"null",
        )
    )
    return replace(sent, body=body)


def _raw_query(random: Random, sent: Sent) -> Sent:
    return replace(sent, raw_query=random.choice((b"?", b"?%", b"?\xff", b"?a=%ff&b=%00", b"?" + b"a=1&" * 100)))


def _broken_frame(random: Random, sent: Sent) -> Sent:
    """A head that contradicts the body, or is no head."""
    header = random.choice(
        (("Content-Length", "5"), ("Content-Length", "-1"), ("Content-Length", "abc"), ("Transfer-Encoding", "chunked"),
         ("Transfer-Encoding", "gzip"), ("\x01", "x"), ("X", "a" * 20_000))
    )  # fmt: skip
    return replace(sent, headers=(*sent.headers, header), malformed=True)


_MUTATIONS = (
    *(_drop, _repeat, _odd_value, _odd_value, _odd_value, _nearly, _nearly, _odd_header, _odd_header, _no_header),
    *(_method, _content_type, _path, _raw_body, _raw_query, _broken_frame),
)
