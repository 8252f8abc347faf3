"""A real Caddy in front of a pair: the files of deploy/gateway, with the replicas named one by one."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from devstack.service_process import REPOSITORY, die_with_parent
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from tests.e2e.pair import Pair

GatewayForm = Literal["plain", "one host", "two hosts"]
"""Plain HTTP for any name, or HTTPS for one name or two."""

_INSTALLED: Final = Path(sys.executable).with_name("caddy")
CADDY: Final = os.environ.get("CADDY") or (str(_INSTALLED) if _INSTALLED.exists() else "caddy")
"""The one that the development requirements install, or the one on the path; the variable CADDY names another."""
FILES: Final = REPOSITORY / "deploy" / "gateway"
REPLICAS: Final = """
(auth_replicas) {{
	to {auth}
}}
(mcp_replicas) {{
	to {mcp}
}}
"""
OPTIONS: Final = """
	admin off
	default_bind 127.0.0.1
	http_port {http}
	https_port {https}
	skip_install_trust
	log {{
		level ERROR
	}}
"""
"""Settings that the gateway's container does not have: other ports, and a certificate authority of its own."""


@cache
def has_caddy() -> bool:
    """Whether a Caddy that deploy/gateway/routes.caddy works with is installed."""
    if shutil.which(CADDY) is None:
        return False
    said = subprocess.run([CADDY, "version"], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in re.search(r"(\d+)\.(\d+)\.(\d+)", said).groups()) >= (2, 11, 2)


class Gateway:
    """Picks its ports first, so that the pair can be told its public addresses; start it when the pair runs."""

    def __init__(self, form: GatewayForm = "plain") -> None:
        self.http_port = free_port(("127.0.0.1",))
        self.https_port = free_port(("127.0.0.1",))
        self.secure = form != "plain"
        names = {
            "plain": ("", ""),
            "one host": ("sallyport.localhost", ""),
            "two hosts": ("mcp.sallyport.localhost", "auth.sallyport.localhost"),
        }
        self._site, self._auth_site = names[form]
        self.mcp_url = self._url(self._site)
        self.auth_url = self._url(self._auth_site or self._site)
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = Path(tempfile.mkdtemp(prefix="sp-caddy-"))

    def _url(self, name: str) -> str:
        return f"https://{name}:{self.https_port}" if name else f"http://localhost:{self.http_port}"

    def trust(self) -> ssl.SSLContext:
        """A client context that trusts the gateway's own authority, once it has started."""
        root = self._directory / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        return ssl.create_default_context(cafile=root)

    async def start(self, pair: Pair) -> None:
        """Start Caddy with every replica of the pair, running or not, and wait until it answers."""
        files = self._directory / "gateway"
        shutil.copytree(FILES, files)
        for name in ("gateway.caddy", "gateway-two-hosts.caddy"):
            text = (files / name).read_text(encoding="utf-8")
            assert "\tadmin off\n" in text
            options = OPTIONS.format(http=self.http_port, https=self.https_port)
            (files / name).write_text(text.replace("\tadmin off\n", options), encoding="utf-8")
        (files / "replicas.caddy").write_text(
            REPLICAS.format(
                auth=" ".join(f"127.0.0.1:{s.port}" for s in pair.auth),
                mcp=" ".join(f"127.0.0.1:{s.port}" for s in pair.mcp),
            ),
            encoding="utf-8",
        )
        config = files / ("gateway-two-hosts.caddy" if self._auth_site else "gateway.caddy")
        self._process = subprocess.Popen(  # noqa: ASYNC220 - starting takes a moment only, and it must outlive this loop
            [CADDY, "run", "--adapter", "caddyfile", "--config", str(config)],
            env={
                "PATH": "/usr/bin:/usr/local/bin",
                "HOME": str(self._directory),
                "XDG_DATA_HOME": str(self._directory / "data"),
                "SITE": self._site or f":{self.http_port}",
                "AUTH_SITE": self._auth_site,
                "RESOURCE": pair.resource,
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads take locks here
        )
        async with asyncio.timeout(30):
            while not await self._answers():
                assert self._process.poll() is None, "Caddy has ended"
                await asyncio.sleep(0.05)

    async def _answers(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.https_port if self.secure else self.http_port)
        except OSError:
            return False
        writer.close()
        return True

    def stop(self) -> None:
        """Stop Caddy and forget its files."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)
