"""One complete run: examine, optionally register, sign in and examine a token, then diagnose."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import with_scheme
from sallyport_doctor.diagnosis import diagnose, diagnose_token
from sallyport_doctor.dns import DnsResolver
from sallyport_doctor.examine import examine
from sallyport_doctor.http_probe import HttpProbe
from sallyport_doctor.login.flow import SignInOptions, sign_in
from sallyport_doctor.login.registration_probe import probe_registration
from sallyport_doctor.login.token_examination import examine_token

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable

    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.knowledge.catalogue import Knowledge


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of one run, named like those of the command. Times are in seconds."""

    url: str
    timeout_seconds: float = 20
    register: bool = False
    login: bool = False
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    callback_port: int = 0
    wait_seconds: float = 300
    token: str | None = field(default=None, repr=False)


async def run(
    options: RunOptions,
    *,
    knowledge: Knowledge,
    open_page: Callable[[str], Awaitable[None]],
    on_request: Callable[[str], None] = lambda _request: None,
    dns: DnsResolver | None = None,
    tls: ssl.SSLContext | None = None,
    monotonic_clock: Callable[[], float] = time.monotonic,
    clock: Callable[[], float] = time.time,
) -> Diagnosis:
    """Collect the evidence and diagnose it. Raises ExaminationError when the server cannot be examined.

    `open_page` takes the user to the sign-in page; `on_request` gets a description of each request before it is sent.
    """
    dns = dns or DnsResolver()
    url = with_scheme(options.url)
    async with HttpProbe(
        url,
        dns=dns,
        tls=tls,
        timeout_seconds=options.timeout_seconds,
        monotonic_clock=monotonic_clock,
        on_request=on_request,
    ) as http:
        evidence = await examine(url, http=http, dns=dns, tls=tls, clock=clock)
        evidence = replace(evidence, scheme_assumed=url != options.url)
        if options.register:
            evidence = replace(evidence, registration=await probe_registration(http, evidence, knowledge.clients))
        if options.login:
            sign_in_options = SignInOptions(
                open_page=open_page,
                client_id=options.client_id,
                client_secret=options.client_secret,
                callback_port=options.callback_port,
                wait_seconds=options.wait_seconds,
            )
            evidence = replace(evidence, login=await sign_in(http, evidence, sign_in_options))
    if options.token:
        key_set = evidence.key_set.document if evidence.key_set is not None else None
        evidence = replace(evidence, supplied_token=examine_token(options.token, key_set))
    return diagnose(evidence, knowledge.catalogue, knowledge.clients)


def run_offline(unverified_token: str, knowledge: Knowledge) -> Diagnosis:
    """Diagnose a token without a server: its claims are not verified, and no request is sent."""
    return diagnose_token(examine_token(unverified_token, None), now=time.time(), catalogue=knowledge.catalogue)
