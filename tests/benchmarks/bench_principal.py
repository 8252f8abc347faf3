"""Cost per request of the caller's identity for the server: headers, or a signed assertion."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from mcp_service.principal.identity_headers import PrincipalHeaders
from tests.benchmarks.harness import Report, compare
from tests.support.local_issuer import new_key
from tests.support.principals import HIERARCHY, assertions, own_keys, verified_token

BODY = b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "forecast", "arguments": {}}}' * 3
CLAIMS = ("email", "groups")


async def run(report: Report) -> None:
    """Measure both ways with the claims of an ordinary user."""
    key = ec.generate_private_key(ec.SECP256R1())
    token = verified_token(email="ann+mcp@example.com", groups=["staff", "r&d"])
    signed = assertions(own_keys(new_key("guard-1", "ES256")), claims=CLAIMS)
    plain = PrincipalHeaders(scopes=HIERARCHY, claims=CLAIMS)

    def a_hundred(handover) -> None:
        for _ in range(100):
            handover.headers(token, method="POST", path="/mcp", body=BODY)

    def a_hundred_raw() -> None:
        for _ in range(100):
            key.sign(BODY, ec.ECDSA(SHA256()))

    turns = await compare(lambda: a_hundred(signed), a_hundred_raw, seconds=report.seconds)
    report.add(
        "the assertion of one request, against the raw ES256 signature",
        turns.ratios,
        at_most=2,
        detail=f"{turns.subject * 1e4:.0f} µs against {turns.yardstick * 1e4:.0f} µs",
    )
    turns = await compare(lambda: a_hundred(plain), a_hundred_raw, seconds=report.seconds)
    report.add("the headers of one request", turns.subjects * 1e4, unit="µs", at_most=20)
