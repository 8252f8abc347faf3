"""One visit from beginning to end: look, and if wanted register, sign in, examine a token; then judge."""

from __future__ import annotations

import asyncio
import time
import webbrowser
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sallyport_doctor.asker import Asker
from sallyport_doctor.diagnosis import diagnose, diagnose_token
from sallyport_doctor.examine import examine
from sallyport_doctor.login.flow import SignIn, sign_in
from sallyport_doctor.login.introduction import introduce
from sallyport_doctor.login.token import look_into
from sallyport_doctor.names import Names

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from rich.console import Console

    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.knowledge.load import Knowledge


@dataclass(frozen=True, slots=True)
class Visit:
    """What is wanted. Times are in seconds."""

    url: str
    timeout_seconds: float = 20
    register: bool = False
    login: bool = False
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    callback_port: int = 0
    wait_seconds: float = 300
    token: str | None = field(default=None, repr=False)


async def visit(
    wanted: Visit,
    *,
    knowledge: Knowledge,
    open_page: Callable[[str], Awaitable[None]],
    on_ask: Callable[[str], None] | None = None,
    names: Names | None = None,
    tls: ssl.SSLContext | None = None,
    clock: Callable[[], float] = time.monotonic,
    now: Callable[[], float] = time.time,
) -> Diagnosis:
    """Do what is wanted and judge what was seen. Raises CouldNotLook when there is nothing to look at."""
    names = names or Names()
    async with Asker(
        wanted.url,
        names=names,
        tls=tls,
        timeout_seconds=wanted.timeout_seconds,
        clock=clock,
        on_ask=on_ask or _quiet,
    ) as asker:
        seen = await examine(wanted.url, asker=asker, names=names, tls=tls, now=now)
        if wanted.register:
            seen = replace(seen, registration=await introduce(asker, seen, knowledge.clients))
        if wanted.login:
            how = SignIn(
                open_page=open_page,
                client_id=wanted.client_id,
                client_secret=wanted.client_secret,
                callback_port=wanted.callback_port,
                wait_seconds=wanted.wait_seconds,
            )
            seen = replace(seen, login=await sign_in(asker, seen, how))
    if wanted.token:
        key_set = seen.key_set.document if seen.key_set is not None else None
        seen = replace(seen, token_at_hand=look_into(wanted.token, key_set))
    return diagnose(seen, knowledge.catalogue, knowledge.clients)


def examine_token(unverified_token: str, knowledge: Knowledge) -> Diagnosis:
    """Look into a token without any server: what it says of itself, unverified. Nothing is sent."""
    return diagnose_token(look_into(unverified_token, None), now=time.time(), catalogue=knowledge.catalogue)


def show_or_open(errors: Console, on_wait: Callable[[str], None] | None) -> Callable[[str], Awaitable[None]]:
    """Bring the person to an address: the address is always printed, and the browser opened where there is one.

    `on_wait` is told that the person's turn has come.
    """

    async def open_page(address: str) -> None:
        errors.print("Sign in at this address; the doctor waits for the answer:", markup=False)
        errors.print(address, markup=False, soft_wrap=True)
        if errors.is_terminal:
            await asyncio.to_thread(webbrowser.open, address)
        (on_wait or _quiet)("waiting for you to come back from the browser")

    return open_page


def _quiet(_what: str) -> None:
    """Nobody watches."""
