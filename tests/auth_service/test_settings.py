"""The settings of auth_service: what is unknown, given twice or unsafe refuses to start and says why."""

import base64
import json
import secrets

import pytest

from auth_service.settings import DAY, AuthSettings
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

RESOURCES = json.dumps([{"identifier": "https://mcp.example/mcp", "name": "Notes", "scopes": {}}])


MCP = {"MCP_ISSUER": "https://auth.example", "MCP_RESOURCE": "https://mcp.example/mcp"}


def environment(**changes):
    values = {
        "AUTH_ISSUER": "https://auth.example",
        "AUTH_RESOURCES": RESOURCES,
        "AUTH_REDIS_URL": "redis://:hunter2@store/0",
        "AUTH_KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    }
    return {name: value for name, value in (values | changes).items() if value is not None}


def complaint(**changes):
    with pytest.raises(Misconfigured) as refused:
        AuthSettings.from_environment(environment(**changes))
    return str(refused.value)


def test_the_four_required_settings_are_enough():
    settings = AuthSettings.from_environment(environment())
    assert settings.issuer == "https://auth.example"
    assert settings.base_path == ""
    assert not settings.is_local


@pytest.mark.parametrize("networks", ["0.0.0.0/0", "::/0", "128.0.0.0/1", "10.0.0.0/8,2000::/3"])
@pytest.mark.parametrize("service", [AuthSettings, McpSettings])
def test_proxies_that_are_half_the_internet_are_refused(service, networks):
    """Anyone could then choose the address by which limits count."""
    prefix = "AUTH_" if service is AuthSettings else "MCP_"
    values = environment() if service is AuthSettings else MCP
    with pytest.raises(Misconfigured, match="TRUSTED_PROXIES"):
        service.from_environment({**values, f"{prefix}TRUSTED_PROXIES": networks})


@pytest.mark.parametrize(
    "networks", ["10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7", "203.0.113.0/24", "2001:db8::/32"]
)
def test_private_networks_and_those_of_a_provider_may_be_proxies(networks):
    assert AuthSettings.from_environment(environment(AUTH_TRUSTED_PROXIES=networks)).trusted_proxies


def test_settings_that_are_unsafe_together_are_named_in_full_without_a_place():
    found = complaint(AUTH_PASSWORDS="off")
    assert found == "AUTH_PASSWORDS is off, and AUTH_IDENTITY_PROVIDERS is empty: no user could sign in"
    assert "AUTH_:" not in complaint(AUTH_REFRESH_TOKEN_TTL="60")


@pytest.mark.parametrize("seconds", ["0", "299"])
def test_a_key_is_published_for_as_long_as_the_key_set_may_be_cached(seconds):
    """Invariant 5: a verifier that caches the older set would refuse its tokens."""
    assert "KEY_PUBLISH_LEAD_TIME" in complaint(AUTH_KEY_PUBLISH_LEAD_TIME=seconds)


def test_they_cannot_be_changed_afterwards():
    settings = AuthSettings.from_environment(environment())
    with pytest.raises(ValueError, match="frozen"):
        settings.issuer = "https://evil.example"  # type: ignore[misc]  # that it is refused


@pytest.mark.parametrize("name", ["AUTH_ISSUER", "AUTH_RESOURCES", "AUTH_REDIS_URL", "AUTH_KEY_ENCRYPTION_KEY"])
@pytest.mark.parametrize("value", [None, ""])
def test_each_of_the_four_required_settings_is_named_when_missing(name, value):
    assert name in complaint(**{name: value})


@pytest.mark.parametrize("name", ["AUTH_ISSUERS", "AUTH_ACCESS_TOKEN_LIFETIME", "AUTH_", "AUTH_ISSUER_"])
def test_an_unknown_name_prevents_the_start(name):
    """A typing error must not become a default."""
    assert complaint(**{name: "x"}) == f"{name}: there is no such setting"


def test_names_of_others_are_passed_over():
    AuthSettings.from_environment(environment(PATH="/bin", MCP_ISSUER="x", AUTHOR="me"))


def test_all_that_is_wrong_is_said_at_once():
    said = complaint(AUTH_PORT="x", AUTH_ACCESS_TOKEN_TTL="1", AUTH_ISSUER="http://auth.example")
    assert {line.partition(":")[0] for line in said.splitlines()} == {
        "AUTH_PORT",
        "AUTH_ACCESS_TOKEN_TTL",
        "AUTH_ISSUER",
    }


class TestFiles:
    def test_a_secret_comes_from_a_file_without_its_line_end(self, tmp_path):
        secret = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        file = tmp_path / "key"
        file.write_text(f"{secret}\n")
        settings = AuthSettings.from_environment(
            environment(AUTH_KEY_ENCRYPTION_KEY=None, AUTH_KEY_ENCRYPTION_KEY_FILE=str(file))
        )
        assert settings.key_encryption_key[0].get_secret_value() == secret

    def test_directly_and_as_a_file_is_one_too_many(self, tmp_path):
        file = tmp_path / "url"
        file.write_text("redis://other")
        assert "given twice" in complaint(AUTH_REDIS_URL_FILE=str(file))

    def test_a_file_that_is_not_there_is_named(self, tmp_path):
        said = complaint(AUTH_REDIS_URL=None, AUTH_REDIS_URL_FILE=str(tmp_path / "missing"))
        assert said == "AUTH_REDIS_URL_FILE: cannot be read: No such file or directory"

    def test_a_file_that_is_no_text_is_named(self, tmp_path):
        file = tmp_path / "url"
        file.write_bytes(b"\xff\xfe\x00")
        said = complaint(AUTH_REDIS_URL=None, AUTH_REDIS_URL_FILE=str(file))
        assert said == "AUTH_REDIS_URL_FILE: the file is not text in UTF-8"

    def test_a_setting_that_is_none_is_none_as_a_file_too(self):
        assert "there is no such setting" in complaint(AUTH_NOTHING_FILE="/etc/hostname")


class TestSecrets:
    def test_no_secret_is_in_the_complaint_nor_in_the_settings_as_text(self):
        assert "hunter2" not in complaint(AUTH_PORT="x")
        assert "hunter2" not in repr(AuthSettings.from_environment(environment()))

    @pytest.mark.parametrize(
        "key",
        [
            "short",
            base64.urlsafe_b64encode(b"x" * 31).decode(),
            base64.urlsafe_b64encode(b"\x00" * 32).decode(),
            base64.urlsafe_b64encode(b"ab" * 16).decode(),
            "!" * 43,
            "password" * 6,
        ],
    )
    def test_a_weak_key_is_refused_and_not_repeated(self, key):
        said = complaint(AUTH_KEY_ENCRYPTION_KEY=key)
        assert said.startswith("AUTH_KEY_ENCRYPTION_KEY")
        assert key not in said

    def test_several_keys_are_separated_by_commas(self):
        keys = [base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]
        settings = AuthSettings.from_environment(environment(AUTH_KEY_ENCRYPTION_KEY=", ".join(keys)))
        assert [k.get_secret_value() for k in settings.key_encryption_key] == keys


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"AUTH_REFRESH_TOKEN_ABSOLUTE_TTL": "3600"}, "shorter than AUTH_REFRESH_TOKEN_TTL"),
        ({"AUTH_REFRESH_TOKEN_TTL": "3600", "AUTH_ACCESS_TOKEN_TTL": "7200"}, "shorter than AUTH_ACCESS_TOKEN_TTL"),
        ({"AUTH_REGISTRATION_TTL": str(30 * DAY)}, "clients outlive their grants"),
        ({"AUTH_RESOURCES": "[]"}, "AUTH_RESOURCES"),
        ({"AUTH_RESOURCES": "{"}, "AUTH_RESOURCES"),
        ({"AUTH_RESOURCES": "https://mcp.example/mcp"}, "AUTH_RESOURCES"),
        ({"AUTH_RESOURCES": RESOURCES.replace('/mcp"', '"')}, "needs a path"),
        ({"AUTH_RESOURCES": RESOURCES.replace("name", "nmae")}, "AUTH_RESOURCES"),
        ({"AUTH_SIGNING_ALGORITHM": "HS256"}, "AUTH_SIGNING_ALGORITHM"),
        ({"AUTH_SIGNING_ALGORITHM": "none"}, "AUTH_SIGNING_ALGORITHM"),
        ({"AUTH_REDIRECT_SCHEMES": "javascript"}, "not a lower-case scheme"),
        ({"AUTH_REDIRECT_SCHEMES": "https"}, "not a lower-case scheme"),
        ({"AUTH_REDIRECT_SCHEMES": "Cursor"}, "not a lower-case scheme"),
        ({"AUTH_ISSUER": "https://auth.example/"}, "ends with a slash"),
        ({"AUTH_ACCESS_TOKEN_TTL": "nan"}, "AUTH_ACCESS_TOKEN_TTL"),
        ({"AUTH_AUTHORIZATION_CODE_TTL": "3600"}, "AUTH_AUTHORIZATION_CODE_TTL"),
    ],
)
def test_an_unsafe_or_contradictory_setting_is_refused(changes, reason):
    assert reason in complaint(**changes)


