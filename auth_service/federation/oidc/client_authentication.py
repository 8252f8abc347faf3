"""Client authentication at the token endpoint of a provider (OpenID Connect Core section 9, RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote_plus

from authlib.oauth2.rfc7523 import private_key_jwt_sign
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc.jwk import ECKey, Key, RSAKey

from shared.jose.keys import MIN_RSA_BITS

if TYPE_CHECKING:
    from auth_service.federation.configuration import OidcProvider
    from auth_service.federation.oidc.metadata import ProviderMetadata
    from auth_service.federation.oidc.presets import ProviderProfile

ASSERTION_SECONDS: Final = 60
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, repr=False)
class ClientCredentials:
    """The parameters and the header that authenticate a token request."""

    headers: Mapping[str, str]
    form: Mapping[str, str]


class ClientAuthentication:
    """Makes the credentials of each token request. Reads the private key once, at construction."""

    def __init__(self, entry: OidcProvider, profile: ProviderProfile) -> None:
        self._client_id = entry.client_id
        self._configured_method = entry.token_endpoint_auth_method
        self._secret = entry.client_secret.get_secret_value() if entry.client_secret is not None else ""
        self._profile = profile
        self._key: Key | None = None
        self._algorithm = ""
        self._header: dict[str, str] = {}
        if entry.private_key is not None:
            self._key, algorithm = load_private_key(entry.private_key.get_secret_value())
            self._algorithm = (profile.preset.assertion_algorithm or algorithm) if algorithm == "RS256" else algorithm
            if entry.private_key_id is not None:
                self._header = {profile.preset.key_id_header: entry.private_key_id}

    @property
    def algorithm(self) -> str:
        """The algorithm of assertions; empty without a private key."""
        return self._algorithm

    def method(self, metadata: ProviderMetadata) -> str:
        """The configured method, else one that the credential permits and the provider offers."""
        if self._configured_method is not None:
            return self._configured_method
        if self._key is not None:
            return "private_key_jwt"
        # Several providers do not decode the header as RFC 6749 section 2.3.1 demands. Whether a secret that the
        # encoding changes is understood cannot be told beforehand; in the body there is no such doubt.
        offered = metadata.token_endpoint_auth_methods
        plain = quote_plus(self._secret) == self._secret and quote_plus(self._client_id) == self._client_id
        if "client_secret_post" in offered and not (plain and "client_secret_basic" in offered):
            return "client_secret_post"
        return "client_secret_basic"

    def credentials(self, metadata: ProviderMetadata, *, now: float) -> ClientCredentials:
        """The credentials of one request. `now` is in seconds since 1970."""
        match self.method(metadata):
            case "private_key_jwt":
                return ClientCredentials({}, self._assertion(metadata, now))
            case "client_secret_post":
                return ClientCredentials({}, {"client_id": self._client_id, "client_secret": self._secret})
            case _:
                # Authlib's encoder leaves the form encoding out.
                pair = f"{quote_plus(self._client_id)}:{quote_plus(self._secret)}"
                value = base64.b64encode(pair.encode("ascii")).decode("ascii")
                return ClientCredentials({"Authorization": f"Basic {value}"}, {})

    def _assertion(self, metadata: ProviderMetadata, now: float) -> dict[str, str]:
        to_issuer = self._profile.assertion_audience == "issuer"
        assertion = private_key_jwt_sign(
            self._key,
            client_id=self._client_id,
            token_endpoint=metadata.issuer if to_issuer else metadata.token_endpoint,
            alg=self._algorithm,
            header=dict(self._header),
            issued_at=int(now),
            expires_in=ASSERTION_SECONDS,
        )
        return {"client_id": self._client_id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def load_private_key(pem: str) -> tuple[Key, str]:
    """The key and its algorithm, RS256 or ES256. Raises ValueError, whose text does not hold the key."""
    try:
        key = load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError) as exc:
        raise ValueError("private_key is not an unencrypted private key in PEM") from exc
    if isinstance(key, RSAPrivateKey):
        if key.key_size < MIN_RSA_BITS:
            raise ValueError(f"private_key has {key.key_size} bits, fewer than {MIN_RSA_BITS}")
        return RSAKey.import_key(pem), "RS256"
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ECKey.import_key(pem), "ES256"
    raise ValueError("private_key is neither an RSA key nor one on the curve P-256")
