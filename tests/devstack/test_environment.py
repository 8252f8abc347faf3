"""`.env`, as `make run` reads it."""

import os
import subprocess
import sys

from devstack.environment import read_environment
from devstack.service_process import REPOSITORY


def written(directory, text):
    (directory / ".env").write_text(text, encoding="utf-8")
    return directory


def test_variables_of_the_file_are_added(tmp_path):
    written(tmp_path, "# a comment\nAUTH_PORT=9100\n\nexport MCP_RESOURCE_NAME='My server'\n")
    environment = read_environment({"PATH": "/bin"}, tmp_path)
    assert environment.values == {"PATH": "/bin", "AUTH_PORT": "9100", "MCP_RESOURCE_NAME": "My server"}


def test_a_variable_of_the_process_wins_also_an_empty_one(tmp_path):
    written(tmp_path, "AUTH_PORT=9100\nMCP_SERVER=./weather.py:server\n")
    environment = read_environment({"AUTH_PORT": "9200", "MCP_SERVER": ""}, tmp_path)
    assert environment.values == {"AUTH_PORT": "9200", "MCP_SERVER": ""}


def test_a_dollar_sign_in_a_value_is_kept(tmp_path):
    written(tmp_path, "DEMO_PASSWORD='a${b}$c'\n")
    assert read_environment({"b": "x", "c": "y"}, tmp_path).values["DEMO_PASSWORD"] == "a${b}$c"


def test_without_a_file_the_environment_is_that_of_the_process(tmp_path):
    environment = read_environment({"AUTH_PORT": "9200"}, tmp_path)
    assert (environment.values, environment.origin("AUTH_PORT")) == ({"AUTH_PORT": "9200"}, "")


def test_an_error_says_which_of_its_variables_the_file_sets(tmp_path):
    written(tmp_path, "AUTH_PORT=9100\nMCP_PORT=9101\nDATA_DIR=here\n")
    environment = read_environment({"MCP_PORT": "9201"}, tmp_path)
    said = environment.origin("port 9100 is busy: choose another with AUTH_PORT=…, not MCP_PORT")
    assert said == f"\nAUTH_PORT: set in {tmp_path / '.env'}"


def test_files_of_the_server_are_named_from_the_folder_that_make_up_mounts(tmp_path):
    written(tmp_path, "SALLYPORT_MCP_FILES=./my-server\nMCP_SERVER=./weather.py:server\n")
    assert read_environment({}, tmp_path).values["INVOKED_FROM"] == str(tmp_path / "my-server")


def test_a_file_that_is_named_on_the_command_line_is_looked_for_where_make_was_called(tmp_path):
    written(tmp_path, "SALLYPORT_MCP_FILES=./my-server\nMCP_SERVER=./weather.py:server\n")
    process = {"INVOKED_FROM": "/elsewhere", "MCP_SERVER": "./other.py:server"}
    assert read_environment(process, tmp_path).values == {**process, "SALLYPORT_MCP_FILES": "./my-server"}


def test_make_run_names_the_file_in_an_error(tmp_path):
    written(tmp_path, f"DATA_DIR={tmp_path / 'data'}\nAUTH_PORT=many\n")
    started = subprocess.run(
        [sys.executable, "-m", "devstack.run"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 1
    assert started.stderr == f"make run: AUTH_PORT=many is not a port\nAUTH_PORT: set in {tmp_path / '.env'}\n"
