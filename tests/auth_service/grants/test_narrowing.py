"""A grant that may have less today than it has is narrowed when it is refreshed, and its older tokens are revoked."""

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository, ScopesAllowedNow
from auth_service.protocol.opaque import split_identifier
from auth_service.status_lists.identifiers import ENTRIES, allocated_key, new_identifier_in
from auth_service.status_lists.repository import StatusListRepository
from tests.support.grant_material import DAY, LIFETIMES, NOW, RESOURCE, REUSE_INTERVAL, allowed, open_grant, present

pytestmark = [pytest.mark.store, pytest.mark.invariant(12, 15)]

READ = allowed("notes:read", "openid", read_at=NOW + DAY)
"""A configuration that is younger than every grant."""


@pytest.fixture
def grants(store):
    return GrantRepository(store)


@pytest.fixture
async def opened(store):
    """The first refresh token of a grant of two scopes."""
    return await open_grant(store, scopes=("notes:read", "notes:write"))


async def revoked(store, token):
    [entries] = await StatusListRepository(store).revoked([split_identifier(token.grant_id)[0]])
    return entries


async def state(store, token):
    [found] = await StatusListRepository(store).states([split_identifier(token.grant_id)[0]])
    return found


async def fill(store, token, *, but=()):
    """Every entry of the list is in use, except these."""
    key = allocated_key(split_identifier(token.grant_id)[0])
    await store.pipeline([("BITFIELD", key, "SET", "u32", n, 0xFFFFFFFF) for n in range(0, ENTRIES, 32)])
    for entry in but:
        await store.command("SETBIT", key, entry, 0)


async def test_a_removed_scope_leaves_the_grant_and_its_entry_is_exchanged_in_one_step(store, grants, opened):
    before, tag = await grants.find(opened.grant_id), (await state(store, opened)).tag
    narrowed = (await present(grants, opened, scopes=READ)).rotation
    after = await grants.find(opened.grant_id)
    assert (narrowed.outcome, narrowed.scopes, narrowed.dropped) == ("rotated", ("notes:read",), ("notes:write",))
    assert (after.status, after.scopes, after.entry) == (GrantStatus.LIVE, narrowed.scopes, narrowed.entry)
    assert narrowed.entry != before.entry
    assert await revoked(store, opened) == {before.entry}
    found = await state(store, opened)
    assert found.allocated == 2
    assert found.tag != tag


async def test_a_grant_is_narrowed_once(store, grants, opened):
    first = await present(grants, opened, scopes=READ)
    second = (await present(grants, first.token, scopes=READ)).rotation
    assert (second.entry, second.dropped) == (first.rotation.entry, ())
    assert (await state(store, opened)).allocated == 2


@pytest.mark.invariant(6)
@pytest.mark.parametrize("seconds", [1, REUSE_INTERVAL + 1])
async def test_a_repetition_gets_the_narrower_scopes_and_the_new_entry(store, grants, opened, seconds):
    first = await present(grants, opened, scopes=READ)
    again = await present(grants, opened, now=NOW + seconds, scopes=READ)
    assert (again.outcome, again.token) == ("repeated", first.token)
    assert (again.rotation.entry, again.rotation.scopes) == (first.rotation.entry, ("notes:read",))
    assert again.rotation.entry not in await revoked(store, opened)


@pytest.mark.invariant(6)
async def test_a_repetition_narrows_too(store, grants, opened):
    """The answer to a refresh was lost, and the scope is removed before the client asks again."""
    first = await present(grants, opened)
    again = await present(grants, opened, now=NOW + 1, scopes=READ)
    assert (again.outcome, again.token, again.rotation.dropped) == ("repeated", first.token, ("notes:write",))
    assert await revoked(store, opened) == {first.rotation.entry}
    assert (await grants.find(opened.grant_id)).entry == again.rotation.entry != first.rotation.entry


@pytest.mark.invariant(11)
async def test_a_replica_whose_configuration_is_older_than_the_grant_narrows_nothing(store, grants, opened):
    older = allowed("notes:read", read_at=NOW - DAY)
    rotation = (await present(grants, opened, scopes=older)).rotation
    assert (rotation.outcome, rotation.scopes) == ("rotated", ("notes:read", "notes:write"))
    assert await revoked(store, opened) == set()


