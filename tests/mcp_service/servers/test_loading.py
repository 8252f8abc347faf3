"""A user's own server and map: found, or refused at start with a sentence that helps."""

import sys
import textwrap

import pytest
from mcp.server import MCPServer

from mcp_service.app import build_app
from mcp_service.servers.loading import load_scope_map, load_server
from mcp_service.servers.wiring import declared_scopes
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured

MIXED = "tests.mcp_service.mixed_server"


def settings(**changes):
    return McpSettings(issuer="https://auth.example", resource="https://tools.example/mcp", **changes)


@pytest.mark.parametrize("attribute", ["server", "make_server"])
def test_a_server_or_a_function_that_makes_one_is_loaded(attribute):
    assert isinstance(load_server(f"{MIXED}:{attribute}"), MCPServer)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("mixed_server", "package.module:attribute"),
        (":server", "package.module:attribute"),
        ("no_such_module:server", "cannot be imported"),
        (f"{MIXED}:nothing", f"no attribute 'nothing'; it has {MIXED}:server"),
        (f"{MIXED}:not_a_server", "is of type int, not an MCPServer"),
        ("weather.py", "not of the form ./file.py:attribute"),
        ("./no_such_file.py:server", "there is no file .*/no_such_file.py"),
        ("http://127.0.0.1:3000/mcp", "set MCP_UPSTREAM=http://127.0.0.1:3000/mcp"),
        ("npx -y some-server", "set MCP_UPSTREAM_COMMAND='npx -y some-server'"),
        ("python3", "set MCP_UPSTREAM_COMMAND='python3'"),
    ],
)
def test_a_server_that_is_not_there_is_told(name, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        load_server(name)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a file into the current directory, and forgets the modules that a test loads."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = dict(sys.modules)

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    yield write
    for name in sys.modules.keys() - before.keys():
        del sys.modules[name]


WEATHER = """
    from mcp.server import MCPServer
    from forecasts import FORECAST

    server = MCPServer("Weather")
    scopes = {"scopes": {"weather:read": FORECAST}, "default": "weather:read"}
"""


@pytest.mark.parametrize("form", ["weather.py", "./weather.py", "{directory}/weather.py"])
def test_a_server_is_loaded_from_a_file_beside_what_it_imports(file, tmp_path, form):
    file("weather.py", WEATHER)
    file("forecasts.py", "FORECAST = 'Look at the weather'")
    name = form.format(directory=tmp_path)
    assert load_server(f"{name}:server").name == "Weather"
    assert load_scope_map(f"{name}:scopes").default == ("weather:read",)


def test_server_and_map_of_one_file_are_loaded_once(file):
    loads = file("loads.txt", "")
    file(
        "counted.py",
        """
        from pathlib import Path
        from mcp.server import MCPServer

        with Path("loads.txt").open("a") as loads:
            loads.write("x")
        server = MCPServer("Counted")
        scopes = {"scopes": {"a": "A"}, "default": "a"}
        """,
    )
    load_server("./counted.py:server")
    load_scope_map("./counted.py:scopes")
    assert loads.read_text() == "x"


def test_a_file_with_the_name_of_a_package_does_not_replace_it(file):
    file("mcp.py", "from mcp.server import MCPServer\nserver = MCPServer('Mine')")
    assert load_server("./mcp.py:server").name == "Mine"
    assert hasattr(sys.modules["mcp"], "server")


def test_a_module_of_the_current_directory_is_found_after_those_of_the_environment(file):
    file("nearby.py", "from mcp.server import MCPServer\nserver = MCPServer('Nearby')")
    file("tests.py", "raise RuntimeError('this file was imported')")
    assert load_server("nearby:server").name == "Nearby"
    assert isinstance(load_server(f"{MIXED}:server"), MCPServer)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("import no_such_package", "install the package that has no_such_package"),
        ("1 / 0", r"ZeroDivisionError: division by zero \(.*/broken.py:1\)"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_file_that_fails_is_told_with_the_reason(file, text, complaint):
    file("broken.py", text)
    with pytest.raises(Misconfigured, match=complaint):
        load_server("./broken.py:server")
    assert "broken" not in sys.modules


def test_a_map_is_read_from_a_json_file(file):
    file("scopes.json", '{"scopes": {"a": "A"}, "default": "a"}')
    assert load_scope_map("./scopes.json").default == ("a",)
    file("broken.json", "{")
    with pytest.raises(Misconfigured, match=r"\./broken\.json: not JSON"):
        load_scope_map("./broken.json")
    with pytest.raises(Misconfigured, match=r"/missing\.json cannot be read: No such file"):
        load_scope_map("missing.json")


def test_a_directory_in_place_of_a_map_is_told_with_what_to_name(tmp_path):
    with pytest.raises(Misconfigured, match=f"{tmp_path} is a directory; name a file in it that ends in .json"):
        load_scope_map(str(tmp_path))


def test_a_map_is_loaded_by_name_or_read_as_json():
    assert load_scope_map(f"{MIXED}:scopes").tools["clock"] == "public"
    assert load_scope_map('{"scopes": {"a": "A"}, "default": "a"}').default == ("a",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        (f"{MIXED}:not_a_server", "of type int, not a dict"),
        ('{"scopes": {"b": "B"}, "default": "a"}', "^MCP_SCOPES: default names 'a'"),
        ('{"scopes": {"a": 5}}', "scopes.a"),
        ("[" + "0," * 5000 + "0]", "not of the form"),
    ],
)
def test_a_map_that_is_wrong_is_told(text, complaint):
    with pytest.raises(Misconfigured, match=complaint):
        load_scope_map(text)


def test_the_notes_have_their_own_map_and_other_servers_one_scope_for_all():
    assert "notes:write" in declared_scopes(settings()).scopes
    assert declared_scopes(settings(server=f"{MIXED}:server")).default == ("mcp:tools",)


async def test_public_tools_without_anonymous_access_are_a_contradiction():
    with pytest.raises(Misconfigured, match="MCP_ALLOW_ANONYMOUS"):
        build_app(settings(server=f"{MIXED}:server", scopes=f"{MIXED}:scopes"))
