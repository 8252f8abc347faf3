"""docs/architecture.md lists every Redis key that the sources name, with its owner and its scripts, and no other."""

import ast
import re
from functools import cache

from devstack.service_process import REPOSITORY
from tests.support.redis_key_table import key_rows

SERVICES = ("auth_service", "mcp_service", "shared")
KEY = re.compile(r"sp:\S+|notes:\*\S*")
"""A literal that is a key, its variable parts spelled `*`. `notes:read` is a scope."""

NO_REPOSITORIES = {
    "auth_service/clients/authenticator.py",  # JtiReplayStore
    "auth_service/clients/registration_budget.py",  # RegistrationBudget; the key of a client, which eviction deletes
    "auth_service/data_format.py",
    "auth_service/status_lists/identifiers.py",  # keys that the scripts of grants write as well
}
"""They name keys as a repository does. Others may not."""


def spelled(node, prefixes):
    """The text of a literal, with what a variable holds where that is the beginning of a key, else `*`."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(spelled(part, prefixes) or "" for part in parts)
        case ast.FormattedValue(value=ast.Name(id=name) | ast.Attribute(attr=name)):
            return prefixes.get(name, "*")
        case ast.FormattedValue():
            return "*"
    return None


def prefixes_in(tree):
    """What variables and the fields that they are passed to hold, if it is the beginning of a key."""
    held: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) | ast.keyword(arg=str(name), value=value):
                text = held.get(value.id) if isinstance(value, ast.Name) else spelled(value, held)
                if text and KEY.fullmatch(text):
                    held[name] = text
    return held


def keys_in(source):
    tree = ast.parse(source.read_text(encoding="utf-8"))
    prefixes = prefixes_in(tree)
    parts = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    texts = {
        spelled(n, prefixes) for n in ast.walk(tree) if isinstance(n, ast.Constant | ast.JoinedStr) and n not in parts
    }
    keys = {text for text in texts if text and KEY.fullmatch(text) and text.count("{") == text.count("}")}
    return {key for key in keys if not any(other.startswith(f"{key}:") for other in keys)}


@cache
def named_in_sources():
    """Of each key, the files that name it."""
    named: dict[str, set[str]] = {}
    for service in SERVICES:
        for source in (REPOSITORY / service).rglob("*.py"):
            for key in keys_in(source):
                named.setdefault(key, set()).add(source.relative_to(REPOSITORY).as_posix())
    return named


def test_the_table_lists_the_keys_that_the_sources_name():
    assert {row.pattern for row in key_rows()} == set(named_in_sources())


def test_a_key_is_named_in_one_file_of_its_owner():
    owners = {row.pattern: row.owner for row in key_rows()}
    elsewhere = {
        key: sorted(files)
        for key, files in named_in_sources().items()
        if len(files) > 1 or not all(file.startswith(f"{owners[key]}/") for file in files)
    }
    assert elsewhere == {}


def test_files_that_name_keys_are_repositories_or_known():
    files = {file for files in named_in_sources().values() for file in files}
    assert {file for file in files if not file.endswith("repository.py")} == NO_REPOSITORIES


def test_the_table_names_every_script():
    scripts = {file.name for service in SERVICES for file in (REPOSITORY / service).rglob("*.lua")}
    assert {script for row in key_rows() for script in re.findall(r"\w+\.lua", row.written_by)} == scripts


def test_scripts_are_given_their_keys():
    """A key that a script makes up itself could lie on another slot of a cluster."""
    for service in SERVICES:
        for script in (REPOSITORY / service).rglob("*.lua"):
            assert not re.search(r"['\"](?:sp|notes):", script.read_text(encoding="utf-8")), script.name
