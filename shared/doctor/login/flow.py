"""The whole sign-in, step by step. Each step needs the one before; the first that fails ends the flow with a reason."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.doctor.addresses import is_absolute
from shared.doctor.login.callback import Callback
from shared.doctor.login.calls import call_on_both_wires
from shared.doctor.login.registering import Registrar
from shared.doctor.login.seen import LoginSeen
from shared.doctor.login.token import look_into
from shared.doctor.login.tokens import TokenClient
from shared.doctor.observation import strings
from shared.doctor.probes.endpoints import with_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from shared.doctor.asker import Asker
    from shared.doctor.observation import Observation

    OpenPage = Callable[[str], Awaitable[None]]


async def sign_in(
    asker: Asker,
    seen: Observation,
    *,
    open_page: OpenPage,
    client_id: str | None = None,
    wait_seconds: float = 300,
) -> LoginSeen:
    """Sign in and look at everything that comes of it. `open_page` brings the person to an address."""
    metadata = seen.metadata
    if metadata is None or not all(is_absolute(metadata.get(n)) for n in ("authorization_endpoint", "token_endpoint")):
        return LoginSeen(remarks=("No sign-in: there is no authorization server metadata with both endpoints.",))
    if client_id is None and not is_absolute(metadata.get("registration_endpoint")):
        return LoginSeen(remarks=("No sign-in: this server registers nobody. Give a client with --client-id.",))
    registrar = Registrar(
        asker, str(metadata.get("registration_endpoint", "")), strings(metadata.get("grant_types_supported"))
    )
    async with Callback() as callback:
        if client_id is None:
            client_id = await _register(registrar, callback.uri)
        if client_id is None:
            return LoginSeen(failed_at="the registration of a client with a loopback redirect was refused")
        login = await _flow(asker, seen, metadata, callback, client_id, open_page, wait_seconds)
    left = await registrar.delete_all()
    note = ("The client that was registered for the sign-in could not be deleted.",) if left else ()
    return replace(login, remarks=login.remarks + note)


async def _register(registrar: Registrar, redirect_uri: str) -> str | None:
    await registrar.attempt([redirect_uri])
    return str(registrar.clients[0]["client_id"]) if registrar.clients else None


async def _flow(
    asker: Asker,
    seen: Observation,
    metadata: Mapping[str, Any],
    callback: Callback,
    client_id: str,
    open_page: OpenPage,
    wait_seconds: float,
) -> LoginSeen:
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    resource = seen.token_resource
    address = _authorization_address(metadata, callback.uri, client_id, verifier, state, resource, seen.scope_to_ask)
    page = await asker.get(address)
    login = LoginSeen(form_action=_form_action(page.header("Content-Security-Policy") or ""))
    await open_page(address)
    answer = await callback.answer(within_seconds=wait_seconds)
    if answer is None:
        return replace(login, failed_at=f"no answer came within {wait_seconds:.0f} seconds")
    login = replace(
        login,
        answered=True,
        callback_error=answer.get("error", "")[:80],
        callback_iss=answer.get("iss"),
        state_returned=answer.get("state") == state,
    )
    code = answer.get("code")
    if not code:
        return replace(login, failed_at=f"the answer was {login.callback_error or 'without a code'}")
    client = TokenClient(asker, str(metadata["token_endpoint"]), client_id, resource)
    exchange = await client.redeem(code=code, verifier=verifier, redirect_uri=callback.uri)
    login = replace(login, exchange=exchange)
    if not exchange.ok:
        return replace(login, failed_at=f"the code was not exchanged: {exchange}")
    key_set = seen.key_set.document if seen.key_set is not None else None
    login = replace(
        login,
        token=look_into(client.access_token, key_set),
        calls=await call_on_both_wires(asker, seen.url, client.access_token),
    )
    login = await _refresh_and_revoke(client, metadata, login)
    again = await client.redeem(code=code, verifier=verifier, redirect_uri=callback.uri)
    return replace(login, answers={**login.answers, "code again": again})


async def _refresh_and_revoke(client: TokenClient, metadata: Mapping[str, Any], login: LoginSeen) -> LoginSeen:
    answers = {}
    first = client.refresh_token
    if first:
        answers["refresh"] = await client.refresh(first)
        if not answers["refresh"].ok:
            answers["refresh with resource"] = await client.refresh(first, with_resource=True)
    second = client.refresh_token
    if second and second != first:
        # The answer was lost, or two processes refreshed at once: the predecessor is presented once more.
        answers["race"] = await client.refresh(first)
        answers["after race"] = await client.refresh(second)
    endpoint = metadata.get("revocation_endpoint")
    if not client.refresh_token or not is_absolute(endpoint):
        return replace(login, answers=answers)
    revoked = client.refresh_token
    revocation = await client.revoke(str(endpoint))
    answers["after revocation"] = await client.refresh(revoked)
    return replace(login, answers=answers, revocation=revocation)


def _authorization_address(
    metadata: Mapping[str, Any],
    redirect_uri: str,
    client_id: str,
    verifier: str,
    state: str,
    resource: str,
    scope: str,
) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    pairs = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
        ("state", state),
        ("resource", resource),
    ]
    return with_query(str(metadata["authorization_endpoint"]), [*pairs, *([("scope", scope)] if scope else [])])


def _form_action(policy: str) -> str:
    for directive in policy.split(";"):
        name, _, value = directive.strip().partition(" ")
        if name.lower() == "form-action":
            return value.strip()
    return ""
