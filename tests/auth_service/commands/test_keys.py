"""`keys list|rotate|revoke`, as an operator runs them."""

import asyncio
import base64
import re
import time
from types import SimpleNamespace

import pytest
import structlog

from auth_service import data_format
from auth_service.commands.key_output import KeyProgress
from auth_service.encryption import parse_encryption_keys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy
from auth_service.keys.propagation import ReplicaKeyVersion
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from shared.redis.single import SingleRedisClient
from tests.support.topologies import DURABLE, Node

TIME_OF_DAY = r"(\d{4}-\d\d-\d\d )?[\d:]{8} UTC"


class Deployment:
    """What a running auth_service would have left in the store."""

    def __init__(self, environment):
        self.url = environment["AUTH_REDIS_URL"]
        self.keys = parse_encryption_keys([environment["AUTH_KEY_ENCRYPTION_KEY"]])

    def run(self, work):
        async def inside():
            store = SingleRedisClient(self.url)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(inside())

    def begin(self):
        async def work(store):
            ring = KeyRing(
                repository=KeyRingRepository(store),
                encryption_keys=self.keys,
                policy=RotationPolicy("RS256", 10**12, 600_000, 3_600_000),
                log=structlog.get_logger(),
                clock=lambda: time.time() - 60,
            )
            await ring.refresh()
            return ring.ring

        return self.run(work)

    def serves_an_unidentified_client(self):
        now = int(time.time() * 1000)
        self.run(
            lambda store: ReplicaVersionRepository(store).record(
                [], now_ms=now, ttl_ms=10**6, unidentified_ms=now, unidentified_client="curl/8.5.0 at 203.0.113.7\x1b"
            )
        )

    def shows(self, replica, version):
        now = int(time.time() * 1000)
        reported = ReplicaKeyVersion(replica, version, now, now + 60_000)
        self.run(lambda store: ReplicaVersionRepository(store).record([reported], now_ms=now, ttl_ms=10**6))

    def ring(self):
        return self.run(lambda store: KeyRingRepository(store).read())


@pytest.fixture
def deployment(environment):
    return Deployment(environment)


def test_before_the_first_start_there_is_nothing_to_list(commands):
    result = commands.run("keys", "list")
    assert result.exit_code == 1
    assert "first start" in result.stderr


def test_the_list_shows_states_ages_and_what_happens_next_and_when(commands, deployment):
    ring = deployment.begin()
    deployment.shows("mcp-1", 1)
    active, pending = commands.json("keys", "list")
    assert (active["kid"], active["state"], active["algorithm"], active["age"]) == (
        ring.active.kid,
        "active",
        "RS256",
        "1 min",
    )
    assert active["next"].startswith("stops signing, 2")
    assert (pending["state"], pending["secret"]) == ("pending", "first")
    assert pending["next"].startswith("begins to sign")
    assert active["next_at"] > active["published_at"]
    text = commands.run("keys", "list").stdout
    assert ring.active.kid in text
    assert "1 of 1 mcp_service replicas have this key set, version 1." in text


def test_the_list_tells_who_fetched_the_set_and_how_long_a_rotation_would_wait(commands, deployment):
    deployment.begin()
    deployment.shows("mcp-1", 1)
    text = commands.run("keys", "list").stdout
    assert "unidentified client" not in text
    assert "keys rotate would not wait." in text
    deployment.serves_an_unidentified_client()
    text = commands.run("keys", "list").stdout
    assert re.search(
        rf"An unidentified client \(curl/8\.5\.0 at 203\.0\.113\.7�\) fetched the JWKS at {TIME_OF_DAY}\. "
        rf"It may cache it until {TIME_OF_DAY}\.",
        text,
    )
    assert re.search(f"keys rotate would wait until {TIME_OF_DAY} at the latest", text)


def test_rotating_promotes_the_pending_key(commands, deployment):
    before = deployment.begin()
    deployment.shows("mcp-1", 1)
    said = commands.json("keys", "rotate")
    after = deployment.ring()
    assert said["result"] == "rotated"
    assert said["active"] == after.active.kid == before.pending.kid
    assert [key["kid"] for key in said["retiring"]] == [before.active.kid]
    assert [row["state"] for row in commands.json("keys", "list")] == ["active", "pending", "retiring"]


def test_rotating_names_the_replica_it_waits_for_and_gives_up_without_a_change(commands, deployment):
    deployment.begin()
    deployment.shows("mcp-slow", 0)
    deployment.shows("mcp-quick", 1)
    result = commands.run("keys", "rotate", "--timeout", "0.3")
    assert result.exit_code == 1
    assert "Waiting for mcp-slow to fetch the pending key" in result.stderr
    assert "mcp-quick" not in result.stderr
    assert "--force" in result.stderr
    assert deployment.ring().version == 1


def test_rotating_without_a_report_says_so(commands, deployment):
    deployment.begin()
    result = commands.run("keys", "rotate", "--timeout", "0")
    assert result.exit_code == 1
    assert "Verifiers may cache a JWKS without the pending key until" in result.stderr


