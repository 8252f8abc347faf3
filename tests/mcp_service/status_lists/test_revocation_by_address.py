"""Revoked means refused: the whole service, with an issuer that has no feed, but lists by their addresses."""

import asyncio
import time

import pytest

from tests.mcp_service.conftest import listen
from tests.support.local_issuer import new_key


def named(list_server, entry, name="a"):
    return {"status_list": {"idx": entry, "uri": list_server.uri(name)}}


@pytest.fixture
async def service(make_service, list_server):
    return await make_service(rate_limits="off", status_list_prefixes=(f"{list_server.url}/lists",))


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """A list of the ttl 0.05 is refreshed after as many seconds."""
    monkeypatch.setattr("mcp_service.status_lists.policy.MIN_TTL_SECONDS", 0.05)


@pytest.mark.invariant(12)
@pytest.mark.parametrize("status", [1, 2])
async def test_a_token_in_use_is_refused_when_it_is_revoked_or_suspended_and_others_are_not(
    service, list_server, status
):
    list_server.publish(ttl=0.05)
    token = service.token_issuer.issue(status=named(list_server, 3))
    other = service.token_issuer.issue(status=named(list_server, 4), jti="other")
    assert [(await service.call("whoami", token=each)).status for each in (token, other)] == [200, 200]
    list_server.publish(statuses={3: status})
    async with asyncio.timeout(10):
        while (answer := await service.call("whoami", token=token)).status == 200:
            pass
    assert answer.status == 401
    assert service.errors()[-1]["error_id"] == "token_revoked"
    assert (await service.call("whoami", token=other)).status == 200


@pytest.mark.invariant(2)
async def test_calls_do_not_ask_for_a_list_that_is_held(service, list_server):
    list_server.publish(ttl=300)
    for number in range(20):
        token = service.token_issuer.issue(status=named(list_server, number), jti=f"token-{number}")
        assert [(await service.call("whoami", token=token)).status for _ in range(2)] == [200, 200]
    assert len(list_server.requests) == 1


@pytest.mark.invariant(12)
async def test_an_open_stream_ends_when_its_token_is_suspended_and_another_does_not(service, list_server):
    list_server.publish(ttl=0.05)
    token = service.token_issuer.issue(status=named(list_server, 3))
    other = service.token_issuer.issue(status=named(list_server, 4), jti="other")
    async with asyncio.timeout(10):
        ending, going_on = await listen(service, token), await listen(service, other)
        list_server.publish(statuses={3: 2})
        await ending.read()
        assert ending.content.at_eof()
        assert not going_on.content.at_eof()
        going_on.close()


ATTACKS = {
    "a forged signature": {"forged": True},
    "another issuer": {"iss": "https://evil.example"},
    "another audience": {"aud": "https://other.example/mcp"},
    "an expired token": {"iat": int(time.time()) - 700, "exp": int(time.time()) - 100},
}


@pytest.mark.invariant(2, 10)
@pytest.mark.parametrize("changes", ATTACKS.values(), ids=ATTACKS)
async def test_a_token_that_is_not_valid_in_all_else_causes_no_fetch(service, list_server, changes):
    claims = {name: value for name, value in changes.items() if name != "forged"}
    key = new_key() if "forged" in changes else None
    token = service.token_issuer.issue(status=named(list_server, 3), key=key, **claims)
    assert (await service.call("whoami", token=token)).status == 401
    assert list_server.requests == []


@pytest.mark.invariant(10)
@pytest.mark.parametrize("path", ["/elsewhere/a", "/lists/../elsewhere", "/lists/%2e%2e/elsewhere", "/lists/a?b"])
async def test_a_list_that_is_not_below_a_prefix_is_refused_and_not_asked_for(service, list_server, path):
    status = {"status_list": {"idx": 3, "uri": f"{list_server.url}{path}"}}
    answer = await service.call("whoami", status=status)
    assert (answer.status, service.errors()[-1]["error_id"]) == (401, "token_status_list")
    assert list_server.requests == []


async def test_a_token_without_a_reference_is_good(service):
    assert (await service.call("whoami")).status == 200


async def test_without_prefixes_a_reference_of_an_issuer_without_a_feed_says_nothing(make_service, list_server):
    list_server.publish(statuses={3: 1})
    service = await make_service()
    assert (await service.call("whoami", status=named(list_server, 3))).status == 200
    assert list_server.requests == []


@pytest.mark.invariant(8)
async def test_a_list_that_cannot_be_read_is_no_fault_of_the_caller(service, list_server):
    list_server.status = 500
    answer = await service.call("whoami", status=named(list_server, 3))
    assert (answer.status, service.errors()[-1]["error_id"]) == (503, "status_lists_loaded")
    assert answer.headers["Retry-After"]


@pytest.mark.invariant(12)
async def test_a_strict_guard_that_cannot_read_a_list_answers_503_and_says_so(make_service, list_server):
    added = 0.0
    service = await make_service(
        status_strict=True,
        status_list_prefixes=(f"{list_server.url}/lists",),
        clocks={"monotonic": lambda: time.monotonic() + added},
    )
    list_server.publish(ttl=0.05)
    token = service.token_issuer.issue(status=named(list_server, 3), exp=int(time.time()) + 7200)
    other = service.token_issuer.issue(jti="other")
    assert [(await service.call("whoami", token=each)).status for each in (token, other)] == [200, 200]
    list_server.status = 503
    await list_server.until_asked(len(list_server.requests) + 2)
    added = 3601
    answer = await service.call("whoami", token=token)
    assert answer.status == 503
    assert answer.headers["Retry-After"]
    assert (await service.call("whoami", token=other)).status == 200
    async with service.session.get(f"{service.root}/readyz") as ready:
        assert (ready.status, (await ready.json())["impaired"]) == (200, ["status_lists"])
    async with service.session.get(f"{service.root}/metrics") as metrics:
        age = next(
            line for line in (await metrics.text()).splitlines() if line.startswith("sallyport_status_lists_age")
        )
    assert float(age.split()[1]) > 3500


async def test_a_stop_leaves_no_task_of_a_list(service, list_server):
    list_server.publish(ttl=0.05)
    assert (await service.call("whoami", status=named(list_server, 3))).status == 200
    await service.stop()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "status_list_refresh"]
