"""Which new passwords are refused."""

import pytest

from auth_service.users.password_rules import WeakPassword, check_new_password


@pytest.mark.parametrize(
    "password",
    [
        "short1!",
        "password",
        "Password2024!",
        "P@ssw0rd123",
        "p455w0rd!!!!",
        "123P@ssword123",
        "correcthorsebatterystaple",
        "correct horse battery staple",
        "iloveyou12345",
        "letmeinletmein",
        "changeme2026",
        "Welcome-1234",
        "aaaaaaaaaaaaaaaa",
        "abababababab",
        "abcabcabcabc",
        "abcdefghijkl",
        "9876543210",
        "qwertyuiop",
        "poiuytrewq",
        "1qaz2wsx3edc",
        "margaret2026",
        "MARGARET!!!!",
        "sallyport-2026",
        "x" * 300,
    ],
)
def test_a_password_that_attackers_try_first_is_refused(password):
    with pytest.raises(WeakPassword):
        check_new_password(password, username="margaret")


@pytest.mark.parametrize(
    "password",
    [
        "violet kettle marches north",
        "Tr0ub4dor&3-and-more",
        "ünïcode pässphrase",
        "kqzvhwmxpd",
        "margaret hates the colour of teal",
        "password managers make good ones: 8Kd",
        "短い文章でも長い合言葉になる",
    ],
)
def test_a_long_uncommon_password_is_accepted(password):
    check_new_password(password, username="margaret")


def test_a_short_username_inside_a_good_password_does_no_harm():
    check_new_password("ed walks seven dogs", username="ed")


def test_an_error_does_not_repeat_the_password():
    with pytest.raises(WeakPassword) as caught:
        check_new_password("Password2024!", username="margaret")
    assert "2024" not in str(caught.value)
