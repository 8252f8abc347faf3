"""Reading WWW-Authenticate as servers really write it."""

import pytest

from sallyport_doctor.challenge import bearer_challenge, read_challenges


@pytest.mark.parametrize(
    ("header", "parameters"),
    [
        ("Bearer", {}),
        ('Bearer realm="a, b", scope="x y"', {"realm": "a, b", "scope": "x y"}),
        ("bearer error=invalid_token", {"error": "invalid_token"}),
        (r'Bearer realm="say \"hi\""', {"realm": 'say "hi"'}),
        ('Basic realm="x", Bearer scope="y"', {"scope": "y"}),
        ('Bearer scope="y", Basic realm="x"', {"scope": "y"}),
        ('Bearer  resource_metadata = "https://h/x" ', {"resource_metadata": "https://h/x"}),
    ],
)
def test_the_bearer_challenge_is_found_among_others(header, parameters):
    assert dict(bearer_challenge(header).parameters) == parameters


@pytest.mark.parametrize("header", ["", '"Bearer"', "=", ","])
def test_what_is_no_challenge_is_none(header):
    assert read_challenges(header) == ()


def test_without_a_bearer_challenge_there_is_none():
    assert bearer_challenge('Basic realm="x"') is None


def test_of_a_repeated_parameter_the_first_value_counts_and_the_others_are_kept():
    challenge = bearer_challenge('Bearer resource_metadata="https://h/1", scope="x", resource_metadata="https://h/2"')
    assert challenge.parameters["resource_metadata"] == "https://h/1"
    assert challenge.repeated == (("resource_metadata", "https://h/2"),)
