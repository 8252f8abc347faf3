"""What authorization requests leave in Redis before a user has signed in: nothing."""

REQUESTS = 60
REQUEST = {"state": "s" * 2048, "nonce": "n" * 512, "login_hint": "h" * 200}
"""About the largest that is accepted."""


async def stored(auth):
    """Of each key, the bytes that it takes; without the audit log, which is bounded and written in the background."""
    keys = await auth.store.command("KEYS", "sp:*")
    return {key: await auth.store.command("MEMORY", "USAGE", key) for key in keys if not key.startswith("sp:{audit}")}


async def test_authorization_requests_of_one_address_store_nothing(auth, client):
    before = await stored(auth)
    for _ in range(REQUESTS):
        answer = await auth.user_agent().get(auth.authorize_url(client, **REQUEST))
        assert answer.status in {200, 303}
    added = {key: size for key, size in (await stored(auth)).items() if key not in before}
    assert (len(added), sum(added.values())) == (0, 0)
