"""compose.yaml hands every setting on, and gives each container what it needs only."""

import re

import pytest
import yaml

from auth_service.settings import AuthSettings
from devstack.service_process import REPOSITORY
from mcp_service.settings import McpSettings

SERVICES = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))["services"]
# Where a container listens is the image's affair.
OF_THE_IMAGE = {f"{service}_{name}" for service in ("AUTH", "MCP") for name in ("HOST", "PORT", "REUSE_PORT")}
# Reaches auth_service in a file.
BY_DECLARATION = {"AUTH_RESOURCES"}


@pytest.mark.parametrize(("service", "settings"), [("auth", AuthSettings), ("mcp", McpSettings)])
def test_every_setting_of_a_service_can_be_given(service, settings):
    prefix = settings.model_config["env_prefix"]
    known = {f"{prefix}{name.upper()}" for name in settings.model_fields}
    own = {name for name in SERVICES[service]["environment"] if name.startswith(prefix)}
    handed_on = {name for name in own if name in known or not name.endswith("_FILE")}
    assert handed_on == known - OF_THE_IMAGE - BY_DECLARATION


def test_the_declaration_of_the_scopes_has_the_settings_and_files_of_mcp_service():
    declaration, mcp = SERVICES["declaration"], SERVICES["mcp"]
    # It writes down what AUTH_RESOURCES says, and what the server says if that is not set.
    added = {"AUTH_RESOURCES", "MCP_NOTES_REDIS_URL_FILE"}
    assert set(declaration["environment"]) - added == set(mcp["environment"]) - added
    assert set(declaration["environment"]) >= BY_DECLARATION
    assert [mount for mount in declaration["volumes"] if mount in mcp["volumes"]] == [
        {"type": "bind", "source": "${SALLYPORT_MCP_FILES:-./deploy/files}", "target": "/files", "read_only": True}
    ]
    assert declaration["network_mode"] == "none"


@pytest.mark.invariant(2)
def test_mcp_service_shares_no_network_with_the_store_of_auth_service():
    assert not set(SERVICES["mcp"]["networks"]) & set(SERVICES["store"]["networks"])


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_container_is_read_only_and_without_capabilities(service):
    assert SERVICES[service]["read_only"] is True
    assert SERVICES[service]["cap_drop"] == ["ALL"]


def test_only_the_gateway_is_reachable_from_outside():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["gateway"]


def test_every_name_that_the_file_reads_is_in_the_list_of_settings():
    read = set(re.findall(r"\$\{([A-Z_]+)", (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")))
    listed = set(re.findall(r"^#([A-Z_]+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert {name.removesuffix("_FILE") for name in read} <= {name.removesuffix("_FILE") for name in listed}


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_container_has_limits_of_memory_and_processes(service):
    assert "mem_limit" in SERVICES[service]
    assert SERVICES[service]["pids_limit"] <= 128


@pytest.mark.parametrize("service", ["store", "notes"])
def test_a_store_has_a_password_and_refuses_writes_before_its_container_is_killed(service):
    store = SERVICES[service]
    assert store["command"][0] == "/secrets/valkey.conf"
    assert f"{service}-secrets:/secrets:ro" in store["volumes"]
    assert "--maxmemory ${STORE_MAXMEMORY:-512mb}" in store["command"]
    assert store["mem_limit"] == "${STORE_MEMORY_LIMIT:-1g}"


@pytest.mark.parametrize("service", ["store", "notes"])
def test_a_store_has_no_port_without_tls_and_its_clients_verify_its_certificate(service):
    store = SERVICES[service]
    assert {"--port 0", "--tls-port 6379"} <= set(store["command"])
    assert "--tls --cacert /secrets/ca.pem" in store["healthcheck"]["test"][1]
    (made,) = SERVICES["secrets"]["command"][2:]
    assert "python -m shared.redis.certificate . $$store localhost" in made
    assert "rediss://:$$password@$$store:6379/0?ssl_ca_certs=/$$store-secrets/ca.pem" in made
    assert "redis://" not in (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")


@pytest.mark.invariant(15)
def test_a_guard_that_is_taken_over_cannot_change_what_auth_service_grants():
    mounts = {name: [str(v) for v in service.get("volumes", [])] for name, service in SERVICES.items()}
    declared = {name: [v for v in volumes if v.startswith("declaration:")] for name, volumes in mounts.items()}
    assert {name: volumes for name, volumes in declared.items() if volumes} == {
        "declaration": ["declaration:/declaration"],
        "auth": ["declaration:/declaration:ro"],
    }
    # It serves nobody, so that nobody can take it over.
    assert SERVICES["declaration"]["network_mode"] == "none"


def test_each_password_is_mounted_in_one_service_only():
    """Invariant 2."""
    mounts = {name: " ".join(map(str, service.get("volumes", []))) for name, service in SERVICES.items()}
    assert {name for name, volumes in mounts.items() if "store-secrets" in volumes} == {"store", "auth", "secrets"}
    assert {name for name, volumes in mounts.items() if "notes-secrets" in volumes} == {"notes", "mcp", "secrets"}


def test_third_party_images_are_named_by_their_full_version_and_digest():
    files = [REPOSITORY / name for name in ("Dockerfile", "compose.yaml")]
    files += sorted((REPOSITORY / "deploy").rglob("*.yaml"))
    named = [
        image
        for file in files
        for image in re.findall(
            r"^ *(?:- )?(?:image: |ARG \w*IMAGE=|FROM |COPY --from=)(?:\$\{\w+:-)?([^\s}]+)",
            file.read_text(encoding="utf-8"),
            re.MULTILINE,
        )
    ]
    own = {
        *("sallyport-auth", "sallyport-mcp", "sallyport-mcp${SALLYPORT_MCP_BUILD:+-own", "sallyport-server"),
        *("${PYTHON_IMAGE", "base", "dependencies"),
    }
    of_others = [image for image in named if image not in own]
    assert len(of_others) == 5
    assert [image for image in of_others if not re.search(r":\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}$", image)] == []


def test_no_setting_names_an_image_that_is_built_over():
    built = [service["image"] for service in SERVICES.values() if "build" in service]
    assert [image for image in built if re.match(r"sallyport-(auth|mcp)\b", image) is None] == []
