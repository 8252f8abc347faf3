"""Every check that the code can name is explained, and nothing else is."""

import ast
import re
from fnmatch import fnmatchcase
from pathlib import Path

import auth_service
import shared
from auth_service.audit.troubleshooting import TROUBLESHOOTING, troubleshooting_for

INVALID_TOKEN_CLAIMS = ("iss", "sub", "client_id", "jti", "exp", "iat", "nbf")
"""What the loop variable of shared/access_tokens/profile.py stands for there."""


def sources():
    for package in (auth_service, shared):
        for path in sorted(Path(*package.__path__).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


def named_checks():
    """Check identifiers in the code; a part that is only known at run time is written as `<>`."""
    for tree in sources():
        for node in ast.walk(tree):
            value = None
            if isinstance(node, ast.keyword) and node.arg == "error_id":
                value = node.value
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "InvalidToken":
                value = node.args[0]
            if isinstance(value, ast.Constant):
                yield str(value.value)
            elif isinstance(value, ast.JoinedStr):
                yield "".join(str(p.value) if isinstance(p, ast.Constant) else "<>" for p in value.values)


def test_every_check_in_the_code_has_a_troubleshooting_entry():
    checks = set(named_checks()) | set(INVALID_TOKEN_CLAIMS)
    assert len(checks) > 60, "the collection itself must work"
    assert [check for check in sorted(checks) if troubleshooting_for(check) is None] == []


def test_every_outcome_of_a_refresh_and_every_limit_is_explained():
    from auth_service.rate_limits.policy import LIMITS
    from auth_service.token_endpoint.refresh_token import OUTCOMES

    for outcome in OUTCOMES:
        assert troubleshooting_for(f"refresh_{outcome}") is not None
    for limit in LIMITS:
        assert troubleshooting_for(f"limit_{limit.name}") is TROUBLESHOOTING["limit_*"]


def test_no_entry_is_for_a_check_that_is_gone():
    from auth_service.token_endpoint.refresh_token import OUTCOMES

    named = set(named_checks()) | set(INVALID_TOKEN_CLAIMS) | {f"refresh_{outcome}" for outcome in OUTCOMES}
    dynamic = [re.sub("<>", "*", check) for check in named if "<>" in check]

    def is_named(entry):
        return any(fnmatchcase(check, entry) for check in named) or any(fnmatchcase(entry, d) for d in dynamic)

    assert [entry for entry in TROUBLESHOOTING if not is_named(entry)] == []


def test_an_exact_entry_wins_over_its_family_and_a_longer_family_over_a_shorter():
    assert troubleshooting_for("refresh_reused") is TROUBLESHOOTING["refresh_reused"]
    assert troubleshooting_for("refresh_unknown") is TROUBLESHOOTING["refresh_*"]
    assert troubleshooting_for("redirect_uri_scheme") is TROUBLESHOOTING["redirect_uri*"]
    assert troubleshooting_for("never heard of") is None


def test_entries_name_only_settings_and_commands_that_exist():
    from auth_service.commands.app import COMMANDS
    from auth_service.settings import AuthSettings

    text = " ".join(f"{a.meaning} {a.remedy}" for a in TROUBLESHOOTING.values())
    for name in re.findall(r"\bAUTH_([A-Z_]+[A-Z])", text):
        assert name.lower() in AuthSettings.model_fields, name
    for command in re.findall(r"`([a-z]+)", text):
        assert command in {*COMMANDS, "resource"}, command
