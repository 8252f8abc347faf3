"""What each failed check means and what to do about it: the table behind `explain`.

A test collects every check that the code can name and insists that it has an entry here. Entries are exact names or
families with a `*`; an exact name wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

_CLIENT: Final = "The fault is in the client's request; report it to whoever makes the client, with the private reason."
_RECONNECT: Final = "Remove the connection in the application and add it again."
_ATTACK: Final = "Seen often from one address, it is somebody trying: `audit --since 1h` shows from where."
_OURS: Final = "A fault of ours: nothing was lost, the caller may try again. "


@dataclass(frozen=True, slots=True)
class Advice:
    """Two sentences for the operator."""

    meaning: str
    remedy: str


ADVICE: Final[dict[str, Advice]] = {
    # The request as such
    "http_404": Advice(
        "Nothing is at this address.", "Compare the path with the metadata document; mind the issuer's path."
    ),
    "http_405": Advice("The address does not answer this method.", _CLIENT),
    "http_*": Advice("The request was malformed as HTTP, or too large.", _CLIENT),
    "content_type": Advice("The body has another content type than the endpoint takes.", _CLIENT),
    "body_size": Advice("The body is larger than any honest one.", _ATTACK),
    "body_*": Advice("The body broke off, came too slowly, or is not encoded as it says.", _CLIENT),
    "body_json": Advice("The body is not one JSON object.", _CLIENT),
    "parameters_decodable": Advice("The parameters are not UTF-8 form encoding, or too many.", _CLIENT),
    "repeated_parameter": Advice("A parameter came twice (RFC 6749 section 3.1).", _CLIENT),
    "*_present": Advice("A parameter that must be there is missing.", _CLIENT),
    "*_size": Advice("A parameter is longer than is accepted.", _CLIENT),
    "limit_*": Advice(
        "More requests than the limit of this name allows (docs/limits.md).",
        "If the callers are honest and share an address, add it to AUTH_RATE_LIMIT_SHARED_NETWORKS; behind a proxy, "
        "name it in AUTH_TRUSTED_PROXIES, or all callers count as one.",
    ),
    # Who the client is
    "client_known": Advice(
        "No client has this id, or its registration ended after long disuse.",
        f"{_RECONNECT} A pre-registered client: `clients list`.",
    ),
    "client_document_fetched": Advice(
        "The client's metadata document could not be fetched, or is not acceptable.",
        "Open the client_id in a browser: it must be public https, JSON, small, and name itself. "
        "AUTH_CIMD_ALLOW and _DENY may stand in the way.",
    ),
    "client_secret": Advice(
        "The client's secret is wrong.", "Give the client its secret again: `clients add` makes a new one."
    ),
    "client_secret_expiry": Advice("The client's secret has expired.", "Register the client anew."),
    "client_grant_type": Advice("The client may not use this grant type.", "Change its registration: `clients show`."),
    "client_keys*": Advice(
        "The client's public keys are not acceptable, or could not be fetched.", "Check its jwks or jwks_uri."
    ),
    "authentication_method": Advice("The client did not prove itself in the way it registered.", _CLIENT),
    "authorization_scheme": Advice("The Authorization header is of a scheme that clients do not use here.", _CLIENT),
    "basic_readable": Advice("The Basic credentials cannot be decoded.", _CLIENT),
    "one_*": Advice("The client named itself twice, in two ways.", _CLIENT),
    "assertion_*": Advice(
        "The signed assertion (private_key_jwt) is not acceptable.",
        "Compare its audience with the issuer, its clock with ours, and its key with the client's jwks.",
    ),
    "redirect_uri_registered": Advice(
        "The redirect URI is not one of the client's. Its registration is old, or somebody tries to steal a code.",
        f"{_RECONNECT} If nobody here started it: it was an attack, and it failed.",
    ),
    # Registration
    "redirect_uri*": Advice("A redirect URI to be registered is not safe or not one.", _CLIENT),
    "redirect_uri_app_scheme": Advice(
        "The app's own URI scheme is not among those allowed.",
        "If you trust the app, add the scheme to AUTH_REDIRECT_SCHEMES.",
    ),
    "grant_type_known": Advice("Only authorization_code and refresh_token are granted.", _CLIENT),
    "grant_types": Advice("The registration asks for grant types that go not together or not here.", _CLIENT),
    "response_types": Advice("The registration asks for response types other than code.", _CLIENT),
    "token_endpoint_auth_method": Advice("The registration asks for an unknown way to authenticate.", _CLIENT),
    "registration_access_token": Advice("The token that manages a registration is missing or wrong.", _CLIENT),
    "update_*": Advice("A registration's update names another id or secret (RFC 7592 section 2.2).", _CLIENT),
    # The authorization request
    "no_request_object": Advice("The client sends request objects, which are not supported.", _CLIENT),
    "response_type": Advice("Only response_type=code is answered.", _CLIENT),
    "response_mode": Advice("Only response_mode=query is answered.", _CLIENT),
    "pkce": Advice("PKCE with S256 is missing, or the verifier does not fit the challenge.", _CLIENT),
    "prompt_none": Advice("The client wanted no interaction, but the person must decide.", "Nothing to do."),
    "resource_known": Advice(
        "The resource is not one of AUTH_RESOURCES.", "Compare `resource` with AUTH_RESOURCES and with MCP_RESOURCE."
    ),
    "resource_granted": Advice("The tokens were granted for another resource.", _RECONNECT),
    "scope_grammar": Advice("The scope parameter is malformed.", _CLIENT),
    "scope_grantable": Advice(
        "Nothing of what was asked can be granted to this client.", "Compare with AUTH_RESOURCES."
    ),
    # The person
    "interaction_known": Advice("The sign-in took longer than AUTH_INTERACTION_TTL, or was finished.", _RECONNECT),
    "interaction_browser": Advice(
        "The page was opened in another browser than began.", "Begin and end in one browser."
    ),
    "csrf": Advice(
        "A form was not of this browser: its cookie is gone or blocked, or somebody else made the form.", _ATTACK
    ),
    "decision_current": Advice("The page of the decision is no longer current.", _RECONNECT),
    "form_origin": Advice("A page of another site sent one of our forms.", _ATTACK),
    "decision_present": Advice("The consent form came without a decision.", _CLIENT),
    "sign_in_delay": Advice(
        "Password attempts follow each other too closely (docs/limits.md).",
        "Wait, or sign in from a browser that did before. `users set-password` if the password is lost.",
    ),
    # Codes and refresh tokens
    "code_unused": Advice(
        "An authorization code came twice: its tokens were ended.",
        "A client that retries wrongly, or a stolen code. Once: reconnect. Often: look at the client and its redirect.",
    ),
    "code_fresh": Advice("The code is older than AUTH_AUTHORIZATION_CODE_TTL.", "Compare the clocks of the replicas."),
    "code_*": Advice("The authorization code is unknown, spent, or of another client or redirect.", _RECONNECT),
    "refresh_reused": Advice(
        "A spent refresh token came back: two hold it, so the grant was ended.",
        f"{_RECONNECT} If it happens again, find out who shares or copies that client's stored tokens.",
    ),
    "refresh_forked": Advice(
        "After a failover of the store two different successors of one token came: the grant was ended.", _RECONNECT
    ),
    "refresh_expired": Advice(
        "The grant was unused for AUTH_REFRESH_TOKEN_TTL, or reached its absolute end.", _RECONNECT
    ),
    "refresh_ended": Advice(
        "The grant was ended: by the person, by you, or by a replay.", "`audit --client ID` says by whom."
    ),
    "refresh_wrong_client": Advice("The refresh token belongs to another client.", _ATTACK),
    "refresh_*": Advice(
        "The refresh token is not known here.", f"{_RECONNECT} After a restore of the store: expected."
    ),
    # Callers of introspection and userinfo
    "introspection_caller": Advice(
        "The caller may not introspect this resource's tokens.", "Add it with `clients add --introspects RESOURCE`."
    ),
    "bearer_*": Advice("The access token at userinfo is missing, dead, or of nobody.", _CLIENT),
    "openid_scope": Advice("userinfo needs the scope openid.", _CLIENT),
    **{
        name: Advice("The access token is not one of ours, or is no longer valid.", _CLIENT)
        for name in (
            *("alg", "aud", "b64", "client_id", "crit", "exp", "form", "iat", "iss", "jti", "kid", "nbf"),
            *("scope", "signature", "size", "sub", "typ"),
        )
    },
    # Ourselves
    "store": Advice("The store did not answer in time.", f"{_OURS}Look at the store; /readyz tells when it is back."),
    "key*": Advice(
        "The signing keys are not loaded, or cannot be unsealed.",
        f"{_OURS}`keys list`; AUTH_KEY_ENCRYPTION_KEY must still hold the secret that sealed them.",
    ),
    "password_queue": Advice(
        "Too many passwords were being verified at once.", f"{_OURS}A flood of sign-ins, or too few cores."
    ),
    "onward_location": Advice("A page was to lead on to an address that is not safe.", f"{_OURS}Report it."),
    "unexpected": Advice("A bug.", f"{_OURS}The log line with this request ID has the stack trace: report it."),
}


def advice_for(error_id: str) -> Advice | None:
    """The entry of a check: by its name, else by the longest family that fits."""
    if error_id in ADVICE:
        return ADVICE[error_id]
    families = [name for name in ADVICE if "*" in name and fnmatchcase(error_id, name)]
    return ADVICE[max(families, key=len)] if families else None
