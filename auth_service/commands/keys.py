"""`keys list|rotate|revoke`: the signing keys of the running deployment."""

from __future__ import annotations

import asyncio
import getpass
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import (
    CommandFailed,
    JsonOption,
    YesOption,
    confirm,
    echo,
    format_time,
    run,
    show_json,
    show_rows,
)
from auth_service.commands.key_output import (
    KeyProgress,
    format_fetch,
    format_remaining,
    format_revocation,
    format_status,
    format_time_of_day,
    key_rows,
)
from auth_service.encryption import parse_encryption_keys
from auth_service.keys.lifecycle import UnknownKey
from auth_service.keys.propagation import propagation_status
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from auth_service.keys.rotator import RotationResult, Rotator
from auth_service.keys.wiring import rotation_policy

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring

app = new_app(no_args_is_help=True, help="List, rotate and revoke signing keys.")

POLL_SECONDS = 0.1
REVOCATION_SECONDS = 10.0
"""The seconds that `revoke` waits for the replicas before it reports those that still have the key."""
MAX_START_SECONDS: Final = 30.0
"""A process that seems to have taken longer to start runs in a sandbox that invents the numbers."""


@app.command("list")
def list_keys(*, as_json: JsonOption = False) -> None:
    """List the keys: state, algorithm, age, next step and its time, and the secret that encrypts the private part."""

    async def list_ring(context: CommandContext) -> None:
        ring = await KeyRingRepository(context.redis).read()
        if ring is None:
            raise CommandFailed("there is no key yet", hint="auth_service creates the keys at its first start.")
        reported = await ReplicaVersionRepository(context.redis).read()
        now_ms = _now_ms()
        policy = rotation_policy(context.settings)
        rows = key_rows(ring, policy=policy, encryption_keys=_encryption_keys(context), now_ms=now_ms)
        columns = ("kid", "state", "algorithm", "age", "next", "secret")
        show_rows(columns, rows, as_json=as_json, empty="")
        if not as_json:
            live, lagging = reported.live(now_ms), reported.lagging(ring.version, now_ms)
            current = len(live) - len(lagging)
            echo(f"{current} of {len(live)} mcp_service replicas have this key set, version {ring.version}.")
            if reported.unidentified_ms is not None:
                until = format_time_of_day(reported.unidentified_ms + 1000 * context.settings.key_set_max_age)
                fetch = format_fetch(reported.unidentified_ms, reported.unidentified_client)
                echo(f"{fetch} It may cache it until {until}.")
            status = propagation_status(ring, reported, now_ms=now_ms, publish_lead_ms=policy.publish_lead_ms)
            until = f"wait until {format_time_of_day(status.deadline_ms)} at the latest"
            echo(f"keys rotate would {'not wait' if status.is_propagated else until}.")

    run(list_ring)


