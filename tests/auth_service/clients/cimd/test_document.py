"""What a client ID metadata document must say (interop.md A15, F7)."""

import json

import pytest

from auth_service.clients.cimd.bundled import BUNDLED_DOCUMENTS
from auth_service.clients.cimd.document import CimdNotJson, CimdPolicy, check_cimd_url, read_cimd
from auth_service.clients.client import ClientKind
from auth_service.protocol.errors import UnacceptableCimd
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES, find_matching
from shared.fetch.freshness import DEFAULT_SECONDS, MAX_SECONDS, MIN_SECONDS, freshness_seconds
from tests.support import vendor_documents

URL = "https://client.example/oauth/client.json"
PLAIN = vendor_documents.document(URL, "Client", ["https://client.example/cb"])
KEY = {"kty": "OKP", "crv": "Ed25519", "x": "AA", "kid": "1"}


def read(document, *, content_type="application/json", url=URL):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_cimd(url, body, content_type=content_type, redirect_schemes=KNOWN_REDIRECT_SCHEMES)


@pytest.mark.parametrize("document", vendor_documents.ALL, ids=lambda d: d["client_id"])
def test_the_documents_of_real_clients_make_clients_that_may_come_without_credentials(document):
    check_cimd_url(document["client_id"], CimdPolicy())
    client = read(document, url=document["client_id"])
    assert client.kind is ClientKind.METADATA_DOCUMENT
    assert client.redirect_uris == tuple(document["redirect_uris"])
    assert client.grant_types == {"authorization_code", "refresh_token"}
    assert "none" in client.authentication_methods


def test_both_members_of_chatgpts_document_are_one_offer():
    client = read(vendor_documents.CHATGPT, url=vendor_documents.CHATGPT["client_id"])
    assert client.authentication_methods == {"none", "private_key_jwt"}


@pytest.mark.parametrize(
    ("members", "offer"),
    [
        ({"token_endpoint_auth_method": "none"}, {"none"}),
        ({"token_endpoint_auth_method": None}, {"none"}),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY]}}, {"private_key_jwt"}),
        (
            {"token_endpoint_auth_method": "client_secret_basic", "token_endpoint_auth_methods_supported": ["none"]},
            {"none"},
        ),
        ({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]}, {"none"}),
        ({"token_endpoint_auth_methods_supported": "none"}, {"none"}),
    ],
)
def test_the_offer_is_what_both_members_say_as_far_as_there_are_keys_for_it(members, offer):
    assert read({k: v for k, v in (PLAIN | members).items() if v is not None}).authentication_methods == offer


def test_copilot_clis_wrong_port_does_not_matter():
    client = read(vendor_documents.COPILOT_CLI, url=vendor_documents.COPILOT_CLI["client_id"])
    assert find_matching(client.redirect_uris, "http://127.0.0.1:51999/")


def test_claude_codes_portless_loopback_takes_any_port():
    client = read(vendor_documents.CLAUDE_CODE, url=vendor_documents.CLAUDE_CODE["client_id"])
    assert find_matching(client.redirect_uris, "http://localhost:43211/callback")


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "https://client.example/oauth/other.json"},
        {"client_id": URL + "/"},
        {"client_id": URL.replace("client.example", "CLIENT.example")},
        {"client_id": None},
        {"client_id": [URL]},
        {"client_secret": "s"},
        {"client_secret": None},
        {"client_secret_expires_at": 0},
        {"registration_access_token": "t"},
        {"client_name": None},
        {"client_name": ""},
        {"client_name": "\u202e"},
        {"redirect_uris": None},
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)", "https://client.example/cb"]},
        {"redirect_uris": ["http://client.example/cb"]},
        {"grant_types": ["client_credentials"]},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "private_key_jwt"},
        {"jwks": {"keys": [KEY | {"d": "private"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "secret"}]}},
        {"jwks": {"keys": [KEY]}, "jwks_uri": "https://client.example/jwks"},
        {"jwks_uri": "http://client.example/jwks"},
    ],
)
def test_a_document_that_breaks_a_rule_makes_no_client(changes):
    with pytest.raises(UnacceptableCimd) as refused:
        read(PLAIN | changes)
    assert not isinstance(refused.value, CimdNotJson)
    assert (refused.value.status, refused.value.code) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (PLAIN, "text/html; charset=utf-8"),
        (PLAIN, "text/plain"),
        (PLAIN, ""),
        (PLAIN, "application/jsonp"),
        (b"<html>Just a moment...</html>", "application/json"),
        (b"", "application/json"),
        (b"[]", "application/json"),
        (b"\xff\xfe{}", "application/json"),
        (b"[" * 5000, "application/json"),
        (b'{"client_id": "a", "client_id": "b"}', "application/json"),
    ],
)
def test_a_document_that_is_no_json_object_counts_as_an_outage(body, content_type):
    with pytest.raises(CimdNotJson):
        read(body, content_type=content_type)


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/x+json"])
def test_json_is_recognised_by_its_content_type(content_type):
    assert read(PLAIN, content_type=content_type).client_name == "Client"


