"""An unexpected exception in mcp_service is logged without the values of local variables, in both formats."""

import asyncio

from tests.mcp_service.conftest import RESOURCE
from tests.support.canaries import CANARIES, fail_every_route, fail_every_task, leaked, request_with_secrets

FAILING = "tests.mcp_service.failing_server:server"


async def test_no_endpoint_of_mcp_service_prints_its_variables(make_service, output):
    service = await make_service()
    routes = fail_every_route(service.app)
    output.begin()
    for method, path in routes:
        async with service.session.request(method, service.root + path, **request_with_secrets(method)) as answer:
            assert answer.status == 503, (method, path)
    printed = output()
    assert printed.count("RuntimeError") >= len(routes) > 7
    assert not leaked(printed)


async def test_no_background_task_of_mcp_service_prints_its_variables(make_service, output, monkeypatch):
    now, names = fail_every_task(monkeypatch, run_until_then=frozenset({"server_lifespan"}))
    await make_service()
    output.begin()
    now.set()
    printed = ""
    async with asyncio.timeout(10):
        while printed.count("RuntimeError") < len(names):
            await asyncio.sleep(0.01)
            printed += output()
    assert names == {"jwks_refresh", "status_list_refresh", "issuer_scope_check", "server_lifespan"}
    assert not leaked(printed)


async def test_no_tool_prints_its_variables_or_arguments(make_service, output):
    output.begin()
    service = await make_service(server=FAILING, resource=RESOURCE)
    answer = await service.call("fail", {"password": CANARIES["password"]}, scope="mcp:tools")
    assert answer.status == 200
    printed = output()
    assert "RuntimeError" in printed
    assert not leaked(printed, CANARIES | {"token": service.auth()["Authorization"].split(".")[1]})
