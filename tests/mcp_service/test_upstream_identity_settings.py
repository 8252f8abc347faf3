"""What a server may learn depends on where it is; every refusal names the alternatives."""

import pytest

from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

GOOD = {
    "MCP_ISSUER": "https://auth.example",
    "MCP_RESOURCE": "https://tools.example/mcp",
    "MCP_UPSTREAM": "http://127.0.0.1:3000/mcp",
}


def read(**changes):
    return McpSettings.from_environment(GOOD | changes)


@pytest.mark.parametrize(
    ("upstream", "private"),
    [
        ("http://127.0.0.1:3000/mcp", ""),
        ("http://localhost:3000/mcp", ""),
        ("http://[::1]:3000/mcp", ""),
        ("http://10.1.2.3:3000/mcp", "10.0.0.0/8"),
        ("http://10.1.2.3:3000/mcp", "true"),
        ("http://server:3000/mcp", "true"),
        ("https://203.0.113.7/mcp", "true,203.0.113.7/32"),
    ],
)
def test_headers_are_for_loopback_and_for_what_the_operator_calls_private(upstream, private):
    assert read(MCP_UPSTREAM=upstream, MCP_UPSTREAM_PRIVATE=private).upstream_identity == "headers"


@pytest.mark.invariant(14)
@pytest.mark.parametrize(
    ("upstream", "private"),
    [
        ("https://api.example.com/mcp", ""),
        ("http://server:3000/mcp", ""),
        ("http://10.1.2.3:3000/mcp", ""),
        ("http://10.1.2.3:3000/mcp", "192.168.0.0/16"),
        ("https://203.0.113.7/mcp", "true"),
        ("http://localhost.example.com/mcp", ""),
    ],
)
def test_headers_to_another_address_refuse_to_start_and_name_the_alternatives(upstream, private):
    with pytest.raises(Misconfigured) as refused:
        read(MCP_UPSTREAM=upstream, MCP_UPSTREAM_PRIVATE=private)
    for alternative in ("UPSTREAM_IDENTITY to assertion", "none", "UPSTREAM_PRIVATE"):
        assert alternative in str(refused.value)


def test_headers_may_go_to_a_socket_whatever_the_url_names():
    settings = read(MCP_UPSTREAM="http://tools.example.com/mcp", MCP_UPSTREAM_SOCKET="/run/server.sock")
    assert settings.upstream_identity == "headers"


@pytest.mark.parametrize("identity", ["none", "assertion"])
def test_what_is_signed_or_left_out_may_go_anywhere(identity):
    settings = read(
        MCP_UPSTREAM="https://api.example.com/mcp", MCP_UPSTREAM_IDENTITY=identity, MCP_STATE_DIR="/var/lib/sallyport"
    )
    assert settings.upstream_identity == identity


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"MCP_UPSTREAM_IDENTITY": "assertion"}, "MCP_STATE_DIR or MCP_UPSTREAM_KEY_FILE"),
        (
            {"MCP_UPSTREAM_IDENTITY": "assertion", "MCP_STATE_DIR": "/a", "MCP_UPSTREAM_KEY": "{}"},
            "either MCP_STATE_DIR",
        ),
        ({"MCP_UPSTREAM_IDENTITY": "both"}, "headers"),
        ({"MCP_UPSTREAM_PRIVATE": "server.internal"}, "MCP_UPSTREAM_PRIVATE"),
        ({"MCP_UPSTREAM_PRIVATE": "10.1.2.3/8"}, "host bits"),
        ({"MCP_UPSTREAM_CLAIMS": "email,sub"}, "'sub' tells nothing about the user"),
        ({"MCP_UPSTREAM_CLAIMS": "e mail"}, "cannot be told"),
        ({"MCP_UPSTREAM_CLAIMS": "email:"}, "cannot be told"),
        ({"MCP_UPSTREAM_CLAIMS": "a__b"}, "cannot be told"),
        ({"MCP_UPSTREAM_CLAIMS": "org_unit,Org.Unit"}, "the same header"),
        ({"MCP_UPSTREAM_CLAIMS": ",".join(f"c{n}" for n in range(17))}, "16"),
        ({"MCP_UPSTREAM_KEY_ROTATION_INTERVAL": "-1"}, "greater"),
    ],
)
def test_what_cannot_work_is_refused(changes, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        read(**changes)


def test_without_an_upstream_nothing_is_demanded():
    assert McpSettings.from_environment({k: v for k, v in GOOD.items() if k != "MCP_UPSTREAM"}).state_dir is None


@pytest.mark.parametrize(
    "setting", [{"IDENTITY": "assertion", "KEY": "{}"}, {"CLAIMS": "email"}, {"AUDIENCE": "https://mcp.example"}]
)
def test_what_no_command_is_told_is_refused(setting):
    named = {f"MCP_UPSTREAM_{name}": value for name, value in setting.items()}
    with pytest.raises(Misconfigured, match="need MCP_UPSTREAM"):
        read(MCP_UPSTREAM="", MCP_UPSTREAM_COMMAND="sh", **named)
