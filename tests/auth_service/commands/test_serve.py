"""`serve` as a process: it answers, stops when told to, and refuses to start with words."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.support.free_ports import free_port


@pytest.fixture
def port():
    return free_port(("127.0.0.1",))


def start(environment, **settings):
    return subprocess.Popen(
        [sys.executable, "-m", "auth_service", "serve"],
        env={**{k: v for k, v in os.environ.items() if not k.startswith("AUTH_")}, **environment, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def status_of(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        return exc.code
    except OSError:
        return None


def wait_for(port, path, status, *, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if status_of(port, path) == status:
            return
        time.sleep(0.05)
    pytest.fail(f"{path} did not answer {status}")


def test_the_service_answers_and_stops_when_told_to(environment, port):
    with start(environment, AUTH_PORT=str(port)) as process:
        wait_for(port, "/readyz", 200)
        assert status_of(port, "/.well-known/oauth-authorization-server") == 200
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert any(json.loads(line).get("event") == "serving" for line in errors.splitlines() if line.startswith("{"))


def test_the_service_starts_without_a_store_and_says_that_it_is_not_ready(environment, port):
    with start(environment, AUTH_PORT=str(port), AUTH_REDIS_URL="unix:///nonexistent/socket") as process:
        wait_for(port, "/livez", 200)
        assert status_of(port, "/readyz") == 503
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


def test_unsafe_settings_prevent_the_start_with_an_explanation(environment):
    with start(environment, AUTH_ISSUER="http://example.org") as process:
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 4
    assert "AUTH_ISSUER" in errors
    assert "Traceback" not in errors


def test_a_busy_port_is_said(environment):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with start(environment, AUTH_PORT=str(busy.getsockname()[1])) as process:
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "cannot listen" in errors
    assert "address already in use" in errors
    assert "Traceback" not in errors
