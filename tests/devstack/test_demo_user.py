"""The lines of `make run` about signing in."""

import json

import pytest

from devstack.demo_user import DemoUser, sign_in_lines

DEMO = DemoUser("demo", "x3f8-p9km")
TWO = json.dumps([{"id": "acme", "display_name": "Acme"}, {"id": "corp", "display_name": "Corp"}])
USER = ["  Sign in as               demo", "  with the password        x3f8-p9km"]


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        ({}, USER),
        ({"AUTH_IDENTITY_PROVIDERS": TWO}, [*USER, "  or through               Acme, Corp"]),
        ({"AUTH_IDENTITY_PROVIDERS": TWO, "AUTH_PASSWORDS": "off"}, ["  Sign in through          Acme, Corp"]),
    ],
)
def test_the_sign_in_lines_name_the_ways_that_are_open(settings, lines):
    assert sign_in_lines(DEMO, settings).splitlines() == lines


def test_the_sign_in_lines_name_the_providers_of_a_file(tmp_path):
    file = tmp_path / "providers.json"
    file.write_text(TWO)
    settings = {"AUTH_IDENTITY_PROVIDERS_FILE": str(file), "AUTH_PASSWORDS": "off"}
    assert sign_in_lines(DEMO, settings) == "  Sign in through          Acme, Corp"
