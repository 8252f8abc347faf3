"""The raw RSA signatures of this machine: what no issuer of RS256 tokens can go below."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_BITS: Final = 2048
"""As the keys of the service."""


def raw_signature() -> Callable[[], bytes]:
    """Makes one RS256 signature with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    return lambda: key.sign(b"x" * 400, padding.PKCS1v15(), SHA256())


def cost_of_signature(sign: Callable[[], bytes], *, seconds: float) -> float:
    """The processor time of one, in seconds, measured for about so many seconds."""
    count = 0
    began = time.process_time()
    while (spent := time.process_time() - began) < seconds or not count:
        sign()
        count += 1
    return spent / count
