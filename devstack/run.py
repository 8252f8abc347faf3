"""`make run`: Valkey, auth_service and mcp_service on the loopback addresses of one machine.

Ctrl-C or SIGTERM stops all three, the services first. Data and secrets are stored under DATA_DIR.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import signal
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from devstack.announcement import Announcement, command_prefix, waited_seconds
from devstack.demo_user import DemoUser, ensure_demo_user, sign_in_lines, username_of
from devstack.embedded_store import EmbeddedStore, EmbeddedStoreError
from devstack.environment import current_environment
from devstack.local_settings import LocalSettings
from devstack.loopback import is_free, loopback_addresses
from devstack.private_file import new_key_encryption_key, read_or_create, write
from devstack.protected_server import (
    declared_server,
    describe_server,
    is_example,
    name_for_clients,
    report_when_it_answers,
    unreachable_reason,
    without_query,
)
from devstack.public_gateway import public_gateway, public_url_of
from devstack.service_output import LogFile, ServiceOutput
from devstack.service_process import ServiceError, ServiceProcess, die_with_parent, service_command

ENVIRONMENT_FILE = "environment.json"
"""The settings of both services at the last start, and the demo user, for `python -m devstack.command`."""

KEY_FILE = "key-encryption-key"
"""The file with the key encryption key."""

_MISSING: Final = """
  No connection to         {url}
  ({reason})
  If your server is not running, start it: this is reported when it answers. Until then its calls are answered 502."""

RESTORED_FILE = "restored"
"""Its presence says that the data were restored and that no service has run on them yet."""


def main() -> int:
    """Run until a signal. Returns the exit code."""
    if "--end-with-parent" in sys.argv[1:]:
        die_with_parent()
    environment = current_environment()
    try:
        data_dir = data_dir_of(environment.values)
        with exclusive_use(data_dir):
            return asyncio.run(_run(environment.values, data_dir))
    except (ServiceError, EmbeddedStoreError) as exc:
        print(f"make run: {exc}{environment.origin(str(exc))}", file=sys.stderr)
        return 1


async def _run(environment: Mapping[str, str], data_dir: Path) -> int:
    started_at = time.time()
    stop = _stop_event()
    auth_port = _port(environment, "AUTH_PORT", 9000)
    mcp_port = _port(environment, "MCP_PORT", 9001)
    hosts = loopback_addresses()
    public_url = public_url_of(environment)
    for name, port in (("AUTH_PORT", auth_port), ("MCP_PORT", mcp_port)):
        if not is_free(hosts, port):
            raise ServiceError(f"port {port} is busy: stop its process, or choose another with {name}=…")
    key_file = data_dir / KEY_FILE
    read_or_create(key_file, new_key_encryption_key)
    with ExitStack() as stack:
        auth_store, notes_store = _store_urls(environment, data_dir, stack)
        settings = LocalSettings(
            issuer=environment.get("AUTH_ISSUER") or public_url or f"http://localhost:{auth_port}",
            resource=environment.get("MCP_RESOURCE") or f"{public_url or f'http://localhost:{mcp_port}'}/mcp",
            hosts=hosts,
            auth_store_url=auth_store,
            notes_store_url=notes_store,
            key_encryption_key_file=key_file,
            auth_url=f"http://{hosts[0]}:{auth_port}" if public_url else "",
            mcp_url=f"http://{hosts[0]}:{mcp_port}" if public_url else "",
        )
        mcp_environment = settings.for_mcp(mcp_port, environment)
        declared = await declared_server(mcp_environment)
        resources = declared.resources
        auth_environment = settings.for_auth(auth_port, environment, resources=resources)
        _save_environment(data_dir, username_of(environment), auth_environment, mcp_environment)
        outputs = [ServiceOutput(name, LogFile(data_dir / f"{name}.log")) for name in ("auth_service", "mcp_service")]
        auth, mcp = (
            ServiceProcess(name, ["-m", name, "serve"], own, host=hosts[0], port=port, log=output)
            for name, own, port, output in (
                ("auth_service", auth_environment, auth_port, outputs[0]),
                ("mcp_service", mcp_environment, mcp_port, outputs[1]),
            )
        )
        try:
            user = await _run_until_stopped(stop, _start(auth, mcp, environment, data_dir, auth_environment))
            if user is None:
                return 0
            upstream = environment.get("MCP_UPSTREAM", "")
            unreachable = await unreachable_reason(mcp) if upstream else None
            if unreachable:
                print(_MISSING.format(url=without_query(upstream), reason=unreachable))
            elif declared.warning:
                print(f"\n{declared.warning}")
            async with public_gateway(environment, settings, auth_port=auth_port, mcp_port=mcp_port) as tunnel_to:
                announcement = Announcement(
                    server=describe_server(environment, resources),
                    name=name_for_clients(resources),
                    resource=settings.resource,
                    issuer=settings.issuer,
                    data_dir=data_dir,
                    command_prefix=command_prefix(environment, data_dir),
                    logs=[output.file.path for output in outputs],
                    how_to_sign_in=sign_in_lines(user, auth_environment),
                    tunnel_to=tunnel_to,
                )
                print(announcement.text(waited_seconds=waited_seconds(environment, started_at=started_at)), flush=True)
                return await _watch(stop, auth, mcp, missing=upstream if unreachable else "")
        finally:
            # A second Ctrl-C kills the services.
            stop.clear()
            started = [output for service, output in zip((auth, mcp), outputs, strict=True) if service.was_started]
            for output in started:
                output.mute()
            await _stop(stop, mcp, auth)
            await asyncio.gather(*(output.end() for output in started))


async def _start(
    auth: ServiceProcess,
    mcp: ServiceProcess,
    environment: Mapping[str, str],
    data_dir: Path,
    auth_environment: Mapping[str, str],
) -> DemoUser:
    await _renew_lists_after_restore(data_dir, auth_environment)
    auth.spawn()
    user, _ = await asyncio.gather(
        ensure_demo_user(data_dir, username_of(environment), environment.get("DEMO_PASSWORD", ""), auth_environment),
        auth.wait_until_ready(),
    )
    mcp.spawn()
    # The guard works without a server at MCP_UPSTREAM, which may be started later.
    await mcp.wait_until_ready(apart_from="server" if environment.get("MCP_UPSTREAM") else "")
    return user


async def _renew_lists_after_restore(data_dir: Path, auth_environment: Mapping[str, str]) -> None:
    """Before auth_service makes grants on restored data. Raises ServiceError."""
    mark = data_dir / RESTORED_FILE
    if mark.exists():
        renewed = await service_command("auth_service", auth_environment, "grants", "renew-lists")
        if not renewed.succeeded:
            raise ServiceError(f"the status lists could not be renewed:\n{renewed.combined_output}")
        mark.unlink()


async def _run_until_stopped(stop: asyncio.Event, coroutine: Coroutine[None, None, DemoUser]) -> DemoUser | None:
    """The result of the coroutine; None if a signal arrives first."""
    task = asyncio.ensure_future(coroutine)
    stopped = asyncio.ensure_future(stop.wait())
    await _first_of(task, stopped)
    stopped.cancel()
    if not task.done():
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return None
    return task.result()


async def _watch(stop: asyncio.Event, auth: ServiceProcess, mcp: ServiceProcess, *, missing: str) -> int:
    """Wait for a signal, or until a service ends unexpectedly. `missing` is an upstream that has not answered yet."""
    ends = {asyncio.ensure_future(service.ended()): service for service in (auth, mcp)}
    stopped = asyncio.ensure_future(stop.wait())
    reporting = asyncio.ensure_future(report_when_it_answers(mcp, missing)) if missing else None
    done, pending = await asyncio.wait({stopped, *ends}, return_when=asyncio.FIRST_COMPLETED)
    for task in (*pending, *([reporting] if reporting is not None else [])):
        task.cancel()
    if stopped in done:
        print("\nstopping …", flush=True)
        return 0
    for task, service in ends.items():
        if task in done:
            print(f"make run: {service.name} ended unexpectedly (exit code {task.result()})", file=sys.stderr)
    return 1


async def _stop(kill: asyncio.Event, *services: ServiceProcess) -> None:
    stops = asyncio.gather(*(service.stop() for service in services))
    killed = asyncio.ensure_future(kill.wait())
    await _first_of(stops, killed)
    if killed.done():
        await asyncio.gather(*(service.kill() for service in services))
    killed.cancel()
    await stops


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _store_urls(environment: Mapping[str, str], data_dir: Path, stack: ExitStack) -> tuple[str, str]:
    """The Redis URLs of both services: two databases of the embedded server, unless set in the environment.

    Only the notes example has one for notes; that of another server is empty.
    """
    auth_store = environment.get("AUTH_REDIS_URL", "")
    notes_store = environment.get("MCP_NOTES_REDIS_URL", "")
    needs_notes = is_example(environment)
    if auth_store and (notes_store or not needs_notes):
        return auth_store, notes_store
    embedded = stack.enter_context(EmbeddedStore(data_dir / "valkey"))
    return auth_store or f"{embedded.url}?db=0", notes_store or (f"{embedded.url}?db=1" if needs_notes else "")


def data_dir_of(environment: Mapping[str, str]) -> Path:
    """The directory of DATA_DIR, created if it does not exist."""
    data_dir = Path(environment.get("DATA_DIR") or ".data").resolve()
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return data_dir


@contextmanager
def exclusive_use(data_dir: Path) -> Iterator[None]:
    """Lock DATA_DIR. Raises ServiceError if another launcher uses it."""
    with (data_dir / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ServiceError(
                f"another `make run` uses {data_dir}: stop it, or choose another with DATA_DIR=…"
            ) from None
        yield


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) <= 65_535:
        raise ServiceError(f"{name}={text} is not a port")
    return int(text)


def _save_environment(
    data_dir: Path, username: str, auth_environment: Mapping[str, str], mcp_environment: Mapping[str, str]
) -> None:
    saved = {
        "DEMO_USERNAME": username,
        # Files and commands in settings are named from there.
        "INVOKED_FROM": mcp_environment.get("INVOKED_FROM", ""),
        **{name: value for name, value in auth_environment.items() if name.startswith("AUTH_")},
        **{name: value for name, value in mcp_environment.items() if name.startswith("MCP_")},
    }
    write(data_dir / ENVIRONMENT_FILE, json.dumps(saved))


if __name__ == "__main__":
    sys.exit(main())
