"""The whole sign-in, step by step. Each step needs the one before; the first that fails ends the flow with a reason."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.login.authorization import AuthorizationRequest, form_action
from sallyport_doctor.login.callback import Callback
from sallyport_doctor.login.calls import call_on_both_wires
from sallyport_doctor.login.identity import Identity, given_by_hand, registered
from sallyport_doctor.login.registering import Registrar
from sallyport_doctor.login.seen import LoginSeen
from sallyport_doctor.login.step_up import call_with_one_of
from sallyport_doctor.login.token import look_into
from sallyport_doctor.login.tokens import TokenClient
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.observation import Observation

    OpenPage = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SignIn:
    """How to sign in: `open_page` brings the person to an address, who has `wait_seconds` to come back.

    `client_id` is a client that was registered by hand, or the address of a metadata document. `callback_port` is 0
    for any free one.
    """

    open_page: OpenPage
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    callback_port: int = 0
    wait_seconds: float = 300


async def sign_in(asker: Asker, seen: Observation, how: SignIn) -> LoginSeen:
    """Sign in and look at everything that comes of it. Raises CouldNotLook when the callback's port is taken."""
    metadata = seen.metadata
    if metadata is None or not all(is_absolute(metadata.get(n)) for n in ("authorization_endpoint", "token_endpoint")):
        return LoginSeen(remarks=("No sign-in: there is no authorization server metadata with both endpoints.",))
    if how.client_id is None and not is_absolute(metadata.get("registration_endpoint")):
        return LoginSeen(not_tried="no registration_endpoint, and no --client-id was given")
    registrar = Registrar(
        asker, str(metadata.get("registration_endpoint", "")), strings(metadata.get("grant_types_supported"))
    )
    try:
        login = await _as_client(asker, seen, metadata, registrar, how)
    finally:
        # Also when the person stops us: what was registered does not stay.
        left = await registrar.delete_all()
    note = ("The client that was registered for the sign-in could not be deleted.",) if left else ()
    return replace(login, remarks=login.remarks + note)


async def _as_client(
    asker: Asker, seen: Observation, metadata: Mapping[str, Any], registrar: Registrar, how: SignIn
) -> LoginSeen:
    async with Callback(how.callback_port) as callback:
        if how.client_id is not None:
            identity = given_by_hand(how.client_id, how.client_secret, metadata)
        else:
            await registrar.attempt([callback.uri])
            if not registrar.clients:
                return LoginSeen(failed_at="the registration of a client with a loopback redirect was refused")
            identity = registered(registrar.clients[0])
        login = await _flow(asker, seen, metadata, callback, identity, how)
    return replace(login, is_public=identity.is_public)


async def _flow(
    asker: Asker,
    seen: Observation,
    metadata: Mapping[str, Any],
    callback: Callback,
    identity: Identity,
    how: SignIn,
) -> LoginSeen:
    resource = seen.token_resource
    request = AuthorizationRequest(identity.client_id, callback.uri, resource, seen.scope_to_ask)
    address = request.address(metadata)
    # Only the page is looked at: what is for the callback is brought by the person's browser.
    page = await asker.go_on(await asker.ask("GET", address), never_to=callback.uri)
    login = LoginSeen(form_action=form_action(page.header("Content-Security-Policy") or "") if page.ok else "")
    await how.open_page(address)
    answer = await callback.answer(within_seconds=how.wait_seconds)
    if answer is None:
        return replace(login, failed_at=f"no answer came within {how.wait_seconds:.0f} seconds")
    login = replace(
        login,
        answered=True,
        callback_error=answer.get("error", "")[:80],
        callback_iss=answer.get("iss"),
        state_returned=answer.get("state") == request.state,
    )
    code = answer.get("code")
    if not code:
        return replace(login, failed_at=f"the answer was {login.callback_error or 'without a code'}")
    client = TokenClient(asker, str(metadata["token_endpoint"]), identity, resource)
    exchange = await client.redeem(code=code, verifier=request.verifier, redirect_uri=callback.uri)
    login = replace(login, exchange=exchange)
    if not exchange.ok:
        return replace(login, failed_at=f"the code was not exchanged: {exchange}")
    # RFC 6749 section 5.1: an answer that names no scope grants what was asked for.
    granted = tuple((exchange.scope if exchange.scope is not None else request.scope).split())
    key_set = seen.key_set.document if seen.key_set is not None else None
    token = look_into(client.access_token, key_set)
    calls, step_up = await call_on_both_wires(asker, seen.url, client.access_token, granted=granted)
    login = replace(login, token=token, calls=calls, step_up=step_up)
    login = await _refresh(client, login)
    new_wire = calls["tools/list"].ok
    if login.step_up is None and (new_wire or calls["old tools/list"].ok):
        login = replace(login, step_up=await call_with_one_of(asker, seen.url, client, granted, new_wire=new_wire))
    login = await _revoke(client, metadata, login)
    again = await client.redeem(code=code, verifier=request.verifier, redirect_uri=callback.uri)
    return replace(login, answers={**login.answers, "code again": again})


async def _refresh(client: TokenClient, login: LoginSeen) -> LoginSeen:
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
    return replace(login, answers=answers)


async def _revoke(client: TokenClient, metadata: Mapping[str, Any], login: LoginSeen) -> LoginSeen:
    endpoint = metadata.get("revocation_endpoint")
    if not client.refresh_token or not is_absolute(endpoint):
        return login
    revoked = client.refresh_token
    revocation = await client.revoke(str(endpoint))
    after = await client.refresh(revoked)
    return replace(login, answers={**login.answers, "after revocation": after}, revocation=revocation)
