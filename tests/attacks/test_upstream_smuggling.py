"""Requests with two readings, sent as bytes to the guard in front of a server that records every byte that reaches it.

The token of these requests may call one tool and not the other. Whatever is sent: each request that the server gets has
the body that the guard judged, in a frame of the guard's own, or nothing arrives at all.
"""

import asyncio
import json
import re

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from mcp_service.app import build_app
from mcp_service.guard import bearer, operation
from mcp_service.settings import McpSettings
from tests.mcp_service.conftest import RESOURCE, Service
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer
from tests.support.raw_upstream import RawUpstream

SCOPES = json.dumps(
    {
        "scopes": {"use": "Use", "admin": "Administer"},
        "default": "use",
        "tools": {"allowed": "use", "forbidden": "admin"},
    }
)


def call(tool, **extra):
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, **extra}}).encode()


ALLOWED, FORBIDDEN = call("allowed"), call("forbidden")
TOKEN = "%TOKEN%"
USUAL = ("Host: localhost", f"Authorization: Bearer {TOKEN}", "Content-Type: application/json")


def post(*headers, body=ALLOWED, length=True, line="POST /mcp HTTP/1.1", usual=USUAL):
    """A request with these header lines beside the usual ones."""
    lines = [line, *usual, *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(*parts, extension=b"", end=b"0\r\n\r\n"):
    return b"".join(b"%x%s\r\n%s\r\n" % (len(part), extension, part) for part in parts) + end


LAST = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
CLOSING = re.compile(rb"^POST /mcp HTTP/1.0|Connection: .*close")
WAIT_SECONDS = 3
HIDDEN = post(body=FORBIDDEN)
INNER = HIDDEN.replace(TOKEN.encode(), b"of-a-body")
TE = "Transfer-Encoding: chunked"
WHOLE = chunked(ALLOWED)
HALF = len(ALLOWED) // 2

ARRIVES, REFUSED = "arrives", "refused"
ATTACKS = {
    # Framing.
    "a plain request": (ARRIVES, post()),
    "chunked": (ARRIVES, post(TE, body=WHOLE, length=False)),
    "chunked in two": (ARRIVES, post(TE, body=chunked(ALLOWED[:HALF], ALLOWED[HALF:]), length=False)),
    "length, then chunked": (REFUSED, post(TE, body=WHOLE)),
    "chunked, then length": (REFUSED, post(f"Content-Length: {len(WHOLE)}", TE, body=WHOLE, length=False)),
    "a short length, a chunked rest": (REFUSED, post("Content-Length: 4", TE, body=chunked() + HIDDEN, length=False)),
    "two lengths": (REFUSED, post(f"Content-Length: {len(ALLOWED)}", "Content-Length: 0", length=False)),
    "two equal lengths": (REFUSED, post(f"Content-Length: {len(ALLOWED)}")),
    "a list of lengths": (REFUSED, post(f"Content-Length: {len(ALLOWED)}, {len(ALLOWED)}", length=False)),
    "a length with a sign": (REFUSED, post(f"Content-Length: +{len(ALLOWED)}", length=False)),
    "a negative length": (REFUSED, post("Content-Length: -1", length=False)),
    "a length in hexadecimal": (REFUSED, post(f"Content-Length: {len(ALLOWED):#x}", length=False)),
    "a length with an underscore": (REFUSED, post("Content-Length: 1_0", length=False)),
    "a length with a space inside": (REFUSED, post("Content-Length: 1 0", length=False)),
    "a length beyond 64 bits": (REFUSED, post(f"Content-Length: {2**64 + len(ALLOWED)}", length=False)),
    "a length in other digits": (REFUSED, post("Content-Length: \xb2", length=False)),
    "an empty length": (REFUSED, post("Content-Length: ", length=False)),
    "a length of nothing": (REFUSED, post("Content-Length: 0", body=HIDDEN, length=False)),
    "no length": (REFUSED, post(length=False, body=b"")),
    "a length behind a space before the colon": (REFUSED, post("Content-Length : 5", TE, body=WHOLE, length=False)),
    "Content_Length beside the length": (ARRIVES, post("Content_Length: 1")),
    "Content.Length beside the length": (ARRIVES, post("Content.Length: 1")),
    "chunked with other letters": (ARRIVES, post("tRANSFER-eNCODING: cHUNKED", body=WHOLE, length=False)),
    "chunked twice": (REFUSED, post(TE, TE, body=WHOLE, length=False)),
    "chunked, identity": (REFUSED, post("Transfer-Encoding: chunked, identity", body=WHOLE, length=False)),
    "gzip, chunked": (REFUSED, post("Transfer-Encoding: gzip, chunked", body=WHOLE, length=False)),
    "identity": (REFUSED, post("Transfer-Encoding: identity")),
    "an unknown coding": (REFUSED, post("Transfer-Encoding: xchunked")),
    "chunked behind a tab": (ARRIVES, post("Transfer-Encoding:\tchunked", body=WHOLE, length=False)),
    "chunked behind a vertical tab": (REFUSED, post("Transfer-Encoding: \x0bchunked", body=WHOLE)),
    "chunked before a comma": (REFUSED, post("Transfer-Encoding: chunked,", body=WHOLE)),
    "Transfer_Encoding beside the length": (ARRIVES, post("Transfer_Encoding: chunked")),
    "a header that folds to chunked": (REFUSED, post("X-A: b\r\n Transfer-Encoding: chunked")),
    "a folded Transfer-Encoding": (REFUSED, post("Transfer-Encoding:\r\n chunked", body=WHOLE, length=False)),
    "a chunk extension": (ARRIVES, post(TE, body=chunked(ALLOWED, extension=b";a=b"), length=False)),
    "a quoted chunk extension": (ARRIVES, post(TE, body=chunked(ALLOWED, extension=b';a="\t b"'), length=False)),
    "a chunk extension with a line feed": (REFUSED, post(TE, body=chunked(ALLOWED, extension=b";\n"), length=False)),
    "a chunk size with a sign": (REFUSED, post(TE, body=b"+" + WHOLE, length=False)),
    "a chunk size with 0x": (REFUSED, post(TE, body=b"0x" + WHOLE, length=False)),
    "a chunk size beyond 64 bits": (REFUSED, post(TE, body=b"1" + b"0" * 16 + WHOLE, length=False)),
    "a chunk longer than its size": (REFUSED, post(TE, body=b"5\r\n" + ALLOWED + b"\r\n0\r\n\r\n", length=False)),
    "chunks that end with bare line feeds": (REFUSED, post(TE, body=WHOLE.replace(b"\r\n", b"\n"), length=False)),
    "a trailer": (ARRIVES, post(TE, body=chunked(ALLOWED, end=b"0\r\nX-Trailer: a\r\n\r\n"), length=False)),
    "a trailer that names another tool": (
        ARRIVES,
        post(TE, "Trailer: Mcp-Name", body=chunked(ALLOWED, end=b"0\r\nMcp-Name: forbidden\r\n\r\n"), length=False),
    ),
    "a trailer with a length": (
        REFUSED,
        post(TE, body=chunked(ALLOWED, end=b"0\r\nContent-Length: 5\r\n\r\n"), length=False),
    ),
    "bare line feeds": (REFUSED, post().replace(b"\r\n", b"\n")),
    "a bare carriage return in a value": (REFUSED, post("X-A: b\rTransfer-Encoding: chunked")),
    "a NUL in a value": (REFUSED, post("X-A: b\x00c")),
    "a line without a colon": (REFUSED, post("no colon")),
    "an empty name": (REFUSED, post(": a")),
    "a name with a space": (REFUSED, post("X A: b")),
    "a head that begins with a space": (REFUSED, post(usual=(" X: y", *USUAL))),
    # Several requests on one connection.
    "two requests": (ARRIVES, post() + post(body=call("allowed", n=2))),
    "a forbidden one behind an allowed one": (ARRIVES, post() + HIDDEN),
    "a forbidden one in the body": (ARRIVES, post(body=call("allowed", arguments={"a": INNER.decode()}))),
    "a body that is longer than its length": (REFUSED, post("Content-Length: 5", length=False)),
    "a request in the body of a GET": (ARRIVES, post(line="GET /mcp HTTP/1.1", body=INNER)),
    "a request in the body of a DELETE": (ARRIVES, post(line="DELETE /mcp HTTP/1.1", body=INNER)),
    "a chunked GET": (ARRIVES, post(TE, line="GET /mcp HTTP/1.1", body=chunked(FORBIDDEN), length=False)),
    # Protocols.
    "HTTP/1.0 with chunks": (None, post(TE, line="POST /mcp HTTP/1.0", body=WHOLE, length=False)),
    "HTTP/1.0": (ARRIVES, post(line="POST /mcp HTTP/1.0")),
    "HTTP/0.9": (REFUSED, b"POST /mcp\r\n\r\n" + ALLOWED),
    "HTTP/2.0": (REFUSED, post(line="POST /mcp HTTP/2.0")),
    "HTTP/1.1 twice": (REFUSED, post(line="POST /mcp HTTP/1.1 HTTP/1.1")),
    "the preface of HTTP/2": (REFUSED, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "an upgrade to HTTP/2": (
        ARRIVES,
        post("Connection: Upgrade, HTTP2-Settings, close", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
    ),
    "an upgrade to a WebSocket": (ARRIVES, post("Connection: Upgrade", "Upgrade: websocket")),
    "Expect": (ARRIVES, post("Expect: 100-continue")),
    "another expectation": (REFUSED, post("Expect: 200-ok")),
    # The target.
    "absolute form": (ARRIVES, post(line="POST http://evil.example/mcp HTTP/1.1")),
    "absolute form with another path": (REFUSED, post(line="POST http://localhost/admin HTTP/1.1")),
    "authority form": (REFUSED, post(line="CONNECT localhost:3000 HTTP/1.1")),
    "asterisk form": (REFUSED, post(line="POST * HTTP/1.1")),
    "a path above": (None, post(line="POST /mcp/../admin HTTP/1.1")),
    "a path above, encoded": (REFUSED, post(line="POST /mcp/%2e%2e/admin HTTP/1.1")),
    "a path above that comes back": (None, post(line="POST /admin/../mcp HTTP/1.1")),
    "a query": (ARRIVES, post(line="POST /mcp?tool=forbidden HTTP/1.1")),
    "a fragment": (None, post(line="POST /mcp#/admin HTTP/1.1")),
    "two slashes": (REFUSED, post(line="POST //evil.example/mcp HTTP/1.1")),
    "a path that continues in a header": (REFUSED, post(line="POST /mcp%0d%0aX:y HTTP/1.1")),
    "another method": (REFUSED, post(line="PUT /mcp HTTP/1.1")),
    "a method in small letters": (REFUSED, post(line="post /mcp HTTP/1.1")),
    "a method override": (ARRIVES, post("X-HTTP-Method-Override: DELETE")),
    "two hosts": (REFUSED, post("Host: evil.example")),
    "no host": (REFUSED, post(usual=USUAL[1:])),
    # Headers that a server would act on.
    "another tool in the header": (REFUSED, post("MCP-Protocol-Version: 2026-07-28", "Mcp-Name: forbidden")),
    "another tool in the header, on the older wire": (REFUSED, post("Mcp-Name: forbidden")),
    "another method in the header": (REFUSED, post("Mcp-Method: tools/list")),
    "the tool twice": (REFUSED, post("Mcp-Name: allowed", "Mcp-Name: forbidden")),
    "the tool twice, in other letters": (REFUSED, post("Mcp-Name: allowed", "MCP-NAME: forbidden")),
    "the tool with an underscore": (ARRIVES, post("Mcp-Name: allowed", "Mcp_Name: forbidden")),
    "the revision twice": (REFUSED, post("MCP-Protocol-Version: 2025-11-25", "MCP-Protocol-Version: 2026-07-28")),
    "a session twice": (REFUSED, post("Mcp-Session-Id: a", "mcp-session-id: b")),
    "two types": (REFUSED, post("Content-Type: application/x-www-form-urlencoded")),
    "a type with another coding": (REFUSED, post("Content-Encoding: gzip")),
    "a charset in which the body is another message": (
        REFUSED,
        post(
            "Content-Type: application/json; charset=utf-7",
            usual=USUAL[:-1],
            body=call("allowed", x="+ACI-,+ACI-name+ACI-:+ACI-forbidden"),
        ),
    ),
    "two tokens": (REFUSED, post("Authorization: Bearer other")),
    "names of identity": (
        ARRIVES,
        post("Sallyport-Subject: root", "X_Forwarded_User: root", "X-Forwarded-For: 127.0.0.1", "Remote.User: root"),
    ),
    "headers that Connection names": (
        ARRIVES,
        post("Connection: close, Host, Content-Length, Authorization, Sallyport-Subject, X-Forwarded-For"),
    ),
    # The message.
    "a batch": (REFUSED, post(body=b"[" + ALLOWED + b"," + FORBIDDEN + b"]")),
    "two messages": (REFUSED, post(body=ALLOWED + b"\n" + FORBIDDEN)),
    "a repeated name": (REFUSED, post(body=ALLOWED.replace(b'"allowed"', b'"forbidden", "name": "allowed"'))),
    "a name in other letters": (REFUSED, post(body=call("allowed", Name="forbidden"))),
    "a response with a call in other letters": (
        REFUSED,
        post(body=b'{"jsonrpc": "2.0", "result": {}, "Method": "tools/call", "Params": {"name": "forbidden"}}'),
    ),
    "an escaped name": (ARRIVES, post(body=ALLOWED.replace(b'"name"', b'"n\\u0061me"'))),
    "a byte order mark": (REFUSED, post(body=b"\xef\xbb\xbf" + ALLOWED)),
    "UTF-16": (REFUSED, post(body=ALLOWED.decode().encode("utf-16"))),
    "a byte that is no UTF-8": (REFUSED, post(body=ALLOWED.replace(b"allowed", b"allowed\xff"))),
    "white space around": (ARRIVES, post(body=b"\r\n\t " + ALLOWED + b" \r\n")),
}  # fmt: skip


class Attacked:
    """The guard, and what it judged."""

    def __init__(self, service, upstream, judged):
        self.service, self.upstream, self.judged = service, upstream, judged
        self.token = service.token_issuer.issue(scope="use")

    async def send(self, data):
        """Send bytes, and wait until the guard has answered what it takes for requests, and closed the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.service.port)
        writer.write(data.replace(TOKEN.encode(), self.token.encode()) + (b"" if CLOSING.search(data) else LAST))
        received = b""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while part := await reader.read(65_536):
                    received += part
        except (TimeoutError, ConnectionResetError):
            received += b"(and no end)"
        finally:
            writer.transport.abort()
        return received


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def attacked(signing_key):
    judged = []
    read_operation = operation.read_operation

    def judging(body, headers):
        judged.append(body)
        return read_operation(body, headers)

    with capture_logs(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(bearer, "read_operation", judging)
        issuer, upstream = LocalIssuer(), RawUpstream()
        await issuer.publish(signing_key)
        await issuer.start()
        await upstream.start()
        settings = McpSettings(
            issuer=issuer.url,
            resource=RESOURCE,
            port=0,
            upstream=upstream.url,
            scopes=SCOPES,
            rate_limits="off",
        )
        token_issuer = LocalTokenIssuer(issuer=issuer.url, resource=RESOURCE, key=signing_key)
        service = Service(build_app(settings), issuer, token_issuer, [])
        await service.start()
        yield Attacked(service, upstream, judged)
        await service.stop()
        await upstream.stop()
        await issuer.stop()


ALLOWED_NAMES = {
    "accept", "content-length", "content-type", "host", "mcp-method", "mcp-name", "mcp-protocol-version",
    "sallyport-client", "sallyport-issuer", "sallyport-scopes", "sallyport-subject",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-request-id",
}  # fmt: skip


@pytest.mark.invariant(14)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("expected", "attack"), ATTACKS.values(), ids=ATTACKS)
async def test_the_server_gets_what_was_judged_or_nothing(attacked, expected, attack):
    attacked.judged.clear()
    attacked.upstream.requests.clear()
    attacked.upstream.bytes_seen = b""
    answer = await attacked.send(attack)
    arrived = attacked.upstream.requests
    if expected is not None:
        assert (ARRIVES if arrived else REFUSED) == expected, answer[:300]
    for body in (request.body for request in arrived if request.line.startswith("POST")):
        attacked.judged.remove(body)
    for request in arrived:
        assert request.line in {"POST /mcp HTTP/1.1", "GET /mcp HTTP/1.1", "DELETE /mcp HTTP/1.1"}
        names = [name for name, _ in request.fields]
        assert len(names) == len(set(names))
        assert set(names) <= ALLOWED_NAMES
        assert request.headers["host"] == f"127.0.0.1:{attacked.upstream.port}"
        assert request.headers["x-forwarded-for"] == "127.0.0.1"
        assert request.headers["sallyport-subject"] == "user-1"
        if request.body:
            assert json.loads(request.body)["params"]["name"] == "allowed"
    assert attacked.upstream.bytes_seen == b"".join(r.head + b"\r\n\r\n" + r.body for r in arrived)
    assert attacked.token.encode() not in attacked.upstream.bytes_seen
    # No byte that is left over begins the next request, on any connection.
    attacked.upstream.requests.clear()
    async with attacked.service.session.post(
        attacked.service.url,
        data=ALLOWED,
        headers={"Authorization": f"Bearer {attacked.token}", "Content-Type": "application/json"},
    ) as response:
        assert response.status == 200
    assert [request.body for request in attacked.upstream.requests] == [ALLOWED]