@pytest.mark.parametrize("url", BUNDLED_DOCUMENTS)
def test_the_copies_of_well_known_documents_pass_the_rules_of_fetched_ones(url):
    check_cimd_url(url, CimdPolicy())
    assert "none" in read(BUNDLED_DOCUMENTS[url] | {"client_id": url}, url=url).authentication_methods


@pytest.mark.parametrize(
    ("policy", "host", "permitted"),
    [
        (CimdPolicy(), "anything.example", True),
        (CimdPolicy(allow=("claude.ai",)), "claude.ai", True),
        (CimdPolicy(allow=("claude.ai",)), "www.claude.ai", False),
        (CimdPolicy(allow=("claude.ai",)), "notclaude.ai", False),
        (CimdPolicy(allow=(".claude.ai",)), "www.claude.ai", True),
        (CimdPolicy(allow=(".claude.ai",)), "claude.ai", False),
        (CimdPolicy(deny=("evil.example",)), "evil.example", False),
        (CimdPolicy(deny=(".evil.example",)), "a.b.evil.example", False),
        (CimdPolicy(allow=(".example",), deny=("evil.example",)), "evil.example", False),
        (CimdPolicy(allow=(".example",), deny=("evil.example",)), "good.example", True),
    ],
)
def test_the_operators_policy_decides_by_host(policy, host, permitted):
    assert policy.permits(host) == permitted
    url = f"https://{host}/client.json"
    if permitted:
        check_cimd_url(url, policy)
    else:
        with pytest.raises(UnacceptableCimd):
            check_cimd_url(url, policy)


def test_documents_can_be_switched_off():
    with pytest.raises(UnacceptableCimd):
        check_cimd_url(URL, CimdPolicy(enabled=False))


@pytest.mark.parametrize(
    ("cache_control", "age", "seconds"),
    [
        ("", "", DEFAULT_SECONDS),
        ("max-age=600", "", 600),
        ("public, max-age=7200", "", 7200),
        ("max-age=7200", "1200", 6000),
        ("max-age=600, s-maxage=900", "", 900),
        ("MAX-AGE = 600", "", 600),
        ('max-age="600"', "", 600),
        ("max-age=0", "", MIN_SECONDS),
        ("max-age=10", "9999", MIN_SECONDS),
        ("no-store", "", MIN_SECONDS),
        ("no-cache, max-age=9000", "", MIN_SECONDS),
        ("max-age=31536000, immutable", "", MAX_SECONDS),
        ("max-age=99999999999999999999", "", DEFAULT_SECONDS),
        ("max-age=-5", "", DEFAULT_SECONDS),
        ("garbage;;=,", "garbage", DEFAULT_SECONDS),
    ],
)
def test_freshness_follows_http_within_the_configured_bounds(cache_control, age, seconds):
    assert freshness_seconds(cache_control=cache_control, age=age) == seconds
