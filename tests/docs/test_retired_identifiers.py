"""Identifiers that docs/glossary.md retires stay out of code, scripts, configuration, documents and tests.

Identifiers of several words, file names, settings and calls (`seal()`) are searched as whole words in every text. A
single English word (`Guard`), its plural and an ending (`…Store`) count only where a package or a test defines a class
of that name, and not at all where the glossary has the word as a present name. A single word in lower case is for
readers only.
"""

import re
from pathlib import Path

import pytest

from devstack.service_process import REPOSITORY

PACKAGES = ("auth_service", "mcp_service", "shared", "sallyport_doctor")
WITH_CLASSES = (*PACKAGES, "tests")
FOLDERS = (".ci", *WITH_CLASSES, "deploy", "devstack", "docs")
IN_ROOT = (".env.example", "Dockerfile", "Makefile", "compose.yaml", "pyproject.toml")
SUFFIXES = {".py", ".lua", ".toml", ".yaml", ".md", ".json", ".sh", ".caddy", ".html", ".css", ".svg", ".service", ""}
EXEMPT = {REPOSITORY / "CHANGELOG.md", REPOSITORY / "docs" / "glossary.md", Path(__file__)}
SETTINGS_TESTS = {"test_settings.py", "test_auth_settings.py"}
"""They set retired settings and expect an error."""

GLOSSARY = (REPOSITORY / "docs" / "glossary.md").read_text(encoding="utf-8").partition("## Retired words")[2]
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", GLOSSARY, re.MULTILINE)[1:]
PRESENT = {word.lower() for _, present in ROWS for word in re.findall(r"\w+", present)}
RETIRED = {identifier for retired, _ in ROWS for identifier in re.findall(r"`([^`]+)`", retired)}
ENDINGS = tuple(sorted(identifier[1:] for identifier in RETIRED if identifier.startswith("…")))
WORDS = {identifier for identifier in RETIRED if re.fullmatch(r"[A-Z]?[a-z]+", identifier)}
DISTINCT = RETIRED - WORDS - {f"…{ending}" for ending in ENDINGS}


def pattern_of(identifier):
    """`keyed()` is a call, `check=` an argument that is no flag or attribute, `NAME*` the beginning of names."""
    text = re.escape(identifier.rstrip("()*="))
    if identifier.endswith("*"):
        return rf"{text}\w*"
    if identifier.endswith("="):
        return rf"{text}=(?!(?:True|False|self)\b)"
    return rf"{text}\(" if identifier.endswith("()") else rf"{text}(?![\w-])"


PATTERNS = "|".join(pattern_of(identifier) for identifier in sorted(DISTINCT, key=len, reverse=True))
# What stands before is looked at once for all of them: most positions of a text end there.
ANYWHERE = re.compile(rf"(?<![\w-])(?:{PATTERNS})")
CLASS = re.compile(r"^ *class _?(\w+)", re.MULTILINE)


def retired_classes(text):
    return {
        name
        for name in CLASS.findall(text)
        if name.lower() not in PRESENT and ({name, name.removesuffix("s")} & WORDS or name.endswith(ENDINGS))
    }


def text_of(file):
    """The text, without the settings that are refused by name."""
    text = file.read_text(encoding="utf-8")
    if file.name == "settings.py":
        return re.sub(r"^_RETIRED_SETTINGS.*?^}", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"\b(?:AUTH|MCP)_[A-Z_]+", "", text) if file.name in SETTINGS_TESTS else text


def files_in(folder):
    if not folder:
        return [*(REPOSITORY / name for name in IN_ROOT), *REPOSITORY.glob("*.md")]
    files = [file for file in (REPOSITORY / folder).rglob("*") if file.is_file() and file.suffix in SUFFIXES]
    return [file for file in files if not {"build", "node_modules", "__pycache__"} & set(file.parts)]


def violations(folder):
    for file in sorted(set(files_in(folder)) - EXEMPT):
        text = text_of(file)
        found = set(ANYWHERE.findall(text))
        if folder in WITH_CLASSES:
            found |= retired_classes(text) | set(ANYWHERE.findall(file.name.removeprefix("test_")))
        if found:
            yield file.relative_to(REPOSITORY).as_posix(), sorted(found)


def test_the_glossary_retires_identifiers_of_every_kind():
    assert {"RingSteward", "AUTH_REFRESH_GRACE", "two-doors.svg"} <= DISTINCT
    assert {"Guard", "Form", "Door", "Place"} <= WORDS
    assert ENDINGS == ("Directory", "Storage", "Store")


@pytest.mark.parametrize("folder", ["", *FOLDERS])
def test_no_retired_identifier_is_used(folder):
    assert dict(violations(folder)) == {}


@pytest.mark.parametrize(
    "text", ["RingSteward()", "keyed(x)", 'check="pkce"', "docs/limits.md", "AUTH_CLIENT_DOCUMENTS_ALLOW"]
)
def test_a_retired_identifier_is_found(text):
    assert ANYWHERE.search(text)


@pytest.mark.parametrize(
    "text", ["class Guard:", "    class Done(Enum):", "class NoteStore:", "class _Form(Base):", "class Holders:"]
)
def test_a_retired_class_is_found(text):
    assert retired_classes(text)


@pytest.mark.parametrize("folder", WITH_CLASSES)
@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("raw_http.py", "class Door:", "Door"),
        ("test_signing.py", "class Place:", "Place"),
        ("steward.py", "", "steward.py"),
        ("test_sealing.py", "", "sealing.py"),
    ],
)
def test_a_retired_name_that_comes_back_is_found(tmp_path, monkeypatch, folder, name, text, found):
    monkeypatch.setitem(globals(), "REPOSITORY", tmp_path)
    (tmp_path / folder).mkdir()
    (tmp_path / folder / name).write_text(text, encoding="utf-8")
    assert dict(violations(folder)) == {f"{folder}/{name}": [found]}


@pytest.mark.parametrize("text", ["check=True", "docs/rate-limits.md", "a guard", "class JtiReplayStore:"])
def test_a_present_name_is_not_found(text):
    assert not ANYWHERE.search(text)
    assert not retired_classes(text)
