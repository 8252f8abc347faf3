"""The meaning and the remedy of each error id of both services: the tables behind `explain`.

A test collects every error id in the code of both services and checks that it has an entry here. An entry is an exact
id or a family with `*`; an exact id takes precedence. A command in backticks is printed as it is run where `explain`
runs (shared/operator_commands.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from auth_service.audit.guard_troubleshooting import GUARD_ERRORS
from auth_service.audit.provider_troubleshooting import PROVIDER_ERRORS
from auth_service.audit.request_troubleshooting import REQUEST_ERRORS

if TYPE_CHECKING:
    from shared.operator_commands import Service

_CLIENT: Final = "The client's request is at fault; report it to the client's developer, with the private reason."
_RECONNECT: Final = "Remove the connection in the client and add it again."
_ATTACK: Final = "Frequent from one address: probably an attack. `auth_service audit --since 1h` shows the address."
_SERVICE: Final = "A fault of the service; the client may retry. "


@dataclass(frozen=True, slots=True)
class Troubleshooting:
    """The meaning of an error and its remedy for the operator: one or two sentences each."""

    meaning: str
    remedy: str


def _entries(*tables: Mapping[str, tuple[str, str]]) -> dict[str, Troubleshooting]:
    return {name: Troubleshooting(*texts) for table in tables for name, texts in table.items()}


_AUTH_SERVICE: Final[dict[str, Troubleshooting]] = {
    # The request as such
    "parameters_decodable": Troubleshooting(
        "The parameters are not form-encoded UTF-8, or there are too many.", _CLIENT
    ),
    "repeated_parameter": Troubleshooting("A parameter is repeated (RFC 6749 section 3.1).", _CLIENT),
    "*_present": Troubleshooting("A required parameter is missing.", _CLIENT),
    "*_size": Troubleshooting("A parameter is too long.", _CLIENT),
    "limit_*": Troubleshooting(
        "The rate limit of this name was exceeded (docs/rate-limits.md).",
        "If legitimate clients share an address, add it to AUTH_RATE_LIMIT_SHARED_NETWORKS. Behind a proxy, add the "
        "proxy to AUTH_TRUSTED_PROXIES: otherwise all clients count as one.",
    ),
    # Client identification and authentication
    "client_known": Troubleshooting(
        "No client has this id, or its registration expired unused.",
        f"{_RECONNECT} For a pre-registered client see `auth_service clients list`.",
    ),
    "cimd_*": Troubleshooting(
        "The client's metadata document could not be fetched or is not acceptable.",
        "Open the client_id in a browser: it must be public, https, small JSON that contains its own URL. "
        "AUTH_CIMD_ALLOW and _DENY may exclude its host.",
    ),
    "client_keys_acceptable": Troubleshooting(
        "The client's jwks_uri answers with something that is no JWKS; the reason says what.",
        "Open it in a browser: it must be public, https, without redirects, and JSON.",
    ),
    "client_secret": Troubleshooting(
        "The client's secret is wrong.",
        "Configure the right secret in the client, or add the client again: `auth_service clients add --help`.",
    ),
    "client_secret_expiry": Troubleshooting("The client's secret has expired.", "Register the client again."),
    "client_grant_type": Troubleshooting(
        "The client may not use this grant type.", "Change its registration: `auth_service clients show ID`."
    ),
    "client_keys*": Troubleshooting(
        "The client's public keys could not be fetched or are not acceptable.", "Check its jwks or jwks_uri."
    ),
    "authentication_method": Troubleshooting("The client did not authenticate with its registered method.", _CLIENT),
    "authorization_scheme": Troubleshooting(
        "The scheme of the Authorization header is not supported for clients.", _CLIENT
    ),
    "basic_readable": Troubleshooting("The Basic credentials cannot be decoded.", _CLIENT),
    "one_*": Troubleshooting("The client identified itself in two ways.", _CLIENT),
    "assertion_*": Troubleshooting(
        "The signed assertion (private_key_jwt) is not acceptable.",
        "Compare its audience with the issuer, its times with the server's clock, and its key with the client's jwks.",
    ),
    "redirect_uri_registered": Troubleshooting(
        "The redirect URI is not registered for the client: the registration is outdated, or this is an attempt "
        "to steal a code.",
        f"{_RECONNECT} If no user of yours started it, it was an attack, and it failed.",
    ),
    # Status lists
    "known_form": Troubleshooting(
        "A verifier sent a cursor to the change feed of the status lists that no response of this server had.",
        "Let it send the last value of known as it was received, or an empty one.",
    ),
    "status_list*": Troubleshooting(
        "No status list with a free entry is known: Redis was unavailable since the start, or the list of this request "
        "filled up meanwhile.",
        "Connect again. If it persists, see /readyz and the log of this replica.",
    ),
    # Registration
    "redirect_uri*": Troubleshooting("A redirect URI in the registration is malformed or not safe.", _CLIENT),
    "redirect_uri_app_scheme": Troubleshooting(
        "The app's private-use URI scheme is not allowed.",
        "If you trust the app, add the scheme to AUTH_REDIRECT_SCHEMES.",
    ),
    "grant_type_known": Troubleshooting(
        "Only the grant types authorization_code and refresh_token are supported.", _CLIENT
    ),
    "grant_types": Troubleshooting(
        "The grant types of the registration are not supported or contradict each other.", _CLIENT
    ),
    "response_types": Troubleshooting("The registration contains a response type other than code.", _CLIENT),
    "token_endpoint_auth_method": Troubleshooting(
        "The authentication method of the registration is not supported.", _CLIENT
    ),
    "registration_access_token": Troubleshooting("The registration access token is missing or wrong.", _CLIENT),
    "update_*": Troubleshooting(
        "The update of a registration contains another id or secret (RFC 7592 section 2.2).", _CLIENT
    ),
    # The authorization request
    "plain_request": Troubleshooting(
        "The parameters request, request_uri and registration are not supported.", _CLIENT
    ),
    "response_type": Troubleshooting("Only response_type=code is supported.", _CLIENT),
    "response_mode": Troubleshooting("Only response_mode=query is supported.", _CLIENT),
    "pkce": Troubleshooting("PKCE with S256 is missing, or the verifier does not match the challenge.", _CLIENT),
    "prompt": Troubleshooting("prompt=none is combined with another value.", _CLIENT),
    "prompt_none": Troubleshooting(
        "The client asked for no interaction, but the user must sign in or decide.", "No action needed."
    ),
    "max_age": Troubleshooting("The parameter max_age is not a whole number of seconds.", _CLIENT),
    "id_token_hint": Troubleshooting(
        "The parameter id_token_hint is no ID token of this issuer; the reason says why.", _CLIENT
    ),
    "hinted_user": Troubleshooting(
        "The client asked by id_token_hint for another user than the one who signed in.",
        f"The user signs in as the user of the existing connection. To connect another one: {_RECONNECT}",
    ),
    "resource_known": Troubleshooting(
        "The resource is not one of AUTH_RESOURCES.", "Compare `resource` with AUTH_RESOURCES and with MCP_RESOURCE."
    ),
    "resource_granted": Troubleshooting("The grant is for another resource.", _RECONNECT),
    "scope_grammar": Troubleshooting("The scope parameter is malformed.", _CLIENT),
    "scope_grantable": Troubleshooting(
        "None of the requested scopes can be granted to this client.", "Compare with AUTH_RESOURCES."
    ),
    # The user
    "interaction_known": Troubleshooting(
        "The interaction is older than AUTH_INTERACTION_TTL, or was completed.", _RECONNECT
    ),
    "interaction_browser": Troubleshooting(
        "The page was opened in another browser than the one that started the interaction.",
        "Start and finish in one browser.",
    ),
    "client_changed": Troubleshooting(
        "The client's name, redirect URIs, grant types or scope changed between the request and the decision.",
        f"{_RECONNECT} If it recurs, the client's metadata document changes from fetch to fetch.",
    ),
    "csrf": Troubleshooting(
        "The form does not belong to this browser, or is outdated: its cookie is missing or blocked, the resource's "
        "settings changed, or another site made the form.",
        _ATTACK,
    ),
    "decision_current": Troubleshooting("The consent page is outdated.", _RECONNECT),
    "form_origin": Troubleshooting("Another site submitted a form of this service.", _ATTACK),
    "scope_chosen": Troubleshooting(
        "The user allowed the request but left no scope of the resource; the consent page was shown again.",
        "No action needed.",
    ),
    "decision_present": Troubleshooting("The consent form contains no decision.", _CLIENT),
    "sign_in_delay": Troubleshooting(
        "Password attempts for this account are delayed after failures (docs/rate-limits.md).",
        "Wait, or sign in from a browser that has signed in before. For a lost password: "
        "`auth_service users set-password NAME`.",
    ),
    # Codes and refresh tokens
    "code_unused": Troubleshooting(
        "An authorization code was presented again. Beyond ten seconds, or from another network, its grant was ended.",
        "A callback that is loaded twice, a client that retries incorrectly, or a stolen code. "
        f"{_RECONNECT} If it recurs, examine the client and its redirect URI.",
    ),
    "code_fresh": Troubleshooting(
        "The code is older than AUTH_AUTHORIZATION_CODE_TTL.", "Compare the clocks of the replicas."
    ),
    "code_ended": Troubleshooting(
        "The grant of the code has ended already; the reason names the cause.",
        f"{_RECONNECT} See `auth_service audit --client ID`.",
    ),
    "code_*": Troubleshooting(
        "The authorization code is malformed, unknown or expired, or for another client or redirect URI.", _RECONNECT
    ),
    "refresh_reused": Troubleshooting(
        "A replaced refresh token was presented: it has been copied, so the grant was ended.",
        f"{_RECONNECT} If it recurs, find out how the client's stored tokens are shared or copied.",
    ),
    "refresh_diverged": Troubleshooting(
        "After a failover of Redis a token of a discarded branch was presented. The grant goes on with the other one.",
        _RECONNECT,
    ),
    "refresh_resource_removed": Troubleshooting(
        "The resource of the grant is not in AUTH_RESOURCES any more, so the grant was ended.",
        "If the resource was left out by mistake, configure it again; users must connect again.",
    ),
    "refresh_list_full": Troubleshooting(
        "A scope of the grant was taken away, and its status list has no entry left for narrower tokens: the grant was "
        "ended.",
        f"{_RECONNECT} It happens when the scopes of a very large number of grants are changed more than once.",
    ),
    "resource_configured": Troubleshooting(
        "The resource was in the configuration when the user decided, but is not in that of this replica.",
        "Expected for moments while replicas are restarted with another AUTH_RESOURCES. Otherwise compare their "
        "settings.",
    ),
    "scope_granted": Troubleshooting(
        "A refresh requested only scopes that the user did not grant, or that the resource no longer has.", _RECONNECT
    ),
    "user_active": Troubleshooting(
        "The user was suspended or removed, perhaps while a sign-in or a refresh was under way.",
        "`auth_service users list` shows suspended users; `auth_service users resume NAME` lifts it.",
    ),
    "refresh_expired": Troubleshooting(
        "The grant was unused for AUTH_REFRESH_TOKEN_TTL, or reached AUTH_REFRESH_TOKEN_ABSOLUTE_TTL.", _RECONNECT
    ),
    "refresh_ended": Troubleshooting(
        "The grant had ended: by its user, its client or an operator, because of a replay, because the user was "
        "suspended or removed, or because newer grants of the same client took its place. The reason names the cause.",
        "See `auth_service audit --client ID`.",
    ),
    "refresh_wrong_client": Troubleshooting("The refresh token belongs to another client.", _ATTACK),
    "refresh_token_form": Troubleshooting(
        "The refresh token is not one of this service: it is malformed, or its MAC is not valid.",
        f"{_RECONNECT} If this concerns many clients, AUTH_KEY_ENCRYPTION_KEY lacks the secret that made their tokens.",
    ),
    "refresh_*": Troubleshooting(
        "The refresh token is unknown.", f"{_RECONNECT} Expected after Redis was restored from a backup."
    ),
    # Introspection and userinfo
    "introspection_caller": Troubleshooting(
        "The client may not introspect tokens of this resource.",
        "Add one that may: `auth_service clients add --name NAME --secret --introspects RESOURCE`.",
    ),
    "bearer_*": Troubleshooting(
        "The access token for userinfo is missing, sent twice or not valid, or its user was removed.", _CLIENT
    ),
    "openid_scope": Troubleshooting("userinfo requires the scope openid.", _CLIENT),
    # The service
    "key*": Troubleshooting(
        "The signing keys are not loaded or cannot be decrypted.",
        f"{_SERVICE}See `auth_service keys list`; AUTH_KEY_ENCRYPTION_KEY must contain the secret that encrypted them.",
    ),
    "password_queue": Troubleshooting(
        "The expected wait for password verification was too long.", f"{_SERVICE}A flood of sign-ins, or too few cores."
    ),
    "onward_location": Troubleshooting("A page would have redirected to an unsafe address.", f"{_SERVICE}Report it."),
}

TROUBLESHOOTING: Final[Mapping[Service, Mapping[str, Troubleshooting]]] = {
    "auth_service": _entries(REQUEST_ERRORS, PROVIDER_ERRORS) | _AUTH_SERVICE,
    "mcp_service": _entries(REQUEST_ERRORS, GUARD_ERRORS),
}


def troubleshooting_for(service: Service, error_id: str) -> Troubleshooting | None:
    """The entry of an error id of this service: the exact one, else the longest family that matches."""
    table = TROUBLESHOOTING[service]
    if error_id in table:
        return table[error_id]
    families = [name for name in table if "*" in name and fnmatchcase(error_id, name)]
    return table[max(families, key=len)] if families else None


def is_error_id(text: str) -> bool:
    """Whether the text is an error id rather than a request id; request ids of this service have no underscore."""
    return any(
        text in table or ("_" in text and troubleshooting_for(service, text) is not None)
        for service, table in TROUBLESHOOTING.items()
    )
