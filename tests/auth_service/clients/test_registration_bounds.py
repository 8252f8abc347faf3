"""The cost of a registration: known members are kept, each of bounded size, and nothing is stored without an answer."""

import itertools
import json

import pytest

from auth_service.clients import registration_endpoint
from tests.auth_service.clients.registration import RunningRegistration

KEY = {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": "u" * 342, "e": "AQAB"}
MAX_RECORD_BYTES = 8192


@pytest.fixture
async def service(store):
    async with RunningRegistration(store) as running:
        yield running


def with_keys(*keys, **members):
    return {
        "redirect_uris": ["https://client.example/cb"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": list(keys)},
        **members,
    }


async def stored(store):
    return await store.command("KEYS", "sp:{client:*")


async def post(service, body):
    headers = {"Content-Type": "application/json"}
    async with service.http.post("/register", data=body, headers=headers) as response:
        return response.status, await response.json()


def nested(levels):
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value


async def test_only_known_members_of_keys_are_kept(service):
    body = with_keys(KEY | {"x5c": ["A" * 2000], "deep": nested(50), "😀": "😀"}, KEY, extra={"deep": nested(50)})
    answer = await service.register(body | {"jwks": body["jwks"] | {"other": nested(50)}})
    assert answer["jwks"] == {"keys": [KEY, KEY]}
    assert "extra" not in answer
    client = await service.resolver.find(answer["client_id"])
    assert client.jwks == {"keys": [KEY, KEY]}


@pytest.mark.parametrize(
    "change",
    [
        {"kid": nested(90)},
        {"kid": 7},
        {"kid": "k" * 201},
        {"n": "u" * 1500},
        {"n": "é" * 300},
        {"alg": {}},
        {"e": None},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
async def test_a_key_whose_known_members_are_no_bounded_strings_is_left_out(service, store, change):
    answer = await service.register(with_keys(KEY | change, KEY))
    assert answer["jwks"] == {"keys": [KEY]}
    status, refused = await post(service, json.dumps(with_keys(KEY | change)))
    assert (status, refused["error"]) == (400, "invalid_client_metadata")
    assert len(await stored(store)) == 1


@pytest.mark.parametrize(
    ("levels", "inside"),
    [
        (90, ""),
        *itertools.product([90, 254, 1000], ['"\\ud800"', "NaN", "1e999"]),
        (254, ""),
        (1000, ""),
    ],
)
async def test_a_deep_key_set_is_refused_or_answered_and_never_stored_without_an_answer(service, store, levels, inside):
    key = json.dumps(KEY)[:-1] + ', "z": ' + "[" * levels + inside + "]" * levels + "}"
    body = json.dumps(with_keys("KEY")).replace('"KEY"', key)
    status, answer = await post(service, body)
    if status == 201:
        assert answer["jwks"] == {"keys": [KEY]}
    else:
        assert (status, answer["error"], await stored(store)) == (400, "invalid_client_metadata", [])


@pytest.mark.parametrize(
    "body",
    [
        with_keys(*[KEY] * 10),
        with_keys(KEY | {"z": "😀" * 1800}),
        with_keys(KEY, client_name="😀" * 400, scope="s" * 512, client_uri="https://a/" + "b" * 500),
        {"redirect_uris": [f"https://client.example/{n:03}" + "r" * 220 for n in range(16)]},
        {
            "redirect_uris": [f"https://client.example/{n}" + "r" * 980 for n in range(4)],
            "client_uri": "https://a/" + "b" * 500,
        },
        {"redirect_uris": ["https://client.example/cb"], "client_name": "n" * 7900},
    ],
    ids=["ten keys", "emoji", "long members", "redirect URIs", "long redirect URIs", "long name"],
)
async def test_a_registration_occupies_at_most_eight_kilobytes(service, store, body):
    status, _ = await post(service, json.dumps(body, ensure_ascii=False).encode())
    assert status in {201, 400}
    for key in await stored(store):
        assert await store.command("MEMORY", "USAGE", key) <= MAX_RECORD_BYTES


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "own"])
async def test_an_answer_that_cannot_be_encoded_stores_nothing(service, store, monkeypatch, shared):
    """The root of every client that exists without its owner's knowledge: the answer comes first, then the record."""

    def fails(*_args, **_kwargs):
        raise ValueError("cannot be encoded")

    monkeypatch.setattr(registration_endpoint, "secret_json", fails)
    uri = "https://client.example/cb" if shared else "http://127.0.0.1/cb"
    status, _ = await post(service, json.dumps({"redirect_uris": [uri], "token_endpoint_auth_method": "none"}))
    assert status == 503
    assert await store.command("DBSIZE") == 0


async def test_an_update_that_cannot_be_answered_changes_nothing(service, monkeypatch):
    answer = await service.register({"redirect_uris": ["https://client.example/cb"]})
    before = await service.clients.find(answer["client_id"], now=0)

    def fails(*_args, **_kwargs):
        raise ValueError("cannot be encoded")

    monkeypatch.setattr(registration_endpoint, "secret_json", fails)
    body = {"client_id": answer["client_id"], "redirect_uris": ["https://other.example/cb"]}
    headers = {"Authorization": f"Bearer {answer['registration_access_token']}"}
    async with service.http.put(f"/register/{answer['client_id']}", json=body, headers=headers) as response:
        assert response.status == 503
    assert await service.clients.find(answer["client_id"], now=0) == before
