"""Tokens that must be refused, as data: what is wrong with each, and the check that must say so.

One corpus for the verifier alone and for the whole service. Each entry takes a LocalTokenIssuer, whose key the
verifier trusts, and makes a token that is good but for one thing.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

from joserfc import jwe
from joserfc.jwk import OctKey, RSAKey

from tests.support.local_issuer import LocalTokenIssuer, b64, new_key, sign_bytes

Attack = Callable[[LocalTokenIssuer], str]

_foreign_key = new_key("key-1")
"""Another key under the trusted key's name."""


def sign_raw(token_issuer: LocalTokenIssuer, header: bytes, payload: bytes) -> str:
    """A token over exactly these bytes, signed with the trusted key."""
    return sign_bytes(header, payload, token_issuer.key)


def _header(token_issuer: LocalTokenIssuer, **members: Any) -> bytes:
    return json.dumps({"typ": "at+jwt", "alg": "RS256", "kid": token_issuer.key.kid} | members).encode()


def _payload(token_issuer: LocalTokenIssuer, **changes: Any) -> bytes:
    return json.dumps(token_issuer.claims(**changes)).encode()


def _raw_payload(text: str) -> Attack:
    """Claims with one member written out by hand, as Python's json would not write it."""

    def make(token_issuer: LocalTokenIssuer) -> str:
        whole = _payload(token_issuer).decode()
        return sign_raw(token_issuer, _header(token_issuer), (whole[:-1] + ", " + text + "}").encode())

    return make


def _replaced(name: str, literal: str) -> Attack:
    def make(token_issuer: LocalTokenIssuer) -> str:
        claims = token_issuer.claims(**{name: None})
        whole = json.dumps(claims)
        return sign_raw(token_issuer, _header(token_issuer), (whole[:-1] + f', "{name}": {literal}' + "}").encode())

    return make


def _unsigned(token_issuer: LocalTokenIssuer, alg: str) -> str:
    return f"{b64(_header(token_issuer, alg=alg))}.{b64(_payload(token_issuer))}."


def _hmac_with_public_key(token_issuer: LocalTokenIssuer) -> str:
    signing_input = f"{b64(_header(token_issuer, alg='HS256'))}.{b64(_payload(token_issuer))}"
    assert isinstance(token_issuer.key, RSAKey)
    pem = token_issuer.key.as_pem(private=False)
    return f"{signing_input}.{b64(hmac.new(pem, signing_input.encode(), hashlib.sha256).digest())}"


def _with_part(number: int, change: Callable[[str], str]) -> Attack:
    def make(token_issuer: LocalTokenIssuer) -> str:
        parts = token_issuer.issue().split(".")
        parts[number] = change(parts[number])
        return ".".join(parts)

    return make


