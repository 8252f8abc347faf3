"""From what a registration asks to what it gets (RFC 7591, interop.md A6 and A7)."""

import pytest

from auth_service.clients.client_metadata import ClientMetadata, display_name, effective_metadata
from auth_service.protocol.errors import InvalidClientMetadata, InvalidRedirectUri
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES

CALLBACK = "https://client.example/cb"


def granted(**members):
    return effective_metadata({"redirect_uris": [CALLBACK], **members}, redirect_schemes=KNOWN_REDIRECT_SCHEMES)


def test_the_least_request_gets_the_defaults_of_rfc_7591_and_a_refresh_token():
    assert granted() == ClientMetadata(
        redirect_uris=(CALLBACK,),
        grant_types=("authorization_code", "refresh_token"),
        authentication_method="client_secret_basic",
    )


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_the_requested_authentication_method_is_honoured(method):
    assert granted(token_endpoint_auth_method=method).authentication_method == method


@pytest.mark.parametrize("method", ["client_secret_jwt", "tls_client_auth", "", 7, ["none"], {"a": 1}])
def test_an_authentication_method_that_is_not_offered_is_refused(method):
    with pytest.raises(InvalidClientMetadata):
        granted(token_endpoint_auth_method=method)


def test_unsupported_grant_types_are_dropped():
    asked = ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    assert granted(grant_types=asked).grant_types == ("authorization_code", "refresh_token")


def test_a_client_that_wants_no_refresh_token_gets_none():
    assert granted(grant_types=["authorization_code"]).grant_types == ("authorization_code",)


@pytest.mark.parametrize(
    "asked", [["client_credentials"], ["refresh_token"], ["implicit"], "authorization_code", [1], {"a": 1}]
)
def test_grant_types_of_which_nothing_usable_remains_are_refused(asked):
    with pytest.raises(InvalidClientMetadata):
        granted(grant_types=asked)


@pytest.mark.parametrize("asked", [["token"], ["id_token"], "code", [None]])
def test_response_types_without_code_are_refused(asked):
    with pytest.raises(InvalidClientMetadata):
        granted(response_types=asked)


def test_redirect_uris_of_mixed_kinds_are_accepted_in_one_request():
    uris = ["http://127.0.0.1:33418/", "https://vscode.dev/redirect", "cursor://anysphere.cursor-mcp/oauth/callback"]
    assert granted(redirect_uris=uris).redirect_uris == tuple(uris)


def test_a_redirect_uri_that_is_not_offered_is_left_out_when_another_remains():
    uris = ["someapp://cb", CALLBACK, "http://192.168.0.9/cb"]
    assert granted(redirect_uris=uris).redirect_uris == (CALLBACK,)


def test_repeated_redirect_uris_are_kept_once():
    assert granted(redirect_uris=[CALLBACK, CALLBACK]).redirect_uris == (CALLBACK,)


@pytest.mark.parametrize(
    "uris",
    [
        [CALLBACK, "javascript:alert(1)"],
        [CALLBACK, "data:text/html,x"],
        [CALLBACK, "https://user@client.example/cb"],
        ["someapp://cb"],
        ["http://192.168.0.9/cb"],
        [],
        None,
        CALLBACK,
        [CALLBACK, 7],
        {"0": CALLBACK},
        [f"https://client.example/{n}" for n in range(17)],
        [f"https://client.example/{n}" + "a" * 900 for n in range(5)],
    ],
)
def test_a_list_with_a_hostile_entry_or_without_a_usable_one_is_refused(uris):
    with pytest.raises(InvalidRedirectUri):
        granted(redirect_uris=uris)


def test_unknown_members_are_ignored_and_not_echoed():
    members = granted(application_type="native", software_statement="eyJ", x={"y": []}).as_members()
    assert set(members) == {"redirect_uris", "grant_types", "response_types", "token_endpoint_auth_method"}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("Claude", "Claude"),
        ("  Visual\tStudio \n Code ", "Visual Studio Code"),
        ("Evil\u202egnp.exe", "Evil gnp.exe"),
        ("a\u200bb", "a b"),
        ("x" * 500, "x" * 80),
        ("", None),
        ("\u202e", None),
        (7, None),
        (None, None),
    ],
)
def test_a_name_is_one_bounded_line_without_disguises(asked, shown):
    assert display_name(asked) == shown


@pytest.mark.parametrize(
    "address",
    ["http://client.example", "javascript:alert(1)", "https://", "https://u@x.example", "https://x.example/#a", 5, "x"],
)
def test_an_informational_url_that_is_not_plain_https_is_left_out(address):
    assert granted(client_uri=address, logo_uri=address).client_uri is None
    assert granted(client_uri=address, logo_uri=address).logo_uri is None


PUBLIC_KEY = {"kty": "EC", "crv": "P-256", "kid": "1", "x": "AA", "y": "AA"}


def test_keys_are_kept_for_private_key_jwt_and_only_for_it():
    with_keys = granted(token_endpoint_auth_method="private_key_jwt", jwks={"keys": [PUBLIC_KEY], "junk": 1})
    assert with_keys.jwks == {"keys": [PUBLIC_KEY]}
    assert granted(token_endpoint_auth_method="none", jwks={"keys": [PUBLIC_KEY]}).jwks is None


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"jwks": {"keys": [PUBLIC_KEY]}, "jwks_uri": "https://client.example/jwks"},
        {"jwks": {"keys": []}},
        {"jwks": {"keys": [PUBLIC_KEY] * 11}},
        {"jwks": {"keys": ["x"]}},
        {"jwks": [PUBLIC_KEY]},
        {"jwks": {"keys": [PUBLIC_KEY | {"d": "secret"}]}},
        {"jwks": {"keys": [{"kty": "oct", "k": "secret"}]}},
        {"jwks_uri": "http://client.example/jwks"},
        {"jwks_uri": "https://user@client.example/jwks"},
        {"jwks_uri": 7},
    ],
)
def test_private_key_jwt_needs_a_public_key_set_from_one_place(members):
    with pytest.raises(InvalidClientMetadata):
        granted(token_endpoint_auth_method="private_key_jwt", **members)


def test_a_malformed_scope_is_left_out():
    assert granted(scope="notes:read notes:write").scope == "notes:read notes:write"
    assert granted(scope="\x00").scope is None
    assert granted(scope=["a"]).scope is None
