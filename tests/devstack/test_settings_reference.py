"""`.env.example` has unit, default and example of every setting, and each example works."""

import re

import pytest

from auth_service.settings import AuthSettings
from devstack.setting_values import AUTH_VALUES, MCP_VALUES
from devstack.settings_reference import render
from mcp_service.settings import McpSettings
from shared.errors import Misconfigured
from shared.settings import ServiceSettings

ENTRIES = re.findall(r"^((?:# .*\n)+)#([A-Z_]+)=(.*)$", render(), re.MULTILINE)
REQUIRED = {
    "AUTH": {"AUTH_KEY_ENCRYPTION_KEY": "aW5zZWN1cmUA_xORgu9cKJ53AfhC0bF2dkE5l6yqHvw"}
    | {name: AUTH_VALUES[name].example for name in ("AUTH_ISSUER", "AUTH_RESOURCES", "AUTH_REDIS_URL")},
    "MCP": {name: MCP_VALUES[name].example for name in ("MCP_ISSUER", "MCP_RESOURCE")},
}
SETTINGS: dict[str, type[ServiceSettings]] = {"AUTH": AuthSettings, "MCP": McpSettings}


def test_every_setting_of_both_services_has_an_entry():
    named = {name.removesuffix("_FILE") for _, name, _ in ENTRIES}
    for prefix, settings in SETTINGS.items():
        assert {f"{prefix}_{field.upper().removesuffix('_FILE')}" for field in settings.model_fields} <= named


def test_no_name_stands_without_the_text_of_an_entry():
    assert re.findall(r"^#([A-Z_]+)=", render(), re.MULTILINE) == [name for _, name, _ in ENTRIES]


@pytest.mark.parametrize(("text", "name", "example"), ENTRIES, ids=[name for _, name, _ in ENTRIES])
def test_a_setting_has_a_description_a_unit_a_default_and_an_example(text, name, example):
    words = " ".join(line.removeprefix("# ") for line in text.splitlines())
    assert re.fullmatch(r"\S.*\. Value: \S.*\. Default: \S.*\.", words), words
    assert example


def test_values_are_described_for_settings_that_exist():
    for prefix, values in (("AUTH", AUTH_VALUES), ("MCP", MCP_VALUES)):
        assert {name.removeprefix(f"{prefix}_").lower() for name in values} <= set(SETTINGS[prefix].model_fields)


@pytest.mark.parametrize(("name", "value"), [*AUTH_VALUES.items(), *MCP_VALUES.items()])
def test_an_example_is_accepted_by_its_setting(tmp_path, name, value):
    """Settings that it requires beside it do not matter here: such a problem does not begin with its name."""
    prefix = name.partition("_")[0]
    if value.is_secret:
        assert value.example.startswith("/run/secrets/"), "a secret in a public file is none"
        return
    (tmp_path / "google").write_text("a secret", encoding="utf-8")
    example = value.example.replace("/run/secrets", str(tmp_path))
    try:
        SETTINGS[prefix].from_environment({**REQUIRED[prefix], name: example})
    except Misconfigured as exc:
        assert not re.search(rf"^{name}(_\w+)?:", str(exc), re.MULTILINE), str(exc)  # noqa: PT017 - only this problem