async def test_the_current_limits_of_client_and_user_narrow_a_grant_of_any_age(store, grants, opened):
    older = allowed("notes:read", "notes:write", read_at=NOW - DAY, limits={RESOURCE: ["notes:write"], "other": []})
    rotation = (await present(grants, opened, scopes=older)).rotation
    assert rotation.scopes == ("notes:write",)
    assert len(await revoked(store, opened)) == 1


async def test_a_limit_for_another_resource_does_not_concern_it(grants, opened):
    rotation = (
        await present(grants, opened, scopes=allowed("notes:read", "notes:write", limits={"other": []}))
    ).rotation
    assert rotation.dropped == ()


@pytest.mark.parametrize("scopes", [("notes:reader", "notes:write"), ("xnotes:read", "notes:write"), ("notes:write",)])
async def test_scopes_are_compared_whole(grants, opened, scopes):
    rotation = (await present(grants, opened, scopes=allowed(*scopes, read_at=NOW + DAY))).rotation
    assert rotation.scopes == ("notes:write",)


async def test_a_grant_whose_scopes_are_all_gone_goes_on_without_any(grants, opened):
    rotation = (await present(grants, opened, scopes=allowed(read_at=NOW + DAY))).rotation
    assert (rotation.outcome, rotation.scopes) == ("rotated", ())
    assert (await grants.find(opened.grant_id)).scopes == ()


@pytest.mark.invariant(3)
async def test_a_request_that_is_refused_narrows_nothing(store, grants, opened):
    await present(grants, opened, scopes=READ, client_id="another")
    await present(grants, opened, scopes=READ, resource="https://other.example/mcp")
    assert (await grants.find(opened.grant_id)).scopes == ("notes:read", "notes:write")
    assert await revoked(store, opened) == set()


async def test_the_last_free_entry_of_a_list_is_found(store, grants, opened):
    for free in (0, 4711, ENTRIES - 1):
        token = await open_grant(store, scopes=("notes:read", "notes:write"))
        await fill(store, token, but=[free])
        assert (await present(grants, token, scopes=READ)).rotation.entry == free


async def test_the_last_two_free_entries_go_to_two_grants(store, grants):
    tokens = [await open_grant(store, scopes=("notes:read", "notes:write"))]
    list_id = split_identifier(tokens[0].grant_id)[0]
    tokens += [
        await open_grant(store, grant_id=new_identifier_in(list_id), scopes=("notes:read", "notes:write"))
        for _ in range(2)
    ]
    await fill(store, tokens[0], but=[4711, 4712])
    narrowed = [(await present(grants, token, scopes=READ)).rotation for token in tokens]
    assert [rotation.outcome for rotation in narrowed] == ["rotated", "rotated", "list_full"]
    assert {rotation.entry for rotation in narrowed[:2]} == {4711, 4712}


async def test_a_list_without_a_free_entry_ends_the_grant_rather_than_leave_its_tokens_valid(store, grants, opened):
    entry = (await grants.find(opened.grant_id)).entry
    await fill(store, opened)
    refused = await present(grants, opened, scopes=READ)
    assert refused.outcome == "list_full"
    ended = await grants.find(opened.grant_id)
    assert (ended.status, ended.ended_reason) == (GrantStatus.ENDED, "status_list_full")
    assert await revoked(store, opened) == {entry}


async def test_the_list_is_kept_until_the_last_token_with_the_new_entry_has_expired(store, grants, opened):
    """The lifetime of access tokens may have been raised since the approval."""
    await present(grants, opened, scopes=READ)
    grant = await grants.find(opened.grant_id)
    last = grant.created_at + LIFETIMES.absolute + LIFETIMES.access_token
    assert (await state(store, opened)).until_ms >= int(last * 1000)


def test_the_text_of_a_configuration_has_a_line_per_resource():
    assert ScopesAllowedNow.text({"a": ["x", "y"], "b": []}) == "\na x y \nb  \n"
