"""The log line of a request: nothing is computed for a line that the level does not want."""

import logging

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from shared.errors import ServiceUnavailable
from shared.http.request_middleware import RequestMetrics, request_middleware


class OnlyFrom:
    """A logger of a level, which notes what it is handed."""

    def __init__(self, level):
        self._level = level
        self.handed = []

    def bind(self):
        return self

    def is_enabled_for(self, level):
        return level >= self._level

    def log(self, level, event, **fields):
        self.handed.append((level, event, fields["status"]))


async def healthy(_request):
    return web.Response()


async def broken(_request):
    raise ServiceUnavailable("the reason", error_id="redis")


async def request_all(log):
    surround = request_middleware(
        render=lambda _request, error, _request_id: web.Response(status=error.status),
        log=log,
        metrics=RequestMetrics(CollectorRegistry()),
    )
    app = web.Application(middlewares=[surround])
    app.add_routes([web.get("/livez", healthy), web.get("/healthy", healthy), web.get("/broken", broken)])
    async with TestClient(TestServer(app)) as client:
        for path in ("/livez", "/healthy", "/nowhere", "/broken"):
            await client.get(path)


DEBUG, INFO, ERROR = logging.DEBUG, logging.INFO, logging.ERROR
ALL = [(DEBUG, "request", 200), (INFO, "request", 200), (INFO, "request", 404), (ERROR, "request", 503)]


@pytest.mark.parametrize(("level", "lines"), [(DEBUG, 4), (INFO, 3), (logging.WARNING, 1), (logging.CRITICAL, 0)])
async def test_a_line_that_the_level_does_not_want_is_not_made(level, lines):
    log = OnlyFrom(level)
    await request_all(log)
    assert log.handed == ALL[len(ALL) - lines :]


async def test_each_request_is_one_line():
    with capture_logs() as entries:
        await request_all(structlog.get_logger())
    assert [(entry["log_level"], entry["route"], entry["status"]) for entry in entries] == [
        ("debug", "/livez", 200),
        ("info", "/healthy", 200),
        ("info", "unmatched", 404),
        ("error", "/broken", 503),
    ]
    assert all(entry["ms"] >= 0 and entry["request_id"] and entry["method"] == "GET" for entry in entries)
    assert entries[3]["reason"] == "the reason"