@pytest.mark.parametrize(
    ("issuer", "local"),
    [
        ("http://localhost:9000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:9000/x", True),
        ("https://localhost:9000", False),
        ("https://auth.example", False),
    ],
)
def test_cookies_are_for_https_only_unless_the_issuer_is_plain_http_on_this_machine(issuer, local):
    assert AuthSettings.from_environment(environment(AUTH_ISSUER=issuer)).is_local is local


@pytest.mark.parametrize("name", sorted(AuthSettings.retired_settings))
@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_a_retired_name_prevents_the_start_and_its_successor_is_named(name, suffix):
    assert complaint(**{name + suffix: "x"}) == f"{name}{suffix}: {AuthSettings.retired_settings[name]}"


@pytest.mark.parametrize("settings", [AuthSettings, McpSettings])
def test_a_retired_name_is_no_setting_and_its_successor_is_one(settings):
    prefix = settings.model_config["env_prefix"]
    for name, reason in settings.retired_settings.items():
        assert name.removeprefix(prefix).lower() not in settings.model_fields
        _, renamed, successor = reason.partition("use ")
        assert not renamed or successor.removeprefix(prefix).lower() in settings.model_fields


ACME = {
    "id": "acme",
    "kind": "oidc",
    "display_name": "Acme",
    "issuer": "https://acme.example",
    "client_id": "us",
    "client_secret": "hunter2",
    "allow": {"everyone": True},
}


