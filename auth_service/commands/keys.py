"""`keys list|rotate|revoke`: the signing keys of the running deployment."""

from __future__ import annotations

import asyncio
import getpass
import socket
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, as_time, run, say, show_json, show_rows
from auth_service.commands.key_progress import KeyProgress
from auth_service.commands.key_table import key_rows, moment
from auth_service.commands.process_start import process_started_ms
from auth_service.key_encryption import parse_encryption_keys
from auth_service.keys.lifecycle import UnknownKey
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.rotator import RotationPolicy, RotationResult, Rotator

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring

app = new_app(no_args_is_help=True, help="The signing keys: which there are, change them, withdraw one.")

LOOK_EVERY_SECONDS = 0.1
REVOCATION_SECONDS = 10.0
"""How long `revoke` watches the key vanish before it names who still holds it."""


@app.command("list")
def list_keys(*, as_json: JsonOption = False) -> None:
    """List the keys: state, algorithm, age, what happens to each next and when, which secret seals it."""

    async def work(workplace: CommandContext) -> None:
        ring = await KeyRingRepository(workplace.store).read()
        if ring is None:
            raise CommandFailed("there is no key yet", hint="auth_service makes the first at its first start.")
        held = await ReplicaVersionRepository(workplace.store).read()
        now_ms = _now_ms()
        policy = RotationPolicy.from_settings(workplace.settings)
        rows = key_rows(ring, policy=policy, encryption_keys=_encryption_keys(workplace), now_ms=now_ms)
        columns = ("kid", "state", "algorithm", "age", "next", "secret")
        show_rows(columns, rows, as_json=as_json, empty="")
        if not as_json:
            live, behind = held.live(now_ms), held.behind(ring.version, now_ms)
            say(f"{len(live) - len(behind)} of {len(live)} mcp_service replicas hold this set, version {ring.version}.")
            if held.unnamed_ms is not None:
                say(f"A verifier that does not name itself fetched it last at {moment(held.unnamed_ms)}.")

    run(work)


@app.command()
def rotate(
    *,
    force: Annotated[bool, typer.Option("--force", help="Do not wait for the verifiers: calls may fail.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Give up after so many seconds; nothing has changed then.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Let the pending key sign, as soon as every mcp_service replica holds it, and publish a next one.

    Verifiers that cannot be seen are given AUTH_KEY_PUBLISH_LEAD_TIME seconds. The old key stays published until its
    last token has expired. Of several commands at one moment one rotates, and all succeed.
    """
    since_ms = process_started_ms()

    async def work(workplace: CommandContext) -> None:
        rotator = _rotator(workplace)
        goal = await rotator.goal(since_ms=since_ms)
        started = time.monotonic()
        with KeyProgress(quiet=as_json) as progress:
            while not isinstance(found := await rotator.advance(goal, force=force), RotationResult):
                if timeout is not None and time.monotonic() - started >= timeout:
                    raise CommandFailed(
                        f"not rotated within {timeout:g} s: {progress.words_for(found)}",
                        hint=f"{goal.kid} goes on signing; the next key is published. Run it again, or pass --force.",
                    )
                progress.show(found)
                await asyncio.sleep(LOOK_EVERY_SECONDS)
        _show_rotated(found, waited=time.monotonic() - started, as_json=as_json)

    run(work)


@app.command()
def revoke(
    kid: Annotated[str, typer.Argument(help="Which key: see keys list.")],
    *,
    reason: Annotated[str, typer.Option(help="Why; the audit log keeps it.")] = "no reason given",
    as_json: JsonOption = False,
) -> None:
    """Withdraw a key at once, and every token that it signed: clients have to refresh.

    If it was the active one, the pending one signs from now on. Watches it vanish from the mcp_service replicas.
    """

    async def work(workplace: CommandContext) -> None:
        try:
            ring = await _rotator(workplace).revoke(kid, reason=f"{reason} ({_who()})")
        except UnknownKey as exc:
            raise CommandFailed(f"there is no key {kid}", hint="keys list shows all.") from exc
        started = time.monotonic()
        replicas, behind = await _watch_vanish(workplace, kid, ring, quiet=as_json)
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
                    "still_held_by": list(behind),
                    "seconds": seconds,
                }
            )
            return
        say(f"{kid} is withdrawn; {ring.active.kid} signs ({ring.active.algorithm}).")
        if behind:
            say(f"After {seconds:g} s these replicas have not shown that it is gone: {', '.join(behind)}")
        else:
            say(f"Gone from the caches of {replicas} mcp_service replicas after {seconds:g} s.")

    run(work)


async def _watch_vanish(workplace: CommandContext, kid: str, ring: Ring, *, quiet: bool) -> tuple[int, tuple[str, ...]]:
    """Wait until every live replica holds the ring without the key; how many there are, and who does not yet."""
    replica_versions = ReplicaVersionRepository(workplace.store)
    deadline = time.monotonic() + REVOCATION_SECONDS
    with KeyProgress(quiet=quiet) as progress:
        while True:
            held, now_ms = await replica_versions.read(), _now_ms()
            behind = held.behind(ring.version, now_ms)
            if not behind or time.monotonic() >= deadline:
                return len(held.live(now_ms)), behind
            progress.say(f"{kid} is withdrawn; waiting to hear so from {', '.join(behind)}")
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _show_rotated(done: RotationResult, *, waited: float, as_json: bool) -> None:
    ring = done.ring
    if as_json:
        show_json(_as_record(ring) | {"result": "rotated" if done.by_this else "rotated_by_another"})
        return
    if not done.by_this:
        say("Another rotation was under way at the same moment, and is done: it counts for this one.")
    say(f"{ring.active.kid} signs now ({ring.active.algorithm}), after {waited:.1f} s.")
    for key in ring.retiring:
        say(f"{key.kid} stays published until {moment(key.remove_ms)}.")
    say(f"{ring.pending.kid} is published as the next one ({ring.pending.algorithm}).")


def _as_record(ring: Ring) -> dict[str, Any]:
    return {
        "active": ring.active.kid,
        "algorithm": ring.active.algorithm,
        "pending": ring.pending.kid,
        "retiring": [{"kid": key.kid, "until": as_time((key.remove_ms or 0) // 1000)} for key in ring.retiring],
        "version": ring.version,
    }


def _rotator(workplace: CommandContext) -> Rotator:
    return Rotator(
        storage=KeyRingRepository(workplace.store),
        replica_versions=ReplicaVersionRepository(workplace.store),
        encryption_keys=_encryption_keys(workplace),
        policy=RotationPolicy.from_settings(workplace.settings),
        audit=workplace.audit,
        by="operator",
    )


def _encryption_keys(workplace: CommandContext) -> EncryptionKeys:
    return parse_encryption_keys([secret.get_secret_value() for secret in workplace.settings.key_encryption_key])


def _who() -> str:
    try:
        return f"{getpass.getuser()} on {socket.gethostname()}"
    except (OSError, KeyError):
        # A container may run under a number that has no name.
        return f"an operator on {socket.gethostname()}"


def _now_ms() -> int:
    return int(time.time() * 1000)
