"""The reference of a token to a status list: its form, and its bit at every look."""

import time

import pytest

from shared.access_tokens.verifier import HeldStatusLists
from shared.jose.jws import InvalidToken

URI = "https://issuer.example/status-lists/a"


def reference(entry=9, uri=URI):
    return {"status_list": {"idx": entry, "uri": uri}}


class Lists(HeldStatusLists):
    """One list; what is not allowed is refused."""

    def __init__(self):
        super().__init__(time.monotonic)
        self._followed = True
        self.lifetimes = []
        self._lists[URI] = self.bits = bytearray(2)

    async def check(self, status, *, lifetime):
        self.lifetimes.append(lifetime)
        if not self.allow(status):
            raise InvalidToken("revoked", "revoked")


@pytest.fixture
def lists():
    return Lists()


@pytest.fixture
def verifier(make_verifier, lists):
    return make_verifier(status_lists=lists)


async def refusal(verifier, token):
    with pytest.raises(InvalidToken) as refused:
        await verifier.verify(token)
    return refused.value.error_id


@pytest.mark.invariant(12)
async def test_a_new_token_whose_bit_is_set_is_refused(verifier, lists, token_issuer):
    lists.bits[1] = 0b10
    assert await refusal(verifier, token_issuer.issue(status=reference())) == "revoked"


@pytest.mark.invariant(12)
async def test_a_token_seen_before_is_refused_as_soon_as_its_bit_is_set_and_forgotten(verifier, lists, token_issuer):
    token = token_issuer.issue(status=reference())
    verified = await verifier.verify(token)
    assert verifier.remembered(token) is verified
    lists.bits[1] = 0b10
    assert not verifier.holds(verified)
    assert await refusal(verifier, token) == "revoked"
    lists.bits[1] = 0
    assert verifier.remembered(token) is None


@pytest.mark.invariant(12)
@pytest.mark.parametrize("entry", range(16))
async def test_each_entry_has_its_own_bit_the_least_significant_first(verifier, lists, token_issuer, entry):
    """The vectors of the draft's section 4.1: entries 0, 3 and 9 are the bytes 09 02."""
    lists.bits[:] = b"\x09\x02"
    token = token_issuer.issue(status=reference(entry))
    if entry in {0, 3, 9}:
        assert await refusal(verifier, token) == "revoked"
    else:
        assert await verifier.verify(token)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("entry", [16, 17, 1 << 40])
async def test_an_entry_beyond_the_end_is_refused(verifier, token_issuer, entry):
    assert await refusal(verifier, token_issuer.issue(status=reference(entry))) == "revoked"


@pytest.mark.invariant(12)
async def test_a_token_whose_list_is_dropped_is_not_remembered(verifier, lists, token_issuer):
    token = token_issuer.issue(status=reference())
    await verifier.verify(token)
    lists._lists.clear()
    assert verifier.remembered(token) is None


@pytest.mark.invariant(12)
async def test_beyond_the_time_that_lists_are_trusted_no_token_with_a_reference_is_remembered(
    verifier, lists, token_issuer
):
    token, other = token_issuer.issue(status=reference()), token_issuer.issue(jti="other")
    await verifier.verify(token)
    await verifier.verify(other)
    lists._trusted_until = float("-inf")
    assert verifier.remembered(token) is None
    assert verifier.remembered(other) is not None


async def test_the_lists_learn_for_how_long_they_are_needed(make_verifier, lists, token_issuer):
    now = 1_800_000_000
    verifier = make_verifier(status_lists=lists, clock=lambda: now)
    await verifier.verify(token_issuer.issue(status=reference(), iat=now - 100, exp=now + 500))
    assert lists.lifetimes == [500]


async def test_a_token_without_a_reference_is_good(verifier, token_issuer):
    assert await verifier.verify(token_issuer.issue())


async def test_a_reference_says_nothing_to_a_verifier_without_lists(make_verifier, token_issuer):
    assert await make_verifier().verify(token_issuer.issue(status=reference()))


@pytest.mark.invariant(11)
async def test_another_mechanism_of_the_claim_is_passed_over(verifier, token_issuer):
    assert await verifier.verify(token_issuer.issue(status={"identifier_list": {"id": "1", "uri": URI}}))


MALFORMED = {
    "a string": "valid",
    "a list": [reference()],
    "false": False,
    "a list for a status list": {"status_list": [9, URI]},
    "null for a status list": {"status_list": None},
    "no entry": {"status_list": {"uri": URI}},
    "no address": {"status_list": {"idx": 9}},
    "an entry below zero": reference(-1),
    "a fraction": reference(9.0),
    "true": reference(True),
    "a string for an entry": reference("9"),
    "an empty address": reference(uri=""),
    "a number for an address": reference(uri=5),
    "an address without end": reference(uri=URI + "a" * 500),
}


@pytest.mark.invariant(12)
@pytest.mark.parametrize("status", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_reference_is_refused(verifier, make_verifier, token_issuer, status):
    token = token_issuer.issue(status=status)
    assert await refusal(verifier, token) == "status"
    assert await refusal(make_verifier(), token) == "status"
