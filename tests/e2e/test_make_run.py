"""`make run`: three processes on the loopback addresses that start, keep their data, and leave nothing behind."""

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from devstack.service_process import REPOSITORY, with_repository
from tests.support.free_ports import free_port

pytestmark = pytest.mark.timeout(180)


class Launcher:
    """One `make run`, without make, on a directory and ports of its own."""

    def __init__(self, data_dir, auth_port, mcp_port, **own):
        self.data_dir, self.auth_port, self.mcp_port, self.own = data_dir, auth_port, mcp_port, own
        self.said = ""

    def start(self):
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH_", "MCP_", "DEMO_"))}
        names = {"DATA_DIR": str(self.data_dir), "AUTH_PORT": str(self.auth_port), "MCP_PORT": str(self.mcp_port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "devstack.run", "--end-with-parent"],
            # Not the repository, whose .env a developer may have.
            cwd=self.data_dir.parent,
            env=with_repository({**inherited, **names, **self.own}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return self

    def until_ready(self):
        return self.until("ready")

    def until(self, beginning):
        """Wait for a line that begins so."""
        for line in self.process.stdout:
            self.said += line
            if line.startswith(beginning):
                return self
        raise AssertionError(f"never {beginning}:\n{self.said}\n{self.process.stderr.read()}")

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        self.said += self.process.stdout.read()
        self.process.stderr.close()
        self.process.stdout.close()
        return self.process.wait(timeout=30)

    def fail(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err

    def get(self, port, path):
        return json.loads(self.text(port, path))

    def text(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
            return response.read().decode()

    def printed_errors(self):
        """Standard error so far."""
        os.set_blocking(self.process.stderr.fileno(), False)
        with contextlib.suppress(BlockingIOError):
            return (os.read(self.process.stderr.fileno(), 65_536) or b"").decode()
        return ""

    def key_ids(self):
        return [key["kid"] for key in self.get(self.auth_port, "/.well-known/jwks.json")["keys"]]

    def left_behind(self):
        """Processes that still have to do with this directory."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):
                    about = (entry / "environ").read_bytes() + (entry / "cmdline").read_bytes()
                    here = str((entry / "cwd").readlink())
                    if str(self.data_dir).encode() in about or here.startswith(str(self.data_dir)):
                        found.append(entry.name)
        return found


def ended(launcher):
    if launcher.process.poll() is None:
        launcher.process.kill()
    launcher.process.wait()
    launcher.process.stdout.close()
    launcher.process.stderr.close()


@pytest.fixture
def launcher(tmp_path):
    started = []

    def make(**own):
        loopback = ("127.0.0.1",)
        made = Launcher(tmp_path / "data", free_port(loopback), free_port(loopback), **own)
        started.append(made)
        return made.start()

    yield make
    for one in started:
        ended(one)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One launcher for all tests that only look."""
    loopback = ("127.0.0.1",)
    data_dir = tmp_path_factory.mktemp("run") / "data"
    made = Launcher(data_dir, free_port(loopback), free_port(loopback)).start()
    yield made.until_ready()
    ended(made)


def wait_until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_terminal_shows_the_address_for_clients_and_how_to_sign_in(running):
    assert f"http://localhost:{running.mcp_port}/mcp" in running.said
    assert re.search(r"Sign in as +demo\n", running.said)
    assert re.search(r"with the password +\S{12,}\n", running.said)
    metadata = running.get(running.auth_port, "/.well-known/oauth-authorization-server")
    assert metadata["issuer"] == f"http://localhost:{running.auth_port}"
    resource = running.get(running.mcp_port, "/.well-known/oauth-protected-resource/mcp")
    assert resource["resource"] == f"http://localhost:{running.mcp_port}/mcp"


def test_requests_are_logged_to_files_and_the_terminal_shows_none(running):
    running.get(running.auth_port, "/.well-known/openid-configuration")
    file = running.data_dir / "auth_service.log"
    assert str(file) in running.said
    wait_until(lambda: "route=/.well-known/openid-configuration" in file.read_text())
    assert "route=" in (running.data_dir / "mcp_service.log").read_text()
    assert running.printed_errors() == ""


def test_the_scopes_of_both_services_are_compared_without_a_report(running):
    metric = f'sallyport_scope_differences{{resource="http://localhost:{running.mcp_port}/mcp"}} 0.0'
    wait_until(lambda: metric in running.text(running.auth_port, "/metrics"))
    assert "resource_scopes" not in (running.data_dir / "auth_service.log").read_text()


def test_secrets_are_readable_by_their_owner_only(running):
    for name in ("key-encryption-key", "environment.json", "password-of-demo", "auth_service.log", "mcp_service.log"):
        assert stat.S_IMODE((running.data_dir / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(running.data_dir.stat().st_mode) == 0o700


def test_only_loopback_addresses_are_listened_on(running):
    listening = [
        line.split()[1]
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ports = {running.auth_port, running.mcp_port}
    ours = [a.rpartition(":")[0] for a in listening if int(a.rpartition(":")[2], 16) in ports]
    assert len(ours) >= 2
    assert set(ours) <= {"0100007F", "00000000000000000000000001000000"}


def test_a_second_launcher_on_the_same_data_is_refused(running):
    loopback = ("127.0.0.1",)
    second = Launcher(running.data_dir, free_port(loopback), free_port(loopback)).start()
    code, said = second.fail()
    assert code == 1
    assert "another `make run` uses" in said


def command(running, module, *arguments):
    """Run a module as a command of make does; its output."""
    environment = {**os.environ, "DATA_DIR": str(running.data_dir)}
    words = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(words, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{module} {arguments}\n{done.stdout}\n{done.stderr}"
    return done


def test_commands_reach_the_services_of_the_last_run(running):
    assert "demo" in command(running, "devstack.command", "auth_service", "users", "list").stdout
    checked = command(running, "devstack.command", "mcp_service", "check-config")
    assert (checked.stdout, checked.stderr) == ("ok\n", "")


def list_tools(running, token):
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}).encode()
    url = f"http://127.0.0.1:{running.mcp_port}/mcp"
    request = urllib.request.Request(url, body, headers | {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as exc:
        exc.close()
        return exc.code, ""


def test_a_token_for_the_demo_user_works_at_once_is_listed_and_can_be_ended(running):
    printed = command(running, "devstack.token", "--scope", "notes:read")
    token = printed.stdout.removesuffix("\n")
    assert printed.stderr == ""
    status, tools = list_tools(running, token)
    assert (status, "list_notes" in tools) == (200, True)
    (grant,) = json.loads(command(running, "devstack.command", "auth_service", "grants", "list", "--json").stdout)
    assert (grant["username"], grant["client_id"], grant["scopes"]) == ("demo", "sallyport-tokens", ["notes:read"])
    events = command(running, "devstack.command", "auth_service", "audit", "--json").stdout
    assert {"consent.approved", "user.signed_out"} <= {json.loads(line)["event"] for line in events.splitlines()}
    command(running, "devstack.command", "auth_service", "grants", "revoke", grant["grant"], "--yes")
    wait_until(lambda: list_tools(running, token)[0] == 401)
    password = re.search(r"with the password +(\S+)", running.said)[1]
    for name in ("auth_service.log", "mcp_service.log"):
        logged = (running.data_dir / name).read_text()
        assert (token in logged, password in logged) == (False, False)


def test_a_restart_keeps_keys_and_password_and_ctrl_c_leaves_no_process(launcher):
    first = launcher(DEMO_USERNAME="grace").until_ready()
    keys = first.key_ids()
    assert re.search(r"Sign in as +grace\n", first.said)
    password = re.search(r"with the password +(\S+)", first.said)[1]
    assert len(first.left_behind()) >= 3
    assert first.end(signal.SIGINT) == 0
    assert first.left_behind() == []

    second = launcher(DEMO_USERNAME="grace").until_ready()
    assert second.key_ids() == keys
    assert re.search(r"with the password +(\S+)", second.said)[1] == password
    assert second.end(signal.SIGTERM) == 0
    assert second.left_behind() == []


def test_a_launcher_that_is_killed_takes_its_children_along(launcher):
    run = launcher(DEMO_PASSWORD="demo").until_ready()
    assert re.search(r"with the password +demo\n", run.said)
    run.end(signal.SIGKILL)
    wait_until(lambda: run.left_behind() == [])


def test_a_busy_port_is_named_with_the_setting_that_changes_it(launcher):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, said = launcher(AUTH_PORT=str(port)).fail()
    assert code == 1
    assert f"port {port} is busy" in said
    assert "AUTH_PORT=" in said


def test_a_service_that_refuses_its_settings_is_reported_and_no_process_stays(launcher):
    run = launcher(AUTH_NO_SUCH_SETTING="1")
    code, said = run.fail()
    assert code == 1
    assert "AUTH_NO_SUCH_SETTING" in said
    wait_until(lambda: run.left_behind() == [])
