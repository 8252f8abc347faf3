"""From the statuses of a list to one bit per entry, by the test vectors of the draft."""

import random
import re
import zlib

import pytest

from mcp_service.status_lists.list_encoding import DRAFT_FORM, FEED_FORM, read_bits
from shared.jose.jws import InvalidToken
from tests.support.local_issuer import b64

ENTRIES = 1 << 20
# A number in parentheses is that many times the letter A.
ONE_BIT = (
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQ(19)IBylgQ(53)XG9I(9)PwsJ(15)vhsS(12)7KpL(21)JsLCQ(11)Djel(11)"
    "KjDMAQ(4)CAZC8L2AEb"
)
TWO_BITS = (
    "eNrt2zENACEQAEEuoaBABP5VIO01fCjIHTMStt9ovGVI(6)BAbiEB(41)EB5WwI(106)ID0ugQ(17)QG12Sg(27)OCSIQE(23)D8ExI(41)wJEuA"
    "Q(23)MB9SwI(19)CoYUo(14)EBqH81gAQw"
)
FOUR_BITS = (
    "eNrt0EENgDAQADAIHwImkIIEJEwCUpCEBBQRHOy35Li1EjoOQGabAg(19)CC1SQE(271)BADrsC(86)DoxaE(102)IIoCg(56)CArpwK(49)GhqV"
    "kAzlwI(5)iGVR(42)Bx3AoAgLpVAQ(14)wM89rwM(11)jsA9xMBMA"
)
ONES = [0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345]
FOURS = [
    0,
    1993,
    35460,
    459495,
    595669,
    754353,
    845645,
    923232,
    924445,
    934534,
    1004534,
    1000345,
    *range(1030203, 1030206),
]
VECTORS = {"one bit": (1, ONE_BIT, ONES), "two bits": (2, TWO_BITS, ONES), "four bits": (4, FOUR_BITS, FOURS)}

SMALL = {
    "one bit, section 4.1": (1, "eNrbuRgAAhcBXQ", [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]),
    "two bits, section 4.1": (2, "eNo76fITAAPfAgc", [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]),
}


def refused(bits):
    return [entry for entry in range(8 * len(bits)) if bits[entry >> 3] >> (entry & 7) & 1]


def claim(statuses, width):
    """Of a list of these statuses."""
    whole = bytearray(-(-len(statuses) * width // 8))
    for entry, status in enumerate(statuses):
        whole[entry * width >> 3] |= status << (entry * width & 7)
    return {"bits": width, "lst": b64(zlib.compress(bytes(whole), 9))}


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("width", "lst", "entries"), VECTORS.values(), ids=VECTORS)
def test_the_large_vectors_of_the_draft_are_read(width, lst, entries):
    whole = re.sub(r"\((\d+)\)", lambda run: "A" * int(run[1]), lst)
    bits = read_bits({"bits": width, "lst": whole}, DRAFT_FORM)
    assert len(bits) == ENTRIES // 8
    assert refused(bits) == sorted(entries)


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("width", "lst", "statuses"), SMALL.values(), ids=SMALL)
def test_the_small_vectors_of_the_draft_are_read_and_bits_beyond_the_last_entry_are_set(width, lst, statuses):
    bits = read_bits({"bits": width, "lst": lst}, DRAFT_FORM)
    beyond = range(len(statuses), 8 * len(bits))
    assert refused(bits) == [entry for entry, status in enumerate(statuses) if status] + [*beyond]


@pytest.mark.invariant(12)
@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("entries", [8, 56, 64, 1000])
def test_only_the_status_valid_is_accepted_whatever_the_width(width, entries):
    chosen = random.Random(entries)
    statuses = [chosen.choice([0, chosen.randrange(1 << width)]) for _ in range(entries)]
    bits = read_bits(claim(statuses, width), DRAFT_FORM)
    assert [entry for entry in refused(bits) if entry < entries] == [n for n, status in enumerate(statuses) if status]


@pytest.mark.invariant(12)
def test_no_status_but_valid_is_accepted():
    assert refused(read_bits(claim(range(256), 8), DRAFT_FORM)) == [*range(1, 256)]


@pytest.mark.invariant(12)
@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_a_list_has_an_entry_at_least_and_a_million_at_most(width):
    most = read_bits({"bits": width, "lst": b64(zlib.compress(bytes(ENTRIES * width // 8)))}, DRAFT_FORM)
    assert most == bytes(ENTRIES // 8)
    for size in (0, ENTRIES * width // 8 + 1):
        with pytest.raises(InvalidToken):
            read_bits({"bits": width, "lst": b64(zlib.compress(bytes(size)))}, DRAFT_FORM)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("width", [0, 3, 5, 16, -1, "1", True, 1.0, None])
def test_another_width_is_refused(width):
    with pytest.raises(InvalidToken, match="bits is"):
        read_bits({"bits": width, "lst": SMALL["one bit, section 4.1"][1]}, DRAFT_FORM)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("width", [2, 4, 8])
def test_a_list_of_a_feed_has_one_bit_per_entry(width):
    with pytest.raises(InvalidToken, match="bits is"):
        read_bits(claim([0] * (1 << 16), width), FEED_FORM)
