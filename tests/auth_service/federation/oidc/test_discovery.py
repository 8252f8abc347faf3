"""Metadata and keys over time: keys that change, a provider that is away."""

import asyncio

import pytest

from auth_service.federation.oidc.discovery import MAX_STALE_SECONDS, REFETCH_SECONDS
from auth_service.federation.provider import AuthorizationUrlRequest, ProviderUnavailable, SignInRefused
from auth_service.federation.provider_jwks_cache import COOLDOWN_SECONDS
from tests.support.oidc_model import MISSING, public, signing_key


async def test_documents_are_fetched_once_for_many_sign_ins(sign_in, model):
    provider = sign_in.provider()
    for _ in range(3):
        await sign_in.at(provider)
    assert (model.asked("openid-configuration"), model.asked("jwks"), model.asked("token")) == (1, 1, 3)


async def test_one_fetch_is_made_for_all_that_wait(sign_in, model):
    provider = sign_in.provider()
    await asyncio.gather(*(sign_in.at(provider) for _ in range(5)))
    assert (model.asked("openid-configuration"), model.asked("jwks")) == (1, 1)


async def test_a_key_that_is_new_at_the_provider_is_fetched(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.key = signing_key("second")
    model.published = [public(model.key)]
    sign_in.time += REFETCH_SECONDS
    assert (await sign_in.at(provider)).subject == "user-1"
    assert model.asked("jwks") == 2


@pytest.mark.parametrize("kid", ["key-1", MISSING])
async def test_a_key_that_takes_the_place_of_another_is_fetched(sign_in, model, kid):
    model.header = {"kid": kid}
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.key = signing_key("second")
    model.published = [public(model.key) | {"kid": "key-1"}]
    with pytest.raises(SignInRefused) as caught:
        await sign_in.at(provider)
    assert caught.value.error_id == "id_token_signature"
    sign_in.time += REFETCH_SECONDS
    assert await sign_in.at(provider)
    assert model.asked("jwks") == 2


async def test_a_bad_signature_while_the_keys_cannot_be_fetched_is_no_users_fault(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.key, model.header, model.answers["jwks"] = signing_key("second"), {"kid": "key-1"}, {"status": 500}
    sign_in.time += REFETCH_SECONDS
    with pytest.raises(ProviderUnavailable) as caught:
        await sign_in.at(provider)
    assert caught.value.error_id == "provider_keys"


async def test_a_key_that_was_withdrawn_signs_nobody_in_once_the_keys_are_fetched(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    former, model.key = model.key, signing_key("second")
    model.published = [public(model.key)]
    sign_in.time += REFETCH_SECONDS
    await sign_in.at(provider)
    model.key = former
    with pytest.raises(SignInRefused):
        await sign_in.at(provider)


async def test_kids_that_the_provider_does_not_publish_cost_it_one_fetch_in_two_seconds(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    for fetches in (1, 2, 3):
        for number in range(5):
            model.header = {"kid": f"unpublished-{number}"}
            with pytest.raises(SignInRefused):
                await sign_in.at(provider)
        assert model.asked("jwks") == fetches
        sign_in.time += REFETCH_SECONDS


async def test_new_kids_cost_a_provider_whose_keys_fail_one_fetch_per_cooldown(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.key, model.answers["jwks"] = signing_key("second"), {"status": 500}
    for _ in range(3):
        sign_in.time += REFETCH_SECONDS
        with pytest.raises(ProviderUnavailable):
            await sign_in.at(provider)
    assert model.asked("jwks") == 2
    del model.answers["jwks"]
    model.published = [public(model.key)]
    sign_in.time += COOLDOWN_SECONDS
    assert await sign_in.at(provider)


async def test_the_only_key_is_replaced_by_none_and_is_not_kept_as_a_last_good_copy(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    sign_in.time += MAX_STALE_SECONDS
    model.published = []
    with pytest.raises(ProviderUnavailable):
        await sign_in.at(provider)


async def test_a_provider_that_is_away_is_asked_once_per_cooldown(sign_in, model):
    model.answers["openid-configuration"] = {"status": 503}
    provider = sign_in.provider()
    assert provider.is_available
    for _ in range(3):
        with pytest.raises(ProviderUnavailable) as caught:
            await sign_in.at(provider)
        assert caught.value.error_id == "provider_metadata"
    assert model.asked("openid-configuration") == 1
    assert not provider.is_available
    sign_in.time += COOLDOWN_SECONDS
    assert provider.is_available
    model.answers.clear()
    assert await sign_in.at(provider)


async def test_known_metadata_and_keys_serve_for_a_day(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.answers = {"openid-configuration": {"status": 503}, "jwks": {"status": 503}}
    sign_in.time += MAX_STALE_SECONDS - 1
    assert await sign_in.at(provider)
    sign_in.time += 1
    with pytest.raises(ProviderUnavailable):
        await sign_in.at(provider)


async def test_metadata_that_become_those_of_another_issuer_are_not_taken(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.metadata = {"issuer": "https://evil.example", "token_endpoint": "https://evil.example/token"}
    sign_in.time += MAX_STALE_SECONDS - 1
    assert (await sign_in.at(provider)).issuer == model.issuer
    sign_in.time += 1
    with pytest.raises(ProviderUnavailable):
        await sign_in.at(provider)


async def test_an_unknown_key_while_the_keys_cannot_be_fetched_is_no_users_fault(sign_in, model):
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.key, model.answers["jwks"] = signing_key("second"), {"status": 500}
    sign_in.time += COOLDOWN_SECONDS
    with pytest.raises(ProviderUnavailable) as caught:
        await sign_in.at(provider)
    assert (caught.value.error_id, caught.value.status) == ("provider_keys", 503)


async def test_a_refused_response_says_nothing_of_the_provider(sign_in, model):
    provider = sign_in.provider()
    model.response["error"] = "server_error"
    with pytest.raises(SignInRefused):
        await sign_in.at(provider)
    assert provider.is_available


async def test_a_wrong_client_secret_is_told_apart_from_a_provider_that_is_away(sign_in, model):
    provider = sign_in.provider()
    for answer, rejected in (({"status": 401}, True), ({"status": 503}, False)):
        model.answers["token"] = answer
        with pytest.raises(ProviderUnavailable):
            await sign_in.at(provider)
        assert (provider.is_available, provider.rejects_client) == (False, rejected)
    model.answers.clear()
    await sign_in.at(provider)
    assert (provider.is_available, provider.rejects_client) == (True, False)


async def test_a_token_endpoint_that_failed_is_not_forgotten_by_the_next_sign_in_that_begins(sign_in, model):
    provider = sign_in.provider()
    model.answers["token"] = {"status": 503}
    with pytest.raises(ProviderUnavailable):
        await sign_in.at(provider)
    await provider.authorization_url(sign_in.pending(), AuthorizationUrlRequest())
    assert not provider.is_available
    model.answers.clear()
    await sign_in.at(provider)
    assert provider.is_available
