"""Settings that are unsafe or contradictory refuse to start, and say why."""

import pytest

from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

GOOD = {"MCP_ISSUER": "https://auth.example", "MCP_RESOURCE": "https://tools.example/mcp"}


def read(**changes):
    return McpSettings.from_environment(GOOD | changes)


def test_two_settings_are_enough():
    settings = read()
    assert settings.path == "/mcp"
    assert settings.algorithms == ("RS256", "ES256", "EdDSA")


def test_lists_are_written_with_commas_or_as_json():
    assert read(MCP_ALGORITHMS="RS256,ES256").algorithms == ("RS256", "ES256")
    assert read(MCP_ALGORITHMS='["EdDSA"]').algorithms == ("EdDSA",)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("MCP_ISSUER", "https://auth.example/", "ends with a slash"),
        ("MCP_ISSUER", "http://auth.example", "http on a host that is not loopback"),
        ("MCP_ISSUER", "https://tools.example/mcp", "two different services"),
        ("MCP_RESOURCE", "https://tools.example", "needs a path"),
        ("MCP_RESOURCE", "https://Tools.example/mcp", "upper-case"),
        ("MCP_ALGORITHMS", "none", "RS256"),
        ("MCP_ALGORITHMS", "HS256", "RS256"),
        ("MCP_JWKS_URL", "file:///etc/passwd", "http or https"),
        ("MCP_JWKS_URL", "https://user:pass@auth.example/keys", "user information"),
        ("MCP_JWKS_URL", "/keys", "absolute"),
        ("MCP_STATUS_LISTS_URL", "/status-lists", "absolute"),
        ("MCP_STATUS_LIST_PREFIXES", "http://lists.example/a", "not loopback or a private address"),
        ("MCP_STATUS_LIST_PREFIXES", "http://8.8.8.8/a", "not loopback or a private address"),
        ("MCP_STATUS_LIST_PREFIXES", "https://user@lists.example/a", "user information"),
        ("MCP_STATUS_LIST_PREFIXES", "https://lists.example/a?b=c", "a query"),
        ("MCP_STATUS_LIST_PREFIXES", "https://lists.example/a#b", "a fragment"),
        ("MCP_STATUS_LIST_PREFIXES", "https://lists.example/a%2fb", "not plain"),
        ("MCP_STATUS_LIST_PREFIXES", "https://lists.example/a/../b", "not plain"),
        ("MCP_STATUS_LIST_PREFIXES", "https://Lists.example/a", "upper-case"),
        ("MCP_STATUS_LIST_PREFIXES", "https://lists.example:443/a", "default port"),
        ("MCP_STATUS_LIST_PREFIXES", "lists.example", "not an absolute URL"),
        ("MCP_STATUS_LIST_PREFIXES", "https://", "not an absolute URL"),
        ("MCP_FORWARD_OAUTH_TO", "auth.internal:9000", "http or https origin"),
        ("MCP_FORWARD_OAUTH_TO", "http://auth:9000/", "nothing after"),
        ("MCP_FORWARD_OAUTH_TO", "http://auth:9000/token", "nothing after"),
        ("MCP_FORWARD_OAUTH_TO", "http://user:pass@auth:9000", "http or https origin"),
        ("MCP_FORWARD_OAUTH_TO", "file:///etc", "http or https origin"),
        ("MCP_ALLOWED_ORIGINS", "https://app.example/path", "not an origin"),
        ("MCP_ALLOWED_ORIGINS", "app.example", "not an origin"),
        ("MCP_MAX_BODY_BYTES", "10", "1024"),
        ("MCP_JWKS_COOLDOWN", "0", "0.1"),
        ("MCP_RESORCE", "x", "no such setting"),
    ],
)
def test_a_setting_that_is_wrong_is_told(name, value, complaint):
    with pytest.raises(Misconfigured) as refused:
        read(**{name: value})
    assert name in str(refused.value) or "MCP_" in str(refused.value)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"MCP_NOTES_REDIS_URL": "redis://notes", "MCP_STATEFUL": "true"}, "^MCP_STATEFUL needs one replica"),
        ({}, "NOTES_REDIS_URL"),
    ],
)
def test_replicas_on_one_port_refuse_settings_that_keep_state_in_one_of_them(other, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        read(MCP_REUSE_PORT="true", **other)


def test_replicas_of_a_custom_server_may_share_a_port():
    assert read(MCP_REUSE_PORT="true", MCP_SERVER="weather:server").reuse_port


@pytest.mark.parametrize(
    ("resource", "complaint"),
    [
        ("https://auth.example/mcp", "have the same one"),
        ("https://tools.example/token", "^MCP_FORWARD_OAUTH_TO needs the path /token of MCP_RESOURCE for itself"),
    ],
)
def test_forwarding_is_refused_where_it_would_meet_itself(resource, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        read(MCP_RESOURCE=resource, MCP_FORWARD_OAUTH_TO="http://auth:9000")


@pytest.mark.parametrize(
    "prefix", ["https://lists.example", "https://lists.example/a/b/", "http://localhost:9000", "http://10.1.2.3/a"]
)
def test_the_prefix_of_status_lists_is_https_or_internal_http(prefix):
    assert read(MCP_STATUS_LIST_PREFIXES=f'["{prefix}"]').status_list_prefixes == (prefix,)


def test_status_lists_come_by_a_feed_or_by_their_addresses():
    with pytest.raises(Misconfigured, match=r"^MCP_STATUS_LISTS_URL is for an issuer with a feed"):
        read(MCP_STATUS_LIST_PREFIXES="https://a.example", MCP_STATUS_LISTS_URL="https://auth.example/status-lists")


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"MCP_UPSTREAM_COMMAND": "x", "MCP_SERVER": "a:b"}, "SERVER and MCP_UPSTREAM_COMMAND name several servers"),
        ({"MCP_UPSTREAM_COMMAND": "x", "MCP_STATEFUL": "true"}, "the clients of MCP_UPSTREAM_COMMAND have no sessions"),
        ({"MCP_UPSTREAM_PER": "user"}, "for MCP_UPSTREAM_COMMAND, which is not set"),
        ({"MCP_UPSTREAM_ENVIRONMENT": "API_KEY"}, "for MCP_UPSTREAM_COMMAND, which is not set"),
    ],
)
def test_settings_of_a_command_go_with_a_command_alone(settings, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        read(**settings)


def test_a_command_needs_no_store_to_share_a_port():
    assert read(MCP_UPSTREAM_COMMAND="x", MCP_REUSE_PORT="true").reuse_port
