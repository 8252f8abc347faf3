"""Pauses of the garbage collector: a service that has started makes them short."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc, os, signal
from aiohttp import web
from shared.garbage_collection import THRESHOLDS
from shared.http.health import DRAINING
from shared.http.serve import serve

def look():
    print(gc.get_freeze_count() > 10_000, gc.get_threshold() == THRESHOLDS, gc.isenabled())
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGTERM)

app = web.Application()
app[DRAINING] = asyncio.Event()
asyncio.run(serve(app, hosts=["127.0.0.1"], port=0,
    drain_seconds=0, shutdown_seconds=0, on_ready=look))
"""


def test_a_service_that_serves_has_exempted_what_its_start_has_made_and_collects_rarely_in_full():
    found = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    assert found.stdout.splitlines()[-1] == "True True True"
