"""The volumes of a compose deployment are lost and come back: `make compose-backup` and `make compose-restore`."""

import json
import os
import shutil
import subprocess

import pytest

from devstack.service_process import REPOSITORY
from tests.e2e.test_compose import Deployment
from tests.support.free_ports import free_port

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def deployment():
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "info"], capture_output=True, check=False).returncode != 0:
        pytest.skip("Docker does not answer")
    made = Deployment(f"sallyport-backup-test-{os.getpid()}", free_port(("127.0.0.1",)))
    try:
        yield made
    finally:
        made.compose("down", "--volumes", "--remove-orphans")


def in_auth(deployment, *arguments, stdin=""):
    return deployment.compose(
        *("run", "--rm", "--no-deps", "-T", "auth", "python", "-m", "auth_service", *arguments), stdin=stdin
    )


def kids(deployment):
    return [key["kid"] for key in json.loads(in_auth(deployment, "keys", "list", "--json"))]


def test_keys_and_users_come_back_and_a_revoked_key_can_be_withdrawn_before_anything_serves(deployment, tmp_path):
    backup = tmp_path / "backup"
    deployment.make("up")
    in_auth(deployment, "users", "add", "alice", "--password-stdin", stdin="seven quiet lanterns by the weir\n")
    before = kids(deployment)
    deployment.make("compose-backup", f"TO={backup}")
    in_auth(deployment, "keys", "revoke", before[0], "--yes")
    deployment.compose("down", "--volumes")

    said = deployment.make("compose-restore", f"FROM={backup}")
    assert "keys revoke" in said
    deployment.compose("up", "--detach", "--wait", "store")
    assert kids(deployment) == before
    assert "alice" in in_auth(deployment, "users", "list")
    in_auth(deployment, "keys", "revoke", before[0], "--yes")
    deployment.make("up")
    assert before[0] not in kids(deployment)

    refused = subprocess.run(
        ["make", "compose-restore", f"FROM={backup}"],
        cwd=REPOSITORY,
        env=deployment.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "make down first" in refused.stderr
