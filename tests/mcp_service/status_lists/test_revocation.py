"""Revoked means refused: the whole service, with an issuer that has status lists."""

import asyncio
import time

import pytest

from tests.mcp_service.conftest import listen
from tests.support.local_issuer import new_key


def named(lists, entry, name="a"):
    return {"status_list": {"idx": entry, "uri": lists.uri(name)}}


async def until_refused(service, token):
    """Call until the token is refused; the last answer."""
    async with asyncio.timeout(10):
        while (answer := await service.call("whoami", token=token)).status == 200:
            pass
    return answer


@pytest.fixture
async def service(make_service, lists):
    return await make_service(rate_limits="off")


@pytest.mark.invariant(12)
async def test_a_token_in_use_is_refused_when_it_is_revoked_and_others_are_not(service, lists):
    token = service.token_issuer.issue(status=named(lists, 3))
    other = service.token_issuer.issue(status=named(lists, 4), jti="other")
    assert [(await service.call("whoami", token=each)).status for each in (token, other)] == [200, 200]
    await lists.revoke("a", 3)
    answer = await until_refused(service, token)
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    assert service.errors()[-1]["error_id"] == "token_revoked"
    assert (await service.call("whoami", token=other)).status == 200


@pytest.mark.invariant(12)
async def test_calls_do_not_ask_the_issuer(service, lists):
    token = service.token_issuer.issue(status=named(lists, 3))
    await lists.until_waiting()
    requests = len(lists.requests)
    for _ in range(20):
        assert (await service.call("whoami", token=token)).status == 200
    assert len(lists.requests) == requests


@pytest.mark.invariant(12)
@pytest.mark.parametrize(
    ("status", "error_id"),
    [
        ("valid", "token_status"),
        ({"status_list": {"idx": 1 << 16, "uri": "a"}}, "token_status_index"),
        ({"status_list": {"idx": 1, "uri": "unknown"}}, "token_status_list"),
        ({"status_list": {"idx": 1, "uri": "https://evil.example/status-lists/a"}}, "token_status_list"),
    ],
)
async def test_a_reference_that_cannot_be_followed_is_refused(service, lists, status, error_id):
    if isinstance(status, dict):
        reference = status["status_list"]
        if "://" not in reference["uri"]:
            reference = {**reference, "uri": lists.uri(reference["uri"])}
        status = {"status_list": reference}
    answer = await service.call("whoami", status=status)
    assert (answer.status, service.errors()[-1]["error_id"]) == (401, error_id)


async def test_a_token_without_a_reference_is_good(service):
    assert (await service.call("whoami")).status == 200


@pytest.mark.invariant(12)
async def test_a_strict_guard_that_cannot_read_the_feed_answers_503(make_service, lists):
    added = 0.0
    clocks = {"monotonic": lambda: time.monotonic() + added}
    service = await make_service(status_strict=True, clocks=clocks)
    token = service.token_issuer.issue(status=named(lists, 3))
    assert (await service.call("whoami", token=token)).status == 200
    lists.status = 503
    lists.cut()
    added = 3601
    answer = await service.call("whoami", token=token)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    async with service.session.get(f"{service.root}/readyz") as ready:
        assert (ready.status, (await ready.json())["impaired"]) == (200, ["status_lists"])


@pytest.mark.invariant(12)
async def test_an_open_stream_ends_when_its_token_is_revoked_and_another_does_not(service, lists):
    token = service.token_issuer.issue(status=named(lists, 3))
    other = service.token_issuer.issue(status=named(lists, 4), jti="other")
    async with asyncio.timeout(10):
        ending, going_on = await listen(service, token), await listen(service, other)
        await lists.revoke("a", 3)
        await ending.read()
        assert ending.content.at_eof()
        assert not going_on.content.at_eof()
        going_on.close()


@pytest.mark.invariant(12)
async def test_an_open_stream_ends_when_the_key_of_its_token_is_withdrawn(service, lists, issuer):
    issuer.holds_back = True
    async with asyncio.timeout(10):
        ending = await listen(service, service.token_issuer.issue(status=named(lists, 3)))
        await issuer.publish(new_key("another"))
        await service.keys._loop.refresh()
        await ending.read()