def test_rotating_after_an_unidentified_fetch_says_when_it_was_and_until_when_it_waits(commands, deployment):
    deployment.begin()
    deployment.shows("mcp-1", 1)
    deployment.serves_an_unidentified_client()
    result = commands.run("keys", "rotate", "--timeout", "0.2")
    assert result.exit_code == 1
    assert re.search(
        rf"An unidentified client \(curl/8\.5\.0 at 203\.0\.113\.7�\) fetched the JWKS at {TIME_OF_DAY}\. "
        rf"It may cache a JWKS without the pending key until {TIME_OF_DAY}\.",
        result.stderr,
    )
    assert len(re.findall(r"\d min \d\d s left\. Ctrl-C is safe; --force does not wait\.", result.stderr)) == 1


def test_where_no_terminal_shows_a_countdown_the_remaining_time_is_a_line_now_and_then(capsys):
    now = 0.0
    with KeyProgress(quiet=False, monotonic=lambda: now) as progress:
        for second in range(65):
            now = float(second)
            progress.show("A reason.", f"{65 - second} s left")
    assert capsys.readouterr().err.splitlines() == ["A reason.", "65 s left", "35 s left", "5 s left"]


def test_force_does_not_wait(commands, deployment):
    before = deployment.begin()
    deployment.shows("mcp-slow", 0)
    assert commands.run("keys", "rotate", "--force").exit_code == 0
    assert deployment.ring().active.kid == before.pending.kid


def test_when_time_has_decided_a_rotation_does_not_wait(commands, deployment):
    before = deployment.begin()
    deployment.shows("mcp-slow", 0)
    said = commands.run("keys", "rotate", env={"AUTH_KEY_PUBLISH_LEAD_TIME": "30", "AUTH_KEY_SET_MAX_AGE": "30"})
    assert said.exit_code == 0
    assert f"{before.pending.kid} signs now (RS256)" in said.stdout
    assert f"{before.active.kid} stays published until" in said.stdout


def test_another_algorithm_comes_with_an_ordinary_rotation(commands, deployment):
    deployment.begin()
    env = {"AUTH_SIGNING_ALGORITHM": "ES256"}
    assert commands.run("keys", "rotate", "--force", env=env).exit_code == 0
    ring = deployment.ring()
    assert (ring.active.algorithm, ring.pending.algorithm) == ("ES256", "ES256")


def test_withdrawing_the_active_key_promotes_the_pending_one_and_tells_the_audit_log(commands, deployment):
    before = deployment.begin()
    said = commands.json("keys", "revoke", before.active.kid, "--reason", "laptop stolen", "--yes")
    assert (said["result"], said["active"], said["still_held_by"]) == ("revoked", before.pending.kid, [])
    assert before.active.kid not in {key.kid for key in deployment.ring().keys}
    entries = deployment.run(lambda store: store.command("XRANGE", "sp:{audit}:events", "-", "+"))
    assert "laptop stolen" in str(entries)
    assert "key.revoked" in str(entries)


@pytest.mark.parametrize("position", [0, 1])
def test_revoking_shows_what_it_will_do_and_without_a_terminal_needs_yes(commands, deployment, monkeypatch, position):
    before = deployment.begin()
    kid = before.keys[position].kid
    refused = commands.run("keys", "revoke", kid)
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    questions = []

    def answer_no(question):
        questions.append(question)
        return False

    monkeypatch.setattr("typer.confirm", answer_no)
    terminal = SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("auth_service.commands.console.sys", terminal)
    assert "nothing was done" in commands.run("keys", "revoke", kid).stderr
    effect = f"{before.pending.kid} signs from then on" if position == 0 else "has signed nothing"
    assert effect in questions[0]
    assert deployment.ring() == before


def test_withdrawing_names_the_replicas_that_have_not_shown_that_the_key_is_gone(commands, deployment, monkeypatch):
    monkeypatch.setattr("auth_service.commands.keys.REVOCATION_SECONDS", 0.2)
    ring = deployment.begin()
    deployment.shows("mcp-1", 1)
    said = commands.json("keys", "revoke", ring.pending.kid, "--yes")
    assert (said["replicas"], said["still_held_by"]) == (1, ["mcp-1"])


def test_withdrawing_an_unknown_key_fails_and_changes_nothing(commands, deployment):
    before = deployment.begin()
    result = commands.run("keys", "revoke", "nobody")
    assert result.exit_code == 1
    assert "keys list" in result.stderr
    assert deployment.ring() == before


def test_check_config_refuses_a_weak_secret_without_showing_it(commands):
    weak = base64.urlsafe_b64encode(b"correct horse battery staple 123").decode()
    result = commands.run("check-config", "--offline", env={"AUTH_KEY_ENCRYPTION_KEY": weak})
    assert result.exit_code == 4
    assert "typed" in result.output
    assert weak not in result.output


def test_a_key_can_be_revoked_when_redis_is_full(commands, environment, tmp_path):
    """A compromised key must not remain because the store has been filled."""
    node = Node(tmp_path, *DURABLE)
    node.start()
    try:
        environment["AUTH_REDIS_URL"] = f"redis://127.0.0.1:{node.port}/0"
        assert node.ask("SET", "sp:{data}:format", str(data_format.NUMBER)) == "OK"
        Deployment(environment).begin()
        kid = commands.json("keys", "list")[0]["kid"]
        assert node.ask("CONFIG", "SET", "maxmemory", "1mb") == "OK"
        assert node.ask("SET", "other", "x").startswith("OOM")
        commands.json("keys", "revoke", kid, "--yes")
        assert kid not in [key["kid"] for key in commands.json("keys", "list")]
    finally:
        node.stop()
