"""Every check of a status list, alone, without HTTP."""

import math
import time
import tracemalloc
import zlib

import pytest

from mcp_service.status_lists.list_encoding import DRAFT_FORM, FEED_FORM
from mcp_service.status_lists.list_token import ListReader
from shared.jose.jws import InvalidToken
from tests.mcp_service.status_lists.conftest import Keys
from tests.support.local_issuer import b64, new_key
from tests.support.local_status_lists import LIST_BYTES, list_token

ISSUER = "https://issuer.example"
URI = f"{ISSUER}/status-lists/a"
EMPTY = bytes(LIST_BYTES)


def one_bit(lst, bits=1):
    return {"status_list": {"bits": bits, "lst": lst}}


def deflated(data):
    return b64(zlib.compress(data, 9))


def bomb():
    """So much that the size of the token is the first bound."""
    packer = zlib.compressobj(9)
    return b64(b"".join(packer.compress(bytes(1 << 20)) for _ in range(32)) + packer.flush())


NOW = int(time.time())
ATTACKS = {
    "a bomb": ("size", {"status_list": "bomb"}),
    "a bomb small enough to be read": ("status_list", one_bit(deflated(bytes(8 << 20)))),
    "one byte too many": ("status_list", one_bit(deflated(bytes(LIST_BYTES + 1)))),
    "one byte too few": ("status_list", one_bit(deflated(bytes(LIST_BYTES - 1)))),
    "nothing": ("status_list", one_bit("")),
    "a stream that is cut": ("status_list", one_bit(b64(zlib.compress(EMPTY, 9)[:-6]))),
    "a checksum that is cut": ("status_list", one_bit(b64(zlib.compress(EMPTY, 9)[:-1]))),
    "something after the stream": ("status_list", one_bit(b64(zlib.compress(EMPTY, 9) + b"x"))),
    "a raw deflate stream": ("status_list", one_bit(b64(zlib.compress(EMPTY, 9)[2:-4]))),
    "no base64url": ("status_list", one_bit("not base64url!")),
    "bytes that no stream has": ("status_list", one_bit(b64(b"\xff" * 30))),
    "two bits an entry": ("status_list", one_bit(deflated(EMPTY), bits=2)),
    "true bits an entry": ("status_list", one_bit(deflated(EMPTY), bits=True)),
    "no status_list": ("status_list", {"status_list": None}),
    "a string for a status_list": ("status_list", {"status_list": deflated(EMPTY)}),
    "another issuer": ("iss", {"iss": "https://evil.example"}),
    "no issuer": ("iss", {"iss": None}),
    "a list of another issuer": ("sub", {"sub": "https://evil.example/status-lists/a"}),
    "a longer issuer": ("sub", {"sub": f"{ISSUER}.evil.example/status-lists/a"}),
    "another path": ("sub", {"sub": f"{ISSUER}/other/a"}),
    "a list that was not asked for": ("sub", {"sub": f"{ISSUER}/status-lists/b"}),
    "its address in another spelling": ("sub", {"sub": f"{ISSUER}/status-lists/a/"}),
    "several lists": ("sub", {"sub": [URI]}),
    "no sub": ("sub", {"sub": None}),
    "an expired list": ("exp", {"exp": NOW - 60}),
    "a list for ever": ("exp", {"exp": None}),
    "an exp that passes every comparison": ("exp", {"exp": True}),
    "a list of the future": ("iat", {"iat": NOW + 600}),
    "no iat": ("iat", {"iat": None}),
    "a ttl of no time": ("ttl", {"ttl": 0}),
    "a ttl below zero": ("ttl", {"ttl": -1}),
    "a ttl that is no number": ("ttl", {"ttl": "300"}),
    "a ttl that is true": ("ttl", {"ttl": True}),
}
OF_ANY_LIST = {
    name: attack
    for name, attack in ATTACKS.items()
    if name
    not in {
        "one byte too many",
        "one byte too few",
        "two bits an entry",
        "no issuer",
        "a list for ever",
        "a bomb",
        "a bomb small enough to be read",
    }
}
HEADERS = {
    "an access token": ("typ", {"typ": "at+jwt"}),
    "the long form of the type": ("typ", {"typ": "application/statuslist+jwt"}),
    "no type": ("typ", {"typ": None}),
    "no algorithm": ("alg", {"alg": "none"}),
    "an algorithm that is not configured": ("alg", {"alg": "ES256"}),
    "an algorithm of another key": ("alg", {"alg": "EdDSA"}),
    "a symmetric algorithm": ("alg", {"alg": "HS256"}),
    "a critical extension": ("crit", {"crit": ["b64"]}),
    "an unencoded payload": ("crit", {"b64": False}),
    "no key": ("kid", {"kid": None}),
    "an unknown key": ("kid", {"kid": "unknown"}),
}


