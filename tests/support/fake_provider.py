"""An identity provider in memory: it keeps the sign-ins that were begun, and answers as a test tells it to."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from auth_service.federation.accepted_identities import configured_issuer
from auth_service.federation.configuration import ProviderConfiguration
from auth_service.federation.identity import Identity
from auth_service.federation.provider import (
    AuthorizationUrlRequest,
    ClientRejected,
    PendingSignIn,
    ProviderDiagnosis,
    ProviderUnavailable,
    SignInRefused,
)
from tests.support.user_agent import Answer, UserAgent


@dataclass
class FakeProvider:
    """Implements IdentityProvider. Nothing answers at its address: a test takes `state` from it."""

    configuration: ProviderConfiguration
    redirect_uri: str
    available: bool = True
    rejects_client: bool = False
    refusal: SignInRefused | None = None
    subject: str = "upstream-ada"
    statement: dict[str, object] = field(default_factory=dict)
    """Further members of the identity."""
    age: int = 0
    """Seconds between the user's authentication and the request."""
    begun: list[PendingSignIn] = field(default_factory=list)
    requests: list[AuthorizationUrlRequest] = field(default_factory=list)
    identified: list[tuple[PendingSignIn, dict[str, str]]] = field(default_factory=list)
    closed: bool = False
    diagnosis: ProviderDiagnosis = field(default_factory=ProviderDiagnosis)

    @property
    def id(self) -> str:
        return self.configuration.id

    @property
    def display_name(self) -> str:
        return self.configuration.display_name

    @property
    def is_available(self) -> bool:
        return self.available and not self.rejects_client

    async def issuer(self) -> str:
        self._answer()
        return configured_issuer(self.configuration)

    async def authorization_url(self, pending: PendingSignIn, request: AuthorizationUrlRequest) -> str:
        self._answer()
        self.begun.append(pending)
        self.requests.append(request)
        query = urlencode({"state": pending.state, "nonce": pending.nonce, "redirect_uri": self.redirect_uri})
        return f"https://{self.id}.example/authorize?{query}"

    async def identify(self, pending: PendingSignIn, parameters: Mapping[str, str]) -> Identity:
        self.identified.append((pending, dict(parameters)))
        if self.rejects_client:
            raise ClientRejected("the secret is wrong", error_id="provider_rejects_client")
        self._answer()
        if self.refusal is not None:
            raise self.refusal
        authenticated_at = int(pending.started_at) - self.age
        return Identity(
            provider=self.id,
            issuer=pending.issuer,
            subject=self.subject,
            authenticated_at=authenticated_at,
            **self.statement,  # type: ignore[arg-type]  # members of an identity
        )

    async def diagnose(self) -> ProviderDiagnosis:
        return self.diagnosis

    async def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if not self.available:
            raise ProviderUnavailable(f"{self.id} does not answer", error_id="provider_away")


class Upstreams:
    """Builds a fake for each provider of a configuration, and is asked for them by id."""

    def __init__(self, *ids: str, form_post: tuple[str, ...] = (), external: tuple[str, ...] = ()) -> None:
        self.fakes: dict[str, FakeProvider] = {}
        self.setting = json.dumps([*(_oidc(i, form_post=i in form_post) for i in ids), *map(_external, external)])
        """The value of AUTH_IDENTITY_PROVIDERS."""

    def build(self, configuration: ProviderConfiguration, redirect_uri: str) -> FakeProvider:
        """The factory for `build_app`."""
        return self.fakes.setdefault(configuration.id, FakeProvider(configuration, redirect_uri))

    def __getitem__(self, provider_id: str) -> FakeProvider:
        return self.fakes[provider_id]


def _oidc(provider_id: str, *, form_post: bool) -> dict[str, object]:
    return {
        "id": provider_id,
        "kind": "oidc",
        "display_name": provider_id.capitalize(),
        "issuer": f"https://{provider_id}.example",
        "client_id": "sallyport",
        "client_secret": "an upstream secret",
        "response_mode": "form_post" if form_post else "query",
        "allow": {"everyone": True},
    }


def _external(provider_id: str) -> dict[str, object]:
    return {
        "id": provider_id,
        "kind": "external",
        "display_name": provider_id.capitalize(),
        "page": f"https://{provider_id}.example/sign-in",
        "issuer": provider_id,
        "jwks_uri": f"https://{provider_id}.example/jwks.json",
        "allow": {"everyone": True},
    }


async def press(user: UserAgent, page: Answer, provider_id: str, **values: str) -> Answer:
    """Press the button of a provider on a page."""
    form = next(form for form in page.forms if ("provider", provider_id) in form.buttons)
    return await user.post(form.action, form.inputs | {"provider": provider_id} | values)


def state_in(answer: Answer) -> str:
    """The state in the address of the provider to which an answer leads."""
    assert answer.onward is not None, answer.words
    return answer.onward.query["state"]


async def come_back(user: UserAgent, provider_id: str, **parameters: str) -> Answer:
    """Load the callback address of a provider."""
    return await user.get(f"/sign-in/callback/{provider_id}?{urlencode(parameters)}")


async def sign_in_at(user: UserAgent, page: Answer, provider_id: str) -> Answer:
    """Press the button, and come back with a code; the answer of the callback."""
    state = state_in(await press(user, page, provider_id))
    return await come_back(user, provider_id, state=state, code="a-code")
