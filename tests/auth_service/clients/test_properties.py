"""For every value that is sent, the rules for clients give a client or an error."""

import base64
import json
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth_service.clients.authenticator import read_credential
from auth_service.clients.cimd.document import CimdPolicy, check_cimd_url, read_cimd
from auth_service.clients.client_assertion import check_assertion_claims, read_assertion
from auth_service.clients.client_metadata import ClientMetadata, effective_metadata
from auth_service.protocol.errors import (
    InvalidClient,
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidRequest,
    UnacceptableCimd,
)
from auth_service.protocol.parameters import Parameters
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES
from shared.fetch.freshness import MAX_SECONDS, MIN_SECONDS, freshness_seconds
from shared.ip_addresses import is_public

URL = "https://client.example/c.json"
NAMES = st.sampled_from(
    [
        "client_id",
        "client_name",
        "redirect_uris",
        "grant_types",
        "response_types",
        "token_endpoint_auth_method",
        "token_endpoint_auth_methods_supported",
        "jwks",
        "jwks_uri",
        "scope",
        "client_uri",
        "logo_uri",
        "client_secret",
    ]
)
LIKELY = st.sampled_from(
    [URL, "https://client.example/cb", "none", "private_key_jwt", "code", "authorization_code", "javascript:x", "keys"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | LIKELY,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6) | st.just("keys"), inner, max_size=3)
    ),
    max_leaves=6,
)
MEMBERS = st.dictionaries(NAMES, JSON, max_size=8)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no defect
@given(MEMBERS)
def test_any_registration_is_granted_something_sound_or_refused(members):
    try:
        granted = effective_metadata(members, redirect_schemes=KNOWN_REDIRECT_SCHEMES)
    except (InvalidRedirectUri, InvalidClientMetadata):
        return
    assert isinstance(granted, ClientMetadata)
    assert granted.redirect_uris
    assert "authorization_code" in granted.grant_types
    # What was granted, asked for again, is granted again: an answer can be sent back as an update.
    assert effective_metadata(granted.as_members(), redirect_schemes=KNOWN_REDIRECT_SCHEMES) == granted


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(MEMBERS.map(lambda members: members | {"client_id": URL}) | JSON)
def test_any_document_makes_a_client_or_is_refused(document):
    try:
        client = read_cimd(
            URL, json.dumps(document).encode(), content_type="application/json", redirect_schemes=KNOWN_REDIRECT_SCHEMES
        )
    except UnacceptableCimd:
        return
    assert client.client_id == URL
    assert client.secret_hash is None
    assert client.authentication_methods <= {"none", "private_key_jwt"}


@given(st.binary(max_size=200))
def test_any_bytes_in_a_documents_place_are_refused(body):
    try:
        read_cimd(URL, body, content_type="application/json", redirect_schemes=KNOWN_REDIRECT_SCHEMES)
    except UnacceptableCimd:
        return
    raise AssertionError("random bytes made a client")


@given(st.text(max_size=60))
def test_any_text_as_a_document_url_is_accepted_or_refused(text):
    for candidate in (text, f"https://{text}", f"https://client.example/{text}", f"https://client.example{text}/c"):
        try:
            check_cimd_url(candidate, CimdPolicy())
        except UnacceptableCimd:
            continue
        assert candidate.startswith("https://")
        assert candidate.isascii()


@pytest.mark.invariant(10)
@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_an_ipv4_address_inside_an_ipv6_address_is_judged_as_itself_or_refused(address):
    number = int(address)
    mapped = IPv6Address((0xFFFF << 32) | number)
    translated = IPv6Address((0x64FF9B << 96) | number)
    assert is_public(mapped) == is_public(translated) == is_public(address)
    for tunnelled in (IPv6Address(number), IPv6Address((0x2002 << 112) | (number << 80))):
        assert not is_public(tunnelled)


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_basic_credentials_of_any_characters_arrive_as_they_were(client_id, secret):
    """RFC 6749 section 2.3.1: form-urlencoded inside Base64."""
    try:
        pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    except UnicodeEncodeError:
        return
    authorization = f"Basic {base64.b64encode(pair.encode()).decode()}"
    credential = read_credential(authorization=authorization, form=Parameters([]))
    assert (credential.client_id, credential.secret) == (client_id, secret)


@given(
    st.text(max_size=80),
    st.dictionaries(st.sampled_from(["client_id", "client_secret", "client_assertion"]), st.text()),
)
def test_any_credential_is_read_or_refused(authorization, parameters):
    for header in (authorization, f"Basic {authorization}", None):
        try:
            read_credential(authorization=header, form=Parameters(parameters.items()))
        except (InvalidClient, InvalidRequest):
            continue


@given(st.text(max_size=120))
def test_any_text_as_an_assertion_is_refused(text):
    for candidate in (text, f"{text}.{text}.{text}", f"e30.e30.{text}"):
        try:
            read_assertion(candidate, client_id=None)
        except InvalidClient:
            continue
        raise AssertionError("random text is an assertion")


@given(st.dictionaries(st.sampled_from(["aud", "exp", "iat", "nbf", "jti"]), JSON))
def test_any_claims_of_an_assertion_are_accepted_within_bounds_or_refused(claims):
    try:
        use = check_assertion_claims(claims, audiences=frozenset({URL}), now=1_800_000_000)
    except InvalidClient:
        return
    assert 1_800_000_000 < use.until < 1_800_000_000 + 2 * 3600


@given(st.text(max_size=60), st.text(max_size=20))
def test_freshness_stays_within_its_bounds_whatever_the_headers_say(cache_control, age):
    assert MIN_SECONDS <= freshness_seconds(cache_control=cache_control, age=age) <= MAX_SECONDS
