"""Pauses of the garbage collector: a service that has started makes them short."""

import signal
import subprocess
import sys

PROGRAM = """
import asyncio, gc
from aiohttp import web
from shared.garbage_collection import THRESHOLDS
from shared.http.health import DRAINING
from shared.http.serve import serve

def look():
    print("collector", gc.get_freeze_count() > 10_000, gc.get_threshold() == THRESHOLDS, gc.isenabled(), flush=True)

app = web.Application()
app[DRAINING] = asyncio.Event()
asyncio.run(serve(app, hosts=["127.0.0.1"], port=0,
    drain_seconds=0, shutdown_seconds=0, on_ready=look))
"""


def test_a_service_that_serves_has_exempted_what_its_start_has_made_and_collects_rarely_in_full():
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as service:
        # Log entries come before it.
        found = next(line for line in service.stdout if line.startswith("collector"))
        service.send_signal(signal.SIGTERM)
        assert service.wait(timeout=30) == 0
    assert found == "collector True True True\n"