@pytest.fixture
def reader(signing_key):
    return new_reader(signing_key, FEED_FORM)


@pytest.fixture
def draft_reader(signing_key):
    """Of lists by their addresses."""
    return new_reader(signing_key, DRAFT_FORM)


def new_reader(key, form):
    return ListReader(
        issuer=ISSUER, keys=Keys(key), algorithms=frozenset({"RS256", "EdDSA"}), form=form, clock=time.time
    )


async def read(reader, token):
    return await reader.read(token, addresses={URI})


async def refusal(reader, token):
    with pytest.raises(InvalidToken) as refused:
        await read(reader, token)
    return refused.value.error_id


@pytest.mark.invariant(12)
async def test_a_good_list_is_read(reader, signing_key):
    bits = bytearray(LIST_BYTES)
    bits[1] = 0b00000010
    status_list = await read(reader, list_token(URI, bytes(bits), signing_key))
    assert (status_list.uri, status_list.bits, status_list.ttl) == (URI, bytes(bits), 300)
    assert status_list.expires_at - status_list.issued_at == 3600


@pytest.mark.invariant(12)
async def test_a_list_that_does_not_compress_is_within_the_bound(reader, signing_key):
    bits = bytes((n * n * 31 + n // 7) % 251 for n in range(LIST_BYTES))
    assert (await read(reader, list_token(URI, bits, signing_key))).bits == bits


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("check", "claims"), ATTACKS.values(), ids=ATTACKS)
async def test_a_list_with_wrong_claims_is_refused_by_the_check_that_is_for_it(reader, signing_key, check, claims):
    if claims == {"status_list": "bomb"}:
        claims = one_bit(bomb())
    assert await refusal(reader, list_token(URI, EMPTY, signing_key, **claims)) == check


@pytest.mark.invariant(12)
async def test_a_bomb_is_not_inflated(reader, signing_key):
    token = list_token(URI, bytes(8 << 20), signing_key)
    tracemalloc.start()
    try:
        assert await refusal(reader, token) == "status_list"
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("check", "header"), HEADERS.values(), ids=HEADERS)
async def test_a_list_with_a_wrong_header_is_refused(reader, signing_key, check, header):
    assert await refusal(reader, list_token(URI, EMPTY, signing_key, header=header)) == check


@pytest.mark.invariant(12)
async def test_a_list_signed_by_another_key_of_the_same_name_is_refused(reader):
    assert await refusal(reader, list_token(URI, EMPTY, new_key())) == "signature"


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d", "..", "ä.b.c"])
async def test_what_is_no_token_is_refused(reader, text):
    assert await refusal(reader, text) == "form"


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("check", "claims"), OF_ANY_LIST.values(), ids=OF_ANY_LIST)
async def test_a_list_by_its_address_is_checked_alike(draft_reader, signing_key, check, claims):
    assert await refusal(draft_reader, list_token(URI, EMPTY, signing_key, **claims)) == check


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("check", "header"), HEADERS.values(), ids=HEADERS)
async def test_the_header_of_a_list_by_its_address_is_checked_alike(draft_reader, signing_key, check, header):
    assert await refusal(draft_reader, list_token(URI, EMPTY, signing_key, header=header)) == check


async def test_a_list_of_the_draft_needs_no_issuer_and_no_end(draft_reader, signing_key):
    token = list_token(URI, b"\x01", signing_key, iss=None, exp=None, ttl=None)
    status_list = await read(draft_reader, token)
    assert (status_list.bits, status_list.expires_at, status_list.ttl) == (b"\x01", math.inf, None)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("status_list", [one_bit("bomb"), one_bit("bomb", bits=8)])
async def test_a_bomb_in_a_list_of_the_draft_is_not_inflated(draft_reader, signing_key, status_list):
    status_list["status_list"]["lst"] = deflated(bytes(8 << 20))
    token = list_token(URI, EMPTY, signing_key, **status_list)
    tracemalloc.start()
    try:
        assert await refusal(draft_reader, token) == "status_list"
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.invariant(12)
async def test_a_list_of_the_draft_beyond_its_bound_is_not_parsed(draft_reader):
    assert await refusal(draft_reader, "a" * (DRAFT_FORM.max_token_bytes + 1)) == "size"
