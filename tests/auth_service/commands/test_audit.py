"""`audit` from the operator's seat."""

import json
import os
import signal
import subprocess
import sys

import pytest

GOOD = "violet kettle marches north"


def lines(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_actions_of_an_operator_are_in_the_log(commands):
    subject = commands.json("users", "add", "margaret", "--password-stdin", stdin=GOOD)["subject"]
    commands.json("users", "set-password", "margaret", "--generate")
    commands.json("users", "remove", "margaret", "--yes")
    entries = lines(commands.run("audit", "--json"))
    assert [e["event"] for e in entries] == ["user.added", "user.password_changed", "user.removed"]
    assert {(e["user"], e["by"]) for e in entries} == {(subject, "operator")}


def test_events_are_filtered_by_name_subject_user_and_number(commands):
    for name in ("margaret", "edward"):
        commands.json("users", "add", name, "--generate")
    commands.json("users", "set-password", "edward", "--generate")
    assert len(lines(commands.run("audit", "--json", "--event", "user.added"))) == 2
    assert len(lines(commands.run("audit", "--json", "--event", "user."))) == 3
    assert lines(commands.run("audit", "--json", "--event", "key.")) == []
    assert len(lines(commands.run("audit", "--json", "--user", "EDWARD"))) == 2
    assert lines(commands.run("audit", "--json", "--client", "nobody")) == []
    assert [e["event"] for e in lines(commands.run("audit", "--json", "-n", "1"))] == ["user.password_changed"]


def test_since_takes_an_age_or_a_time(commands):
    commands.json("users", "add", "margaret", "--generate")
    assert len(lines(commands.run("audit", "--json", "--since", "1h"))) == 1
    assert len(lines(commands.run("audit", "--json", "--since", "2020-01-01"))) == 1
    assert lines(commands.run("audit", "--json", "--since", "2999-01-01T00:00Z")) == []


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--event", "user.flew"), ("-n", "0")])
def test_a_filter_that_makes_no_sense_is_wrong_usage(commands, arguments):
    assert commands.run("audit", *arguments).exit_code == 2


def test_text_names_the_user_and_the_subject_in_one_line_an_event(commands):
    subject = commands.json("users", "add", "margaret", "--generate")["subject"]
    (line,) = commands.run("audit").stdout.splitlines()
    assert "user.added" in line
    assert f"user=margaret ({subject})" in line


def test_json_has_the_name_of_the_user_beside_the_subject(commands):
    subject = commands.json("users", "add", "margaret", "--generate")["subject"]
    commands.json("users", "suspend", "margaret", "--yes")
    for entry in lines(commands.run("audit", "--json")):
        assert (entry["user"], entry["username"], entry["user_removed"]) == (subject, "margaret", False)


def test_a_user_who_was_removed_is_shown_by_the_subject_and_as_removed(commands):
    subject = commands.json("users", "add", "margaret", "--generate")["subject"]
    commands.json("users", "remove", "margaret", "--yes")
    commands.json("users", "add", "margaret", "--generate")
    assert f"user={subject} (removed)" in commands.run("audit").stdout.splitlines()[0]
    assert [entry["user_removed"] for entry in lines(commands.run("audit", "--json"))] == [True, True, False]


def test_following_shows_what_comes_and_ends_quietly(commands, environment):
    follower = subprocess.Popen(
        [sys.executable, "-m", "auth_service", "audit", "-f", "--json", "--since", "1h"],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        commands.json("users", "add", "margaret", "--generate")
        assert json.loads(follower.stdout.readline())["event"] == "user.added"
        commands.json("users", "remove", "margaret", "--yes")
        assert json.loads(follower.stdout.readline())["event"] == "user.removed"
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=20)
    finally:
        follower.kill()
        follower.communicate()
    assert "Traceback" not in errors
    assert follower.returncode == 130
