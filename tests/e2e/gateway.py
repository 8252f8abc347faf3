"""A real Caddy in front of a pair, with the routes of deploy/gateway and the replicas named one by one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from devstack.loopback import free_port
from devstack.service_process import REPOSITORY, die_with_parent

if TYPE_CHECKING:
    from tests.e2e.pair import Pair

CONFIG = """
{{
	admin off
	auto_https off
	log {{
		level ERROR
	}}
}}
(auth_replicas) {{
	to {auth}
}}
(mcp_replicas) {{
	to {mcp}
}}
import {routes}/hand-over-by-knocking.caddy
import {routes}/routes.caddy
:{port} {{
	bind 127.0.0.1
	import mcp_door
	import auth_door
}}
"""


def has_caddy() -> bool:
    """Whether the Caddy server is installed."""
    return shutil.which("caddy") is not None


class Gateway:
    """Pick a port first, so that the pair can be told its public address; start when the pair runs."""

    def __init__(self) -> None:
        self.port = free_port(("127.0.0.1",))
        self.url = f"http://localhost:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="sp-caddy-"))

    async def start(self, pair: Pair) -> None:
        """Start Caddy with every replica of the pair, running or not, and wait until it answers."""
        config = self._directory / "Caddyfile"
        config.write_text(
            CONFIG.format(
                auth=" ".join(f"127.0.0.1:{s.port}" for s in pair.auth),
                mcp=" ".join(f"127.0.0.1:{s.port}" for s in pair.mcp),
                routes=REPOSITORY / "deploy" / "gateway",
                port=self.port,
            ),
            encoding="utf-8",
        )
        self._process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a moment only, and it must outlive this loop
            ["caddy", "run", "--adapter", "caddyfile", "--config", str(config)],
            env={"PATH": "/usr/bin:/usr/local/bin", "HOME": str(self._directory)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads take locks here
        )
        async with asyncio.timeout(30):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    def stop(self) -> None:
        """Stop Caddy and forget its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
