"""The entries of `explain` for sign-in through identity providers: meaning and remedy."""

from __future__ import annotations

from typing import Final

PROVIDER_ERRORS: Final[dict[str, tuple[str, str]]] = {
    # A page of the operator
    "external_jwks": (
        "The keys of a page of the operator (kind external) cannot be fetched from its jwks_uri.",
        "The reason says what failed. It must be reachable from here: JSON, public keys only, without redirects.",
    ),
    "external_iat": (
        "The assertion is more than a minute old, or its iat is in the future.",
        "Sign it when the user has signed in, not before; compare the clock of the backend with that of this server.",
    ),
    "external_auth_time": (
        "The application asked for a recent sign-in, and the assertion does not say when the user signed in.",
        "Send auth_time, and let the page sign the user in anew for prompt=login (docs/external-sign-in.md).",
    ),
    "external_nonce": (
        "The nonce is not that of this sign-in.",
        "Copy it from the query of the page into the assertion. Frequent: an assertion is replayed.",
    ),
    "external_provider": (
        "The sign-in was begun before the configuration of the provider changed, or at another provider.",
        "The user can begin again. Frequent: an attack.",
    ),
    "external_error": ("The page reports that the user did not sign in.", "None, if the user declined."),
    "external_used": (
        "A session token signs its user in once, and this one has.",
        "Let the page fetch a fresh one, or let the backend sign assertions.",
    ),
    "external_origin": (
        "A session token was posted by another page than the one of the configuration.",
        "Compare origin in accept_session_token with the address of the page. Frequent: another site posts tokens.",
    ),
    "external_*": (
        "What the page of the operator (kind external) posted is not acceptable; the reason says which check failed.",
        "docs/external-sign-in.md lists what an assertion holds.",
    ),
    # GitHub
    "github_unavailable": (
        "GitHub does not answer, refuses the app, or does not answer as documented; the reason says what.",
        "After incorrect_client_credentials or redirect_uri_mismatch correct the entry or the app. Otherwise wait.",
    ),
    "github_code": (
        "The code was used before, has expired, or belongs to another sign-in.",
        "The user can begin again. Frequent: an attack.",
    ),
    "github_error": ("GitHub reports that the user did not sign in.", "None, if the user declined."),
    "github_account": (
        "The account at GitHub is suspended, took its authorization back, or is not that of a person.",
        "None, unless the user is surprised.",
    ),
    "github_*": (
        "The response belongs to another provider, or the configuration changed while the user signed in.",
        "The user can begin again. Frequent: an attack.",
    ),
}
