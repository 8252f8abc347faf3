"""The data is lost and comes back from a backup, by the steps of docs/operations.md: kept, lost and undone changes.

On real processes: the pair of `make run`, with `make backup` while it runs and `make restore` into nothing.
"""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from devstack.backup import restore, save
from devstack.embedded_store import EmbeddedStore
from devstack.service_process import REPOSITORY, ServiceError
from tests.e2e.test_make_run import Launcher, ended
from tests.support.free_ports import free_port
from tests.support.oauth import unverified_claims, unverified_header
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

NAMES = ("quiet", "refreshed_once", "refreshed_twice", "ended_since")


@dataclass
class RestoredPair:
    """The data before the loss, and the pair that runs after it."""

    run: Launcher
    password: str
    kids: list[str]
    """The published keys at the time of the backup."""
    lists: set[str]
    """The addresses of the status lists at that time."""
    revoked_since: str
    held: dict[str, SimpleNamespace]
    """By name a client's id and the tokens that it holds."""

    @property
    def pair(self):
        return addresses_of(self.run)

    def user_agent(self):
        return user_agent("demo", self.password)

    async def refresh(self, name):
        async with PlainClient(self.pair) as client:
            return await refresh(client, self.held[name])


def addresses_of(run):
    return SimpleNamespace(issuer=f"http://localhost:{run.auth_port}", resource=f"http://localhost:{run.mcp_port}/mcp")


def status_lists(run):
    with urllib.request.urlopen(f"http://localhost:{run.auth_port}/status-lists", timeout=10) as answer:
        return set(json.load(answer)["status_lists"])


def operate(run, module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "DATA_DIR": str(run.data_dir)},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def refresh(client, held):
    client.client_id = held.client_id
    status, body = await client.token_request(grant_type="refresh_token", refresh_token=held.tokens["refresh_token"])
    if status == 200:
        held.tokens = body
    return status, body


async def connect(run, password, *names):
    held = {}
    async with user_agent("demo", password) as user:
        for name in names:
            async with PlainClient(addresses_of(run)) as client:
                tokens = await client.tokens(user)
                held[name] = SimpleNamespace(client_id=client.client_id, tokens=tokens)
    return held


async def happen_since(run, held):
    """Changes after the backup was taken."""
    async with PlainClient(addresses_of(run)) as client:
        for name in ("refreshed_once", "refreshed_twice", "refreshed_twice"):
            assert (await refresh(client, held[name]))[0] == 200
    operate(run, "devstack.command", "auth_service", "grants", "revoke", grant_of(held["ended_since"]), "--yes")


def grant_of(held):
    return held.tokens["refresh_token"].split(".")[0]


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """A pair with users, keys of all states, registrations and grants: saved, changed, lost, restored, started."""
    place = tmp_path_factory.mktemp("run")
    loopback = ("127.0.0.1",)
    ports = free_port(loopback), free_port(loopback)
    before = Launcher(place / "data", *ports).start()
    after = None
    try:
        before.until_ready()
        password = re.search(r"with the password +(\S+)", before.said)[1]
        held = asyncio.run(connect(before, password, *NAMES))
        operate(before, "devstack.command", "auth_service", "keys", "rotate")
        kids = before.key_ids()
        operate(before, "devstack.backup", "save", str(place / "backup"))

        lists = status_lists(before)
        asyncio.run(happen_since(before, held))
        revoked = unverified_header(held["refreshed_once"].tokens["access_token"])["kid"]
        operate(before, "devstack.command", "auth_service", "keys", "revoke", revoked, "--yes")
        held |= asyncio.run(connect(before, password, "new"))

        before.end()
        shutil.rmtree(before.data_dir)
        said = operate(before, "devstack.backup", "restore", str(place / "backup"))
        assert "keys revoke" in said
        after = Launcher(place / "data", *ports).start()
        yield RestoredPair(after.until_ready(), password, kids, lists, revoked, held)
    finally:
        for run in filter(None, [before, after]):
            if not run.process.stdout.closed:
                ended(run)


