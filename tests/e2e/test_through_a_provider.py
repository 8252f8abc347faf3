"""Clients of an SDK and the doctor, where users sign in through an identity provider only."""

import pytest
import pytest_asyncio

from sallyport_doctor.knowledge.catalogue import load_knowledge
from sallyport_doctor.run import RunOptions, run
from tests.e2e.local_pair import LocalPair
from tests.e2e.pair import READING_FIRST
from tests.e2e.sdk_client import Memory, connected
from tests.sallyport_doctor.user import sign_in_by_forms
from tests.support.oauth import unverified_claims
from tests.support.oidc_model import MISSING
from tests.support.openid_provider import OpenIdProvider, through_provider
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared_provider():
    async with OpenIdProvider() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def pair(shared_provider):
    async with LocalPair(**READING_FIRST, **through_provider(shared_provider)) as running:
        yield running


@pytest.fixture
def provider(shared_provider):
    """Without changes at the start of each test."""
    for changes in (shared_provider.claims, shared_provider.response, shared_provider.answers):
        changes.clear()
    return shared_provider


@pytest.mark.parametrize("wire", ["2026-07-28", "legacy"])
async def test_the_python_sdk_connects_steps_up_and_refreshes(pair, provider, wire):
    provider.claims["sub"] = f"user-of-{wire}"
    memory = Memory()
    async with (
        user_agent("", "", provider=provider.url) as user,
        connected(pair.resource, user, memory=memory, wire=wire) as client,
    ):
        assert not (await client.call_tool("list_notes", {})).is_error
        assert not (await client.call_tool("add_note", {"text": "through a provider"})).is_error
        stepped_up = unverified_claims(memory.access_token)
        memory.expire()
        seen = len(user.pages)
        assert not (await client.call_tool("list_notes", {})).is_error
    assert len(user.pages) == seen
    assert all('name="password"' not in page for page in user.pages)
    refreshed = unverified_claims(memory.access_token)
    assert {"notes:read", "notes:write"} == set(refreshed["scope"].split())
    assert refreshed["sub"] == stepped_up["sub"]
    assert refreshed["jti"] != stepped_up["jti"]


async def examine(pair, **options):
    """The doctor's diagnosis, and the observation of each finding."""
    asked = RunOptions(url=pair.resource, login=True, **options)
    diagnosis = await run(asked, knowledge=load_knowledge(), open_page=sign_in_by_forms)
    return diagnosis, {f.id: f.observed for f in diagnosis.findings}


async def test_the_doctor_signs_in_and_finds_nothing(pair, provider):
    diagnosis, found = await examine(pair, register=True, wait_seconds=60)
    assert found == {}
    assert {v.name for v in diagnosis.verdicts if v.outcome.value != "works"} == set()
    assert "A call that needs more than the token's scopes got 403 to tools/call add_note." in diagnosis.remarks


async def test_the_doctor_says_that_no_answer_came_after_the_browser_was_sent_to_a_provider_that_refuses(
    pair, provider
):
    provider.response.update(code=MISSING, error="access_denied")
    _, found = await examine(pair, wait_seconds=0.1)
    assert list(found) == ["login-timed-out"]
    assert found["login-timed-out"].endswith(f"; the browser was sent to {provider.url}/authorize")


async def test_the_doctor_takes_the_page_of_the_provider_for_no_page_of_the_server(pair, provider):
    policy = {"Content-Security-Policy": "form-action 'self'"}
    provider.answers["authorize"] = {"text": "<!doctype html>", "content_type": "text/html", "headers": policy}
    _, found = await examine(pair, register=True, wait_seconds=0.1)
    assert list(found) == ["login-timed-out"]


async def test_the_doctor_says_that_the_sign_in_page_was_an_error_while_the_provider_is_away():
    async with OpenIdProvider() as provider, LocalPair(**READING_FIRST, **through_provider(provider)) as pair:
        await provider.stop()
        _, found = await examine(pair, wait_seconds=0.1)
    assert list(found) == ["login-timed-out"]
    assert found["login-timed-out"].endswith("; the sign-in page: 503")
