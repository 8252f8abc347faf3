"""The sign-in, step by step. The first step that fails ends the flow."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.authorization import AuthorizationRequest, form_action
from sallyport_doctor.evidence import strings
from sallyport_doctor.login.callback import CallbackServer
from sallyport_doctor.login.client_authentication import ClientAuthentication, pre_registered_client, registered_client
from sallyport_doctor.login.mcp_calls import call_both_revisions
from sallyport_doctor.login.registration_client import RegistrationClient
from sallyport_doctor.login.step_up import call_with_narrowed_token
from sallyport_doctor.login.token_client import TokenClient
from sallyport_doctor.login.token_examination import examine_token
from sallyport_doctor.login_evidence import LoginEvidence

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

    OpenPage = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class SignInOptions:
    """Options of the sign-in. `open_page` takes the user to a URL; the callback must arrive within `wait_seconds`.

    `client_id` is a pre-registered client or the URL of a metadata document; None registers one. `callback_port` 0
    means any free port.
    """

    open_page: OpenPage
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    callback_port: int = 0
    wait_seconds: float = 300


async def sign_in(http: HttpProbe, evidence: Evidence, options: SignInOptions) -> LoginEvidence:
    """Sign in and test the tokens. Raises ExaminationError when the callback port is in use."""
    metadata = evidence.metadata
    if metadata is None or not all(is_absolute(metadata.get(n)) for n in ("authorization_endpoint", "token_endpoint")):
        return LoginEvidence(remarks=("No sign-in: the authorization server metadata lacks an endpoint.",))
    if options.client_id is None and not is_absolute(metadata.get("registration_endpoint")):
        return LoginEvidence(skipped="no registration_endpoint, and no --client-id was given")
    registration_client = RegistrationClient(
        http, str(metadata.get("registration_endpoint", "")), strings(metadata.get("grant_types_supported"))
    )
    try:
        login = await _sign_in_as_client(http, evidence, metadata, registration_client, options)
    finally:
        # Runs on cancellation too, so that no client is left behind.
        remaining = await registration_client.delete_all()
    remark = ("The client that was registered for the sign-in could not be deleted.",) if remaining else ()
    return replace(login, remarks=login.remarks + remark)


async def _sign_in_as_client(
    http: HttpProbe,
    evidence: Evidence,
    metadata: Mapping[str, Any],
    registration_client: RegistrationClient,
    options: SignInOptions,
) -> LoginEvidence:
    async with CallbackServer(options.callback_port) as callback:
        if options.client_id is not None:
            client = pre_registered_client(options.client_id, options.client_secret, metadata)
        else:
            await registration_client.attempt([callback.uri])
            if not registration_client.clients:
                return LoginEvidence(failure="the registration of a client with a loopback redirect URI was refused")
            client = registered_client(registration_client.clients[0])
        login = await _authorize(http, evidence, metadata, callback, client, options)
    return replace(login, is_public=client.is_public)


async def _authorize(
    http: HttpProbe,
    evidence: Evidence,
    metadata: Mapping[str, Any],
    callback: CallbackServer,
    authentication: ClientAuthentication,
    options: SignInOptions,
) -> LoginEvidence:
    resource = evidence.token_resource
    request = AuthorizationRequest(authentication.client_id, callback.uri, resource, evidence.requested_scope)
    url = request.url(str(metadata["authorization_endpoint"]))
    # Fetch the page only: the redirect to the callback belongs to the user's browser.
    page = await http.follow_as_browser(await http.request("GET", url))
    login = LoginEvidence(form_action=form_action(page.header("Content-Security-Policy") or "") if page.ok else "")
    await options.open_page(url)
    parameters = await callback.parameters(within_seconds=options.wait_seconds)
    if parameters is None:
        failure = f"the sign-in was not completed within {options.wait_seconds:g} s{_first_step(page)}"
        return replace(login, timed_out=True, failure=failure)
    login = replace(
        login,
        callback_received=True,
        callback_error=parameters.get("error", "")[:80],
        callback_iss=parameters.get("iss"),
        state_returned=parameters.get("state") == request.state,
    )
    code = parameters.get("code")
    if not code:
        return replace(login, failure=f"the callback has {login.callback_error or 'no code'}")
    client = TokenClient(http, str(metadata["token_endpoint"]), authentication, resource)
    response = await client.redeem(code=code, verifier=request.verifier, redirect_uri=callback.uri)
    login = replace(login, code_exchange=response)
    if not response.ok:
        return replace(login, failure=f"the code was not exchanged: {response}")
    # RFC 6749 section 5.1: without scope in the response, the requested scope is granted.
    granted = tuple((response.scope if response.scope is not None else request.scope).split())
    key_set = evidence.key_set.document if evidence.key_set is not None else None
    token = examine_token(client.access_token, key_set)
    calls, step_up = await call_both_revisions(http, evidence.url, client.access_token, granted=granted)
    login = replace(login, token=token, calls=calls, step_up=step_up)
    login = await _refresh(client, login)
    current_revision = calls["tools/list"].ok
    if login.step_up is None and (current_revision or calls["legacy tools/list"].ok):
        login = replace(
            login,
            step_up=await call_with_narrowed_token(
                http, evidence.url, client, granted, current_revision=current_revision
            ),
        )
    login = await _revoke(client, metadata, login)
    replay = await client.redeem(code=code, verifier=request.verifier, redirect_uri=callback.uri)
    return replace(login, token_responses={**login.token_responses, "code replay": replay})


def _first_step(page: HttpExchange) -> str:
    """The first response to the browser, if it shows where the sign-in may have ended; else empty."""
    if page.is_redirect:
        return f"; the browser was sent to {page.redirect_target}"
    return "" if page.ok else f"; the sign-in page: {page.failure or page.status}"


async def _refresh(client: TokenClient, login: LoginEvidence) -> LoginEvidence:
    token_responses = {}
    first = client.refresh_token
    if first:
        token_responses["refresh"] = await client.refresh(first)
        if not token_responses["refresh"].ok:
            token_responses["refresh with resource"] = await client.refresh(first, with_resource=True)
    second = client.refresh_token
    if second and second != first:
        # Simulates a lost response or a concurrent refresh: present the previous token again.
        token_responses["reuse"] = await client.refresh(first)
        token_responses["after reuse"] = await client.refresh(second)
    return replace(login, token_responses=token_responses)


async def _revoke(client: TokenClient, metadata: Mapping[str, Any], login: LoginEvidence) -> LoginEvidence:
    endpoint = metadata.get("revocation_endpoint")
    if not client.refresh_token or not is_absolute(endpoint):
        return login
    revoked = client.refresh_token
    revocation = await client.revoke(str(endpoint))
    after = await client.refresh(revoked)
    return replace(login, token_responses={**login.token_responses, "after revocation": after}, revocation=revocation)
