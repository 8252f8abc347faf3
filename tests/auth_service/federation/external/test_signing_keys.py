"""The keys of the operator's backend, fetched from its jwks_uri."""

import json

import pytest

from auth_service.federation.external.provider import MAX_STALE_SECONDS
from auth_service.federation.http import ProviderHttp
from auth_service.federation.provider import ProviderDiagnosis, ProviderUnavailable, SignInRefused
from auth_service.federation.provider_jwks_cache import COOLDOWN_SECONDS
from auth_service.federation.provider_keys import MAX_JWKS_BYTES
from tests.auth_service.federation.external.operator_backend import KEY, PENDING, build, sign
from tests.support.local_issuer import LocalIssuer, key_set, new_key

NEXT_KEY = new_key("backend-2", "ES256")


class Time:
    """A monotonic clock that stands still."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
async def backend():
    backend = LocalIssuer()
    await backend.start()
    await backend.publish(KEY)
    yield backend
    await backend.stop()


@pytest.fixture
def time():
    return Time()


@pytest.fixture
async def provider(backend, time):
    http = ProviderHttp(timeout_seconds=2)
    provider = build(jwks=None, jwks_uri=f"{backend.url}/other/keys", fetch=http, monotonic=time)
    yield provider
    await provider.close()
    await http.close()


async def sign_in(provider, **changes):
    return await provider.identify(PENDING, {"assertion": sign(**changes)})


async def test_the_keys_are_fetched_once(provider, backend):
    assert provider.is_available
    assert await sign_in(provider)
    assert await sign_in(provider)
    assert len(backend.requests) == 1


async def test_a_new_key_is_fetched_when_an_assertion_names_it(provider, backend, time):
    await sign_in(provider)
    await backend.publish(KEY, NEXT_KEY)
    time.now += COOLDOWN_SECONDS
    assert await sign_in(provider, key=NEXT_KEY)


async def test_unknown_keys_cost_the_host_one_fetch_per_cooldown(provider, backend, time):
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await sign_in(provider, header={"kid": "invented"})
    assert len(backend.requests) == 1
    time.now += COOLDOWN_SECONDS
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await sign_in(provider, header={"kid": "invented"})
    assert len(backend.requests) == 2


async def test_a_header_that_is_refused_costs_no_fetch(provider, backend):
    with pytest.raises(SignInRefused):
        await sign_in(provider, header={"typ": "JWT"})
    assert backend.requests == []


async def test_a_withdrawn_key_signs_nobody_in_once_its_copy_is_stale(provider, backend, time):
    await sign_in(provider)
    await backend.publish(NEXT_KEY)
    time.now += 24 * 3600
    with pytest.raises(SignInRefused):
        await sign_in(provider)


async def test_a_copy_serves_while_the_host_fails_and_no_longer_than_an_hour(provider, backend, time):
    backend.headers["Cache-Control"] = "max-age=300"
    await sign_in(provider)
    backend.status = 500
    time.now += 400
    assert await sign_in(provider)
    assert not provider.is_available
    time.now = MAX_STALE_SECONDS + 1
    with pytest.raises(ProviderUnavailable):
        await sign_in(provider)


async def test_an_unknown_key_is_no_users_fault_while_the_host_fails(provider, backend, time):
    """Invariant 8: whether the key exists cannot be told."""
    await sign_in(provider)
    backend.status = 500
    time.now += COOLDOWN_SECONDS
    with pytest.raises(ProviderUnavailable):
        await sign_in(provider, key=NEXT_KEY)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": {}}',
        b'{"keys": [1]}',
        b'{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
        json.dumps({"keys": [KEY.as_dict(private=True)]}).encode(),
        b'{"keys": [{"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}]}',
        json.dumps({"keys": [KEY.as_dict(private=False)] * 2}).encode(),
        key_set(KEY) + b" " * MAX_JWKS_BYTES,
    ],
)
async def test_what_is_no_set_of_public_keys_makes_the_provider_unavailable(provider, backend, body):
    await backend.publish(body=body)
    with pytest.raises(ProviderUnavailable):
        await sign_in(provider)
    assert not provider.is_available
    assert len((await provider.diagnose()).problems) == 1


@pytest.mark.parametrize("status", [301, 302, 403, 404, 429, 500])
async def test_no_other_status_is_a_key_set(provider, backend, status):
    backend.status, backend.headers["Location"] = status, f"{backend.url}/.well-known/jwks.json"
    with pytest.raises(ProviderUnavailable):
        await sign_in(provider)
    assert len(backend.requests) == 1


async def test_the_host_is_asked_again_after_the_cooldown(provider, backend, time):
    backend.status = 500
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await sign_in(provider)
    assert len(backend.requests) == 1
    backend.status = 200
    time.now += COOLDOWN_SECONDS
    assert await sign_in(provider)
    assert provider.is_available


async def test_the_operator_is_told_of_nothing_if_nothing_is_wrong(provider):
    assert await provider.diagnose() == ProviderDiagnosis()
    assert await build().diagnose() == ProviderDiagnosis()
