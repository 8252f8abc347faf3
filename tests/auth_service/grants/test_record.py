"""The packed record of a grant: its positions, its size, and what it keeps of a code."""

import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from auth_service.grants.grant import GrantKind, GrantStatus
from auth_service.grants.record import PROLOGUE, Position, new_record
from auth_service.grants.repository import GrantRepository, grant_key
from auth_service.status_lists.identifiers import ENTRIES
from tests.support.grant_material import NOW, RESOURCE, age_grant, allowed, new_grant, open_grant, present

TYPICAL: dict[str, Any] = {
    "subject": "mKq7RYcVbWl1Y0mC3rJk2g",
    "username": "ada.lovelace",
    "client_name": "Claude",
    "resource": "https://mcp.example.com/notes/mcp",
    "scopes": ("notes:read", "notes:write"),
    "redirect_uri": "https://claude.ai/api/mcp/auth_callback",
}
CLIENTS = {
    "registered": "own-Tgc7SH6DOkZ6_n_OzdtaBAS0",
    "metadata document": "https://claude.ai/oauth/mcp-oauth-client-metadata",
}


@pytest.fixture
def grants(store):
    return GrantRepository(store)


def test_scripts_and_python_name_the_same_positions():
    named = re.findall(r"^local ([A-Z_]+) = (\d+)(?: |$)", PROLOGUE, re.MULTILINE)
    assert {name: int(number) for name, number in named} == {
        **{position.name: position.value for position in Position},
        "LIST_ENTRIES": ENTRIES,
    }


def test_a_new_record_has_every_position():
    assert len(json.loads(new_record(new_grant()))) == len(Position)


@pytest.mark.store
@pytest.mark.parametrize("client", CLIENTS)
async def test_a_typical_grant_is_small_and_stays_so_when_it_is_refreshed_often(store, grants, client):
    """Twelve refreshes within the reuse interval, all of which may be asked for again."""
    client_id, scopes = CLIENTS[client], allowed(*TYPICAL["scopes"], resource=TYPICAL["resource"])
    token = await open_grant(store, client_id=client_id, **TYPICAL)
    key = grant_key(token.grant_id)
    assert await store.command("MEMORY", "USAGE", key) <= 600
    presented = await present(grants, token, now=NOW, client_id=client_id, scopes=scopes)
    for step in range(1, 12):
        presented = await present(grants, presented.token, now=NOW + step, client_id=client_id, scopes=scopes)
    assert await store.command("MEMORY", "USAGE", key) <= 1200
    repeated = await present(grants, token, now=NOW + 12, client_id=client_id, scopes=scopes)
    assert (repeated.outcome, repeated.token) == ("repeated", presented.token)


@pytest.mark.store
async def test_the_record_of_a_live_grant_lacks_the_values_that_only_the_redemption_needs(store, grants):
    token = await open_grant(store, **TYPICAL, nonce="the-nonce", code_challenge="c" * 43)
    record = await store.command("GET", grant_key(token.grant_id))
    for gone in ("auth_callback", "the-nonce", "c" * 23):
        assert gone not in record
    grant = await grants.find(token.grant_id)
    assert (grant.kind, grant.status, grant.nonce) == (GrantKind.USER, GrantStatus.LIVE, None)
    assert (grant.redirect_host, grant.on_device) == ("claude.ai", False)
    assert grant.has_redirect_uri(TYPICAL["redirect_uri"])
    assert not grant.has_redirect_uri("https://claude.ai/api/mcp/other")


@pytest.mark.store
@pytest.mark.invariant(11)
async def test_positions_that_a_later_version_appended_are_kept(store, grants):
    """Also a name beyond ASCII, and characters that JSON escapes."""
    name = 'Zo\u00eb "the \\ / \u2028 \U0001f600'
    token = await open_grant(store, client_name=name)
    key = grant_key(token.grant_id)
    await store.command("SET", key, json.dumps([*json.loads(await store.command("GET", key)), "later"]), "KEEPTTL")
    after = await present(grants, token)
    assert after.outcome == "rotated"
    assert (await grants.find(token.grant_id)).client_name == name
    assert json.loads(await store.command("GET", key))[len(Position)] == "later"
    assert await grants.end(token.grant_id, reason="by_hand")
    assert json.loads(await store.command("GET", key))[len(Position)] == "later"


@pytest.mark.store
@pytest.mark.invariant(11, 15)
async def test_a_record_without_claims_allows_none(store, grants):
    """An earlier version wrote it."""
    token = await open_grant(store, claims=("email",))
    key = grant_key(token.grant_id)
    record = json.loads(await store.command("GET", key))
    await store.command("SET", key, json.dumps(record[: Position.CLAIMS - 1]), "KEEPTTL")
    asked = await present(grants, token, scopes=replace(allowed("notes:read"), told=f"\n{RESOURCE}\n"))
    assert (asked.outcome, asked.rotation.claims) == ("unreviewed", ())
    assert (await grants.find(token.grant_id)).claims == ()


@pytest.mark.store
async def test_uses_and_refreshes_have_times_of_their_own(store, grants):
    token = await open_grant(store)
    opened = await grants.find(token.grant_id)
    assert (opened.used_at, opened.refreshed_at) == (opened.created_at, None)
    await present(grants, token, now=NOW + 100)
    refreshed = await grants.find(token.grant_id)
    assert refreshed.used_at == refreshed.refreshed_at
    assert 100 <= refreshed.refreshed_at - refreshed.created_at < 160
    await present(grants, token, now=NOW + 110)
    repeated = await grants.find(token.grant_id)
    assert 110 <= repeated.refreshed_at - repeated.created_at < 170


@pytest.mark.store
@pytest.mark.parametrize(("seconds", "recorded"), [(590, False), (610, True)])
async def test_a_use_is_recorded_once_in_ten_minutes(store, grants, seconds, recorded):
    """By the clock of Redis: a replica whose clock is ahead asks each time, and changes nothing."""
    token = await open_grant(store)
    await age_grant(store, token.grant_id, seconds)
    before = await grants.find(token.grant_id)
    await grants.record_use(before, now=time.time() + 3600)
    after = await grants.find(token.grant_id)
    assert (after.used_at > before.used_at) is recorded
    assert (time.time() - after.used_at < 60) is recorded
    await grants.record_use(before, now=time.time() + 3600)
    assert await grants.find(token.grant_id) == after


@pytest.mark.store
async def test_a_recorded_use_prolongs_nothing_and_is_no_refresh(store, grants):
    token = await open_grant(store)
    await age_grant(store, token.grant_id, 3600)
    key = grant_key(token.grant_id)
    before, expires = await grants.find(token.grant_id), await store.command("PEXPIRETIME", key)
    await grants.record_use(before, now=time.time())
    after = await grants.find(token.grant_id)
    assert replace(after, used_at=before.used_at) == before
    assert await store.command("PEXPIRETIME", key) == expires
    await grants.end(token.grant_id, reason="by_hand")
    ended = await grants.find(token.grant_id)
    await grants.record_use(before, now=time.time())
    assert await grants.find(token.grant_id) == ended
