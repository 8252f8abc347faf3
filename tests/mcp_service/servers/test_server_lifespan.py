"""A server in this process whose lifespan fails: it is reported, refused and started again."""

import asyncio
from contextlib import asynccontextmanager, nullcontext, suppress
from typing import Any

import pytest

from mcp_service import app as app_module
from mcp_service.servers.server_lifespan import SupervisedApplication
from shared.background import TaskSupervisor
from tests.mcp_service.conftest import LEGACY, modern, rpc
from tests.mcp_service.server_with_task import task
from tests.support.supervisor import new_supervisor

SERVER = "tests.mcp_service.server_with_task"
NAME = "server_lifespan"


class HeldSupervisor(TaskSupervisor):
    """Starts what has failed when the test says so."""

    go_on = asyncio.Event()

    def start(self, name, loop):
        if name != NAME:
            return super().start(name, loop)
        has_run = False

        async def run():
            nonlocal has_run
            if has_run:
                await self.go_on.wait()
            has_run = True
            await loop()

        return super().start(name, run)


@pytest.fixture
def stateful():
    return False


@pytest.fixture
async def service(make_service, monkeypatch, stateful):
    task.starts = 0
    task.fail, task.is_held, task.release = asyncio.Event(), asyncio.Event(), asyncio.Event()
    HeldSupervisor.go_on = asyncio.Event()
    monkeypatch.setattr(
        app_module, "TaskSupervisor", lambda *arguments: HeldSupervisor(*arguments, first_pause_seconds=0)
    )
    return await make_service(server=f"{SERVER}:make_server", scopes=f"{SERVER}:scopes", stateful=stateful)


async def eventually(look):
    """The first true value."""
    async with asyncio.timeout(10):
        while not (value := await look()):  # noqa: ASYNC110 - what is looked at is behind HTTP
            await asyncio.sleep(0.01)
        return value


async def post(service, wire):
    body, headers = modern("tools/call", {"name": "starts"})
    if wire == "older":
        body, headers = rpc("tools/call", {"name": "starts", "arguments": {}}), LEGACY
    auth = service.auth(scope="task:use")
    return await service.session.post(service.url, json=body, headers={**headers, **auth})


async def readiness(service):
    async with service.session.get(f"{service.root}/readyz") as answer:
        return answer.status, (await answer.json())["checks"]["server"]


async def metric(service, name):
    async with service.session.get(f"{service.root}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    [value] = [line.split()[1] for line in lines if line.startswith(f'{name}{{task="{NAME}"}}')]
    return float(value)


async def fail(service):
    task.fail.set()

    async def is_unready():
        return (await readiness(service))[0] == 503

    await eventually(is_unready)


@pytest.mark.parametrize("wire", ["2026-07-28", "older"])
async def test_while_the_lifespan_does_not_run_calls_are_503_and_the_replica_is_unready(service, wire):
    assert (await post(service, wire)).status == 200
    assert await readiness(service) == (200, {"ready": True, "note": ""})
    await fail(service)
    refused = await post(service, wire)
    assert refused.status == 503
    assert int(refused.headers["Retry-After"]) >= 1
    assert service.errors()[0]["error_id"] == NAME
    status, check = await readiness(service)
    assert (status, check["ready"]) == (503, False)
    assert "started again" in check["note"]


async def test_the_failure_is_logged_and_counted(service):
    assert await metric(service, "sallyport_background_task_running") == 1
    await fail(service)
    assert await metric(service, "sallyport_background_task_failures_total") == 1
    [entry] = [entry for entry in service.logs if entry["event"] == "background_task_failed"]
    assert entry["task"] == NAME
    assert entry["exc_info"]
    assert "server_lifespan_failed" in [entry["event"] for entry in service.logs]


@pytest.mark.parametrize("wire", ["2026-07-28", "older"])
async def test_the_lifespan_is_entered_again(service, wire):
    for starts in (2, 3):
        await fail(service)
        HeldSupervisor.go_on.set()

        async def is_ready():
            return (await readiness(service))[0] == 200

        await eventually(is_ready)
        answer = await post(service, wire)
        assert answer.status == 200
        assert f'"{starts}"' in await answer.text()
        HeldSupervisor.go_on.clear()


@pytest.mark.parametrize("stateful", [True])
async def test_no_call_is_answered_with_the_state_of_a_failed_lifespan_that_has_not_ended_yet(service):
    session = service.session
    auth = service.auth(scope="task:use")
    hello = rpc(
        "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    )
    async with session.post(service.url, json=hello, headers={**LEGACY, **auth}) as answer:
        headers = {**LEGACY, **auth, "Mcp-Session-Id": answer.headers["Mcp-Session-Id"]}
        await answer.read()
    call = rpc("tools/call", {"name": "hold", "arguments": {}}, request_id=2)
    held = asyncio.create_task(session.post(service.url, json=call, headers=headers))
    try:
        await asyncio.wait_for(task.is_held.wait(), 5)
        await fail(service)
        assert (await post(service, "2026-07-28")).status == 503
    finally:
        task.release.set()
        await asyncio.wait([held])


async def test_a_start_that_is_cancelled_may_clean_up_before_the_next_component_stops():
    """Longer than the pause after which a cancellation is repeated."""
    ended = asyncio.Event()
    begun = asyncio.Event()

    @asynccontextmanager
    async def lifespan():
        begun.set()
        try:
            await asyncio.Event().wait()
            yield
        finally:
            await asyncio.sleep(0.35)
            ended.set()

    application = SupervisedApplication(lambda: (no_application, lifespan))

    async def run():
        async with application.lifespan(new_supervisor()):
            pass

    running = asyncio.create_task(run())
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    assert ended.is_set()


async def test_a_service_stops_while_the_lifespan_does_not_run(service):
    await fail(service)
    async with asyncio.timeout(5):
        await service.stop()


@pytest.mark.parametrize("is_caught", [True, False], ids=["caught", "passed on"])
async def test_a_lifespan_whose_task_is_cancelled_is_entered_again(is_caught):
    """As by a task group of anyio that is cancelled, or that is not left cleanly and goes on cancelling its task."""
    entered: asyncio.Queue[Any] = asyncio.Queue()

    @asynccontextmanager
    async def lifespan():
        entered.put_nowait(asyncio.current_task())
        with suppress(asyncio.CancelledError) if is_caught else nullcontext():
            yield

    application = SupervisedApplication(lambda: (no_application, lifespan))
    async with asyncio.timeout(5), application.lifespan(new_supervisor(first_pause_seconds=0)):
        first = await entered.get()
        assert application.readiness().ready
        first.cancel()
        assert await entered.get() is not first
        await asyncio.sleep(0)
        assert application.readiness().ready
    assert not application.readiness().ready


async def test_an_exception_at_the_end_of_the_lifespan_is_raised():
    @asynccontextmanager
    async def lifespan():
        yield
        raise ConnectionError("cannot be closed")

    application = SupervisedApplication(lambda: (no_application, lifespan))
    with pytest.raises(ConnectionError):
        async with application.lifespan(new_supervisor()):
            pass


async def no_application(_scope, _receive, _send):
    raise AssertionError("nothing is called")
