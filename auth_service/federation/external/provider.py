"""Sign-in on a page of the operator: where the browser is sent, and what the page may post back.

An assertion signs one user in once: its nonce is that of one sign-in, which is consumed before the assertion is read.
A session token has no nonce, and is therefore remembered until it is too old.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from auth_service.federation.external import claims as rules
from auth_service.federation.external import signed_jwt
from auth_service.federation.external.claims import LEEWAY_SECONDS, MAX_ASSERTION_SECONDS, Expected, identity_of
from auth_service.federation.external.signed_jwt import HeaderRules, refused
from auth_service.federation.provider import ProviderDiagnosis, ProviderUnavailable, SignInRefused
from auth_service.federation.provider_jwks_cache import ProviderJwksCache
from auth_service.federation.provider_keys import ProviderKey
from shared.jose.keys import verification_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from auth_service.federation.configuration import ExternalProvider, SessionTokens
    from auth_service.federation.external.signed_jwt import UnverifiedJwt
    from auth_service.federation.external.used_tokens_repository import UsedTokensRepository
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.identity import Identity
    from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn
    from shared.jose.keys import VerificationKey

ASSERTION_TYPES: Final = frozenset({"sallyport-sign-in+jwt"})
"""The `typ` of assertions: no other JWT has it, so that none signed by the same key passes for an assertion."""
SESSION_TOKEN_TYPES: Final = frozenset({"jwt", ""})
MAX_STALE_SECONDS: Final = 3600
"""The seconds for which the last good copy of the keys is used while their host does not answer."""


class ExternalIdentityProvider:
    """Verifies what a page of the operator posts. The page posts to one address, which is configured there."""

    def __init__(
        self,
        configuration: ExternalProvider,
        *,
        fetch: ProviderHttp,
        issuer: str,
        used_tokens: UsedTokensRepository,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`issuer` is that of this server: the audience of an assertion. `clock` is seconds since 1970."""
        self._configuration = configuration
        jwks = configuration.jwks
        self._configured_keys = [] if jwks is None else [ProviderKey(key, None) for key in verification_keys(jwks)]
        self._jwks_cache = ProviderJwksCache(
            algorithms=frozenset(configuration.algorithms),
            max_stale_seconds=MAX_STALE_SECONDS,
            fetch=fetch,
            monotonic=monotonic,
        )
        self._audience = issuer
        self._used_tokens = used_tokens
        self._clock = clock

    @property
    def id(self) -> str:
        return self._configuration.id

    @property
    def display_name(self) -> str:
        return self._configuration.display_name

    @property
    def is_available(self) -> bool:
        return self._jwks_cache.is_available

    @property
    def rejects_client(self) -> bool:
        """False: this kind of provider does not authenticate its client."""
        return False

    async def issuer(self) -> str:
        return self._configuration.issuer

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        """The URL of the page with `state` and `nonce`, but no address to post to, which an attacker could choose."""
        parameters = {"state": pending.state, "nonce": pending.nonce}
        if request.login_hint:
            parameters["login_hint"] = request.login_hint
        if request.force_reauthentication:
            parameters["prompt"] = "login"
        if pending.max_age is not None:
            parameters["max_age"] = str(pending.max_age)
        page = self._configuration.page
        return f"{page}{'&' if '?' in page else '?'}{urlencode(parameters)}"

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        """Implements IdentityProvider. `parameters["origin"]` is the header of the POST, never a field of the form."""
        check_pending(pending, self._configuration)
        if "error" in parameters:
            error = parameters["error"]
            raise SignInRefused(
                f"the page reports {error!r:.60}", error_id="external_error", cancelled=error == "access_denied"
            )
        policy = self._configuration.accept_session_token
        if policy is None:
            return await self._identify_by_assertion(pending, parameters)
        return await self._identify_by_session_token(pending, parameters, policy)

    async def diagnose(self) -> ProviderDiagnosis:
        """A problem if the keys of the issuer cannot be read."""
        uri = self._configuration.jwks_uri
        try:
            if uri is not None:
                await self._jwks_cache.candidates(uri, algorithm=self._configuration.algorithms[0], kid=None)
        except ProviderUnavailable as exc:
            return ProviderDiagnosis((f"The keys of the issuer cannot be read: {exc.reason}.",))
        return ProviderDiagnosis()

    async def close(self) -> None:
        await self._jwks_cache.close()

    async def _identify_by_assertion(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        jwt = self._parse(parameters, "assertion", ASSERTION_TYPES)
        claims = jwt.verify(await self._find_key(jwt))
        expected = self._expected(pending, audience=self._audience, max_age=MAX_ASSERTION_SECONDS)
        for check in rules.ASSERTION_CHECKS:
            check(claims, expected)
        return identity_of(claims, self._configuration, now=expected.now)

    async def _identify_by_session_token(
        self, pending: PendingSignIn, parameters: Mapping[str, str], policy: SessionTokens
    ) -> Identity:
        check_origin(parameters, policy)
        jwt = self._parse(parameters, "session_token", SESSION_TOKEN_TYPES)
        claims = jwt.verify(await self._find_key(jwt))
        expected = self._expected(pending, audience=policy.audience, max_age=policy.max_age)
        for check in rules.SESSION_TOKEN_CHECKS:
            check(claims, expected)
        identity = identity_of(claims, self._configuration, now=expected.now)
        # Invariant 3: consumed last, when nothing else can refuse it.
        if not await self._used_tokens.consume(jwt.jws.signing_input, lifetime_seconds=_remaining(claims, expected)):
            raise refused("used", "the session token has signed a user in before")
        return identity

    async def _find_key(self, jwt: UnverifiedJwt) -> VerificationKey:
        """The one key that must have signed. Raises SignInRefused, ProviderUnavailable.

        Without a `kid` exactly one key of the set may fit: no key is found by trying.
        """
        uri = self._configuration.jwks_uri
        if uri is None:
            found = matching_keys(self._configured_keys, jwt)
        else:
            found = await self._jwks_cache.candidates(uri, algorithm=jwt.algorithm, kid=jwt.kid)
        if len(found) != 1:
            raise refused("key", f"{len(found)} keys of the issuer fit alg {jwt.algorithm}, kid {jwt.kid!r:.60}")
        return found[0].verification

    def _parse(self, parameters: Mapping[str, str], name: str, types: frozenset[str]) -> UnverifiedJwt:
        if not parameters.get(name):
            raise refused("form", f"the form has no {name}")
        return signed_jwt.parse(parameters[name], HeaderRules(self._configuration.algorithms, types))

    def _expected(self, pending: PendingSignIn, *, audience: str, max_age: int) -> Expected:
        earliest = None if pending.max_age is None else pending.started_at - pending.max_age - LEEWAY_SECONDS
        return Expected(
            issuer=self._configuration.issuer,
            audience=audience,
            nonce=pending.nonce,
            now=self._clock(),
            max_age=max_age,
            authenticated_after=earliest,
        )


def matching_keys(keys: list[ProviderKey], jwt: UnverifiedJwt) -> list[ProviderKey]:
    """The keys for the algorithm and, if there is one, the `kid`."""
    return [key for key in keys if key.may_verify(algorithm=jwt.algorithm, kid=jwt.kid)]


def check_pending(pending: PendingSignIn, configuration: ExternalProvider) -> None:
    """The pending sign-in was begun at this provider, with the issuer that it has now."""
    if (pending.provider, pending.issuer) != (configuration.id, configuration.issuer):
        raise refused("provider", f"the sign-in was begun at {pending.provider!r}, issuer {pending.issuer!r:.100}")


def check_origin(parameters: Mapping[str, str], policy: SessionTokens) -> None:
    """A browser posts a session token from the page of the operator, not from another site that has one."""
    if parameters.get("origin") != policy.origin:
        raise refused("origin", f"posted from {parameters.get('origin')!r:.100}, not from {policy.origin!r}")


def _remaining(claims: Mapping[str, Any], expected: Expected) -> int:
    """The seconds until every replica refuses the token for its age; one is added for the rounding of both clocks."""
    seconds: float = claims["iat"] + expected.max_age - expected.now
    return math.ceil(seconds) + LEEWAY_SECONDS + 1
