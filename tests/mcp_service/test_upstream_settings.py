"""Settings of a server behind the guard that are unsafe or contradictory refuse to start, and say why."""

import pytest

from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

GOOD = {
    "MCP_ISSUER": "https://auth.example",
    "MCP_RESOURCE": "https://tools.example/mcp",
    "MCP_UPSTREAM": "http://127.0.0.1:3000/mcp",
}
SECRET = "of-the-guard"


def read(**changes):
    return McpSettings.from_environment(GOOD | changes)


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("MCP_UPSTREAM", "127.0.0.1:3000/mcp", "absolute http or https URL"),
        ("MCP_UPSTREAM", "unix:///run/mcp.sock", "absolute http or https URL"),
        ("MCP_UPSTREAM", "http:///mcp", "absolute http or https URL"),
        ("MCP_UPSTREAM", "http://127.0.0.1:3000", "needs a path"),
        ("MCP_UPSTREAM", "http://127.0.0.1:3000/mcp#a", "no fragment"),
        ("MCP_UPSTREAM", f"http://user:{SECRET}@127.0.0.1/mcp", "user information: use MCP_UPSTREAM_HEADERS"),
        ("MCP_UPSTREAM", "npx -y some-server", "for a command set MCP_UPSTREAM_COMMAND"),
        ("MCP_UPSTREAM", "http://127.0.0.1/m cp", "characters"),
        ("MCP_UPSTREAM", "http://127.0.0.1:99999/mcp", "Port out of range"),
        ("MCP_UPSTREAM_HOST", "http://localhost", "a host"),
        ("MCP_UPSTREAM_HOST", "localhost\r\nX: y", "a host"),
        ("MCP_UPSTREAM_HEADERS", SECRET, "JSON object"),
        ("MCP_UPSTREAM_HEADERS", f'["{SECRET}"]', "JSON object"),
        ("MCP_UPSTREAM_HEADERS", '{"A B": "x"}', "not a header name"),
        ("MCP_UPSTREAM_HEADERS", f'{{"A": "{SECRET}\\r\\nB: c"}}', "visible ASCII"),
        ("MCP_UPSTREAM_HEADERS", '{"A": 5}', "visible ASCII"),
        ("MCP_UPSTREAM_HEADERS", '{"Host": "x"}', "set by the guard itself"),
        ("MCP_UPSTREAM_HEADERS", '{"content-length": "5"}', "set by the guard itself"),
        ("MCP_UPSTREAM_HEADERS", '{"Mcp-Name": "x"}', "set by the guard itself"),
        ("MCP_UPSTREAM_HEADERS", '{"Sallyport-Subject": "x"}', "set by the guard itself"),
        ("MCP_UPSTREAM_CA_FILE", "/etc/ca.pem", "for an https MCP_UPSTREAM"),
        ("MCP_UPSTREAM_SESSION_KEY", "short", "at least 32"),
        ("MCP_SERVER", "a:b", "name several servers"),
        ("MCP_STATEFUL", "true", "decides that itself"),
        ("MCP_JSON_RESPONSE", "true", "decides that itself"),
        ("MCP_REUSE_PORT", "true", "UPSTREAM_SESSION_KEY"),
    ],
)
def test_a_setting_that_is_wrong_is_told_and_no_secret(name, value, complaint):
    with pytest.raises(Misconfigured) as caught:
        read(**{name: value})
    assert complaint in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("name", ["SOCKET", "HOST", "CA_FILE", "SESSION_KEY"])
def test_settings_of_a_server_that_is_not_named_are_refused(name):
    with pytest.raises(Misconfigured, match="need MCP_UPSTREAM"):
        read(MCP_UPSTREAM="", **{f"MCP_UPSTREAM_{name}": "a" * 32})


def test_a_socket_is_for_plain_http():
    with pytest.raises(Misconfigured, match="needs an http MCP_UPSTREAM"):
        read(MCP_UPSTREAM="https://localhost/mcp", MCP_UPSTREAM_SOCKET="/run/mcp.sock")


def test_the_headers_may_be_in_a_file(tmp_path):
    file = tmp_path / "headers.json"
    file.write_text('{"Authorization": "Bearer of-the-guard"}\n')
    settings = read(MCP_UPSTREAM_HEADERS_FILE=str(file))
    assert settings.upstream_header_map() == {"Authorization": "Bearer of-the-guard"}
    assert SECRET not in repr(settings)


def test_replicas_on_one_port_need_no_store_of_notes():
    assert read(MCP_REUSE_PORT="true", MCP_UPSTREAM_SESSION_KEY="k" * 32).is_example is False