def other_spelling(segment: str) -> str:
    """The same bytes with a bit set that the last character has to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(segment) % 4, "this segment has no spare bits"
    return segment[:-1] + alphabet[alphabet.index(segment[-1]) | 1]


def _flipped(segment: str) -> str:
    return ("A" if segment[0] != "A" else "B") + segment[1:]


def _nested(token_issuer: LocalTokenIssuer) -> str:
    return sign_raw(token_issuer, _header(token_issuer), token_issuer.issue().encode())


def _encrypted(token_issuer: LocalTokenIssuer) -> str:
    key = OctKey.generate_key(256)
    return jwe.encrypt_compact({"alg": "dir", "enc": "A256GCM", "typ": "at+jwt"}, token_issuer.issue().encode(), key)


def _issued(**changes: Any) -> Attack:
    return lambda token_issuer: token_issuer.issue(**changes)


def _with_header(**members: Any) -> Attack:
    return lambda token_issuer: sign_raw(token_issuer, _header(token_issuer, **members), _payload(token_issuer))


def _without_header(name: str) -> Attack:
    def make(token_issuer: LocalTokenIssuer) -> str:
        members = json.loads(_header(token_issuer))
        del members[name]
        return sign_raw(token_issuer, json.dumps(members).encode(), _payload(token_issuer))

    return make


def _foreign_jwk_inside(token_issuer: LocalTokenIssuer) -> str:
    """Signed by the attacker, who sends the public key along (RFC 7515 section 4.1.3)."""
    return token_issuer.issue(key=_foreign_key, header={"jwk": _foreign_key.as_dict(private=False)})


_NOW = int(time.time())
_DEEP = "[" * 3000 + "]" * 3000

ATTACKS: dict[str, tuple[str, Attack]] = {
    # forged and foreign
    "signed by another key of the same name": ("signature", lambda m: m.issue(key=_foreign_key)),
    "changed payload under an old signature": ("signature", _with_part(1, lambda _: b64(b"{}"))),
    "changed signature": ("signature", _with_part(2, _flipped)),
    "signature cut short": ("signature", _with_part(2, lambda s: s[:-2])),
    "issued by another issuer": ("iss", _issued(iss="https://elsewhere.example")),
    "issuer with a slash added": ("iss", lambda m: m.issue(iss=m.issuer + "/")),
    "issuer in a list": ("iss", lambda m: m.issue(iss=[m.issuer])),
    "meant for another resource": ("aud", _issued(aud="https://other.example/mcp")),
    "meant for a resource whose name begins alike": ("aud", lambda m: m.issue(aud=m.resource + "-evil")),
    "resource with a slash added": ("aud", lambda m: m.issue(aud=m.resource + "/")),
    "audience list without this resource": ("aud", _issued(aud=["https://a.example/mcp", "https://b.example/mcp"])),
    "empty audience list": ("aud", _issued(aud=[])),
    "audience list with a number": ("aud", lambda m: m.issue(aud=[m.resource, 1])),
    # algorithms
    "unsigned": ("form", lambda m: _unsigned(m, "none")),
    "unsigned, with a signature to look at": ("alg", lambda m: _unsigned(m, "none") + "AAAA"),
    "unsigned, spelled otherwise": ("alg", lambda m: _unsigned(m, "nOnE") + "AAAA"),
    "HS256 with the public key as the secret": ("alg", _hmac_with_public_key),
    "an algorithm that is not allowed": ("alg", _with_header(alg="RS512")),
    "an allowed algorithm that the key is not for": ("alg", _with_header(alg="ES256")),
    "algorithm as a list": ("alg", _with_header(alg=["RS256"])),
    "algorithm missing": ("alg", _without_header("alg")),
    # typ
    "typ of an ID token": ("typ", _with_header(typ="JWT")),
    "typ missing": ("typ", _without_header("typ")),
    "typ of another profile": ("typ", _with_header(typ="logout+jwt")),
    "typ as a number": ("typ", _with_header(typ=1)),
    # kid
    "kid missing": ("kid", _without_header("kid")),
    "kid empty": ("kid", _with_header(kid="")),
    "kid unknown": ("kid", _with_header(kid="no-such-key")),
    "kid with a path": ("kid", _with_header(kid="../../dev/null")),
    "kid with a query": ("kid", _with_header(kid="' OR 1=1 --")),
    "kid very long": ("kid", _with_header(kid="k" * 300)),
    "kid as a number": ("kid", _with_header(kid=1)),
    "kid as an object": ("kid", _with_header(kid={"$ne": None})),
    "kid with a NUL": ("kid", _with_header(kid="key-1\x00")),
    # keys that the token brings along are not looked at
    "own key in the header": ("signature", _foreign_jwk_inside),
    "own key set address in the header": (
        "signature",
        lambda m: m.issue(key=_foreign_key, header={"jku": "https://evil.example/jwks.json"}),
    ),
    "own certificate address in the header": (
        "signature",
        lambda m: m.issue(key=_foreign_key, header={"x5u": "https://evil.example/cert.pem"}),
    ),
    "own certificate in the header": ("signature", lambda m: m.issue(key=_foreign_key, header={"x5c": ["AAAA"]})),
    # header extensions
    "critical extension": ("crit", _with_header(crit=["exp"])),
    "empty list of critical extensions": ("crit", _with_header(crit=[])),
    "unencoded payload": ("b64", _with_header(b64=False)),
    # missing claims
    **{
        f"{name} missing": (name, _issued(**{name: None}))
        for name in ("iss", "sub", "aud", "client_id", "exp", "iat", "jti")
    },
    # wrong claims
    "sub empty": ("sub", _issued(sub="")),
    "sub as a number": ("sub", _issued(sub=7)),
    "client_id as a list": ("client_id", _issued(client_id=["a"])),
    "jti as an object": ("jti", _issued(jti={})),
    "scope as a list": ("scope", _issued(scope=["notes:read"])),
    "scope with a line break": ("scope", _issued(scope="notes:read\nnotes:write")),
    "scope with quotes": ("scope", _issued(scope='notes:read"')),
    # times
    "expired": ("exp", _issued(iat=_NOW - 7200, exp=_NOW - 3600)),
    "exp as text": ("exp", _issued(exp="9999999999")),
    "exp as a fraction": ("exp", _issued(exp=_NOW + 600.5)),
    "exp true": ("exp", _issued(exp=True)),
    "exp NaN": ("payload", _replaced("exp", "NaN")),
    "exp Infinity": ("payload", _replaced("exp", "Infinity")),
    "exp beyond all numbers": ("payload", _replaced("exp", "1e999")),
    "exp with thousands of digits": ("payload", _replaced("exp", "9" * 5000)),
    "exp in the far future": ("exp", _issued(exp=_NOW + 10**9)),
    "exp negative": ("exp", _issued(exp=-1)),
    "issued in the future": ("iat", _issued(iat=_NOW + 3600, exp=_NOW + 7200)),
    "not valid yet": ("nbf", _issued(nbf=_NOW + 3600)),
    "nbf NaN": ("payload", _raw_payload('"nbf": NaN')),
    "nbf as text": ("nbf", _issued(nbf="0")),
    # two readings of one token
    "a claim twice": ("payload", _raw_payload('"sub": "admin"')),
    "a header member twice": (
        "header",
        lambda m: sign_raw(m, _header(m)[:-1] + b', "alg": "none"}', _payload(m)),
    ),
    "bad UTF-8 in the payload": ("payload", lambda m: sign_raw(m, _header(m), b'{"iss": "\xff\xfe"}')),
    "lone surrogate in the subject": ("payload", _replaced("sub", '"\\ud800"')),
    "padding": ("form", _with_part(2, lambda s: s + "==")),
    "base64 of the other alphabet": ("form", _with_part(2, lambda s: "+/" + s[2:])),
    "spare bits set": ("form", _with_part(2, other_spelling)),
    # form
    "payload that is not an object": ("payload", lambda m: sign_raw(m, _header(m), b'["iss"]')),
    "header that is not an object": ("header", lambda m: sign_raw(m, b'"at+jwt"', _payload(m))),
    "header that is not JSON": ("header", lambda m: sign_raw(m, b"{", _payload(m))),
    "deeply nested payload": ("payload", lambda m: sign_raw(m, _header(m), _DEEP[:5000].encode())),
    "deeply nested header": ("header", lambda m: sign_raw(m, (_DEEP[:2000]).encode(), _payload(m))),
    "token in a token": ("payload", _nested),
    "encrypted token": ("form", _encrypted),
    "two parts": ("form", lambda m: m.issue().rpartition(".")[0]),
    "four parts": ("form", lambda m: m.issue() + ".AAAA"),
    "empty parts": ("form", lambda _: ".."),
    "garbage": ("form", lambda _: "garbage"),
    "huge": ("size", lambda m: m.issue(note="x" * 9000)),
}
