"""Codes and refresh tokens: their forms, their marks, and the derivation of a successor."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth_service.grants.code_format import NotACode, derive_code, grant_of_code
from auth_service.grants.refresh_token_format import (
    NotARefreshToken,
    RefreshTokenFormat,
    follow,
    new_successor,
    successor_of,
)
from auth_service.protocol.opaque import digest, mac, new_identifier, new_secret, short_digest
from auth_service.status_lists.identifiers import new_list_id
from shared.jose.base64url import encode
from tests.support.grant_material import new_grant_id

pytestmark = pytest.mark.invariant(4, 6)

IDENTIFIERS = st.binary(min_size=16, max_size=16).map(lambda data: f"{new_list_id()}-{encode(data)}")
SECRETS = st.binary(min_size=32, max_size=32).map(encode)
SALTS = st.binary(min_size=8, max_size=8).map(encode)
FORMAT = RefreshTokenFormat((b"k" * 32,))


PARTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_the_parts_of_a_keyed_value_cannot_run_into_each_other(parts):
    assert mac(b"k", *parts) != mac(b"k", *parts, "")
    assert mac(b"k", "".join(parts), "x") != mac(b"k", "".join(parts) + "x")


def test_a_part_cannot_contain_the_separator():
    with pytest.raises(ValueError, match="NUL"):
        mac(b"k", "a\x00b")


class TestRefreshToken:
    @given(IDENTIFIERS, st.integers(0, 10**9 - 1), SECRETS)
    def test_a_written_token_is_parsed_as_own(self, grant_id, generation, secret):
        read = FORMAT.read(FORMAT.write(grant_id, generation, secret))
        assert (read.grant_id, read.generation, read.secret) == (grant_id, generation, secret)

    @given(IDENTIFIERS, st.integers(0, 1000), SECRETS, st.data())
    def test_a_token_with_one_character_changed_is_not_ours(self, grant_id, generation, secret, data):
        token = FORMAT.write(grant_id, generation, secret)
        at = data.draw(st.integers(0, len(token) - 1))
        other = data.draw(st.sampled_from("ABab01-_.").filter(lambda c: c != token[at]))
        with pytest.raises(NotARefreshToken):
            FORMAT.read(token[:at] + other + token[at + 1 :])

    @given(st.text(max_size=250))
    def test_any_text_is_a_token_or_is_none(self, text):
        try:
            FORMAT.read(text)
        except NotARefreshToken:
            return
        assert text.count(".") == 3

    @pytest.mark.parametrize("number", ["-1", "+1", "01", "1e3", "", " 1", "\u0661", "1234567890", "1_0"])
    def test_a_generation_has_one_spelling(self, number):
        with pytest.raises(NotARefreshToken):
            FORMAT.read(f"{new_grant_id()}.{number}.{new_secret()}.{'A' * 22}")

    def test_keys_can_be_changed_without_losing_tokens(self):
        token = FORMAT.write(new_grant_id(), 0, new_secret())
        assert RefreshTokenFormat((b"n" * 32, b"k" * 32)).read(token).generation == 0
        with pytest.raises(NotARefreshToken):
            RefreshTokenFormat((b"n" * 32,)).read(token)


class TestSuccessor:
    @given(SECRETS, SALTS)
    def test_only_the_predecessor_yields_it(self, predecessor, salt):
        successor = successor_of(predecessor, salt)
        chain = [(salt, successor.hash)]
        assert follow(predecessor, chain) == successor.secret
        for other in (short_digest(predecessor), digest(predecessor), successor.secret, salt):
            with pytest.raises(ValueError, match="not the one on record"):
                follow(other, chain)

    @given(SECRETS, SALTS, SALTS)
    def test_another_record_is_noticed(self, predecessor, salt, other):
        successor = successor_of(predecessor, salt)
        if other != salt:
            with pytest.raises(ValueError, match="not the one on record"):
                follow(predecessor, [(other, successor.hash)])

    @given(SECRETS, st.lists(SALTS, max_size=5))
    def test_a_chain_leads_to_the_last_successor(self, secret, salts):
        chain, last = [], secret
        for salt in salts:
            successor = successor_of(last, salt)
            chain.append((salt, successor.hash))
            last = successor.secret
        assert follow(secret, chain) == last

    def test_two_requests_that_race_propose_two_successors(self):
        predecessor = new_secret()
        first, second = new_successor(predecessor), new_successor(predecessor)
        assert len({first.secret, second.secret, first.hash, second.hash}) == 4

    @given(SECRETS, SALTS)
    def test_a_successor_has_the_form_of_a_secret(self, predecessor, salt):
        token = FORMAT.write(new_grant_id(), 1, successor_of(predecessor, salt).secret)
        assert FORMAT.read(token).secret == successor_of(predecessor, salt).secret


class TestCode:
    def test_a_second_click_gives_the_same_code_and_nothing_else_does(self):
        browser, grant, nonce = new_secret(), new_grant_id(), new_identifier()
        code = derive_code(browser, grant, nonce)
        assert derive_code(browser, grant, nonce) == code
        assert grant_of_code(code) == grant
        others = {
            derive_code(new_secret(), grant, nonce),
            derive_code(browser, grant, new_identifier()),
            derive_code(browser, new_grant_id(), nonce),
        }
        assert code not in others
        assert len(others) == 3

    @given(st.text(max_size=150))
    def test_any_text_is_a_code_or_is_none(self, text):
        try:
            grant_id = grant_of_code(text)
        except NotACode:
            return
        # It becomes part of a key of the store: no braces, no colons.
        assert set(grant_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        assert len(grant_id) == 22