class TestIdentityProviders:
    def complaint(self, *entries, **changes):
        return complaint(AUTH_IDENTITY_PROVIDERS=json.dumps(entries), **changes)

    def test_they_are_a_list_in_the_environment_or_in_a_file(self, tmp_path):
        file = tmp_path / "providers.json"
        file.write_text(json.dumps([ACME]))
        for setting in ({"AUTH_IDENTITY_PROVIDERS_FILE": str(file)}, {"AUTH_IDENTITY_PROVIDERS": file.read_text()}):
            settings = AuthSettings.from_environment(environment(**setting))
            assert [entry.id for entry in settings.identity_providers] == ["acme"]
            assert "hunter2" not in repr(settings)

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            ({"client_id": ""}, "entry 2 (acme): client_id: String should have at least 1 character"),
            ({"id": "A me"}, "entry 2: id: 'A me' is not 1 to 32"),
            ({"typo": "hunter2"}, "entry 2 (acme): typo: Extra inputs are not permitted"),
            ({"client_secret": None}, "entry 2 (acme): give one of client_secret and private_key"),
            ({"client_secret": {"a": "hunter2"}}, "entry 2 (acme): client_secret: Input should be a valid string"),
            ({"client_secret_file": "/none"}, "entry 2 (acme): client_secret is given twice"),
            ({"issuer": "https://u:hunter2@acme.example"}, "entry 2 (acme): issuer: is a URL with user information"),
            ({"issuer": "http://acme.example"}, "is neither https nor http on a loopback host"),
            ({"kind": "saml"}, "entry 2 (acme): Input tag 'saml'"),
            ({"id": "other"}, "two entries have the id 'other'"),
        ],
    )
    def test_an_error_names_position_and_id_of_the_entry_and_repeats_no_secret(self, change, told):
        said = self.complaint(ACME | {"id": "other"}, ACME | change)
        assert said.startswith("AUTH_IDENTITY_PROVIDERS: ")
        assert told in said
        assert "hunter2" not in said

    @pytest.mark.parametrize("text", ["hunter2", "{}", '[{"client_secret": "hunter2"', "[1]", '"x"', "[null]"])
    def test_a_value_that_is_no_list_of_objects_is_refused_and_not_repeated(self, text):
        said = complaint(AUTH_IDENTITY_PROVIDERS=text)
        assert said == "AUTH_IDENTITY_PROVIDERS: must be a JSON list of objects"

    def test_without_passwords_one_is_needed(self):
        assert "no user could sign in" in complaint(AUTH_PASSWORDS="off")
        settings = environment(AUTH_PASSWORDS="off", AUTH_IDENTITY_PROVIDERS=json.dumps([ACME]))
        assert AuthSettings.from_environment(settings).passwords == "off"
