"""The bound on recorded errors follows a clock that is never set back."""

import time

from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from auth_service.audit.error_log import ErrorLog
from auth_service.audit.error_repository import ErrorRepository
from shared.errors import ServiceUnavailable
from shared.http.request_middleware import LOG_FIELDS


async def test_errors_are_recorded_although_the_clock_of_the_machine_was_set_back(store, monkeypatch):
    registry, real = CollectorRegistry(), time.time
    log = ErrorLog(ErrorRepository(store), registry, monotonic=time.monotonic)
    request = make_mocked_request("GET", "/")
    request[LOG_FIELDS] = {}
    for ahead in (0, -60):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: real() + ahead)
        log(request, ServiceUnavailable("away", error_id="away"), "request-id")
    assert registry.get_sample_value("sallyport_request_errors_dropped_total") == 0
