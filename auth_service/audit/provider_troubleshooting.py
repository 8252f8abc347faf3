"""The entries of `explain` for sign-in through identity providers: meaning and remedy."""

from __future__ import annotations

from typing import Final

PROVIDER_ERRORS: Final[dict[str, tuple[str, str]]] = {
    # Accounts
    "identity_refused": (
        "The rules of the provider do not let the identity in, at a sign-in or a refresh; the reason says why.",
        "Correct allow or deny, if the user is one of yours. What was not stated may be at userinfo, or need a scope.",
    ),
    "identity_age": (
        "The last sign-in with the identity is older than AUTH_IDENTITY_MAX_AGE; the grant goes on after the next.",
        "The user signs in through the provider again: in any application, or at /account.",
    ),
    "provider_configured": (
        "This replica lacks the provider, but a user signed in with it after the replica read its configuration.",
        "Expected while a configuration is rolled out. If it goes on, restart the replicas that have the newer one.",
    ),
    "user_scopes": (
        "The user may have none of the scopes that the application asked for; the reason names them.",
        "Compare what AUTH_RESOURCES requires for these scopes with the identity: `auth_service users show NAME`.",
    ),
    "user_required_scopes": (
        "The user may not have a scope of the request that the resource declares as required; the reason names it.",
        "Compare what AUTH_RESOURCES requires for it with the identity: `auth_service users show NAME`.",
    ),
    "identity_size": (
        "The provider stated more about the identity than is stored: usually too many groups.",
        "Let the provider send fewer groups: those assigned to the application, or those that rules name.",
    ),
    "not_invited": (
        "The identity has no account, and AUTH_ACCOUNT_CREATION is invited.",
        (
            "`auth_service users add NAME --identity PROVIDER:SUBJECT` invites it. Who has an account links it at "
            "/account."
        ),
    ),
    "identity_taken": (
        "A user tried to link an identity that belongs to another account here.",
        "If both accounts are of one user: `auth_service users show NAME`, then remove the account that is not needed.",
    ),
    "identity_limit": (
        "The user has as many linked identities as one may have.",
        "The user can unlink one at /account.",
    ),
    "account_changed": (
        "The account was added, removed or changed by others while its user signed in. The client may retry.",
        "Frequent: compare the audit log (`auth_service audit --event user.`).",
    ),
    "last_way_to_sign_in": (
        "A user tried to unlink the only identity that can sign in to the account.",
        "The user links another one first.",
    ),
    # The way to a provider and back
    "sign_in_known": (
        "The response of an identity provider belongs to no sign-in in progress: used before, or after ten minutes.",
        "The user begins again. A page that is loaded twice, or a replay.",
    ),
    "sign_in_browser": (
        "The response of an identity provider arrived in another browser than the one that began, or without a cookie.",
        "Begin and finish in one browser, with cookies. Frequent: users are sent to sign-ins that others began.",
    ),
    "sign_in_provider": (
        "The response of an identity provider arrived at the callback address of another one.",
        "Compare the redirect URIs registered at the providers: each has its own. Otherwise a mix-up attack.",
    ),
    "sign_in_provider_known": (
        "No provider of AUTH_IDENTITY_PROVIDERS has this id.",
        "Expected for moments after its entry was removed.",
    ),
    "sign_in_link": (
        "The browser is not signed in, or no longer as the user who began to link an identity.",
        "The user begins again.",
    ),
    "sign_in_method": (
        "The response of an identity provider was posted although its entry says nothing of it, or the reverse.",
        "Set response_mode of the entry to what the provider does. A page of kind external posts a form.",
    ),
    "sign_in_size": (
        "The authorization request is too large to be kept while the browser is at an identity provider (12 kB).",
        "Its state consists of characters that are escaped; report it to the developer of the client.",
    ),
    # OpenID Connect
    "provider_metadata": (
        "The metadata of an OpenID provider cannot be fetched, or cannot be used; the reason says why.",
        "The command check-config repeats the fetch. An issuer must be written exactly as the provider writes it.",
    ),
    "provider_keys": (
        "The keys at the jwks_uri of a provider cannot be fetched, or none can be used; the reason says why.",
        "The command check-config repeats the fetch. A private key, or two keys of one kid, spoil the document.",
    ),
    "provider_token_endpoint": (
        "The token endpoint of an OpenID provider does not answer, or answers with a fault of its own.",
        "Frequent: look at the state of the provider, and at the way from here to it.",
    ),
    "provider_token_response": (
        "The answer of the token endpoint is no JSON object with an ID token and an access token.",
        "scopes must contain openid; something between here and the provider may answer in its place.",
    ),
    "provider_rejects_client": (
        "The token endpoint does not accept the client: wrong or expired credential, or not its method.",
        "Compare client_id, credential, token_endpoint_auth_method and the callback address with the provider.",
    ),
    "provider_userinfo": (
        "The userinfo endpoint is missing, does not answer, or answers with something else than a JSON object.",
        "Set userinfo of the entry to false, unless a rule needs a claim that only comes from there.",
    ),
    "userinfo_subject": (
        "The userinfo endpoint answered with the claims of another user.",
        "A fault of the provider, or an attack: report it to the provider.",
    ),
    "identity_subject": (
        "The ID token lacks the claims by which users of the provider are known; the reason names them.",
        "Entra: scopes must contain profile. Otherwise report it to the provider.",
    ),
    "sign_in_declined": ("The user declined at the provider.", "None, unless the user is surprised."),
    "sign_in_code": (
        "The provider refused the code: used before, expired, or of another sign-in.",
        "The user can begin again. Frequent: an attack.",
    ),
    "sign_in_response_error": (
        "The provider answered the authorization request with an error; the reason has its code.",
        "invalid_scope, unauthorized_client and the like: correct the entry. Otherwise the user can begin again.",
    ),
    "sign_in_response_*": (
        "The authorization response is not one of this sign-in; the reason says which check failed.",
        "After a change of the entry the user begins again. Otherwise a mix-up attack: report it to the provider.",
    ),
    "id_token_algorithm": (
        "The ID token is signed with an algorithm that the entry does not list.",
        "Compare id_token_algorithms with what the provider is set to. Otherwise an attack.",
    ),
    "id_token_tenant_allowed": (
        "The user belongs to a tenant of Entra that the entry does not list.",
        "Add the directory id to tenants, if its users may sign in.",
    ),
    "id_token_issued_at": (
        "The ID token was issued more than ten minutes ago, or in the future.",
        "Compare the clock of this machine with that of the provider.",
    ),
    "id_token_expiry": (
        "The ID token has expired.",
        "Compare the clock of this machine with that of the provider.",
    ),
    "id_token_authentication_time": (
        "The application asked for a recent sign-in; the provider did not make the user sign in, or does not say when.",
        "The provider must send auth_time for max_age. The user can sign out there and begin again.",
    ),
    "id_token_*": (
        "The ID token is not acceptable; the reason says which check failed.",
        "If each sign-in fails: a fault of the provider or of client_id. Otherwise an attack.",
    ),
    # A page of the operator
    "external_iat": (
        "The assertion is more than a minute old, or its iat is in the future.",
        "Sign it when the user has signed in, not before; compare the clock of the backend with that of this server.",
    ),
    "external_auth_time": (
        "The application asked for a recent sign-in, and the assertion does not say when the user signed in.",
        "Send auth_time, and let the page sign the user in anew for prompt=login (docs/providers/external.md).",
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
        "docs/providers/external.md lists what an assertion holds.",
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
        "The account at GitHub is suspended, took its authorization back, or is not that of a user.",
        "None, unless the user is surprised.",
    ),
    "github_*": (
        "The response belongs to another provider, or the configuration changed while the user signed in.",
        "The user can begin again. Frequent: an attack.",
    ),
}
