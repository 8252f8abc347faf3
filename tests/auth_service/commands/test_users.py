"""`users` from the operator's seat."""

import json

import pytest

from auth_service.grants.access_removal import AccessRemoval
from shared.errors import RedisUnavailable

GOOD = "violet kettle marches north"


def test_a_user_is_added_listed_and_removed(commands):
    added = commands.json("users", "add", "margaret", "--password-stdin", "--email", "m@example.org", stdin=GOOD)
    assert added["result"] == "added"
    assert "password" not in added
    (listed,) = commands.json("users", "list")
    assert (listed["username"], listed["email"], listed["subject"]) == ("margaret", "m@example.org", added["subject"])
    assert commands.json("users", "remove", "MARGARET", "--yes")["result"] == "removed"
    assert commands.json("users", "list") == []


def test_the_table_is_complete_when_piped(commands):
    commands.json("users", "add", "margaret", "--generate")
    output = commands.run("users", "list").stdout
    assert "margaret" in output
    assert "…" not in output


def test_a_taken_name_is_said_with_status_one(commands):
    commands.json("users", "add", "margaret", "--generate")
    result = commands.run("users", "add", "Margaret", "--generate")
    assert result.exit_code == 1
    assert "already" in result.stderr
    assert "set-password" in result.stderr


def test_a_weak_password_is_refused_and_not_shown(commands):
    result = commands.run("users", "add", "margaret", "--password-stdin", stdin="Password2024!")
    assert result.exit_code == 1
    assert "attackers" in result.stderr
    assert "2024" not in result.output
    assert commands.json("users", "list") == []
    assert (
        commands.run("users", "add", "demo", "--password-stdin", "--allow-weak-password", stdin="demo").exit_code == 0
    )


def test_a_generated_password_is_strong_and_shown_once(commands):
    added = commands.json("users", "add", "margaret", "--generate")
    assert len(added["password"]) == 23
    assert added["password"] not in str(commands.json("users", "list"))


def test_a_password_is_never_taken_from_nowhere(commands):
    result = commands.run("users", "add", "margaret")
    assert result.exit_code == 2
    assert "--password-stdin" in result.output


def test_an_unknown_user_is_said_with_status_one(commands):
    for arguments in (("remove", "nobody", "--yes"), ("set-password", "nobody", "--generate")):
        result = commands.run("users", *arguments)
        assert result.exit_code == 1
        assert "no user nobody" in result.stderr


def test_removing_asks_first(commands):
    commands.json("users", "add", "margaret", "--generate")
    result = commands.run("users", "remove", "margaret")
    assert result.exit_code == 1
    assert "--yes" in result.stderr
    assert len(commands.json("users", "list")) == 1


def test_a_suspended_user_is_listed_as_such_until_the_suspension_is_lifted(commands):
    commands.json("users", "add", "margaret", "--generate")
    assert commands.json("users", "list")[0]["suspended"] is None
    for _ in range(2):
        assert commands.json("users", "suspend", "margaret", "--yes")["suspended"]
    assert commands.json("users", "list")[0]["suspended"]
    assert commands.json("users", "resume", "margaret")["suspended"] is None
    lines = commands.run("audit", "--json", "--event", "user.").stdout.splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert events == ["user.added", "user.suspended", "user.resumed"]


@pytest.mark.parametrize(("command", "event"), [("suspend", "user.suspended"), ("remove", "user.removed")])
def test_an_interrupted_command_is_in_the_audit_log_once(commands, monkeypatch, command, event):
    commands.json("users", "add", "margaret", "--generate")

    async def interrupted(*_args, **_kwargs):
        raise RedisUnavailable("lost in the middle")

    with monkeypatch.context() as during:
        during.setattr(AccessRemoval, "end_access", interrupted)
        assert commands.run("users", command, "margaret", "--yes").exit_code == 3
    commands.run("users", command, "margaret", "--yes")
    lines = commands.run("audit", "--json", "--event", event).stdout.splitlines()
    assert [json.loads(line)["event"] for line in lines] == [event]


@pytest.mark.parametrize("command", [["suspend", "nobody", "--yes"], ["resume", "nobody"]])
def test_an_unknown_user_is_neither_suspended_nor_resumed(commands, command):
    result = commands.run("users", *command)
    assert result.exit_code == 1
    assert "there is no user nobody" in result.stderr


def test_a_user_who_is_not_suspended_is_not_resumed(commands):
    commands.json("users", "add", "margaret", "--generate")
    result = commands.run("users", "resume", "margaret")
    assert result.exit_code == 1
    assert "not suspended" in result.stderr


def test_suspending_asks_first(commands):
    commands.json("users", "add", "margaret", "--generate")
    result = commands.run("users", "suspend", "margaret")
    assert result.exit_code == 1
    assert commands.json("users", "list")[0]["suspended"] is None


def test_control_characters_in_a_name_do_not_reach_the_terminal(commands):
    commands.json("users", "add", "margaret", "--generate", "--name", "\x1b[31mred")
    assert "\x1b" not in commands.run("users", "list").stdout


def test_wrong_settings_are_said_with_status_four(commands):
    result = commands.run("users", "list", env={"AUTH_ISSUER": "https://example.org/", "AUTH_NONSENSE": "1"})
    assert result.exit_code == 4
    assert "AUTH_NONSENSE" in result.stderr


@pytest.mark.parametrize("arguments", [("users", "list"), ("users", "remove", "x", "--yes")])
def test_a_store_that_is_away_is_said_with_status_three(commands, arguments):
    result = commands.run(*arguments, env={"AUTH_REDIS_URL": "unix:///nonexistent/socket"})
    assert result.exit_code == 3
    assert "AUTH_REDIS_URL" in result.stderr
