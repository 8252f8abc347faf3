"""Makes the key of a backend: `python -m examples.external_sign_in.new_key`. Line 1 is secret, line 2 is public."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from joserfc.jwk import ECKey


def new_key() -> tuple[str, str]:
    """The private key as a JWK, and the public one as the JWKS of the configuration."""
    key = ECKey.generate_key("P-256", {"kid": f"{datetime.now(UTC):%Y-%m-%d}", "alg": "ES256", "use": "sig"})
    return json.dumps(key.as_dict(private=True)), json.dumps({"keys": [key.as_dict(private=False)]})


if __name__ == "__main__":
    print("\n".join(new_key()))  # noqa: T201 - a command
