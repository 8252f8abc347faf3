"""Names, addresses and groups that users of a provider choose: text on every page, and bounded (interop.md F20)."""

import pytest

from tests.e2e.browser.providers.user import DESKTOP, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.long]

UNSEEN = "\u202e\u2066\u200b\u200d\u00ad\ufeff"
HOSTILE = (
    f"\u202eeve\u2066<img src=x onerror=alert(1)><script>alert(2)</script>{{{{7*7}}}}{UNSEEN}\U0001f469" + "W" * 200
)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_hostile_names_are_text_without_hidden_letters_even_where_scripts_run(open_user, deployment, size):
    deployment.acme.users = {
        "eve": {
            "preferred_username": HOSTILE,
            "name": HOSTILE,
            "email": "victim@bank.example",
            "email_verified": False,
            "groups": [HOSTILE, "staff\u202e"],
        }
    }
    user = await open_user(size=size, scripts=True)
    await user.connect(scope="notes:read notes:admin", client_name=HOSTILE)
    await user.through("Acme", "eve")
    consent = await user.words()
    assert "Signed in with Acme as eve<imgsrc=xonerror=alert(1)>" in consent
    await user.expect_to_fit()
    await user.connect(scope="notes:admin", client_name=HOSTILE)
    refused = await user.words()
    await user.expect_to_fit()
    await user.at_account()
    account = await user.words()
    await user.expect_to_fit()
    for words in (consent, refused, account):
        assert not set(UNSEEN) & set(words)
        assert "W" * 61 not in words
        assert "49" not in words
        assert "victim@bank.example" not in words
    # Of the page for a user who may have nothing.
    assert set(user.complaints) <= {"Failed to load resource: the server responded with a status of 403 (Forbidden)"}
