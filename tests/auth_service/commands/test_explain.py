"""`explain` takes the error id of a log line, of either service, and says where a request id is found."""

import json

import pytest


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    monkeypatch.delenv("SALLYPORT_RUN_BY", raising=False)
    monkeypatch.delenv("DATA_DIR", raising=False)


def test_an_error_id_of_mcp_service_is_explained_without_settings_and_without_redis(commands):
    commands.environment.clear()
    said = commands.run("explain", "upstream_not_mcp").stdout
    assert "service  mcp_service\n" in said
    assert "MCP_UPSTREAM" in said


def test_an_error_id_that_means_something_else_in_each_service_is_explained_for_both(commands):
    explained = commands.json("explain", "scope")
    assert [entry["service"] for entry in explained] == ["auth_service", "mcp_service"]
    assert len({entry["meaning"] for entry in explained}) == 2


def test_an_error_id_that_means_the_same_in_both_services_is_explained_once(commands):
    (entry,) = commands.json("explain", "body_size")
    assert entry["service"] == "auth_service, mcp_service"


def test_a_request_id_that_is_not_kept_is_to_be_searched_in_the_logs_of_both_services(commands):
    result = commands.run("explain", "abcdefghjk", env={"SALLYPORT_RUN_BY": "compose"})
    assert result.exit_code == 1
    assert "docker compose logs auth mcp | grep -F abcdefghjk\n" in result.stderr
    assert "docker compose exec auth python -m auth_service explain ERROR_ID\n" in result.stderr


def test_the_remedy_names_commands_as_they_are_run_here(commands):
    said = commands.run("explain", "refresh_ended", "--json", env={"SALLYPORT_RUN_BY": "make"}).stdout
    assert json.loads(said)[0]["remedy"] == 'See `make auth ARGS="audit --client ID"`.'


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("users", "show", "nobody"), "users list"),
        (("users", "list"), "users add NAME"),
        (("clients", "show", "unknown"), "clients list"),
        (("grants", "revoke", "unknown", "--yes"), "grants list"),
    ],
)
def test_the_hint_of_a_command_can_be_pasted_beside_make_run(commands, arguments, hint):
    result = commands.run(*arguments, env={"SALLYPORT_RUN_BY": "make"})
    assert f'`make auth ARGS="{hint}"`' in result.output


@pytest.mark.parametrize(
    ("run_by", "hint"),
    [
        ("", "Is Redis running, and AUTH_REDIS_URL right"),
        ("make", "`make run` starts it"),
        ("compose", "`docker compose ps --all store` shows"),
    ],
)
def test_while_redis_is_away_the_hint_says_how_it_is_started_here(commands, run_by, hint):
    away = {"SALLYPORT_RUN_BY": run_by, "AUTH_REDIS_URL": "redis://127.0.0.1:1/0"}
    result = commands.run("users", "list", env=away)
    assert result.exit_code == 3
    assert hint in result.stderr


def test_wrong_settings_in_a_container_are_explained_by_a_command_that_needs_no_running_one(commands):
    result = commands.run("users", "list", env={"SALLYPORT_RUN_BY": "compose", "AUTH_PORT": "x"})
    assert result.exit_code == 4
    command = "docker compose run --rm --no-deps auth python -m auth_service check-config"
    assert f"`{command}` explains each." in result.stderr
