"""Header values made to be expensive: at every endpoint they stall nothing for long and are never our fault (5xx)."""

import pytest

from tests.attacks.raw_http_service import longest_stall
from tests.support.header_values import VALUES

STALL_SECONDS = 1.5
"""The parsers that this is about took seconds. Everything else of a request takes milliseconds, also on a busy
machine."""

BODIES = {
    "/mcp": ("application/json", b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'),
    "/register": ("application/json", b'{"redirect_uris":["http://127.0.0.1/cb"]}'),
}


@pytest.mark.parametrize("header", VALUES)
async def test_no_header_value_stalls_the_loop_or_causes_a_server_error(services, header):
    for service in services:
        for path in service.paths:
            kind, body = BODIES.get(path, ("application/x-www-form-urlencoded", b"client_id=x&token=x"))
            for value in VALUES[header]:
                for method in ("GET", "POST"):
                    sent = service.request(
                        method, path, ("Content-Type", kind), body=body if method == "POST" else b""
                    ).split(b"\r\n")
                    kept = [line for line in sent if not line.lower().startswith(header.lower().encode() + b":")]
                    kept.insert(1, header.encode() + b": " + value.encode("latin-1"))
                    async with longest_stall() as stall:
                        answer = await service.send(b"\r\n".join(kept))
                    case = (service.name, method, path, value[:40])
                    assert answer.status < 500 or (answer.status == 503 and path == "/readyz"), (answer.status, *case)
                    assert stall[0] < STALL_SECONDS, (stall[0], *case)
