"""The settings from .env, as Docker's own command line understands compose.yaml. Nothing is started."""

import json
import os
import shutil
import subprocess

import pytest

from auth_service.settings import AuthSettings
from devstack.service_process import REPOSITORY
from mcp_service.settings import McpSettings

# Reaches auth_service in a file that `declaration` writes.
BY_DECLARATION = {"AUTH_RESOURCES"}
OF_THE_IMAGE = {f"{service}_{name}" for service in ("AUTH", "MCP") for name in ("HOST", "PORT", "REUSE_PORT")}
SECRET = "a key that must stay secret"


def has_compose():
    command = shutil.which("docker")
    if command is None:
        return False
    return subprocess.run([command, "compose", "version"], capture_output=True, check=False).returncode == 0


pytestmark = [pytest.mark.docker, pytest.mark.skipif(not has_compose(), reason="there is no docker compose")]


@pytest.fixture
def understood(tmp_path):
    """The services with an .env of these lines."""

    def ask(*options, **lines):
        file = tmp_path / "env"
        file.write_text("".join(f"{name}='{value}'\n" for name, value in lines.items()), encoding="utf-8")
        own = ("AUTH_", "MCP_", "SALLYPORT_", "GATEWAY_", "CADDY_", "VALKEY_", "STORE_", "COMPOSE_")
        done = subprocess.run(
            ["docker", "compose", "--env-file", str(file), "config", *options, "--format", "json"],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith(own)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["services"]

    return ask


def names(settings):
    prefix = settings.model_config["env_prefix"]
    return {f"{prefix}{name.upper()}" for name in settings.model_fields} - OF_THE_IMAGE


def test_every_setting_reaches_its_own_service_and_no_other_container(understood):
    given = {name: f"value of {name}" for name in names(AuthSettings) | names(McpSettings)}
    services = understood(**given)
    # It has the settings of mcp_service, runs before it, and reaches nothing.
    declaration = services.pop("declaration")
    assert declaration["environment"]["AUTH_RESOURCES"] == given["AUTH_RESOURCES"]
    assert (declaration["network_mode"], "networks" in declaration) == ("none", False)
    for service, settings in (("auth", AuthSettings), ("mcp", McpSettings)):
        environment = services.pop(service)["environment"]
        # For the commands in hints.
        assert environment.pop("SALLYPORT_RUN_BY") == "compose"
        expected = names(settings) - BY_DECLARATION
        assert {name: environment[name] for name in expected} == {name: given[name] for name in expected}
        handed_on = {name for name in environment if name in expected or not name.endswith("_FILE")}
        assert handed_on == expected
    # The gateway routes the path of the resource.
    assert services["gateway"]["environment"].pop("RESOURCE") == given["MCP_RESOURCE"]
    assert "value of" not in json.dumps(services)


@pytest.mark.invariant(2, 4)
def test_the_key_that_encrypts_the_keys_reaches_auth_service_only(understood):
    services = understood(AUTH_KEY_ENCRYPTION_KEY=SECRET, AUTH_KEY_ENCRYPTION_KEY_FILE="")
    assert services["auth"]["environment"]["AUTH_KEY_ENCRYPTION_KEY"] == SECRET
    assert services["auth"]["environment"]["AUTH_KEY_ENCRYPTION_KEY_FILE"] == ""
    del services["auth"]
    assert SECRET not in json.dumps(services)
    mounted = {name: {v["source"] for v in service.get("volumes", [])} for name, service in services.items()}
    assert [name for name, sources in mounted.items() if "secrets" in sources] == ["secrets"]


def test_an_address_of_the_store_may_stand_in_a_file(understood):
    services = understood(
        AUTH_REDIS_URL="", AUTH_REDIS_URL_FILE="/files/redis-url", SALLYPORT_AUTH_FILES="./files-of-my-own"
    )
    auth = services["auth"]
    assert (auth["environment"]["AUTH_REDIS_URL"], auth["environment"]["AUTH_REDIS_URL_FILE"]) == (
        "",
        "/files/redis-url",
    )
    mount = next(volume for volume in auth["volumes"] if volume["target"] == "/files")
    assert (mount["type"], mount["source"], mount["read_only"]) == (
        "bind",
        str(REPOSITORY / "files-of-my-own"),
        True,
    )
    assert "files-of-my-own" not in json.dumps(services["mcp"])


@pytest.mark.invariant(1)
@pytest.mark.parametrize(
    ("lines", "issuer", "resource"),
    [
        ({}, "http://localhost:8080", "http://localhost:8080/mcp"),
        ({"SALLYPORT_PUBLIC_URL": "https://a.tunnel"}, "https://a.tunnel", "https://a.tunnel/mcp"),
        ({"SALLYPORT_DOMAIN": "one.example"}, "https://one.example", "https://one.example/mcp"),
        (
            {"SALLYPORT_DOMAIN": "mcp.example", "SALLYPORT_AUTH_DOMAIN": "auth.example"},
            "https://auth.example",
            "https://mcp.example/mcp",
        ),
    ],
)
def test_both_services_get_the_same_names_for_every_form_of_the_gateway(understood, lines, issuer, resource):
    services = understood(**lines)
    auth, mcp, gateway = (services[name] for name in ("auth", "mcp", "gateway"))
    assert auth["environment"]["AUTH_ISSUER"] == mcp["environment"]["MCP_ISSUER"] == issuer
    assert mcp["environment"]["MCP_RESOURCE"] == gateway["environment"]["RESOURCE"] == resource
    two = "SALLYPORT_AUTH_DOMAIN" in lines
    assert gateway["command"][-1] == f"/etc/caddy/gateway{'-two-hosts' if two else ''}.caddy"
    assert gateway["environment"]["SITE"] == lines.get("SALLYPORT_DOMAIN", ":80")


def test_the_file_can_be_read_without_its_variables(understood):
    image = understood("--no-interpolate")["mcp"]["image"]
    assert image == "sallyport-mcp${SALLYPORT_MCP_BUILD:+-own}"


def test_an_image_of_the_operator_is_made_under_a_name_of_its_own(understood):
    services = understood(SALLYPORT_MCP_BUILD="./of-my-own")
    for name in ("mcp", "declaration"):
        assert services[name]["image"] == "sallyport-mcp-own"
        assert services[name]["build"]["context"] == str(REPOSITORY / "of-my-own")
    assert understood()["mcp"]["image"] == "sallyport-mcp"


def test_a_server_in_a_container_is_in_a_network_with_mcp_service_only(understood):
    files = {"COMPOSE_FILE": "compose.yaml:deploy/server.yaml", "MCP_UPSTREAM": "http://server:3000/mcp"}
    services = understood(**files, SALLYPORT_SERVER_BUILD="./of-my-own")
    assert services["server"]["build"]["context"] == str(REPOSITORY / "of-my-own")
    assert list(services["server"]["networks"]) == ["server"]
    assert [name for name, service in services.items() if "server" in service.get("networks", {})] == ["mcp", "server"]
    assert services["mcp"]["environment"]["MCP_UPSTREAM_PRIVATE"] == "true"
