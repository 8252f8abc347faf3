"""The IdentityProvider of GitHub: the code flow with PKCE and state, then the user API.

GitHub has no ID token, no nonce and no `auth_time`. `state`, PKCE and the client secret bind its response to a
sign-in; the user counts as authenticated when the response was verified. Everything is read anew at each sign-in: the
browser may have switched accounts.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Final

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from auth_service.federation.github import responses
from auth_service.federation.github.responses import BadResponse, GitHubToken, Memberships
from auth_service.federation.identity import MAX_GROUPS, Identity
from auth_service.federation.provider import ClientRejected, ProviderDiagnosis, ProviderUnavailable, SignInRefused
from shared.fetch.ssrf_safe_client import FetchFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auth_service.federation.configuration import GitHubProvider
    from auth_service.federation.http import ProviderHttp, ProviderResponse
    from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn

PUBLIC_ORIGIN: Final = "https://github.com"
PUBLIC_API: Final = "https://api.github.com"
ANSWER_SECONDS: Final = 12.0
"""The maximum seconds for all requests of one sign-in together."""
MAX_TOKEN_BYTES: Final = 16 * 1024
MAX_PAGE_BYTES: Final = 1024 * 1024
"""The maximum bytes of one page; a page of 100 teams has some 300 kB."""
PAGE_SIZE: Final = 100
MAX_PAGES: Final = MAX_GROUPS // PAGE_SIZE
_CODE: Final = re.compile(r"[\x21-\x7e]{1,512}")
_API_HEADERS: Final = {"Accept": "application/vnd.github+json"}


class GitHubIdentityProvider:
    """GitHub.com or a GitHub Enterprise Server, through an OAuth app."""

    def __init__(
        self,
        configuration: GitHubProvider,
        *,
        redirect_uri: str,
        fetch: ProviderHttp,
        clock: Callable[[], float],
        monotonic: Callable[[], float],  # noqa: ARG002 - all kinds are constructed alike
    ) -> None:
        """`clock` is seconds since 1970."""
        self._configuration = configuration
        self._redirect_uri = redirect_uri
        self._http = fetch
        self._clock = clock
        self._is_available = True
        self._rejects_client = False
        self._reads_memberships = reads_memberships(configuration)
        origin = configuration.origin
        self._api = configuration.api or (PUBLIC_API if origin == PUBLIC_ORIGIN else f"{origin}/api/v3")

    @property
    def id(self) -> str:
        return self._configuration.id

    @property
    def display_name(self) -> str:
        return self._configuration.display_name

    @property
    def is_available(self) -> bool:
        return self._is_available

    @property
    def rejects_client(self) -> bool:
        return self._rejects_client

    async def issuer(self) -> str:
        """The origin of GitHub, which stands for the issuer: GitHub has none."""
        return self._configuration.origin

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        url: str = prepare_grant_uri(
            f"{self._configuration.origin}/login/oauth/authorize",
            client_id=self._configuration.client_id,
            response_type="code",
            redirect_uri=self._redirect_uri,
            scope=self._scopes(),
            state=pending.state,
            code_challenge=create_s256_code_challenge(pending.code_verifier),
            code_challenge_method="S256",
            login=request.login_hint or None,
            prompt="select_account" if request.force_reauthentication else None,
        )
        return url

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        check_pending(pending, self._configuration)
        check_issuer(parameters, self._configuration)
        if "error" in parameters:
            error = parameters["error"]
            raise SignInRefused(
                f"GitHub reports {error!r:.60}", error_id="github_error", cancelled=error == "access_denied"
            )
        code = parameters.get("code", "")
        if _CODE.fullmatch(code) is None:
            raise SignInRefused("the response has no code", error_id="github_code")
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                identity = await self._identify(pending, code)
        except (BadResponse, FetchFailed) as exc:
            raise self._unavailable(str(exc), rejects_client=isinstance(exc, responses.BadClient)) from exc
        except TimeoutError as exc:
            raise self._unavailable(f"not all answers within {ANSWER_SECONDS} s") from exc
        self._is_available, self._rejects_client = True, False
        return identity

    async def diagnose(self) -> ProviderDiagnosis:
        """A problem for each of the two addresses that does not answer."""
        problems = []
        for address in (self._configuration.origin, self._api):
            try:
                await self._http.get_response(f"{address}/", max_bytes=MAX_PAGE_BYTES)
            except FetchFailed as exc:
                # Any answer will do: servers in private mode redirect to their sign-in page or answer 401.
                if not str(exc).startswith("status "):
                    problems.append(f"{address} cannot be reached: {exc}.")
        return ProviderDiagnosis(tuple(problems))

    async def close(self) -> None:
        """No-op: no fetch outlives its caller."""

    def _scopes(self) -> list[str]:
        return ["user:email", *(["read:org"] if self._reads_memberships else [])]

    async def _identify(self, pending: PendingSignIn, code: str) -> Identity:
        token = await self._exchange(pending, code)
        account = responses.account(await self._get("/user", token))
        # One after the other: GitHub's secondary rate limit counts concurrent requests of a user.
        email = await self._address(token)
        organizations = await self._memberships("/user/orgs", token, responses.organizations)
        teams = await self._memberships("/user/teams", token, responses.teams)
        return Identity(
            provider=self.id,
            issuer=self._configuration.origin,
            subject=str(account.id),
            authenticated_at=int(self._clock()),
            email=email,
            email_verified=email is not None,
            name=account.name,
            login=account.login,
            groups=organizations.ids + teams.ids,
            groups_complete=organizations.complete and teams.complete,
            organizations=organizations.names,
            teams=teams.names,
        )

    async def _exchange(self, pending: PendingSignIn, code: str) -> GitHubToken:
        form = {
            "grant_type": "authorization_code",
            "client_id": self._configuration.client_id,
            "client_secret": self._configuration.client_secret.get_secret_value(),
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": pending.code_verifier,
        }
        response = await self._http.post_form(
            f"{self._configuration.origin}/login/oauth/access_token",
            form,
            max_bytes=MAX_TOKEN_BYTES,
            headers={"Accept": "application/json"},
        )
        return responses.github_token(response)

    async def _address(self, token: GitHubToken) -> str | None:
        if "user:email" not in token.scopes:
            return None
        response = await self._request("/user/emails", token)
        # An organisation or an administrator can take the scope away.
        return None if response.status in {403, 404} else responses.verified_address(responses.read_json(response))

    async def _memberships(self, path: str, token: GitHubToken, read: Callable[..., Memberships]) -> Memberships:
        """The entries of all pages, or UNKNOWN if not all were read: a rule must not decide on a part of the list."""
        if not self._reads_memberships or "read:org" not in token.scopes:
            return responses.UNKNOWN
        pages: list[Any] = []
        complete = True
        for number in range(1, MAX_PAGES + 1):
            response = await self._request(f"{path}?per_page={PAGE_SIZE}&page={number}", token)
            if response.status in {403, 404}:
                return responses.UNKNOWN
            pages.append(responses.read_json(response))
            complete = complete and not responses.leaves_out(response)
            if not responses.has_next_page(response):
                return read(pages, complete=complete)
        return read(pages, complete=False)

    async def _get(self, path: str, token: GitHubToken) -> Any:
        response = await self._request(path, token)
        if response.status in {401, 403}:
            raise SignInRefused(f"{path}: status {response.status}", error_id="github_account")
        return responses.read_json(response)

    async def _request(self, path: str, token: GitHubToken) -> ProviderResponse:
        response = await self._http.get_response(
            f"{self._api}{path}",
            max_bytes=MAX_PAGE_BYTES,
            headers={**_API_HEADERS, "Authorization": f"Bearer {token.value}"},
        )
        if responses.is_rate_limited(response):
            raise BadResponse(f"{path}: rate limit, status {response.status}")
        return response

    def _unavailable(self, reason: str, *, rejects_client: bool = False) -> ProviderUnavailable:
        self._is_available, self._rejects_client = False, rejects_client
        kind = ClientRejected if rejects_client else ProviderUnavailable
        return kind(f"{self._configuration.origin}: {reason}", error_id="github_unavailable")


def reads_memberships(configuration: GitHubProvider) -> bool:
    """Whether `read:org` is asked for: if a rule of the entry needs it, or the operator says that another does."""
    rules = (configuration.allow, configuration.deny)
    return configuration.organizations or any(rule.depends_on_groups for rule in rules)


def check_pending(pending: PendingSignIn, configuration: GitHubProvider) -> None:
    """The sign-in was begun at this provider, at the origin that it has now."""
    if (pending.provider, pending.issuer) != (configuration.id, configuration.origin):
        raise SignInRefused(
            f"the sign-in was begun at {pending.provider!r}, {pending.issuer!r:.100}", error_id="github_provider"
        )


def check_issuer(parameters: Mapping[str, str], configuration: GitHubProvider) -> None:
    """RFC 9207: a response that names another issuer is not GitHub's. GitHub.com names itself since 2026."""
    unverified_issuer = parameters.get("iss")
    if unverified_issuer not in {None, configuration.origin, f"{configuration.origin}/login/oauth"}:
        raise SignInRefused(f"iss {unverified_issuer!r:.100}", error_id="github_iss")
