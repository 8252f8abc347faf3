"""The metrics of sign-ins through identity providers. All labels are of closed sets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from prometheus_client import Counter, Gauge

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from auth_service.federation.identity_providers import IdentityProviders
    from auth_service.federation.provider import IdentityProvider

Outcome = Literal["begun", "signed_in", "linked", "cancelled", "refused", "stale", "unavailable"]
"""`refused`: by a check of the protocol or by a rule. `stale`: the response belongs to no sign-in of the browser."""


class ProviderMetrics:
    """Counts sign-ins by outcome, and exports which providers are available."""

    def __init__(self, registry: CollectorRegistry, providers: IdentityProviders) -> None:
        self._sign_ins = Counter(
            "sallyport_identity_provider_sign_ins",
            "Sign-ins at identity providers, by provider and outcome.",
            ("provider", "outcome"),
            registry=registry,
        )
        available = Gauge(
            "sallyport_identity_provider_available",
            "Whether the last request to the identity provider was answered; 1 before the first.",
            ("provider",),
            registry=registry,
        )
        for entry in providers.entries:
            available.labels(entry.id).set_function(partial(_availability, entry.provider))

    def count(self, provider_id: str, outcome: Outcome) -> None:
        """Count one sign-in; `provider_id` comes from the configuration, never from a request."""
        self._sign_ins.labels(provider_id, outcome).inc()


def _availability(provider: IdentityProvider) -> float:
    return float(provider.is_available)
