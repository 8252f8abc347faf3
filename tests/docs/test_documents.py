"""The documents say what is true: files exist, every setting and every make target is told of."""

import re
from pathlib import Path

import pytest

from auth_service.settings import AuthSettings
from devstack.service_process import REPOSITORY
from devstack.settings_reference import render
from mcp_service.settings import McpSettings

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md"], ids=lambda d: d.name)
def test_files_named_in_the_guides_exist(document):
    for name in re.findall(
        r"`((?:auth_service|mcp_service|shared|devstack|tests|docs)/[\w./-]*)`", document.read_text()
    ):
        assert (REPOSITORY / name).exists(), name


def test_the_settings_reference_is_up_to_date():
    assert (REPOSITORY / ".env.example").read_text(encoding="utf-8") == render(), "run `make settings`"


@pytest.mark.parametrize("settings", [AuthSettings, McpSettings])
def test_every_setting_says_what_it_is(settings):
    assert [name for name, field in settings.model_fields.items() if not field.description] == []


def test_every_make_target_is_in_its_help():
    makefile = (REPOSITORY / "Makefile").read_text()
    declared = set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())
    helped = set(re.findall(r"^([a-z-]+):.*## .+$", makefile, re.MULTILINE))
    assert declared == helped


def test_every_target_that_the_guides_name_exists():
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for document in DOCUMENTS:
        for line in re.findall(r"`(make [^`]+)`|^(make .+)$", document.read_text(encoding="utf-8"), re.MULTILINE):
            target = re.match(r"make ([a-z-]+)", "".join(line))
            assert target, line
            assert target[1] in targets, f"{document.name}: {line}"


def test_no_document_names_a_path_of_a_developers_machine():
    for document in DOCUMENTS:
        assert not re.search(r"(?<![\w.])/(home|Users|root|work)/", Path(document).read_text(encoding="utf-8")), (
            document
        )
