"""Password hashing with argon2id, in a few dedicated threads.

Invariant 4: only the hash leaves. A flood of sign-ins occupies at most `workers` cores and `workers` x 64 MiB, so that
tokens are still issued. Callers take a turn of the queue (hashing_queue.py) before they hash or verify.
"""

from __future__ import annotations

import asyncio
import base64
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from auth_service.users.hashing_queue import HashingQueue

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PARAMETERS: Final = argon2.Parameters(
    type=argon2.Type.ID,
    version=19,
    salt_len=16,
    hash_len=32,
    time_cost=3,
    memory_cost=64 * 1024,
    parallelism=1,
)
"""RFC 9106 section 4, second recommended option (3 passes over 64 MiB), with one lane instead of four.

The work is the same; with one lane a hash uses one core, so the number of workers also bounds the cores.
"""

MAX_PASSWORD_LENGTH: Final = 256
"""The maximum characters. A longer password is rejected when it is set, and counts as wrong at sign-in."""


class PasswordHasher:
    """Hashes and verifies off the event loop."""

    def __init__(self, *, parameters: argon2.Parameters = PARAMETERS, workers: int | None = None) -> None:
        """`workers` threads; by default half the cores, at least one and at most four.

        On two cores, two threads hash about a tenth more than one in the same time and double the delay of the loop.
        """
        workers = workers or min(4, max(1, (os.cpu_count() or 2) // 2))
        self.queue = HashingQueue(slots=workers)
        self._hasher = argon2.PasswordHasher.from_parameters(parameters)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="argon2")
        self._decoy = _decoy(parameters)

    async def hash(self, password: str) -> str:
        """The encoded argon2id hash. Raises ValueError if the password is too long."""
        if len(password) > MAX_PASSWORD_LENGTH:
            raise ValueError(f"a password has at most {MAX_PASSWORD_LENGTH} characters")
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, password: str, stored_hash: str | None) -> bool:
        """Whether the password is right. None is for an unknown account or one without a password, and takes as long.

        An empty text is no hash either.
        """
        if len(password) > MAX_PASSWORD_LENGTH:
            password, stored_hash = "", None

        def work() -> bool:
            try:
                self._hasher.verify(stored_hash or self._decoy, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
            return bool(stored_hash)

        return await self._run(work)

    def is_outdated(self, stored_hash: str) -> bool:
        """Whether the hash was made with other parameters than the current ones and is to be renewed."""
        return self._hasher.check_needs_rehash(stored_hash)

    def close(self) -> None:
        """Cancel what is queued and let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)


def _decoy(parameters: argon2.Parameters) -> str:
    """A hash that is verified for an unknown account; no password matches it.

    It is composed, not computed: verification takes as long as with any other hash, and the start is not delayed.
    """
    salt, digest = (
        base64.b64encode(os.urandom(length)).rstrip(b"=").decode()
        for length in (parameters.salt_len, parameters.hash_len)
    )
    costs = f"m={parameters.memory_cost},t={parameters.time_cost},p={parameters.parallelism}"
    return f"$argon2id$v={parameters.version}${costs}${salt}${digest}"


def _bytes(password: str) -> bytes:
    """The normalised password (NIST SP 800-63B): the same keystrokes give the same bytes on every device."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