@app.command()
def rotate(
    *,
    force: Annotated[bool, typer.Option("--force", help="Do not wait for verifiers: calls may fail.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Give up after this many seconds, without a rotation.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let the pending key sign as soon as every mcp_service replica has it, and publish a new pending key.

    Unidentified verifiers are given AUTH_KEY_PUBLISH_LEAD_TIME seconds. The old key stays published until its last
    token has expired. Several commands at the same moment make one rotation, and all succeed.
    """
    since_ms = process_started_ms()

    async def rotate_ring(context: CommandContext) -> None:
        rotator = _rotator(context)
        request = await rotator.request(since_ms=since_ms)
        started = time.monotonic()
        with KeyProgress(quiet=as_json) as progress:
            while not isinstance(result := await rotator.attempt(request, force=force), RotationResult):
                if timeout is not None and time.monotonic() - started >= timeout:
                    raise CommandFailed(
                        f"not rotated within {timeout:g} s. {format_status(result)}",
                        hint=f"{request.kid} still signs. Run the command again, or pass --force.",
                    )
                reason = f"{format_status(result)} {request.kid} goes on signing meanwhile."
                progress.show(reason, format_remaining(result.deadline_ms, _now_ms()))
                await asyncio.sleep(POLL_SECONDS)
        _show_rotated(result, waited=time.monotonic() - started, as_json=as_json)

    run(rotate_ring)


@app.command()
def revoke(
    kid: Annotated[str, typer.Argument(help="The kid; see keys list.")],
    *,
    reason: Annotated[str, typer.Option(help="The reason, for the audit log.")] = "no reason given",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key, and with it every token that it signed: clients have to refresh.

    If it was the active key, the pending one signs from now on. Waits until the mcp_service replicas have removed it.
    Asks first; without a terminal it needs --yes.
    """

    async def revoke_key(context: CommandContext) -> None:
        unknown = CommandFailed(f"there is no key {kid}", hint="`auth_service keys list` shows all.")
        before = await KeyRingRepository(context.redis).read()
        if before is None or kid not in {key.kid for key in before.keys}:
            raise unknown
        confirm(f"{format_revocation(before, kid)}\nRevoke {kid}?", yes=yes)
        try:
            ring = await _rotator(context).revoke(kid, reason=f"{reason} ({_operator()})")
        except UnknownKey as exc:
            raise unknown from exc
        started = time.monotonic()
        replicas, lagging = await _wait_for_removal(context, kid, ring, quiet=as_json)
        seconds = round(time.monotonic() - started, 2)
        if as_json:
            show_json(
                {
                    "result": "revoked",
                    "kid": kid,
                    "active": ring.active.kid,
                    "pending": ring.pending.kid,
                    "version": ring.version,
                    "replicas": replicas,
                    "still_held_by": list(lagging),
                    "seconds": seconds,
                }
            )
            return
        echo(f"{kid} is revoked; {ring.active.kid} signs ({ring.active.algorithm}).")
        if lagging:
            echo(f"After {seconds:g} s these replicas have not reported its removal: {', '.join(lagging)}")
        else:
            echo(f"{replicas} mcp_service replicas have removed it after {seconds:g} s.")

    run(revoke_key)


def process_started_ms() -> int:
    """When this process started, in milliseconds since 1970; now, where the system does not tell.

    Loading the code takes longer than a rotation. Of two commands given at the same moment the one that loads more
    slowly would otherwise rotate a second time.
    """
    now_ms = int(time.time() * 1000)
    try:
        # proc(5): the name in parentheses may contain anything; starttime is the 20th field after it, in clock ticks.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        age_seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return now_ms
    # With an invented age an earlier rotation would count for this command.
    return now_ms - int(age_seconds * 1000) if 0 <= age_seconds <= MAX_START_SECONDS else now_ms


async def _wait_for_removal(
    context: CommandContext, kid: str, ring: Ring, *, quiet: bool
) -> tuple[int, tuple[str, ...]]:
    """Wait until every live replica has removed the key. Returns the number of live ones, and which still have it."""
    replica_versions = ReplicaVersionRepository(context.redis)
    deadline = time.monotonic() + REVOCATION_SECONDS
    with KeyProgress(quiet=quiet) as progress:
        while True:
            reported, now_ms = await replica_versions.read(), _now_ms()
            lagging = reported.lagging(ring.version, now_ms)
            if not lagging or time.monotonic() >= deadline:
                return len(reported.live(now_ms)), lagging
            progress.show(f"{kid} is revoked. Waiting for {', '.join(lagging)} to remove it.")
            await asyncio.sleep(POLL_SECONDS)


def _show_rotated(result: RotationResult, *, waited: float, as_json: bool) -> None:
    ring = result.ring
    if as_json:
        show_json(_as_record(ring) | {"result": "rotated" if result.by_this else "rotated_by_another"})
        return
    if not result.by_this:
        echo("Another rotation was completed at the same moment; it counts for this command.")
    echo(f"{ring.active.kid} signs now ({ring.active.algorithm}), after {waited:.1f} s.")
    for key in ring.retiring:
        echo(f"{key.kid} stays published until {format_time_of_day(key.remove_ms)}.")
    echo(f"{ring.pending.kid} is published as the pending key ({ring.pending.algorithm}).")


def _as_record(ring: Ring) -> dict[str, Any]:
    return {
        "active": ring.active.kid,
        "algorithm": ring.active.algorithm,
        "pending": ring.pending.kid,
        "retiring": [{"kid": key.kid, "until": format_time((key.remove_ms or 0) // 1000)} for key in ring.retiring],
        "version": ring.version,
    }


def _rotator(context: CommandContext) -> Rotator:
    return Rotator(
        repository=KeyRingRepository(context.redis),
        replica_versions=ReplicaVersionRepository(context.redis),
        encryption_keys=_encryption_keys(context),
        policy=rotation_policy(context.settings),
        audit=context.audit,
    )


def _encryption_keys(context: CommandContext) -> EncryptionKeys:
    return parse_encryption_keys([secret.get_secret_value() for secret in context.settings.key_encryption_key])


def _operator() -> str:
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):
        # A container may run under a user id without a name.
        return f"an operator on {socket.gethostname()}"


def _now_ms() -> int:
    return int(time.time() * 1000)
