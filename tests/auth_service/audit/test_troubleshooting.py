"""Every error id that the code of either service can name is explained, and nothing else is."""

import re
from fnmatch import fnmatchcase
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

import auth_service
import mcp_service
import shared
from auth_service.audit.troubleshooting import TROUBLESHOOTING, is_error_id, troubleshooting_for
from tests.support.error_ids import error_ids

if TYPE_CHECKING:
    from shared.settings import ServiceSettings

SERVICES = {"auth_service": auth_service, "mcp_service": mcp_service}


@pytest.fixture(scope="module")
def collected():
    return {name: error_ids(package, shared) for name, package in SERVICES.items()}


def with_parts_known_at_run_time(service, named):
    """The ids, and those whose variable part is one of a closed set in the code."""
    if service == "mcp_service":
        return named | {f"token_{rule}" for rule in named}
    from auth_service.token_endpoint.refresh_token import OUTCOMES

    return named | {f"refresh_{outcome}" for outcome in OUTCOMES}


@pytest.mark.parametrize("service", SERVICES)
def test_the_error_ids_of_a_service_can_be_read_from_its_code(collected, service):
    assert collected[service].unread == set()
    assert len(collected[service].named) > 60, "the collection itself must work"


@pytest.mark.parametrize("service", SERVICES)
def test_every_error_id_in_the_code_has_a_troubleshooting_entry(collected, service):
    missing = [
        error_id for error_id in sorted(collected[service].named) if troubleshooting_for(service, error_id) is None
    ]
    assert missing == []


def test_an_error_id_that_is_passed_by_position_or_through_a_helper_is_collected(tmp_path):
    package = tmp_path / "a_service"
    package.mkdir()
    (package / "__init__.py").write_text(
        "class Bad(Exception):\n"
        "    def __init__(self, error_id, reason): ...\n"
        "def _time(claims, name):\n"
        "    raise Bad(name, 'no time')\n"
        "def check(claims, rule):\n"
        "    _time(claims, 'exp')\n"
        "    raise Bad('first', 'x') if claims else Rejected('x', error_id=f'rule_{rule}')\n"
        "def fail(claims):\n"
        "    raise Bad(claims.pop(), 'x')\n",
        encoding="utf-8",
    )
    package_as_imported = ModuleType("a_service")
    package_as_imported.__path__ = [str(package)]
    found = error_ids(package_as_imported)
    assert found.named == {"exp", "first", "rule_*"}
    assert found.unread == {"a_service/__init__.py:9: claims.pop()"}


def test_every_outcome_of_a_refresh_and_every_limit_is_explained():
    from auth_service.rate_limits.policy import LIMITS
    from auth_service.token_endpoint.refresh_token import OUTCOMES

    for outcome in OUTCOMES:
        assert troubleshooting_for("auth_service", f"refresh_{outcome}") is not None
    for limit in LIMITS:
        found = troubleshooting_for("auth_service", f"limit_{limit.name}")
        assert found is TROUBLESHOOTING["auth_service"]["limit_*"]


@pytest.mark.parametrize("service", SERVICES)
def test_no_entry_is_for_an_error_id_that_is_gone(collected, service):
    named = with_parts_known_at_run_time(service, collected[service].named)
    families = [error_id for error_id in named if "*" in error_id]

    def is_named(entry):
        return any(fnmatchcase(error_id, entry) for error_id in named) or any(fnmatchcase(entry, f) for f in families)

    assert [entry for entry in TROUBLESHOOTING[service] if not is_named(entry)] == []


def test_an_exact_entry_wins_over_its_family_and_a_longer_family_over_a_shorter():
    table = TROUBLESHOOTING["auth_service"]
    assert troubleshooting_for("auth_service", "refresh_reused") is table["refresh_reused"]
    assert troubleshooting_for("auth_service", "refresh_unknown") is table["refresh_*"]
    assert troubleshooting_for("auth_service", "redirect_uri_scheme") is table["redirect_uri*"]
    assert troubleshooting_for("auth_service", "never heard of") is None


def test_a_request_id_that_begins_like_an_error_id_is_none():
    assert is_error_id("store")
    assert is_error_id("refresh_unknown")
    assert not is_error_id("keyz5k2m9q")
    assert not is_error_id("h5aan9wqfx")


def test_entries_name_only_settings_and_commands_that_exist():
    from auth_service.commands.app import COMMANDS
    from auth_service.settings import AuthSettings
    from mcp_service.settings import McpSettings

    text = " ".join(f"{e.meaning} {e.remedy}" for table in TROUBLESHOOTING.values() for e in table.values())
    settings: dict[str, type[ServiceSettings]] = {"AUTH": AuthSettings, "MCP": McpSettings}
    for prefix, name in re.findall(r"\b(AUTH|MCP)_([A-Z_]+[A-Z])", text):
        assert name.lower().removesuffix("_file") in settings[prefix].model_fields, name
    commands = {"auth_service": COMMANDS, "mcp_service": ("check-config", "keys", "scopes")}
    marked = re.findall(r"`([^`]*)`", text)
    assert len(marked) > 20
    for words in map(str.split, marked):
        assert words == ["resource"] or words[1] in commands[words[0]], words
