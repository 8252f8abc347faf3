"""Both services as real processes on free ports, with a store of their own: what end-to-end tests stand on."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devstack.embedded_store import EmbeddedStore
from devstack.local_settings import LocalSettings
from devstack.private_file import new_key_encryption_key, write
from devstack.service_process import ServiceProcess, service_command, with_repository
from mcp_service.notes.scopes import NOTES_SCOPES
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.gateway import Gateway


LOOPBACK = ("127.0.0.1",)


READING_FIRST = {"MCP_SCOPES": json.dumps({n: v for n, v in NOTES_SCOPES.items() if n != "initial"})}
"""Settings with which clients of the example request reading first, and step up."""


class Pair:
    """Replicas of both services that share one issuer, one resource and one store.

    `auth[0]` answers at the issuer and `mcp[0]` at the resource, unless a gateway is given.
    Every replica keeps its port and settings when it is stopped and started again. Logs are JSON, one file each.
    """

    username = "alice"
    password = "seven quiet lanterns by the weir"

    def __init__(
        self,
        *,
        auth: int = 1,
        mcp: int = 1,
        gateway: Gateway | None = None,
        resource: str | None = None,
        forwards: bool = False,
        scopes: Mapping[str, Any] | None = None,
        own: Mapping[str, str] | None = None,
    ) -> None:
        """`gateway` is started between the two services, and its address is that of both.

        `forwards`: mcp_service forwards token requests where it would not by itself, and both trust their proxies.
        `scopes` is the scope map of a server in place of the notes example, which both services are told.
        `own` holds further `AUTH_*` and `MCP_*` settings, which win over the usual ones.
        """
        self._directory = Path(tempfile.mkdtemp(prefix="sp-"))
        self.store = EmbeddedStore(self._directory)
        auth_ports = [free_port(LOOPBACK) for _ in range(auth)]
        mcp_ports = [free_port(LOOPBACK) for _ in range(mcp)]
        self._gateway = gateway
        self.issuer = gateway.auth_url if gateway else f"http://localhost:{auth_ports[0]}"
        mcp_origin = gateway.mcp_url if gateway else f"http://localhost:{mcp_ports[0]}" if mcp_ports else ""
        self.resource = resource or f"{mcp_origin}/mcp"
        key_file = self._directory / "key-encryption-key"
        write(key_file, new_key_encryption_key())
        settings = LocalSettings(
            issuer=self.issuer,
            resource=self.resource,
            hosts=LOOPBACK,
            auth_store_url=f"{self.store.url}?db=0",
            notes_store_url=f"{self.store.url}?db=1",
            key_encryption_key_file=key_file,
            log_format="json",
        )
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AUTH_", "MCP_"))}
        inside_url = f"http://127.0.0.1:{auth_ports[0]}"
        # Behind a gateway with HTTPS keys and status lists are fetched inside, as in compose.yaml.
        inside = {
            "MCP_JWKS_URL": f"{inside_url}/.well-known/jwks.json",
            "MCP_STATUS_LISTS_URL": f"{inside_url}/status-lists",
        }
        forwarding = {
            "MCP_FORWARD_OAUTH_TO": inside_url,
            "AUTH_TRUSTED_PROXIES": "127.0.0.0/8",
            "MCP_TRUSTED_PROXIES": "127.0.0.0/8",
        }
        environment = with_repository(
            {
                **inherited,
                **(inside if gateway and gateway.secure else {}),
                **(forwarding if forwards else {}),
                **({} if scopes is None else self._declared(scopes)),
                **(own or {}),
            }
        )
        self.auth_environment = settings.for_auth(auth_ports[0], environment)
        self.auth = [
            self._process("auth_service", number, settings.for_auth(port, environment), port)
            for number, port in enumerate(auth_ports)
        ]
        self.mcp = [
            self._process("mcp_service", number, settings.for_mcp(port, environment), port)
            for number, port in enumerate(mcp_ports)
        ]

    def _declared(self, scopes: Mapping[str, Any]) -> dict[str, str]:
        resource = {
            "identifier": self.resource,
            "name": "Protected",
            "scopes": scopes["scopes"],
            "default_scopes": scopes["default"],
        }
        return {"AUTH_RESOURCES": json.dumps([resource]), "MCP_SCOPES": json.dumps(scopes)}

    def _process(self, module: str, number: int, environment: Mapping[str, str], port: int) -> ServiceProcess:
        return ServiceProcess(
            f"{module} {number}",
            ["-m", module, "serve"],
            environment,
            host=LOOPBACK[0],
            port=port,
            log=self._directory / f"{module}.{number}.log",
        )

    async def start(self) -> None:
        """Start the store, then all replicas, and add the user."""
        self.store.__enter__()
        for service in self.auth:
            service.spawn()
        for service in self.auth:
            await service.wait_until_ready()
        if self._gateway is not None:
            await self._gateway.start(self)
        for service in self.mcp:
            service.spawn()
        await self.add_user(self.username, self.password)
        for service in self.mcp:
            await service.wait_until_ready()

    async def close(self) -> None:
        """Stop everything and leave nothing behind."""
        for service in [*self.mcp, *self.auth]:
            await service.stop()
        if self._gateway is not None:
            self._gateway.stop()
        self.store.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def command(self, *arguments: str, stdin: str = "") -> str:
        """Run `python -m auth_service …` against this pair's store; what it said. Fails when it fails."""
        outcome = await service_command("auth_service", self.auth_environment, *arguments, stdin=stdin)
        assert outcome.succeeded, outcome.combined_output
        return outcome.output

    async def add_user(self, username: str, password: str) -> None:
        """Add a user who can sign in."""
        await self.command("users", "add", username, "--password-stdin", stdin=password)

    async def subject_of(self, username: str) -> str:
        """The subject that tokens name this user by."""
        users = json.loads(await self.command("users", "list", "--json"))
        return next(str(user["subject"]) for user in users if user["username"] == username)

    def log(self, service: ServiceProcess) -> list[dict[str, object]]:
        """Every structured line that the service has logged so far."""
        assert service.log is not None
        # A thread of the service writes a line a few milliseconds after the response.
        size = -1
        while size != (size := service.log.stat().st_size):
            time.sleep(0.1)
        lines = service.log.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def last_lines(self, service: ServiceProcess, count: int = 15) -> str:
        """The end of the service's output, whatever it is; of long lines both ends."""
        if service.log is None or not service.log.exists():
            return ""
        lines = service.log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
        return "\n".join(line if len(line) < 800 else f"{line[:300]} … {line[-500:]}" for line in lines)