@pytest.mark.long
@pytest.mark.timeout(180)
class TestAfterTheRestore:
    def test_the_same_keys_sign_and_are_published(self, restored):
        assert restored.run.key_ids() == restored.kids

    async def test_a_token_from_before_is_accepted_though_its_key_has_retired(self, restored):
        token = restored.held["quiet"].tokens["access_token"]
        async with PlainClient(restored.pair) as client:
            assert (await client.call_tool(token))[0] == 200
        assert restored.kids.index(unverified_header(token)["kid"]) == 2

    async def test_a_client_that_has_not_refreshed_since_goes_on(self, restored):
        assert [(await restored.refresh("quiet"))[0] for _ in range(2)] == [200, 200]

    @pytest.mark.invariant(6)
    async def test_a_client_that_is_one_refresh_ahead_of_the_backup_goes_on(self, restored):
        """Our mark, one step newer than the store knows."""
        assert [(await restored.refresh("refreshed_once"))[0] for _ in range(2)] == [200, 200]

    async def test_a_client_that_is_two_refreshes_ahead_asks_its_user_once(self, restored):
        status, body = await restored.refresh("refreshed_twice")
        assert (status, body["error"]) == (400, "invalid_grant")
        async with PlainClient(restored.pair) as client, restored.user_agent() as user:
            client.client_id = restored.held["refreshed_twice"].client_id
            tokens = await client.tokens(user)
            assert (await client.call_tool(tokens["access_token"]))[0] == 200

    @pytest.mark.invariant(12)
    async def test_a_grant_is_put_into_a_list_that_the_backup_does_not_know(self, restored):
        """In a list of the backup it could get the entry of a grant that was made, and ended, since."""
        async with PlainClient(restored.pair) as client, restored.user_agent() as user:
            tokens = await client.tokens(user)
        assert unverified_claims(tokens["access_token"])["status"]["status_list"]["uri"] not in restored.lists
        assert restored.lists < status_lists(restored.run)

    async def test_a_client_that_the_backup_does_not_know_is_told_to_register_anew(self, restored):
        status, body = await restored.refresh("new")
        assert (status, body["error"]) == (401, "invalid_client")

    async def test_access_that_was_ended_since_is_open_again_until_it_is_ended_again(self, restored):
        assert (await restored.refresh("ended_since"))[0] == 200
        operate(
            restored.run,
            "devstack.command",
            "auth_service",
            "grants",
            "revoke",
            grant_of(restored.held["ended_since"]),
            "--yes",
        )
        assert (await restored.refresh("ended_since"))[0] == 400

    async def test_a_key_that_was_revoked_since_is_good_again_until_it_is_revoked_again(self, restored):
        """Stands last: everything else here hangs on that key."""
        async with PlainClient(restored.pair) as client:
            _status, body = await refresh(client, restored.held["quiet"])
            assert unverified_header(body["access_token"])["kid"] == restored.revoked_since
            assert (await client.call_tool(body["access_token"]))[0] == 200
            operate(restored.run, "devstack.command", "auth_service", "keys", "revoke", restored.revoked_since, "--yes")
            assert restored.revoked_since not in restored.run.key_ids()
            assert (await client.call_tool(body["access_token"]))[0] == 401


@pytest.fixture
def data_dir(tmp_path):
    """A DATA_DIR with a store that holds one key, and a secret."""
    directory = tmp_path / "data"
    directory.mkdir()
    (directory / "key-encryption-key").write_text("secret\n")
    with EmbeddedStore(directory / "valkey") as store:
        asyncio.run(ask(store, "SET", "sp:{x}:it", "kept"))
    return directory


async def ask(store, *command):
    from shared.redis.single import SingleRedisClient

    client = SingleRedisClient(store.url)
    try:
        return await client.command(*command)
    finally:
        await client.close()


def test_a_backup_is_readable_by_its_owner_only(data_dir, tmp_path):
    save(data_dir, tmp_path / "backup")
    modes = {f.name: stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "backup").iterdir()}
    assert modes == {"store.rdb": 0o600, "key-encryption-key": 0o600}
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    assert not (data_dir / "valkey" / "dump.rdb").exists()


def test_a_second_backup_to_the_same_place_is_refused_and_changes_nothing(data_dir, tmp_path):
    save(data_dir, tmp_path / "backup")
    before = {f.name: f.read_bytes() for f in (tmp_path / "backup").iterdir()}
    with pytest.raises(ServiceError, match="backup is not empty, and a backup replaces nothing"):
        save(data_dir, tmp_path / "backup")
    assert {f.name: f.read_bytes() for f in (tmp_path / "backup").iterdir()} == before


@pytest.mark.parametrize("exists", [True, False])
def test_a_backup_that_fails_leaves_nothing_behind(data_dir, tmp_path, exists):
    if exists:
        (tmp_path / "backup").mkdir()
    # A directory cannot be copied as a file: the failure comes after the snapshot.
    (data_dir / "password-of-demo").mkdir()
    with pytest.raises(OSError, match="directory"):
        save(data_dir, tmp_path / "backup")
    assert list(tmp_path.glob("backup/*")) == []
    assert (tmp_path / "backup").exists() == exists


def test_a_restored_store_keeps_what_is_added_to_it(data_dir, tmp_path):
    save(data_dir, tmp_path / "backup")
    shutil.rmtree(data_dir)
    restore(data_dir, tmp_path / "backup")
    for _start in range(2):
        with EmbeddedStore(data_dir / "valkey") as store:
            assert asyncio.run(ask(store, "GET", "sp:{x}:it")) == "kept"
            assert asyncio.run(ask(store, "INCR", "sp:{x}:starts")) == _start + 1


def test_a_restore_never_replaces_data(data_dir, tmp_path):
    save(data_dir, tmp_path / "backup")
    with pytest.raises(ServiceError, match="move it away first"):
        restore(data_dir, tmp_path / "backup")


@pytest.mark.parametrize("missing", ["store.rdb", "key-encryption-key"])
def test_half_a_backup_is_refused_before_anything_is_written(data_dir, tmp_path, missing):
    save(data_dir, tmp_path / "backup")
    (tmp_path / "backup" / missing).unlink()
    with pytest.raises(ServiceError, match=f"it has no {missing}"):
        restore(tmp_path / "empty", tmp_path / "backup")
    assert not (tmp_path / "empty").exists()


def test_a_place_without_a_store_has_nothing_to_save(tmp_path):
    with pytest.raises(ServiceError, match="contains no data"):
        save(tmp_path, tmp_path / "backup")
