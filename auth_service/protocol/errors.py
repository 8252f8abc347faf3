"""The errors of an authorization server, one class per OAuth error code.

http/error_responses.py renders them: as JSON at endpoints for clients; as a page for the user while client and redirect
URI are not verified; afterwards as a redirect.
"""

from __future__ import annotations

from auth_service.texts import Text, message
from shared.errors import RequestRejected


class OAuthError(RequestRejected):
    """An error with a code that an OAuth specification defines. RequestRejected alone: no such code exists."""


class InvalidRequest(OAuthError):
    """RFC 6749 section 5.2: a parameter is missing, repeated or malformed."""

    code = "invalid_request"
    public = "The request is missing a parameter, repeats one, or has one that is malformed."


class InvalidClient(OAuthError):
    """RFC 6749 section 5.2, interop.md A12: 401, so that a client registers again."""

    status = 401
    code = "invalid_client"
    public = "Client authentication failed, or the client is not known here."


class UnknownClient(InvalidClient):
    """No client has this id. `tombstone`: there was one, and its registration ended."""

    def __init__(self, reason: str, *, tombstone: bool = False) -> None:
        super().__init__(reason, error_id="client_known")
        self.tombstone = tombstone


class UnacceptableCimd(UnknownClient):
    """The client ID metadata document or its URL violates a rule; the private reason says which.

    `told`: the public text says it too, because the reason is in the document, which is public.
    """

    public = "The metadata document by which the application names itself is not acceptable here."

    def __init__(self, reason: str, *, told: bool = False) -> None:
        super().__init__(reason)
        self.error_id = "cimd_acceptable"
        if told:
            self.public = f"{self.public} The reason: {reason}."


class InvalidGrant(OAuthError):
    """RFC 6749 section 5.2, interop.md A12: always 400, always the same public text."""

    code = "invalid_grant"
    public = "The grant is invalid, expired, already used, or was issued to another client."


class UnauthorizedClient(OAuthError):
    """RFC 6749 section 5.2: this client may not use this grant type."""

    code = "unauthorized_client"
    public = "This client may not use this grant type."


class UnsupportedGrantType(OAuthError):
    """RFC 6749 section 5.2."""

    code = "unsupported_grant_type"
    public = "This grant type is not supported."


class InvalidScope(OAuthError):
    """RFC 6749 section 5.2."""

    code = "invalid_scope"
    public = "The requested scope is malformed or exceeds what was granted."


class InvalidTarget(OAuthError):
    """RFC 8707 section 2: the resource is not known here."""

    code = "invalid_target"
    public = "The requested resource is not known here."


class InvalidClientMetadata(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_client_metadata"
    public = "A member of the client metadata is not acceptable."


class InvalidRedirectUri(OAuthError):
    """RFC 7591 section 3.2.2."""

    code = "invalid_redirect_uri"
    public = "A redirect URI is not acceptable."


class PageError(RequestRejected):
    """An error that is shown as a page and never redirected, because client or redirect URI are not verified."""

    code = "invalid_request"
    public: Text

    def __init__(
        self,
        reason: str,
        *,
        error_id: str,
        title: Text,
        public: Text,
        hint: Text | None = None,
        detail: str = "",
        status: int = 400,
    ) -> None:
        """`detail` is a text for the developer of the app, in technical English."""
        super().__init__(reason, error_id=error_id, public=public, status=status)
        self.title = title
        self.hint = hint
        self.detail = detail


class RedirectError(OAuthError):
    """Sent to the client's redirect URI with `error`, `state` and `iss` (RFC 6749 section 4.1.2.1, RFC 9207).

    Unless `automatic`, a page shows the error with a link that names the host (RFC 9700 section 4.11.2).
    """

    def __init__(
        self,
        reason: str,
        *,
        error_id: str,
        code: str,
        redirect_uri: str,
        state: str | None,
        public: str,
        automatic: bool,
    ) -> None:
        super().__init__(reason, error_id=error_id, public=public, code=code, status=303 if automatic else 400)
        self.redirect_uri = redirect_uri
        self.state = state
        self.automatic = automatic


class TooManyRequests(RequestRejected):
    """RFC 6585 section 4, interop.md A12: 429 with Retry-After, never invalid_grant; nothing was consumed."""

    status = 429
    code = "temporarily_unavailable"
    public: Text = message("Too many attempts. Please wait a moment, then try again.")
