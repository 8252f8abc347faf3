"""Names of accounts that are made for identities."""

import pytest

from auth_service.federation.account_profile import account_profile, account_username
from auth_service.users.user import MAX_USERNAME_LENGTH, check_username
from tests.support.identities import identity


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ({"email": "ada@example.org", "email_verified": True, "login": "ada"}, "corp/ada@example.org"),
        ({"email": "ceo@victim.example", "email_verified": False, "login": "ada"}, "corp/ada"),
        ({"email": "ceo@victim.example", "email_verified": False}, "corp/1"),
        ({"login": "a da\u200b\u202e\n\u00a0!"}, "corp/ada!"),
        ({"login": "ｒｏｏｔ"}, "corp/root"),
        ({"login": "google/ada"}, "corp/google/ada"),
    ],
)
def test_the_name_is_the_provider_and_what_it_vouches_for(stated, name):
    assert account_username(identity(**stated)) == name


def test_an_identity_without_a_visible_character_has_a_name():
    invisible = identity("\u200b")
    assert account_username(invisible).startswith("corp/")
    assert len(account_username(invisible)) > len("corp/")


def test_a_long_name_is_cut_and_keeps_its_suffix():
    long = identity(login="a" * 300)
    assert len(account_username(long)) == MAX_USERNAME_LENGTH
    assert account_username(long, suffix="1234").endswith("a~1234")
    assert len(account_username(long, suffix="1234")) == MAX_USERNAME_LENGTH


@pytest.mark.invariant(13)
@pytest.mark.parametrize("name", ["corp/ada", "／ada", "ada/"])
def test_a_user_with_a_password_cannot_have_the_name_of_a_providers_account(name):
    with pytest.raises(ValueError, match="identity providers"):
        check_username(name)


def test_the_profile_is_bounded_and_holds_no_control_characters():
    profile = account_profile(identity(name="\x1b[31mAda\n Lovelace" + "e" * 500, email="ada@example.org"))
    assert profile.name is not None
    assert profile.name.startswith("[31mAda Lovelace")
    assert len(profile.name) == 200
    assert (profile.email, profile.email_verified) == ("ada@example.org", False)


@pytest.mark.parametrize("email", ["a b@example.org", "ada@example.org\r\n", "a" * 250 + "@x.org", "\u200b@x.org", ""])
def test_an_address_that_is_none_is_not_in_the_profile(email):
    profile = account_profile(identity(email=email, email_verified=True))
    assert (profile.email, profile.email_verified) == (None, False)
